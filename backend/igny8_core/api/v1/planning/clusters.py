"""Clusters: topics, with what their keywords say together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import OptionalChoice
from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.base import BinActions
from igny8_core.api.v1.planning.keywords import KeywordSerializer
from igny8_core.api.v1.planning.rows import PlaceFilters, PlannerViewSet
from igny8_core.api.v1.work import WorkItemSerializer
from igny8_core.auth import selectors as identity
from igny8_core.business.automation.services import requests
from igny8_core.business.planning import selectors
from igny8_core.business.planning.models import KEYWORD_LENGTH, Clusters
from igny8_core.business.planning.services import bin_clusters, manual_clusters
from igny8_core.business.planning.states import ClusterSource, ClusterStatus, Intent

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

MAX_DESCRIPTION = 5_000


class ClusterSerializer(serializers.ModelSerializer[Clusters]):
    """A cluster. Counts are of live keywords that are not disabled."""

    intent = OptionalChoice(Intent.choices, read_only=True)

    class Meta:
        model = Clusters
        fields: tuple[str, ...] = (
            "id",
            "site",
            "sector",
            "name",
            "description",
            "status",
            "source",
            "intent",
            "keywords_count",
            "volume",
            "mapped_pages",
            "is_disabled",
            "is_locked",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = fields


class ClusterFiguresSerializer(serializers.Serializer[Any]):
    """What a cluster's keywords say together."""

    difficulty = serializers.FloatField(allow_null=True, help_text="Mean of the known ones.")
    intents = serializers.DictField(
        child=serializers.IntegerField(), help_text="Keywords by intent; unknown is one of them."
    )
    pages = serializers.IntegerField(help_text="One article serves a page.")
    hub_keyword = serializers.CharField(help_text="Target of the cluster's main page.")


class ClusterDetailSerializer(ClusterSerializer):
    """A cluster with its figures."""

    figures = ClusterFiguresSerializer(read_only=True)

    class Meta(ClusterSerializer.Meta):
        fields = (*ClusterSerializer.Meta.fields, "figures")
        read_only_fields = fields


class ClusterFieldsSerializer(Body):
    """What a person may say of a cluster."""

    name = serializers.CharField(max_length=KEYWORD_LENGTH)
    description = serializers.CharField(
        max_length=MAX_DESCRIPTION, required=False, allow_blank=True
    )
    intent = OptionalChoice(Intent.choices, required=False)


class NewClusterSerializer(ClusterFieldsSerializer):
    """A cluster that a person makes."""

    sector = RowId(identity.sector, "sector_id")


class ClusterChangesSerializer(ClusterFieldsSerializer):
    """What a person may change of a cluster."""

    is_disabled = serializers.BooleanField(
        required=False, help_text="Takes no keywords, gets no ideas."
    )
    is_locked = serializers.BooleanField(required=False, help_text="Later runs leave it alone.")


class RunSerializer(Body):
    """The sector that a run is for."""

    sector = RowId(identity.sector, "sector_id")


class ClusterFilters(PlaceFilters):
    """Narrows clusters down."""

    status = serializers.ChoiceField(choices=ClusterStatus.choices, required=False)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a field, not where it is from
        choices=ClusterSource.choices, required=False
    )
    intent = serializers.ChoiceField(choices=Intent.choices, required=False)
    is_disabled = serializers.BooleanField(required=False)
    is_locked = serializers.BooleanField(required=False)
    q = serializers.CharField(max_length=200, required=False, help_text="A part of the name.")


class ClusterViewSet(BinActions, mixins.ListModelMixin, PlannerViewSet[Clusters]):
    """Clusters of the account's sectors."""

    serializer_class = ClusterSerializer
    filters_class = ClusterFilters
    orders = {"id": "pk", "name": "name_norm", "volume": "-volume", "deleted_at": "deleted_at"}
    sector_orders = frozenset({"name", "volume"})
    list_actions = frozenset({"list", "keywords"})
    spending_actions = frozenset({"run"})
    delete_rows = staticmethod(bin_clusters.delete_clusters)
    restore_rows = staticmethod(bin_clusters.restore_clusters)

    def get_queryset(self) -> QuerySet[Clusters]:
        return selectors.clusters(account=self.account, **self.filters)

    @extend_schema(responses=ClusterDetailSerializer)
    def retrieve(self, _request: Request, pk: str, **_path: Any) -> Response:
        """A cluster with what its keywords say together."""
        return self._detail(selectors.cluster(account=self.account, cluster_id=int(pk)))

    @extend_schema(request=NewClusterSerializer, responses={201: ClusterDetailSerializer})
    def create(self, request: Request, **_path: Any) -> Response:
        """Make an empty cluster. 409 when the sector has one of that name."""
        data = self._valid(NewClusterSerializer, request)
        row = manual_clusters.create_cluster(
            account=self.account, sector_id=data.pop("sector").pk, **data
        )
        return self._detail(row, status_code=status.HTTP_201_CREATED)

    @extend_schema(request=ClusterChangesSerializer, responses=ClusterDetailSerializer)
    def partial_update(self, request: Request, pk: str, **_path: Any) -> Response:
        """Change a cluster. 409 when the sector has another one of that name."""
        data = self._valid(ClusterChangesSerializer, request, partial=True)
        row = manual_clusters.update_cluster(
            account=self.account,
            cluster_id=int(pk),
            changes=cast("manual_clusters.ClusterChanges", data),
            now=timezone.now(),
        )
        return self._detail(row)

    @extend_schema(responses=KeywordSerializer(many=True))
    @action(
        detail=True,
        methods=["get"],
        filters_class=Filters,
        serializer_class=KeywordSerializer,
        orders={"page": "page"},
    )
    def keywords(self, _request: Request, pk: str, **_path: Any) -> Response:
        """The keywords of a cluster, page by page."""
        cluster = selectors.cluster(account=self.account, cluster_id=int(pk))
        wanted = selectors.KeywordFilters(cluster_id=cluster.pk)
        rows = selectors.keywords(account=self.account, sector=cluster.sector, filters=wanted)
        page: Any = self.paginate_queryset(rows.defer("attributes"))
        for row in page:
            row.cluster = cluster
        return self.get_paginated_response(KeywordSerializer(page, many=True).data)

    @extend_schema(request=RunSerializer, responses={202: WorkItemSerializer})
    @action(detail=False, methods=["post"])
    def run(self, request: Request, **_path: Any) -> Response:
        """Give every keyword of a sector that has no cluster its place, for credits.

        The answer is the work item that waits. 402 when the credits do not suffice now, 409 when
        there is nothing to do.
        """
        sector = self._valid(RunSerializer, request)["sector"]
        item = requests.request_clustering(account=self.account, sector=sector, now=timezone.now())
        return Response(WorkItemSerializer(item).data, status=status.HTTP_202_ACCEPTED)

    def _detail(self, row: Any, *, status_code: int = status.HTTP_200_OK) -> Response:
        figures = selectors.cluster_figures(account=self.account, cluster_ids=[row.pk])
        row.figures = figures[row.pk]
        return Response(ClusterDetailSerializer(row).data, status=status_code)
