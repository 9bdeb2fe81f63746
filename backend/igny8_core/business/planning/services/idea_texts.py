"""How ideas are worded: titles, headings, what a keyword asks for. Pure; data per language.

A language without data gets the keyword itself as the title, with a capital, and no stock headings.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING

from igny8_core.business.planning.states import ContentStructure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_TITLE_LENGTH = 255
GOOD_TITLE_LENGTH = 68
MAX_HEADINGS = 10
MAX_QUESTIONS = 6
MIN_QUESTION_WORDS = 3
MIN_PLURAL = 4

_FOLDER = resources.files("igny8_core.business.planning.services") / "data"


@dataclass(frozen=True)
class IdeaWords:
    """The wording of a language.

    :ivar plain_words: words that may stand twice in a title.
    :ivar starts: (phrase, structure) for how a keyword begins; the first that fits.
    :ivar words: (phrase, structure) for what a keyword holds; the first that fits.
    :ivar spellings: words that are not simply capitalised.
    :ivar asks: words that a question begins with, but for those in ``asks_not``.
    """

    small_words: frozenset[str] = frozenset()
    spellings: dict[str, str] = field(default_factory=dict)
    plain_words: frozenset[str] = frozenset()
    casing: str = "sentence"
    starts: tuple[tuple[str, str], ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    asks: tuple[str, ...] = ()
    asks_not: tuple[str, ...] = ()
    titles: dict[str, list[str]] = field(default_factory=dict)
    outlines: dict[str, list[str]] = field(default_factory=dict)
    questions_heading: str = ""


@cache
def idea_words(language: str) -> IdeaWords:
    """The wording of a language such as ``en`` or ``en-GB``."""
    file = _FOLDER / f"ideas_{language.partition('-')[0].lower()}.json"
    if not file.is_file():
        return IdeaWords()
    found = json.loads(file.read_text(encoding="utf-8"))
    return IdeaWords(
        **{
            **found,
            "small_words": frozenset(found["small_words"]),
            "plain_words": frozenset(found["plain_words"]),
            "asks": tuple(found["asks"]),
            "asks_not": tuple(found["asks_not"]),
            "starts": tuple((phrase, name) for phrase, name in found["starts"]),
            "words": tuple((phrase, name) for phrase, name in found["words"]),
        }
    )


def worded_structure(norm: str, language: str) -> ContentStructure | None:
    """The structure that a keyword's wording asks for, if it asks for one."""
    words = idea_words(language)
    for phrase, name in words.starts:
        if norm == phrase or norm.startswith(f"{phrase} "):
            return ContentStructure(name)
    padded = f" {norm} "
    for phrase, name in words.words:
        if f" {phrase} " in padded:
            return ContentStructure(name)
    return None


def is_question(norm: str, language: str) -> bool:
    """Whether a keyword reads as a question: then its title ends its first part with one."""
    words = idea_words(language)
    text = norm.rstrip("? ")
    if len(text.split()) < MIN_QUESTION_WORDS or text.startswith(words.asks_not or "\0"):
        return False
    return text.split()[0] in words.asks


def headline(text: str, language: str) -> str:
    """A keyword as a heading: capitals as the language sets them, no word twice in a row."""
    rules = idea_words(language)
    words = text.strip(" ?.!,;:").split()
    last = len(words) - 1
    cased = [_cased(word, rules, is_edge=i in {0, last}) for i, word in enumerate(words)]
    return " ".join(word for i, word in enumerate(cased) if i == 0 or not _same(word, cased[i - 1]))


def _same(one: str, other: str) -> bool:
    return one.strip(":?,.").casefold() == other.strip(":?,.").casefold()


def _cased(word: str, rules: IdeaWords, *, is_edge: bool) -> str:
    folded = word.casefold()
    if folded in rules.spellings:
        shown = rules.spellings[folded]
        return shown.capitalize() if is_edge and shown.islower() else shown
    if word != word.lower() or (rules.casing == "title" and word[0].isdigit()):
        return word
    if rules.casing != "title":
        return word
    if folded in rules.small_words and not is_edge:
        return word
    return "-".join(part[:1].upper() + part[1:] for part in word.split("-"))


def idea_title(keyword: str, norm: str, structure: ContentStructure, language: str) -> str:
    """A title that reads well and repeats no word of the keyword; always the same for a keyword."""
    shown = headline(keyword, language)
    if idea_words(language).casing != "title":
        shown = shown[:1].upper() + shown[1:]
    asks = is_question(norm, language)
    templates = [
        one
        for one in idea_words(language).titles.get(structure.value, [])
        if _stems(one, language).isdisjoint(_stems(norm, language))
    ]
    if not asks:
        templates = [one.replace("{k}?", "{k}:") for one in templates]
    elif not any("{k}?" in one for one in templates):
        shown += "?"
        templates = [one.replace("{k}: ", "{k} ").replace("{k}, ", "{k} ") for one in templates]
    titles = [one.replace("{k}", shown) for one in templates]
    fitting = [
        title
        for title in titles
        if len(title) <= GOOD_TITLE_LENGTH
        and not any(_same(one, other) for one, other in pairwise(title.split()))
    ]
    if not fitting:
        return shown[:MAX_TITLE_LENGTH]
    return fitting[_number(norm) % len(fitting)]


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


def _stems(text: str, language: str) -> frozenset[str]:
    """Words that carry meaning, without plural s: what must not stand twice in a title."""
    words = text.casefold().replace("{k}", " ").replace("-", " ").replace("'", "").split()
    plain = (word.strip("?:,.") for word in words)
    return frozenset(
        word[:-1] if word.endswith("s") and len(word) >= MIN_PLURAL else word
        for word in plain
        if word and word not in idea_words(language).plain_words
    )


def outline(
    target: str,
    others: Sequence[str],
    questions: Sequence[str],
    structure: ContentStructure,
    language: str,
) -> list[dict[str, object]]:
    """Second-level headings: the structure's own, one for each other keyword, then questions.

    :param others: keywords beside the target, best first; near repeats make no heading.
    """
    words = idea_words(language)
    stock = words.outlines.get(structure.value, [])
    middle: list[dict[str, object]] = []
    seen = {_stems(text, language) for text in (target, *stock)}
    for keyword in others:
        stems = _stems(keyword, language)
        if stems in seen or len(middle) + len(stock) >= MAX_HEADINGS:
            continue
        seen.add(stems)
        middle.append({"heading": headline(keyword, language), "keywords": [keyword]})
    half = (len(stock) + 1) // 2
    parts: list[dict[str, object]] = [
        *map(_stock_part, stock[:half]),
        *middle,
        *map(_stock_part, stock[half:]),
    ]
    if questions and words.questions_heading:
        asked = [f"{_sentence(question)}?" for question in _distinct(questions, language)]
        parts.append({"heading": words.questions_heading, "keywords": [], "questions": asked})
    return parts


def _stock_part(heading: str) -> dict[str, object]:
    return {"heading": heading, "keywords": []}


def _sentence(text: str) -> str:
    shown = text.strip(" ?")
    return shown[:1].upper() + shown[1:]


def _distinct(texts: Iterable[str], language: str) -> list[str]:
    """The first questions of each meaning."""
    found: dict[frozenset[str], str] = {}
    for text in texts:
        found.setdefault(_stems(text, language), text)
    return list(found.values())[:MAX_QUESTIONS]
