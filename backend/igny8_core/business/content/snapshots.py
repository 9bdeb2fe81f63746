"""What a site's renderer gets of its articles: plain values, without models or queries."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Any, Final

from igny8_core.common.html import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

WORDS_PER_MINUTE: Final = 220
SOURCE_TYPES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED_MEDIA: Final = f"{SOURCE_TYPES}trainedAlgorithmicMedia"
DEMO_LABEL: Final = "Written by the built-in demo model"
MODEL_LABEL: Final = "Written with the help of a language model"
REVIEWED_SUFFIX: Final = ", reviewed by a person"
_LINE_STARTS: Final = "<p><em>"
_LINE_ENDS: Final = "</em></p>"
INTERNAL_LINK: Final = re.compile(r'<a href="#content-(\d+)">(.*?)</a>', re.DOTALL)
"""How a stored article names another one; its address is known only when a site is built."""


@dataclass(frozen=True)
class ImageVariant:
    """One file of an image. ``path`` is below MEDIA_ROOT, with slashes."""

    path: str
    format: str
    width: int
    height: int
    size_bytes: int


@dataclass(frozen=True)
class ImageSnapshot:
    """An image with its files, widest first.

    :ivar digital_source_type: IPTC's address for how it was made; empty when unknown.
    """

    id: int
    image_type: str
    position: int
    alt: str
    caption: str
    width: int
    height: int
    variants: tuple[ImageVariant, ...]
    digital_source_type: str


@dataclass(frozen=True)
class AuthorSnapshot:
    """Who stands for an article. ``kind`` is schema.org's Person or Organization."""

    name: str
    kind: str
    url: str


@dataclass(frozen=True)
class TermSnapshot:
    """A category or tag of an article."""

    taxonomy_type: str
    name: str
    slug: str


@dataclass(frozen=True)
class ArticleSnapshot:
    """All that a renderer needs of one published article.

    :ivar revision: the content's version; rises with every change of the text.
    :ivar html: sanitised body without an H1; links to other published articles are resolved.
    :ivar role: hub, supporting, attribute, or empty.
    :ivar keywords: the primary one first.
    :ivar disclosure: the visible line on how the text was made; empty when there is none to show.
    :ivar digital_source_type: IPTC's address for the text; empty when a person wrote it.
    :ivar related_ids: other published articles of its cluster, then of its sector, at most five.
    :ivar faq: pairs of question and answer that the body really shows.
    """

    id: int
    revision: int
    title: str
    slug: str
    html: str
    meta_title: str
    meta_description: str
    excerpt: str
    language: str
    content_type: str
    content_structure: str
    sector_id: int
    cluster_id: int | None
    cluster_name: str
    role: str
    keywords: tuple[str, ...]
    terms: tuple[TermSnapshot, ...]
    published_at: datetime
    updated_at: datetime
    word_count: int
    reading_minutes: int
    images: tuple[ImageSnapshot, ...]
    faq: tuple[tuple[str, str], ...]
    author: AuthorSnapshot
    disclosure: str
    digital_source_type: str
    is_demo_text: bool
    related_ids: tuple[int, ...]


def reading_minutes(words: int) -> int:
    """How long a text takes to read, in whole minutes, at least 1."""
    return max(1, math.ceil(words / WORDS_PER_MINUTE))


def beside(slug: str) -> str:
    """The address of an article as a page beside this one sees it: both are folders."""
    return f"../{slug}/"


def resolve_links(html: str, hrefs: Mapping[int, str]) -> str:
    """Give links to articles their addresses; of an article without one the text stays."""

    def resolved(found: re.Match[str]) -> str:
        address = hrefs.get(int(found[1]))
        return found[2] if address is None else f'<a href="{escape(address)}">{found[2]}</a>'

    return INTERNAL_LINK.sub(resolved, html)


def disclosure_of(provenance: Mapping[str, Any], label: Mapping[str, Any]) -> str:
    """The visible line on how a text was made.

    The demo model's text is always labelled; a site may word or switch off the line of others.

    :param label: the site's setting: ``text``, and ``is_shown``, which is true unless it says no.
    """
    if provenance.get("is_demo"):
        return DEMO_LABEL
    if provenance.get("origin") != "model" or label.get("is_shown") is False:
        return ""
    if label.get("text"):
        return str(label["text"])
    return MODEL_LABEL + (REVIEWED_SUFFIX if provenance.get("reviewed_by") else "")


def without_disclosure(html: str, label: Mapping[str, Any]) -> str:
    """A text as a site has it without the line that :func:`disclosure_of` made; in the words of
    somebody else a last line in italics is a part of the text.

    :param label: the site's setting.
    """
    kept = html.rstrip()
    start = kept.rfind(_LINE_STARTS)
    if start < 0 or not kept.endswith(_LINE_ENDS):
        return html
    said = _words(kept[start + len(_LINE_STARTS) : -len(_LINE_ENDS)])
    ours = (DEMO_LABEL, MODEL_LABEL, MODEL_LABEL + REVIEWED_SUFFIX, str(label.get("text") or ""))
    is_ours = bool(said) and said in {_words(escape(line)) for line in ours}
    return kept[:start].rstrip() if is_ours else html


def _words(html: str) -> str:
    """Only the words: sites change quotation marks and dashes."""
    return " ".join(re.findall(r"\w+", unescape(html).casefold()))


def faq_of(blocks: Iterable[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """The questions with their answers, in the order of the text."""
    return tuple(
        (str(item["question"]), str(item["answer"]))
        for block in blocks
        if block.get("type") == "faq"
        for item in block.get("items", ())
    )
