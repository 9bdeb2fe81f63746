"""Optimisations are asked for, and asked for again. Running and ending them is the optimiser's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.business.content import selectors as content
from igny8_core.business.optimization import selectors
from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.business.optimization.states import (
    OPEN,
    OPTIMIZATION,
    OptimizationStatus,
)
from igny8_core.common.errors import Conflict, TransitionNotAllowed
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account


@tenant_atomic()
def create_optimization_task(
    *,
    account: Account,
    content_id: int,
    is_automatic: bool = False,
    is_by_rules: bool = False,
) -> OptimizationTask:
    """Ask for an article to become better.

    :param is_automatic: what wins points and loses nothing is accepted without a person.
    :param is_by_rules: no model is asked; it costs nothing.
    :raises NotFound: no such article.
    :raises Conflict: an earlier one of the article has not ended; ``optimization_task_id`` is it.
    """
    article = content.content(account=account, content_id=content_id)
    _check_open(account, content_id=article.pk)
    row = OptimizationTask(
        account_id=article.account_id,
        content=article,
        is_automatic=is_automatic,
        is_by_rules=is_by_rules,
    )
    row.save()
    return row


@tenant_atomic()
def take_up_optimization_task(
    *,
    account: Account,
    optimization_task_id: int,
    is_automatic: bool = False,
    is_by_rules: bool = False,
) -> OptimizationTask | None:
    """Ask anew for one that is open and that nobody works on: its worker died, or gave it up.

    An attempt that lives after all finds that it is no longer its own.

    :returns: None when it ended meanwhile.
    """
    rows = OptimizationTask.objects.for_account(account).filter(status__in=OPEN)
    row: OptimizationTask | None = rows.select_for_update().filter(pk=optimization_task_id).first()
    if row is not None:
        row.is_automatic, row.is_by_rules = is_automatic, is_by_rules
        row.save(update_fields=["is_automatic", "is_by_rules", "updated_at"])
    return row


@tenant_atomic()
def retry_optimization_task(
    *, account: Account, optimization_task_id: int, now: datetime
) -> OptimizationTask:
    """Ask again for one that failed; what went wrong is forgotten.

    :raises NotFound: no such optimisation.
    :raises TransitionNotAllowed: it has not failed.
    :raises Conflict: another one of the article has not ended.
    """
    row = selectors.optimization_task(account=account, optimization_task_id=optimization_task_id)
    if row.status != OptimizationStatus.FAILED:
        raise TransitionNotAllowed(
            "only one that has failed can be asked for again",
            source=row.status,
            target=OptimizationStatus.PENDING.value,
        )
    _check_open(account, content_id=row.content_id)
    advance(
        row,
        OptimizationStatus.PENDING,
        table=OPTIMIZATION,
        now=now,
        error="",
        started_at=None,
        completed_at=None,
    )
    return row


def _check_open(account: Account, *, content_id: int) -> None:
    """Say which one has not ended; the constraint holds it against a race."""
    rows = OptimizationTask.objects.for_account(account).filter(content_id=content_id)
    other = rows.filter(status__in=OPEN).values_list("pk", flat=True).first()
    if other is not None:
        raise Conflict(
            "An optimisation of this article has not ended.",
            optimization_task_id=other,
            content=["It has an optimisation that has not ended."],
        )
