"""Payments at a provider: opened there, and brought in line with what the provider says.

Claim, call, settle: the provider is asked outside of every transaction. Whoever asks (the page
that the customer returns to, a webhook, reconciliation) does the same; order and repetition do
not matter, because what counts is fetched and only allowed steps are taken.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.conf import settings

from igny8_core.business.billing import selectors
from igny8_core.business.billing.money_models import OPEN_PAYMENTS
from igny8_core.business.billing.services.paid_periods import FIRST, PERIOD, kind_of
from igny8_core.business.billing.services.payments import (
    Received,
    fail_payment,
    locked_payment,
    settle_payment,
)
from igny8_core.business.billing.services.provider_subscriptions import follow
from igny8_core.business.billing.states import PAYMENT, PaymentStatus
from igny8_core.clients.payments import (
    CheckoutRequest,
    RemoteStatus,
    card_client,
    payment_client,
)
from igny8_core.common.errors import Conflict, ProviderRejected, Transient
from igny8_core.common.failpoints import failpoint
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from igny8_core.business.billing.models import Payment
    from igny8_core.clients.payments import PaymentClient, RemoteCheckout
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

BY_CARD = "card"
"""Of a payment's names at its provider: the saved card that is charged."""
CHARGE_TIME = timedelta(minutes=10)
FINISHED = [PaymentStatus.COMPLETED, PaymentStatus.REFUNDED]
OTHER_AMOUNT = "The provider has it over another amount. Nothing was taken."


def open_checkout(*, account: HasKey, payment_id: int, clock: Callable[[], datetime]) -> str:
    """Where the customer pays. Safe to repeat: the provider knows our key.

    A crash between the call and what follows leaves the payment without ``provider_ref``; the
    next call gets the same checkout, and a webhook finds the payment by our reference.

    :returns: the address of the provider's page; empty when the payment is over.
    :raises NotFound: no such payment.
    :raises Conflict: it is not one of a provider.
    :raises Transient: the provider does not answer; whether there is a checkout is not known.
    :raises ProviderRejected: it refused; the payment has failed.
    """
    with tenant(account.pk, read_only=True):
        payment = selectors.payment(account=account, payment_id=payment_id)
        request = request_of(payment)
    if payment.status not in OPEN_PAYMENTS:
        return ""
    client = payment_client(payment.provider)
    try:
        if payment.provider_ref:
            remote = _fetched(client, payment)
        else:
            remote = client.create_checkout(request)
            failpoint("billing.checkout.made")
    except Transient:
        note_unknown(account=account, payment_id=payment_id, now=clock())
        raise
    except ProviderRejected as exc:
        fail_payment(account=account, payment_id=payment_id, reason=exc.message, now=clock())
        raise
    take_over(account=account, payment_id=payment_id, remote=remote, now=clock())
    return remote.url


def refresh_payment(*, account: HasKey, payment_id: int, clock: Callable[[], datetime]) -> Payment:
    """Fetch what the provider has and follow it: settle, fail, or wait. Safe to repeat.

    :raises NotFound: no such payment.
    :raises Conflict: it is not one of a provider.
    :raises Transient: the provider does not answer; nothing was changed.
    """
    with tenant(account.pk, read_only=True):
        payment = selectors.payment(account=account, payment_id=payment_id)
    if payment.status in FINISHED:
        return payment
    if not payment.provider:
        raise Conflict("An operator says whether this payment has arrived.")
    if is_of_period(payment):
        follow(account=account, subscription_id=payment.invoice.subscription_id, clock=clock)
    elif not payment.provider_ref:
        open_checkout(account=account, payment_id=payment_id, clock=clock)
    else:
        remote = _fetched(payment_client(payment.provider), payment)
        if remote.status is RemoteStatus.OPEN and _is_left_behind(payment, now=clock()):
            remote = card_client(payment.provider).drop_charge(remote.ref)
        take_over(account=account, payment_id=payment_id, remote=remote, now=clock())
    with tenant(account.pk, read_only=True):
        return selectors.payment(account=account, payment_id=payment_id)


def _fetched(client: PaymentClient, payment: Payment) -> RemoteCheckout:
    """The checkout as it is, once money that is ours to take was taken.

    Only for an attempt that is open, over what it asks for, and once: the provider takes a
    checkout's money once, and the key is of this approval, since one that was declined is
    answered for good. The customer may never come back, so whoever asks does it.
    """
    remote = client.get_checkout(payment.provider_ref or "")
    if remote.status is not RemoteStatus.APPROVED or payment.status not in OPEN_PAYMENTS:
        return remote
    if (remote.amount_minor, remote.currency) != (payment.amount_minor, payment.currency):
        log.error("billing.checkout.other_amount", payment_id=payment.pk, ref=remote.ref)
        return replace(remote, status=RemoteStatus.FAILED, failure=OTHER_AMOUNT)
    failpoint("billing.checkout.approved")
    remote = client.capture_checkout(remote.ref, key=f"{key_of(payment)}:{remote.version}")
    failpoint("billing.checkout.captured")
    return remote


def _is_left_behind(payment: Payment, *, now: datetime) -> bool:
    """Whether nobody is taking the money of a charge any more: a process died before it did."""
    return bool(payment.provider_refs.get(BY_CARD)) and payment.updated_at <= now - CHARGE_TIME


def is_of_period(payment: Payment) -> bool:
    """Whether a provider's clock collects it: a period of a subscription that runs there."""
    return (
        bool(payment.provider)
        and kind_of(payment.invoice) in {FIRST, PERIOD}
        and (payment.idempotency_key.startswith(f"{payment.provider}:"))
    )


@tenant_atomic()
def adopt_checkout(*, account: HasKey, payment_id: int, ref: str, now: datetime) -> None:
    """Note the provider's name of a payment whose checkout was made before a crash."""
    payment = locked_payment(account=account, payment_id=payment_id)
    if payment.provider and not payment.provider_ref:
        payment.provider_ref, payment.updated_at = ref, now
        payment.save(update_fields=["provider_ref", "updated_at"])


@tenant_atomic()
def take_over(*, account: HasKey, payment_id: int, remote: RemoteCheckout, now: datetime) -> None:
    """Bring our payment in line with the provider's, in one transaction."""
    payment = locked_payment(account=account, payment_id=payment_id)
    refs = payment.provider_refs | ({"payment": remote.payment_ref} if remote.payment_ref else {})
    known = {"provider_ref": remote.ref, "provider_refs": refs, "outcome_unknown_since": None}
    if remote.status is RemoteStatus.PAID:
        received = Received(remote.amount_minor, remote.currency)
        settle_payment(
            account=account,
            payment_id=payment_id,
            received=received,
            now=now,
            provider_ref=remote.ref,
            provider_refs=refs,
        )
    elif remote.status is RemoteStatus.FAILED:
        reason = remote.failure or "The provider could not take the money."
        fail_payment(account=account, payment_id=payment_id, reason=reason, now=now, **known)
    elif payment.status == PaymentStatus.PENDING:
        advance(payment, PaymentStatus.PROCESSING, table=PAYMENT, now=now, **known)
    elif payment.status == PaymentStatus.PROCESSING:
        for name, value in known.items():
            setattr(payment, name, value)
        payment.save(update_fields=[*known])


@tenant_atomic()
def note_unknown(*, account: HasKey, payment_id: int, now: datetime) -> None:
    """No new attempt until it is known what became of this one."""
    payment = locked_payment(account=account, payment_id=payment_id)
    if payment.status == PaymentStatus.PENDING:
        advance(
            payment, PaymentStatus.PROCESSING, table=PAYMENT, now=now, outcome_unknown_since=now
        )


def request_of(payment: Payment) -> CheckoutRequest:
    """What a provider is asked for; its invoice is read. Inside the account's block."""
    invoice = payment.invoice
    page = f"{settings.PUBLIC_URL}/billing/payments/{payment.pk}/?account={payment.account_id}"
    lines = invoice.line_items
    return CheckoutRequest(
        key=key_of(payment),
        reference=reference_of(payment),
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        description=lines[0]["description"] if len(lines) == 1 else "Credits",
        success_url=page,
        cancel_url=f"{page}&left=1",
        email=invoice.buyer.get("email", ""),
    )


def key_of(payment: Payment) -> str:
    """The key under which a provider makes its checkout once."""
    return f"payment:{payment.account_id}:{payment.pk}"


def reference_of(payment: Payment) -> str:
    """Our word for the payment, as the provider keeps it."""
    return f"{payment.account_id}:{payment.pk}"
