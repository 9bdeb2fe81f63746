"""May this text leave us at all? Gates over a finished article. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from igny8_core.business.content.services.article_blocks import (
    FaqBlock,
    HeadingBlock,
    HtmlBlock,
    ListBlock,
    OutsideLink,
    ParagraphBlock,
    QuoteBlock,
    links_of,
    texts,
)
from igny8_core.business.content.services.clean_text import has_residue
from igny8_core.business.content.services.language_guess import WORDS_TO_TELL, is_foreign
from igny8_core.business.content.services.seo_fields import (
    DESCRIPTION_MAX,
    DESCRIPTION_MIN,
    SLUG_MAX,
    TITLE_MAX,
)
from igny8_core.business.content.services.stated_facts import contradiction
from igny8_core.business.content.services.text_measures import (
    folded_words,
    is_whole,
    sentences,
)
from igny8_core.common.html import escape, sanitize_html

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from igny8_core.business.content.services.assemble_article import Article

HEADING_MAX: Final = 70
WORDS_PER_HEADING: Final = 300
PERCENT_OK, PERCENT_SOFT = 10, 25
PERCENT_OF_LANGUAGE: Final = 95
WORDS_OK, WORDS_SOFT = 300, 100

_MARKDOWN: Final = re.compile(
    r"^\s*(?:#{1,6}|[-*+]|\d{1,2}\.|>)\s|\*\*|__|~~|`|\]\(|!\[|\|---|&lt;/?\w|\\n", re.MULTILINE
)
_ADDRESS: Final = re.compile(r"https?://|\bwww\.|<a\b", re.IGNORECASE)
_CITATION: Final = re.compile(r"\[\d{1,3}\]|\bdoi:|\bisbn\b", re.IGNORECASE)
_HREF: Final = re.compile(r'href="([^"]*)"')


@dataclass(frozen=True)
class GateResult:
    """What one gate found.

    :ivar is_hard: cannot be overridden by anybody.
    """

    gate: str
    is_hard: bool
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.problems


def check_gates(
    article: Article,
    *,
    target_words: int | None,
    attributes: Sequence[tuple[str, str]] = (),
) -> tuple[GateResult, ...]:
    """Every gate's result, in a fixed order. A gate whose code fails is a failed gate.

    :param attributes: name and value of the facts that nothing may contradict.
    """
    return tuple(
        GateResult(name, is_hard, tuple(check(article)))
        for name, is_hard, check in (
            *_GATES,
            ("facts", True, _facts(attributes)),
            ("word_count", _is_far_off(article, target_words), _word_count(target_words)),
        )
    )


def hard_failures(results: Iterable[GateResult]) -> list[str]:
    """``gate: problem`` of every hard gate that failed."""
    return [
        f"{result.gate}: {problem}"
        for result in results
        if result.is_hard
        for problem in result.problems
    ]


def _prose(article: Article) -> list[str]:
    return [
        text
        for block in article.blocks
        if isinstance(block, ParagraphBlock | QuoteBlock | FaqBlock)
        for text in texts(block)
    ]


def _everything(article: Article) -> str:
    return "\n".join(text for block in article.blocks for text in texts(block))


def _headings(article: Article) -> list[str]:
    """Soft: levels, lengths, repetition, and enough of them."""
    found = [block for block in article.blocks if isinstance(block, HeadingBlock)]
    problems = []
    level = 1
    for block in found:
        if block.level > level + 1:
            problems.append(f"level {block.level} after {level}")
        if len(block.text) > HEADING_MAX:
            problems.append(f"longer than {HEADING_MAX} characters: {block.text}")
        level = block.level
    folded = [" ".join(folded_words(block.text)) for block in found]
    problems += sorted({f"twice: {text}" for text in folded if folded.count(text) > 1})
    if len(found) * WORDS_PER_HEADING < article.word_count - WORDS_PER_HEADING:
        problems.append("too few")
    return problems


def _html(article: Article) -> list[str]:
    problems = []
    if "<h1" in article.html:
        problems.append("an H1 in the body")
    if sanitize_html(article.html) != article.html:
        problems.append("not what the allow-list makes of it")
    return problems


def _links(article: Article) -> list[str]:
    problems = [f"address in the text: {found}" for found in _ADDRESS.findall(_everything(article))]
    set_by_people = {
        escape(link.url)
        for block in article.blocks
        for link in links_of(block)
        if isinstance(link, OutsideLink)
    }
    for block in article.blocks:
        if isinstance(block, HtmlBlock):
            set_by_people.update(_HREF.findall(block.html))
    strange = [
        href
        for href in _HREF.findall(article.html)
        if not href.startswith("#content-") and href not in set_by_people
    ]
    return problems + [f"unknown address: {href}" for href in strange]


def _language(article: Article) -> list[str]:
    """At least 95 % of the sentences that are long enough to tell are in the wanted language."""
    found = [s for text in _prose(article) for s in sentences(text)]
    long = [s for s in found if len(folded_words(s)) >= WORDS_TO_TELL]
    foreign = [s for s in long if is_foreign(s, article.language)]
    if len(foreign) * 100 <= (100 - PERCENT_OF_LANGUAGE) * len(long):
        return []
    return [f"not in {article.language}: {text[:60]}" for text in foreign]


def _facts(attributes: Sequence[tuple[str, str]]) -> Callable[[Article], list[str]]:
    def check(article: Article) -> list[str]:
        said = (s for text in _prose(article) for s in sentences(text))
        found = ((contradiction(s, attributes), s) for s in said)
        return [f"{name} is stated otherwise: {text[:60]}" for name, text in found if name]

    return check


def _markdown(article: Article) -> list[str]:
    return [f"markup in the text: {found!r}" for found in _MARKDOWN.findall(_everything(article))]


def _residue(article: Article) -> list[str]:
    return [text[:80] for text in _everything(article).split("\n") if has_residue(text)]


def _complete(article: Article) -> list[str]:
    leads = {
        block.text
        for block, following in pairwise(article.blocks)
        if isinstance(block, ParagraphBlock)
        and isinstance(following, ListBlock)
        and block.text.endswith(":")
    }
    problems = [
        f"does not end: …{text[-40:]}"
        for text in _prose(article)
        if not is_whole(text) and text not in leads
    ]
    return problems if article.blocks else ["nothing was written"]


def _citations(article: Article) -> list[str]:
    return [f"without a source: {found}" for found in _CITATION.findall(_everything(article))]


def _repetition(article: Article) -> list[str]:
    said = [" ".join(folded_words(s)) for text in _prose(article) for s in sentences(text)]
    return sorted({f"twice: {text[:60]}" for text in said if said.count(text) > 1})


def _seo_fields(article: Article) -> list[str]:
    problems = []
    if len(article.meta_title) > TITLE_MAX:
        problems.append("title too long")
    if not DESCRIPTION_MIN <= len(article.meta_description) <= DESCRIPTION_MAX:
        problems.append("description too short or too long")
    if len(article.slug) > SLUG_MAX or article.slug != article.slug.lower():
        problems.append("slug too long, or with capitals")
    return problems


def _seo_empty(article: Article) -> list[str]:
    fields = ("title", "meta_title", "meta_description", "slug", "excerpt", "primary_keyword")
    return [f"{name} is empty" for name in fields if not str(getattr(article, name)).strip()]


def _word_count(target: int | None) -> Callable[[Article], list[str]]:
    def check(article: Article) -> list[str]:
        count = article.word_count
        if target is None:
            return [] if count >= WORDS_OK else [f"{count} words"]
        is_near = abs(count - target) * 100 <= PERCENT_OK * target
        return [] if is_near else [f"{count} words, wanted {target}"]

    return check


def _is_far_off(article: Article, target: int | None) -> bool:
    if target is None:
        return article.word_count < WORDS_SOFT
    return abs(article.word_count - target) * 100 > PERCENT_SOFT * target


_GATES: Final[tuple[tuple[str, bool, Callable[[Article], list[str]]], ...]] = (
    ("headings", False, _headings),
    ("clean_html", True, _html),
    ("links", True, _links),
    ("markdown", True, _markdown),
    ("residue", True, _residue),
    ("complete", True, _complete),
    ("language", True, _language),
    ("citations", True, _citations),
    ("repetition", False, _repetition),
    ("seo_fields", False, _seo_fields),
    ("seo_empty", True, _seo_empty),
)
