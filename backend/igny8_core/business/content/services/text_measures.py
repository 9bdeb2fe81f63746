"""Words and sentences of plain text. Pure."""
# ruff: noqa: RUF001 - typographic marks are what this module is about

from __future__ import annotations

import re
from typing import Final


def word_set(text: str) -> frozenset[str]:
    """The words of a list that is written as a text."""
    return frozenset(text.split())


_WORD: Final = re.compile(r"[^\W_]+(?:['’.\-][^\W_]+)*")
_SENTENCE_END: Final = re.compile(r"([.!?…]+[\"'”’)\]]*)(?=\s|$)")
_NEVER_LAST: Final = word_set("approx. ca. cf. dr. e.g. fig. i.e. mr. mrs. ms. no. prof. st. vs.")
_SOMETIMES_LAST: Final = word_set("etc. inc. jr. ltd. sr.")


def words(text: str) -> list[str]:
    """The words of a text as they stand; a hyphen or an apostrophe inside keeps one word."""
    return _WORD.findall(text)


def word_count(text: str) -> int:
    """How many words a text has."""
    return sum(1 for _ in _WORD.finditer(text))


def folded_words(text: str) -> list[str]:
    """The words of a text for comparing: case-folded, one kind of apostrophe."""
    return [word.casefold().replace("’", "'") for word in words(text)]


def word_places(text: str) -> list[tuple[str, int, int]]:
    """The words of a text for comparing, each with its start and end in code points."""
    return [
        (found[0].casefold().replace("’", "'"), found.start(), found.end())
        for found in _WORD.finditer(text)
    ]


def sentences(text: str) -> list[str]:
    """The sentences of one paragraph, each with its closing mark; the last may have none."""
    found: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        head = text[start : end.end()]
        last_token = head.split()[-1].lower() if head.split() else ""
        following = text[end.end() :].lstrip()
        if last_token in _NEVER_LAST or (last_token in _SOMETIMES_LAST and following[:1].islower()):
            continue
        if following[:1].islower() and end[1].startswith("."):
            continue  # a full stop inside a sentence
        found.append(head.strip())
        start = end.end()
    if tail := text[start:].strip():
        found.append(tail)
    return found


def is_whole(sentence: str) -> bool:
    """Whether a sentence ends with a mark that ends sentences."""
    closed = sentence.rstrip("\"'”’)] ")
    return closed.endswith((".", "!", "?", "…"))


def cut_at_word(text: str, limit: int) -> str:
    """The longest beginning of whole words within ``limit`` characters, without loose marks."""
    flat = " ".join(text.split())
    if len(flat) <= limit:
        return flat
    head = flat[: limit + 1].rsplit(" ", 1)[0] if " " in flat[: limit + 1] else flat[:limit]
    return head.rstrip(" ,;:.–—-&(")
