"""Money that a bank takes back, and gives back: credits follow it, once."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models import Sum

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing.errors import CreditsBlocked
from igny8_core.business.billing.models import CreditTransaction, CreditWallet, Dispute, Payment
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.disputes import follow_dispute
from igny8_core.business.billing.services.provider_payments import refresh_payment
from igny8_core.business.billing.services.refunds import refund_payment
from igny8_core.business.billing.services.reservations import capture_credits
from igny8_core.business.billing.services.webhooks import handle_due
from igny8_core.common.errors import InvalidInput, NotFound
from tests.business.billing.test_webhooks import clock, deliver, opened
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.billing.services.checkout import Checkout
    from tests.fakes.stripe_server import StripeServer


pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def account() -> Account:
    make_billing.prices()
    make_billing.seller()
    return make_billing.buyer()


@pytest.fixture
def order(account: Account, server: StripeServer) -> Checkout:
    """1,000 credits, paid at Stripe."""
    made = make_billing.bought(account, make_billing.package(), method="stripe")
    server.pay(opened(made))
    refresh_payment(account=account, payment_id=made.payment.pk, clock=clock)
    server.events.clear()
    return made


def spend(account: Account, amount: int) -> None:
    held = make_billing.reservation(account, amount)
    capture_credits(
        account=account,
        reservation_id=held.reservation_id,
        amount=amount,
        attempt=held.attempt,
        now=NOW,
    )


def disputed(order: Checkout, server: StripeServer, **fields: Any) -> str:
    payment = Payment.unscoped.get(pk=order.payment.pk)
    return server.dispute(payment.provider_refs["payment"], **fields)


def told(server: StripeServer) -> None:
    """Every event since the last time, and a worker that takes them."""
    for event in server.events:
        deliver(event)
    server.events.clear()
    handle_due(clock=clock)


def books(account: Account) -> tuple[str, int, int, bool, int]:
    """(dispute, credits, debt, whether work is blocked, money that the bank has)."""
    wallet = CreditWallet.objects.for_account(account).get()
    dispute = Dispute.unscoped.get(account=account)
    disputed_minor = Payment.unscoped.get(pk=dispute.payment_id).disputed_minor
    return dispute.status, wallet.balance, wallet.debt, wallet.is_dispute_blocked, disputed_minor


def test_a_dispute_blocks_work_before_money_has_moved(
    account: Account, order: Checkout, server: StripeServer
) -> None:
    disputed(order, server)

    told(server)

    assert books(account) == ("open", 1_000, 0, True, 0)
    with pytest.raises(CreditsBlocked):
        make_billing.reservation(account, 1)


def test_money_that_is_taken_takes_the_credits_and_spent_ones_are_owed(
    account: Account, order: Checkout, server: StripeServer
) -> None:
    spend(account, 300)
    ref = disputed(order, server)
    server.withdraw(ref)

    told(server)

    assert books(account) == ("withdrawn", 0, 300, True, 11_900)
    dispute = Dispute.unscoped.get()
    assert (dispute.clawed, dispute.reinstated) == (1_000, 0)
    assert ledger_problems() == []


def test_a_dispute_that_is_won_gives_back_what_was_taken_once(
    account: Account, order: Checkout, server: StripeServer
) -> None:
    spend(account, 300)
    ref = disputed(order, server)
    server.withdraw(ref)
    told(server)
    server.reinstate(ref)
    told(server)
    server.close(ref, "won")
    told(server)

    assert books(account) == ("reinstated", 700, 0, False, 0)
    for _ in range(2):
        follow_dispute(account=account, payment_id=order.payment.pk, ref=ref, clock=clock)
    assert books(account) == ("reinstated", 700, 0, False, 0)
    assert ledger_problems() == []


def test_a_dispute_that_is_lost_keeps_the_credits_and_lifts_the_block(
    account: Account, order: Checkout, server: StripeServer
) -> None:
    ref = disputed(order, server)
    server.withdraw(ref)
    server.close(ref, "lost")

    told(server)

    assert books(account) == ("lost", 0, 0, False, 11_900)


def test_an_inquiry_that_is_won_without_money_moving(
    account: Account, order: Checkout, server: StripeServer
) -> None:
    ref = disputed(order, server)
    server.close(ref, "won")

    told(server)

    assert books(account) == ("won", 1_000, 0, False, 0)


def test_a_part_takes_its_part_and_what_was_refunded_is_not_taken_twice(
    account: Account, order: Checkout, server: StripeServer
) -> None:
    refund: dict[str, Any] = {
        "account": account,
        "payment_id": order.payment.pk,
        "reason": "x",
        "clock": clock,
    }
    refund_payment(amount_minor=5_950, idempotency_key="half", **refund)
    ref = disputed(order, server, amount=5_950)
    server.withdraw(ref)
    told(server)

    assert books(account) == ("withdrawn", 0, 0, True, 5_950)
    assert Dispute.unscoped.get().clawed == 500
    with pytest.raises(InvalidInput):
        refund_payment(amount_minor=1, idempotency_key="more", **refund)


def test_events_of_a_dispute_in_every_order_end_in_the_same(
    account: Account, server: StripeServer
) -> None:
    package, ends = make_billing.package(), set()
    for turn in itertools.permutations(range(4)):
        made = make_billing.bought(account, package, method="stripe")
        server.pay(opened(made))
        refresh_payment(account=account, payment_id=made.payment.pk, clock=clock)
        server.events.clear()
        ref = disputed(made, server)
        server.withdraw(ref)
        server.reinstate(ref)
        server.close(ref, "won")
        events = list(server.events)
        for place in turn:
            for _ in range(2):
                deliver(events[place])
            handle_due(clock=clock)
        dispute = Dispute.unscoped.get(provider_ref=ref)
        payment = Payment.unscoped.get(pk=made.payment.pk)
        ends.add((dispute.status, dispute.clawed - dispute.reinstated, payment.disputed_minor))

    assert ends == {("won", 0, 0)}
    assert accounts.account(account.pk).credits == 24_000
    rows = CreditTransaction.unscoped.filter(account=account).exclude(type="purchase")
    assert (rows.aggregate(all=Sum("amount"))["all"] or 0) == 0
    assert ledger_problems() == []


def test_nobody_elses_dispute_is_followed(order: Checkout, server: StripeServer) -> None:
    ref = disputed(order, server)

    with pytest.raises(NotFound):
        follow_dispute(
            account=make_billing.buyer(), payment_id=order.payment.pk, ref=ref, clock=clock
        )
