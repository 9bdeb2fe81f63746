"""Schedules, runs with their stages, pieces of work, and what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.filters import BulkIds, Changed, Filters, RowId, id_of
from igny8_core.api.v1.base import BulkActions, TenantViewSet
from igny8_core.api.v1.work import WorkItemSerializer
from igny8_core.auth import selectors as accounts
from igny8_core.business.automation import selectors
from igny8_core.business.automation.models import (
    AutomationConfig,
    AutomationRun,
    AutomationStage,
    RunEvent,
    WorkItem,
)
from igny8_core.business.automation.services import asking, configs, runs
from igny8_core.business.automation.services.configs import LIMITS
from igny8_core.business.automation.states import (
    Frequency,
    RunStatus,
    Trigger,
    Weekday,
    WorkItemStatus,
)

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

WALL_TIME = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "example": "09:00"}


def limited(name: str, **kwargs: Any) -> Any:
    """A whole number between the limits that the service has for it."""
    least, greatest = LIMITS[name]
    column: Any = AutomationConfig._meta.get_field(name)
    kwargs |= {"min_value": least, "max_value": greatest, "help_text": column.help_text}
    return serializers.IntegerField(required=False, **kwargs)


@extend_schema_field(WALL_TIME)
class WallTime(serializers.TimeField):
    """Hours and minutes, in the time zone of the config."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%H:%M", input_formats=["%H:%M"], **kwargs)


class ConfigSerializer(serializers.ModelSerializer[AutomationConfig]):
    """When a site's runs start, how big their batches are, and what they may cost."""

    scheduled_time = WallTime()

    class Meta:
        model = AutomationConfig
        fields = ("id", "site", *configs.EDITABLE, "next_run_at", "last_run_at", "created_at")
        read_only_fields = fields


class ConfigChanges(Body):
    """What can be set of a schedule; what is left out stays, or takes its default."""

    is_enabled = serializers.BooleanField(required=False)
    frequency = serializers.ChoiceField(choices=Frequency.choices, required=False)
    scheduled_time = WallTime(required=False, help_text="Wall time in the time zone below.")
    timezone = serializers.CharField(
        max_length=64, required=False, help_text="IANA name; the site's at first."
    )
    weekday = serializers.ChoiceField(
        choices=Weekday.choices, required=False, allow_null=True, help_text="0 is Monday."
    )
    day_of_month = limited("day_of_month", allow_null=True)
    stage_1_batch_size = limited("stage_1_batch_size")
    stage_2_batch_size = limited("stage_2_batch_size")
    stage_3_batch_size = limited("stage_3_batch_size")
    stage_4_batch_size = limited("stage_4_batch_size")
    stage_5_batch_size = limited("stage_5_batch_size")
    stage_6_batch_size = limited("stage_6_batch_size")
    within_stage_delay_seconds = limited("within_stage_delay_seconds")
    between_stage_delay_seconds = limited("between_stage_delay_seconds")
    misfire_grace_seconds = limited("misfire_grace_seconds")
    max_credits_per_run = limited("max_credits_per_run", allow_null=True)


class NewConfig(ConfigChanges):
    """A site's schedule."""

    site = RowId(accounts.site, "site_id")


class ConfigFilters(Filters):
    """Narrows schedules down."""

    site = RowId(accounts.site, "site_id", required=False)
    is_enabled = serializers.BooleanField(required=False)


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
        fields = (*RunSerializer.Meta.fields, "settings", "stages")
        read_only_fields = fields

    @extend_schema_field(StageSerializer(many=True))
    def get_stages(self, run: AutomationRun) -> Any:
        rows = selectors.stages(account=self.context["view"].account, run_id=run.pk)
        return StageSerializer(rows, many=True).data


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


class WorkItemFilters(Filters):
    """Narrows work down."""

    run = RowId(selectors.run, "run_id", required=False)
    stage = serializers.IntegerField(min_value=1, max_value=7, required=False)
    kind = serializers.CharField(max_length=64, required=False)
    status = serializers.ChoiceField(choices=WorkItemStatus.choices, required=False)


class RunEventSerializer(serializers.ModelSerializer[RunEvent]):
    """Something that happened to a run or a schedule."""

    class Meta:
        model = RunEvent
        fields = ("id", "run", "item_id", "code", "data", "created_at")
        read_only_fields = fields


class RunEventFilters(Filters):
    """Narrows events down."""

    run = RowId(selectors.run, "run_id", required=False)
    code = serializers.CharField(max_length=64, required=False)


class AutomationConfigViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[AutomationConfig]
):
    """Schedules of the account's sites; a site has at most one."""

    serializer_class = ConfigSerializer
    filters_class = ConfigFilters

    def get_queryset(self) -> QuerySet[AutomationConfig]:
        return selectors.configs(account=self.account, **self.filters)

    @extend_schema(request=NewConfig, responses={201: ConfigSerializer})
    def create(self, request: Request, **_path: Any) -> Response:
        """Give a site its schedule. 409 when it has one."""
        form = NewConfig(data=request.data, context=self.get_serializer_context())
        form.is_valid(raise_exception=True)
        columns = dict(form.validated_data)
        config = configs.create_config(
            account=self.account, site_id=columns.pop("site").pk, now=timezone.now(), **columns
        )
        return Response(ConfigSerializer(config).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=ConfigChanges, responses=ConfigSerializer)
    def partial_update(self, request: Request, pk: str, **_path: Any) -> Response:
        """Change a schedule, switch it on or off. Another schedule has another next run."""
        form = ConfigChanges(data=request.data)
        form.is_valid(raise_exception=True)
        config = configs.change_config(
            account=self.account, config_id=int(pk), now=timezone.now(), **form.validated_data
        )
        return Response(ConfigSerializer(config).data)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Take a schedule away. The site's runs stay."""
        configs.delete_config(account=self.account, config_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AutomationRunViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[AutomationRun]
):
    """Runs, the newest first."""

    serializer_class = RunSerializer
    filters_class = RunFilters
    default_order = "-id"
    spending_actions: ClassVar[frozenset[str]] = frozenset({"create"})

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


class WorkItemViewSet(
    BulkActions, mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[WorkItem]
):
    """Work of runs and of single requests, the newest first."""

    serializer_class = WorkItemSerializer
    filters_class = WorkItemFilters
    default_order = "-id"

    def get_queryset(self) -> QuerySet[WorkItem]:
        filters = dict(self.filters)
        run, chosen = filters.pop("run", None), filters.pop("status", None)
        return selectors.items(
            account=self.account,
            run_id=id_of(run),
            statuses=(chosen,) if chosen else (),
            **filters,
        )

    @extend_schema(request=BulkIds, responses=Changed)
    @action(detail=False, methods=["post"])
    def retry(self, request: Request, **_path: Any) -> Response:
        """Make failed items ready again; others, and those of closed stages, stay as they are."""
        return self._bulk(request, asking.retry_work_items)

    @extend_schema(request=BulkIds, responses=Changed)
    @action(detail=False, methods=["post"])
    def cancel(self, request: Request, **_path: Any) -> Response:
        """Cancel items that have not begun; others stay as they are."""
        return self._bulk(request, asking.cancel_work_items)


class RunEventViewSet(mixins.ListModelMixin, TenantViewSet[RunEvent]):
    """What happened to runs and schedules, the newest first."""

    serializer_class = RunEventSerializer
    filters_class = RunEventFilters
    default_order = "-id"

    def get_queryset(self) -> QuerySet[RunEvent]:
        filters = dict(self.filters)
        run = filters.pop("run", None)
        return selectors.account_events(account=self.account, run_id=id_of(run), **filters)
