"""What somebody should look at: read out of what the domains say, never written twice.

A notice stands as long as what it tells of; nothing has to be cleared away. When a person looked
at them last is kept with their membership.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db.models import (
    BigIntegerField,
    Case,
    CharField,
    Count,
    DateTimeField,
    F,
    JSONField,
    Max,
    Q,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Concat, JSONObject

from igny8_core.business.automation import selectors
from igny8_core.business.automation.states import RunStatus
from igny8_core.business.billing import selectors as billing
from igny8_core.business.content import selectors as content
from igny8_core.business.content.states import ContentStatus
from igny8_core.business.integration import selectors as integrations
from igny8_core.business.integration.states import SyncStatus
from igny8_core.business.publishing import selectors as publishing
from igny8_core.business.publishing.states import DeploymentStatus, PublishingStatus

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from igny8_core.auth.models import Account

RUNS_FOR: Final = timedelta(days=3)
"""How long a run that has ended is told of."""

FAILED_FOR: Final = timedelta(days=14)
RUNS_SHOWN: Final = 10
NO_ID: Final = Value(None, BigIntegerField())
COLUMNS: Final = ("n_code", "n_at", "n_site", "n_row", "n_data")


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to look at.

    :ivar code: what it is, for words and links: ``run_paused``.
    :ivar at: since when.
    :ivar site_id: None when it is of the whole account.
    :ivar row_id: of the run, the connection or the address that it is about.
    :ivar data: counts, reasons and names for its words.
    """

    code: str
    at: datetime
    site_id: int | None = None
    row_id: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


def notices(*, account: Account, now: datetime) -> list[Notice]:
    """Everything that stands, the newest first; one query. Inside the account's block."""
    first, *others = (
        _credits(account),
        _withheld(account),
        _runs(account, now),
        _reviews(account),
        _deliveries(account, now),
        _deployments(account, now),
        _sites(account),
        _addresses(account),
    )
    found = [Notice(*row) for row in first.union(*others, all=True)]
    return sorted(found, key=lambda one: one.at, reverse=True)


def _told(rows: QuerySet[Any], code: Any, **columns: Any) -> Any:
    """The rows as notices: all of one shape, so that they can be read at once."""
    values = {"at": F("updated_at"), "site": NO_ID, "row": NO_ID, "data": JSONObject()} | columns
    said = Value(code, CharField()) if isinstance(code, str) else code
    return rows.values(
        n_code=Cast(said, CharField()),
        n_at=Cast(values["at"], DateTimeField()),
        n_site=Cast(values["site"], BigIntegerField()),
        n_row=Cast(values["row"], BigIntegerField()),
        n_data=Cast(values["data"], JSONField()),
    ).values_list(*COLUMNS)


def _counted(rows: QuerySet[Any], code: str) -> Any:
    """One notice a site, with how many there are."""
    by_site = rows.order_by().values("site_id").annotate(n=Count("pk"), newest=Max("updated_at"))
    return _told(by_site, code, at=F("newest"), site=F("site_id"), data=JSONObject(count=F("n")))


def _credits(account: Account) -> Any:
    rows = billing.credit_warnings(account=account).select_related(None)[:1]
    data = JSONObject(percent=F("threshold_percent"), available=F("available"))
    return _told(rows, "credits_low", at=F("created_at"), data=data)


def _withheld(account: Account) -> Any:
    rows = billing.withheld_results(account=account).select_related(None).order_by()
    together = rows.values("account_id").annotate(n=Count("pk"), newest=Max("created_at"))
    return _told(together, "results_withheld", at=F("newest"), data=JSONObject(count=F("n")))


def _runs(account: Account, now: datetime) -> Any:
    ended = Q(status__in=[RunStatus.COMPLETED, RunStatus.FAILED], ended_at__gte=now - RUNS_FOR)
    rows = selectors.runs(account=account).filter(Q(status=RunStatus.PAUSED) | ended)
    return _told(
        rows[:RUNS_SHOWN],
        Concat(Value("run_"), F("status"), output_field=CharField()),
        at=Coalesce("ended_at", "paused_at", "started_at"),
        site=F("site_id"),
        row=F("pk"),
        data=JSONObject(reason=F("pause_reason")),
    )


def _reviews(account: Account) -> Any:
    """Articles that wait for somebody's approval."""
    rows = content.contents(account=account, status=ContentStatus.REVIEW).select_related(None)
    is_waiting = ~Q(approved_version=F("version")) | Q(approved_version=None)
    return _counted(rows.filter(is_waiting), "reviews_wait")


def _deliveries(account: Account, now: datetime) -> Any:
    rows = publishing.publishing_records(account=account, status=PublishingStatus.FAILED)
    recent = rows.select_related(None).filter(updated_at__gte=now - FAILED_FOR)
    return _counted(recent, "publishing_failed")


def _deployments(account: Account, now: datetime) -> Any:
    """Sites whose newest version did not go live."""
    rows = publishing.deployments(account=account).select_related(None)
    newest = rows.order_by("site_id", "-pk").distinct("site_id").values("pk")
    failed = rows.filter(
        pk__in=newest, status=DeploymentStatus.FAILED, updated_at__gte=now - FAILED_FOR
    )
    data = JSONObject(version=F("version"), error=F("error"))
    return _told(failed, "deployment_failed", site=F("site_id"), row=F("pk"), data=data)


def _sites(account: Account) -> Any:
    stopped = [SyncStatus.AUTH_FAILED, SyncStatus.PAUSED]
    rows = integrations.integrations(account=account).filter(sync_status__in=stopped)
    code = Case(
        When(sync_status=SyncStatus.AUTH_FAILED, then=Value("sign_in_refused")),
        default=Value("site_paused"),
        output_field=CharField(),
    )
    data = JSONObject(platform=F("platform"), error=F("sync_error"))
    return _told(rows.exclude(credentials={}), code, site=F("site_id"), row=F("pk"), data=data)


def _addresses(account: Account) -> Any:
    rows = selectors.webhook_endpoints(account=account).filter(is_enabled=False)
    return _told(
        rows.exclude(disabled_reason=""), "webhook_off", row=F("pk"), data=JSONObject(url=F("url"))
    )
