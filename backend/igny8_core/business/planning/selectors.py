"""What can be read of keywords, clusters and ideas. Deleted rows are left out everywhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db.models import Count, F, Model, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce, Length

from igny8_core.business.planning.models import (
    Clusters,
    ContentIdeaKeyword,
    ContentIdeas,
    KeywordImport,
    KeywordImportIssue,
    Keywords,
    SavedView,
)
from igny8_core.business.planning.states import (
    BLOCKING_VERDICTS,
    ClusterRole,
    ClusterStatus,
    IdeaStatus,
    IntentSource,
    KeywordStatus,
)
from igny8_core.common.aggregates import together
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.text_forms import display_form, normal_form

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet

    from igny8_core.auth.models import Account, Sector, Site

M = TypeVar("M", bound=Model)

PAGE_ROWS = 50
MAX_PAGE_ROWS = 200
MAX_SEARCH_WORDS = 6
UNKNOWN_INTENT = "unknown"
EMPTY: Final = (None, "")

KEYWORD_SORTS: dict[str, tuple[Any, ...]] = {
    "keyword": (F("keyword_norm").asc(), F("pk").asc()),
    "-keyword": (F("keyword_norm").desc(), F("pk").desc()),
    "volume": (F("volume").asc(nulls_last=True), F("pk").desc()),
    "-volume": (F("volume").desc(nulls_last=True), F("pk").asc()),
    "difficulty": (F("difficulty").asc(nulls_last=True), F("pk").asc()),
    "-difficulty": (F("difficulty").desc(nulls_last=True), F("pk").desc()),
    "-added": (F("pk").desc(),),
}
"""Names of orders; each ends in a unique column and puts unknown last."""


@dataclass(frozen=True)
class KeywordFilters:
    """What a person narrows a keyword list down to; empty means everything.

    :param q: words that a keyword must hold; with a trailing ``*`` it must start with them.
    :param intent: an :class:`~..states.Intent`, or "unknown".
    :param cluster_id: of one cluster; 0 means none.
    """

    q: str = ""
    status: str = ""
    intent: str = ""
    volume_min: int | None = None
    volume_max: int | None = None
    difficulty_min: float | None = None
    difficulty_max: float | None = None
    cluster_id: int | None = None
    is_disabled: bool | None = None
    sort: str = "-volume"


@dataclass(frozen=True)
class KeywordPage:
    """One page of a list, with what the whole of it adds up to."""

    rows: list[Keywords]
    number: int
    page_rows: int
    total: int
    volume: int

    @property
    def pages(self) -> int:
        """How many pages there are; at least one."""
        return max(1, -(-self.total // self.page_rows))


@dataclass(frozen=True)
class PipelineCounts:
    """Where the work of a site stands."""

    keywords: int = 0
    keywords_new: int = 0
    clusters: int = 0
    clusters_new: int = 0
    ideas: int = 0
    ideas_new: int = 0
    ideas_queued: int = 0
    ideas_completed: int = 0
    volume: int = 0


@dataclass(frozen=True)
class ClusterFigures:
    """What a cluster's keywords say together.

    :ivar difficulty: mean of the known ones; None when none is known.
    """

    difficulty: float | None = None
    intents: dict[str, int] = field(default_factory=dict)
    pages: int = 0
    hub_keyword: str = ""


def keywords(
    *,
    account: Account,
    sector: Sector | None = None,
    site: Site | None = None,
    cluster: Clusters | None = None,
    filters: KeywordFilters | None = None,
    deleted: bool = False,
) -> QuerySet[Keywords]:
    """The keywords that match, in the order that the filters name.

    :param sector: of one sector, else of a site, else of the whole account.
    :param cluster: of one cluster.
    :param deleted: those in the bin instead of the live ones.
    """
    wanted = filters or KeywordFilters()
    rows = _within(Keywords.objects.for_account(account), sector, site, deleted=deleted)
    if cluster is not None:  # its place too, which leads the keys
        rows = rows.filter(cluster=cluster, sector_id=cluster.sector_id, site_id=cluster.site_id)
    order = KEYWORD_SORTS.get(wanted.sort, KEYWORD_SORTS["-volume"])
    return rows.filter(_keyword_condition(wanted)).order_by(*order)


def _within(
    rows: QuerySet[M], sector: Sector | None, site: Site | None, *, deleted: bool
) -> QuerySet[M]:
    rows = rows.filter(deleted_at__isnull=not deleted)
    if site is not None:
        rows = rows.filter(site=site)
    if sector is not None:  # its site too, which leads the key that ends in the id
        rows = rows.filter(sector=sector, site_id=sector.site_id)
    return rows


def keyword_page(
    *,
    account: Account,
    sector: Sector,
    filters: KeywordFilters | None = None,
    number: int = 1,
    page_rows: int = PAGE_ROWS,
) -> KeywordPage:
    """One page of keywords with their clusters: three queries, however many rows there are.

    :param number: from 1; beyond the last page it is the last one.
    """
    page_rows = min(max(page_rows, 1), MAX_PAGE_ROWS)
    rows = keywords(account=account, sector=sector, filters=filters)
    sums = rows.order_by().aggregate(total=Count("pk"), volume=Coalesce(Sum("volume"), 0))
    last = max(1, -(-sums["total"] // page_rows))
    number = min(max(number, 1), last)
    start = (number - 1) * page_rows
    ids = list(rows.values_list("pk", flat=True)[start : start + page_rows])
    found = Keywords.objects.for_account(account).select_related("cluster").in_bulk(ids)
    return KeywordPage(
        rows=[found[pk] for pk in ids if pk in found],
        number=number,
        page_rows=page_rows,
        total=sums["total"],
        volume=sums["volume"],
    )


def _keyword_condition(filters: KeywordFilters) -> Q:
    wanted = Q()
    text = normal_form(filters.q)
    if text.endswith("*"):
        wanted &= Q(keyword_norm__startswith=text.rstrip("* "))
    else:
        for word in text.split()[:MAX_SEARCH_WORDS]:
            wanted &= Q(keyword_norm__contains=word)
    if filters.status:
        wanted &= Q(status=filters.status)
    if filters.intent == UNKNOWN_INTENT:
        wanted &= Q(intent_source=IntentSource.UNKNOWN)
    elif filters.intent:
        wanted &= Q(intent=filters.intent) & ~Q(intent_source=IntentSource.UNKNOWN)
    ranges = {
        "volume__gte": filters.volume_min,
        "volume__lte": filters.volume_max,
        "difficulty__gte": filters.difficulty_min,
        "difficulty__lte": filters.difficulty_max,
        "is_disabled": filters.is_disabled,
    }
    wanted &= Q(**{name: value for name, value in ranges.items() if value is not None})
    if filters.cluster_id is not None:
        wanted &= Q(cluster_id=filters.cluster_id or None)
    return wanted


def unclustered_keywords(*, account: Account, sector: Sector) -> QuerySet[Keywords]:
    """What a clustering run would place: without a cluster, or without a page of an open one."""
    rows = Keywords.objects.for_account(account).filter(
        sector=sector, deleted_at=None, is_disabled=False
    )
    unpaged = Q(page=None, cluster__is_locked=False, cluster__is_disabled=False)
    return rows.filter(Q(cluster=None, is_pinned=False) | unpaged).order_by("pk")


def keyword(*, account: Account, keyword_id: int) -> Keywords:
    """One keyword with its cluster.

    :raises NotFound: unknown, deleted, or another account's.
    """
    rows = Keywords.objects.for_account(account).filter(pk=keyword_id, deleted_at=None)
    found: Keywords | None = rows.select_related("cluster", "sector__site").first()
    if found is None:
        raise NotFound("no such keyword", keyword_id=keyword_id)
    return found


def some_keywords(*, account: Account, pk__in: Collection[int]) -> QuerySet[Keywords]:
    """The live ones among these keywords."""
    return Keywords.objects.for_account(account).filter(pk__in=pk__in, deleted_at=None)


def clusters(
    *,
    account: Account,
    sector: Sector | None = None,
    site: Site | None = None,
    q: str = "",
    deleted: bool = False,
    **columns: Any,
) -> QuerySet[Clusters]:
    """Clusters, the largest volumes first.

    :param sector: of one sector, else of a site, else of the whole account.
    :param q: a part of the name.
    :param deleted: those in the bin instead of the live ones.
    :param columns: what columns must be; empty values do not matter.
    """
    rows = _within(Clusters.objects.for_account(account), sector, site, deleted=deleted)
    rows = rows.filter(**{name: value for name, value in columns.items() if value not in EMPTY})
    if q:
        rows = rows.filter(name_norm__contains=display_form(q).casefold())
    return rows.order_by("-volume", "pk")


def cluster_name(*, account: Account) -> Subquery:
    """The name of a row's cluster, as a column: cheaper for a page than the clusters themselves.
    A join would have PostgreSQL sort the sector.
    """
    clusters = Clusters.objects.for_account(account).filter(pk=OuterRef("cluster_id"))
    return Subquery(clusters.order_by().values("name")[:1])


def cluster(*, account: Account, cluster_id: int) -> Clusters:
    """One cluster with its sector and its site.

    :raises NotFound: unknown, deleted, or another account's.
    """
    rows = Clusters.objects.for_account(account).filter(pk=cluster_id, deleted_at=None)
    found: Clusters | None = rows.select_related("sector__site").first()
    if found is None:
        raise NotFound("no such cluster", cluster_id=cluster_id)
    return found


def keyword_keys(*, account: Account, sector: Sector, texts: Collection[str]) -> dict[str, int]:
    """Keywords of a sector by their texts, however they are written.

    :raises NotFound: the sector has no such keyword; names the first one.
    """
    norms = {text: normal_form(text) for text in texts}
    rows = Keywords.objects.for_account(account).filter(
        sector=sector, deleted_at=None, keyword_norm__in=norms.values()
    )
    found = dict(rows.values_list("keyword_norm", "pk"))
    for text, norm in norms.items():
        if norm not in found:
            raise NotFound(f"The sector has no keyword \u201c{text}\u201d.", keyword=text)
    return {text: found[norm] for text, norm in norms.items()}


def ranking_pages(*, account: Account, sector: Sector, keyword: str) -> list[str]:
    """Pages that rank for a keyword of a sector, as an import brought them; the best first."""
    rows = Keywords.objects.for_account(account).filter(
        sector=sector, keyword_norm=normal_form(keyword), deleted_at=None
    )
    for attributes in rows.values_list("attributes", flat=True)[:1]:
        return [str(url) for url in attributes.get("serp_urls", ())]
    return []


def cluster_keywords(*, account: Account, cluster_id: int) -> QuerySet[Keywords]:
    """The keywords of a cluster, page by page, each page's target first."""
    rows = Keywords.objects.for_account(account).filter(cluster_id=cluster_id, deleted_at=None)
    return rows.order_by(F("page").asc(nulls_last=True), "page_place", "pk")


def cluster_figures(*, account: Account, cluster_ids: Collection[int]) -> dict[int, ClusterFigures]:
    """Difficulty, intents and pages of clusters, in one query."""
    rows = Keywords.objects.for_account(account).filter(
        cluster_id__in=cluster_ids, deleted_at=None, is_disabled=False
    )
    difficulties: dict[int, list[float]] = {pk: [] for pk in cluster_ids}
    intents: dict[int, dict[str, int]] = {pk: {} for pk in cluster_ids}
    pages: dict[int, set[int]] = {pk: set() for pk in cluster_ids}
    hubs: dict[int, tuple[bool, int, int, str]] = {}
    columns = ("cluster_id", "difficulty", "intent", "page", "page_place", "keyword", "role")
    for pk, difficulty, intent, page, place, text, role in rows.values_list(*columns).iterator():
        if difficulty is not None:
            difficulties[pk].append(difficulty)
        intents[pk][intent or UNKNOWN_INTENT] = intents[pk].get(intent or UNKNOWN_INTENT, 0) + 1
        if page is not None:
            pages[pk].add(page)
            hub = (role != ClusterRole.HUB, page, place, text)
            hubs[pk] = min(hubs.get(pk, hub), hub)
    return {
        pk: ClusterFigures(
            difficulty=round(sum(known) / len(known), 1) if (known := difficulties[pk]) else None,
            intents=intents[pk],
            pages=len(pages[pk]),
            hub_keyword=hubs[pk][-1] if pk in hubs else "",
        )
        for pk in cluster_ids
    }


def ideas(
    *,
    account: Account,
    sector: Sector | None = None,
    site: Site | None = None,
    q: str = "",
    deleted: bool = False,
    **columns: Any,
) -> QuerySet[ContentIdeas]:
    """Ideas with their clusters, the largest volumes first.

    :param sector: of one sector, else of a site, else of the whole account.
    :param q: a part of the title.
    :param deleted: those in the bin instead of the live ones.
    :param columns: what columns must be; empty values do not matter.
    """
    rows = _within(ContentIdeas.objects.for_account(account), sector, site, deleted=deleted)
    rows = rows.filter(**{name: value for name, value in columns.items() if value not in EMPTY})
    if q:
        rows = rows.filter(title__icontains=q)
    return rows.select_related("cluster").order_by(F("volume").desc(nulls_last=True), "pk")


def best_ideas(*, account: Account, sector: Sector, limit: int) -> list[ContentIdeas]:
    """New ideas that are most worth writing next; those that the guard holds back are left out.

    By volume where it is known. Where it is not, ideas that serve more keywords come first, then
    those with the shorter target: a long raw query is seldom a topic.
    """
    rows = open_ideas(account=account, sector=sector)
    counted = rows.annotate(served=Count("keywords"))
    order = (
        F("volume").desc(nulls_last=True),
        F("served").desc(),
        Length("target_keyword").asc(),
        F("pk").asc(),
    )
    return list(counted.order_by(*order)[: max(limit, 0)])


def open_ideas(*, account: Account, sector: Sector) -> QuerySet[ContentIdeas]:
    """New ideas that may be accepted: not held back, or wanted by a person all the same."""
    rows = ideas(account=account, sector=sector, status=IdeaStatus.NEW)
    return rows.exclude(overlap__in=BLOCKING_VERDICTS, overridden_at=None)


def held_back(rows: QuerySet[ContentIdeas]) -> QuerySet[ContentIdeas]:
    """Those of the ideas that the guard holds back."""
    return rows.filter(overlap__in=BLOCKING_VERDICTS, overridden_at=None)


def idea(*, account: Account, idea_id: int) -> ContentIdeas:
    """One idea with its cluster, sector and site.

    :raises NotFound: unknown, deleted, or another account's.
    """
    rows = ContentIdeas.objects.for_account(account).filter(pk=idea_id, deleted_at=None)
    found: ContentIdeas | None = rows.select_related("cluster", "sector__site").first()
    if found is None:
        raise NotFound("no such idea", idea_id=idea_id)
    return found


@tenant_atomic()
def sites_of_ideas(*, account: Account, idea_ids: Collection[int]) -> list[tuple[Site, list[int]]]:
    """Ideas by their site; unknown ones are left out."""
    rows = ContentIdeas.objects.for_account(account).filter(pk__in=idea_ids, deleted_at=None)
    found: dict[int, tuple[Site, list[int]]] = {}
    for idea in rows.select_related("sector__site").order_by("site_id", "pk"):
        found.setdefault(idea.site_id, (idea.sector.site, []))[1].append(idea.pk)
    return list(found.values())


def idea_keywords(*, account: Account, idea_ids: Collection[int]) -> dict[int, list[Keywords]]:
    """The live keywords of ideas, each idea's target first, then by volume; one query."""
    links = ContentIdeaKeyword.objects.for_account(account).filter(
        idea_id__in=idea_ids, keyword__deleted_at=None
    )
    order = ("idea_id", "-is_target", F("keyword__volume").desc(nulls_last=True), "keyword_id")
    found: dict[int, list[Keywords]] = {pk: [] for pk in idea_ids}
    for link in links.select_related("keyword").order_by(*order):
        found[link.idea_id].append(link.keyword)
    return found


def keyword_imports(
    *,
    account: Account,
    sector: Sector | None = None,
    site: Site | None = None,
    status: str = "",
) -> QuerySet[KeywordImport]:
    """Imports of a sector, else of a site, else of the whole account, newest first."""
    wanted = {"sector": sector, "site": site, "status": status}
    rows = KeywordImport.objects.for_account(account)
    rows = rows.filter(**{name: value for name, value in wanted.items() if value not in EMPTY})
    return rows.order_by("-pk")


def keyword_import(*, account: Account, import_id: int) -> KeywordImport:
    """One import.

    :raises NotFound: unknown, or another account's.
    """
    rows = KeywordImport.objects.for_account(account)
    found: KeywordImport | None = rows.filter(pk=import_id).first()
    if found is None:
        raise NotFound("no such import", import_id=import_id)
    return found


def import_issues(
    *, account: Account, import_id: int, code: str = "", severity: str = ""
) -> QuerySet[KeywordImportIssue]:
    """What was not simply imported, by row."""
    wanted = {"code": code, "severity": severity}
    rows = KeywordImportIssue.objects.for_account(account).filter(keyword_import_id=import_id)
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    return rows.order_by("row", "pk")


def saved_views(*, account: Account, user_id: int | None, kind: str = "") -> QuerySet[SavedView]:
    """Views of lists that a person may see: their own, and those that are shared.

    :param user_id: None, for a program: the shared ones alone.
    """
    rows = SavedView.objects.for_account(account).filter(Q(owner_id=user_id) | Q(is_shared=True))
    return (rows.filter(kind=kind) if kind else rows).order_by("pk")


def pipeline_counts(*, account: Account, site: Site) -> PipelineCounts:
    """How far the planner is with a site; one query."""
    alive = {"site": site, "deleted_at": None}
    ideas = {f"ideas_{status.value}": Count("pk", filter=Q(status=status)) for status in IdeaStatus}
    found = together(
        (
            Keywords.objects.for_account(account).filter(**alive),
            {
                "keywords": Count("pk"),
                "keywords_new": Count("pk", filter=Q(status=KeywordStatus.NEW)),
                "volume": Sum("volume"),
            },
        ),
        (
            Clusters.objects.for_account(account).filter(**alive),
            {
                "clusters": Count("pk"),
                "clusters_new": Count("pk", filter=Q(status=ClusterStatus.NEW)),
            },
        ),
        (
            ContentIdeas.objects.for_account(account).filter(**alive),
            {"ideas": Count("pk"), **ideas},
        ),
    )
    return PipelineCounts(**found)
