"""What a provider says of the money that went back: found, and written into our books.

What we send back has our key there. Everything else was made in the provider's own pages: its
credits go, its credit note is written, as if it had been made here; only nobody is asked. Money
that did not arrive, whoever sent it, is undone.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.db.models import F

from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import Payment, Refund
from igny8_core.business.billing.services.disputes import follow_dispute
from igny8_core.business.billing.services.failed_refunds import undo_refund
from igny8_core.business.billing.services.payment_credits import credits_of, take_credits
from igny8_core.business.billing.services.payments import locked_payment
from igny8_core.business.billing.services.refunds import KEY, NOT_SENT, book_refund, key_there
from igny8_core.business.billing.services.rounds import AccountKey, Round
from igny8_core.business.billing.states import (
    REFUND,
    PaymentStatus,
    RefundStatus,
    TransactionType,
)
from igny8_core.clients.payments import RemoteStatus, refund_book
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from django.db.models import QuerySet

    from igny8_core.clients.payments import RemoteRefund
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

GIVEN_BACK = "outside_refunds"
"""Of a payment that rests in review: what the provider gave back of it, by name."""
PER_ROUND = 100
PENDING_FOR = timedelta(days=60)
"""A refund that a provider calls pending for longer is not asked about any more."""


def follow_refunds(*, account: HasKey, payment_id: int, clock: Callable[[], datetime]) -> int:
    """Bring what was sent back at the provider into our books, and every dispute. Repeatable.

    What failed comes first: it makes room for what was sent in its place.

    :returns: how many refunds of somebody else's were new.
    :raises NotFound: no such payment.
    :raises Transient: the provider does not answer; what was booked stays.
    """
    with tenant(account.pk, read_only=True):
        payment = selectors.payment(account=account, payment_id=payment_id)
    money = payment.provider_refs.get("payment", "")
    book = refund_book(payment.provider) if payment.provider else None
    if book is None or not money or payment.processed_at is None:
        return 0
    found = book.refunds_of(money)
    for row in found:
        if row.status is RemoteStatus.FAILED:
            _fail(account, payment_id, row, now=clock())
    new = 0
    for row in found:
        if row.status is RemoteStatus.PAID:
            new += _book(account=account, payment_id=payment_id, remote=row, now=clock())
    for ref in book.disputes_of(money):
        follow_dispute(account=account, payment_id=payment_id, ref=ref, clock=clock)
    return new


def follow_pending(*, now: datetime) -> int:
    """Ask about refunds that were pending when they were booked; as a part of reconciliation.

    PayPal tells of none that fails.

    :returns: how many were asked about.
    """
    asking = Round("follow_refunds")
    rows = Refund.objects.across_accounts(reason="refunds that are pending at providers").filter(
        status=RefundStatus.SUCCEEDED,
        confirmed_at__isnull=True,
        is_by_hand=False,
        provider_ref__isnull=False,
        created_at__gte=now - PENDING_FOR,
    )
    due = list(rows.order_by("pk").values_list("account_id", "payment_id")[:PER_ROUND])
    for account_id, payment_id in dict.fromkeys(due):
        asking.attempt(
            follow_refunds,
            account=AccountKey(account_id),
            payment_id=payment_id,
            clock=lambda: now,
        )
    asking.end()
    return len(due)


def _fail(account: HasKey, payment_id: int, remote: RemoteRefund, *, now: datetime) -> None:
    """The money of a refund did not arrive: ours is undone, somebody else's is noted as failed."""
    reason = remote.failure or NOT_SENT
    with tenant(account.pk, read_only=True):
        mine = Refund.objects.for_account(account).filter(payment_id=payment_id)
        known = _of(mine, remote)
    if known is not None:
        undo_refund(account=account, refund_id=known.pk, reason=reason, now=now)
    elif not _is_ours(remote):
        _note_failed(account=account, payment_id=payment_id, remote=remote, reason=reason, now=now)


def _is_ours(remote: RemoteRefund) -> bool:
    """Whether we sent it. PayPal gives refunds of its own pages the payment's word, not none."""
    return remote.key.startswith(KEY)


def _of(mine: QuerySet[Refund], remote: RemoteRefund) -> Refund | None:
    """Our row of a provider's refund: by its name there, or by our key while we do not know it."""
    found: Refund | None = mine.filter(provider_ref=remote.ref).first()
    if found is not None or not _is_ours(remote):
        return found
    unnamed = mine.filter(provider_ref__isnull=True)
    return next((row for row in unnamed if key_there(row) == remote.key), None)


@tenant_atomic(durable=True)
def _note_failed(
    *, account: HasKey, payment_id: int, remote: RemoteRefund, reason: str, now: datetime
) -> None:
    """Kept as a row, so that an older answer, which still calls it paid, finds it known."""
    payment = locked_payment(account=account, payment_id=payment_id)
    mine = Refund.objects.for_account(account).filter(payment=payment)
    if _of(mine, remote) is not None:
        return
    _forget_note(payment, remote, now=now)
    refund = _made(account, payment, remote)
    refund.save()
    advance(refund, RefundStatus.PROCESSING, table=REFUND, now=now)
    advance(refund, RefundStatus.FAILED, table=REFUND, now=now, failure_reason=reason)
    log.warning("billing.refund.outside_failed", account_id=account.pk, refund_id=refund.pk)


@tenant_atomic(durable=True)
def _book(*, account: HasKey, payment_id: int, remote: RemoteRefund, now: datetime) -> bool:
    """One refund, once: at most what is left of the payment, with the credits that are unused.

    :returns: whether it is somebody else's, and new to us.
    """
    payment = locked_payment(account=account, payment_id=payment_id)
    mine = Refund.objects.for_account(account).filter(payment=payment)
    known = _of(mine, remote)
    if known is not None:
        named = mine.filter(pk=known.pk, status=RefundStatus.SUCCEEDED, confirmed_at__isnull=True)
        named.update(confirmed_at=now, updated_at=now)
        return False
    if _is_ours(remote):
        return False
    is_noted = remote.ref in payment.metadata.get(GIVEN_BACK, {})
    left = payment.amount_minor - payment.refunded_minor - payment.disputed_minor
    if payment.status != PaymentStatus.COMPLETED or remote.amount_minor > left:
        if not is_noted:
            _note(payment, remote, now=now)
        return not is_noted
    _forget_note(payment, remote, now=now)
    refund = _made(account, payment, remote)
    refund.save()
    refund.credits = _taken_back(account, payment, refund, now=now)
    refund.save(update_fields=["credits"])
    advance(refund, RefundStatus.PROCESSING, table=REFUND, now=now)
    rows = Payment.objects.for_account(account).filter(pk=payment.pk)
    rows.update(refunded_minor=F("refunded_minor") + remote.amount_minor, updated_at=now)
    payment.refresh_from_db(fields=["refunded_minor"])
    book_refund(account=account, payment=payment, refund=refund, remote=remote, now=now)
    log.warning("billing.refund.outside", account_id=account.pk, refund_id=refund.pk)
    return True


def _made(account: HasKey, payment: Payment, remote: RemoteRefund) -> Refund:
    return Refund(
        account_id=account.pk,
        payment=payment,
        idempotency_key=f"{payment.provider}:{remote.ref}"[:64],
        provider_ref=remote.ref,
        amount_minor=remote.amount_minor,
        currency=payment.currency,
        reason="Given back by the seller",
    )


def _taken_back(account: HasKey, payment: Payment, refund: Refund, *, now: datetime) -> int:
    """The credits that go with the money: its share, as far as they are unused and unheld."""
    source = credits_of(account=account, payment=payment)
    if source is None or not source.unused:
        return 0
    share = -(-source.granted * refund.amount_minor // payment.amount_minor)
    return take_credits(
        account=account,
        credits_=source,
        amount=min(share, source.unused),
        type=TransactionType.REFUND,
        idempotency_key=f"refund:{refund.pk}",
        now=now,
    ).taken


def _note(payment: Payment, remote: RemoteRefund, *, now: datetime) -> None:
    """Money of a payment that is in no book, or more than was left of it: an operator's matter.

    It is booked once there is room for it.
    """
    noted = payment.metadata.get(GIVEN_BACK, {}) | {remote.ref: remote.amount_minor}
    _keep(payment, noted, now=now)
    log.error("billing.refund.unbooked", account_id=payment.account_id, payment_id=payment.pk)


def _forget_note(payment: Payment, remote: RemoteRefund, *, now: datetime) -> None:
    noted = dict(payment.metadata.get(GIVEN_BACK, {}))
    if noted.pop(remote.ref, None) is not None:
        _keep(payment, noted, now=now)


def _keep(payment: Payment, noted: dict[str, int], *, now: datetime) -> None:
    payment.metadata = payment.metadata | {GIVEN_BACK: noted}
    payment.updated_at = now
    payment.save(update_fields=["metadata", "updated_at"])
