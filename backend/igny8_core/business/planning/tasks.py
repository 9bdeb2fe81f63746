"""Hints to workers: an id each, the rows say what is to be done."""

from __future__ import annotations

import structlog
from celery import shared_task
from django.utils import timezone

from igny8_core.auth import selectors as accounts
from igny8_core.business.planning.services import import_keywords
from igny8_core.common.errors import DomainError
from igny8_core.common.tasks import ServiceTask

log = structlog.get_logger(__name__)


@shared_task(name="planning.run_import", base=ServiceTask)
def run_import(*, account_id: int, import_id: int, **_newer: object) -> None:
    """Analyse an upload or write an analysed file. A repeat finds it done or taken."""
    try:
        import_keywords.run_keyword_import(
            account=accounts.account(account_id), import_id=import_id, clock=timezone.now
        )
    except DomainError as exc:  # the row says it to people
        log.info("planning.import.stopped", import_id=import_id, code=exc.code)
