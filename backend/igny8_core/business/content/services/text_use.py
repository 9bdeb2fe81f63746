"""What a stored text holds of keywords and links, for those who review it. Pure."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_TAG: Final = re.compile(r"<[^>]*>")
_SPACE: Final = re.compile(r"\s+")
_OWN_LINK: Final = re.compile(r'<a\s[^>]*?href="#content-(\d+)"[^>]*>(.*?)</a>', re.DOTALL)
_OTHER_LINK: Final = re.compile(r'<a\s[^>]*?href="(https?://[^"]+)"[^>]*>(.*?)</a>', re.DOTALL)


def words_in(html: str) -> str:
    """The words of some HTML, one space apart, case folded."""
    return _SPACE.sub(" ", unescape(_TAG.sub(" ", html))).strip().casefold()


def keyword_uses(html: str, keywords: Iterable[str]) -> dict[str, int]:
    """How often each keyword is said as it is written, whatever its case."""
    text = words_in(html)
    return {
        keyword: len(re.findall(rf"(?<!\w){re.escape(' '.join(keyword.casefold().split()))}(?!\w)",
                                text))
        for keyword in keywords
    }  # fmt: skip


def own_links(html: str) -> list[tuple[int, str]]:
    """(article, anchor) of the links to articles of the site, in the order of the text."""
    return [(int(found[1]), _said(found[2])) for found in _OWN_LINK.finditer(html)]


def other_links(html: str) -> list[tuple[str, str]]:
    """(address, anchor) of the links to elsewhere, in the order of the text."""
    return [(unescape(found[1]), _said(found[2])) for found in _OTHER_LINK.finditer(html)]


def _said(html: str) -> str:
    return _SPACE.sub(" ", unescape(_TAG.sub("", html))).strip()
