"""The doctor: what a connected site is, what is in the way, and what helps."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from igny8_core.business.integration import selectors
from igny8_core.business.integration.errors import NotConnected
from igny8_core.business.integration.models import SiteIntegration
from igny8_core.business.integration.services import items
from igny8_core.business.integration.services.adapters import connected
from igny8_core.business.integration.services.events import cleaned, record_event
from igny8_core.business.integration.states import SYNC, EventAction, EventType, SyncStatus
from igny8_core.clients.destinations import SiteRefused
from igny8_core.common.errors import DomainError
from igny8_core.common.queue import enqueue_on_commit
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.clients.destinations import Report

NOT_SIGNED_IN = frozenset(
    {
        "wrong_password",
        "header_stripped",
        "password_or_header",
        "application_passwords_off",
        "refresh_token_refused",
        "client_refused",
        "not_installed",
        "token_refused",
        "sign_in_refused",
        "signature_refused",
    }
)
"""Findings after which every request would be refused: the queue stands."""

SIGNED_IN = frozenset({"signed_in", "health"})
"""Findings that say that the site knows us."""

RUN_CHECK, QUEUE = "integration.run_check", "publish"
GIVEN_UP_AFTER = timedelta(minutes=3)
"""A check that was asked for and did not end by then was lost; it can be asked for again."""


class CheckFailed(SiteRefused):
    """The check found something in the way; ``data["found"]`` has the codes."""

    code = "check_failed"


@tenant_atomic()
def request_check(*, account: Account, integration_id: int, now: datetime) -> SiteIntegration:
    """Let a worker examine the site; its findings are kept in ``check_report``.

    Safe to repeat: who asks twice gets one check.

    :raises NotFound: the account has no such connection.
    :raises NotConnected: it has no credentials.
    """
    row = selectors.lock_integration(account=account, integration_id=integration_id)
    if not row.credentials:
        raise NotConnected("The site is not connected.", integration_id=row.pk)
    row.check_requested_at = now
    row.save(update_fields=["check_requested_at", "updated_at"])
    enqueue_on_commit(RUN_CHECK, queue=QUEUE, account_id=account.pk, integration_id=row.pk)
    return row


def is_checking(row: SiteIntegration, *, now: datetime) -> bool:
    """Whether a check is waited for, or under way."""
    asked = row.check_requested_at
    return asked is not None and asked + GIVEN_UP_AFTER > now


def run_requested_check(
    *, account: Account, integration_id: int, clock: Callable[[], datetime]
) -> None:
    """Make the check that was asked for; a repeat finds it made. A site that breaks is a finding.

    :raises NotFound: the account has no such connection.
    """
    with tenant(account.pk, read_only=True):
        row = selectors.integration(account=account, integration_id=integration_id)
    if row.check_requested_at is None:
        return
    try:
        check_integration(account=account, integration_id=integration_id, clock=clock)
    except DomainError as exc:
        _keep_failure(account=account, integration_id=integration_id, error=exc, now=clock())


def check_integration(
    *,
    account: Account,
    integration_id: int,
    is_writing: bool = True,
    clock: Callable[[], datetime],
) -> Report:
    """Examine a connected site and keep what it can do.

    A sign-in that works lets a connection go on that was refused before; one that does not stops
    its queue.

    :param is_writing: also make a draft and an image there, and delete both for good.
    :raises NotFound: the account has no such connection.
    :raises NotConnected: it has no credentials.
    """
    with tenant(account.pk, read_only=True):
        row = selectors.integration(account=account, integration_id=integration_id)
    started = time.monotonic()
    with connected(row) as site:
        report = site.check(is_writing=is_writing)
    took = int((time.monotonic() - started) * 1000)
    _keep(account=account, integration_id=row.pk, report=report, took_ms=took, now=clock())
    return report


@tenant_atomic(durable=True)
def _keep(
    *, account: Account, integration_id: int, report: Report, took_ms: int, now: datetime
) -> None:
    row = selectors.lock_integration(account=account, integration_id=integration_id)
    found = [finding.code for finding in report.findings if not finding.is_ok]
    rows = SiteIntegration.objects.for_account(account).filter(pk=row.pk)
    capabilities = report.capabilities | {"findings": [f.code for f in report.findings]}
    rows.update(
        capabilities=capabilities,
        check_report=[cleaned(asdict(finding)) for finding in report.findings],
        check_requested_at=None,
        checked_at=now,
        updated_at=now,
    )
    problems = " ".join(f.text for f in report.findings if not f.is_ok)
    error = CheckFailed(problems or "", found=found) if found else None
    record_event(
        account=account,
        integration=row,
        event_type=EventType.TEST,
        action=EventAction.READ,
        error=error,
        details={"findings": capabilities["findings"]},
        duration_ms=took_ms,
    )
    if NOT_SIGNED_IN & set(found):
        items.note_auth_failed(account=account, integration_id=row.pk, error=problems, now=now)
    elif SIGNED_IN & set(capabilities["findings"]) and row.sync_status == SyncStatus.AUTH_FAILED:
        advance(row, SyncStatus.IDLE, table=SYNC, now=now, field="sync_status", sync_error="")


@tenant_atomic(durable=True)
def _keep_failure(
    *, account: Account, integration_id: int, error: DomainError, now: datetime
) -> None:
    row = selectors.lock_integration(account=account, integration_id=integration_id)
    finding = {"code": error.code, "is_ok": False, "text": error.message, "fix": ""}
    row.check_report, row.check_requested_at, row.checked_at = [cleaned(finding)], None, now
    row.save(update_fields=["check_report", "check_requested_at", "checked_at", "updated_at"])
    record_event(
        account=account,
        integration=row,
        event_type=EventType.TEST,
        action=EventAction.READ,
        error=error,
    )
