"""How ideas are worded: titles, headings, what a keyword asks for. Pure; data per language.

A language without data gets the keyword itself as the title, with a capital, and no stock headings.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from igny8_core.business.planning.services.idea_phrases import (
    PhraseWords,
    article_for,
    phrase_of,
)
from igny8_core.business.planning.services.language_words import language_words
from igny8_core.business.planning.states import ContentStructure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_TITLE_LENGTH = 255
GOOD_TITLE_LENGTH = 68
MAX_HEADINGS = 10
MAX_QUESTIONS = 6
MIN_QUESTION_WORDS = 3
MIN_PLURAL = 4

_NOUN_ENDINGS = ("ung", "ungen", "heit", "heiten", "keit", "keiten", "schaft", "tion", "tät")
"""Of German nouns, which are written with a capital."""

_PARTS = re.compile("([-/&])")
_VOWELS = frozenset("aeiouy")
_ACRONYM_LENGTHS = range(2, 5)
_MODEL = re.compile(r"[a-z]{1,2}\d{1,4}[a-z]{0,2}\d?|\d+(?:gb|tb|mb)")
"""Names of models and sizes: a27m, s10, mp3, 128gb."""

_INITIALS = re.compile(r"(?:[a-z]\.)+[a-z]\.?|(?:[a-z]\.){2,}")
_FOLDER = resources.files("igny8_core.business.planning.services") / "data"


@dataclass(frozen=True)
class IdeaWords:
    """The wording of a language.

    :ivar casing: ``title``, ``sentence``, or ``nouns`` for capitals as German has them.
    :ivar nouns: words with a capital where ``casing`` is ``nouns``; ``no_nouns`` stay small.
    :ivar marks: what stands before and after a question, and the colon.
    :ivar plain_words: words that may stand twice in a title.
    :ivar starts: (phrase, structure) for how a keyword begins; the first that fits.
    :ivar words: (phrase, structure) for what a keyword holds; the first that fits.
    :ivar spellings: words that are not simply capitalised.
    :ivar no_acronyms: words that look like an acronym here, or are one in other languages, and
        are none.
    :ivar asks: phrases that a question begins with, but for those in ``asks_not``.
    """

    small_words: frozenset[str] = frozenset()
    spellings: dict[str, str] = field(default_factory=dict)
    no_acronyms: frozenset[str] = frozenset()
    plain_words: frozenset[str] = frozenset()
    casing: str = "sentence"
    starts: tuple[tuple[str, str], ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    asks: tuple[str, ...] = ()
    asks_not: tuple[str, ...] = ()
    titles: dict[str, list[str]] = field(default_factory=dict)
    outlines: dict[str, list[str]] = field(default_factory=dict)
    questions_heading: str = ""
    nouns: frozenset[str] = frozenset()
    no_nouns: frozenset[str] = frozenset()
    marks: tuple[str, str, str] = ("", "?", ":")
    phrases: PhraseWords = field(default_factory=PhraseWords)


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
            "spellings": _acronyms(frozenset(found.get("no_acronyms", ()))) | found["spellings"],
            "no_acronyms": frozenset(found.get("no_acronyms", ())),
            "nouns": frozenset(found.get("nouns", ())),
            "no_nouns": frozenset(found.get("no_nouns", ())),
            "marks": tuple(found.get("marks", ("", "?", ":"))),
            "phrases": _phrase_words(found.get("phrases", {})),
        }
    )


def _phrase_words(lists: dict[str, Any]) -> PhraseWords:
    values: dict[str, Any] = {
        name: words if name == "plurals" else frozenset(words) for name, words in lists.items()
    }
    return PhraseWords(**values)


@cache
def _acronyms(but: frozenset[str]) -> dict[str, str]:
    """Names that every language writes alike: TV, iPhone.

    :param but: what is a word of the language: "ai" is Italian.
    """
    found = json.loads((_FOLDER / "ideas_en.json").read_text(encoding="utf-8"))["spellings"]
    return {
        word: shown
        for word, shown in found.items()
        if any(c.isupper() for c in shown[1:]) and word not in but
    }


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
    if len(text.split()) < MIN_QUESTION_WORDS or _begins(text, words.asks_not):
        return False
    return _begins(text, words.asks)


def _begins(text: str, phrases: Iterable[str]) -> bool:
    """Whether a text begins with one of the phrases, as whole words."""
    return any(text == phrase or text.startswith(f"{phrase} ") for phrase in phrases)


def headline(text: str, language: str) -> str:
    """A keyword as a heading: capitals as the language sets them, no word twice in a row."""
    rules = idea_words(language)
    words = text.strip(" ?.!,;:").split()
    last = len(words) - 1
    nouns = language_words(language).product if rules.casing == "nouns" else frozenset[str]()
    cased = [_cased(word, rules, nouns, is_edge=i in {0, last}) for i, word in enumerate(words)]
    return " ".join(word for i, word in enumerate(cased) if i == 0 or not _same(word, cased[i - 1]))


def _same(one: str, other: str) -> bool:
    return one.strip(":?,.").casefold() == other.strip(":?,.").casefold()


def _cased(word: str, rules: IdeaWords, nouns: frozenset[str], *, is_edge: bool) -> str:
    folded = word.casefold()
    if folded in rules.spellings:
        shown = rules.spellings[folded]
        return shown.capitalize() if is_edge and shown.islower() else shown
    if folded.endswith("s") and rules.spellings.get(folded[:-1], "").isupper():
        return f"{rules.spellings[folded[:-1]]}s"
    if rules.titles and _is_code(word, rules):
        return f"{word.rstrip('.').upper()}{'.' if '.' in word else ''}"
    if rules.casing == "nouns" and _is_noun(folded, rules, nouns, is_edge=is_edge):
        return word[:1].upper() + word[1:]
    if word != word.lower() or rules.casing != "title":
        return word
    if folded in rules.small_words and not is_edge:
        return word
    return "".join(_capital(part) for part in _PARTS.split(word))


def _is_code(word: str, rules: IdeaWords) -> bool:
    """Whether a word is written in capitals: a model, initials, and in English what nobody could
    speak: mlb, nypd.
    """
    if word in rules.no_acronyms:
        return False
    if _MODEL.fullmatch(word) or _INITIALS.fullmatch(word):
        return True
    is_short = rules.casing == "title" and len(word) in _ACRONYM_LENGTHS
    return is_short and word.isascii() and word.isalpha() and _VOWELS.isdisjoint(word)


def _is_noun(word: str, rules: IdeaWords, nouns: frozenset[str], *, is_edge: bool) -> bool:
    """Whether German writes a word with a capital: known nouns, endings of nouns, and the last
    word unless it reads like a verb or is known to be none.
    """
    if word in nouns or word in rules.nouns or word.endswith(_NOUN_ENDINGS):
        return True
    return is_edge and not word.endswith(("en", "ern", "eln")) and word not in rules.no_nouns


def _capital(part: str) -> str:
    return part[:1].upper() + part[1:]


def idea_title(keyword: str, norm: str, structure: ContentStructure, language: str) -> str:
    """A title that reads well and repeats no word of the keyword; always the same for a keyword."""
    rules = idea_words(language)
    asks = is_question(norm, language)
    forms = _forms(keyword, structure, language, asks=asks)
    templates = [
        one
        for one in rules.titles.get(structure.value, [])
        if _stems(one, language).isdisjoint(_stems(norm, language))
    ]
    if not asks:
        templates = [one.replace("{k}?", "{k}:") for one in templates]
    titles = [_filled(one, forms, rules, asks=asks) for one in templates]
    fitting = [
        title
        for title in titles
        if title
        and len(title) <= GOOD_TITLE_LENGTH
        and not any(_same(one, other) for one, other in pairwise(title.split()))
    ]
    if not fitting:
        alone = forms["{k}"]
        return (f"{rules.marks[0]}{alone}{rules.marks[1]}" if asks else alone)[:MAX_TITLE_LENGTH]
    return fitting[_number(norm) % len(fitting)]


def _forms(
    keyword: str, structure: ContentStructure, language: str, *, asks: bool
) -> dict[str, str]:
    """What may stand in a title: the keyword, its plural, and one of it."""
    rules = idea_words(language)
    is_sentence = asks or _begins(keyword.casefold(), rules.asks_not)  # "where to buy": no plural
    if is_sentence or structure is ContentStructure.HOW_TO or rules.phrases.is_empty:
        shown = _opened(headline(keyword, language), rules)
        return {"{k}": shown, "{p}": shown, "{a}": ""}
    phrase = phrase_of(keyword.casefold().strip(" ?.!,;:"), rules.phrases)
    written = _spelled(keyword)
    one, many = (
        headline(" ".join(written.get(word, word) for word in words), language)
        for words in (phrase.words, phrase.plural)
    )
    starts_plainly = worded_structure(keyword.casefold(), language) is None
    named = f"{article_for(one)} {one}" if phrase.is_countable and starts_plainly else ""
    return {"{k}": one, "{p}": many, "{a}": named}


def _spelled(keyword: str) -> dict[str, str]:
    """Words that were typed with capitals keep them."""
    return {word.casefold(): word for word in keyword.split() if word != word.casefold()}


def _opened(shown: str, rules: IdeaWords) -> str:
    """A title begins with a capital, unless its first word has its own: iPhone."""
    has_own = any(c.isupper() for c in shown.partition(" ")[0])
    return shown if rules.casing == "title" or has_own else shown[:1].upper() + shown[1:]


def _filled(template: str, forms: dict[str, str], rules: IdeaWords, *, asks: bool) -> str:
    """A template with its keyword; nothing when the keyword has no such form."""
    before, after, colon = rules.marks
    if asks:
        if "{k}?" not in template:
            template = template.replace("{k}: ", "{k}? ").replace("{k}, ", "{k}? ")
        if "{k}?" not in template:
            template = template.replace("{k} ", "{k}? ").replace("{p}: ", "{k}? ")
        if "{k}?" not in template:
            return ""
        rest = template.replace("{k}?", "", 1).strip()
        title = f"{before}{forms['{k}']}{after} {rest[:1].upper()}{rest[1:]}"
    else:
        title = template
        for name, shown in forms.items():
            if name in title and not shown:
                return ""
            title = title.replace(f"{name}:", f"{shown}{colon}").replace(name, shown)
    return _opened(title, rules)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


def _stems(text: str, language: str) -> frozenset[str]:
    """Words that carry meaning, without plural s: what must not stand twice in a title."""
    plain_text = text.casefold()
    for name in ("{k}", "{p}", "{a}"):
        plain_text = plain_text.replace(name, " ")
    words = plain_text.replace("-", " ").replace("'", "").split()
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
