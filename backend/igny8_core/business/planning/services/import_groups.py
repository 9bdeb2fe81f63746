"""A file's own groups as clusters: by name, in the transaction of their batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connection

from igny8_core.business.planning.model_keys import KEYWORD_LENGTH
from igny8_core.business.planning.models import Clusters
from igny8_core.business.planning.states import ClusterSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.planning.services.import_staging import StagedRow

_OTHERS_PLACE = 1_000_000
"""Behind every keyword that a cluster of somebody else's already has on its main page."""

_LINK = """
UPDATE planning_keywords k
   SET cluster_id = t.cluster, page = t.page, page_place = t.place, status = 'mapped',
       updated_at = %(now)s
  FROM unnest(%(norms)s::text[], %(clusters)s::bigint[], %(pages)s::int[], %(places)s::int[])
       AS t (norm, cluster, page, place)
 WHERE k.account_id = %(account)s AND k.sector_id = %(sector)s AND k.deleted_at IS NULL
   AND k.keyword_norm = t.norm AND k.cluster_id IS NULL
RETURNING k.keyword_norm
"""
_PLACED = """
SELECT k.keyword_norm, k.cluster_id
  FROM planning_keywords k
 WHERE k.account_id = %(account)s AND k.sector_id = %(sector)s AND k.deleted_at IS NULL
   AND k.keyword_norm = ANY (%(norms)s) AND k.cluster_id IS NOT NULL
"""


@dataclass(slots=True)
class Linked:
    """What became of a batch's groups.

    :ivar kept: rows whose keyword is in another cluster and stays there.
    """

    linked: int = 0
    kept: list[StagedRow] = field(default_factory=list)


def link_groups(
    *,
    account: Account,
    sector: Sector,
    rows: Sequence[StagedRow],
    import_id: int,
    now: datetime,
) -> Linked:
    """Put a batch's keywords into the clusters that their file names.

    Clusters are found by name or made; a keyword that is in a cluster already stays there.
    """
    grouped = [(row, row.place) for row in rows]
    grouped = [(row, place) for row, place in grouped if place[0]]
    if not grouped:
        return Linked()
    clusters = _clusters(account, sector, (place[0] for _row, place in grouped), import_id)
    norms, cluster_ids, pages, places = [], [], [], []
    for row, (group, page, place) in grouped:
        cluster_id, is_own = clusters[group.casefold()[:KEYWORD_LENGTH]]
        norms.append(row.norm)
        cluster_ids.append(cluster_id)
        pages.append(page if is_own else 0)
        places.append(place if is_own else _OTHERS_PLACE + place)
    scope: dict[str, Any] = {
        "account": account.pk, "sector": sector.pk, "norms": norms, "clusters": cluster_ids,
        "pages": pages, "places": places, "now": now,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_PLACED, scope)
        placed = dict(cursor.fetchall())
        cursor.execute(_LINK, scope)
        linked = cursor.rowcount
    wanted = dict(zip(norms, cluster_ids, strict=True))
    kept = [
        row
        for row, _place in grouped
        if row.norm in placed and placed[row.norm] != wanted[row.norm]
    ]
    return Linked(linked, kept)


def _clusters(
    account: Account, sector: Sector, names: Iterable[str], import_id: int
) -> dict[str, tuple[int, bool]]:
    """(cluster, whether this import made it) by folded name; those that are missing are made."""
    wanted = {name.casefold()[:KEYWORD_LENGTH]: name for name in names}
    rows = Clusters.objects.for_account(account).filter(sector=sector, deleted_at=None)

    def known() -> dict[str, tuple[int, bool]]:
        found = rows.filter(name_norm__in=wanted).values_list("name_norm", "pk", "import_id")
        return {norm: (pk, by == import_id) for norm, pk, by in found}

    found = known()
    missing = sorted(set(wanted) - set(found))
    Clusters.unscoped.bulk_create(
        (
            Clusters(
                account=account,
                site_id=sector.site_id,
                sector=sector,
                name=wanted[norm],
                name_norm=norm,
                source=ClusterSource.IMPORT,
                import_id=import_id,
            )
            for norm in missing
        ),
        ignore_conflicts=True,
    )
    return known() if missing else found
