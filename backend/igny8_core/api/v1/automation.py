"""Schedules, pieces of work, and what happened; runs: ``v1.runs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    RunEvent,
    WorkItem,
)
from igny8_core.business.automation.services import asking, configs, wording
from igny8_core.business.automation.services.configs import LIMITS
from igny8_core.business.automation.states import Frequency, Weekday, WorkItemStatus

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
    in_words = serializers.SerializerMethodField(help_text="The schedule, for people.")
    next_run_in_words = serializers.SerializerMethodField(
        help_text="By the clock of its zone; empty while the schedule is switched off."
    )

    class Meta:
        model = AutomationConfig
        fields = (
            "id",
            "site",
            *configs.EDITABLE,
            "in_words",
            "next_run_at",
            "next_run_in_words",
            "last_run_at",
            "created_at",
        )
        read_only_fields = fields

    def get_in_words(self, config: AutomationConfig) -> str:
        return wording.schedule_in_words(config)

    def get_next_run_in_words(self, config: AutomationConfig) -> str:
        return wording.next_run_in_words(config, now=timezone.now())


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
    max_credits_per_month = limited("max_credits_per_month", allow_null=True)
    max_failure_percent = limited("max_failure_percent")


class NewConfig(ConfigChanges):
    """A site's schedule."""

    site = RowId(accounts.site, "site_id")


class ConfigFilters(Filters):
    """Narrows schedules down."""

    site = RowId(accounts.site, "site_id", required=False)
    is_enabled = serializers.BooleanField(required=False)


class WorkItemFilters(Filters):
    """Narrows work down."""

    is_failed = serializers.BooleanField(
        required=False, help_text="True: what failed for good or is set aside, and nothing else."
    )

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
        is_failed = filters.pop("is_failed", None)
        rows = selectors.items(
            account=self.account,
            run_id=id_of(run),
            statuses=(chosen,) if chosen else (),
            **filters,
        )
        return rows if is_failed is None else selectors.with_outcome(rows, is_failed=is_failed)

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
