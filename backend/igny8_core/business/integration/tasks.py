"""Hints to workers: an id each, the rows say what is to be done."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from igny8_core.auth import selectors as accounts
from igny8_core.business.integration.services import check, inbound, page_jobs, sync
from igny8_core.common.errors import DomainError
from igny8_core.common.tasks import ServiceTask
from igny8_core.common.tenancy.context import acting

log = structlog.get_logger(__name__)


@shared_task(name="integration.run_sync", base=ServiceTask)
def run_sync(
    *, account_id: int, integration_id: int, is_full: bool = True, **_newer: object
) -> None:
    """Bring one site over. A repeat finds it taken, or nothing new."""
    try:
        with acting(f"sync:{integration_id}"):
            sync.sync_integration(
                account=accounts.account(account_id),
                integration_id=integration_id,
                is_full=is_full,
                clock=timezone.now,
            )
    except DomainError as exc:  # the connection says it to people
        log.info("integration.sync.stopped", integration_id=integration_id, code=exc.code)


@shared_task(name="integration.run_check", base=ServiceTask)
def run_check(*, account_id: int, integration_id: int, **_newer: object) -> None:
    """Examine one site, as a person asked. A repeat finds it done."""
    with acting(f"check:{integration_id}"):
        check.run_requested_check(
            account=accounts.account(account_id),
            integration_id=integration_id,
            clock=timezone.now,
        )


@shared_task(name="integration.process_webhook", base=ServiceTask)
def process_webhook(*, account_id: int, webhook_id: int, **_newer: object) -> None:
    """Do what a site's message hints at. A repeat finds it done."""
    try:
        with acting(f"webhook:{webhook_id}"):
            inbound.process_webhook(
                account=accounts.account(account_id), webhook_id=webhook_id, clock=timezone.now
            )
    except DomainError as exc:  # the row says it, and the sweep finds the change
        log.info("integration.webhook.stopped", webhook_id=webhook_id, code=exc.code)


@shared_task(name="integration.run_page_import", base=ServiceTask)
def run_page_import(*, account_id: int, page_import_id: int, **_newer: object) -> None:
    """Look into an upload or write an analysed file. A repeat finds it done or taken."""
    try:
        page_jobs.run_page_import(
            account=accounts.account(account_id), import_id=page_import_id, clock=timezone.now
        )
    except DomainError as exc:  # the row says it to people
        log.info("integration.import.stopped", import_id=page_import_id, code=exc.code)
