"""What a clustering run reads, as one value: computed on outside a transaction, checked inside."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Max, Q

from igny8_core.business.planning.models import Clusters, ContentIdeas, Keywords
from igny8_core.business.planning.services.cluster_links import result_keys
from igny8_core.business.planning.services.cluster_merging import FREE
from igny8_core.business.planning.states import ClusterSource, ClusterStatus
from igny8_core.common.errors import InvalidInput

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

READ_ROWS = 10_000
MAX_KEYWORDS = 1_000_000
"""Of one run; a sector with more is split into sectors."""


@dataclass(frozen=True, slots=True)
class KeywordInput:
    """A live, enabled keyword as clustering sees it.

    :ivar parent: the tool's parent keyword, in normal form; empty for none.
    :ivar results: keys of the first search results that the file brought.
    """

    pk: int
    keyword: str
    norm: str
    volume: int | None
    cpc_minor: int | None
    intent: str
    intent_source: str
    intent_confidence: float
    cluster_id: int | None
    page: int | None
    page_place: int
    is_pinned: bool
    role: str = ""
    parent: str = ""
    results: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterInput:
    """A live cluster.

    :ivar is_closed: locked or disabled: runs put nothing into it.
    :ivar keeps_name: a person named or locked it, or it came with a file.
    :ivar is_kept: has contents or ideas, or is locked: it outlives a rebuild even when empty.
    :ivar last_page: highest number that a page of it has or had; -1 for none.
    """

    pk: int
    name_norm: str
    is_closed: bool
    name: str = ""
    is_locked: bool = False
    is_disabled: bool = False
    keeps_name: bool = False
    is_kept: bool = False
    last_page: int = -1


@dataclass(frozen=True)
class Inputs:
    """All that the result of a run depends on.

    :ivar fingerprint: of exactly these values: two reads with the same one give the same result.
    :ivar state: also of when rows were written last: the same run again after an undo is new work.
    """

    keywords: list[KeywordInput]
    clusters: list[ClusterInput]
    fingerprint: str
    state: str

    @property
    def placed(self) -> list[KeywordInput]:
        """Keywords that have a page of a cluster which takes part."""
        is_open = {cluster.pk for cluster in self.clusters if not cluster.is_closed}
        return [k for k in self.keywords if k.cluster_id in is_open and k.page is not None]

    @property
    def unpaged(self) -> list[KeywordInput]:
        """Keywords that a file or a person put into an open cluster, without a page."""
        is_open = {cluster.pk for cluster in self.clusters if not cluster.is_closed}
        return [k for k in self.keywords if k.cluster_id in is_open and k.page is None]

    @property
    def unplaced(self) -> list[KeywordInput]:
        """Keywords to be clustered: without a cluster, unless a person took them out of one."""
        return [k for k in self.keywords if k.cluster_id is None and not k.is_pinned]

    @property
    def rebuilt(self) -> list[KeywordInput]:
        """Keywords that a rebuild places anew: all but those of disabled clusters and those that a
        person took out.
        """
        off = {cluster.pk for cluster in self.clusters if cluster.is_disabled}
        return [
            k
            for k in self.keywords
            if k.cluster_id not in off and not (k.is_pinned and k.cluster_id is None)
        ]

    def owners(self) -> dict[int, int]:
        """The cluster of each keyword that holds a rebuilt cluster together, or ``FREE``.

        All of a locked cluster, and what is pinned where that is most of a cluster. A few pinned
        keywords are no centre: they follow their cluster and draw nothing (:meth:`followers`).
        """
        locked = {cluster.pk for cluster in self.clusters if cluster.is_locked}
        mostly = self._mostly_pinned()
        return {
            k.pk: k.cluster_id
            if k.cluster_id in locked or (k.is_pinned and k.cluster_id in mostly)
            else FREE
            for k in self.rebuilt
            if k.cluster_id is not None or not k.is_pinned
        }

    def followers(self) -> list[KeywordInput]:
        """Pinned keywords that are too few to be the centre of their cluster."""
        mostly = self._mostly_pinned()
        locked = {cluster.pk for cluster in self.clusters if cluster.is_locked}
        return [
            k
            for k in self.rebuilt
            if k.is_pinned and k.cluster_id not in mostly and k.cluster_id not in locked
        ]

    def _mostly_pinned(self) -> set[int]:
        held: Counter[int] = Counter()
        pinned: Counter[int] = Counter()
        for keyword in self.rebuilt:
            if keyword.cluster_id is not None:
                held[keyword.cluster_id] += 1
                pinned[keyword.cluster_id] += keyword.is_pinned
        return {pk for pk, count in held.items() if 2 * pinned[pk] > count}


def read_inputs(*, account: Account, sector_id: int) -> Inputs:
    """Read them, in an open block; sorted, so that equal rows are equal values.

    :raises InvalidInput: more keywords than a run takes.
    """
    rows = Keywords.objects.for_account(account).filter(
        sector_id=sector_id, deleted_at=None, is_disabled=False
    )
    values = rows.order_by("keyword_norm", "pk").values_list(
        "pk", "keyword", "keyword_norm", "volume", "cpc_minor", "intent", "intent_source",
        "intent_confidence", "cluster_id", "page", "page_place", "is_pinned", "role",
        "attributes__parent_keyword", "attributes__serp_urls",
    )  # fmt: skip
    keywords = [_keyword(list(row)) for row in values.iterator(READ_ROWS)]
    if len(keywords) > MAX_KEYWORDS:
        raise InvalidInput(
            f"A sector is clustered up to {MAX_KEYWORDS:,} keywords; split it.", limit=MAX_KEYWORDS
        )
    clusters = _clusters(account=account, sector_id=sector_id)
    digest = hashlib.sha256()
    for row in keywords:
        digest.update(repr(row).encode())
    for cluster in clusters:
        decisive = (cluster.pk, cluster.name_norm, cluster.is_locked, cluster.is_disabled)
        digest.update(repr((*decisive, cluster.keeps_name)).encode())
    fingerprint = digest.hexdigest()
    written = (
        rows.aggregate(at=Max("updated_at"))["at"],
        Clusters.objects.for_account(account)
        .filter(sector_id=sector_id)
        .aggregate(at=Max("updated_at"))["at"],
    )
    digest.update(repr(written).encode())
    return Inputs(keywords, clusters, fingerprint, digest.hexdigest())


def _clusters(*, account: Account, sector_id: int) -> list[ClusterInput]:
    last: dict[int, int] = {}
    for rows in (Keywords, ContentIdeas):  # deleted ones too: their page is not given again
        of_sector = rows.objects.for_account(account).filter(
            sector_id=sector_id, cluster__isnull=False, page__isnull=False
        )
        for pk, page in of_sector.order_by().values_list("cluster_id").annotate(Max("page")):
            last[pk] = max(last.get(pk, -1), page)
    live = Clusters.objects.for_account(account).filter(sector_id=sector_id, deleted_at=None)
    columns = ("pk", "name", "name_norm", "is_locked", "is_disabled", "is_named", "source")
    mapped = set(live.filter(Q(status=ClusterStatus.MAPPED)).values_list("pk", flat=True))
    return [
        ClusterInput(
            pk=pk,
            name_norm=norm,
            is_closed=is_locked or is_disabled,
            name=name,
            is_locked=is_locked,
            is_disabled=is_disabled,
            keeps_name=is_named or is_locked or source != ClusterSource.CLUSTERING,
            is_kept=pk in mapped or is_locked or is_disabled,
            last_page=last.get(pk, -1),
        )
        for pk, name, norm, is_locked, is_disabled, is_named, source in live.order_by(
            "pk"
        ).values_list(*columns)
    ]


def _keyword(row: list[Any]) -> KeywordInput:
    row[-2:] = [_text(row[-2]), _results(row[-1])]
    return KeywordInput(*row)


def _text(value: Any) -> str:
    return " ".join(value.casefold().split()) if isinstance(value, str) else ""


def _results(value: Any) -> tuple[str, ...]:
    return result_keys(url for url in value if isinstance(url, str)) if value else ()
