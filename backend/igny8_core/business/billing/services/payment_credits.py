"""The credits of one payment, wherever they are: in the lot that it brought, and in later ones.

What a refund took and gave back, or a bank, comes back as a lot of its own. Whoever takes credits
of a payment looks at all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q

from igny8_core.business.billing.models import CreditLot
from igny8_core.business.billing.services.lots import Revocation, grant_credits, revoke_lot
from igny8_core.business.billing.services.payments import lot_of
from igny8_core.business.billing.states import TransactionType

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.business.billing.models import Payment
    from igny8_core.common.tenancy.context import HasKey

RETURNED = Q(source_key__startswith="refund:") | Q(source_key__startswith="dispute:")


@dataclass(frozen=True)
class Credits:
    """What a payment brought, and the lots in which credits of it came back."""

    brought: CreditLot
    returned: list[CreditLot]

    @property
    def granted(self) -> int:
        """How many it brought."""
        return self.brought.granted

    @property
    def unused(self) -> int:
        """Neither spent nor held nor expired."""
        return sum(lot.remaining - lot.held for lot in (self.brought, *self.returned))


def credits_of(*, account: HasKey, payment: Payment) -> Credits | None:
    """The credits of a payment; None when it brought none. Inside the account's block."""
    brought = lot_of(account=account, payment=payment)
    if brought is None:
        return None
    lots = CreditLot.objects.for_account(account).filter(RETURNED, payment_id=payment.pk)
    return Credits(brought, list(lots.exclude(pk=brought.pk).order_by("-pk")))


def take_credits(
    *,
    account: HasKey,
    credits_: Credits,
    amount: int,
    type: TransactionType,  # noqa: A002 - the ledger's column
    idempotency_key: str,
    actor_id: int | None = None,
    now: datetime,
) -> Revocation:
    """Take ``amount`` of a payment's credits, the newest lot first; at least 1.

    :returns: what was taken, and what a chargeback could not take and is owed now.
    """
    left, taken, debt = amount, 0, 0
    for lot in (*credits_.returned, credits_.brought):
        is_last = lot.pk == credits_.brought.pk
        owed = left if is_last else min(left, lot.remaining - lot.held)
        if owed < 1:
            continue
        done = revoke_lot(
            account=account,
            lot_id=lot.pk,
            owed=owed,
            type=type,
            idempotency_key=idempotency_key if is_last else f"{idempotency_key}:{lot.pk}",
            actor_id=actor_id,
            now=now,
        )
        left, taken, debt = left - owed, taken + done.taken, debt + done.debt
    return Revocation(taken, debt, is_new=True)


def return_credits(
    *, account: HasKey, payment: Payment, amount: int, idempotency_key: str, now: datetime
) -> None:
    """Give taken credits of a payment back, with the place and the end of those that it brought.

    A debt is paid from them first. Safe to repeat; none to give back is none.
    """
    lot = lot_of(account=account, payment=payment)
    if lot is None or not amount:
        return
    grant_credits(
        account=account,
        amount=amount,
        type=TransactionType.REINSTATEMENT,
        idempotency_key=idempotency_key,
        priority=lot.priority,
        expires_at=lot.expires_at,
        payment_id=payment.pk,
        invoice_id=payment.invoice_id,
        now=now,
    )
