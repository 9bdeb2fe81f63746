"""Keywords that say the same in another form or order: groups of close variants."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import Count, F, Max, Sum

from igny8_core.business.planning import selectors
from igny8_core.business.planning.models import Keywords
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Sector

MAX_GROUPS = 200
MAX_SHOWN = 2_000
"""Keywords of all groups together; what is beyond is counted, and not shown."""


@dataclass(frozen=True)
class DuplicateGroup:
    """Close variants: one page serves them, and tools report one figure for all.

    :ivar keywords: the representative first: the highest volume, then the shortest.
    """

    volume: int | None
    volume_distinct: int | None
    keywords: tuple[Keywords, ...]


@dataclass(frozen=True)
class Duplicates:
    """The groups of a sector, or the largest of them."""

    groups_total: int = 0
    keywords_total: int = 0
    groups: tuple[DuplicateGroup, ...] = field(default_factory=tuple)


@tenant_atomic()
def near_duplicates(
    *, account: Account, sector: Sector, cluster_id: int | None = None, limit: int = 50
) -> Duplicates:
    """Groups of close variants of a sector, the largest volumes first; three queries.

    What is a variant of what is known of keywords that a run or a person has placed.

    :param cluster_id: of one cluster.
    :param limit: at most so many groups, and never more than :data:`MAX_GROUPS`.
    """
    rows: Any = Keywords.objects.for_account(account).filter(
        sector=sector,
        site_id=sector.site_id,
        deleted_at=None,
        is_disabled=False,
        variant__isnull=False,
    )
    if cluster_id is not None:
        rows = rows.filter(cluster_id=cluster_id)
    groups = (
        rows.order_by()
        .values("variant")
        .annotate(count=Count("pk"), total=Sum("volume"), best=Max("volume"))
        .filter(count__gt=1)
    )
    sums = groups.aggregate(groups=Count("variant"), keywords=Sum("count"))
    if not sums["groups"]:
        return Duplicates()
    order = (F("total").desc(nulls_last=True), F("count").desc(), "variant")
    largest = list(groups.order_by(*order)[: min(limit, MAX_GROUPS)])
    members = _members(account, rows, [group["variant"] for group in largest])
    return Duplicates(
        groups_total=sums["groups"],
        keywords_total=sums["keywords"],
        groups=tuple(
            DuplicateGroup(group["total"], group["best"], tuple(members[group["variant"]]))
            for group in largest
            if members[group["variant"]]
        ),
    )


def _members(account: Account, rows: Any, variants: list[int]) -> dict[int, list[Keywords]]:
    found: dict[int, list[Keywords]] = {variant: [] for variant in variants}
    named = rows.annotate(cluster_name=selectors.cluster_name(account=account))
    wanted = named.filter(variant__in=variants).defer("attributes").order_by("pk")[:MAX_SHOWN]
    for keyword in wanted:
        found[keyword.variant].append(keyword)
    for keywords in found.values():
        keywords.sort(key=lambda k: (-(k.volume or 0), len(k.keyword), k.keyword_norm))
    return found
