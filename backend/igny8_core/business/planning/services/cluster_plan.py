"""Where each keyword goes, decided without a database: pages, names, roles, intents."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from igny8_core.business.planning.services.cluster_core import (
    VERSION,
    cluster_texts,
    read_texts,
)
from igny8_core.business.planning.services.cluster_increments import assign_texts, base_of
from igny8_core.business.planning.services.cluster_names import (
    Member,
    Page,
    choose_name,
    page_roles,
    pages_of,
)
from igny8_core.business.planning.services.cluster_vectors import frequencies
from igny8_core.business.planning.services.keyword_intents import (
    SETTLED,
    Found,
    Voter,
    page_intents,
    rule_intent,
)
from igny8_core.business.planning.states import ClusterRole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from igny8_core.business.planning.services.cluster_core import Clustering
    from igny8_core.business.planning.services.cluster_increments import Assignment
    from igny8_core.business.planning.services.cluster_inputs import Inputs, KeywordInput

CLUSTERER_VERSION = VERSION
NO_PAGE = -1


@dataclass(slots=True)
class Placement:
    """Where one keyword goes.

    :ivar cluster: id of a cluster, or the place of a new one in :attr:`Plan.clusters`.
    """

    keyword_id: int
    cluster: int
    is_new_cluster: bool
    page: int
    page_place: int
    role: str
    intent: Found


@dataclass(slots=True)
class NewCluster:
    """A cluster to be made."""

    name: str
    keywords_count: int
    volume: int
    intent: str = ""


@dataclass
class Plan:
    """What a run would write."""

    clusters: list[NewCluster] = field(default_factory=list)
    placements: list[Placement] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Spot:
    """What the arithmetic says of a keyword: labels of its topic and page."""

    keyword: KeywordInput
    topic: int
    page: int
    centrality: float


def make_plan(inputs: Inputs, *, language: str, brands: Collection[str] = ()) -> Plan:
    """Cluster what has no cluster: all of it anew, or against the clusters that are there.

    Keywords that have a cluster are never moved, and names of clusters never change.
    """
    unplaced, placed = inputs.unplaced, inputs.placed
    planner = _Planner(unplaced, language, brands)
    if not unplaced:
        return planner.plan
    taken = {cluster.name_norm for cluster in inputs.clusters}
    if placed:
        pages = _Pages(placed)
        spots = _assigned(unplaced, placed, pages, language)
        planner.join([spot for spot in spots if spot.topic in pages.clusters], pages)
        spots = [spot for spot in spots if spot.topic not in pages.clusters]
    else:
        spots = _clustered(unplaced, language)
    planner.open(spots, taken)
    return planner.plan


def _clustered(keywords: Sequence[KeywordInput], language: str) -> list[_Spot]:
    found = cluster_texts(
        [k.keyword for k in keywords], volumes=[k.volume for k in keywords], language=language
    )
    return _spots(keywords, found)


class _Pages:
    """The pages that exist, under one number each: labels for the arithmetic."""

    def __init__(self, placed: Iterable[KeywordInput]) -> None:
        self.labels: dict[tuple[int, int], int] = {}
        self.clusters: set[int] = set()
        self.last_page: dict[int, int] = defaultdict(lambda: NO_PAGE)
        self.members: dict[tuple[int, int], list[KeywordInput]] = defaultdict(list)
        for keyword in placed:
            cluster_id, page = keyword.cluster_id or 0, keyword.page
            self.clusters.add(cluster_id)
            if page is not None:
                self.labels.setdefault((cluster_id, page), len(self.labels))
                self.last_page[cluster_id] = max(self.last_page[cluster_id], page)
                self.members[cluster_id, page].append(keyword)

    def label(self, keyword: KeywordInput) -> int:
        """The number of a placed keyword's page, or :data:`NO_PAGE`."""
        if keyword.page is None:
            return NO_PAGE
        return self.labels[keyword.cluster_id or 0, keyword.page]


def _assigned(
    unplaced: Sequence[KeywordInput],
    placed: Sequence[KeywordInput],
    pages: _Pages,
    language: str,
) -> list[_Spot]:
    """Against the clusters that are there. How frequent words are is what the placed keywords
    say, unless they are the few and the new ones the many.
    """
    known = None
    if len(unplaced) > len(placed):
        texts = read_texts([k.keyword for k in (*placed, *unplaced)], language)
        known = frequencies(texts.bag, texts.stems, texts.stem_of)
    base = base_of(
        [k.keyword for k in placed],
        page=[pages.label(k) for k in placed],
        topic=[k.cluster_id or 0 for k in placed],
        language=language,
        known=known,
    )
    return _spots(unplaced, assign_texts(base, [k.keyword for k in unplaced]))


def _spots(keywords: Sequence[KeywordInput], found: Clustering | Assignment) -> list[_Spot]:
    labels = (found.topic.tolist(), found.page.tolist(), found.centrality.tolist())
    return [_Spot(*spot) for spot in zip(keywords, *labels, strict=True)]


class _Planner:
    """Fills a plan."""

    def __init__(
        self, keywords: Iterable[KeywordInput], language: str, brands: Collection[str]
    ) -> None:
        self.inputs = {keyword.pk: keyword for keyword in keywords}
        self.language, self.brands = language, brands
        self.plan = Plan()

    def join(self, spots: Iterable[_Spot], pages: _Pages) -> None:
        """Put keywords into clusters that exist: behind what is there, or as new pages."""
        page_of = {label: page for (_cluster, page), label in pages.labels.items()}
        by_page: dict[tuple[int, int], list[_Spot]] = defaultdict(list)
        for spot in spots:
            by_page[spot.topic, spot.page].append(spot)
        fresh: dict[int, list[Page]] = defaultdict(list)
        for (cluster_id, label), found in sorted(by_page.items()):
            (page,) = pages_of(_members(found))
            if label not in page_of:
                fresh[cluster_id].append(page)
                continue
            present = pages.members[cluster_id, page_of[label]]
            spot_of = _Target(cluster_id, page_of[label], is_new_cluster=False)
            self._place(page, spot_of, present)
        for cluster_id, found_pages in fresh.items():
            found_pages.sort(key=lambda page: (-page.volume, page.target.order))
            for number, page in enumerate(found_pages, start=pages.last_page[cluster_id] + 1):
                self._place(page, _Target(cluster_id, number, is_new_cluster=False))

    def open(self, spots: Iterable[_Spot], taken: set[str]) -> None:
        """Make new clusters, the largest volumes first: they have the first choice of names."""
        by_topic: dict[int, list[_Spot]] = defaultdict(list)
        for spot in spots:
            by_topic[spot.topic].append(spot)
        topics = {topic: pages_of(_members(found)) for topic, found in by_topic.items()}
        roles = page_roles(topics, language=self.language)
        for topic, pages in sorted(topics.items(), key=lambda item: item[1][0].target.order):
            name = choose_name(pages, taken)
            taken.add(name.casefold())
            cluster = NewCluster(
                name=name,
                keywords_count=sum(len(page.members) for page in pages),
                volume=sum(page.volume for page in pages),
            )
            for number, (page, role) in enumerate(zip(pages, roles[topic], strict=True)):
                target = _Target(len(self.plan.clusters), number, is_new_cluster=True, role=role)
                found = self._place(page, target)
                cluster.intent = cluster.intent or found.intent
            self.plan.clusters.append(cluster)

    def _place(self, page: Page, target: _Target, present: Sequence[KeywordInput] = ()) -> Found:
        """Put a page somewhere, behind what is present; returns the intent of its target."""
        intents = self._intents(page, present)
        first = max((keyword.page_place for keyword in present), default=-1) + 1
        role = target.role or (ClusterRole.SUPPORTING if target.page else ClusterRole.HUB)
        self.plan.placements.extend(
            Placement(
                keyword_id=member.keyword_id,
                cluster=target.cluster,
                is_new_cluster=target.is_new_cluster,
                page=target.page,
                page_place=place,
                role=role.value,
                intent=intents[member.norm],
            )
            for place, member in enumerate(page.members, start=first)
        )
        return intents[page.target.norm]

    def _intents(self, page: Page, present: Iterable[KeywordInput]) -> dict[str, Found]:
        """The intent of each keyword of a page: its own, the rules', else what the page says."""
        own: dict[str, Found] = {}
        voters = [Voter(k.norm, k.intent, k.intent_source, k.volume, k.cpc_minor) for k in present]
        for member in page.members:
            keyword = self.inputs[member.keyword_id]
            found = Found(keyword.intent, keyword.intent_source, keyword.intent_confidence)
            if not (found.intent and found.source in SETTLED):
                found = rule_intent(keyword.norm, language=self.language, brands=self.brands)
            if found.intent:
                own[keyword.norm] = found
            voters.append(
                Voter(keyword.norm, found.intent, found.source, keyword.volume, keyword.cpc_minor)
            )
        voted = page_intents(voters, language=self.language)
        return {member.norm: own.get(member.norm) or voted[member.norm] for member in page.members}


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a page goes."""

    cluster: int
    page: int
    is_new_cluster: bool
    role: ClusterRole | None = None


def _members(spots: Iterable[_Spot]) -> list[Member]:
    return [
        Member(
            keyword_id=spot.keyword.pk,
            keyword=spot.keyword.keyword,
            norm=spot.keyword.norm,
            volume=spot.keyword.volume,
            centrality=spot.centrality,
            page=spot.page,
        )
        for spot in spots
    ]
