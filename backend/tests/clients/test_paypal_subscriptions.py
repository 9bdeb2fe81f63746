"""Subscriptions at PayPal's double, through PayPal's own library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.clients.payments import (
    RemoteStatus,
    SubscriptionRequest,
    SubscriptionState,
    SubscriptionTerms,
)
from igny8_core.clients.paypal import PayPalPayments
from igny8_core.clients.paypal_subscriptions import _later, _period
from igny8_core.common.errors import ProviderRejected, Transient
from tests.fakes.paypal_plans import PLANS, SUBSCRIPTIONS, order, take
from tests.fakes.paypal_server import PayPalServer, running, signed

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


@pytest.fixture
def server() -> Iterator[PayPalServer]:
    with running() as server:
        yield server


@pytest.fixture
def client(server: PayPalServer) -> PayPalPayments:
    return PayPalPayments(**server.keys)


def asked(**fields: Any) -> SubscriptionRequest:
    values: dict[str, Any] = {
        "key": "subscription:1:2",
        "reference": "1:s:2",
        "amount_minor": 11_900,
        "currency": "EUR",
        "interval": "month",
        "description": "Pro",
        "success_url": "http://testserver/?subscription=2",
        "cancel_url": "http://testserver/?subscription=2",
    }
    return SubscriptionRequest(**values | fields)


def terms(**fields: Any) -> SubscriptionTerms:
    values: dict[str, Any] = {"amount_minor": 11_900, "currency": "EUR", "interval": "month"}
    return SubscriptionTerms(**{"cancel_at_period_end": False} | values | fields)


def begun(server: PayPalServer, client: PayPalPayments, days: int, **fields: Any) -> str:
    """The name of a subscription that was ordered some days ago."""
    ref = client.create_subscription(asked(**fields)).ref
    order(server, ref, at=NOW - days * DAY)
    return ref


def test_an_order_from_the_page_to_the_first_money(
    server: PayPalServer, client: PayPalPayments
) -> None:
    page = client.create_subscription(asked())
    assert client.create_subscription(asked()) == page
    assert (page.status, page.url) == (RemoteStatus.OPEN, f"{server.address}/pay/{page.ref}")
    waiting = client.get_checkout(page.ref)
    assert (waiting.status, waiting.url, waiting.subscription_ref) == (page.status, page.url, "")
    assert client.get_subscription(page.ref).state is SubscriptionState.INCOMPLETE
    order(server, page.ref)

    done = client.get_checkout(page.ref)
    row = client.get_subscription(page.ref)
    (invoice,) = client.subscription_invoices(page.ref)

    assert (done.status, done.subscription_ref, done.reference) == (
        RemoteStatus.PAID,
        page.ref,
        "1:s:2",
    )
    assert (row.state, row.amount_minor, row.currency) == (SubscriptionState.ACTIVE, 11_900, "EUR")
    assert (row.customer_ref, row.reference, row.trial_ends_at) == ("PAYER1", "1:s:2", None)
    assert (invoice.status, invoice.amount_minor) == (RemoteStatus.PAID, 11_900)
    assert (invoice.starts_at, invoice.ends_at) == (row.starts_at, row.ends_at)
    assert (server.calls[PLANS], server.calls[SUBSCRIPTIONS]) == (1, 1)


@pytest.mark.parametrize("path", ["/v1/catalogs/products", PLANS, SUBSCRIPTIONS])
@pytest.mark.parametrize("fault", ["lost", "broken", "down"])
def test_an_answer_that_is_lost_makes_one_order(
    server: PayPalServer, client: PayPalPayments, path: str, fault: str
) -> None:
    server.faults[path] = [fault]
    with pytest.raises(Transient):
        client.create_subscription(asked())

    client.create_subscription(asked())
    client.create_subscription(asked(key="another"))

    assert server.calls["/v1/catalogs/products"] == 1
    assert (server.calls[PLANS], server.calls[SUBSCRIPTIONS]) == (2, 2)


def test_a_trial_takes_no_money(server: PayPalServer, client: PayPalPayments) -> None:
    ref = begun(server, client, 3, trial_days=14)

    row = client.get_subscription(ref)

    assert row.state is SubscriptionState.TRIALING
    assert (row.starts_at, row.ends_at) == (NOW - 3 * DAY, NOW + 11 * DAY)
    assert row.trial_ends_at == row.ends_at
    assert client.subscription_invoices(ref) == []
    assert client.get_checkout(ref).status is RemoteStatus.PAID


def test_each_payment_is_of_a_period(server: PayPalServer, client: PayPalPayments) -> None:
    ref = begun(server, client, 70)
    begin = NOW - 70 * DAY
    take(server, ref, at=_later(begin, 1) + timedelta(hours=7))
    take(server, ref, at=_later(begin, 2) - timedelta(hours=7))

    found = client.subscription_invoices(ref)

    edges = [_later(begin, months) for months in range(4)]
    assert [(row.starts_at, row.ends_at) for row in found] == list(pairwise(edges))
    assert client.get_subscription(ref).ends_at == edges[3]


def test_money_that_does_not_come_is_owed(server: PayPalServer, client: PayPalPayments) -> None:
    ref = begun(server, client, 35)
    take(server, ref, status="DECLINED")

    assert client.get_subscription(ref).state is SubscriptionState.PAST_DUE
    failed = client.subscription_invoices(ref)[1]
    assert (failed.status, failed.failure) == (
        RemoteStatus.FAILED,
        "PayPal could not take the money.",
    )
    take(server, ref)
    assert client.get_subscription(ref).state is SubscriptionState.ACTIVE
    server.objects[ref] |= {"status": "SUSPENDED", "status_change_note": "too many failures"}
    assert client.get_subscription(ref).state is SubscriptionState.PAST_DUE


def test_one_that_ends_with_its_period_runs_until_then(
    server: PayPalServer, client: PayPalPayments
) -> None:
    ref = begun(server, client, 10)
    last = terms(cancel_at_period_end=True)
    for _ in range(2):
        client.change_subscription(ref, last, key="k")
    row = client.get_subscription(ref)
    assert (row.state, row.cancel_at_period_end) == (SubscriptionState.ACTIVE, True)
    client.change_subscription(ref, terms(), key="k")
    assert client.get_subscription(ref).cancel_at_period_end is False
    over = begun(server, client, 40, key="another")
    client.change_subscription(over, last, key="k")

    assert client.get_subscription(over).state is SubscriptionState.ENDED


def test_another_price_holds_from_the_next_period_on(
    server: PayPalServer, client: PayPalPayments
) -> None:
    ref = begun(server, client, 40)
    client.change_subscription(ref, terms(amount_minor=5_950), key="k")
    take(server, ref)

    assert client.get_subscription(ref).amount_minor == 5_950
    assert [row.amount_minor for row in client.subscription_invoices(ref)] == [11_900, 5_950]
    with pytest.raises(ProviderRejected):
        client.change_subscription(ref, terms(interval="year"), key="k")


def test_an_end_is_for_good(server: PayPalServer, client: PayPalPayments) -> None:
    ref = begun(server, client, 10)

    for _ in range(2):
        client.end_subscription(ref)

    assert client.get_subscription(ref).state is SubscriptionState.ENDED
    with pytest.raises(ProviderRejected):
        client.end_subscription("I-none")
    assert client.get_checkout("I-none").status is RemoteStatus.FAILED
    server.objects[ref]["billing_info"].pop("last_payment")
    assert client.get_checkout(ref).failure == "The order was given up."


def test_events_name_the_subscription(server: PayPalServer, client: PayPalPayments) -> None:
    ref = begun(server, client, 1)
    take(server, ref, status="DECLINED")

    found = [
        client.verify_webhook(body=body, headers=headers)
        for body, headers in (signed(server, event) for event in server.events)
    ]

    assert [(e.type, e.object_ref, e.subscription_ref, e.reference) for e in found] == [
        ("BILLING.SUBSCRIPTION.ACTIVATED", ref, "", "1:s:2"),  # by our name: theirs may be lost
        ("PAYMENT.SALE.COMPLETED", ref, ref, ""),
        ("BILLING.SUBSCRIPTION.PAYMENT.FAILED", ref, ref, "1:s:2"),
    ]
    assert [e.event_id for e in client.events_since(NOW - DAY)] == [e.event_id for e in found]


@pytest.mark.parametrize(
    ("begin", "months", "expected"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-11-15", 1, "2026-12-15"),
        ("2026-12-31", 12, "2027-12-31"),
    ],
)
def test_a_month_later(begin: str, months: int, expected: str) -> None:
    assert f"{_later(datetime.fromisoformat(begin), months):%Y-%m-%d}" == expected


def test_a_moment_before_the_first_period_is_in_it() -> None:
    assert _period(NOW, "year", NOW - DAY) == (NOW, _later(NOW, 12))
    with pytest.raises(ValueError, match="too far"):
        _period(datetime(1, 1, 1, tzinfo=UTC), "month", NOW)
