"""Comments on articles and their blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.business.content import selectors
from igny8_core.business.content.models import ContentComment
from igny8_core.business.content.services import comments as services
from igny8_core.business.content.states import CommentKind

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

BLOCK = r"^[a-z][a-z0-9-]{0,40}\Z"


class CommentSerializer(serializers.ModelSerializer[ContentComment]):
    """A comment on an article, or on one of its blocks. ``version`` is what was read."""

    class Meta:
        model = ContentComment
        fields = (
            "id",
            "content",
            "version",
            "block_id",
            "kind",
            "text",
            "author_id",
            "resolved_at",
            "resolved_by_id",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class CommentTextSerializer(Body):
    """What is said."""

    text = serializers.CharField(max_length=services.TEXT_LENGTH)


class NewCommentSerializer(CommentTextSerializer):
    """A comment on an article, or on a block that it has."""

    content = RowId(selectors.content, "content_id")
    block_id = serializers.RegexField(BLOCK, required=False, allow_blank=True, default="")


class CommentFilters(Filters):
    """Narrows comments down."""

    content = RowId(selectors.content, "content_id", required=False)
    block_id = serializers.RegexField(BLOCK, required=False)
    kind = serializers.ChoiceField(choices=CommentKind.choices, required=False)
    is_resolved = serializers.BooleanField(required=False, allow_null=True, default=None)


class CommentViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[ContentComment]
):
    """Comments, newest first; those of deleted articles are hidden with them."""

    serializer_class = CommentSerializer
    filters_class = CommentFilters
    default_order = "-id"

    def get_queryset(self) -> QuerySet[ContentComment]:
        return selectors.comments(account=self.account, **self.filters)

    @extend_schema(request=NewCommentSerializer, responses={201: CommentSerializer})
    def create(self, _request: Request, **_path: Any) -> Response:
        """Remark on an article. Its version stays."""
        data = self.body(NewCommentSerializer)
        row = services.add_comment(
            account=self.account,
            content_id=data["content"].pk,
            text=data["text"],
            block_id=data["block_id"],
            user_id=self.user_id,
        )
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=CommentTextSerializer, responses=CommentSerializer)
    def partial_update(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Change one's own comment. 403 for another person's."""
        row = services.edit_comment(
            account=self.account,
            comment_id=int(pk),
            text=self.body(CommentTextSerializer)["text"],
            user_id=self.user_id,
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Remove a comment for good. 403 for the reason why an article went back."""
        services.delete_comment(account=self.account, comment_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=CommentSerializer)
    @action(detail=True, methods=["post"])
    def resolve(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Settle a comment. A repeat changes nothing."""
        row = services.resolve_comment(
            account=self.account, comment_id=int(pk), user_id=self.user_id, now=timezone.now()
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(request=None, responses=CommentSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Take the settling of a comment back."""
        row = services.reopen_comment(account=self.account, comment_id=int(pk), now=timezone.now())
        return Response(self.get_serializer(row).data)
