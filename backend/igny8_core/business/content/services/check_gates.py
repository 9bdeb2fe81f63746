"""May this text leave us at all? Gates over a finished article. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import structlog
from django.db import DatabaseError

from igny8_core.business.content.services.article_blocks import (
    FaqBlock,
    HeadingBlock,
    HtmlBlock,
    ListBlock,
    OutsideLink,
    ParagraphBlock,
    QuoteBlock,
    article_links,
    links_of,
    texts,
)
from igny8_core.business.content.services.brief import keyword_key
from igny8_core.business.content.services.clean_text import has_residue
from igny8_core.business.content.services.gate_words import FIXES
from igny8_core.business.content.services.internal_links import WORDS_PER_LINK
from igny8_core.business.content.services.language_guess import WORDS_TO_TELL, is_foreign
from igny8_core.business.content.services.repeated_phrases import repeated_phrases
from igny8_core.business.content.services.scoring_width import MAX_UNITS, title_units
from igny8_core.business.content.services.seo_fields import SLUG_MAX
from igny8_core.business.content.services.stated_facts import contradiction, unknown_measures
from igny8_core.business.content.services.text_measures import (
    folded_words,
    is_whole,
    sentences,
)
from igny8_core.business.content.states import GateKind
from igny8_core.common.html import escape, sanitize_html

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from igny8_core.business.content.services.assemble_article import Article

_Gate = Callable[["Article"], tuple[bool, list[str]]]
"""Whether what it found is hard, and what it found."""

log = structlog.get_logger(__name__)

HEADING_MAX: Final = 70
WORDS_PER_HEADING: Final = 300
WORDS_PER_HUB_HEADING: Final = 250
TITLE_MIN, TITLE_MAX = 30, 65
DESCRIPTION_MIN, DESCRIPTION_MAX = 70, 160
"""Characters that pass; what our own rules write is a little shorter."""

PERCENT_OK, PERCENT_SOFT = 10, 25
PERCENT_OF_LANGUAGE: Final = 95
WORDS_OK, WORDS_SOFT = 300, 100

_MARKDOWN: Final = re.compile(
    r"^\s*(?:#{1,6}|[-*+]|\d{1,2}\.|>)\s|\*\*|__|~~|`|\]\(|!\[|\|---|&lt;/?\w|\\n", re.MULTILINE
)
_ADDRESS: Final = re.compile(r"https?://|\bwww\.|<a\b", re.IGNORECASE)
_CITATION: Final = re.compile(r"\[\d{1,3}\]|\bdoi:|\bisbn\b", re.IGNORECASE)
_HREF: Final = re.compile(r'href="([^"]*)"')
_HEADING: Final = re.compile(r"<h[2-6][\s>]")
_EMPTY_HEADING: Final = re.compile(r"<h([2-6])\b[^>]*>(?:\s|<[^h>][^>]*>)*</h\1>")
CRASHED: Final = "the check itself failed, so nothing is known"


@dataclass(frozen=True)
class GateResult:
    """What one gate found.

    :ivar is_hard: cannot be overridden by anybody; what is soft a person can, with a reason.
    """

    gate: str
    is_hard: bool
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.problems

    @property
    def kind(self) -> GateKind:
        """Whether it can be overridden."""
        return GateKind.HARD if self.is_hard else GateKind.SOFT

    @property
    def fix(self) -> str:
        """What to do about it; empty for a gate that passed."""
        return "" if self.passed else FIXES[self.gate]


def check_gates(
    article: Article,
    *,
    target_words: int | None,
    attributes: Sequence[tuple[str, str]] = (),
    is_hub: bool = False,
) -> tuple[GateResult, ...]:
    """Every gate's result, in a fixed order. A gate whose code fails is a failed, hard gate.

    :param attributes: name and value of the facts that nothing may contradict.
    :param is_hub: whether it gives the overview of its topic: it needs more headings.
    """
    gates: tuple[tuple[str, _Gate], ...] = (
        ("headings", _headings(is_hub=is_hub)),
        *((name, _always(kind, check)) for name, kind, check in _GATES),
        ("facts", _facts(attributes)),
        ("word_count", _word_count(target_words)),
    )
    return tuple(run_gate(name, partial(gate, article)) for name, gate in gates)


def run_gate(name: str, gate: Callable[[], tuple[bool, Iterable[str]]]) -> GateResult:
    """The result of one gate; a gate whose code fails is a failed, hard gate.

    :param gate: whether what it found is hard, and what it found.
    """
    try:
        is_hard, problems = gate()
        return GateResult(name, is_hard, tuple(problems))
    except DatabaseError:  # the transaction is lost with it
        raise
    except Exception:  # what cannot be judged must not go out; the log has it
        log.exception("content.gate.crashed", gate=name)
        return GateResult(name, is_hard=True, problems=(CRASHED,))


def _always(kind: GateKind, check: Callable[[Article], list[str]]) -> _Gate:
    return lambda article: (kind == GateKind.HARD, check(article))


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


def _headings(*, is_hub: bool) -> _Gate:
    """Levels, lengths, repetition, and enough of them; a second H1 or an empty one is hard."""

    def check(article: Article) -> tuple[bool, list[str]]:
        broken = ["an H1 in the body"] if "<h1" in article.html else []
        if _EMPTY_HEADING.search(article.html):
            broken.append("an empty heading")
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
        per_heading = WORDS_PER_HUB_HEADING if is_hub else WORDS_PER_HEADING
        count = len(found) + sum(
            len(_HEADING.findall(block.html))
            for block in article.blocks
            if isinstance(block, HtmlBlock)
        )
        if count * per_heading < article.word_count - per_heading:
            problems.append("too few")
        return bool(broken), broken + problems

    return check


def _html(article: Article) -> list[str]:
    if sanitize_html(article.html) != article.html:
        return ["not what the allow-list makes of it"]
    return []


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
    problems += [f"unknown address: {href}" for href in strange]
    own = sum(len(article_links(block)) for block in article.blocks)
    if (own - 1) * WORDS_PER_LINK > article.word_count:  # the one to the hub comes on top
        problems.append(f"{own} links to other articles in {article.word_count} words")
    return problems


def _language(article: Article) -> list[str]:
    """At least 95 % of the sentences that are long enough to tell are in the wanted language."""
    found = [s for text in _prose(article) for s in sentences(text)]
    long = [s for s in found if len(folded_words(s)) >= WORDS_TO_TELL]
    foreign = [s for s in long if is_foreign(s, article.language)]
    if len(foreign) * 100 <= (100 - PERCENT_OF_LANGUAGE) * len(long):
        return []
    return [f"not in {article.language}: {text[:60]}" for text in foreign]


def _facts(attributes: Sequence[tuple[str, str]]) -> _Gate:
    """What contradicts a known fact is hard; a measure that no fact gives is soft."""

    def check(article: Article) -> tuple[bool, list[str]]:
        said = [s for text in _prose(article) for s in sentences(text)]
        found = ((contradiction(s, attributes), s) for s in said)
        wrong = [f"{name} is stated otherwise: {text[:60]}" for name, text in found if name]
        if wrong:
            return True, wrong
        unknown = unknown_measures(said, attributes)
        return not unknown, [f"no known fact says so: {text}" for text in unknown]

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
    said = [folded_words(s) for text in _prose(article) for s in sentences(text)]
    whole = Counter(" ".join(words) for words in said)
    problems = sorted(f"twice: {text[:60]}" for text, count in whole.items() if count > 1)
    keyphrase = folded_words(article.primary_keyword)
    found = repeated_phrases(said, words=article.word_count, keyphrase=keyphrase)
    return problems + [f"{count} times: {phrase}" for phrase, count in found]


def _seo_fields(article: Article) -> list[str]:
    problems = []
    title, description = article.meta_title, article.meta_description
    if title and not TITLE_MIN <= len(title) <= TITLE_MAX:
        problems.append(f"title of {len(title)} characters")
    if (title_units(title) or 0) > MAX_UNITS:
        problems.append("title wider than 600 pixels")
    if description and not DESCRIPTION_MIN <= len(description) <= DESCRIPTION_MAX:
        problems.append(f"description of {len(description)} characters")
    if len(article.slug) > SLUG_MAX or article.slug != article.slug.lower():
        problems.append("slug too long, or with capitals")
    if article.slug.endswith("-"):
        problems.append("slug stops at a hyphen")
    if not keyword_key(article.primary_keyword) <= keyword_key(f"{title} {description}"):
        problems.append("the keyphrase is neither in the title nor in the description")
    return problems


def _seo_empty(article: Article) -> list[str]:
    fields = ("title", "meta_title", "meta_description", "slug", "primary_keyword")
    return [f"{name} is empty" for name in fields if not str(getattr(article, name)).strip()]


def _word_count(target: int | None) -> _Gate:
    def check(article: Article) -> tuple[bool, list[str]]:
        count = article.word_count
        if target is None:
            return count < WORDS_SOFT, [] if count >= WORDS_OK else [f"{count} words"]
        away = abs(count - target) * 100
        is_near = away <= PERCENT_OK * target
        problems = [] if is_near else [f"{count} words, wanted {target}"]
        return away > PERCENT_SOFT * target, problems

    return check


_GATES: Final[tuple[tuple[str, GateKind, Callable[[Article], list[str]]], ...]] = (
    ("clean_html", GateKind.HARD, _html),
    ("links", GateKind.HARD, _links),
    ("markdown", GateKind.HARD, _markdown),
    ("residue", GateKind.HARD, _residue),
    ("complete", GateKind.HARD, _complete),
    ("language", GateKind.HARD, _language),
    ("citations", GateKind.HARD, _citations),
    ("repetition", GateKind.SOFT, _repetition),
    ("seo_fields", GateKind.SOFT, _seo_fields),
    ("seo_empty", GateKind.HARD, _seo_empty),
)
