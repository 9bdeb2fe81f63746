"""Categories and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import JsonObject
from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.auth import selectors as identity
from igny8_core.business.content import selectors
from igny8_core.business.content.models import ContentTaxonomy
from igny8_core.business.content.services import edit_taxonomies as services
from igny8_core.business.content.states import TaxonomyType

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class TaxonomySerializer(serializers.ModelSerializer[ContentTaxonomy]):
    """A category or tag of a site. ``count`` is what the platform counts."""

    metadata = JsonObject(read_only=True)
    slug = serializers.CharField(read_only=True)  # letters of every script

    class Meta:
        model = ContentTaxonomy
        fields = (
            "id",
            "site",
            "taxonomy_type",
            "name",
            "slug",
            "description",
            "external_taxonomy",
            "external_id",
            "sync_status",
            "count",
            "metadata",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class TaxonomyFieldsSerializer(Body):
    """What a person may say of a category or tag."""

    name = serializers.CharField(max_length=200)
    slug = serializers.CharField(
        max_length=200, required=False, help_text="Without it, made from the name."
    )
    description = serializers.CharField(
        max_length=services.DESCRIPTION_LENGTH, required=False, allow_blank=True
    )
    external_taxonomy = serializers.CharField(max_length=100, required=False, allow_blank=True)
    external_id = serializers.CharField(max_length=100, required=False, allow_blank=True)
    metadata = JsonObject(required=False)


class NewTaxonomySerializer(TaxonomyFieldsSerializer):
    """A category or tag of a site."""

    site = RowId(identity.site, "site_id")
    taxonomy_type = serializers.ChoiceField(choices=TaxonomyType.choices)


class TaxonomyFilters(Filters):
    """Narrows categories and tags down."""

    site = RowId(identity.site, "site_id", required=False)
    taxonomy_type = serializers.ChoiceField(choices=TaxonomyType.choices, required=False)
    slug = serializers.CharField(max_length=200, required=False)
    external_taxonomy = serializers.CharField(max_length=100, required=False)
    external_id = serializers.CharField(max_length=100, required=False)
    q = serializers.CharField(max_length=200, required=False, help_text="A part of the name.")


class TaxonomyViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[ContentTaxonomy]
):
    """Categories and tags, by name."""

    serializer_class = TaxonomySerializer
    filters_class = TaxonomyFilters
    orders = {"name": "name"}

    def get_queryset(self) -> QuerySet[ContentTaxonomy]:
        return selectors.taxonomies(account=self.account, **self.filters)

    @extend_schema(request=NewTaxonomySerializer, responses={201: TaxonomySerializer})
    def create(self, _request: Request, **_path: Any) -> Response:
        """Make a category or tag. 409 when its slug or its external row is taken."""
        data = self.body(NewTaxonomySerializer)
        row = services.create_taxonomy(account=self.account, site_id=data.pop("site").pk, **data)
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=TaxonomyFieldsSerializer(partial=True), responses=TaxonomySerializer)
    def partial_update(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Change a category or tag; its site and its type stay."""
        row = services.edit_taxonomy(
            account=self.account,
            taxonomy_id=int(pk),
            changes=self.body(TaxonomyFieldsSerializer, partial=True),
            now=timezone.now(),
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Remove a category or tag for good; articles and writing tasks lose it and stay."""
        services.delete_taxonomy(account=self.account, taxonomy_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)
