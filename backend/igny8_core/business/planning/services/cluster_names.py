"""The name of a cluster, its pages in order, and the part that each page plays.

Pure. A name is always a keyword that somebody searches for, never built from frequent terms.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from igny8_core.business.planning.services.language_words import language_words
from igny8_core.business.planning.states import ClusterRole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MAX_NAME_LENGTH = 255
RECURRING_TOPICS = 3
MIN_PLURAL = 4
_YEARS = range(1990, 2100)


@dataclass(frozen=True, slots=True)
class Member:
    """A keyword of a cluster.

    :ivar page: label of its page, whatever numbers the clustering gave.
    :ivar centrality: how near it is to the middle of the cluster.
    """

    keyword_id: int
    keyword: str
    norm: str
    volume: int | None
    centrality: float
    page: int

    @property
    def order(self) -> tuple[int, float, int, str]:
        """Highest volume, then the most central, then the shortest, then by alphabet."""
        volume = -1 if self.volume is None else self.volume
        return (-volume, -round(self.centrality, 4), len(self.norm), self.norm)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a cluster: its keywords, best first; the first one is its target."""

    members: tuple[Member, ...]

    @property
    def target(self) -> Member:
        return self.members[0]

    @property
    def volume(self) -> int:
        """Sum of the known volumes."""
        return sum(member.volume or 0 for member in self.members)


def pages_of(members: Iterable[Member]) -> list[Page]:
    """Pages in their order: the hub, which holds the best keyword of all, then by volume."""
    by_page: dict[int, list[Member]] = {}
    for member in members:
        by_page.setdefault(member.page, []).append(member)
    pages = [Page(tuple(sorted(found, key=lambda m: m.order))) for found in by_page.values()]
    hub = min(pages, key=lambda page: page.target.order)
    rest = [page for page in pages if page is not hub]
    rest.sort(key=lambda page: (-page.volume, -len(page.members), page.target.order))
    return [hub, *rest]


def choose_name(pages: Sequence[Page], taken: Iterable[str]) -> str:
    """The best keyword whose text is not taken; else with its most telling word, else a number.

    :param taken: case-folded names of the sector's other clusters.
    """
    names = set(taken)
    members = sorted((m for page in pages for m in page.members), key=lambda m: m.order)
    for member in members:
        if member.keyword.casefold() not in names:
            return member.keyword
    best = members[0].keyword
    counted = Counter(word for member in members for word in set(member.norm.split()))
    for word in best.casefold().split():
        counted.pop(word, None)
    telling = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    tries = [f"{best} {word}" for word, _count in telling[:1]]
    number = 2
    while True:
        for name in tries:
            shown = name[:MAX_NAME_LENGTH]
            if shown.casefold() not in names:
                return shown
        tries = [f"{best[: MAX_NAME_LENGTH - 8]} {number}"]
        number += 1


def page_roles(
    topics: Mapping[int, Sequence[Page]], *, language: str
) -> dict[int, list[ClusterRole]]:
    """The role of each page of each topic: a proposal.

    The first page is the hub. A page that differs from it only by facets (colour, size, price,
    year …, or a word that is the only difference in several topics) is an attribute of it.
    """
    words = language_words(language)
    extras = {
        topic: [_extra(page, pages[0], words.filler) for page in pages[1:]]
        for topic, pages in topics.items()
    }
    recurring = Counter(
        next(iter(extra))
        for found in extras.values()
        for extra in {frozenset(e) for e in found if e is not None and len(e) == 1}
    )
    facets = {word for word, count in recurring.items() if count >= RECURRING_TOPICS}
    facets |= words.facets
    return {
        topic: [
            ClusterRole.HUB,
            *(
                ClusterRole.ATTRIBUTE
                if extra is not None and all(_is_facet(word, facets) for word in extra)
                else ClusterRole.SUPPORTING
                for extra in found
            ),
        ]
        for topic, found in extras.items()
    }


def _extra(page: Page, hub: Page, filler: frozenset[str]) -> frozenset[str] | None:
    """Words of a page's target beyond the hub's; None when it lacks one of the hub's words."""
    own = _stems(page.target.norm, filler)
    other = _stems(hub.target.norm, filler)
    return frozenset(own - other) if other <= own else None


def _stems(norm: str, filler: frozenset[str]) -> set[str]:
    """Words without filler and plural s: near enough to compare two targets."""
    return {
        word[:-1] if word.endswith("s") and len(word) >= MIN_PLURAL else word
        for word in norm.split()
        if word not in filler
    }


def _is_facet(word: str, facets: set[str]) -> bool:
    if word.isdigit():
        return int(word) in _YEARS
    return word in facets or f"{word}s" in facets
