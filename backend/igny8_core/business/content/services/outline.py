"""The sections of an article, by rules: structure, keywords and questions decide. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from igny8_core.business.content.services.brief import keyword_key
from igny8_core.business.content.services.clean_text import FUNCTION_WORDS
from igny8_core.business.content.services.section_rules import (
    FAQ_HEADINGS,
    ORDERS,
    SAME_ORDER,
    section_rules,
)
from igny8_core.business.content.services.section_words import section_words
from igny8_core.business.content.services.text_measures import (
    cut_at_word,
    folded_words,
    word_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.business.content.services.brief import Brief
    from igny8_core.business.content.services.section_rules import Aspect

WORDS_PER_SECTION: Final = 90
"""Of the demo model; a capable one gets longer sections."""

LONG_SECTION_WORDS: Final = 220
LONG_ARTICLE_WORDS: Final = 700
SECTIONS_MIN, SECTIONS_MAX = 3, 9
LONG_SECTIONS_MAX: Final = 36
"""Of articles of more than 2,000 words: a section stays short enough for one heading."""

VERY_LONG_WORDS: Final = 2_000
QUESTIONS_MAX: Final = 4
QUESTIONS_MIN: Final = 2
HEADING_MAX: Final = 70
LONG_KEYWORD: Final = 26
_HEAD_END: Final = re.compile(r"\s+(?:and|by|for|from|in|of|on|or|to|under|with|without)\s+")
_READABLE: Final = re.compile(r"(?=.{3,35}\Z)[^\W\d_]+(?:[ '-][^\W\d_]+){0,4}\Z")
"""Keywords that make a heading: words alone, no codes and no measures."""

_DETERMINERS: Final = word_set("a an the my your his her our their this these those any some all")
_MASS_NOUN: Final = re.compile(
    r"(?:ware|wear|work|ing|ment|age|bric|decor|décor|furniture|equipment|cotton|leather|wood|metal"
    r"|paint|paper|glass|marble|grass|turf|art|linen|wool|clothes|people|children|men|women)$"
)
LIST_FROM: Final = 3
LIST_MAX: Final = 8


@dataclass(frozen=True)
class Section:
    """One part of an article, before it is written.

    :ivar kind: intro, body, list, faq or closing.
    :ivar heading: empty for the introduction and the closing words.
    :ivar keyword: what the section is about.
    :ivar aspect: name of the rules that fit.
    :ivar question: what it answers.
    :ivar items: of a list, or the questions of a faq.
    """

    kind: str
    heading: str
    keyword: str
    aspect: str
    question: str
    target_words: int
    items: tuple[str, ...] = ()


def make_outline(brief: Brief) -> tuple[Section, ...]:
    """Introduction, sections, a list of variants, questions, and a last word.

    Three to nine sections; more of an article of more than 2,000 words.
    """
    faq = _faq(brief)
    variants = _variants(brief)
    intro_words = max(40, brief.target_words // 9)
    closing_words = 35
    spent = intro_words + closing_words + faq.target_words + (5 * len(variants) + 20)
    body_words = max(brief.target_words - spent, brief.target_words // 2)
    long = brief.target_words > LONG_ARTICLE_WORDS
    each = LONG_SECTION_WORDS if long else WORDS_PER_SECTION
    wanted = max(round(body_words / each), len(brief.planned_headings))
    most = LONG_SECTIONS_MAX if brief.target_words > VERY_LONG_WORDS else SECTIONS_MAX
    count = min(max(wanted, SECTIONS_MIN), most)
    body = _body(brief, count, body_words)
    intro = Section("intro", "", brief.primary, "", f"what is {brief.primary} about", intro_words)
    closing = Section("closing", "", brief.primary, "", "", closing_words)
    lists = (Section("list", "", brief.primary, "", "", 20, variants),) if variants else ()
    return (intro, *lists, *body, *((faq,) if faq.items else ()), closing)


def aspects(brief: Brief) -> dict[str, Aspect]:
    """The rules that fit the article's kind of topic."""
    rules = section_rules()
    return {"home": rules.home, "product": rules.product, "topic": rules.topic}[brief.topic_kind]


def aspect_order(brief: Brief) -> tuple[str, ...]:
    """The names of all fitting aspects, the most useful for the structure first."""
    orders = ORDERS[brief.topic_kind]
    chosen = orders.get(SAME_ORDER.get(brief.structure, brief.structure), orders[""])
    return (*chosen, *(name for name in aspects(brief) if name not in chosen))


def nearest_aspect(brief: Brief, text: str) -> str:
    """The aspect whose question shares most words with a heading or a question."""
    asked = keyword_key(text) - FUNCTION_WORDS
    known = aspects(brief)

    def shared(name: str) -> tuple[int, int]:
        own = keyword_key(f"{name} {known[name].heading} {known[name].question}")
        return len(asked & own), -order.index(name)

    order = aspect_order(brief)
    return max(order, key=shared)


def as_heading(text: str) -> str:
    """A keyword or question as it stands in a heading."""
    flat = " ".join(text.split())
    return flat[:1].upper() + flat[1:]


def _body(brief: Brief, count: int, words: int) -> tuple[Section, ...]:
    known = aspects(brief)
    sections: list[Section] = []
    taken: set[frozenset[str]] = set()
    for wanted, subject, name in _drafts(brief, count):
        heading = as_heading(wanted) if wanted else _heading(brief, name, subject)
        if len(heading) > HEADING_MAX:
            heading = _heading(brief, name, brief.primary)
        heading = cut_at_word(heading, HEADING_MAX)
        if keyword_key(heading) in taken:
            continue
        taken.add(keyword_key(heading))
        question = filled(brief, known[name].question, subject)
        sections.append(Section("body", heading, subject, name, question, 0))
        if len(sections) == count:
            break
    return tuple(replace(section, target_words=words // len(sections)) for section in sections)


def _drafts(brief: Brief, count: int) -> Iterator[tuple[str, str, str]]:
    """Heading or nothing, keyword and aspect: what is planned, then by turns, then all others."""
    names = aspect_order(brief)
    planned = [part for part in brief.planned_headings if len(part[0]) <= HEADING_MAX][:count]
    for heading, keyword in planned:
        yield heading, keyword or brief.primary, nearest_aspect(brief, heading)
    subjects = _subjects(brief, count)
    for place, subject in enumerate(subjects[len(planned) :], start=len(planned)):
        yield "", subject, names[place % len(names)]
    for turn, subject in enumerate(dict.fromkeys([brief.primary, *_readable(brief)])):
        for place in range(len(names)):
            yield "", subject, names[(turn + place) % len(names)]


def _heading(brief: Brief, name: str, subject: str) -> str:
    """The aspect's heading; of a language without words for it the keyword itself.

    A long keyword is not said again where the aspect alone makes a heading.
    """
    template = aspects(brief)[name].heading
    if brief.language != "en":
        words = section_words(brief.language)
        if words is None or name not in words.aspects:
            return as_heading(subject)
        template = words.aspects[name].heading
    alone = re.sub(r"\A\{Kw\}\s?: ", "", template)
    if len(subject) > LONG_KEYWORD and alone != template:
        return as_heading(alone)
    return filled(brief, template, subject)


def _subjects(brief: Brief, count: int) -> list[str]:
    """What each section is about: every second one a variant, the others the topic itself."""
    variants = _readable(brief)
    subjects = []
    for place in range(count):
        use_variant = place % 2 == 1 and place // 2 < len(variants)
        subjects.append(variants[place // 2] if use_variant else brief.primary)
    return subjects


def _readable(brief: Brief) -> list[str]:
    return [text for text in brief.secondary if _READABLE.match(text)]


def _variants(brief: Brief) -> tuple[str, ...]:
    chosen = [text for text in brief.secondary if len(text) <= HEADING_MAX][:LIST_MAX]
    return tuple(chosen) if len(chosen) >= LIST_FROM else ()


def _faq(brief: Brief) -> Section:
    """The cluster's own questions; where it has too few, the rules' questions fill up."""
    limit = QUESTIONS_MAX if brief.target_words > LONG_ARTICLE_WORDS else QUESTIONS_MIN
    asked = [as_question(text) for text in brief.questions][:limit]
    if brief.language == "en":
        names = aspect_order(brief)[::-1]
        for name in names:
            if len(asked) >= limit:
                break
            asked.append(as_question(filled(brief, aspects(brief)[name].question, brief.primary)))
    elif (words := section_words(brief.language)) is not None:
        known = [words.aspects[n].question for n in aspect_order(brief)[::-1] if n in words.aspects]
        asked += [filled(brief, text, brief.primary) for text in known][: limit - len(asked)]
    heading = FAQ_HEADINGS.get(brief.language, FAQ_HEADINGS["en"])
    return Section("faq", heading, brief.primary, "", "", 42 * len(asked), tuple(asked))


def as_question(text: str) -> str:
    """A question with a capital and its mark."""
    return as_heading(text.strip().rstrip("?!. ")) + "?"


def filled(brief: Brief, template: str, keyword: str) -> str:
    """A rule's text about a keyword."""
    text = template.replace("{Kw}", as_heading(keyword))
    return text.replace("{kw}", with_article(brief, keyword))


def with_article(brief: Brief, keyword: str) -> str:
    """``a hydraulic chair``, but ``salon chairs`` and ``garden furniture``: as English wants it.

    Of topics that nobody buys the keyword stays as it is.
    """
    folded = folded_words(_HEAD_END.split(keyword, maxsplit=1)[0])
    if brief.topic_kind == "topic" or brief.language != "en" or not folded:
        return keyword
    noun = folded[-1]
    is_plural = noun.endswith("s") and not noun.endswith(("ss", "us", "is"))
    if is_plural or folded[0] in _DETERMINERS or _MASS_NOUN.search(noun):
        return keyword
    starts_with_vowel = re.match(r"[aeio]|u(?!n?i|s[aeu])|8|11\b|18\b", folded[0]) is not None
    return f"{'an' if starts_with_vowel else 'a'} {keyword}"
