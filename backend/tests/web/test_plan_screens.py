"""The plan as a customer sees it: ordered, changed with what it costs, ended, taken up again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from igny8_core.auth.models import Subscription
from igny8_core.auth.states import Role
from igny8_core.business.billing.models import Payment
from igny8_core.business.billing.services.cards import follow_cards
from igny8_core.business.billing.services.payments import Received, settle_payment
from igny8_core.business.billing.services.subscriptions import subscribe
from tests import make
from tests.business.billing.conftest import server
from tests.make import billing as make_billing
from tests.web.screens import text_of
from tests.web.test_money_screens import KEY, at, browser

if TYPE_CHECKING:
    from django.test import Client

    from igny8_core.auth.models import Account
    from tests.fakes.stripe_server import StripeServer

__all__ = ["server"]  # a fixture

pytestmark = pytest.mark.django_db(databases=["default", "admin"], transaction=True)


@pytest.fixture
def account() -> Account:
    cache.clear()
    make_billing.prices()
    make_billing.seller()
    make_billing.plan(10, code="free", name="Free")
    make_billing.plan(1_000, code="small", name="Small", price_minor=1_000, trial_days=14,
                      trial_credits=50)  # fmt: skip
    make_billing.plan(5_000, code="large", name="Large", price_minor=4_000)
    return make_billing.buyer()


def order(client: Client, account: Account, code: str = "small", **fields: Any) -> Any:
    body = {"idempotency_key": KEY, "total": "1190", "payment_method": "bank_transfer"}
    return client.post(at(account, f"plan/{code}/order/"), body | fields)


def on_small(account: Account) -> Subscription:
    """A month of the small plan, paid, ten days old."""
    now = timezone.now() - timedelta(days=10)
    made = subscribe(
        account=account, plan_code="small", method="bank_transfer",
        idempotency_key=make.unique("order"), now=now,
    )  # fmt: skip
    assert made.payment is not None
    settle_payment(
        account=account, payment_id=made.payment.pk, received=Received(1_190, "EUR"), now=now
    )
    return made.subscription


def test_a_viewer_sees_plans_and_no_buttons(account: Account) -> None:
    text = text_of(browser(account, Role.VIEWER).get(at(account, "plan/")))

    assert "No plan" in text
    assert "€10.00 a month, without tax" in text
    assert "€0.01 a credit" in text
    assert "14 days to try it out, with 50 credits" in text
    assert "Choose" not in text


def test_a_plan_is_ordered_for_the_sum_that_was_seen_and_once(account: Account) -> None:
    client = browser(account)
    seen = text_of(client.get(at(account, "plan/small/")))
    refused = order(client, account, total="1189")

    answers = [order(client, account) for _ in range(2)]

    payment = Payment.unscoped.get()
    assert "To pay €11.90" in seen
    assert (refused.status_code, {one.status_code for one in answers}) == (409, {303})
    assert answers[0]["Location"] == f"/billing/payments/{payment.pk}/?account={account.pk}"
    waiting = text_of(client.get(at(account, "plan/")))
    assert "Small is ordered and begins with its money." in waiting
    assert "Pay €11.90" in waiting


def test_a_trial_begins_at_once(account: Account) -> None:
    client = browser(account)

    answer = order(client, account, trial="1")

    assert answer["Location"] == f"/billing/plan/?account={account.pk}"
    text = text_of(client.get(answer["Location"]))
    assert "Small Trialing" in text
    assert "Trial ends" in text
    assert "14 days to try" in text


def test_a_card_leads_to_the_provider_and_the_order_can_be_continued(
    account: Account, server: StripeServer
) -> None:
    client = browser(account)

    away = order(client, account, payment_method="stripe")
    row = Subscription.unscoped.get()
    again = client.post(at(account, f"subscriptions/{row.pk}/continue/"))
    dropped = client.post(at(account, f"subscriptions/{row.pk}/cancel/"), follow=True)

    assert away["Location"].startswith("http")
    assert again["Location"] == away["Location"]
    assert "It has ended." in text_of(dropped)


def test_a_provider_that_is_away_is_said(account: Account) -> None:
    answer = order(browser(account), account, payment_method="stripe")

    assert answer["Location"] == f"/billing/plan/?account={account.pk}"


def test_an_upgrade_shows_the_rest_of_the_period_before_it_is_paid(account: Account) -> None:
    row = on_small(account)
    client = browser(account)
    page = client.get(at(account, "plan/large/"))
    text = text_of(page)
    total = int(page.context["change"].amount.total_minor)

    body = {"idempotency_key": KEY, "total": str(total)}
    cheap = client.post(at(account, "plan/large/change/"), body | {"total": "1"})
    done = [client.post(at(account, "plan/large/change/"), body) for _ in range(2)]

    assert "What you have not used of Small is taken off" in text
    assert "credits at once" in text
    assert 2_000 < total < 2_800
    assert cheap.status_code == 409
    assert done[0]["Location"] == done[1]["Location"]
    assert Payment.unscoped.filter(invoice__subscription=row).count() == 2


def test_an_upgrade_is_taken_from_the_saved_card_by_one_click(
    account: Account, server: StripeServer
) -> None:
    client = browser(account)
    order(client, account, payment_method="stripe")
    row = Subscription.unscoped.get()
    server.pay(row.checkout_ref)
    client.post(at(account, f"subscriptions/{row.pk}/continue/"))
    follow_cards(account=account, provider="stripe")
    page = client.get(at(account, "plan/large/"))
    text = text_of(page)
    body = {"idempotency_key": KEY, "total": str(page.context["change"].amount.total_minor)}

    answers = [
        client.post(at(account, "plan/large/change/"), body | {"pay": "card"}) for _ in range(2)
    ]

    assert "Small: not used, rest of the period" in text
    assert "Taken from your Visa ending in 4242 at once." in text
    assert {answer["Location"] for answer in answers} == {f"/billing/plan/?account={account.pk}"}
    assert "were taken from your card. You have Large now." in text_of(
        client.get(at(account, "plan/"))
    )
    upgrade = Payment.unscoped.latest("pk")
    assert (upgrade.status, str(upgrade.provider_ref)[:3]) == ("completed", "pi_")
    subscription = server.objects[str(Subscription.unscoped.get().provider_ref)]
    assert subscription["items"]["data"][0]["price"]["unit_amount"] == 4_760


def test_a_downgrade_waits_and_can_be_taken_back(account: Account) -> None:
    on_small(account)
    client = browser(account)
    body = {"idempotency_key": KEY, "total": "0"}

    later = text_of(client.post(at(account, "plan/free/change/"), body, follow=True))
    back = text_of(client.post(at(account, "plan/small/change/"), body, follow=True))

    assert "Free counts from" in later
    assert "then Free" in later
    assert "then Free" not in back


def test_a_plan_is_cancelled_and_taken_up_again(account: Account) -> None:
    row = on_small(account)
    client = browser(account)

    ended = text_of(client.post(at(account, f"subscriptions/{row.pk}/cancel/"), follow=True))
    again = text_of(client.post(at(account, f"subscriptions/{row.pk}/resume/"), follow=True))

    assert "It ends on" in ended
    assert "Go on after all" in ended
    assert "It goes on." in again


@pytest.mark.parametrize(("code", "status"), [("nothing", 404), ("free", 404)])
def test_what_is_not_sold_cannot_be_chosen(account: Account, code: str, status: int) -> None:
    client = browser(account)

    assert client.get(at(account, f"plan/{code}/")).status_code == status
    change = client.post(at(account, f"plan/{code}/change/"), {"idempotency_key": KEY})
    assert change.status_code == 409
    assert order(client, account, code=code).status_code == 404


def test_without_billing_details_the_plan_page_asks_for_them(account: Account) -> None:
    nobody = make.account(country_code="DE")

    text = text_of(browser(nobody).get(at(nobody, "plan/small/")))

    assert "Fill in the billing details" in text
    assert "Order and pay" not in text
