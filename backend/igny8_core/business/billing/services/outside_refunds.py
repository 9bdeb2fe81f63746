"""Money that somebody sent back at the provider itself: found, and written into our books.

What we send back has our key there. Everything else was made in the provider's own pages: its
credits go, its credit note is written, as if it had been made here; only nobody is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from django.db.models import F

from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import Payment, Refund
from igny8_core.business.billing.services.disputes import follow_dispute
from igny8_core.business.billing.services.lots import revoke_lot
from igny8_core.business.billing.services.payments import locked_payment, lot_of
from igny8_core.business.billing.services.refunds import book_refund
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

    from igny8_core.clients.payments import RemoteRefund
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

GIVEN_BACK = "outside_refunds"
"""Of a payment that rests in review: what the provider gave back of it, by name."""


def follow_refunds(*, account: HasKey, payment_id: int, clock: Callable[[], datetime]) -> int:
    """Bring what was sent back at the provider into our books, and every dispute. Repeatable.

    :returns: how many refunds were new.
    :raises NotFound: no such payment.
    :raises Transient: the provider does not answer; what was booked stays.
    """
    with tenant(account.pk, read_only=True):
        payment = selectors.payment(account=account, payment_id=payment_id)
        known = _known(account, payment)
    money = payment.provider_refs.get("payment", "")
    book = refund_book(payment.provider) if payment.provider else None
    if book is None or not money or payment.processed_at is None:
        return 0
    found = [row for row in book.refunds_of(money) if not row.key and row.ref not in known]
    for row in found:
        if row.status is RemoteStatus.PAID:
            _book(account=account, payment_id=payment_id, remote=row, now=clock())
    for ref in book.disputes_of(money):
        follow_dispute(account=account, payment_id=payment_id, ref=ref, clock=clock)
    return len(found)


def _known(account: HasKey, payment: Payment) -> set[str]:
    rows = Refund.objects.for_account(account).filter(payment=payment)
    refs = set(rows.exclude(provider_ref=None).values_list("provider_ref", flat=True))
    return refs | set(payment.metadata.get(GIVEN_BACK, {}))


@tenant_atomic(durable=True)
def _book(*, account: HasKey, payment_id: int, remote: RemoteRefund, now: datetime) -> None:
    """One refund, once: at most what is left of the payment, with the credits that are unused."""
    payment = locked_payment(account=account, payment_id=payment_id)
    if remote.ref in _known(account, payment):
        return
    left = payment.amount_minor - payment.refunded_minor - payment.disputed_minor
    if payment.status != PaymentStatus.COMPLETED or remote.amount_minor > left:
        _note(payment, remote, now=now)
        return
    refund = Refund(
        account_id=account.pk,
        payment=payment,
        idempotency_key=f"{payment.provider}:{remote.ref}"[:64],
        amount_minor=remote.amount_minor,
        currency=payment.currency,
        credits=_taken_back(account, payment, remote, now=now),
        reason="Given back by the seller",
    )
    refund.save()
    advance(refund, RefundStatus.PROCESSING, table=REFUND, now=now)
    rows = Payment.objects.for_account(account).filter(pk=payment.pk)
    rows.update(refunded_minor=F("refunded_minor") + remote.amount_minor, updated_at=now)
    payment.refresh_from_db(fields=["refunded_minor"])
    book_refund(account=account, payment=payment, refund=refund, provider_ref=remote.ref, now=now)
    log.warning("billing.refund.outside", account_id=account.pk, refund_id=refund.pk)


def _taken_back(account: HasKey, payment: Payment, remote: RemoteRefund, *, now: datetime) -> int:
    """The credits that go with the money: its share, as far as they are unused and unheld."""
    lot = lot_of(account=account, payment=payment)
    if lot is None or not lot.remaining - lot.held:
        return 0
    share = -(-lot.granted * remote.amount_minor // payment.amount_minor)
    return revoke_lot(
        account=account,
        lot_id=lot.pk,
        owed=min(share, lot.remaining - lot.held),
        type=TransactionType.REFUND,
        idempotency_key=f"refund:{payment.provider}:{remote.ref}"[:64],
        now=now,
    ).taken


def _note(payment: Payment, remote: RemoteRefund, *, now: datetime) -> None:
    """Money of a payment that is in no book, or more than was left of it: an operator's matter."""
    noted = payment.metadata.get(GIVEN_BACK, {}) | {remote.ref: remote.amount_minor}
    payment.metadata = payment.metadata | {GIVEN_BACK: noted}
    payment.updated_at = now
    payment.save(update_fields=["metadata", "updated_at"])
    log.error("billing.refund.unbooked", account_id=payment.account_id, payment_id=payment.pk)
