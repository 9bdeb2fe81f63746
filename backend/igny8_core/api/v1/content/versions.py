"""Kept versions of articles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import JsonObject
from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.api.v1.content.blocks import Blocks
from igny8_core.api.v1.content.content_rows import ContentDetailSerializer
from igny8_core.business.content import selectors
from igny8_core.business.content.models import ContentVersion
from igny8_core.business.content.services.editing import restore_version

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

LIST_FIELDS = (
    "id",
    "content",
    "version",
    "reason",
    "editor_id",
    "title",
    "word_count",
    "created_at",
)


class ContentVersionSerializer(serializers.ModelSerializer[ContentVersion]):
    """A kept version of an article, without its text."""

    class Meta:
        model = ContentVersion
        fields = LIST_FIELDS
        read_only_fields = fields


class ContentVersionDetailSerializer(serializers.ModelSerializer[ContentVersion]):
    """A kept version of an article, with its text and its other fields."""

    blocks = Blocks(read_only=True)
    fields_kept = JsonObject(source="fields", read_only=True)
    provenance = JsonObject(read_only=True)

    class Meta:
        model = ContentVersion
        fields = (*LIST_FIELDS, "html", "blocks", "fields_kept", "provenance")
        read_only_fields = fields


class StoredVersionSerializer(Body):
    """The version of the article that was read: it becomes the one before."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)


class VersionFilters(Filters):
    """Narrows versions down."""

    content = RowId(selectors.content, "content_id", required=False)


class ContentVersionViewSet(mixins.ListModelMixin, TenantViewSet[ContentVersion]):
    """Kept versions, newest first; those of deleted articles are hidden with them."""

    serializer_class = ContentVersionSerializer
    filters_class = VersionFilters
    default_order = "-id"

    def get_queryset(self) -> QuerySet[ContentVersion]:
        return selectors.content_versions(account=self.account, **self.filters)

    @extend_schema(responses=ContentVersionDetailSerializer)
    def retrieve(self, _request: Request, pk: str, **_path: Any) -> Response:
        """One version with its text."""
        row = selectors.content_version(account=self.account, version_id=int(pk))
        return Response(ContentVersionDetailSerializer(row).data)

    @extend_schema(request=StoredVersionSerializer, responses=ContentDetailSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Bring this version back, as the article's next one. The slug stays.

        409 when another version is stored by now.
        """
        kept = selectors.content_version(account=self.account, version_id=int(pk))
        row = restore_version(
            account=self.account,
            content_id=kept.content_id,
            version=self.body(StoredVersionSerializer)["version"],
            restored=kept.version,
            user_id=self.user_id,
            now=timezone.now(),
        )
        return Response(ContentDetailSerializer(row, context=self.get_serializer_context()).data)
