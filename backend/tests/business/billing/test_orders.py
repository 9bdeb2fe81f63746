"""An order before it is one."""

from __future__ import annotations

from typing import Any

import pytest

from igny8_core.business.billing.errors import BillingNotSetUp
from igny8_core.business.billing.models import Invoice, Payment
from igny8_core.business.billing.services.orders import (
    offered_package,
    order_package,
    quote_package,
    ways_to_pay,
)
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.mark.parametrize(("country", "tax"), [("DE", 3_420), ("FR", 3_600), ("US", 0)])
def test_a_quote_is_what_the_invoice_comes_to(country: str, tax: int) -> None:
    make_billing.seller()
    account = make_billing.buyer(country)
    package = make_billing.package(1_000, 10_000, discount_bp=1_000)

    quote = quote_package(account=account, package=package, quantity=2, now=NOW)
    order = make_billing.bought(account, package, quantity=2)

    assert (quote.full_minor, quote.discount_minor, quote.subtotal_minor) == (20_000, 2_000, 18_000)
    assert (quote.tax_minor, quote.total_minor, quote.credits) == (tax, 18_000 + tax, 2_000)
    assert (order.invoice.tax_minor, order.invoice.total_minor) == (tax, quote.total_minor)


def test_what_is_missing_is_said_by_field() -> None:
    package = make_billing.package()
    nobody = make.account(country_code="DE")

    with pytest.raises(BillingNotSetUp):
        quote_package(account=make_billing.buyer(), package=package, now=NOW)
    make_billing.seller()
    with pytest.raises(InvalidInput) as details:
        quote_package(account=nobody, package=package, now=NOW)
    with pytest.raises(InvalidInput) as many:
        quote_package(account=make_billing.buyer(), package=package, quantity=101, now=NOW)

    assert (set(details.value.data), set(many.value.data)) == ({"line1", "city"}, {"quantity"})


def test_a_package_that_is_switched_off_is_not_offered() -> None:
    with pytest.raises(NotFound):
        offered_package(make_billing.package(is_active=False).slug)


def test_only_ways_that_are_offered_and_set_up_are_shown() -> None:
    make_billing.offered("DE", "bank_transfer", sort_order=2)
    make_billing.offered("DE", "stripe", sort_order=1)
    make_billing.offered("DE", "paypal", sort_order=3, is_enabled=False)
    make_billing.offered("FR", "manual")

    assert [way.payment_method for way in ways_to_pay(country_code="DE")] == [
        "stripe",
        "bank_transfer",
    ]


def test_an_order_is_for_the_sum_that_was_seen_and_once() -> None:
    make_billing.seller()
    account, package = make_billing.buyer(), make_billing.package()
    order: dict[str, Any] = {
        "account": account,
        "slug": package.slug,
        "quantity": 1,
        "method": "bank_transfer",
        "idempotency_key": "one",
        "now": NOW,
    }

    with pytest.raises(Conflict):
        order_package(total_minor=11_899, **order)
    assert not Invoice.objects.for_account(account).exists()
    first, second = (order_package(total_minor=11_900, **order) for _ in range(2))

    assert first.payment == second.payment
    assert Payment.objects.for_account(account).count() == 1
