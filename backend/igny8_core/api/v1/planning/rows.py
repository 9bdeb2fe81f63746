"""What lists of planner rows share: filters by place, the bin, and orders that have an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.db.models import Model
from rest_framework import serializers

from igny8_core.api.filters import BinFilters, RowId
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.auth import selectors as identity

if TYPE_CHECKING:
    from rest_framework.request import Request

M = TypeVar("M", bound=Model)


class PlaceFilters(BinFilters):
    """Where rows are, and whether they are in the bin."""

    site = RowId(identity.site, "site_id", required=False)
    sector = RowId(identity.bare_sector, "sector_id", required=False)


class ClusterName(serializers.CharField):
    """The name of the row's cluster: a column of lists, else read off the cluster."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(source="cluster.name", read_only=True, **kwargs)

    def get_attribute(self, instance: Any) -> Any:
        known = vars(instance)
        return known["cluster_name"] if "cluster_name" in known else super().get_attribute(instance)


class PlannerViewSet(TenantViewSet[M]):
    """Rows of a sector.

    Sites and accounts are listed by id; what a person sorts by has its index within a sector, and
    the bin is sorted by when rows went into it.

    :cvar sector_orders: names of orders that need a sector, or a cluster.
    :cvar cluster_orders: those that need a cluster.
    """

    orders = {"id": "pk", "deleted_at": "deleted_at"}
    sector_orders: ClassVar[frozenset[str]] = frozenset()
    cluster_orders: ClassVar[frozenset[str]] = frozenset()

    def paginate_queryset(self, queryset: Any) -> Any:
        self._check_order()
        return super().paginate_queryset(queryset)

    def _check_order(self) -> None:
        name = self.request.query_params.get("order", "").removeprefix("-")
        in_bin, found = self.filters.get("deleted", False), ""
        if in_bin and name in self.sector_orders | self.cluster_orders:
            found = "The bin is ordered by id or deleted_at."
        elif name == "deleted_at" and not in_bin:
            found = "Only the bin is ordered by deleted_at."
        elif name in self.sector_orders and not self._names("sector", "cluster"):
            found = f"Name a sector to order by {name}."
        elif name in self.cluster_orders and not self._names("cluster"):
            found = f"Name a cluster to order by {name}."
        if found:
            raise serializers.ValidationError({"order": [found]})

    def _names(self, *places: str) -> bool:
        return any(self.filters.get(name) is not None for name in places)

    def _valid(
        self, form: type[serializers.Serializer[Any]], request: Request, *, partial: bool = False
    ) -> dict[str, Any]:
        """What the body says.

        :raises rest_framework.exceptions.ValidationError: by field.
        """
        filled = form(data=request.data, partial=partial, context=self.get_serializer_context())
        filled.is_valid(raise_exception=True)
        return dict(filled.validated_data)
