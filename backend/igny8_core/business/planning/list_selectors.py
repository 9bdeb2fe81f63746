"""What list screens ask of keywords and clusters besides their rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db.models import Count, F, Q

from igny8_core.business.planning.models import Clusters, Keywords
from igny8_core.business.planning.states import KeywordStatus

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Sector

QUICK_WIN_DIFFICULTY: Final = 30
QUICK_WIN_VOLUME: Final = 100
CHOICES_MAX: Final = 500
MAP_CLUSTERS: Final = 300
MAP_KEYWORDS: Final = 4_000


def keyword_view_counts(*, account: Account, sector: Sector) -> dict[str, int]:
    """How many keywords each built-in view of a sector shows; one query.

    ``quick`` are those with at least :data:`QUICK_WIN_VOLUME` searches a month and at most
    :data:`QUICK_WIN_DIFFICULTY` difficulty. All but ``disabled`` leave disabled ones out.
    """
    rows = Keywords.objects.for_account(account).filter(
        sector=sector, site_id=sector.site_id, deleted_at=None
    )
    awake = Q(is_disabled=False)
    quick = Q(volume__gte=QUICK_WIN_VOLUME, difficulty__lte=QUICK_WIN_DIFFICULTY)
    counted: dict[str, int] = rows.aggregate(
        all=Count("pk", filter=awake),
        new=Count("pk", filter=awake & Q(status=KeywordStatus.NEW)),
        quick=Count("pk", filter=awake & quick),
        mapped=Count("pk", filter=awake & Q(status=KeywordStatus.MAPPED)),
        disabled=Count("pk", filter=Q(is_disabled=True)),
    )
    return counted


def cluster_choices(*, account: Account, sector: Sector, q: str = "") -> list[tuple[int, str]]:
    """(id, name) of the sector's clusters by name, at most :data:`CHOICES_MAX`."""
    rows = Clusters.objects.for_account(account).filter(
        sector=sector, deleted_at=None, is_disabled=False
    )
    if q:
        rows = rows.filter(name_norm__contains=q.casefold())
    return list(rows.order_by("name_norm", "pk").values_list("pk", "name")[:CHOICES_MAX])


@dataclass(frozen=True)
class MapCluster:
    """A cluster as the topic map draws it.

    :ivar keywords: (text, searches, difficulty) of its largest keywords.
    """

    cluster: Clusters
    keywords: list[tuple[str, int | None, float | None]]


def map_clusters(*, account: Account, sector: Sector) -> list[MapCluster]:
    """The sector's largest clusters with their largest keywords; two queries.

    At most :data:`MAP_CLUSTERS` clusters and :data:`MAP_KEYWORDS` keywords: more cannot be seen.
    """
    rows = Clusters.objects.for_account(account).filter(
        sector=sector, site_id=sector.site_id, deleted_at=None, is_disabled=False
    )
    found = {row.pk: MapCluster(row, []) for row in rows.order_by("-volume", "pk")[:MAP_CLUSTERS]}
    keywords = Keywords.objects.for_account(account).filter(
        sector=sector, deleted_at=None, is_disabled=False, cluster_id__in=found
    )
    largest = keywords.order_by(F("volume").desc(nulls_last=True), "pk")
    columns = ("cluster_id", "keyword", "volume", "difficulty")
    for cluster_id, text, volume, difficulty in largest.values_list(*columns)[:MAP_KEYWORDS]:
        found[cluster_id].keywords.append((text, volume, difficulty))
    return list(found.values())
