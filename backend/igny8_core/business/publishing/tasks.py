"""Hints to workers: an id each, the rows say what is to be done."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from igny8_core.auth import selectors as accounts
from igny8_core.business.publishing.services import deliver as delivery
from igny8_core.business.publishing.services.reconcile import reconcile_records
from igny8_core.common.errors import DomainError
from igny8_core.common.tasks import ServiceTask
from igny8_core.common.tenancy.context import acting

log = structlog.get_logger(__name__)


@shared_task(name="publishing.deliver", base=ServiceTask)
def deliver(*, account_id: int, record_id: int, **_newer: object) -> None:
    """Deliver one publishing record. A repeat finds it taken or done and stops."""
    try:
        with acting(f"record:{record_id}"):
            delivery.deliver(
                account=accounts.account(account_id), record_id=record_id, clock=timezone.now
            )
    except DomainError as exc:  # the record says it to people
        log.info("publishing.deliver.stopped", record_id=record_id, code=exc.code)


@shared_task(name="publishing.reconcile", base=ServiceTask)
def reconcile(*, account_id: int, integration_id: int, **_newer: object) -> None:
    """Retire records of what a site no longer shows. A repeat finds nothing."""
    try:
        with acting(f"reconcile:{integration_id}"):
            reconcile_records(
                account=accounts.account(account_id),
                integration_id=integration_id,
                now=timezone.now(),
            )
    except DomainError as exc:
        log.info("publishing.reconcile.stopped", integration_id=integration_id, code=exc.code)
