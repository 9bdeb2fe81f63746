"""What articles and writing tasks are to clusters, and the facts that they should state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import JsonObject
from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.auth import selectors as identity
from igny8_core.business.content import selectors
from igny8_core.business.content.models import ContentAttribute, ContentClusterMap
from igny8_core.business.content.services import edit_links as services
from igny8_core.business.content.states import AttributeType, ClusterMapSource
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.states import ClusterRole

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class ClusterMapSerializer(serializers.ModelSerializer[ContentClusterMap]):
    """What an article or a writing task is to a cluster."""

    class Meta:
        model = ContentClusterMap
        fields = (
            "id",
            "site",
            "sector",
            "content",
            "task",
            "cluster",
            "role",
            "source",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class ClusterMapFieldsSerializer(Body):
    """What a person may change of a map."""

    role = serializers.ChoiceField(choices=ClusterRole.choices, required=False)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # DRF's own attribute is not a field
        choices=ClusterMapSource.choices, required=False
    )


class NewClusterMapSerializer(ClusterMapFieldsSerializer):
    """An article or a writing task, or both, in a cluster; by hand unless said otherwise."""

    cluster = RowId(planning.cluster, "cluster_id")
    content = RowId(selectors.content, "content_id", required=False, allow_null=True)
    task = RowId(selectors.writing_task, "writing_task_id", required=False, allow_null=True)


class ClusterMapFilters(Filters):
    """Narrows cluster maps down."""

    site = RowId(identity.site, "site_id", required=False)
    sector = RowId(identity.sector, "sector_id", required=False)
    content = RowId(selectors.content, "content_id", required=False)
    task = RowId(selectors.writing_task, "writing_task_id", required=False)
    cluster = RowId(planning.cluster, "cluster_id", required=False)
    role = serializers.ChoiceField(choices=ClusterRole.choices, required=False)
    source = serializers.ChoiceField(  # type: ignore[assignment]  # DRF's own attribute is not a field
        choices=ClusterMapSource.choices, required=False
    )


class ClusterMapViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[ContentClusterMap]
):
    """Cluster maps, newest first; those of deleted rows are hidden with them."""

    serializer_class = ClusterMapSerializer
    filters_class = ClusterMapFilters
    default_order = "-id"

    def get_queryset(self) -> QuerySet[ContentClusterMap]:
        return selectors.cluster_maps(account=self.account, **self.filters)

    @extend_schema(request=NewClusterMapSerializer, responses={201: ClusterMapSerializer})
    def create(self, _request: Request, **_path: Any) -> Response:
        """Say what an article or a writing task is to a cluster. 409 when that is said already."""
        data = self.body(NewClusterMapSerializer)
        row = services.create_cluster_map(account=self.account, **_with_ids(data))
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ClusterMapFieldsSerializer, responses=ClusterMapSerializer)
    def partial_update(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Change role or source of a map."""
        row = services.edit_cluster_map(
            account=self.account, cluster_map_id=int(pk), **self.body(ClusterMapFieldsSerializer)
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Remove a map for good; the article and the cluster stay."""
        services.delete_cluster_map(account=self.account, cluster_map_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AttributeSerializer(serializers.ModelSerializer[ContentAttribute]):
    """A fact that an article, a writing task or all articles of a cluster should state."""

    metadata = JsonObject(read_only=True)

    class Meta:
        model = ContentAttribute
        fields = (
            "id",
            "site",
            "sector",
            "content",
            "task",
            "cluster",
            "attribute_type",
            "name",
            "value",
            "unit",
            "source",
            "external_id",
            "external_name",
            "metadata",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class AttributeFieldsSerializer(Body):
    """What a person may say of an attribute."""

    attribute_type = serializers.ChoiceField(choices=AttributeType.choices)
    name = serializers.CharField(max_length=120)
    value = serializers.CharField(
        max_length=services.VALUE_LENGTH, required=False, allow_blank=True
    )
    unit = serializers.CharField(max_length=32, required=False, allow_blank=True)
    source = serializers.CharField(  # type: ignore[assignment]  # DRF's own attribute is not a field
        max_length=100, required=False, allow_blank=True
    )
    external_id = serializers.CharField(max_length=100, required=False, allow_blank=True)
    external_name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    metadata = JsonObject(required=False)


class NewAttributeSerializer(AttributeFieldsSerializer):
    """An attribute of an article, a writing task or a cluster; at least one of them."""

    content = RowId(selectors.content, "content_id", required=False, allow_null=True)
    task = RowId(selectors.writing_task, "writing_task_id", required=False, allow_null=True)
    cluster = RowId(planning.cluster, "cluster_id", required=False, allow_null=True)


class AttributeFilters(Filters):
    """Narrows attributes down."""

    site = RowId(identity.site, "site_id", required=False)
    sector = RowId(identity.sector, "sector_id", required=False)
    content = RowId(selectors.content, "content_id", required=False)
    task = RowId(selectors.writing_task, "writing_task_id", required=False)
    cluster = RowId(planning.cluster, "cluster_id", required=False)
    attribute_type = serializers.ChoiceField(choices=AttributeType.choices, required=False)
    q = serializers.CharField(max_length=200, required=False, help_text="A part of the name.")


class AttributeViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[ContentAttribute]
):
    """Attributes, newest first; those of deleted rows are hidden with them."""

    serializer_class = AttributeSerializer
    filters_class = AttributeFilters
    orders = {"id": "pk", "name": "name"}
    default_order = "-id"

    def get_queryset(self) -> QuerySet[ContentAttribute]:
        return selectors.content_attributes(account=self.account, **self.filters)

    @extend_schema(request=NewAttributeSerializer, responses={201: AttributeSerializer})
    def create(self, _request: Request, **_path: Any) -> Response:
        """Note a fact. Site and sector are those of what it hangs on."""
        data = self.body(NewAttributeSerializer)
        row = services.create_attribute(account=self.account, **_with_ids(data))
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=AttributeFieldsSerializer(partial=True), responses=AttributeSerializer)
    def partial_update(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Change an attribute; what it hangs on stays."""
        row = services.edit_attribute(
            account=self.account,
            attribute_id=int(pk),
            changes=self.body(AttributeFieldsSerializer, partial=True),
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Remove an attribute for good."""
        services.delete_attribute(account=self.account, attribute_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _with_ids(data: dict[str, Any]) -> dict[str, Any]:
    """Linked rows by their ids, as services take them."""
    links = {
        f"{name}_id": getattr(data.pop(name), "pk", None)
        for name in ("content", "task", "cluster")
        if name in data
    }
    return data | links
