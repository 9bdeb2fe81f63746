"""Credits that staff add or take: with a reason, above a limit by two people, each once.

The row belongs to the staff role, the ledger to the account's block: two databases' roles, so two
transactions. The decision is committed first; what follows from it is done under the row's own
key, and done again by a job if nobody came to it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings

from igny8_core.business.billing.models import CreditAdjustment, CreditLot, CreditTransaction
from igny8_core.business.billing.services.lots import grant_credits, revoke_lot
from igny8_core.business.billing.services.rounds import AccountKey, Round
from igny8_core.business.billing.states import ADJUSTMENT, AdjustmentStatus, TransactionType
from igny8_core.common.errors import Conflict, IdempotencyConflict, InvalidInput, NotFound, Refused
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.common.tenancy.context import HasKey

AMOUNT_MAX = 10_000_000
REASON_MAX = 300
PER_ROUND = 100
LEFT_BEHIND = timedelta(minutes=2)
"""Who decides also carries it out, at once; what is older was left by a crash."""


def request_adjustment(
    *,
    account: Account,
    amount: int,
    reason: str,
    idempotency_key: str,
    actor_id: int,
    now: datetime,
) -> CreditAdjustment:
    """Ask for credits to be added (positive) or taken (negative). Safe to repeat.

    Below ``ADJUSTMENT_SECOND_APPROVAL_CREDITS`` it is carried out at once, else a second person
    decides. What is taken is never more than what is free.

    :raises InvalidInput: no amount or no reason, or more is to be taken than is free; nothing
        was written.
    :raises IdempotencyConflict: the key was used for something else.
    """
    problems = {}
    if not 1 <= abs(amount) <= AMOUNT_MAX:
        problems["amount"] = [f"From 1 to {AMOUNT_MAX:,} credits, either way."]
    if not 1 <= len(reason.strip()) <= REASON_MAX:
        problems["reason"] = [f"Say why, in at most {REASON_MAX} letters: the customer reads it."]
    if problems:
        raise InvalidInput("Nothing was adjusted.", **problems)
    row = _known(account, idempotency_key)
    if row is None:
        _refuse_more_than_free(account, amount)
        row = _noted(
            CreditAdjustment(
                account_id=account.pk,
                idempotency_key=idempotency_key,
                amount=amount,
                reason=reason.strip(),
                requested_by_id=actor_id,
            )
        )
    if (row.amount, row.reason) != (amount, reason.strip()):
        raise IdempotencyConflict("key reused", idempotency_key=idempotency_key)
    if row.status == AdjustmentStatus.REQUESTED and not needs_second_person(amount):
        using = settings.TENANCY_STAFF_ALIAS
        advance(row, AdjustmentStatus.APPROVED, table=ADJUSTMENT, now=now, using=using)
    if row.status == AdjustmentStatus.APPROVED:
        _carry_out(account=account, row=row, now=now)
    return row


def approve_adjustment(
    *, account: HasKey, adjustment_id: int, actor_id: int, now: datetime
) -> CreditAdjustment:
    """Agree, as the second person, and carry it out. Safe to repeat.

    :raises NotFound: the account has no such adjustment.
    :raises Refused: the person asked for it; nothing was written.
    :raises InvalidInput: more is to be taken than is free by now; nothing was written.
    :raises Conflict: it was rejected.
    """
    row = _adjustment(account, adjustment_id)
    if row.status == AdjustmentStatus.REJECTED:
        raise Conflict("This adjustment was rejected.")
    if row.status == AdjustmentStatus.REQUESTED:
        if row.requested_by_id == actor_id:
            raise Refused("You asked for this adjustment: somebody else agrees to it.")
        _refuse_more_than_free(account, row.amount)
        advance(
            row,
            AdjustmentStatus.APPROVED,
            table=ADJUSTMENT,
            now=now,
            using=settings.TENANCY_STAFF_ALIAS,
            approved_by_id=actor_id,
        )
    _carry_out(account=account, row=row, now=now)
    return row


def reject_adjustment(*, account: HasKey, adjustment_id: int, now: datetime) -> CreditAdjustment:
    """Refuse it, or take one's own request back. Safe to repeat.

    :raises NotFound: the account has no such adjustment.
    :raises Conflict: it was approved.
    """
    row = _adjustment(account, adjustment_id)
    if row.status == AdjustmentStatus.APPROVED:
        raise Conflict("This adjustment was approved, and is in the ledger.")
    if row.status == AdjustmentStatus.REQUESTED:
        using = settings.TENANCY_STAFF_ALIAS
        advance(row, AdjustmentStatus.REJECTED, table=ADJUSTMENT, now=now, using=using)
    return row


def finish_adjustments(*, now: datetime) -> int:
    """Carry out what was approved and left behind by a crash; as a periodic job.

    :returns: how many were looked after.
    """
    finishing = Round("finish_adjustments")
    everywhere = CreditAdjustment.objects.across_accounts(reason="approved adjustments")
    recent = everywhere.filter(
        status=AdjustmentStatus.APPROVED,
        updated_at__range=(now - timedelta(days=7), now - LEFT_BEHIND),
    )
    waiting = [row for row in recent.order_by("pk") if not _is_done(row)][:PER_ROUND]
    for row in waiting:
        finishing.attempt(_carry_out, account=AccountKey(row.account_id), row=row, now=now)
    finishing.end()
    return len(waiting)


def second_person_from() -> int:
    """So many credits, either way, and more take two people."""
    return int(settings.ADJUSTMENT_SECOND_APPROVAL_CREDITS)


def needs_second_person(amount: int) -> bool:
    """Whether two people must agree."""
    return abs(amount) >= second_person_from()


@tenant_atomic()
def _carry_out(*, account: HasKey, row: CreditAdjustment, now: datetime) -> None:
    """Write the ledger: a lot more, or less of those that there are. Safe to repeat.

    :raises InvalidInput: more is to be taken than is free; nothing was written.
    """
    if row.amount > 0:
        grant_credits(
            account=account,
            amount=row.amount,
            type=TransactionType.ADJUSTMENT,
            idempotency_key=f"adjustment:{row.pk}",
            metadata={"reason": row.reason},
            actor_id=row.requested_by_id,
            now=now,
        )
        return
    taken = CreditTransaction.objects.for_account(account).filter(
        idempotency_key__startswith=f"adjustment:{row.pk}:"
    )
    if taken.exists():
        return
    left = -row.amount
    lots = CreditLot.objects.for_account(account).filter(is_open=True)
    for lot in lots.order_by("priority", "expires_at", "pk"):
        if left and (part := min(left, lot.remaining - lot.held)) > 0:
            left -= revoke_lot(
                account=account,
                lot_id=lot.pk,
                owed=part,
                type=TransactionType.ADJUSTMENT,
                idempotency_key=f"adjustment:{row.pk}:{lot.pk}",
                actor_id=row.requested_by_id,
                now=now,
            ).taken
    if left:
        raise InvalidInput("Nothing was taken.", amount=["So many credits are not free."])


def _known(account: HasKey, key: str) -> CreditAdjustment | None:
    rows = CreditAdjustment.objects.across_accounts(reason="an operator adjusts credits")
    found: CreditAdjustment | None = rows.filter(account_id=account.pk, idempotency_key=key).first()
    return found


def _noted(asked: CreditAdjustment) -> CreditAdjustment:
    """The request, or the one that another click has just made under this key.

    The composite keys check what save() would ask for, as a role that sees one account alone.
    """
    rows = CreditAdjustment.unscoped.using(settings.TENANCY_STAFF_ALIAS)
    rows.bulk_create([asked], ignore_conflicts=True)
    found: CreditAdjustment = rows.get(
        account_id=asked.account_id, idempotency_key=asked.idempotency_key
    )
    return found


def _is_done(row: CreditAdjustment) -> bool:
    ledger = CreditTransaction.objects.across_accounts(reason="approved adjustments")
    keys = {"idempotency_key__startswith": f"adjustment:{row.pk}"}
    found = ledger.filter(account_id=row.account_id, **keys).values_list(
        "idempotency_key", flat=True
    )
    own = f"adjustment:{row.pk}"
    return any(key == own or key.startswith(f"{own}:") for key in found)


def _refuse_more_than_free(account: HasKey, amount: int) -> None:
    """:raises InvalidInput: more is to be taken than is free now."""
    if amount >= 0:
        return
    lots = CreditLot.objects.across_accounts(reason="an operator takes credits")
    open_lots = lots.filter(account_id=account.pk, is_open=True)
    free = sum(lot.remaining - lot.held for lot in open_lots)
    if free < -amount:
        text = f"{free:,} credits are free: no more can be taken."
        raise InvalidInput("Nothing was taken.", amount=[text])


def _adjustment(account: HasKey, adjustment_id: int) -> CreditAdjustment:
    rows = CreditAdjustment.objects.across_accounts(reason="an operator decides on credits")
    found: CreditAdjustment | None = rows.filter(account_id=account.pk, pk=adjustment_id).first()
    if found is None:
        raise NotFound("There is no such adjustment.", adjustment_id=adjustment_id)
    return found
