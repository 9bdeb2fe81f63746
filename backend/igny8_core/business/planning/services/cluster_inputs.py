"""What a clustering run reads, as one value: computed on outside a transaction, checked inside."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Max

from igny8_core.business.planning.models import Clusters, Keywords

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

READ_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class KeywordInput:
    """A live, enabled keyword as clustering sees it."""

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


@dataclass(frozen=True, slots=True)
class ClusterInput:
    """A live cluster. A closed one, locked or disabled, takes no part in a run."""

    pk: int
    name_norm: str
    is_closed: bool


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
        """Keywords that have a cluster which takes part."""
        is_open = {cluster.pk for cluster in self.clusters if not cluster.is_closed}
        return [k for k in self.keywords if k.cluster_id in is_open]

    @property
    def unplaced(self) -> list[KeywordInput]:
        """Keywords to be clustered: without a cluster, unless a person took them out of one."""
        return [k for k in self.keywords if k.cluster_id is None and not k.is_pinned]


def read_inputs(*, account: Account, sector_id: int) -> Inputs:
    """Read them, in an open block; sorted, so that equal rows are equal values."""
    rows = Keywords.objects.for_account(account).filter(
        sector_id=sector_id, deleted_at=None, is_disabled=False
    )
    values = rows.order_by("keyword_norm", "pk").values_list(
        "pk", "keyword", "keyword_norm", "volume", "cpc_minor", "intent", "intent_source",
        "intent_confidence", "cluster_id", "page", "page_place", "is_pinned",
    )  # fmt: skip
    keywords = [KeywordInput(*row) for row in values.iterator(READ_ROWS)]
    live = Clusters.objects.for_account(account).filter(sector_id=sector_id, deleted_at=None)
    clusters = [
        ClusterInput(pk, norm, is_locked or is_disabled)
        for pk, norm, is_locked, is_disabled in live.order_by("pk").values_list(
            "pk", "name_norm", "is_locked", "is_disabled"
        )
    ]
    digest = hashlib.sha256()
    for row in (*keywords, *clusters):
        digest.update(repr(row).encode())
    fingerprint = digest.hexdigest()
    written = (
        rows.aggregate(at=Max("updated_at"))["at"],
        Clusters.objects.for_account(account)
        .filter(sector_id=sector_id)
        .aggregate(at=Max("updated_at"))["at"],
    )
    digest.update(repr(written).encode())
    return Inputs(keywords, clusters, fingerprint, digest.hexdigest())
