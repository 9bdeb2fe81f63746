"""The base of every Celery task: a message is a hint, the row is the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from celery import Task

if TYPE_CHECKING:
    Base = Task[Any, Any]
else:
    Base = Task
from django.db import connections


class ServiceTask(Base):
    """One call into a service.

    Acknowledged early and never retried by the broker: a row's lease and due column repeat the
    work (ADR 0004). Every task may run twice, and the second run must be harmless.
    """

    abstract = True
    acks_late = False
    max_retries = 0
    ignore_result = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        structlog.contextvars.bind_contextvars(
            task=self.name, task_id=self.request.id, account_id=kwargs.get("account_id")
        )
        try:
            return super().__call__(*args, **kwargs)
        finally:
            structlog.contextvars.clear_contextvars()
            connections.close_all()
