"""Runs, their stages and work items, read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q

from igny8_core.business.automation.models import (
    AutomationConfig,
    AutomationRun,
    AutomationStage,
    RunEvent,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WorkItem,
)
from igny8_core.business.automation.states import (
    ACTIVE_RUN,
    FAILED_ITEM,
    OPEN_ITEM,
    WorkItemStatus,
)
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import QuerySet

    from igny8_core.auth.models import Account, Site
    from igny8_core.business.automation.states import DeliveryStatus, RunStatus, Trigger


@dataclass(frozen=True, slots=True)
class Progress:
    """How many items are in each status."""

    ready: int = 0
    queued: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    dead: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        return self.open + self.done + self.failed + self.dead + self.cancelled

    @property
    def open(self) -> int:
        """Items that have not ended."""
        return self.ready + self.queued + self.running


@tenant_atomic()
def progress(*, account: Account, item_ids: Collection[int]) -> Progress:
    """How far the items are; ids of other accounts count nowhere."""
    return counts(items(account=account).filter(pk__in=item_ids))


def counts(rows: QuerySet[WorkItem]) -> Progress:
    """The items by status. Inside the account's block."""
    found = rows.order_by().values_list("status").annotate(Count("pk"))
    return Progress(**dict(found))


def items(
    *,
    account: Account,
    run_id: int | None = None,
    stage: int | None = None,
    kind: str | None = None,
    statuses: Collection[WorkItemStatus] = (),
) -> QuerySet[WorkItem]:
    """The account's items, in the order in which they were asked for."""
    rows = WorkItem.objects.for_account(account).order_by("pk")
    if kind is not None:
        rows = rows.filter(kind=kind)
    if run_id is not None:
        rows = rows.filter(run_id=run_id)
    if stage is not None:
        rows = rows.filter(stage=stage)
    if statuses:
        rows = rows.filter(status__in=list(statuses))
    return rows


def failed_items(*, account: Account, run_id: int, stage: int | None = None) -> QuerySet[WorkItem]:
    """What of a run has failed for good, or is set aside."""
    return with_outcome(items(account=account, run_id=run_id, stage=stage), is_failed=True)


def with_outcome(rows: QuerySet[WorkItem], *, is_failed: bool) -> QuerySet[WorkItem]:
    """Those that failed for good or are set aside, or all the others."""
    wanted = Q(status__in=FAILED_ITEM)
    return rows.filter(wanted if is_failed else ~wanted)


def open_items(*, account: Account) -> QuerySet[WorkItem]:
    """What has not ended."""
    return items(account=account, statuses=OPEN_ITEM)


def item(*, account: Account, item_id: int) -> WorkItem:
    """One item.

    :raises NotFound: unknown, or another account's.
    """
    found: WorkItem | None = items(account=account).filter(pk=item_id).first()
    if found is None:
        raise NotFound("no such work item", item_id=item_id)
    return found


def configs(
    *, account: Account, site: Site | None = None, is_enabled: bool | None = None
) -> QuerySet[AutomationConfig]:
    """The configs of the account's sites."""
    rows = AutomationConfig.objects.for_account(account).order_by("pk")
    if site is not None:
        rows = rows.filter(site=site)
    if is_enabled is not None:
        rows = rows.filter(is_enabled=is_enabled)
    return rows


def one_config(rows: QuerySet[AutomationConfig], config_id: int) -> AutomationConfig:
    """The config of this id among the account's.

    :raises NotFound: unknown, or another account's.
    """
    found = rows.filter(pk=config_id).first()
    if found is None:
        raise NotFound("no such automation config", config_id=config_id)
    return found


def config(*, account: Account, site_id: int) -> AutomationConfig | None:
    """The site's config, if it has one."""
    return AutomationConfig.objects.for_account(account).filter(site_id=site_id).first()


def runs(
    *,
    account: Account,
    site_id: int | None = None,
    status: RunStatus | None = None,
    trigger: Trigger | None = None,
) -> QuerySet[AutomationRun]:
    """The account's runs, the newest first."""
    rows = AutomationRun.objects.for_account(account).order_by("-started_at", "-pk")
    wanted = {"site_id": site_id, "status": status, "trigger": trigger}
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def run(*, account: Account, run_id: int) -> AutomationRun:
    """One run.

    :raises NotFound: unknown, or another account's.
    """
    found: AutomationRun | None = runs(account=account).filter(pk=run_id).first()
    if found is None:
        raise NotFound("no such run", run_id=run_id)
    return found


def active_run(*, account: Account, site_id: int) -> AutomationRun | None:
    """The site's run that has not ended."""
    return runs(account=account, site_id=site_id).filter(status__in=ACTIVE_RUN).first()


def stages(*, account: Account, run_id: int) -> QuerySet[AutomationStage]:
    """The stages that the run has reached."""
    rows = AutomationStage.objects.for_account(account).filter(run_id=run_id)
    return rows.order_by("number")


def account_events(
    *, account: Account, run_id: int | None = None, code: str | None = None
) -> QuerySet[RunEvent]:
    """What happened to the account's runs and schedules, from the first on."""
    rows = RunEvent.objects.for_account(account).order_by("pk")
    if run_id is not None:
        rows = rows.filter(run_id=run_id)
    return rows if code is None else rows.filter(code=code)


def events(*, account: Account, run_id: int, after: int = 0) -> QuerySet[RunEvent]:
    """The run's history from an event on."""
    return account_events(account=account, run_id=run_id).filter(pk__gt=after)


def webhook_endpoints(*, account: Account) -> QuerySet[WebhookEndpoint]:
    """The addresses that the account's events are sent to."""
    return WebhookEndpoint.objects.for_account(account).order_by("pk")


def webhook_endpoint(
    *, account: Account, endpoint_id: int, is_locked: bool = False
) -> WebhookEndpoint:
    """One address.

    :param is_locked: until the transaction ends.
    :raises NotFound: unknown, or another account's.
    """
    rows = webhook_endpoints(account=account)
    if is_locked:
        rows = rows.select_for_update(of=("self",))
    found: WebhookEndpoint | None = rows.filter(pk=endpoint_id).first()
    if found is None:
        raise NotFound("no such webhook endpoint", endpoint_id=endpoint_id)
    return found


def webhook_deliveries(
    *,
    account: Account,
    endpoint_id: int | None = None,
    status: DeliveryStatus | None = None,
    event_type: str | None = None,
) -> QuerySet[WebhookDelivery]:
    """What the account's addresses were told, or are to be told, the newest first."""
    rows = WebhookDelivery.objects.for_account(account).order_by("-pk")
    wanted = {"endpoint_id": endpoint_id, "status": status, "event_type": event_type}
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def webhook_delivery(*, account: Account, delivery_id: int) -> WebhookDelivery:
    """One delivery.

    :raises NotFound: unknown, or another account's.
    """
    found = webhook_deliveries(account=account).filter(pk=delivery_id).first()
    if found is None:
        raise NotFound("no such delivery", delivery_id=delivery_id)
    return found


def webhook_attempts(*, account: Account, delivery_id: int) -> QuerySet[WebhookAttempt]:
    """The tries at a delivery, in their order."""
    rows = WebhookAttempt.objects.for_account(account).filter(delivery_id=delivery_id)
    return rows.order_by("pk")
