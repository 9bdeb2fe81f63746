"""Title, description, excerpt and slug of an article, by rules. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from django.utils.text import slugify

from igny8_core.business.content.services.brief import keyword_key
from igny8_core.business.content.services.outline import as_heading
from igny8_core.business.content.services.section_words import section_words
from igny8_core.business.content.services.text_measures import (
    cut_at_word,
    folded_words,
    sentences,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from igny8_core.business.content.services.brief import Brief

TITLE_MAX, TITLE_MIN = 60, 30
DESCRIPTION_MAX, DESCRIPTION_MIN = 155, 70
EXCERPT_MAX: Final = 240
SLUG_MAX: Final = 75

_ENDINGS: Final = (
    " Clear advice, section by section, with answers to common questions.",
    " With answers to common questions.",
    " What matters, in plain words.",
    " In plain words.",
)


def meta_title(brief: Brief, *, site_name: str) -> str:
    """At most 60 characters, with the primary keyword; the site's name where there is room."""
    title = " ".join(brief.title.split())
    if not keyword_key(brief.primary) <= keyword_key(title):
        title = f"{as_heading(brief.primary)}: {title}"
    title = cut_at_word(title, TITLE_MAX)
    with_site = f"{title} | {site_name}"
    if len(title) < TITLE_MIN and len(with_site) <= TITLE_MAX:
        return with_site
    return title


def meta_description(brief: Brief, *, headings: Sequence[str], opening: str) -> str:
    """70 to 155 characters that say what the page holds, with the primary keyword once."""
    if brief.language != "en":
        return _in_other_words(brief, headings=headings, opening=opening)
    aspects = [_aspect_of(heading) for heading in headings]
    kept: list[str] = []
    for aspect in dict.fromkeys(aspects):
        trial = _description(brief.primary, [*kept, aspect])
        if aspect and len(trial) <= DESCRIPTION_MAX:
            kept.append(aspect)
    text = _description(brief.primary, kept or ["what to know"])
    for ending in _ENDINGS:
        if len(text) + len(ending) <= DESCRIPTION_MAX:
            text += ending
            break
    if len(text) > DESCRIPTION_MAX:
        text = cut_at_word(text, DESCRIPTION_MAX - 1) + "…"
    return text if len(text) >= DESCRIPTION_MIN else _from_text(f"{text} {opening}")


def _in_other_words(brief: Brief, *, headings: Sequence[str], opening: str) -> str:
    """The same with the joining words of the language; without them from the text."""
    words = section_words(brief.language)
    found = dict.fromkeys(_after_colon(heading) for heading in headings)
    kept: list[str] = []
    if words is not None:
        for aspect in found:
            trial = _enumerated(brief.primary, [*kept, aspect], words.conjunction)
            if aspect and len(trial) + len(words.ending) < DESCRIPTION_MAX:
                kept.append(aspect)
    if words is None or not kept:
        return _from_text(f"{as_heading(brief.primary)}: {opening}")
    text = f"{_enumerated(brief.primary, kept, words.conjunction)} {words.ending}"
    return text if len(text) >= DESCRIPTION_MIN else _from_text(f"{text} {opening}")


def _after_colon(heading: str) -> str:
    """``Sofa: Größe und Maße`` is about size; a heading without a colon says it itself."""
    _subject, _colon, rest = heading.rpartition(": ")
    return rest


def _enumerated(primary: str, aspects: Sequence[str], conjunction: str) -> str:
    *most, last = aspects
    listed = f"{', '.join(most)} {conjunction} {last}" if most else last
    return f"{as_heading(primary)}: {listed}."


def excerpt(paragraphs: Iterable[str]) -> str:
    """The first whole sentences of an article, up to 240 characters."""
    kept = ""
    for paragraph in paragraphs:
        for sentence in sentences(paragraph):
            longer = f"{kept} {sentence}".strip()
            if len(longer) > EXCERPT_MAX:
                return kept or cut_at_word(sentence, EXCERPT_MAX - 1) + "…"
            kept = longer
    return kept


def make_slug(*texts: str) -> str:
    """The first of the texts that makes a slug: ASCII where the script allows it, else letters.

    At most 75 characters, cut at a word.
    """
    for text in texts:
        plain = re.sub(r"[^\w\s-]", " ", unicodedata.normalize("NFKC", text)).replace("_", " ")
        ascii_only = slugify(plain)
        is_faithful = 2 * len(ascii_only) > len(plain.strip())
        slug = ascii_only if is_faithful else slugify(plain, allow_unicode=True)
        if len(slug) > SLUG_MAX:
            slug = slug[: SLUG_MAX + 1].rsplit("-", 1)[0][:SLUG_MAX]
        if slug := slug.strip("-"):
            return slug
    return ""


def free_slug(wanted: str, taken: Iterable[str]) -> str:
    """``wanted``, or the first of ``wanted-2``, ``wanted-3`` … that nothing else has."""
    known = set(taken)
    slug, number = wanted, 2
    while slug in known:
        ending = f"-{number}"
        slug, number = wanted[: SLUG_MAX - len(ending)].rstrip("-") + ending, number + 1
    return slug


def _aspect_of(heading: str) -> str:
    """``Salon chair: size and fit`` is about size and fit, ``How to choose a chair`` about that."""
    _subject, colon, rest = heading.partition(": ")
    if not colon and heading.lower().startswith("how to"):
        return " ".join(folded_words(heading)[:3])
    about = rest if colon else heading
    return about[:1].lower() + about[1:]


def _description(primary: str, aspects: Sequence[str]) -> str:
    *most, last = aspects
    listed = f"{', '.join(most)}, and {last}" if most else last
    return f"{as_heading(primary)}: {listed}."


def _from_text(text: str) -> str:
    flat = " ".join(text.split())
    if len(flat) <= DESCRIPTION_MAX:
        return flat
    return cut_at_word(flat, DESCRIPTION_MAX - 1) + "…"
