"""What changed between two texts, word by word, as data and as safe HTML. Pure."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Final

import regex
from lxml.etree import LxmlError
from lxml.html.diff import htmldiff

from igny8_core.common.html import escape, sanitize_html

_PIECE: Final = regex.compile(r"\s+|[\p{L}\p{N}]+|[^\s\p{L}\p{N}]")
EQUAL, DELETE, INSERT = "equal", "delete", "insert"
PAGE_MAX: Final = 60_000
"""Of HTML: comparing more takes longer than a person waits."""

_ANCHOR: Final = regex.compile(r"<a\b[^>]*>")


def word_diff(before: str, after: str) -> list[dict[str, str]]:
    """Pieces in order, each ``equal``, ``delete`` or ``insert``.

    The equal and deleted ones together are ``before``, the equal and inserted ones ``after``.
    """
    was, now = _PIECE.findall(before), _PIECE.findall(after)
    matcher = SequenceMatcher(None, was, now, autojunk=False)
    found: list[dict[str, str]] = []
    for _, start, end, new_start, new_end in matcher.get_opcodes():
        gone, come = "".join(was[start:end]), "".join(now[new_start:new_end])
        if gone == come:
            found.append({"op": EQUAL, "text": gone})
            continue
        if gone:
            found.append({"op": DELETE, "text": gone})
        if come:
            found.append({"op": INSERT, "text": come})
    return found


def diff_html(before: str, after: str) -> str:
    """The difference as HTML: ``del`` and ``ins`` around what went and came; all else escaped."""
    tags = {DELETE: "del", INSERT: "ins"}
    parts = []
    for piece in word_diff(before, after):
        text = escape(piece["text"])
        tag = tags.get(piece["op"])
        parts.append(f"<{tag}>{text}</{tag}>" if tag else text)
    return "".join(parts)


def page_diff(before: str, after: str) -> str:
    """A whole article as it looks, with ``del`` and ``ins``; empty when it is too long for that.

    Without the addresses of its links, which the comparison would print as text.
    """
    if not before or not after or len(before) + len(after) > PAGE_MAX:
        return ""
    try:
        found = htmldiff(_ANCHOR.sub("<a>", before), _ANCHOR.sub("<a>", after))
    except (LxmlError, ValueError, AssertionError, IndexError):
        return ""
    return sanitize_html(str(found))
