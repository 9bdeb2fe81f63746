"""What models leave in their prose, taken out."""

from __future__ import annotations

import re

CONTROL_TOKENS = re.compile(r"<\|[^|>]{1,40}\|>")
CODE_FENCE = re.compile(r"^```[a-z]*\s*\n|\n?```\s*$", re.MULTILINE)
SENTENCE = re.compile(r"[^.!?…]*[.!?…]+[\"'\u201d\u2019)\]]*\s*|[^.!?…]+$", re.DOTALL)
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
SENTENCE_KEY_WORDS = 8


def storable(text: str) -> str:
    """The text without characters that PostgreSQL or a page cannot hold."""
    return UNPRINTABLE.sub("", text)


def tidy_prose(text: str, *, is_cut: bool = False) -> str:
    """Paragraphs of finished sentences, each said once.

    Small models repeat themselves and leave their chat format behind; every model that reaches its
    token limit leaves half a sentence.

    :param is_cut: the answer ended at its limit: the last sentence goes if it is not finished.
    """
    plain = CODE_FENCE.sub("", CONTROL_TOKENS.sub("", storable(text)))
    seen: set[str] = set()
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", plain):
        kept = [s for s in SENTENCE.findall(paragraph) if _is_new(s, seen)]
        if joined := "".join(kept).strip():
            paragraphs.append(joined)
    if is_cut and paragraphs:
        paragraphs[-1] = _finished(paragraphs[-1])
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def _is_new(sentence: str, seen: set[str]) -> bool:
    words = re.findall(r"\w+", sentence.lower())
    key = " ".join(words[:SENTENCE_KEY_WORDS])
    if len(words) >= SENTENCE_KEY_WORDS and key in seen:
        return False
    seen.add(key)
    return True


def _finished(paragraph: str) -> str:
    sentences = SENTENCE.findall(paragraph)
    if sentences and not re.search(r"[.!?…][\"'\u201d\u2019)\]]*\s*$", sentences[-1]):
        sentences.pop()
    return "".join(sentences).strip()
