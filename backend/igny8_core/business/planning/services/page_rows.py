"""Keywords of clusters as pages see them, read and settled in the caller's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.auth.models import Sector
from igny8_core.business.planning.models import Keywords
from igny8_core.business.planning.services.cluster_moves import Move, move_keywords
from igny8_core.business.planning.services.cluster_pages import PageKeyword, with_one_hub
from igny8_core.common.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from igny8_core.auth.models import Account

_COLUMNS = (
    "pk", "keyword", "keyword_norm", "volume", "cluster_id", "page", "page_place", "role",
    "is_pinned",
)  # fmt: skip


def live_keywords(
    *,
    account: Account,
    keyword_ids: Collection[int] | None = None,
    cluster_ids: Collection[int] | None = None,
    sector: Sector | None = None,
) -> list[PageKeyword]:
    """Keywords by id or of clusters, disabled ones too, in the order of their text.

    :raises NotFound: an id is unknown, deleted, another account's, or of another sector than asked.
    """
    rows = Keywords.objects.for_account(account).filter(deleted_at=None)
    if sector is not None:
        rows = rows.filter(sector=sector)
    rows = (
        rows.filter(pk__in=keyword_ids)
        if keyword_ids is not None
        else rows.filter(cluster_id__in=cluster_ids or ())
    )
    values = rows.order_by("keyword_norm", "pk").values_list(*_COLUMNS)
    found = [PageKeyword(*row) for row in values.iterator()]
    if keyword_ids is not None and (missing := set(keyword_ids) - {k.pk for k in found}):
        raise NotFound("no such keyword", keyword_id=min(missing))
    return found


def settle_hubs_of(*, account: Account, keyword_ids: Collection[int], now: datetime) -> None:
    """:func:`settle_hubs` for the clusters of these keywords, live or in the bin."""
    rows = Keywords.objects.for_account(account).filter(pk__in=keyword_ids, cluster__isnull=False)
    by_sector: dict[int, set[int]] = {}
    for sector_id, cluster_id in rows.values_list("sector_id", "cluster_id").distinct():
        by_sector.setdefault(sector_id, set()).add(cluster_id)
    for sector in Sector.objects.for_account(account).filter(pk__in=by_sector).order_by("pk"):
        settle_hubs(account=account, sector=sector, cluster_ids=by_sector[sector.pk], now=now)


def settle_hubs(
    *, account: Account, sector: Sector, cluster_ids: Collection[int], now: datetime
) -> None:
    """Give each cluster that has pages exactly one hub, and every page one role."""
    held: dict[int, list[PageKeyword]] = {}
    for keyword in live_keywords(account=account, cluster_ids=cluster_ids):
        held.setdefault(keyword.cluster_id or 0, []).append(keyword)
    changed = [
        Move(k.pk, k.cluster_id, k.page, k.page_place, k.role)
        for members in held.values()
        for before, k in zip(members, with_one_hub(members), strict=True)
        if k.role != before.role
    ]
    move_keywords(sector=sector, moves=changed, now=now)
