"""Runs of the seven stages: started, estimated, watched, paused, resumed, cancelled, retried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.filters import Changed, Filters, RowId, id_of
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.auth import selectors as accounts
from igny8_core.auth.states import Role
from igny8_core.business.automation import selectors
from igny8_core.business.automation.models import AutomationRun, AutomationStage
from igny8_core.business.automation.services import doorbell, progress, run_estimates, runs
from igny8_core.business.automation.services.configs import LIMITS
from igny8_core.business.automation.states import RunStatus, Trigger

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class StageSerializer(serializers.ModelSerializer[AutomationStage]):
    """A stage that the run has reached."""

    class Meta:
        model = AutomationStage
        fields = (
            "number",
            "status",
            "planned",
            "done",
            "failed",
            "skipped",
            "credits_used",
            "batch",
            "next_batch_at",
            "started_at",
            "ended_at",
        )
        read_only_fields = fields


class RunSerializer(serializers.ModelSerializer[AutomationRun]):
    """One execution of the seven stages for a site."""

    class Meta:
        model = AutomationRun
        fields: tuple[str, ...] = (
            "id",
            "site",
            "config",
            "trigger",
            "status",
            "pause_reason",
            "pause_data",
            "resume_at",
            "current_stage",
            "total_credits_used",
            "error_message",
            "scheduled_for",
            "wake_at",
            "started_at",
            "paused_at",
            "cancelled_at",
            "ended_at",
            "version",
        )
        read_only_fields = fields


class RunDetailSerializer(RunSerializer):
    """A run with its stages and the settings that it goes by."""

    settings = serializers.DictField(source="config_snapshot", read_only=True)
    stages = serializers.SerializerMethodField()

    class Meta(RunSerializer.Meta):
        fields = (*RunSerializer.Meta.fields, "settings", "stages", "stage_results")
        read_only_fields = fields

    @extend_schema_field(StageSerializer(many=True))
    def get_stages(self, run: AutomationRun) -> Any:
        rows = selectors.stages(account=self.context["view"].account, run_id=run.pk)
        return StageSerializer(rows, many=True).data


class ItemCountsSerializer(serializers.Serializer[Any]):
    """Items by status."""

    ready = serializers.IntegerField()
    queued = serializers.IntegerField()
    running = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()
    dead = serializers.IntegerField(help_text="Set aside: their workers died with them.")
    cancelled = serializers.IntegerField()
    total = serializers.IntegerField()


class StageProgressSerializer(serializers.Serializer[Any]):
    """One of the seven stages, reached or not."""

    number = serializers.IntegerField()
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=["waiting", "running", "completed", "not_reached"])
    items = ItemCountsSerializer()
    credits_used = serializers.IntegerField()


class RunProgressSerializer(serializers.Serializer[Any]):
    """How far a run is, what it cost so far, and when it may end."""

    version = serializers.CharField(help_text="Another text: something has changed.")
    run = RunSerializer()
    stages = StageProgressSerializer(many=True)
    items = ItemCountsSerializer()
    credits_used = serializers.IntegerField()
    credits_held = serializers.IntegerField(help_text="Set aside for what runs now.")
    cap = serializers.IntegerField(allow_null=True)
    eta_stage_seconds = serializers.FloatField(allow_null=True)
    eta_seconds = serializers.FloatField(allow_null=True, help_text="Null until the pace is known.")
    stream = serializers.CharField(
        read_only=True,
        help_text="Address of server-sent events, good for ten minutes: "
        "an event means that the progress should be asked for again.",
    )


class StageEstimateSerializer(serializers.Serializer[Any]):
    """What one stage would do."""

    number = serializers.IntegerField()
    name = serializers.CharField()
    waiting = serializers.IntegerField(help_text="Rows that wait for it now.")
    expected = serializers.IntegerField(help_text="With those that earlier stages would hand on.")
    credits = serializers.IntegerField()


class RunEstimateSerializer(serializers.Serializer[Any]):
    """What a run would do and cost. Nothing is reserved, nothing is promised."""

    stages = StageEstimateSerializer(many=True)
    credits = serializers.IntegerField()
    cap = serializers.IntegerField(allow_null=True)
    month_cap = serializers.IntegerField(allow_null=True)
    day_cap = serializers.IntegerField(allow_null=True)
    available = serializers.IntegerField()
    stops = serializers.CharField(help_text="Why it would pause before its end; empty: nothing.")


class ProgressFilters(Filters):
    """What the caller knows already."""

    after = serializers.CharField(
        max_length=64, required=False, help_text="A version: 204 while nothing has changed."
    )


class RunFilters(Filters):
    """Narrows runs down."""

    site = RowId(accounts.site, "site_id", required=False)
    status = serializers.ChoiceField(choices=RunStatus.choices, required=False)
    trigger = serializers.ChoiceField(choices=Trigger.choices, required=False)


class NewRun(Body):
    """The site to run."""

    site = RowId(accounts.site, "site_id")


class ResumeRun(Body):
    """How a paused run goes on."""

    max_credits = serializers.IntegerField(
        min_value=LIMITS["max_credits_per_run"][0],
        max_value=LIMITS["max_credits_per_run"][1],
        required=False,
        help_text="The run's new cap; a run that reached its old one pauses again without it.",
    )


class AutomationRunViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[AutomationRun]
):
    """Runs, the newest first."""

    serializer_class = RunSerializer
    filters_class = RunFilters
    default_order = "-id"
    spending_actions: ClassVar[frozenset[str]] = frozenset({"create"})
    action_roles: ClassVar[dict[str, Role]] = {"estimate": Role.VIEWER}  # it changes nothing

    def get_queryset(self) -> QuerySet[AutomationRun]:
        filters = dict(self.filters)
        site = filters.pop("site", None)
        return selectors.runs(account=self.account, site_id=id_of(site), **filters)

    def get_serializer_class(self) -> type[RunSerializer]:
        return RunSerializer if self.action == "list" else RunDetailSerializer

    @extend_schema(request=NewRun, responses={201: RunDetailSerializer})
    def create(self, request: Request, **_path: Any) -> Response:
        """Start a run of a site. 409 while its earlier one has not ended."""
        form = NewRun(data=request.data, context=self.get_serializer_context())
        form.is_valid(raise_exception=True)
        run = runs.start_run(
            account=self.account, site_id=form.validated_data["site"].pk, now=timezone.now()
        )
        return Response(self.get_serializer(run).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=NewRun, responses={200: RunEstimateSerializer})
    @action(detail=False, methods=["post"])
    def estimate(self, _request: Request, **_path: Any) -> Response:
        """What a run of a site would do and cost now, stage by stage, before it is started."""
        site = self.body(NewRun)["site"]
        found = run_estimates.estimate_run(
            account=self.account, site_id=site.pk, now=timezone.now()
        )
        return Response(RunEstimateSerializer(found).data)

    @extend_schema(parameters=[ProgressFilters], responses={200: RunProgressSerializer, 204: None})
    @action(detail=True, methods=["get"])
    def progress(self, request: Request, pk: str, **_path: Any) -> Response:
        """How far the run is, what it cost so far against its cap, and when it may end."""
        form = ProgressFilters(data=request.query_params.dict())
        form.is_valid(raise_exception=True)
        now = timezone.now()
        found = progress.run_progress(account=self.account, run_id=int(pk), now=now)
        if form.validated_data.get("after") == found.version:
            return Response(status=status.HTTP_204_NO_CONTENT)
        stream = doorbell.stream_address(account_id=self.account.pk, run_id=found.run.pk, now=now)
        return Response(RunProgressSerializer(found).data | {"stream": stream})

    @extend_schema(request=None, responses=RunDetailSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Begin nothing more; what runs goes on to its end. 409 when the run has ended."""
        run = runs.pause_run(account=self.account, run_id=int(pk), now=timezone.now())
        return Response(self.get_serializer(run).data)

    @extend_schema(request=ResumeRun, responses=RunDetailSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str, **_path: Any) -> Response:
        """Go on where the run was paused, with a new cap if one is sent. 409 when it has ended."""
        form = ResumeRun(data=request.data)
        form.is_valid(raise_exception=True)
        run = runs.resume_run(
            account=self.account, run_id=int(pk), now=timezone.now(), **form.validated_data
        )
        return Response(self.get_serializer(run).data)

    @extend_schema(request=None, responses=RunDetailSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, pk: str, **_path: Any) -> Response:
        """End the run: what has not begun is cancelled. 409 when it has ended otherwise."""
        run = runs.cancel_run(account=self.account, run_id=int(pk), now=timezone.now())
        return Response(self.get_serializer(run).data)

    @extend_schema(request=None, responses=Changed)
    @action(detail=True, methods=["post"])
    def retry(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Make what failed in the current stage ready again. 409 when the run has ended."""
        changed = runs.retry_run(account=self.account, run_id=int(pk))
        return Response(Changed({"changed": changed}).data)
