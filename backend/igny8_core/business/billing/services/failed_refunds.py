"""Money that was to go back and did not arrive: undone in the books, and what is done about it.

A provider says so days after it took the order. The customer has no money then, so nothing of
the refund stays: the payment's sum goes back, the credit note gets its reversal, the credits
return. What is left is an operator's to decide: another try, the money another way, or neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from django.db.models import F

from igny8_core.business.billing.models import Payment, Refund
from igny8_core.business.billing.services.credit_notes import reverse_credit_note
from igny8_core.business.billing.services.payment_credits import return_credits
from igny8_core.business.billing.services.payments import locked_payment
from igny8_core.business.billing.states import PAYMENT, REFUND, PaymentStatus, RefundStatus
from igny8_core.common.errors import Conflict, NotFound
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

UNDOABLE = [RefundStatus.PROCESSING, RefundStatus.SUCCEEDED]
REASON_MAX = 300


@tenant_atomic(durable=True)
def undo_refund(
    *, account: HasKey, refund_id: int, reason: str, is_refused: bool = False, now: datetime
) -> Refund:
    """The money did not go, or came back: all of the refund is undone. Safe to repeat.

    Credits come back in a lot of their own, with the place and the end of those that the payment
    brought. Lock order: Account, Payment, Refund, wallet, Invoice, series of numbers.

    :param reason: what the provider said; the customer and operators read it.
    :param is_refused: it was never taken on: one that was booked meanwhile stays.
    :raises NotFound: no such refund.
    """
    payment, refund = locked_refund(account=account, refund_id=refund_id)
    if refund.status not in ([RefundStatus.PROCESSING] if is_refused else UNDOABLE):
        return refund
    return_credits(
        account=account,
        payment=payment,
        amount=refund.credits,
        idempotency_key=f"refund:{refund.pk}:back",
        now=now,
    )
    reversal_id = None
    if refund.credit_note_id is not None:
        note = reverse_credit_note(
            account=account,
            note_id=refund.credit_note_id,
            reason=f"The money could not be given back: {reason}"[:REASON_MAX],
            idempotency_key=f"refund:{refund.pk}:back",
            now=now,
        )
        reversal_id = note.pk
    advance(
        refund,
        RefundStatus.FAILED,
        table=REFUND,
        now=now,
        failure_reason=reason,
        reversal_id=reversal_id,
    )
    rows = Payment.objects.for_account(account).filter(pk=payment.pk)
    rows.update(refunded_minor=F("refunded_minor") - refund.amount_minor, updated_at=now)
    if payment.status == PaymentStatus.REFUNDED:
        advance(payment, PaymentStatus.COMPLETED, table=PAYMENT, now=now)
    log.error(
        "billing.refund.failed",
        account_id=account.pk,
        refund_id=refund.pk,
        was_booked=reversal_id is not None,
    )
    return refund


@tenant_atomic()
def leave_refund(*, account: HasKey, refund_id: int, actor_id: int, now: datetime) -> Refund:
    """Leave it at a refund that failed: the customer keeps the credits. Safe to repeat.

    :raises NotFound: no such refund.
    :raises Conflict: it has not failed, or was tried again.
    """
    _, refund = locked_refund(account=account, refund_id=refund_id)
    if refund.reviewed_at is not None:
        return refund
    again = Refund.objects.for_account(account).filter(retry_of=refund)
    if refund.status != RefundStatus.FAILED or again.exists():
        raise Conflict("There is nothing to decide about this refund any more.")
    refund.reviewed_by_id, refund.reviewed_at, refund.updated_at = actor_id, now, now
    refund.save(update_fields=["reviewed_by", "reviewed_at", "updated_at"])
    return refund


def locked_refund(*, account: HasKey, refund_id: int) -> tuple[Payment, Refund]:
    """A refund and its payment, both locked, after the account; inside its block.

    :raises NotFound: unknown, or another account's.
    """
    rows = Refund.objects.for_account(account)
    found = rows.filter(pk=refund_id).values_list("payment_id", flat=True).first()
    if found is None:
        raise NotFound("no such refund", refund_id=refund_id)
    payment = locked_payment(account=account, payment_id=found)
    refund: Refund = rows.select_for_update(of=("self",), no_key=True).get(pk=refund_id)
    return payment, refund
