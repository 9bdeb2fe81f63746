"""Real threads and commits: numbers without a gap, money once."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError, connection

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing.models import CreditTransaction, Invoice, InvoiceSeries, Payment
from igny8_core.business.billing.services.approvals import approve_payment
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.invoices import draft_invoice, finalise, number_gaps
from igny8_core.business.billing.services.payments import (
    Received,
    cancel_payment,
    settle_payment,
    start_payment,
)
from igny8_core.business.billing.services.taxes import Line
from igny8_core.business.billing.states import InvoiceStatus
from igny8_core.common.errors import DomainError
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.business.billing.test_concurrency import at_once
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "admin"])

WORKERS, ROUNDS = 8, 12


class RolledBack(DomainError):
    """A worker changed its mind."""


def number_one(account: Account, how: str) -> str:
    """Draft and number an invoice; or roll back, or die, after the number was taken."""
    with tenant(account.pk):
        line = Line("x", 100)
        invoice = draft_invoice(account=account, lines=[line], currency="EUR", now=NOW)
        finalise(invoice, InvoiceStatus.PENDING, now=NOW)
        if how == "rolls back":
            raise RolledBack("no")
        if how == "dies":
            with connection.cursor() as cursor:
                cursor.execute("RESET ROLE")
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    return str(invoice.number)


def test_numbers_have_no_gap_whatever_rolls_back_or_dies() -> None:
    make_billing.seller()
    buyers = [make_billing.buyer() for _ in range(3)]
    choice = random.Random(8)  # noqa: S311 - a test's dice
    plans = [
        [choice.choices(["commits", "rolls back", "dies"], [75, 20, 5])[0] for _ in range(ROUNDS)]
        for _ in range(WORKERS)
    ]

    def work(n: int) -> list[str]:
        given = []
        for round_, how in enumerate(plans[n]):
            try:
                given.append(number_one(buyers[(n + round_) % 3], how))
            except (RolledBack, OperationalError):
                connection.close()
        return given

    results = at_once(*(lambda n=n: work(n) for n in range(WORKERS)))

    hows = Counter(itertools.chain(*plans))
    given = sorted(itertools.chain(*results))
    assert hows["rolls back"] > 0
    assert hows["dies"] > 0
    assert given == [f"INV-2026-{n:05d}" for n in range(1, hows["commits"] + 1)]
    assert InvoiceSeries.objects.get().last == hows["commits"] == Invoice.unscoped.count()
    rows = Invoice.unscoped.order_by("no").values_list("no", flat=True)
    assert list(rows) == list(range(1, hows["commits"] + 1))
    assert number_gaps() == []


@pytest.fixture
def account() -> Account:
    make_billing.seller()
    return make_billing.buyer()


def granted(account: Account) -> list[int]:
    rows = CreditTransaction.unscoped.filter(account=account, type="purchase")
    return list(rows.values_list("amount", flat=True))


def test_one_payment_that_is_settled_by_eight_at_once_is_settled_once(account: Account) -> None:
    order = make_billing.bought(account, make_billing.package(), method="stripe")
    settle: dict[str, Any] = {
        "account": account,
        "payment_id": order.payment.pk,
        "received": Received(11_900, "EUR"),
        "now": NOW,
    }

    results = at_once(*[lambda: settle_payment(**settle)] * 8)

    assert sorted(result.is_new for result in results) == [False] * 7 + [True]
    assert granted(account) == [1_000]
    assert Invoice.unscoped.get().number == "INV-2026-00001"
    assert (ledger_problems(), number_gaps()) == ([], [])


def test_two_operators_who_approve_at_once_pay_once(account: Account, settings: Any) -> None:
    settings.PAYMENT_SECOND_APPROVAL_MINOR = 1
    order = make_billing.bought(account, make_billing.package())
    people = [make.user(is_staff=True).pk for _ in range(2)]
    approve: dict[str, Any] = {
        "account": account,
        "payment_id": order.payment.pk,
        "received_minor": 11_900,
        "now": NOW,
    }

    at_once(*(lambda pk=pk: approve_payment(actor_id=pk, **approve) for pk in people * 3))

    payment = Payment.unscoped.get()
    assert payment.status == "completed"
    assert {payment.approved_by_id, payment.second_approved_by_id} == set(people)
    assert granted(account) == [1_000]
    assert accounts.account(account.pk).credits == 1_000


def test_an_approval_and_a_cancellation_at_once_end_in_one_of_them(account: Account) -> None:
    order = make_billing.bought(account, make_billing.package())
    common: dict[str, Any] = {"account": account, "payment_id": order.payment.pk, "now": NOW}

    person = make.user(is_staff=True).pk
    at_once(
        lambda: approve_payment(actor_id=person, received_minor=11_900, **common),
        lambda: cancel_payment(**common),
    )

    status = Payment.unscoped.get().status
    assert (status, granted(account)) in [("completed", [1_000]), ("cancelled", [])]


def test_of_attempts_at_once_one_is_made(account: Account) -> None:
    order = make_billing.bought(account, make_billing.package())
    cancel_payment(account=account, payment_id=order.payment.pk, now=NOW)
    start: dict[str, Any] = {"account": account, "invoice_id": order.invoice.pk, "now": NOW}

    results = at_once(
        *(
            lambda n=n: start_payment(method="manual", idempotency_key=f"k{n}", **start)
            for n in range(6)
        )
    )

    assert sum(isinstance(result, Payment) for result in results) == 1
    assert Payment.unscoped.filter(status="pending").count() == 1


def test_the_same_order_at_once_is_one_order(account: Account) -> None:
    package = make_billing.package()

    results = at_once(*[lambda: make_billing.bought(account, package, idempotency_key="same")] * 6)

    assert len({result.payment.pk for result in results}) == 1
    assert Invoice.unscoped.count() == 1
