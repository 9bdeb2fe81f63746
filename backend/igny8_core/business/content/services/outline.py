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
from igny8_core.business.content.services.text_measures import (
    cut_at_word,
    folded_words,
    word_set,
)

if TYPE_CHECKING:
    from igny8_core.business.content.services.brief import Brief
    from igny8_core.business.content.services.section_rules import Aspect

WORDS_PER_SECTION: Final = 90
"""Of the demo model; a capable one gets longer sections."""

LONG_SECTION_WORDS: Final = 220
LONG_ARTICLE_WORDS: Final = 700
SECTIONS_MIN, SECTIONS_MAX = 3, 9
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
    """Introduction, three to nine sections, a list of variants, questions, and a last word."""
    faq = _faq(brief)
    variants = _variants(brief)
    intro_words = max(40, brief.target_words // 9)
    closing_words = 35
    spent = intro_words + closing_words + faq.target_words + (5 * len(variants) + 20)
    body_words = max(brief.target_words - spent, brief.target_words // 2)
    long = brief.target_words > LONG_ARTICLE_WORDS
    each = LONG_SECTION_WORDS if long else WORDS_PER_SECTION
    wanted = max(round(body_words / each), len(brief.planned_headings))
    count = min(max(wanted, SECTIONS_MIN), SECTIONS_MAX)
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
    known, names = aspects(brief), aspect_order(brief)
    planned = [part for part in brief.planned_headings if len(part[0]) <= HEADING_MAX][:count]
    drafts = [(heading, keyword or brief.primary) for heading, keyword in planned]
    drafts += [("", subject) for subject in _subjects(brief, count)[len(drafts) :]]
    sections: list[Section] = []
    taken: set[frozenset[str]] = set()
    for place, (wanted, subject) in enumerate(drafts):
        name = nearest_aspect(brief, wanted) if wanted else names[place % len(names)]
        heading = as_heading(wanted) if wanted else _heading(brief, known[name], subject)
        if len(heading) > HEADING_MAX:
            heading = _heading(brief, known[name], brief.primary)
        heading = cut_at_word(heading, HEADING_MAX)
        if keyword_key(heading) in taken:
            continue
        taken.add(keyword_key(heading))
        question = filled(brief, known[name].question, subject)
        sections.append(Section("body", heading, subject, name, question, 0))
    return tuple(replace(section, target_words=words // len(sections)) for section in sections)


def _heading(brief: Brief, aspect: Aspect, subject: str) -> str:
    """The aspect's heading; outside English, where there are no rules, the keyword itself.

    A long keyword is not said again where the aspect alone makes a heading.
    """
    if brief.language != "en":
        return as_heading(subject)
    if len(subject) > LONG_KEYWORD and aspect.heading.startswith("{Kw}: "):
        return as_heading(aspect.heading.removeprefix("{Kw}: "))
    return filled(brief, aspect.heading, subject)


def _subjects(brief: Brief, count: int) -> list[str]:
    """What each section is about: every second one a variant, the others the topic itself."""
    if brief.language != "en":
        return [keyword.text for keyword in brief.keywords[:count]]
    variants = [text for text in brief.secondary if _READABLE.match(text)]
    subjects = []
    for place in range(count):
        use_variant = place % 2 == 1 and place // 2 < len(variants)
        subjects.append(variants[place // 2] if use_variant else brief.primary)
    return subjects


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
