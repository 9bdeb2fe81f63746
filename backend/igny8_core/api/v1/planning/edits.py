"""What people do to clusters, and how it is taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.auth import selectors as identity
from igny8_core.business.content.services import carry_clusters
from igny8_core.business.planning import cluster_selectors
from igny8_core.business.planning.models import ClusterEdit
from igny8_core.business.planning.states import EditKind

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class ClusterEditSerializer(serializers.ModelSerializer[ClusterEdit]):
    """What was done to clusters, in words; ``cluster-edits/{id}/undo/`` takes it back."""

    class Meta:
        model = ClusterEdit
        fields = ("id", "site", "sector", "kind", "summary", "actor", "created_at", "undone_at")
        read_only_fields = fields


class EditFilters(Filters):
    """Narrows edits down."""

    site = RowId(identity.site, "site_id", required=False)
    sector = RowId(identity.bare_sector, "sector_id", required=False)
    kind = serializers.ChoiceField(choices=EditKind.choices, required=False)
    is_undone = serializers.BooleanField(required=False)


class ClusterEditViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[ClusterEdit]
):
    """Edits of clusters, newest first. The last 200 of a sector are kept."""

    serializer_class = ClusterEditSerializer
    filters_class = EditFilters
    default_order = "-id"

    def get_queryset(self) -> QuerySet[ClusterEdit]:
        return cluster_selectors.cluster_edits(account=self.account, **self.filters)

    @extend_schema(request=None, responses=ClusterEditSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Put everything that the edit touched back, articles and writing tasks with it.

        A repeat changes nothing. 409 `undo_not_possible` when something of it was changed since:
        undo the later edits first.
        """
        edit = carry_clusters.undo_cluster_edit(
            account=self.account, edit_id=int(pk), now=timezone.now()
        )
        return Response(self.get_serializer(edit).data)
