"""How an answer shows an article: without its text in lists, with it alone."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from igny8_core.api.fields import JsonObject, Lines
from igny8_core.api.v1.content.blocks import Blocks
from igny8_core.api.v1.content.taxonomies import TaxonomySerializer
from igny8_core.business.content import selectors
from igny8_core.business.content.models import Content
from igny8_core.business.content.snapshots import reading_minutes

LIST_FIELDS = (
    "id",
    "site",
    "sector",
    "cluster",
    "task",
    "title",
    "slug",
    "status",
    "content_type",
    "content_structure",
    "language",
    "word_count",
    "reading_minutes",
    "primary_keyword",
    "score",
    "scored_version",
    "scored_at",
    "version",
    "approved_version",
    "source",
    "sync_status",
    "external_id",
    "external_url",
    "external_type",
    "published_at",
    "publish_at",
    "revised_at",
    "created_at",
    "updated_at",
    "deleted_at",
)


class ReadingMinutes(serializers.IntegerField):
    """How long a text of so many words takes to read, at least 1."""

    def to_representation(self, value: Any) -> int:
        return reading_minutes(int(value))


class ContentSerializer(serializers.ModelSerializer[Content]):
    """An article without its text."""

    external_url = serializers.CharField(read_only=True)  # or empty
    slug = serializers.CharField(read_only=True)  # letters of every script
    reading_minutes = ReadingMinutes(source="word_count", read_only=True)

    class Meta:
        model = Content
        fields = LIST_FIELDS
        read_only_fields = fields


class ContentDetailSerializer(serializers.ModelSerializer[Content]):
    """An article with its text. ``version`` is what a change of it must name."""

    external_url = serializers.CharField(read_only=True)  # or empty
    slug = serializers.CharField(read_only=True)  # letters of every script
    secondary_keywords = Lines(read_only=True)
    reading_minutes = ReadingMinutes(source="word_count", read_only=True)
    blocks = Blocks(read_only=True)
    provenance = JsonObject(read_only=True)
    external_metadata = JsonObject(read_only=True)
    taxonomies = serializers.SerializerMethodField()

    class Meta:
        model = Content
        fields = (
            *LIST_FIELDS,
            "html",
            "blocks",
            "meta_title",
            "meta_description",
            "excerpt",
            "secondary_keywords",
            "taxonomies",
            "approved_at",
            "approved_by_id",
            "review_note",
            "external_metadata",
            "provenance",
        )
        read_only_fields = fields

    @extend_schema_field(TaxonomySerializer(many=True))
    def get_taxonomies(self, row: Content) -> Any:
        """Its categories and tags, by type and name."""
        found = selectors.content_taxonomies(account=self.context["view"].account, content=row)
        return TaxonomySerializer(found, many=True).data
