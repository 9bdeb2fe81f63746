"""Where each keyword goes, decided without a database: pages, names, roles, intents."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from igny8_core.business.planning.services.cluster_core import (
    PARAMETERS,
    VERSION,
    cluster_texts,
    read_texts,
)
from igny8_core.business.planning.services.cluster_increments import assign_texts, base_of
from igny8_core.business.planning.services.cluster_links import SHARE, evidence_of
from igny8_core.business.planning.services.cluster_names import (
    Member,
    Page,
    choose_name,
    page_roles,
    pages_of,
)
from igny8_core.business.planning.services.cluster_text import variant_numbers
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
    from igny8_core.business.planning.services.cluster_inputs import (
        ClusterInput,
        Inputs,
        KeywordInput,
    )
    from igny8_core.business.planning.services.cluster_links import Evidence
    from igny8_core.business.planning.services.cluster_vectors import Frequencies

CLUSTERER_VERSION = VERSION
NO_PAGE = -1


@dataclass(slots=True)
class Placement:
    """Where one keyword goes.

    :ivar cluster: id of a cluster, or the place of a new one in :attr:`Plan.clusters`.
    :ivar variant: the same for close variants.
    """

    keyword_id: int
    cluster: int
    is_new_cluster: bool
    page: int
    page_place: int
    role: str
    intent: Found
    variant: int


@dataclass(slots=True)
class NewCluster:
    """A cluster to be made."""

    name: str
    intent: str = ""


@dataclass
class Plan:
    """What a run would write.

    :ivar clustering: of a first run, which later ones build on.
    """

    clusters: list[NewCluster] = field(default_factory=list)
    placements: list[Placement] = field(default_factory=list)
    clustering: Clustering | None = None


@dataclass(frozen=True)
class Settings:
    """What a run goes by beside its keywords.

    :ivar topic_tau: what topics were and are cut at.
    :ivar known: frequencies of the build that the clusters rest on; None: of what is placed.
    :ivar serp_share: share of the results that two keywords must have in common; None: results
        and parents that files brought are not looked at.
    """

    language: str
    brands: Collection[str] = ()
    topic_tau: float = PARAMETERS.topic_tau
    known: Frequencies | None = None
    serp_share: float | None = SHARE

    def evidence(self, keywords: Sequence[KeywordInput]) -> Evidence | None:
        """What the file says of keywords, in their order."""
        if self.serp_share is None:
            return None
        return evidence_of(
            [k.results for k in keywords], [k.parent for k in keywords], share=self.serp_share
        )


@dataclass(frozen=True, slots=True)
class Spot:
    """What the arithmetic says of a keyword: labels of its topic and page."""

    keyword: KeywordInput
    topic: int
    page: int
    centrality: float


def make_plan(inputs: Inputs, settings: Settings) -> Plan:
    """Cluster what has no cluster: all of it anew, or against the clusters that are there.

    Keywords that have a page are never moved, and names of clusters never change. Keywords that
    have a cluster without a page get a page of it.
    """
    unplaced, placed, unpaged = inputs.unplaced, inputs.placed, inputs.unpaged
    planner = Planner([*unplaced, *unpaged], settings)
    pages = Pages(placed, inputs.clusters)
    if unpaged:
        planner.join(_paged(unpaged, pages, settings), pages)
        placed = [*placed, *planner.as_placed()]
        pages = Pages(placed, inputs.clusters)
    if not unplaced:
        return planner.plan
    if placed:
        spots = _assigned(unplaced, placed, pages, settings)
        planner.join([spot for spot in spots if spot.topic in pages.clusters], pages)
        spots = [spot for spot in spots if spot.topic not in pages.clusters]
    else:
        found = clustered(unplaced, settings)
        planner.plan.clustering = found
        spots = spots_of(unplaced, found)
    planner.open(spots, {cluster.name_norm for cluster in inputs.clusters})
    return planner.plan


def clustered(
    keywords: Sequence[KeywordInput], settings: Settings, owners: Sequence[int] | None = None
) -> Clustering:
    """All of them anew."""
    return cluster_texts(
        [k.keyword for k in keywords],
        volumes=[k.volume for k in keywords],
        language=settings.language,
        topic_tau=settings.topic_tau,
        owners=owners,
        evidence=settings.evidence(keywords),
    )


class Pages:
    """The pages that exist, under one number each: labels for the arithmetic."""

    def __init__(self, placed: Iterable[KeywordInput], clusters: Iterable[ClusterInput]) -> None:
        self.labels: dict[tuple[int, int], int] = {}
        self.clusters: set[int] = set()
        self.last_page = {cluster.pk: cluster.last_page for cluster in clusters}
        self.members: dict[tuple[int, int], list[KeywordInput]] = defaultdict(list)
        for keyword in placed:
            cluster_id, page = keyword.cluster_id or 0, keyword.page or 0
            self.clusters.add(cluster_id)
            self.labels.setdefault((cluster_id, page), len(self.labels))
            self.last_page[cluster_id] = max(self.last_page.get(cluster_id, NO_PAGE), page)
            self.members[cluster_id, page].append(keyword)

    def label(self, keyword: KeywordInput) -> int:
        """The number of a placed keyword's page."""
        return self.labels[keyword.cluster_id or 0, keyword.page or 0]

    def of(self, cluster_id: int) -> list[int]:
        """The numbers that pages of a cluster have in it."""
        return sorted(page for cluster, page in self.members if cluster == cluster_id)


def _assigned(
    unplaced: Sequence[KeywordInput],
    placed: Sequence[KeywordInput],
    pages: Pages,
    settings: Settings,
) -> list[Spot]:
    """Against the clusters that are there. How frequent words are is what the build says that they
    rest on, or the placed keywords; unless they are the few and the new ones the many.
    """
    known = settings.known
    if len(unplaced) > len(placed):
        texts = read_texts([k.keyword for k in (*placed, *unplaced)], settings.language)
        known = frequencies(texts.bag, texts.stems, texts.stem_of)
    base = base_of(
        [k.keyword for k in placed],
        page=[pages.label(k) for k in placed],
        topic=[k.cluster_id or 0 for k in placed],
        language=settings.language,
        known=known,
    )
    found = assign_texts(
        base,
        [k.keyword for k in unplaced],
        topic_tau=settings.topic_tau,
        evidence=settings.evidence([*placed, *unplaced]),
    )
    return spots_of(unplaced, found)


def _paged(unpaged: Iterable[KeywordInput], pages: Pages, settings: Settings) -> list[Spot]:
    """Pages inside the clusters that the keywords are in: present ones, or new ones."""
    by_cluster: dict[int, list[KeywordInput]] = defaultdict(list)
    for keyword in unpaged:
        by_cluster[keyword.cluster_id or 0].append(keyword)
        pages.clusters.add(keyword.cluster_id or 0)
    spots: list[Spot] = []
    unused = len(pages.labels)
    for cluster_id, comers in sorted(by_cluster.items()):
        present = [k for page in pages.of(cluster_id) for k in pages.members[cluster_id, page]]
        for spot in spots_of(comers, _within(comers, present, pages, settings)):
            known = present and spot.page in {pages.label(k) for k in present}
            label = spot.page if known else unused + spot.page
            spots.append(Spot(spot.keyword, cluster_id, label, spot.centrality))
    return spots


def _within(
    comers: Sequence[KeywordInput],
    present: Sequence[KeywordInput],
    pages: Pages,
    settings: Settings,
) -> Clustering | Assignment:
    """Pages of one cluster; topics mean nothing."""
    texts = [k.keyword for k in comers]
    if not present:
        return cluster_texts(texts, language=settings.language)
    base = base_of(
        [k.keyword for k in present],
        page=[pages.label(k) for k in present],
        topic=[0] * len(present),
        language=settings.language,
        known=settings.known,
    )
    return assign_texts(base, texts)


def spots_of(keywords: Sequence[KeywordInput], found: Clustering | Assignment) -> list[Spot]:
    """The keywords with their labels."""
    labels = (found.topic.tolist(), found.page.tolist(), found.centrality.tolist())
    return [Spot(*spot) for spot in zip(keywords, *labels, strict=True)]


class Planner:
    """Fills a plan."""

    def __init__(self, keywords: Iterable[KeywordInput], settings: Settings) -> None:
        self.inputs = {keyword.pk: keyword for keyword in keywords}
        self.settings = settings
        self.variant = dict(
            zip(
                self.inputs,
                variant_numbers([k.keyword for k in self.inputs.values()], settings.language),
                strict=True,
            )
        )
        self.plan = Plan()

    def as_placed(self) -> list[KeywordInput]:
        """The keywords of the plan so far, as if it were written; all into clusters that exist."""
        return [
            replace(
                self.inputs[p.keyword_id],
                cluster_id=p.cluster,
                page=p.page,
                page_place=p.page_place,
                role=p.role,
            )
            for p in self.plan.placements
        ]

    def join(self, spots: Iterable[Spot], pages: Pages) -> None:
        """Put keywords into clusters that exist: behind what is there, or as new pages."""
        page_of = {label: page for (_cluster, page), label in pages.labels.items()}
        by_page: dict[tuple[int, int], list[Spot]] = defaultdict(list)
        for spot in spots:
            by_page[spot.topic, spot.page].append(spot)
        fresh: dict[int, list[Page]] = defaultdict(list)
        for (cluster_id, label), found in sorted(by_page.items()):
            (page,) = pages_of(members_of(found))
            number = page_of.get(label)
            if number is None:
                fresh[cluster_id].append(page)
                continue
            present = pages.members[cluster_id, number]
            role = ClusterRole(present[0].role or default_role(number))
            self.place(page, Target(cluster_id, number, role), present)
        for cluster_id, found_pages in fresh.items():
            self._add_pages(cluster_id, found_pages, pages)

    def _add_pages(self, cluster_id: int, fresh: list[Page], pages: Pages) -> None:
        """New pages behind those of a cluster; the first one is the hub if it has none."""
        fresh.sort(key=lambda page: (-page.volume, page.target.order))
        held = pages.of(cluster_id)
        roles = [ClusterRole.SUPPORTING] * len(fresh)
        if not held:
            fresh = pages_of([member for page in fresh for member in page.members])
            roles = page_roles({0: fresh}, language=self.settings.language)[0]
        first = pages.last_page.get(cluster_id, NO_PAGE) + 1
        for number, (page, role) in enumerate(zip(fresh, roles, strict=True), start=first):
            self.place(page, Target(cluster_id, number, role))
            pages.last_page[cluster_id] = number

    def open(self, spots: Iterable[Spot], taken: set[str]) -> None:
        """Make new clusters, the largest volumes first: they have the first choice of names."""
        by_topic: dict[int, list[Spot]] = defaultdict(list)
        for spot in spots:
            by_topic[spot.topic].append(spot)
        topics = {topic: pages_of(members_of(found)) for topic, found in by_topic.items()}
        roles = page_roles(topics, language=self.settings.language)
        for topic, pages in sorted(topics.items(), key=lambda item: item[1][0].target.order):
            name = choose_name(pages, taken)
            taken.add(name.casefold())
            cluster = NewCluster(name=name)
            for number, (page, role) in enumerate(zip(pages, roles[topic], strict=True)):
                target = Target(len(self.plan.clusters), number, role, is_new_cluster=True)
                found = self.place(page, target)
                cluster.intent = cluster.intent or found.intent
            self.plan.clusters.append(cluster)

    def place(self, page: Page, target: Target, present: Sequence[KeywordInput] = ()) -> Found:
        """Put a page somewhere, behind what is present; returns the intent of its target."""
        intents = self._intents(page, present)
        first = max((keyword.page_place for keyword in present), default=-1) + 1
        self.plan.placements.extend(
            Placement(
                keyword_id=member.keyword_id,
                cluster=target.cluster,
                is_new_cluster=target.is_new_cluster,
                page=target.page,
                page_place=place,
                role=target.role.value,
                intent=intents[member.norm],
                variant=self.variant[member.keyword_id],
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
                found = rule_intent(
                    keyword.norm, language=self.settings.language, brands=self.settings.brands
                )
            if found.intent:
                own[keyword.norm] = found
            voters.append(
                Voter(keyword.norm, found.intent, found.source, keyword.volume, keyword.cpc_minor)
            )
        voted = page_intents(voters, language=self.settings.language)
        return {member.norm: own.get(member.norm) or voted[member.norm] for member in page.members}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a page goes."""

    cluster: int
    page: int
    role: ClusterRole
    is_new_cluster: bool = False


def default_role(page: int) -> ClusterRole:
    """Of a page that nobody gave a role."""
    return ClusterRole.SUPPORTING if page else ClusterRole.HUB


def members_of(spots: Iterable[Spot]) -> list[Member]:
    """Keywords as naming and ordering see them."""
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
