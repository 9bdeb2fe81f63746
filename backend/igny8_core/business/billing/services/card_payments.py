"""An open payment, taken from a saved card by the click that ordered it.

Claim, call, settle. The charge is prepared first, which moves no money, and noted; only then the
money is taken. So whoever comes after a crash finds the charge by its name. A bank that declines,
or wants to ask its customer (3-D Secure), ends the attempt for good: the charge is dropped at the
provider before another one begins on the provider's page. So no two of them can be paid.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from igny8_core.business.billing import selectors
from igny8_core.business.billing.money_models import OPEN_PAYMENTS
from igny8_core.business.billing.services.cards import card_to_charge, follow_cards
from igny8_core.business.billing.services.payments import locked_payment, start_payment
from igny8_core.business.billing.services.provider_payments import (
    BY_CARD,
    key_of,
    note_unknown,
    open_checkout,
    request_of,
    take_over,
)
from igny8_core.business.billing.states import PAYMENT, PaymentStatus
from igny8_core.clients.payments import RemoteStatus, card_client, keeps_cards
from igny8_core.common.errors import ProviderRejected, Transient
from igny8_core.common.failpoints import failpoint
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.billing.models import AccountPaymentMethod, Payment
    from igny8_core.clients.payments import RemoteCheckout
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)


def pay_by_card(*, account: Account, payment_id: int, clock: Callable[[], datetime]) -> str:
    """Take the money of an open payment from the account's saved card. Safe to repeat.

    Without a card, and when the bank declines or wants a confirmation, it is paid on the
    provider's page: as a further attempt, once.

    :returns: the address of that page; empty when the customer has nothing more to do.
    :raises NotFound: no such payment.
    :raises Conflict: it is not one of a provider.
    :raises Transient: the provider does not answer: the same call again goes on from there.
    :raises ProviderRejected: it makes no page either; that attempt has failed.
    """
    with tenant(account.pk, read_only=True):
        payment = selectors.payment(account=account, payment_id=payment_id)
    if payment.status == PaymentStatus.FAILED and payment.provider_refs.get(BY_CARD):
        return _on_the_page(account, payment, clock)
    if payment.status not in OPEN_PAYMENTS:
        return ""
    is_elsewhere = bool(payment.provider_ref) and BY_CARD not in payment.provider_refs
    if is_elsewhere or not keeps_cards(payment.provider):
        return open_checkout(account=account, payment_id=payment_id, clock=clock)
    try:
        ref = payment.provider_ref or _prepared(account, payment, clock)
        if not ref:
            return open_checkout(account=account, payment_id=payment_id, clock=clock)
        remote = _charged(payment, ref)
    except Transient:
        note_unknown(account=account, payment_id=payment_id, now=clock())
        raise
    take_over(account=account, payment_id=payment_id, remote=remote, now=clock())
    if remote.status is RemoteStatus.FAILED:
        log.info("billing.card.not_charged", account_id=account.pk, payment_id=payment_id)
        return _on_the_page(account, payment, clock)
    return ""


def _prepared(account: Account, payment: Payment, clock: Callable[[], datetime]) -> str:
    """The provider's name of the charge, noted; empty without a card that it would take."""
    with tenant(account.pk, read_only=True):
        card, customer = card_to_charge(account=account, provider=payment.provider)
    if card is None and customer:  # it was saved with an order, on the provider's page
        follow_cards(account=account, provider=payment.provider)
        with tenant(account.pk, read_only=True):
            card, customer = card_to_charge(account=account, provider=payment.provider)
    if card is None or not card.provider_ref or not customer:
        return ""
    with tenant(account.pk, read_only=True):
        row = selectors.payment(account=account, payment_id=payment.pk)
        request = replace(request_of(row), key=f"{key_of(row)}:{card.provider_ref}")
    client = card_client(payment.provider)
    try:
        made = client.create_charge(request, customer_ref=customer, card_ref=card.provider_ref)
    except ProviderRejected:
        return ""  # the card is gone there; nothing was taken
    failpoint("billing.charge.prepared")
    return _note(account=account, payment_id=payment.pk, ref=made.ref, card=card, now=clock())


@tenant_atomic()
def _note(
    *, account: HasKey, payment_id: int, ref: str, card: AccountPaymentMethod, now: datetime
) -> str:
    """Note a charge, unless another click has noted one: theirs counts."""
    payment = locked_payment(account=account, payment_id=payment_id)
    if payment.provider_ref is None and payment.status in OPEN_PAYMENTS:
        payment.provider_ref, payment.updated_at = ref, now
        payment.provider_refs = payment.provider_refs | {BY_CARD: card.provider_ref}
        payment.save(update_fields=["provider_ref", "provider_refs", "updated_at"])
        if payment.status == PaymentStatus.PENDING:
            advance(payment, PaymentStatus.PROCESSING, table=PAYMENT, now=now)
    return payment.provider_ref or ""


def _charged(payment: Payment, ref: str) -> RemoteCheckout:
    client = card_client(payment.provider)
    remote = client.confirm_charge(ref, key=f"{key_of(payment)}:confirm")
    failpoint("billing.charge.confirmed")
    return remote


def _on_the_page(account: Account, payment: Payment, clock: Callable[[], datetime]) -> str:
    """Another attempt to pay the same invoice, on the provider's page; once for each charge."""
    again = start_payment(
        account=account,
        invoice_id=payment.invoice_id,
        method=payment.payment_method,
        idempotency_key=f"page:{payment.pk}",
        now=clock(),
    )
    return open_checkout(account=account, payment_id=again.pk, clock=clock)
