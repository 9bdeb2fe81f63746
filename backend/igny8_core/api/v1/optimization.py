"""Optimisations of articles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import JsonObject
from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.business.content import selectors as content
from igny8_core.business.optimization import selectors
from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.business.optimization.services.requests import (
    create_optimization_task,
    retry_optimization_task,
)
from igny8_core.business.optimization.states import OptimizationStatus

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

LIST_FIELDS = (
    "id",
    "content",
    "status",
    "scores_before",
    "scores_after",
    "credits_used",
    "started_at",
    "completed_at",
    "error",
    "created_at",
    "updated_at",
)


class OptimizationTaskSerializer(serializers.ModelSerializer[OptimizationTask]):
    """One optimisation of an article, without its texts."""

    scores_before = JsonObject(read_only=True)
    scores_after = JsonObject(read_only=True)

    class Meta:
        model = OptimizationTask
        fields = LIST_FIELDS
        read_only_fields = fields


class OptimizationTaskDetailSerializer(serializers.ModelSerializer[OptimizationTask]):
    """One optimisation of an article, with its texts before and after."""

    scores_before = JsonObject(read_only=True)
    scores_after = JsonObject(read_only=True)
    metadata = JsonObject(read_only=True)

    class Meta:
        model = OptimizationTask
        fields = (*LIST_FIELDS, "html_before", "html_after", "metadata")
        read_only_fields = fields


class NewOptimizationTaskSerializer(Body):
    """The article that is to become better."""

    content = RowId(content.content, "content_id")


class OptimizationFilters(Filters):
    """Narrows optimisations down."""

    content = RowId(content.content, "content_id", required=False)
    status = serializers.ChoiceField(choices=OptimizationStatus.choices, required=False)


class OptimizationTaskViewSet(mixins.ListModelMixin, TenantViewSet[OptimizationTask]):
    """Optimisations, newest first; those of deleted articles are hidden with them."""

    serializer_class = OptimizationTaskSerializer
    filters_class = OptimizationFilters
    default_order = "-id"

    def get_queryset(self) -> QuerySet[OptimizationTask]:
        return selectors.optimization_tasks(account=self.account, **self.filters)

    @extend_schema(responses=OptimizationTaskDetailSerializer)
    def retrieve(self, _request: Request, pk: str, **_path: Any) -> Response:
        """One optimisation with its texts."""
        row = selectors.optimization_task(account=self.account, optimization_task_id=int(pk))
        return Response(OptimizationTaskDetailSerializer(row).data)

    @extend_schema(
        request=NewOptimizationTaskSerializer, responses={201: OptimizationTaskSerializer}
    )
    def create(self, _request: Request, **_path: Any) -> Response:
        """Ask for an article to become better. 409 while an earlier one has not ended."""
        row = create_optimization_task(
            account=self.account, content_id=self.body(NewOptimizationTaskSerializer)["content"].pk
        )
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=OptimizationTaskSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Ask again for one that failed. 409 unless it has failed, or while another is open."""
        row = retry_optimization_task(
            account=self.account, optimization_task_id=int(pk), now=timezone.now()
        )
        return Response(self.get_serializer(row).data)
