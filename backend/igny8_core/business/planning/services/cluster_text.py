"""Keyword text for clustering: normal form, words, stems, near-duplicates, what splits a page."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import unicodedata
from array import array
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib import resources
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import snowballstemmer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_MARKS = "".join(
    chr(code) for code in range(0x300, 0xFFFF) if unicodedata.category(chr(code)).startswith("M")
)
_MARKED = rf"[^\W_](?:[^\W_]|[{_MARKS}])*"
_TOKEN = re.compile(rf"{_MARKED}(?:['.+#&-]{_MARKED})*[+#]*")
_PLAIN_TOKEN = re.compile(r"[^\W_]+(?:['.+#&-][^\W_]+)*[+#]*")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]+"
)
"""Thai, Lao, Burmese, Khmer, Kana and Han: written without blanks between words."""

_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'})

_FOLDER = resources.files("igny8_core.business.planning.services") / "data"

_SNOWBALL = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek",
    "en": "english", "eo": "esperanto", "es": "spanish", "et": "estonian", "eu": "basque",
    "fa": "persian", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian",
    "nb": "norwegian", "ne": "nepali", "nl": "dutch", "nn": "norwegian", "no": "norwegian",
    "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip

_STEMS_KEPT = 300_000
_stems: dict[tuple[str, str], str] = {}
_stems_lock = Lock()

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_YEAR = re.compile(r"(?:19[5-9]|20[0-4])\d")


@dataclass(frozen=True)
class GroupingWords:
    """What a language's words say about which keywords are one.

    :ivar filler: words that make no other keyword.
    :ivar order: words that give order a meaning: "flights a to b" is not "flights b to a".
    :ivar contrasts: pairs of sides that one article does not serve.
    """

    filler: frozenset[str]
    order: frozenset[str]
    contrasts: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]


@cache
def grouping_words(language: str) -> GroupingWords | None:
    """The words of a language such as ``en`` or ``en-GB``; None without a list."""
    file = _FOLDER / f"cluster_{base_language(language)}.json"
    if not file.is_file():
        return None
    found = json.loads(file.read_text(encoding="utf-8"))
    return GroupingWords(
        filler=frozenset(found["filler"]),
        order=frozenset(found["order"]),
        contrasts=tuple((tuple(one), tuple(other)) for one, other in found["contrasts"]),
    )


def base_language(language: str) -> str:
    """``en`` of ``en-GB`` and ``en_US``."""
    return language.lower().replace("_", "-").partition("-")[0]


def normalise(text: str) -> str:
    """The form under which a keyword is clustered; equal forms are one row."""
    if not text.isascii():
        whole = text.encode("utf-8", "replace").decode()  # half a surrogate pair is no letter
        text = unicodedata.normalize("NFKC", whole).translate(_QUOTES)
    return " ".join(text.lower().split())


def words(text: str) -> list[str]:
    """Tokens of a normal form; scripts without blanks give overlapping pairs of characters."""
    if text.isascii():
        if text.replace(" ", "").isalnum():
            return text.split()
        return _PLAIN_TOKEN.findall(text)
    found: list[str] = []
    for token in _TOKEN.findall(text):
        if _UNSPACED.search(token):
            found += _pairs(token)
        else:
            found.append(token)
    return found


def _pairs(token: str) -> Iterable[str]:
    at = 0
    for run in _UNSPACED.finditer(token):
        if run.start() > at:
            yield token[at : run.start()]
        text, at = run.group(), run.end()
        yield from (text[i : i + 2] for i in range(max(1, len(text) - 1)))
    if at < len(token):
        yield token[at:]


@dataclass(frozen=True)
class Bag:
    """Which words each keyword holds: a row's words are ``columns[starts[row]:starts[row + 1]]``.

    :ivar vocabulary: words in order of first appearance; ``columns`` are places in it.
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    vocabulary: list[str]

    def rows(self) -> NDArray[np.int32]:
        """The row of every entry of ``columns``."""
        return np.repeat(np.arange(len(self.starts) - 1, dtype=np.int32), np.diff(self.starts))


def bag_of_words(keywords: Sequence[str]) -> Bag:
    """Words of normal forms, in their order."""
    vocabulary: dict[str, int] = {}
    columns = array("i")
    starts = np.zeros(len(keywords) + 1, np.int64)
    for row, keyword in enumerate(keywords, start=1):
        for word in words(keyword):
            columns.append(vocabulary.setdefault(word, len(vocabulary)))
        starts[row] = len(columns)
    return Bag(starts, np.frombuffer(columns, np.int32).copy(), list(vocabulary))


def stem_words(vocabulary: Sequence[str], language: str) -> list[str]:
    """Stems by the language's Snowball stemmer; without one, the words themselves."""
    language = base_language(language)
    name = _SNOWBALL.get(language)
    if name is None:
        return list(vocabulary)
    missing = [word for word in vocabulary if (language, word) not in _stems]
    fresh: dict[str, str] = {}
    if missing:
        fresh = dict(zip(missing, snowballstemmer.stemmer(name).stemWords(missing), strict=True))
    stems = [fresh[word] if word in fresh else _stems[language, word] for word in vocabulary]
    with _stems_lock:
        if len(_stems) + len(fresh) <= _STEMS_KEPT:
            _stems.update({(language, word): sys.intern(stem) for word, stem in fresh.items()})
    return stems


def duplicate_key(keyword: str, language: str = "en") -> str:
    """Equal for close variants of a normal form: plural, word order, filler words.

    Order is kept where it carries meaning, and in languages without word lists.
    """
    language = base_language(language)
    tokens = words(keyword)
    if not tokens:
        return f"\0{keyword}"
    special = grouping_words(language)
    if special is None:
        return " ".join(stem_words(tokens, language))
    if special.order.intersection(tokens):
        return "\1" + " ".join(tokens)
    kept = [token for token in tokens if token not in special.filler] or tokens
    return " ".join(sorted(stem_words(kept, language)))


def variant_numbers(keywords: Iterable[str], language: str) -> list[int]:
    """``duplicate_key`` as numbers that fit into a column; equal keys have equal numbers."""
    forms = [normalise(keyword) for keyword in keywords]
    stem_words(list({word for form in forms for word in words(form)}), language)  # all at once
    keys = (duplicate_key(form, language).encode("utf-8", "replace") for form in forms)
    digests = (hashlib.blake2b(key, digest_size=8).digest() for key in keys)
    return [int.from_bytes(digest, "big", signed=True) for digest in digests]


def duplicate_groups(bag: Bag, stem_of: NDArray[np.int32], language: str) -> NDArray[np.int32]:
    """The group of every row: rows with the same ``duplicate_key`` share one.

    Groups are numbered by their first row.

    :param stem_of: number of the stem of each word of the vocabulary.
    """
    special = grouping_words(language)
    row, column = bag.rows(), bag.columns
    place = np.arange(len(column)) - bag.starts[row]
    value = stem_of[column].astype(np.int32)
    keep = np.ones(len(column), bool)
    by_place = np.ones(len(column), bool)
    if special is not None:
        n = len(bag.starts) - 1
        is_filler = np.array([word in special.filler for word in bag.vocabulary], bool)
        is_order = np.array([word in special.order for word in bag.vocabulary], bool)
        ordered = np.bincount(row, weights=is_order[column], minlength=n) > 0
        telling = np.bincount(row, weights=~is_filler[column], minlength=n) > 0
        by_place = ordered[row]
        keep = by_place | ~is_filler[column] | ~telling[row]
        value = np.where(by_place, column + len(bag.vocabulary), value).astype(np.int32)
    row, value = row[keep], value[keep]
    sequence = np.lexsort((np.where(by_place, place, stem_of[column])[keep], row))
    return _number_rows(np.searchsorted(row, np.arange(len(bag.starts))), value[sequence])


def _number_rows(starts: NDArray[np.int64], values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Equal rows get one number; an empty row always gets its own."""
    raw, edges = values.tobytes(), (starts * values.itemsize).tolist()
    seen: dict[bytes, int] = {}
    numbers = array("i")
    following = 0
    for row in range(len(edges) - 1):
        key = raw[edges[row] : edges[row + 1]]
        number = seen.setdefault(key, following) if key else following
        following += number == following
        numbers.append(number)
    return np.frombuffer(numbers, np.int32).copy()


def split_signs(bag: Bag, language: str) -> dict[int, frozenset[str]]:
    """What may split a page, for the rows that hold any: numbers, and sides of contrasts.

    A sign is ``"number:15"``, or ``"3:a"`` or ``"3:b"`` for a side of contrast 3. Years and the
    length of a list ("top 10") are no signs, nor are both sides at once.
    """
    special = grouping_words(language)
    side_of: dict[str, str] = {}
    for pair, sides in enumerate(special.contrasts if special else ()):
        for name, side in zip("ab", sides, strict=True):
            side_of.update(dict.fromkeys(side, f"{pair}:{name}"))
    telling = np.array(
        [word in side_of or _NUMBER.search(word) is not None for word in bag.vocabulary], bool
    )
    found: dict[int, frozenset[str]] = {}
    for row in np.unique(bag.rows()[telling[bag.columns]]).tolist():
        tokens = [bag.vocabulary[i] for i in bag.columns[bag.starts[row] : bag.starts[row + 1]]]
        signs = frozenset(_signs(tokens, side_of))
        if signs := frozenset(sign for sign in signs if opposite(sign) not in signs):
            found[row] = signs
    return found


def split_signs_of(keyword: str, language: str) -> frozenset[str]:
    """:func:`split_signs` of one normal form."""
    return split_signs(bag_of_words([keyword]), language).get(0, frozenset())


def opposite(sign: str) -> str:
    """The other side of a contrast; a number has none."""
    if sign.startswith("number:"):
        return ""
    return sign[:-1] + ("a" if sign.endswith("b") else "b")


def _signs(tokens: list[str], side_of: dict[str, str]) -> Iterable[str]:
    for before, token in zip(["", *tokens], tokens, strict=False):
        if token in side_of:
            yield side_of[token]
        elif before not in {"top", "best"}:
            for number in _NUMBER.findall(token):
                if not _YEAR.fullmatch(number):
                    yield f"number:{number.lstrip('0')}"


def split_parts(signs: Sequence[frozenset[str]]) -> list[int]:
    """The part of a page that each of its members' signs belongs to; 0 takes those without.

    Only what differs splits: numbers of which neither set holds the other ("iphone 15",
    "iphone 16"), and both sides of a contrast.
    """
    everything = frozenset().union(*signs)
    numbers = [frozenset(s for s in own if s.startswith("number:")) for own in signs]
    often = Counter(number for own in numbers for number in own)
    kinds = {own for own in numbers if own}
    least = sorted(
        (own for own in kinds if not any(other < own for other in kinds)),
        key=lambda own: (sum(often[number] for number in own), sorted(own)),
    )
    parts: dict[tuple[frozenset[str], frozenset[str]], int] = {(frozenset(), frozenset()): 0}
    out: list[int] = []
    for own, number in zip(signs, numbers, strict=True):
        held = next((kind for kind in least if kind <= number), frozenset[str]())
        sides = frozenset(sign for sign in own if opposite(sign) in everything)
        key = (held if len(least) > 1 else frozenset[str](), sides)
        out.append(parts.setdefault(key, len(parts)))
    return out
