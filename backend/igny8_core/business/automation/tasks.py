"""Hints to workers: an id each, the rows say what is to be done."""

from __future__ import annotations

from celery import shared_task

from igny8_core.business.automation.services import (
    admission,
    periodic,
    stepping,
    webhooks,
    workers,
    working,
)
from igny8_core.business.automation.services.clock import CLOCK
from igny8_core.common.tasks import ServiceTask


@shared_task(name="automation.run_item", base=ServiceTask)
def run_item(*, account_id: int, item_id: int, **_newer: object) -> None:
    """Do one item. A repeat finds nothing to claim."""
    CLOCK.refresh()
    working.run_item(
        account_id=account_id, item_id=item_id, worker=workers.this_worker(), clock=CLOCK
    )


@shared_task(name="automation.advance_run", base=ServiceTask)
def advance_run(*, account_id: int, run_id: int, **_newer: object) -> None:
    """Step one run. A repeat finds nothing to do."""
    stepping.advance_run(account_id=account_id, run_id=run_id, now=CLOCK.refresh())


@shared_task(name="automation.dispatch", base=ServiceTask)
def dispatch(**_newer: object) -> None:
    """Hand out slots now. While another dispatcher is at it there is nothing to do."""
    admission.dispatch()


@shared_task(name="automation.run_periodic", base=ServiceTask)
def run_periodic(*, name: str, **_newer: object) -> None:
    """Run one job of the table ``PERIODIC``. Every job may run twice."""
    periodic.run_job(name=name, now=CLOCK.refresh())


@shared_task(name="automation.deliver_webhook", base=ServiceTask)
def deliver_webhook(*, account_id: int, delivery_id: int, **_newer: object) -> None:
    """Send one event to one address. A repeat finds it sent, or not due."""
    CLOCK.refresh()
    webhooks.deliver(account_id=account_id, delivery_id=delivery_id, clock=CLOCK)
