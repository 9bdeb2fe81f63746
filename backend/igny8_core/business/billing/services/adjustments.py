"""Credits that operators add or take, with a reason; above a limit two people agree.

The request and its decision are staff's rows, the ledger is the account's: two roles and so two
connections. Who approves is noted first, then credits move under the request's own key, then the
decision is noted; dying in between, the same decision again ends it, and no other one is possible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F

from igny8_core.auth.models import Account
from igny8_core.business.billing.models import CreditAdjustment, CreditLot, CreditTransaction
from igny8_core.business.billing.services.lots import grant_credits, revoke_lot
from igny8_core.business.billing.states import ADJUSTMENT, AdjustmentStatus, TransactionType
from igny8_core.common.errors import (
    Conflict,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    Refused,
)
from igny8_core.common.failpoints import failpoint
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

REASON_MAX = 500
AMOUNT_MAX = 10**9


def adjust_credits(
    *,
    account: HasKey,
    amount: int,
    reason: str,
    idempotency_key: str,
    actor_id: int,
    now: datetime,
) -> CreditAdjustment:
    """Add credits, or take unused ones with a negative amount. Safe to repeat with the same key.

    Below ``ADJUSTMENT_SECOND_APPROVAL_CREDITS`` it counts at once; from there on it waits for
    :func:`approve_adjustment` by somebody else.

    :raises InvalidInput: no reason, no amount, or more than is unused; nothing was written.
    :raises IdempotencyConflict: the key was used for something else.
    """
    if not reason.strip() or len(reason) > REASON_MAX:
        raise InvalidInput("Nothing was changed.", reason=["Say why, in at most 500 letters."])
    if not 1 <= abs(amount) <= AMOUNT_MAX:
        raise InvalidInput("Nothing was changed.", amount=["From 1 to a thousand million."])
    if amount < 0:
        _refuse_more_than_unused(account, -amount)
    row = _requested(account, amount, reason.strip(), idempotency_key, actor_id)
    if row.status != AdjustmentStatus.REQUESTED or needs_second_person(row):
        return row
    return _decide(account, row.pk, actor_id=None, now=now)


def approve_adjustment(
    *, account: HasKey, adjustment_id: int, actor_id: int, now: datetime
) -> CreditAdjustment:
    """The second person agrees: the credits move. Safe to repeat.

    :raises NotFound: no such adjustment.
    :raises Refused: the same person who asked; nothing was written.
    :raises InvalidInput: there are not as many unused credits any more; nothing was written.
    :raises Conflict: it was rejected.
    """
    return _decide(account, adjustment_id, actor_id=actor_id, now=now)


def reject_adjustment(
    *, account: HasKey, adjustment_id: int, actor_id: int, now: datetime
) -> CreditAdjustment:
    """Nothing moves. Whoever asked may take it back so. Safe to repeat.

    :raises NotFound: no such adjustment.
    :raises Conflict: somebody has approved it.
    """
    using = settings.TENANCY_STAFF_ALIAS
    with transaction.atomic(using=using):
        row = _locked(account, adjustment_id)
    with tenant(account.pk, read_only=True):
        has_moved = _moved(account, row)
    with transaction.atomic(using=using):
        row = _locked(account, adjustment_id)
        if row.status == AdjustmentStatus.REJECTED:
            return row
        if row.status == AdjustmentStatus.APPROVED or row.approved_by_id or has_moved:
            raise Conflict("This adjustment is approved: its credits move.")
        advance(row, AdjustmentStatus.REJECTED, table=ADJUSTMENT, now=now, using=using)
    log.info("billing.adjustment.rejected", adjustment_id=row.pk, actor_id=actor_id)
    return row


def needs_second_person(row: CreditAdjustment) -> bool:
    """Whether somebody else has to agree."""
    return bool(abs(row.amount) >= settings.ADJUSTMENT_SECOND_APPROVAL_CREDITS)


def _requested(
    account: HasKey, amount: int, reason: str, key: str, actor_id: int
) -> CreditAdjustment:
    using = settings.TENANCY_STAFF_ALIAS
    made = CreditAdjustment(
        account_id=account.pk,
        amount=amount,
        reason=reason,
        idempotency_key=key,
        requested_by_id=actor_id,
    )
    manager = CreditAdjustment.unscoped.using(using)
    with transaction.atomic(using=using):
        manager.bulk_create([made], ignore_conflicts=True)
        row: CreditAdjustment = manager.get(account_id=account.pk, idempotency_key=key)
    if (row.amount, row.reason) != (amount, reason):
        raise IdempotencyConflict("key reused", idempotency_key=key)
    return row


def _decide(
    account: HasKey, adjustment_id: int, *, actor_id: int | None, now: datetime
) -> CreditAdjustment:
    row = _claim(account, adjustment_id, actor_id)
    if row.status == AdjustmentStatus.APPROVED:
        return row
    try:
        _move(account=account, row=row, now=now)
    except InvalidInput:
        _unclaim(row, actor_id)
        raise
    failpoint("billing.adjustment.moved")
    using = settings.TENANCY_STAFF_ALIAS
    with transaction.atomic(using=using):
        row = _locked(account, adjustment_id)
        if row.status != AdjustmentStatus.APPROVED:
            advance(row, AdjustmentStatus.APPROVED, table=ADJUSTMENT, now=now, using=using)
    log.info("billing.adjustment.approved", account_id=account.pk, adjustment_id=row.pk)
    return row


def _claim(account: HasKey, adjustment_id: int, actor_id: int | None) -> CreditAdjustment:
    """Note who approves: from here on nobody rejects it."""
    using = settings.TENANCY_STAFF_ALIAS
    with transaction.atomic(using=using):
        row = _locked(account, adjustment_id)
        if row.status == AdjustmentStatus.REJECTED:
            raise Conflict("This adjustment was rejected.")
        if row.status == AdjustmentStatus.APPROVED or not needs_second_person(row):
            return row
        if actor_id in {None, row.requested_by_id}:
            raise Refused("An adjustment of this size is agreed to by somebody else.")
        row.approved_by_id = actor_id
        row.save(update_fields=["approved_by", "updated_at"], using=using)
        return row


def _unclaim(row: CreditAdjustment, actor_id: int | None) -> None:
    """Nothing moved: it waits again, unless somebody else approves it by now."""
    rows = CreditAdjustment.unscoped.using(settings.TENANCY_STAFF_ALIAS).filter(
        account_id=row.account_id, pk=row.pk, status=AdjustmentStatus.REQUESTED
    )
    rows.filter(approved_by_id=actor_id).update(approved_by_id=None)


@tenant_atomic(durable=True)
def _move(*, account: HasKey, row: CreditAdjustment, now: datetime) -> None:
    """The ledger's part, once: the request's own key stands in it."""
    Account.objects.select_for_update(no_key=True).filter(pk=account.pk).first()
    if _moved(account, row):
        return
    if row.amount > 0:
        grant_credits(
            account=account,
            amount=row.amount,
            type=TransactionType.ADJUSTMENT,
            idempotency_key=_key(row),
            actor_id=row.requested_by_id,
            metadata={"reason": row.reason},
            now=now,
        )
        return
    left = -row.amount
    lots = CreditLot.objects.for_account(account).filter(remaining__gt=F("held"))
    for lot in lots.order_by("-priority", "-pk"):  # what was bought lasts longest: it goes first
        part = min(left, lot.remaining - lot.held)
        if part:
            left -= revoke_lot(
                account=account,
                lot_id=lot.pk,
                owed=part,
                type=TransactionType.ADJUSTMENT,
                idempotency_key=f"{_key(row)}:{lot.pk}",
                actor_id=row.requested_by_id,
                now=now,
            ).taken
    if left:  # spent since we looked: the whole of it rolls back
        raise _too_few(-row.amount - left)


def _moved(account: HasKey, row: CreditAdjustment) -> bool:
    rows = CreditTransaction.objects.for_account(account)
    own = rows.filter(idempotency_key=_key(row))
    return own.exists() or rows.filter(idempotency_key__startswith=f"{_key(row)}:").exists()


def _key(row: CreditAdjustment) -> str:
    return f"adjust:{row.pk}"


def _refuse_more_than_unused(account: HasKey, wanted: int) -> None:
    with tenant(account.pk, read_only=True):
        lots = CreditLot.objects.for_account(account).filter(remaining__gt=F("held"))
        free = sum(lot.remaining - lot.held for lot in lots)
    if free < wanted:
        raise _too_few(free)


def _too_few(free: int) -> InvalidInput:
    return InvalidInput("Nothing was changed.", amount=[f"At most {free} credits are unused."])


def _locked(account: HasKey, adjustment_id: int) -> CreditAdjustment:
    rows = CreditAdjustment.unscoped.using(settings.TENANCY_STAFF_ALIAS)
    found: CreditAdjustment | None = (
        rows.select_for_update(of=("self",), no_key=True)
        .filter(account_id=account.pk, pk=adjustment_id)
        .first()
    )
    if found is None:
        raise NotFound("no such adjustment", adjustment_id=adjustment_id)
    return found
