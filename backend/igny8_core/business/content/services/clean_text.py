"""What a model wrote, made into plain sentences that a page may show. Pure.

Nothing of a model's markup, addresses or talk about itself passes. A demo model's sentences are
judged more strictly: what it says of numbers and names is made up.
"""
# ruff: noqa: RUF001 - typographic marks are what this module is about

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import nh3

from igny8_core.business.content.services.language_guess import is_foreign
from igny8_core.business.content.services.stated_facts import contradiction
from igny8_core.business.content.services.text_measures import (
    folded_words,
    is_whole,
    sentences,
    word_count,
    word_set,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

MIN_SENTENCE_WORDS: Final = 4
MAX_SENTENCE_WORDS: Final = 45
STRICT_MAX_SENTENCE_WORDS: Final = 30
ECHO_WORDS: Final = 7
SAME_START_WORDS: Final = 3
NEAR_DUPLICATE: Final = 0.75
LOOP_WORDS: Final = 4
LONG_WORD: Final = 4
WORD_TOO_OFTEN: Final = 3
MAX_RAW_CHARS: Final = 20_000

_CONTROL: Final = re.compile(
    r"<\|[^|>]{0,60}\|>|\[/?INST\]|</?s>|[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]"
)
_FENCE: Final = re.compile(r"^\s*(```|~~~).*$", re.MULTILINE)
_IMAGE: Final = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LINK: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_REFERENCE: Final = re.compile(r"\[\^?\d{1,3}\]")
_URL: Final = re.compile(
    r"\(?\b(?:https?://|www\.)\S+|\b[\w-]+(?:\.[\w-]+)*\."
    r"(?:com|org|net|info|io|co\.uk|de|fr|es|it|nl|pl|eu|shop|store)\b(?:/\S*)?",
    re.IGNORECASE,
)
_EMAIL: Final = re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.-]+\b")
_EMPHASIS: Final = re.compile(r"(\*\*|__|~~|\*|`+)(?=\S)(.+?)(?<=\S)\1", re.DOTALL)
_LINE_MARK: Final = re.compile(r"^\s*(?:#{1,6}\s+|>+\s?|[-*+•]\s+|\(?\d{1,2}[.)]\s+)")
_RULE_LINE: Final = re.compile(r"^\s*(?:[-*_=]\s*){3,}$")
_TABLE_LINE: Final = re.compile(r"^\s*\|.*\|\s*$|^[\s|:-]*\|[\s|:-]*$")
_LABEL: Final = re.compile(
    r"^\s*(?:answer|paragraph|section|heading|title|topic|question|text|output|response|note|"
    r"introduction|conclusion|summary|article|content|assistant|user|system)\s*\d*\s*:\s*",
    re.IGNORECASE,
)
_LEAD_IN: Final = re.compile(
    r"^(?:sure|certainly|of course|absolutely|okay|ok|great)\b[^.!?:]*[.!?:]\s*"
    r"|^(?:here(?:'s| is| are)|below (?:is|are))\b[^.!?:]*:\s*",
    re.IGNORECASE,
)
_MARKUP: Final = re.compile(
    r"^\s*(?:#{1,6}|[-*+•]|\d{1,2}[.)])\s|\*\*|__|`|\]\(|^\s*\||<[a-z/!]|https?://|\bwww\.",
    re.IGNORECASE | re.MULTILINE,
)
_CONNECTOR: Final = re.compile(
    r"^(?:and|but|so|also|additionally|furthermore|moreover|lastly|finally|first|firstly|second|"
    r"secondly|third|thirdly|next|overall|however|therefore|thus|in addition|in conclusion|"
    r"in summary|remember|remember that|as such|for instance|that being said),?\s+(?=\w)",
    re.IGNORECASE,
)
_POINTS_BACK: Final = re.compile(
    r"^(?:this|these|that|those|they|it|he|she|both|such|either|otherwise|another|the former)\b",
    re.IGNORECASE,
)
_RESIDUE: Final = re.compile(
    r"\bas an ai\b|\blanguage model\b|\bi(?:'m| am) (?:an? )?(?:ai|sorry|unable|assistant)\b"
    r"|\bi (?:cannot|can't|apologi[sz]e|don't have)\b|\bopenai\b|\bchatgpt\b|\bsmollm\b"
    r"|\bin this (?:blog|article|post|section|paragraph|guide|essay|response)\b"
    r"|\bthis (?:blog|article|post|section|paragraph|essay|response|prompt)\b"
    r"|\bthe (?:above|following) (?:paragraph|text|sentences?|prompt)\b"
    r"|\b(?:write|rewrite|answer) (?:a|an|the|in|one|this)\b.{0,40}\b(?:paragraph|sentences?|words)"
    r"|\bword count\b|\blorem ipsum\b|(?-i:\bTODO\b)|\b(?:system|user) prompt\b"
    r"|\bignore (?:all|the|any) (?:previous|prior|above|instructions?)\b"
    r"|\[insert\b|\[your\b|\{\{|\}\}|<[a-z/!]|&lt;|\\n",
    re.IGNORECASE,
)
_HOLLOW: Final = re.compile(
    r"\bin (?:the|a) (?:world|realm|era|land|age) (?:of|where|filled)\b|\blook no further\b"
    r"|\bhappy (?:shopping|decorating|reading|hunting)\b|\bgood luck\b|\bgame.?changer\b"
    r"|\bone.of.a.kind\b|\b(?:tapestry|unleash|embark|breathtaking\w*|masterpiece|unforgettable)\b"
    r"|\bonce upon\b|\bdear (?:reader|customer|friend)\b|\bmy (?:dear|friend)\b|\bthank you\b"
    r"|\bhave you ever\b|\bimagine\b|\bdreams?\b|\bmagical?\b|\bjourney\b|\bstory behind\b"
    r"|\b(?:unparalleled|exquisite|luxurious|luxury|stunning|ultimate|perfectly perfect)\b"
    r"|\bto be honest\b|\benjoy (?:exploring|shopping)\b|\bexpress yourself\b|\bcanvas\b|\bmagic\b"
    r"|\b(?:example|something|one) (?:of|like) this\b|\bthese (?:two|sections)\b|\byour brand\b"
    r"|\betc\b|\.\.\.|…|^(?:be prepared|congratulations|enjoy|welcome|hello|hi)\b"
    r"|\b(?:cures?|guarantee[sd]?|scientifically|patented|fda|award.winning)\b",
    re.IGNORECASE,
)
_FIRST_PERSON: Final = re.compile(
    r"\b(?:i|i'm|i've|my|me|mine|we|we're|we've|our|ours|us)\b", re.IGNORECASE
)
_STRICT_MARKS: Final = re.compile(r"[^\w\s.,'’\"“”\-]|_|\s-+\s|-{2,}")
_NUMBER: Final = re.compile(
    r"\d|%|\b(?:hundred|thousand|million|dozen|percent|inch(?:es)?|feet|meters?|pounds?|kilograms?)\b",
    re.IGNORECASE,
)
_SENTENCE_NAME: Final = re.compile(r"(?<=[\w,;'’\"”] )[\"“(]?([A-Z][\w'’-]+)")
FUNCTION_WORDS: Final = word_set(
    """
    a about after all also an and any are as at be because been before but by can could do
    does each for from had has have how if in into is it its just like may more most much no
    not of on one only or other our out over own should so some such than that the their them
    then there these they this those to too up very was way well were what when where which
    while who will with would you your
    """
)


@dataclass(frozen=True)
class Judgement:
    """What sentences of one article may say.

    :param prompt: the request; its wording must not come back.
    :param is_strict: a demo model wrote it.
    :param known_words: case-folded words of the brief: names among them are not made up.
    :param language: that every sentence is in; empty when that does not matter.
    :param attributes: name and value of facts that no sentence may contradict.
    :param avoid: case-folded words and phrases that no sentence may hold.
    """

    prompt: str = ""
    is_strict: bool = False
    known_words: frozenset[str] = frozenset()
    language: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    avoid: tuple[str, ...] = ()


@dataclass
class Seen:
    """What the article says already; shared by its sections."""

    bags: list[frozenset[str]] = field(default_factory=list)
    starts: set[tuple[str, ...]] = field(default_factory=set)

    def add(self, sentence: str) -> None:
        """Remember a sentence."""
        folded = folded_words(sentence)
        self.bags.append(frozenset(folded))
        self.starts.add(tuple(folded[:SAME_START_WORDS]))

    def repeats(self, sentence: str, *, is_strict: bool) -> bool:
        """Whether the article says this already, in nearly the same words."""
        folded = folded_words(sentence)
        bag = frozenset(folded)
        if is_strict and tuple(folded[:SAME_START_WORDS]) in self.starts:
            return True
        return any(_likeness(bag, other) >= NEAR_DUPLICATE for other in self.bags)


def plain_paragraphs(raw: str) -> list[str]:
    """The prose of an answer: markup, addresses, labels and chat format are taken out."""
    text = unicodedata.normalize("NFC", raw[:MAX_RAW_CHARS]).replace("\\n", "\n")
    text = _FENCE.sub("", _CONTROL.sub(" ", text.replace("\r\n", "\n").replace("\t", " ")))
    text = _LINK.sub(r"\1", _IMAGE.sub("", text))
    if "<" in text:
        text = nh3.clean(text, tags=set(), attributes={}, clean_content_tags={"script", "style"})
    text = html.unescape(text)
    text = _REFERENCE.sub("", _URL.sub("", _EMAIL.sub("", text)))
    for _ in range(3):  # bold around italics around code
        text = _EMPHASIS.sub(r"\2", text)
    paragraphs = []
    for part in re.split(r"\n\s*\n", text):
        lines = [_bare_line(line) for line in part.split("\n")]
        joined = " ".join(" ".join(line for line in lines if line).split())
        joined = re.sub(r"\s+([,.;:!?])", r"\1", _LEAD_IN.sub("", joined))
        joined = joined.replace("**", "").replace("__", "").replace("`", "").strip(" *_#>|")
        if joined:
            paragraphs.append(joined)
    return paragraphs


def usable_paragraphs(raw: str, *, judgement: Judgement, seen: Seen) -> list[list[str]]:
    """The sentences of an answer that an article may carry, by paragraph.

    Sentences that stay are remembered in ``seen``.
    """
    found = []
    for paragraph in plain_paragraphs(raw):
        if judgement.language and is_foreign(paragraph, judgement.language):
            continue
        kept: list[str] = []
        is_previous_kept = False
        for sentence in sentences(paragraph):
            whole = _without_connector(sentence, is_strict=judgement.is_strict)
            dangling = judgement.is_strict and not is_previous_kept and _POINTS_BACK.match(whole)
            is_previous_kept = not dangling and is_usable(whole, judgement=judgement, seen=seen)
            if is_previous_kept:
                seen.add(whole)
                kept.append(whole)
        if kept:
            found.append(kept)
    return found


def is_usable(sentence: str, *, judgement: Judgement, seen: Seen) -> bool:
    """Whether an article may carry the sentence."""
    longest = STRICT_MAX_SENTENCE_WORDS if judgement.is_strict else MAX_SENTENCE_WORDS
    return (
        is_whole(sentence)
        and MIN_SENTENCE_WORDS <= word_count(sentence) <= longest
        and not has_residue(sentence)
        and not _loops(sentence)
        and not _echoes(sentence, judgement.prompt)
        and not (judgement.language and is_foreign(sentence, judgement.language))
        and not contradiction(sentence, judgement.attributes)
        and not holds_any(sentence, judgement.avoid)
        and (not judgement.is_strict or _is_sober(sentence, judgement.known_words))
        and not seen.repeats(sentence, is_strict=judgement.is_strict)
    )


def complaints(raw: str, *, judgement: Judgement, wanted_words: int) -> list[str]:
    """What a model should hear about an answer that was of no use; one thing at least."""
    paragraphs = plain_paragraphs(raw)
    text = " ".join(paragraphs)
    found = []
    if _MARKUP.search(raw):
        found.append("it held markup, lists, links or addresses. Write plain sentences only.")
    if judgement.language and any(is_foreign(p, judgement.language) for p in paragraphs):
        found.append("it was in another language.")
    if has_residue(text):
        found.append("it spoke of you, of this order or of the text itself.")
    if any(contradiction(s, judgement.attributes) for s in sentences(text)):
        found.append("it contradicted the facts.")
    if holds_any(text, judgement.avoid):
        found.append("it held words that are never to be used.")
    if text and not is_whole(text):
        found.append("its last sentence did not end.")
    if not found:
        found.append(
            "too little of it was new and of use."
            f" Write about {wanted_words} words, and say nothing twice."
        )
    return found


def holds_any(text: str, phrases: Iterable[str]) -> bool:
    """Whether a text holds one of the phrases, as whole words."""
    said = f" {' '.join(folded_words(text))} "
    return any(f" {' '.join(folded_words(phrase))} " in said for phrase in phrases)


def has_residue(text: str) -> bool:
    """Whether a model speaks of itself, its orders or its format."""
    return _RESIDUE.search(text) is not None


def _bare_line(line: str) -> str:
    """A line without the marks at its start; nothing for rules, table rows and bare headings."""
    if _RULE_LINE.match(line) or _TABLE_LINE.match(line):
        return ""
    is_heading = re.match(r"^\s*#{1,6}\s", line) is not None
    bare = _LABEL.sub("", _LINE_MARK.sub("", line)).strip()
    return "" if is_heading and not is_whole(bare) else bare


def _without_connector(sentence: str, *, is_strict: bool) -> str:
    bare = _CONNECTOR.sub("", sentence) if is_strict else sentence
    bare = _LABEL.sub("", bare).strip()
    return bare[:1].upper() + bare[1:]


def _is_sober(sentence: str, known_words: frozenset[str]) -> bool:
    """No figures, no names that the brief does not have, no boasting, no talk of oneself."""
    inside = sentence.rstrip(" .\"'”’")
    names = [name.casefold() for name in _SENTENCE_NAME.findall(sentence)]
    return not (
        _STRICT_MARKS.search(inside)
        or sentence.endswith(("!", "?", "…"))
        or _NUMBER.search(sentence)
        or _HOLLOW.search(sentence)
        or _FIRST_PERSON.search(sentence)
        or any(name not in known_words for name in names)
        or re.search(r"\b[A-Z]{3,}\b", sentence)
        or sentence.count('"') % 2
    )


def _loops(sentence: str) -> bool:
    """Whether the sentence turns in circles: a phrase twice, or a word over and over."""
    folded = folded_words(sentence)
    phrases = [tuple(folded[i : i + LOOP_WORDS]) for i in range(len(folded) - LOOP_WORDS + 1)]
    if len(phrases) != len(set(phrases)):
        return True
    if any(first == second for first, second in pairwise(folded)):
        return True
    content = Counter(w for w in folded if len(w) >= LONG_WORD and w not in FUNCTION_WORDS)
    return max(content.values(), default=0) >= WORD_TOO_OFTEN


def _echoes(sentence: str, prompt: str) -> bool:
    """Whether a run of the prompt's own words comes back."""
    if not prompt:
        return False
    asked = " ".join(folded_words(prompt))
    folded = folded_words(sentence)
    runs = range(max(1, len(folded) - ECHO_WORDS + 1))
    return len(folded) >= ECHO_WORDS and any(
        f" {' '.join(folded[i : i + ECHO_WORDS])} " in f" {asked} " for i in runs
    )


def _likeness(left: frozenset[str], right: frozenset[str]) -> float:
    union = len(left | right)
    return len(left & right) / union if union else 1.0
