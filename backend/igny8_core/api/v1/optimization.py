"""Optimisations of articles: asked for, shown change by change, decided on, undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.fields import JsonObject
from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.api.v1.content.scores import ScoreSerializer, shown_score
from igny8_core.business.automation.services import requests
from igny8_core.business.content import selectors as content
from igny8_core.business.optimization import selectors
from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.business.optimization.services import decide
from igny8_core.business.optimization.services.diffs import diff_html, word_diff
from igny8_core.business.optimization.services.passages import plain
from igny8_core.business.optimization.states import OptimizationStatus, Outcome

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

CHANGES_MAX = 1_000
LIST_FIELDS = (
    "id",
    "content",
    "status",
    "outcome",
    "is_automatic",
    "is_by_rules",
    "score_before",
    "score_after",
    "content_version",
    "accepted_version",
    "undone_at",
    "credits_used",
    "started_at",
    "completed_at",
    "error",
    "created_at",
    "updated_at",
)


class OptimizationTaskSerializer(serializers.ModelSerializer[OptimizationTask]):
    """One optimisation of an article, without its texts."""

    score_before = serializers.IntegerField(read_only=True, allow_null=True, default=None)
    score_after = serializers.IntegerField(read_only=True, allow_null=True, default=None)

    class Meta:
        model = OptimizationTask
        fields = LIST_FIELDS
        read_only_fields = fields


class DiffPieceSerializer(serializers.Serializer[Any]):
    """A piece of the difference: the same, gone, or new."""

    op = serializers.CharField(help_text="equal, delete or insert.")
    text = serializers.CharField()


class OptimizationChangeSerializer(serializers.Serializer[Any]):
    """A change that can be accepted by itself."""

    id = serializers.CharField()
    kind = serializers.CharField(help_text="text, level, link, insert or field.")
    passage = serializers.IntegerField(
        help_text="The block that it is of, or stands after; -1 for a field."
    )
    field = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()
    by = serializers.CharField(help_text="model or rules.")
    checks = serializers.ListField(child=serializers.CharField())
    diff = DiffPieceSerializer(many=True)
    diff_html = serializers.CharField(help_text="Escaped, with `del` and `ins`.")


class OptimizationTaskDetailSerializer(serializers.ModelSerializer[OptimizationTask]):
    """One optimisation of an article, with both texts, both explanations and every change."""

    score_before = serializers.IntegerField(read_only=True, allow_null=True, default=None)
    score_after = serializers.IntegerField(read_only=True, allow_null=True, default=None)
    scores_before = serializers.SerializerMethodField()
    scores_after = serializers.SerializerMethodField()
    changes = serializers.SerializerMethodField()
    metadata = JsonObject(read_only=True)

    class Meta:
        model = OptimizationTask
        fields = (
            *LIST_FIELDS,
            "scores_before",
            "scores_after",
            "html_before",
            "html_after",
            "changes",
            "metadata",
        )
        read_only_fields = fields

    @extend_schema_field(ScoreSerializer(allow_null=True))
    def get_scores_before(self, row: OptimizationTask) -> Any:
        """The score of the text as it was."""
        return _shown(row.scores_before, row.content_version)

    @extend_schema_field(ScoreSerializer(allow_null=True))
    def get_scores_after(self, row: OptimizationTask) -> Any:
        """The score of the new text."""
        return _shown(row.scores_after, row.content_version)

    @extend_schema_field(OptimizationChangeSerializer(many=True))
    def get_changes(self, row: OptimizationTask) -> Any:
        """What differs, in the order in which it is applied."""
        return [
            {
                **change,
                "before": plain(change["before"]),
                "after": plain(change["after"]),
                "diff": word_diff(plain(change["before"]), plain(change["after"])),
                "diff_html": diff_html(plain(change["before"]), plain(change["after"])),
            }
            for change in row.metadata.get("changes", [])
        ]


def _shown(stored: dict[str, Any], version: int | None) -> dict[str, Any] | None:
    if "checks" not in stored:
        return None
    return shown_score(stored | {"version": version or 0})


class NewOptimizationTaskSerializer(Body):
    """The article that is to become better, and how."""

    content = RowId(content.content, "content_id")
    is_automatic = serializers.BooleanField(
        required=False,
        default=False,
        help_text="What wins points and loses nothing is accepted without a person.",
    )
    is_by_rules = serializers.BooleanField(
        required=False, default=False, help_text="No model is asked; it costs nothing."
    )


class AcceptedChangesSerializer(Body):
    """The changes to take; all of them unless some are named."""

    changes = serializers.ListField(
        child=serializers.CharField(max_length=20),
        required=False,
        allow_null=True,
        default=None,
        max_length=CHANGES_MAX,
    )


class OptimizationFilters(Filters):
    """Narrows optimisations down."""

    content = RowId(content.content, "content_id", required=False)
    status = serializers.ChoiceField(choices=OptimizationStatus.choices, required=False)
    outcome = serializers.ChoiceField(choices=Outcome.choices, required=False)


class OptimizationTaskViewSet(mixins.ListModelMixin, TenantViewSet[OptimizationTask]):
    """Optimisations, newest first; those of deleted articles are hidden with them."""

    serializer_class = OptimizationTaskSerializer
    filters_class = OptimizationFilters
    default_order = "-id"
    spending_actions = frozenset({"create", "retry"})

    def get_queryset(self) -> QuerySet[OptimizationTask]:
        return selectors.optimization_tasks(account=self.account, **self.filters)

    @extend_schema(responses=OptimizationTaskDetailSerializer)
    def retrieve(self, _request: Request, pk: str, **_path: Any) -> Response:
        """One optimisation with both texts, both scores, and every change with its difference."""
        return self._detail(int(pk))

    @extend_schema(
        request=NewOptimizationTaskSerializer, responses={201: OptimizationTaskSerializer}
    )
    def create(self, _request: Request, **_path: Any) -> Response:
        """Have an article made better, for credits; nothing is charged unless its score rises.

        402 when the credits do not suffice now, 409 while an earlier one has not ended.
        """
        data = self.body(NewOptimizationTaskSerializer)
        made = requests.request_optimization(
            account=self.account, content_id=data.pop("content").pk, now=timezone.now(), **data
        )
        return Response(self._listed(made), status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=OptimizationTaskSerializer)
    @action(detail=True, methods=["post"])
    def retry(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Ask again for one that failed. 409 unless it has failed, or while another is open."""
        requests.request_optimization_again(
            account=self.account, optimization_task_id=int(pk), now=timezone.now()
        )
        return Response(self._listed(int(pk)))

    @extend_schema(request=AcceptedChangesSerializer, responses=OptimizationTaskDetailSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Give the article the new text, or some of its changes, as its next version.

        409 when there is nothing to decide, or the article is another one by now.
        """
        decide.accept_changes(
            account=self.account,
            optimization_task_id=int(pk),
            change_ids=self.body(AcceptedChangesSerializer)["changes"],
            user_id=self.user_id,
            now=timezone.now(),
        )
        return self._detail(int(pk))

    @extend_schema(request=None, responses=OptimizationTaskDetailSerializer)
    @action(detail=True, methods=["post"])
    def discard(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Leave the article as it is. 409 when there is nothing to decide."""
        decide.discard_changes(
            account=self.account,
            optimization_task_id=int(pk),
            user_id=self.user_id,
            now=timezone.now(),
        )
        return self._detail(int(pk))

    @extend_schema(request=None, responses=OptimizationTaskDetailSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Bring back what the article was before. 409 when it was changed since."""
        decide.undo_changes(
            account=self.account,
            optimization_task_id=int(pk),
            user_id=self.user_id,
            now=timezone.now(),
        )
        return self._detail(int(pk))

    def _listed(self, pk: int) -> Any:
        row = selectors.optimization_tasks(account=self.account).get(pk=pk)
        return self.get_serializer(row).data

    def _detail(self, pk: int) -> Response:
        row = selectors.optimization_task(account=self.account, optimization_task_id=pk)
        return Response(OptimizationTaskDetailSerializer(row).data)
