"""Hints to workers: sent after commit, allowed to be lost, because a sweep finds the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from celery import current_app
from django.db import transaction

if TYPE_CHECKING:
    from igny8_core.common.errors import Scalar

BROKER_SECONDS = 2

log = structlog.get_logger(__name__)


def enqueue_on_commit(name: str, /, *, queue: str, using: str = "default", **ids: Scalar) -> None:
    """Send a task message once the open transaction has committed.

    A broker that is away costs time, never the caller's transaction: the failure is logged and
    the sweep publishes again.

    :param name: the task's registered name, for example ``automation.run_item``.
    :param ids: keyword arguments of the task: ids and scalars only.
    """
    transaction.on_commit(lambda: publish(name, queue=queue, **ids), using=using, robust=True)


def publish(name: str, /, *, queue: str, **ids: Scalar) -> bool:
    """Send a task message now; False when the broker did not take it."""
    try:
        current_app.send_task(name, kwargs=ids, queue=queue, ignore_result=True)
    except Exception as exc:  # noqa: BLE001 - whatever the transport raises, the row is the truth
        log.warning("queue.publish.failed", task=name, error=type(exc).__name__)
        return False
    return True


def broker_fault() -> str:
    """Why the broker cannot be reached, in a word; empty when it answers."""
    try:
        with current_app.connection_for_write(connect_timeout=BROKER_SECONDS) as connection:
            connection.ensure_connection(max_retries=0, timeout=BROKER_SECONDS)
    except Exception as exc:  # noqa: BLE001 - whatever the transport raises
        return f"unreachable ({type(exc).__name__})"
    return ""
