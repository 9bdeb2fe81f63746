"""Money that goes back, with the credits that it had brought and nobody has used.

Claim, call, settle: the credits are taken first, so that nobody spends them meanwhile; then the
provider is told; then the credit note is written. A refund that the provider refuses gives the
credits back, and so does one that it reports as failed later (``failed_refunds``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from django.db.models import F

from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import Payment, Refund
from igny8_core.business.billing.services.credit_notes import issue_credit_note
from igny8_core.business.billing.services.disputes import follow_withdrawn
from igny8_core.business.billing.services.failed_refunds import locked_refund, undo_refund
from igny8_core.business.billing.services.invoices import locked_invoice
from igny8_core.business.billing.services.payment_credits import credits_of, take_credits
from igny8_core.business.billing.services.payments import locked_payment
from igny8_core.business.billing.services.rounds import AccountKey, Round
from igny8_core.business.billing.states import (
    PAYMENT,
    REFUND,
    PaymentStatus,
    RefundStatus,
    TransactionType,
)
from igny8_core.clients.payments import RemoteStatus, payment_client, refund_book
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

    from igny8_core.business.billing.services.payment_credits import Credits
    from igny8_core.clients.payments import RemoteRefund
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

PER_ROUND = 100
KEY = "refund:"
NOT_SENT = "The provider could not send the money back."


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
    is_by_hand: bool = False,
    actor_id: int | None = None,
    clock: Callable[[], datetime],
) -> Refund:
    """Give back the part of a payment whose credits are unused, or ``amount_minor``.

    All unused and unheld credits of the payment go with the money; with an amount of its own
    (staff), in proportion to it. Safe to repeat with the same key.

    A payment by hand is sent back by hand: this says that it was. So can one of a provider be.

    :raises NotFound: no such payment.
    :raises InvalidInput: nothing is left to give back, or less than asked for; nothing changed.
    :raises Conflict: the payment is not in the books.
    :raises IdempotencyConflict: the key was used for another refund.
    :raises Transient: the provider does not answer; :func:`finish_refunds` asks it again.
    :raises ProviderRejected: it refused; the credits are back.
    """
    asked = Refund(
        payment_id=payment_id,
        reason=reason,
        idempotency_key=idempotency_key,
        is_by_hand=is_by_hand,
        requested_by_id=actor_id,
    )
    refund = _open(account=account, asked=asked, amount_minor=amount_minor, now=clock())
    return _finish(account, refund, clock)


def retry_refund(
    *,
    account: HasKey,
    refund_id: int,
    is_by_hand: bool,
    actor_id: int,
    clock: Callable[[], datetime],
) -> Refund:
    """Send the money of a refund that failed once more, as a refund of its own. Safe to repeat.

    :param is_by_hand: somebody sends it another way, and no provider is asked.
    :raises NotFound: no such refund.
    :raises Conflict: it has not failed, or somebody left it at that. And all that
        :func:`refund_payment` raises.
    """
    with tenant(account.pk, read_only=True):
        failed = Refund.objects.for_account(account).filter(pk=refund_id).first()
    if failed is None:
        raise NotFound("no such refund", refund_id=refund_id)
    if failed.status != RefundStatus.FAILED or failed.reviewed_at is not None:
        raise Conflict("There is nothing to try again.")
    asked = Refund(
        payment_id=failed.payment_id,
        retry_of=failed,
        reason=failed.reason,
        idempotency_key=f"again:{failed.pk}",
        is_by_hand=is_by_hand,
        requested_by_id=actor_id,
    )
    again = _open(account=account, asked=asked, amount_minor=failed.amount_minor, now=clock())
    return _finish(account, again, clock)


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
def _open(*, account: HasKey, asked: Refund, amount_minor: int | None, now: datetime) -> Refund:
    payment = locked_payment(account=account, payment_id=asked.payment_id)
    mine = Refund.objects.for_account(account)
    key = asked.idempotency_key
    earlier: Refund | None = mine.filter(idempotency_key=key).first()
    if earlier is not None:
        known = (earlier.payment_id, earlier.is_by_hand)
        if known != (payment.pk, asked.is_by_hand) or amount_minor not in {
            None,
            earlier.amount_minor,
        }:
            raise IdempotencyConflict("key reused", idempotency_key=key)
        return earlier
    if payment.status != PaymentStatus.COMPLETED:
        raise Conflict(f"This payment is {payment.status}: there is nothing to give back.")
    amount, credits_back, source = _shares(account, payment, amount_minor)
    refund = asked
    refund.account_id, refund.payment, refund.currency = account.pk, payment, payment.currency
    refund.amount_minor, refund.credits = amount, credits_back
    refund.save()
    if source is not None and credits_back:
        taken = take_credits(
            account=account,
            credits_=source,
            amount=credits_back,
            type=TransactionType.REFUND,
            idempotency_key=f"refund:{refund.pk}",
            actor_id=asked.requested_by_id,
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
) -> tuple[int, int, Credits | None]:
    """(money, credits, where they are) of a refund."""
    left = payment.amount_minor - payment.refunded_minor - payment.disputed_minor
    source = credits_of(account=account, payment=payment)
    if source is None:
        amount = left if amount_minor is None else amount_minor
        credits_back = 0
    elif amount_minor is None:
        credits_back = source.unused
        amount = min(left, payment.amount_minor * credits_back // source.granted)
    else:
        amount = amount_minor
        wanted = -(-source.granted * amount // payment.amount_minor)
        credits_back = min(wanted, source.unused)
    if not 1 <= amount <= left:
        text = f"At most {left} of this payment can be given back."
        raise InvalidInput("Nothing was given back.", amount_minor=[text])
    return amount, credits_back, source


def _finish(
    account: HasKey, refund: Refund, clock: Callable[[], datetime], *, is_repeat: bool = False
) -> Refund:
    if refund.status != RefundStatus.PROCESSING:
        return refund
    with tenant(account.pk, read_only=True):
        payment = Payment.objects.for_account(account).get(pk=refund.payment_id)
    if not payment.provider or refund.is_by_hand:
        return _settle(account=account, refund_id=refund.pk, remote=None, now=clock())
    try:
        remote = _made_before(payment, refund) if is_repeat else None
        remote = remote or payment_client(payment.provider).refund(
            payment_ref=payment.provider_refs.get("payment", ""),
            amount_minor=refund.amount_minor,
            currency=refund.currency,
            key=key_there(refund),
        )
    except ProviderRejected as exc:
        _undo(account, refund, exc.message, clock, is_refused=True)
        raise
    if remote.status is RemoteStatus.FAILED:
        return _undo(account, refund, remote.failure or NOT_SENT, clock)
    return _settle(account=account, refund_id=refund.pk, remote=remote, now=clock())


def key_there(refund: Refund) -> str:
    """Our word for a refund, as the provider keeps it."""
    return f"{KEY}{refund.account_id}:{refund.pk}"


def _made_before(payment: Payment, refund: Refund) -> RemoteRefund | None:
    """The refund as the provider has it now, if an earlier call made it.

    The answer to a repeated call would be the first one, though it has failed since; and a
    provider forgets keys after a while.
    """
    book = refund_book(payment.provider)
    money = payment.provider_refs.get("payment", "")
    if book is None or not money:
        return None
    try:
        found = book.refunds_of(money)
    except ProviderRejected:
        return None  # a payment whose refunds it does not list
    return next((row for row in found if row.key == key_there(refund)), None)


def _undo(
    account: HasKey,
    refund: Refund,
    reason: str,
    clock: Callable[[], datetime],
    *,
    is_refused: bool = False,
) -> Refund:
    undone = undo_refund(
        account=account, refund_id=refund.pk, reason=reason, is_refused=is_refused, now=clock()
    )
    follow_withdrawn(account=account, payment_id=refund.payment_id, clock=clock)
    return undone


def _ask_again(*, account: HasKey, refund: Refund, now: datetime) -> None:
    _finish(account, refund, lambda: now, is_repeat=True)


@tenant_atomic(durable=True)
def _settle(
    *, account: HasKey, refund_id: int, remote: RemoteRefund | None, now: datetime
) -> Refund:
    """The money is on its way: credit note, and the payment's end when nothing of it is left."""
    payment, refund = locked_refund(account=account, refund_id=refund_id)
    if refund.status != RefundStatus.PROCESSING:
        return refund
    book_refund(account=account, payment=payment, refund=refund, remote=remote, now=now)
    log.info("billing.refund.succeeded", account_id=account.pk, refund_id=refund.pk)
    return refund


def book_refund(
    *,
    account: HasKey,
    payment: Payment,
    refund: Refund,
    remote: RemoteRefund | None,
    now: datetime,
) -> None:
    """End a refund whose money went: its credit note, and the payment once nothing is left of it.

    In the caller's transaction, which holds the payment's lock.

    :param remote: as the provider has it, perhaps still pending; None when sent by hand.
    """
    is_done = remote is None or remote.status is RemoteStatus.PAID
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
        confirmed_at=now if is_done else None,
        credit_note_id=note.pk,
        provider_ref=remote.ref if remote is not None else None,
    )
    open_ones = Refund.objects.for_account(account).filter(
        payment=payment, status__in=[RefundStatus.PENDING, RefundStatus.PROCESSING]
    )
    if payment.refunded_minor == payment.amount_minor and not open_ones.exists():
        advance(payment, PaymentStatus.REFUNDED, table=PAYMENT, now=now)
