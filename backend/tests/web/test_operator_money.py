"""Adjustments, prices, margins, sellers, disputes and the books as operators see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing.models import (
    CreditAdjustment,
    CreditCostConfig,
    Dispute,
    PaymentWebhook,
)
from igny8_core.business.billing.services.payments import Received, settle_payment
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW
from tests.web.screens import text_of

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

KEY = "0123456789abcdef"
CODES = ["add_creditadjustment", "change_creditadjustment", "add_creditcostconfig",
         "change_paymentwebhook", "refund_payment"]  # fmt: skip
PRICE = {
    "operation": "content", "unit": "per_words", "credits_per_unit": "1.5", "unit_size": "100",
    "min_credits": "1", "platform_fee_credits": "2", "version": "1", "reason": "dearer models",
}  # fmt: skip


@pytest.fixture
def account() -> Account:
    cache.clear()
    return make_billing.account_with(100, slug="northwind", name="Northwind")


def operator(*, may: bool = True) -> Client:
    person = make.user(is_staff=True)
    if may:
        person.user_permissions.set(Permission.objects.filter(codename__in=CODES))
    client = Client()
    client.force_login(person)
    return client


# --- adjustments


def ask(client: Client, **fields: Any) -> Any:
    body = {
        "act": "ask", "account": "northwind", "amount": "30", "way": "add", "reason": "goodwill",
        "idempotency_key": KEY,
    }  # fmt: skip
    return client.post("/ops/adjustments/", body | fields, follow=True)


def test_credits_are_added_once_however_often_the_form_is_sent(account: Account) -> None:
    client = operator()
    before = text_of(client.get("/ops/adjustments/?account=northwind"))

    answers = [ask(client) for _ in range(2)]

    assert "Available 100" in before
    assert "+30 credits for Northwind are in the ledger." in text_of(answers[0])
    assert accounts.account(account.pk).credits == 130
    assert CreditAdjustment.unscoped.count() == 1


def test_a_large_adjustment_waits_for_somebody_else(account: Account) -> None:
    first, second = operator(), operator()
    waits = ask(first, amount="10,000", way="add")
    row = CreditAdjustment.unscoped.get()
    own = first.post("/ops/adjustments/", {"act": "agree", "adjustment": row.pk})

    done = second.post("/ops/adjustments/", {"act": "agree", "adjustment": row.pk}, follow=True)

    assert "wait for a second person" in text_of(waits)
    assert own.status_code == 403
    assert "is in the ledger" in text_of(done)
    assert accounts.account(account.pk).credits == 10_100


def test_a_request_is_taken_back(account: Account) -> None:
    client = operator()
    ask(client, amount="10000")
    row = CreditAdjustment.unscoped.get()

    done = client.post("/ops/adjustments/", {"act": "reject", "adjustment": row.pk}, follow=True)

    assert "the ledger stays as it is" in text_of(done)
    assert "Rejected" in text_of(done)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"account": "nobody"}, 422),
        ({"amount": ""}, 422),
        ({"amount": "101", "way": "take"}, 422),
        ({"reason": " "}, 422),
        ({"idempotency_key": "-"}, 422),
        ({"act": "steal"}, 422),
        ({"act": "agree", "adjustment": "0"}, 404),
    ],
)
def test_an_adjustment_that_makes_no_sense(
    account: Account, fields: dict[str, str], status: int
) -> None:
    assert ask(operator(), **fields).status_code == status
    assert accounts.account(account.pk).credits == 100


def test_without_the_permission_nothing_is_adjusted(account: Account) -> None:
    client = operator(may=False)

    assert "Adjust credits" not in text_of(client.get("/ops/adjustments/?account=northwind"))
    assert ask(client).status_code == 403
    assert "There is no account “nobody”" in text_of(client.get("/ops/adjustments/?account=nobody"))


# --- prices


def test_the_effect_is_seen_before_a_price_is_saved(account: Account) -> None:
    client = operator()
    page = "/ops/prices/?operation=content&unit=per_words"
    assert "Save as version" not in text_of(client.get(page))

    seen = client.post("/ops/prices/", PRICE | {"act": "preview"})
    saved = client.post("/ops/prices/", PRICE | {"act": "save"}, follow=True)
    again = client.post("/ops/prices/", PRICE | {"act": "save"})
    late = client.post("/ops/prices/", PRICE | {"act": "save", "credits_per_unit": "2"})

    assert "Last 30 days at this price" in text_of(seen)
    assert "An ordinary one (1,200 words) 12 → 18" in text_of(seen)
    assert "Version 2 holds from now on." in text_of(saved)
    assert "dearer models" in text_of(saved)
    assert (again.status_code, late.status_code) == (303, 409)
    row = CreditCostConfig.objects.get(operation_type="content", active_to=None)
    assert (row.version, row.platform_fee_credits, row.created_by is not None) == (2, 2, True)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"credits_per_unit": "x"}, 422),
        ({"credits_per_unit": "-1"}, 422),
        ({"credits_per_unit": "1.00001"}, 422),
        ({"unit_size": "0"}, 422),
        ({"reason": " "}, 422),
        ({"operation": "ideas"}, 422),
        ({"unit": "per_second"}, 422),
    ],
)
def test_a_price_that_makes_no_sense_changes_nothing(
    account: Account, fields: dict[str, str], status: int
) -> None:
    answer = operator().post("/ops/prices/", PRICE | {"act": "save"} | fields)

    assert answer.status_code == status
    assert CreditCostConfig.objects.filter(operation_type="content").count() == 1


def test_without_the_permission_a_price_is_only_reckoned(account: Account) -> None:
    client = operator(may=False)

    assert client.post("/ops/prices/", PRICE | {"act": "preview"}).status_code == 200
    assert client.post("/ops/prices/", PRICE | {"act": "save"}).status_code == 403


# --- looking


@pytest.mark.parametrize("path", ["margins/", "disputes/", "sellers/", "books/", "prices/"])
def test_everything_opens_with_nothing_in_it(account: Account, path: str) -> None:
    CreditCostConfig.objects.all().delete()

    assert operator(may=False).get(f"/ops/{path}").status_code == 200


def test_what_credits_are_worth_stands_above_the_margins(account: Account) -> None:
    make_billing.package(1_000, 9_000)

    text = text_of(operator().get("/ops/margins/?days=90&rate=0,92"))

    assert "1,000 credits = €90.00, by the cheapest package" in text
    assert text_of(operator().get("/ops/margins/?rate=nonsense")).count("No work in this time") == 2


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("country=FR&kind=id", "Reverse charge"),
        ("country=FR&kind=business", "Standard rate, 20"),
        ("country=DE&kind=person", "Standard rate, 19"),
        ("country=US&kind=id", "everywhere else"),
    ],
)
def test_a_buyer_can_be_tried(account: Account, query: str, words: str) -> None:
    make_billing.seller()

    assert words in text_of(operator().get(f"/ops/sellers/?{query}"))


def test_a_country_without_a_rule_is_told(account: Account) -> None:
    text = text_of(operator().get("/ops/sellers/?country=US"))

    assert "No seller is the default" in text
    assert "Nothing can be sold to them" in text


def test_disputes_are_listed(account: Account) -> None:
    make_billing.seller()
    made = make_billing.bought(make_billing.buyer(), make_billing.package())
    Dispute.unscoped.create(
        account=made.payment.account, payment=made.payment, provider_ref="dp_1",
        amount_minor=100, currency="EUR", opened_at=NOW,
    )  # fmt: skip

    text = text_of(operator().get("/ops/disputes/"))

    assert "dp_1" in text
    assert "€1.00" in text


def test_the_books_are_looked_at_and_events_taken_up_again(account: Account) -> None:
    event = PaymentWebhook.objects.create(
        provider="stripe", event_id="evt_1", type="charge.refunded", provider_created_at=NOW,
        object_ref="ch_1", status="failed", error="no such payment", next_attempt_at=NOW,
    )  # fmt: skip
    client = operator()
    assert "Nobody has looked yet" in text_of(client.get("/ops/books/"))

    looked = client.post("/ops/books/", {"look": "money"}, follow=True)
    taken = client.post("/ops/books/", {"webhook": event.pk}, follow=True)

    assert "All of it agrees" in text_of(looked)
    assert "evt_1 is taken up again" in text_of(taken)
    assert PaymentWebhook.objects.get().status == "received"
    assert client.post("/ops/books/", {"look": "nothing"}).status_code == 422
    assert client.post("/ops/books/", {"webhook": "0"}).status_code == 404
    assert operator(may=False).post("/ops/books/", {"webhook": event.pk}).status_code == 403


def test_findings_are_shown(account: Account) -> None:
    make_billing.seller()
    made = make_billing.bought(make_billing.buyer(), make_billing.package())
    make_billing.forge(
        "UPDATE billing_payment SET status = 'completed' WHERE id = %s", made.payment.pk
    )

    text = text_of(operator().post("/ops/books/", {"look": "money"}, follow=True))

    assert "a payment in the books whose invoice is not paid" in text


def test_what_could_go_back_is_shown_before_it_does(account: Account) -> None:
    make_billing.seller()
    made = make_billing.bought(make_billing.buyer(), make_billing.package())
    page = f"/ops/refunds/?payment={made.payment.pk}"
    client = operator()
    assert "Nothing is left to give back." in text_of(client.get(page))

    settle_payment(
        account=made.payment.account, payment_id=made.payment.pk,
        received=Received(11_900, "EUR"), now=timezone.now(),
    )  # fmt: skip

    text = text_of(client.get(page))
    assert "Unused: 1,000 credits €119.00" in text
    assert "There is no payment 0" in text_of(client.get("/ops/refunds/?payment=0"))
