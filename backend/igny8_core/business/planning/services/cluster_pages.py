"""The pages of clusters while people move keywords: which page, which hub. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from igny8_core.business.planning.services.cluster_core import cluster_texts, read_texts
from igny8_core.business.planning.services.cluster_increments import assign_texts, base_of
from igny8_core.business.planning.services.cluster_vectors import frequencies
from igny8_core.business.planning.states import ClusterRole

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from igny8_core.business.planning.services.cluster_vectors import Frequencies


@dataclass(frozen=True, slots=True)
class PageKeyword:
    """A live keyword and its place.

    :ivar page: None for a keyword without one.
    """

    pk: int
    keyword: str
    norm: str
    volume: int | None
    cluster_id: int | None
    page: int | None
    page_place: int
    role: str
    is_pinned: bool

    @property
    def order(self) -> tuple[int, int, str]:
        """Highest volume, then the shortest, then by alphabet."""
        return (-(self.volume if self.volume is not None else -1), len(self.norm), self.norm)


def by_page(keywords: Iterable[PageKeyword]) -> dict[int, list[PageKeyword]]:
    """The pages of one cluster, each with its target first."""
    found: dict[int, list[PageKeyword]] = defaultdict(list)
    for keyword in keywords:
        if keyword.page is not None:
            found[keyword.page].append(keyword)
    return {
        page: sorted(members, key=lambda k: (k.page_place, k.norm, k.pk))
        for page, members in sorted(found.items())
    }


def whole_pages(
    coming: Sequence[PageKeyword], left_behind: Iterable[PageKeyword]
) -> tuple[list[list[PageKeyword]], list[PageKeyword]]:
    """(pages that come as a whole, keywords that come one by one).

    :param left_behind: keywords of the same clusters that stay.
    """
    stays = {(k.cluster_id, k.page) for k in left_behind}
    pages: dict[tuple[int, int], list[PageKeyword]] = defaultdict(list)
    single: list[PageKeyword] = []
    for keyword in sorted(coming, key=lambda k: (k.page_place, k.norm, k.pk)):
        place = (keyword.cluster_id, keyword.page)
        if keyword.cluster_id is None or keyword.page is None or place in stays:
            single.append(keyword)
        else:
            pages[keyword.cluster_id, keyword.page].append(keyword)
    return [pages[place] for place in sorted(pages)], single


def arrive(
    present: Sequence[PageKeyword],
    pages: Sequence[Sequence[PageKeyword]],
    single: Sequence[PageKeyword],
    *,
    cluster_id: int,
    next_page: int,
    language: str,
    known: Frequencies | None = None,
) -> list[PageKeyword]:
    """Newcomers of a cluster with their places in it.

    Whole pages stay pages. A single keyword goes behind a page that it reads like, else keywords
    that read alike make a page together. Newcomers support what is there.

    :param present: the cluster's keywords.
    :param next_page: the first number that no page of the cluster has or had.
    :param known: how often words occur in the sector; None: in these keywords.
    """
    placed: list[PageKeyword] = []
    for members in pages:
        placed += _page_of(members, cluster_id, next_page)
        next_page += 1
    for label, members in _labelled(present, single, language, known).items():
        held = [k for k in present if k.page == label]
        if held:
            first = max(k.page_place for k in held) + 1
            placed += [
                replace(k, cluster_id=cluster_id, page=label, page_place=at, role=held[0].role)
                for at, k in enumerate(members, start=first)
            ]
        else:
            placed += _page_of(members, cluster_id, next_page)
            next_page += 1
    return placed


def _page_of(members: Sequence[PageKeyword], cluster_id: int, page: int) -> list[PageKeyword]:
    role = members[0].role if members[0].role == ClusterRole.ATTRIBUTE else ClusterRole.SUPPORTING
    return [
        replace(k, cluster_id=cluster_id, page=page, page_place=at, role=str(role))
        for at, k in enumerate(members)
    ]


def _labelled(
    present: Sequence[PageKeyword],
    single: Sequence[PageKeyword],
    language: str,
    known: Frequencies | None,
) -> dict[int, list[PageKeyword]]:
    """Keywords by the page of the cluster that they read like, or by new labels."""
    if not single:
        return {}
    paged = [k for k in present if k.page is not None]
    texts = [k.keyword for k in single]
    if paged:
        base = base_of(
            [k.keyword for k in paged],
            page=[k.page or 0 for k in paged],
            topic=[0] * len(paged),
            language=language,
            known=known or _frequencies([k.keyword for k in (*paged, *single)], language),
        )
        labels = assign_texts(base, texts).page.tolist()
    else:
        labels = cluster_texts(texts, language=language).page.tolist()
    found: dict[int, list[PageKeyword]] = defaultdict(list)
    for label, keyword in sorted(
        zip(labels, single, strict=True), key=lambda item: (item[0], item[1].order)
    ):
        found[label].append(keyword)
    return found


def _frequencies(keywords: Sequence[str], language: str) -> Frequencies:
    texts = read_texts(keywords, language)
    return frequencies(texts.bag, texts.stems, texts.stem_of)


def with_one_hub(keywords: Sequence[PageKeyword]) -> list[PageKeyword]:
    """The keywords of a cluster, every page of one role and exactly one of them the hub.

    Without a hub the page with the best keyword becomes it; of several, the one with the lowest
    number stays it.
    """
    pages = by_page(keywords)
    if not pages:
        return list(keywords)
    roles = {page: members[0].role for page, members in pages.items()}
    hubs = [page for page, role in roles.items() if role == ClusterRole.HUB]
    hub = hubs[0] if hubs else min(pages, key=lambda page: min(k.order for k in pages[page]))
    roles |= dict.fromkeys(hubs, ClusterRole.SUPPORTING.value) | {hub: ClusterRole.HUB.value}
    return [k if k.page is None else replace(k, role=roles[k.page]) for k in keywords]
