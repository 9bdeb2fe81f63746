"""Categories and tags, cluster maps and attributes. What hangs on deleted rows is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q

from igny8_core.business.content.models import (
    ContentAttribute,
    ContentClusterMap,
    ContentTaxonomy,
)
from igny8_core.business.content.selectors.rows import OWNER_LIVE
from igny8_core.common.errors import NotFound

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from igny8_core.auth.models import Account

CLUSTER_LIVE = Q(cluster__deleted_at=None)
ON_SOMETHING_LIVE = OWNER_LIVE & (Q(content__isnull=False) | Q(task__isnull=False) | CLUSTER_LIVE)
"""An attribute of a cluster alone goes with the cluster."""


def taxonomies(*, account: Account, q: str = "", **wanted: Any) -> QuerySet[ContentTaxonomy]:
    """Categories and tags by type and name.

    :param q: a part of the name.
    :param wanted: ``site``, ``taxonomy_type``, ``slug``, ``external_taxonomy``, ``external_id``.
    """
    rows = ContentTaxonomy.objects.for_account(account).filter(**wanted)
    if q:
        rows = rows.filter(name__icontains=q)
    return rows.order_by("taxonomy_type", "name", "pk")


def taxonomy(*, account: Account, taxonomy_id: int) -> ContentTaxonomy:
    """One category or tag.

    :raises NotFound: unknown, or another account's.
    """
    rows = ContentTaxonomy.objects.for_account(account)
    found: ContentTaxonomy | None = rows.filter(pk=taxonomy_id).first()
    if found is None:
        raise NotFound("no such taxonomy", taxonomy_id=taxonomy_id)
    return found


def cluster_maps(*, account: Account, **wanted: Any) -> QuerySet[ContentClusterMap]:
    """What articles and writing tasks are to clusters, where neither is in the bin.

    :param wanted: ``site``, ``sector``, ``content``, ``task``, ``cluster``, ``role``, ``source``.
    """
    rows = ContentClusterMap.objects.for_account(account).filter(OWNER_LIVE, CLUSTER_LIVE)
    return rows.filter(**wanted).order_by("pk")


def cluster_map(*, account: Account, cluster_map_id: int) -> ContentClusterMap:
    """One cluster map.

    :raises NotFound: unknown or hidden, or another account's.
    """
    rows = cluster_maps(account=account)
    found: ContentClusterMap | None = rows.filter(pk=cluster_map_id).first()
    if found is None:
        raise NotFound("no such cluster map", cluster_map_id=cluster_map_id)
    return found


def content_attributes(*, account: Account, q: str = "", **wanted: Any) -> QuerySet[Any]:
    """Facts that articles, writing tasks or clusters should state.

    :param q: a part of the name.
    :param wanted: ``site``, ``sector``, ``content``, ``task``, ``cluster``, ``attribute_type``.
    """
    rows = ContentAttribute.objects.for_account(account).filter(ON_SOMETHING_LIVE)
    if q:
        rows = rows.filter(name__icontains=q)
    return rows.filter(**wanted).order_by("pk")


def content_attribute(*, account: Account, attribute_id: int) -> ContentAttribute:
    """One attribute.

    :raises NotFound: unknown or hidden, or another account's.
    """
    rows = content_attributes(account=account)
    found: ContentAttribute | None = rows.filter(pk=attribute_id).first()
    if found is None:
        raise NotFound("no such attribute", attribute_id=attribute_id)
    return found
