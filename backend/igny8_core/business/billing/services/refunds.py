"""Money that goes back, with the credits that it had brought and nobody has used.

Claim, call, settle: the credits are taken first, so that nobody spends them meanwhile; then the
provider is told; then the credit note is written. A refund that the provider refuses gives the
credits back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from django.db.models import F

from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import CreditLot, Payment, Refund
from igny8_core.business.billing.services.credit_notes import issue_credit_note
from igny8_core.business.billing.services.invoices import locked_invoice
from igny8_core.business.billing.services.lots import grant_credits, revoke_lot
from igny8_core.business.billing.services.payments import locked_payment, lot_of
from igny8_core.business.billing.services.rounds import AccountKey, Round
from igny8_core.business.billing.states import (
    PAYMENT,
    REFUND,
    PaymentStatus,
    RefundStatus,
    TransactionType,
)
from igny8_core.clients.payments import RemoteStatus, payment_client
from igny8_core.common.errors import (
    Conflict,
    IdempotencyConflict,
    InvalidInput,
    NotFound,
    ProviderRejected,
)
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from igny8_core.clients.payments import RemoteRefund
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

PER_ROUND = 100


@dataclass(frozen=True)
class Refundable:
    """What could go back of a payment now.

    :ivar left_minor: the most; ``amount_minor`` is the part whose ``credits`` are unused.
    """

    left_minor: int
    amount_minor: int
    credits: int


@tenant_atomic()
def refundable(*, account: HasKey, payment_id: int) -> Refundable:
    """What :func:`refund_payment` would give back, before anybody asks for it.

    :raises NotFound: no such payment.
    """
    payment = selectors.payment(account=account, payment_id=payment_id)
    left = payment.amount_minor - payment.refunded_minor - payment.disputed_minor
    if payment.status != PaymentStatus.COMPLETED or left < 1:
        return Refundable(0, 0, 0)
    try:
        amount, credits_back, _ = _shares(account, payment, None)
    except InvalidInput:  # every credit of it is used: only a sum that somebody names goes back
        return Refundable(left, 0, 0)
    return Refundable(left, amount, credits_back)


def refund_payment(
    *,
    account: HasKey,
    payment_id: int,
    reason: str,
    idempotency_key: str,
    amount_minor: int | None = None,
    actor_id: int | None = None,
    clock: Callable[[], datetime],
) -> Refund:
    """Give back the part of a payment whose credits are unused, or ``amount_minor``.

    All unused and unheld credits of the payment go with the money; with an amount of its own
    (staff), in proportion to it. Safe to repeat with the same key.

    A payment by hand is sent back by hand: this says that it was.

    :raises NotFound: no such payment.
    :raises InvalidInput: nothing is left to give back, or less than asked for; nothing changed.
    :raises Conflict: the payment is not in the books.
    :raises IdempotencyConflict: the key was used for another refund.
    :raises Transient: the provider does not answer; :func:`finish_refunds` asks it again.
    :raises ProviderRejected: it refused; the credits are back.
    """
    refund = _open(
        account=account,
        payment_id=payment_id,
        reason=reason,
        idempotency_key=idempotency_key,
        amount_minor=amount_minor,
        actor_id=actor_id,
        now=clock(),
    )
    return _finish(account, refund, clock)


def finish_refunds(*, now: datetime) -> int:
    """Ask providers again about refunds whose answer was lost; as a periodic job.

    :returns: how many were looked after.
    """
    asking = Round("finish_refunds")
    everywhere = Refund.objects.across_accounts(reason="refunds under way")
    waiting = everywhere.filter(status=RefundStatus.PROCESSING).order_by("pk")[:PER_ROUND]
    for refund in waiting:
        asking.attempt(_ask_again, account=AccountKey(refund.account_id), refund=refund, now=now)
    asking.end()
    return len(waiting)


@tenant_atomic(durable=True)
def _open(
    *,
    account: HasKey,
    payment_id: int,
    reason: str,
    idempotency_key: str,
    amount_minor: int | None,
    actor_id: int | None,
    now: datetime,
) -> Refund:
    payment = locked_payment(account=account, payment_id=payment_id)
    mine = Refund.objects.for_account(account)
    earlier: Refund | None = mine.filter(idempotency_key=idempotency_key).first()
    if earlier is not None:
        if earlier.payment_id != payment.pk or amount_minor not in {None, earlier.amount_minor}:
            raise IdempotencyConflict("key reused", idempotency_key=idempotency_key)
        return earlier
    if payment.status != PaymentStatus.COMPLETED:
        raise Conflict(f"This payment is {payment.status}: there is nothing to give back.")
    amount, credits_back, lot = _shares(account, payment, amount_minor)
    refund = Refund(
        account_id=account.pk,
        payment=payment,
        idempotency_key=idempotency_key,
        amount_minor=amount,
        currency=payment.currency,
        credits=credits_back,
        reason=reason,
        requested_by_id=actor_id,
    )
    refund.save()
    if lot is not None and credits_back:
        taken = revoke_lot(
            account=account,
            lot_id=lot.pk,
            owed=credits_back,
            type=TransactionType.REFUND,
            idempotency_key=f"refund:{refund.pk}",
            actor_id=actor_id,
            now=now,
        ).taken
        if taken != credits_back:  # spent since we looked: the whole of it rolls back
            raise Conflict("Credits of this payment were used just now. Try again.")
    rows = Payment.objects.for_account(account).filter(pk=payment.pk)
    rows.update(refunded_minor=F("refunded_minor") + amount, updated_at=now)
    advance(refund, RefundStatus.PROCESSING, table=REFUND, now=now)
    return refund


def _shares(
    account: HasKey, payment: Payment, amount_minor: int | None
) -> tuple[int, int, CreditLot | None]:
    """(money, credits, their lot) of a refund."""
    left = payment.amount_minor - payment.refunded_minor - payment.disputed_minor
    lot = lot_of(account=account, payment=payment)
    if lot is None:
        amount = left if amount_minor is None else amount_minor
        credits_back = 0
    elif amount_minor is None:
        credits_back = lot.remaining - lot.held
        amount = min(left, payment.amount_minor * credits_back // lot.granted)
    else:
        amount = amount_minor
        wanted = -(-lot.granted * amount // payment.amount_minor)
        credits_back = min(wanted, lot.remaining - lot.held)
    if not 1 <= amount <= left:
        text = f"At most {left} of this payment can be given back."
        raise InvalidInput("Nothing was given back.", amount_minor=[text])
    return amount, credits_back, lot


def _finish(account: HasKey, refund: Refund, clock: Callable[[], datetime]) -> Refund:
    if refund.status != RefundStatus.PROCESSING:
        return refund
    with tenant(account.pk, read_only=True):
        payment = Payment.objects.for_account(account).get(pk=refund.payment_id)
    if not payment.provider:
        return _settle(account=account, refund_id=refund.pk, remote=None, now=clock())
    try:
        remote = payment_client(payment.provider).refund(
            payment_ref=payment.provider_refs.get("payment", ""),
            amount_minor=refund.amount_minor,
            currency=refund.currency,
            key=f"refund:{refund.account_id}:{refund.pk}",
        )
    except ProviderRejected as exc:
        _give_back(account=account, refund_id=refund.pk, reason=exc.message, now=clock())
        raise
    if remote.status is RemoteStatus.FAILED:
        reason = remote.failure or "The provider could not send the money back."
        return _give_back(account=account, refund_id=refund.pk, reason=reason, now=clock())
    return _settle(account=account, refund_id=refund.pk, remote=remote, now=clock())


def _ask_again(*, account: HasKey, refund: Refund, now: datetime) -> None:
    _finish(account, refund, lambda: now)


@tenant_atomic(durable=True)
def _settle(
    *, account: HasKey, refund_id: int, remote: RemoteRefund | None, now: datetime
) -> Refund:
    """The money is on its way: credit note, and the payment's end when nothing of it is left."""
    payment, refund = _locked(account, refund_id)
    if refund.status != RefundStatus.PROCESSING:
        return refund
    ref = remote.ref if remote is not None else None
    book_refund(account=account, payment=payment, refund=refund, provider_ref=ref, now=now)
    log.info("billing.refund.succeeded", account_id=account.pk, refund_id=refund.pk)
    return refund


def book_refund(
    *, account: HasKey, payment: Payment, refund: Refund, provider_ref: str | None, now: datetime
) -> None:
    """End a refund whose money went: its credit note, and the payment once nothing is left of it.

    In the caller's transaction, which holds the payment's lock.
    """
    locked_invoice(account=account, invoice_id=payment.invoice_id)
    note = issue_credit_note(
        account=account,
        invoice_id=payment.invoice_id,
        amount_minor=refund.amount_minor,
        reason=refund.reason,
        idempotency_key=f"refund:{refund.pk}",
        now=now,
    )
    advance(
        refund,
        RefundStatus.SUCCEEDED,
        table=REFUND,
        now=now,
        processed_at=now,
        credit_note_id=note.pk,
        provider_ref=provider_ref,
    )
    open_ones = Refund.objects.for_account(account).filter(
        payment=payment, status__in=[RefundStatus.PENDING, RefundStatus.PROCESSING]
    )
    if payment.refunded_minor == payment.amount_minor and not open_ones.exists():
        advance(payment, PaymentStatus.REFUNDED, table=PAYMENT, now=now)


@tenant_atomic(durable=True)
def _give_back(*, account: HasKey, refund_id: int, reason: str, now: datetime) -> Refund:
    """The provider refused: the credits come back, in a lot of their own."""
    payment, refund = _locked(account, refund_id)
    if refund.status != RefundStatus.PROCESSING:
        return refund
    advance(refund, RefundStatus.FAILED, table=REFUND, now=now, failure_reason=reason)
    rows = Payment.objects.for_account(account).filter(pk=payment.pk)
    rows.update(refunded_minor=F("refunded_minor") - refund.amount_minor, updated_at=now)
    lot = lot_of(account=account, payment=payment)
    if refund.credits and lot is not None:
        grant_credits(
            account=account,
            amount=refund.credits,
            type=TransactionType.REINSTATEMENT,
            idempotency_key=f"refund:{refund.pk}:back",
            priority=lot.priority,
            expires_at=lot.expires_at,
            payment_id=payment.pk,
            invoice_id=payment.invoice_id,
            now=now,
        )
    log.error("billing.refund.failed", account_id=account.pk, refund_id=refund.pk)
    return refund


def _locked(account: HasKey, refund_id: int) -> tuple[Payment, Refund]:
    rows = Refund.objects.for_account(account)
    found = rows.filter(pk=refund_id).values_list("payment_id", flat=True).first()
    if found is None:
        raise NotFound("no such refund", refund_id=refund_id)
    payment = locked_payment(account=account, payment_id=found)
    refund: Refund = rows.select_for_update(of=("self",), no_key=True).get(pk=refund_id)
    return payment, refund
