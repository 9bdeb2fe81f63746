"""Reference data: industries with their sectors, and the seed keywords that ship with IGNY8."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework import mixins, serializers
from rest_framework.viewsets import GenericViewSet

from igny8_core.api.filters import Filters
from igny8_core.api.pagination import KeysetPagination
from igny8_core.auth import selectors
from igny8_core.auth.models import Industry, IndustrySector, SeedKeyword

if TYPE_CHECKING:
    from django.db.models import QuerySet


class IndustrySectorSerializer(serializers.ModelSerializer[IndustrySector]):
    """A part of an industry."""

    class Meta:
        model = IndustrySector
        fields = ("slug", "name")
        read_only_fields = fields


class IndustrySerializer(serializers.ModelSerializer[Industry]):
    """A line of business that a site can have, with its sectors."""

    sectors = IndustrySectorSerializer(many=True, read_only=True)

    class Meta:
        model = Industry
        fields = ("slug", "name", "sectors")
        read_only_fields = fields


class SeedKeywordSerializer(serializers.ModelSerializer[SeedKeyword]):
    """A keyword to begin with."""

    industry = serializers.CharField(source="industry_sector.industry.slug", read_only=True)
    sector = serializers.CharField(source="industry_sector.slug", read_only=True)

    class Meta:
        model = SeedKeyword
        fields = ("id", "keyword", "language", "industry", "sector")
        read_only_fields = fields


class SeedKeywordFilters(Filters):
    """Narrows seed keywords down."""

    industry = serializers.SlugField(max_length=100, required=False, allow_blank=True)
    sector = serializers.SlugField(max_length=100, required=False, allow_blank=True)
    language = serializers.CharField(max_length=8, required=False, allow_blank=True)
    q = serializers.CharField(
        max_length=100, required=False, allow_blank=True, help_text="Words that it holds."
    )


class IndustryViewSet(mixins.ListModelMixin, GenericViewSet[Industry]):
    """Every industry, by name; a few dozen at most, so without pages."""

    serializer_class = IndustrySerializer
    pagination_class = None

    def get_queryset(self) -> QuerySet[Industry]:
        return selectors.industries()


class SeedKeywordViewSet(mixins.ListModelMixin, GenericViewSet[SeedKeyword]):
    """The packaged seed keywords. What accounts brought is not shown."""

    serializer_class = SeedKeywordSerializer
    pagination_class = KeysetPagination
    filters_class = SeedKeywordFilters
    orders = {"keyword": "keyword_norm"}

    def get_queryset(self) -> QuerySet[SeedKeyword]:
        form = self.filters_class(data=self.request.query_params.dict())
        form.is_valid(raise_exception=True)
        wanted: dict[str, Any] = dict(form.validated_data)
        return selectors.seed_keywords(**wanted)
