"""Optimisations, read. Those of deleted articles are hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import F

from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.common.errors import NotFound

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from igny8_core.auth.models import Account

__all__ = ["OptimizationTask", "optimization_task", "optimization_tasks"]

_BIG = ("html_before", "html_after", "scores_before", "scores_after", "metadata")


def optimization_tasks(*, account: Account, **wanted: Any) -> QuerySet[OptimizationTask]:
    """Optimisations, newest first, with both scores, without texts and explanations.

    :param wanted: ``content``, ``status`` or ``outcome``.
    """
    rows = OptimizationTask.objects.for_account(account).filter(content__deleted_at=None)
    rows = rows.annotate(
        score_before=F("scores_before__score"), score_after=F("scores_after__score")
    )
    found: QuerySet[OptimizationTask] = rows.filter(**wanted)
    return found.defer(*_BIG).order_by("-pk")


def optimization_task(*, account: Account, optimization_task_id: int) -> OptimizationTask:
    """One optimisation with its texts.

    :raises NotFound: unknown, of a deleted article, or another account's.
    """
    rows = optimization_tasks(account=account).defer(None)
    found: OptimizationTask | None = rows.filter(pk=optimization_task_id).first()
    if found is None:
        raise NotFound("no such optimisation", optimization_task_id=optimization_task_id)
    return found
