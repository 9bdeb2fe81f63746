"""Optimisations, read. Those of deleted articles are hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.common.errors import NotFound

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from igny8_core.auth.models import Account


def optimization_tasks(*, account: Account, **wanted: Any) -> QuerySet[OptimizationTask]:
    """Optimisations, newest first, without their texts.

    :param wanted: ``content`` or ``status``.
    """
    rows = OptimizationTask.objects.for_account(account).filter(content__deleted_at=None)
    return rows.filter(**wanted).defer("html_before", "html_after").order_by("-pk")


def optimization_task(*, account: Account, optimization_task_id: int) -> OptimizationTask:
    """One optimisation with its texts.

    :raises NotFound: unknown, of a deleted article, or another account's.
    """
    rows = optimization_tasks(account=account).defer(None)
    found: OptimizationTask | None = rows.filter(pk=optimization_task_id).first()
    if found is None:
        raise NotFound("no such optimisation", optimization_task_id=optimization_task_id)
    return found
