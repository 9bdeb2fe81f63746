"""Ideas beside what there is already: written, planned, or another idea. Pure, free, repeatable.

Every idea is compared with the pages that its words or its meaning bring near it. Of two ideas that
are one, the first in order is free to go and the other is held back.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from igny8_core.business.planning.services.cluster_vectors import MODEL_DIMS
from igny8_core.business.planning.services.overlap_score import (
    DUPLICATE,
    NARROWER,
    compare,
    unit_vector,
)
from igny8_core.business.planning.services.overlap_terms import page_terms
from igny8_core.business.planning.states import BLOCKING_VERDICTS, OverlapVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from igny8_core.business.planning.services.overlap_score import Comparison
    from igny8_core.business.planning.services.overlap_terms import Terms

MATCHES_KEPT = 5
NEAREST = 20
LEAST_COSINE = 0.45
COMMON_STEM_PAGES = 300
"""A word on more pages than this brings none of them near by itself."""

KEYWORDS_LOOKED_AT = 30
CONTENT, PAGE, TASK, IDEA = "content", "page", "task", "idea"
_SLUG = re.compile(r"[-_/+.]+")
_WORDS = {
    CONTENT: "an article", PAGE: "a page of the site", TASK: "a writing task",
    IDEA: "another idea",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PageText:
    """A page, a planned one, or an idea, as far as overlap goes.

    :ivar kind: ``content``, ``page`` (imported), ``task`` or ``idea``.
    :ivar keywords: beside the main one.
    :ivar idea_id: of an idea itself, and of what was written from one: it is not held against it.
    """

    kind: str
    pk: int
    title: str
    keyword: str = ""
    keywords: tuple[str, ...] = ()
    slug: str = ""
    url: str = ""
    cluster_id: int | None = None
    idea_id: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A page that an idea overlaps with."""

    page: PageText
    score: float
    is_duplicate: bool
    why: str

    def stored(self) -> dict[str, Any]:
        """As it is kept with the idea."""
        return {
            "kind": self.page.kind,
            "id": self.page.pk,
            "title": self.page.title,
            "keyword": self.page.keyword,
            "url": self.page.url or (f"/{self.page.slug}" if self.page.slug else ""),
            "score": round(self.score, 2),
            "is_duplicate": self.is_duplicate,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the guard says of one idea."""

    verdict: OverlapVerdict
    reason: str
    matches: tuple[Match, ...] = ()


FINE = Judgement(OverlapVerdict.FINE, "Nothing on this site serves the same searches.")


@dataclass
class _Index:
    """Pages by the stems of their texts, and their directions."""

    pages: list[PageText] = field(default_factory=list)
    variants: list[list[Terms]] = field(default_factory=list)
    by_stem: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    rows: list[NDArray[np.float32]] = field(default_factory=list)
    owner: list[int] = field(default_factory=list)
    matrix: NDArray[np.float32] = field(
        default_factory=lambda: np.empty((0, MODEL_DIMS), np.float32)
    )

    def add(self, page: PageText, variants: list[Terms]) -> None:
        number = len(self.pages)
        self.pages.append(page)
        self.variants.append(variants)
        for stem in {stem for terms in variants for stem in terms.stems}:
            self.by_stem[stem].append(number)
        for terms in variants:
            self.rows.append(_direction(terms))
            self.owner.append(number)

    def near(self, variants: Sequence[Terms]) -> list[int]:
        """Pages that may be the same: by a word that few pages have, or by meaning."""
        shared: Counter[int] = Counter()
        for stem in {stem for terms in variants for stem in terms.stems}:
            holders = self.by_stem.get(stem, ())
            if len(holders) <= COMMON_STEM_PAGES:
                shared.update(holders)
        found = {number for number, _count in shared.most_common(10 * NEAREST)}
        if len(self.rows) > len(self.matrix):
            fresh = np.stack(self.rows[len(self.matrix) :])
            self.matrix = np.concatenate([self.matrix, fresh])
        if len(self.matrix) and variants:
            own = np.stack([_direction(terms) for terms in variants])
            similar = (own @ self.matrix.T).max(axis=0)
            best = np.argsort(-similar, kind="stable")[:NEAREST]
            found |= {self.owner[at] for at in best.tolist() if similar[at] >= LEAST_COSINE}
        return sorted(found)


def judge_ideas(
    ideas: Sequence[PageText],
    pages: Iterable[PageText],
    *,
    language: str,
    free: Iterable[int] = (),
    known: Iterable[int] = (),
    held_back: Iterable[int] = (),
) -> dict[int, Judgement]:
    """The verdict on each idea, by its id.

    :param ideas: the most worth writing first; of two that are one the first is free to go.
    :param pages: everything that is written, planned or accepted.
    :param free: ideas that a person wants in any case; they are judged all the same, and later
        ones are held against them.
    :param known: ideas that need no verdict now: later ones are held against them, unless they are
        among the ``held_back``.
    """
    index = _Index()
    for page in pages:
        index.add(page, _variants(page, language))
    wanted, settled, held = set(free), set(known), set(held_back)
    found: dict[int, Judgement] = {}
    for idea in ideas:
        variants = _variants(idea, language)
        if idea.pk in settled:
            if idea.pk not in held:
                index.add(idea, variants)
            continue
        judgement = _judge(idea, variants, index, language)
        found[idea.pk] = judgement
        if judgement.verdict not in BLOCKING_VERDICTS or idea.pk in wanted:
            index.add(idea, variants)
    return found


def _judge(idea: PageText, variants: list[Terms], index: _Index, language: str) -> Judgement:
    duplicates: list[Match] = []
    related: list[Match] = []
    for number in index.near(variants):
        page = index.pages[number]
        if idea.idea_id is not None and page.idea_id == idea.idea_id:
            continue
        found = _closest(variants, index.variants[number], language)
        if found.is_duplicate and not _is_planned_apart(found, idea, page):
            duplicates.append(Match(page, found.score, is_duplicate=True, why=_why_same(found)))
        elif _is_worth_telling(found, idea, page):
            related.append(Match(page, found.score, is_duplicate=False, why=_why_near(found)))
    order = {CONTENT: 0, PAGE: 1, TASK: 2, IDEA: 3}
    for matches in (duplicates, related):
        matches.sort(key=lambda m: (-m.score, order[m.page.kind], m.page.pk))
    if duplicates:
        return _held_back(idea, tuple(duplicates[:MATCHES_KEPT]), language)
    if related:
        shown = tuple(related[:MATCHES_KEPT])
        first = shown[0]
        reason = (
            f"Near {_WORDS[first.page.kind]}, \u201c{_name(first.page)}\u201d: {first.why} "
            "Write it for what is its own, and link the two."
        )
        return Judgement(OverlapVerdict.DIFFERENTIATE, reason, shown)
    return FINE


def _held_back(idea: PageText, matches: tuple[Match, ...], language: str) -> Judgement:
    """Skip what is served whole; what brings more keywords is merged into what there is."""
    first = matches[0]
    missing = _missing(idea, first.page, language)
    where = f"{_WORDS[first.page.kind]}, \u201c{_name(first.page)}\u201d"
    if not missing:
        reason = f"Served already by {where}: {first.why} There is nothing left to write."
        return Judgement(OverlapVerdict.SKIP, reason, matches)
    shown = ", ".join(f"\u201c{text}\u201d" for text in missing[:3])
    more = f" and {len(missing) - 3} more" if len(missing) > len("abc") else ""
    reason = (
        f"One page should serve this and {where}: {first.why} Extend that one with {shown}{more}."
    )
    return Judgement(OverlapVerdict.MERGE, reason, matches)


def _missing(idea: PageText, page: PageText, language: str) -> list[str]:
    """Keywords of the idea that the page does not serve."""
    served = _variants(page, language)
    served += [page_terms(text, "", language) for text in page.keywords[:KEYWORDS_LOOKED_AT]]
    return [
        text
        for text in idea.keywords[:KEYWORDS_LOOKED_AT]
        if not _closest([page_terms(text, "", language)], served, language).is_duplicate
    ]


def _is_planned_apart(found: Comparison, idea: PageText, page: PageText) -> bool:
    """A cluster's own pages: the clustering made two of what only a qualifier tells apart."""
    is_sibling = idea.cluster_id is not None and idea.cluster_id == page.cluster_id
    return is_sibling and found.score < DUPLICATE


def _is_worth_telling(found: Comparison, idea: PageText, page: PageText) -> bool:
    """Pages of one cluster are meant to be near each other; only very near ones are named."""
    if idea.cluster_id is not None and idea.cluster_id == page.cluster_id:
        return found.score >= NARROWER and found.conflict in {"", "intent"}
    return found.is_related


def _closest(ones: Sequence[Terms], others: Sequence[Terms], language: str) -> Comparison:
    """The nearest of all readings; numbers, opposites and directions of the first reading stand."""
    found = [compare(one, other, language) for one in ones for other in others]
    if found[0].conflict in {"numbers", "contrast", "direction"}:
        return found[0]
    return max(found, key=lambda one: (one.is_duplicate, one.score))


def _variants(page: PageText, language: str) -> list[Terms]:
    """What a page is about, read from its keyword, its title and its address."""
    slug = _SLUG.sub(" ", page.slug).strip()
    texts = [(page.keyword, page.title), ("", page.title), ("", slug)]
    found: list[Terms] = []
    for keyword, title in texts:
        terms = page_terms(keyword, title, language)
        if terms.topic and terms not in found:
            found.append(terms)
    return found or [page_terms(page.keyword, page.title, language)]


def _direction(terms: Terms) -> NDArray[np.float32]:
    total = np.zeros(MODEL_DIMS, np.float32)
    for _stem, word, weight in terms.topic:
        total += unit_vector(word) * np.float32(weight)
    length = float(np.linalg.norm(total))
    unit: NDArray[np.float32] = total / length if length > 0 else total
    return unit


def _why_same(found: Comparison) -> str:
    own = [word for words in found.own for word in words]
    if not own:
        return "the same topic in other words."
    return f"the same topic but for {_listed(own)}."


def _why_near(found: Comparison) -> str:
    reasons = {
        "numbers": "the same thing with other numbers.",
        "contrast": "the opposite of it.",
        "direction": "the other direction.",
        "intent": "the same topic, but searchers want something else there.",
    }
    if found.conflict:
        return reasons[found.conflict]
    first, second = (_listed(list(words)) if words else "nothing of its own" for words in found.own)
    return f"here {first}, there {second}."


def _name(page: PageText) -> str:
    return page.title or page.keyword or page.slug


def _listed(words: list[str]) -> str:
    shown = [f"\u201c{word}\u201d" for word in words[:3]]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
