"""A rebuild as a list of changes, one for each cluster that would not stay as it is. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from igny8_core.business.planning.services.cluster_matching import match_groups, plurality
from igny8_core.business.planning.services.cluster_merging import FREE
from igny8_core.business.planning.services.cluster_names import choose_name, page_roles, pages_of
from igny8_core.business.planning.services.cluster_plan import (
    Planner,
    Spot,
    Target,
    default_role,
    members_of,
)
from igny8_core.business.planning.states import ChangeKind, ClusterRole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from igny8_core.business.planning.services.cluster_inputs import (
        ClusterInput,
        Inputs,
        KeywordInput,
    )
    from igny8_core.business.planning.services.cluster_names import Page
    from igny8_core.business.planning.services.cluster_plan import Placement, Settings

MOST = 0.5
"""Share of an old cluster that makes a change a merger or a split rather than a few moves."""

COLUMNS = (
    "id", "page", "page_place", "role", "intent", "intent_source", "intent_confidence", "variant",
)  # fmt: skip
"""Of :attr:`Change.placements`, one list each."""


class Source(NamedTuple):
    """Where keywords of a change are now. ``cluster_id`` 0 is without a cluster."""

    cluster_id: int
    name: str
    keywords: int


@dataclass
class Change:
    """What becomes of one cluster.

    :ivar cluster_id: the cluster that lives on; None for a new one.
    :ivar keywords_count: once it is applied.
    :ivar targets: (number of the change, name, keywords) of where others of its keywords go.
    """

    kind: ChangeKind
    cluster_id: int | None
    name: str
    old_name: str = ""
    intent: str = ""
    keywords_count: int = 0
    keywords_before: int = 0
    moved_count: int = 0
    volume: int = 0
    sources: list[Source] = field(default_factory=list)
    targets: list[tuple[int, str, int]] = field(default_factory=list)
    placements: dict[str, list[Any]] = field(default_factory=dict)


@dataclass
class Diff:
    """All changes, the largest first; clusters that stay exactly as they are have none."""

    changes: list[Change]
    summary: dict[str, int]


def make_diff(inputs: Inputs, spots: Sequence[Spot], settings: Settings) -> Diff:
    """What would have to be done to make the clusters what the arithmetic says.

    A cluster lives on as the new one that it overlaps most with; those with contents, ideas or
    locks choose first. Clusters that a person locked keep their keywords and pages; pinned
    keywords stay where they are.
    """
    return _Differ(inputs, spots, settings).diff()


class _Differ:
    def __init__(self, inputs: Inputs, spots: Sequence[Spot], settings: Settings) -> None:
        self.clusters = {cluster.pk: cluster for cluster in inputs.clusters}
        self.locked = {cluster.pk for cluster in inputs.clusters if cluster.is_locked}
        self.settings = settings
        followers = inputs.followers()
        self.planner = Planner([*(spot.keyword for spot in spots), *followers], settings)
        self.topics: dict[int, list[Spot]] = defaultdict(list)
        for spot in spots:
            self.topics[spot.topic].append(spot)
        owners = inputs.owners()
        forced = {spot.topic: owner for spot in spots if (owner := owners[spot.keyword.pk]) != FREE}
        self.match = match_groups(
            ((spot.topic, spot.keyword.cluster_id) for spot in spots),
            forced=forced,
            first={cluster.pk for cluster in inputs.clusters if cluster.is_kept},
        )
        self._add(followers)
        self.before: dict[int, list[KeywordInput]] = defaultdict(list)
        for keyword in inputs.rebuilt:
            if keyword.cluster_id is not None:
                self.before[keyword.cluster_id].append(keyword)
        self.taken = {cluster.name_norm for cluster in inputs.clusters}

    def _add(self, followers: Sequence[KeywordInput]) -> None:
        """Put pinned keywords where their cluster lives on, on the page that their page became."""
        topic_of = {cluster_id: topic for topic, cluster_id in self.match.items()}
        unused = max(self.topics, default=-1) + 1
        for keyword in followers:
            cluster_id = keyword.cluster_id or 0
            if cluster_id not in topic_of:
                topic_of[cluster_id], self.match[unused] = unused, cluster_id
                unused += 1
            topic = topic_of[cluster_id]
            beside = [
                spot.page
                for spot in self.topics[topic]
                if (spot.keyword.cluster_id, spot.keyword.page) == (cluster_id, keyword.page)
            ]
            own = -2 * keyword.pk - 3 if keyword.page is None else -2 * keyword.page - 2
            page = plurality(beside) if beside else own
            self.topics[topic].append(Spot(keyword, topic, page, 0.0))

    def diff(self) -> Diff:
        found: dict[int, tuple[Change, list[Placement]]] = {}
        best = {topic: pages_of(members_of(spots)) for topic, spots in self.topics.items()}
        roles = page_roles(best, language=self.settings.language)
        for topic in sorted(best, key=lambda t: best[t][0].target.order):
            found[topic] = self._change(topic, best[topic], roles[topic])
        changes = [
            change
            for change, placements in found.values()
            if self._differs(placements) or self._loses(change)
        ]
        changes += self._vanished()
        changes.sort(
            key=lambda c: (-c.moved_count, -c.volume, c.name.casefold(), c.cluster_id or 0)
        )
        self._link(changes)
        summary = Counter(change.kind.value for change, _ in found.values())
        summary |= Counter(c.kind.value for c in changes if c.kind is ChangeKind.VANISHED)
        return Diff(
            changes,
            {kind.value: summary[kind.value] for kind in ChangeKind}
            | {
                "clusters_before": sum(1 for pk in self.before if self.before[pk]),
                "clusters_after": len(found),
                "keywords": sum(len(spots) for spots in self.topics.values()),
                "keywords_moved": sum(change.moved_count for change in changes),
            },
        )

    def _change(
        self, topic: int, pages: list[Page], roles: list[ClusterRole]
    ) -> tuple[Change, list[Placement]]:
        cluster = self.clusters.get(self.match.get(topic, 0))
        spots = self.topics[topic]
        first = len(self.planner.plan.placements)
        intent = self._place(cluster, spots, pages, roles)
        placements = self.planner.plan.placements[first:]
        sources = self._sources(spots)
        change = Change(
            kind=self._kind(cluster, spots, sources),
            cluster_id=cluster.pk if cluster else None,
            name=self._name(cluster, spots, pages),
            old_name=cluster.name if cluster else "",
            intent=intent,
            keywords_count=len(spots),
            keywords_before=len(self.before[cluster.pk]) if cluster else 0,
            moved_count=sum(
                source.keywords
                for source in sources
                if cluster is None or source.cluster_id != cluster.pk
            ),
            volume=sum(spot.keyword.volume or 0 for spot in spots),
            sources=sources,
            placements=_columns(placements),
        )
        return change, placements

    def _place(
        self,
        cluster: ClusterInput | None,
        spots: list[Spot],
        pages: list[Page],
        roles: list[ClusterRole],
    ) -> str:
        """Fill the plan; returns the intent of the hub. Pages keep their numbers where they can."""
        if cluster is not None and cluster.pk in self.locked:
            return self._join_locked(cluster, spots)
        numbers = _page_numbers(cluster, spots, pages)
        hub = ""
        for page, role in zip(pages, roles, strict=True):
            number = numbers[page.target.page]
            found = self.planner.place(page, Target(cluster.pk if cluster else 0, number, role))
            hub = hub or found.intent
        return hub

    def _join_locked(self, cluster: ClusterInput, spots: list[Spot]) -> str:
        """Only newcomers are placed: behind a page of the cluster that they fit, or on new ones."""
        by_label: dict[int, list[Spot]] = defaultdict(list)
        for spot in spots:
            by_label[spot.page].append(spot)
        next_page = cluster.last_page + 1
        for _label, found in sorted(by_label.items()):
            here = [s.keyword for s in found if s.keyword.cluster_id == cluster.pk]
            comers = [s for s in found if s.keyword.cluster_id != cluster.pk]
            if not comers:
                continue
            (page,) = pages_of(members_of(comers))
            numbers = [keyword.page for keyword in here if keyword.page is not None]
            number = plurality(numbers) if numbers else next_page
            next_page += not numbers
            present = [k for k in self.before[cluster.pk] if k.page == number]
            role = present[0].role if present else ClusterRole.SUPPORTING.value
            target = Target(cluster.pk, number, ClusterRole(role or default_role(number)))
            self.planner.place(page, target, present)
        return ""

    def _name(self, cluster: ClusterInput | None, spots: list[Spot], pages: list[Page]) -> str:
        """The old name while it is the person's, or a keyword of the cluster bears it."""
        if cluster is not None:
            norms = {spot.keyword.keyword.casefold() for spot in spots}
            if cluster.keeps_name or cluster.name_norm in norms:
                return cluster.name
        name = choose_name(pages, self.taken)
        self.taken.add(name.casefold())
        return name

    def _sources(self, spots: list[Spot]) -> list[Source]:
        counted = Counter(spot.keyword.cluster_id or 0 for spot in spots)
        return [
            Source(pk, self.clusters[pk].name if pk else "", count)
            for pk, count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
        ]

    def _kind(
        self, cluster: ClusterInput | None, spots: list[Spot], sources: list[Source]
    ) -> ChangeKind:
        held = {source.cluster_id: source.keywords for source in sources if source.cluster_id}
        if cluster is None:
            whole = max(held.values(), default=0)
            return ChangeKind.SPLIT if whole > MOST * len(spots) else ChangeKind.NEW
        if held == {cluster.pk: len(self.before[cluster.pk])} and len(sources) == 1:
            return ChangeKind.KEPT
        survivors = set(self.match.values())
        swallowed = [
            pk
            for pk, count in held.items()
            if pk != cluster.pk and pk not in survivors and count >= MOST * len(self.before[pk])
        ]
        return ChangeKind.MERGED if swallowed else ChangeKind.MOVED

    def _differs(self, placements: Sequence[Placement]) -> bool:
        """Whether a keyword gets another cluster or page, or the cluster is new."""
        now = self.planner.inputs
        return any(
            p.cluster == 0
            or (p.cluster, p.page) != (now[p.keyword_id].cluster_id, now[p.keyword_id].page)
            for p in placements
        )

    def _loses(self, change: Change) -> bool:
        """Whether keywords of the cluster go elsewhere."""
        return change.keywords_before > change.keywords_count - change.moved_count

    def _vanished(self) -> list[Change]:
        gone = [
            pk
            for pk, keywords in self.before.items()
            if keywords and pk not in set(self.match.values()) and pk not in self.locked
        ]
        return [
            Change(
                kind=ChangeKind.VANISHED,
                cluster_id=pk,
                name=self.clusters[pk].name,
                old_name=self.clusters[pk].name,
                keywords_before=len(self.before[pk]),
            )
            for pk in gone
        ]

    def _link(self, changes: list[Change]) -> None:
        """Say of each cluster where others of its keywords go; what only loses parts is split."""
        by_cluster = {change.cluster_id: change for change in changes if change.cluster_id}
        for number, change in enumerate(changes, start=1):
            for source in change.sources:
                origin = by_cluster.get(source.cluster_id)
                if origin is not None and origin is not change:
                    origin.targets.append((number, change.name, source.keywords))
                    is_part = change.kind is ChangeKind.SPLIT and change.cluster_id is None
                    if is_part and origin.kind is ChangeKind.MOVED and not origin.moved_count:
                        origin.kind = ChangeKind.SPLIT


def _page_numbers(
    cluster: ClusterInput | None, spots: list[Spot], pages: list[Page]
) -> Mapping[int, int]:
    """The number of each page label in the cluster: an old one's where they overlap most."""
    if cluster is None:
        return {page.target.page: number for number, page in enumerate(pages)}
    known = match_groups(
        (spot.page, spot.keyword.page if spot.keyword.cluster_id == cluster.pk else None)
        for spot in spots
    )
    following = cluster.last_page + 1
    numbers: dict[int, int] = {}
    for page in pages:
        label = page.target.page
        if label in known:
            numbers[label] = known[label]
        else:
            numbers[label] = following
            following += 1
    return numbers


def _columns(placements: Sequence[Placement]) -> dict[str, list[Any]]:
    rows = [
        (
            p.keyword_id, p.page, p.page_place, p.role,
            p.intent.intent, p.intent.source, p.intent.confidence, p.variant,
        )
        for p in sorted(placements, key=lambda p: (p.page, p.page_place))
    ]  # fmt: skip
    return {name: [row[at] for row in rows] for at, name in enumerate(COLUMNS)}
