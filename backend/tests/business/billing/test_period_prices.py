"""A price or a tax that changes while Stripe's clock runs: told ahead, charged as it was told."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail

from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import Invoice, Payment, PeriodPrice, TaxRule
from igny8_core.business.billing.services import plan_orders, subscriptions
from igny8_core.business.billing.services.period_prices import fix_due, fix_renewal
from igny8_core.business.billing.services.plan_periods import months_after
from igny8_core.business.billing.services.price_mail import mail_due
from igny8_core.business.billing.services.provider_subscriptions import open_page, push, push_due
from igny8_core.common.errors import Transient
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.business.billing import test_provider_subscriptions as running
from tests.business.billing.test_provider_subscriptions import (
    BALANCED,
    DAY,
    NOW,
    balance,
    books,
    followed,
    price_there,
    reloaded,
    subscribed,
)
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account, Plan, Subscription
    from tests.fakes.stripe_server import StripeServer

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def account(server: StripeServer) -> Account:
    server.at = int(NOW.timestamp())
    return make_billing.plan_buyer()


@pytest.fixture
def plan() -> Plan:
    return make_billing.plan(1_000, price_minor=10_000)


def end() -> datetime:
    return months_after(NOW, 1)


def costs(plan: Plan, price_minor: int) -> None:
    plan.price_minor = price_minor
    plan.save(update_fields=["price_minor"])


def taxed(rate_bp: int, on: date) -> None:
    old = TaxRule.objects.get(buyer_country="DE", buyer_kind="business")
    old.active_to = on
    old.save()
    old.pk, old.rate_bp, old.active_from, old.active_to = None, rate_bp, on, None
    old.save(force_insert=True)


def newest() -> tuple[str, int, int, str]:
    """(payment, received and asked for, tax, why a person has to look)."""
    payment = Payment.unscoped.latest("pk")
    invoice = Invoice.unscoped.get(pk=payment.invoice_id)
    assert invoice.total_minor == payment.amount_minor
    return payment.status, payment.amount_minor, invoice.tax_minor, payment.review_reason


def renewed(server: StripeServer, row: Subscription) -> Subscription:
    server.renew(str(row.provider_ref))
    return followed(server, row)


def test_a_new_price_is_told_ahead_charged_once_and_invoiced_once(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    make.member(account)
    row = subscribed(server, account, plan)
    costs(plan, 20_000)
    early, near = end() - 15 * DAY, end() - 13 * DAY
    assert (fix_due(now=early), push_due(now=early), price_there(server, row)) == (0, 0, 11_900)

    assert [fix_due(now=near) for _ in range(2)] == [1, 0]
    assert [push_due(now=near) for _ in range(2)] == [1, 0]
    assert [mail_due(now=near) for _ in range(2)] == [1, 0]

    assert price_there(server, row) == 23_800
    assert "costs 238.00 EUR a month" in mail.outbox[-1].body
    assert "until then it is 119.00 EUR" in mail.outbox[-1].body
    with tenant(account.pk, read_only=True):
        shown: Any = selectors.subscriptions(account=account)[0]
        assert shown.renewal_minor == 23_800
    costs(plan, 30_000)  # too late for this period
    assert (fix_due(now=near + DAY), push_due(now=near + DAY)) == (0, 0)
    row = renewed(server, row)
    row = followed(server, row)
    assert (newest(), balance(account)) == (("completed", 23_800, 3_800, ""), 1_000)
    assert Invoice.unscoped.filter(status="paid").count() == 2

    later = months_after(NOW, 2) - 10 * DAY
    assert (fix_due(now=later), push_due(now=later), mail_due(now=later)) == (1, 1, 1)
    renewed(server, row)
    assert newest() == ("completed", 35_700, 5_700, "")
    assert books() == BALANCED


def test_a_renewal_that_no_job_came_before_costs_what_was_told_last(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    row = subscribed(server, account, plan)
    costs(plan, 20_000)
    ids: dict[str, Any] = {"account": account, "subscription_id": row.pk}
    subscriptions.cancel(now=NOW, **ids)
    subscriptions.resume(now=NOW, **ids)
    assert push(clock=lambda: NOW, **ids) is True
    assert price_there(server, row) == 11_900

    row = renewed(server, row)
    assert newest() == ("completed", 11_900, 1_900, "")
    PeriodPrice.unscoped.all().delete()  # of a subscription that is older than this table
    renewed(server, row)

    assert newest() == ("completed", 11_900, 1_900, "")
    later = months_after(NOW, 3) - DAY
    assert (fix_due(now=later), push_due(now=later), price_there(server, row)) == (1, 1, 23_800)
    assert books() == BALANCED


def test_a_new_tax_counts_from_the_day_on_which_the_period_begins(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    row = subscribed(server, account, plan)
    near = end() - 10 * DAY
    assert (fix_due(now=near), push_due(now=near), price_there(server, row)) == (1, 1, 11_900)
    assert not PeriodPrice.unscoped.filter(is_news=True).exists()
    taxed(2_000, end().date())

    assert [fix_due(now=near + DAY) for _ in range(2)] == [1, 0]
    assert (push_due(now=near + DAY), price_there(server, row)) == (1, 12_000)
    taxed_row = PeriodPrice.unscoped.get(starts_at=end())
    assert (taxed_row.is_news, taxed_row.before_minor, taxed_row.net_minor) == (
        True,
        11_900,
        10_000,
    )
    renewed(server, row)

    assert newest() == ("completed", 12_000, 2_000, "")
    assert books() == BALANCED


def test_a_provider_that_is_away_is_told_later_and_at_most_once(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    row = subscribed(server, account, plan)
    costs(plan, 20_000)
    near = end() - 3 * DAY
    fix_due(now=near)
    path = f"/v1/subscriptions/{row.provider_ref}"
    for fault in ("down", "lost"):
        server.faults[path] = ["", fault]  # asked first, then changed
        with pytest.raises(Transient):
            push(account=account, subscription_id=row.pk, clock=lambda: near)
    assert push_due(now=near) == 1

    assert (push_due(now=near), price_there(server, row)) == (0, 23_800)
    assert server.calls[path] == 1
    renewed(server, row)
    assert newest() == ("completed", 23_800, 3_800, "")


def test_an_order_costs_what_it_said_also_after_its_trial(
    account: Account, server: StripeServer
) -> None:
    plan = make_billing.plan(1_000, price_minor=10_000, trial_days=20, trial_credits=5)
    row = running.ordered(account, plan, wants_trial=True)
    costs(plan, 20_000)
    page = [open_page(account=account, subscription_id=row.pk, clock=lambda: NOW) for _ in "12"]
    assert page[0] == page[1] != ""
    server.pay(row.checkout_ref)
    row = followed(server, row)
    near = NOW + 10 * DAY
    assert (fix_due(now=near), push_due(now=near), price_there(server, row)) == (1, 1, 11_900)

    row = renewed(server, row)

    assert newest() == ("completed", 11_900, 1_900, "")
    assert not PeriodPrice.unscoped.filter(is_news=True).exists()
    later = row.current_period_end - 5 * DAY if row.current_period_end else NOW
    assert (fix_due(now=later), push_due(now=later)) == (1, 1)
    renewed(server, row)
    assert newest() == ("completed", 23_800, 3_800, "")
    assert books() == BALANCED


def test_a_plan_that_was_chosen_costs_what_was_seen(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    row = subscribed(server, account, plan)
    small = make_billing.plan(100, price_minor=1_000)
    ids: dict[str, Any] = {"account": account, "subscription_id": row.pk}
    plan_orders.change_plan(plan_code=small.code, idempotency_key="d", now=NOW, **ids)
    costs(small, 2_000)
    push_due(now=NOW)
    near = end() - DAY
    assert fix_due(now=near) == 0

    row = renewed(server, row)

    assert (newest(), row.plan) == (("completed", 1_190, 190, ""), small)
    assert books() == BALANCED


def test_what_ends_or_is_paid_by_hand_is_not_priced(
    account: Account, plan: Plan, server: StripeServer
) -> None:
    row = subscribed(server, account, plan)
    near = end() - DAY
    ids: dict[str, Any] = {"account": account, "subscription_id": row.pk}
    assert fix_renewal(now=NOW, **ids) is False  # too early
    subscriptions.cancel(now=NOW, **ids)

    assert (fix_due(now=near), fix_renewal(now=near, **ids)) == (0, False)
    other = make_billing.buyer()
    by_hand = subscriptions.subscribe(
        account=other, plan_code=plan.code, method="manual", idempotency_key="k", now=NOW
    )
    running_row = reloaded(by_hand.subscription)
    assert fix_renewal(account=other, subscription_id=running_row.pk, now=near) is False
    assert PeriodPrice.unscoped.filter(starts_at=end()).count() == 0


def test_a_mail_about_a_price_that_changed_again_tells_the_new_one(
    account: Account, plan: Plan, server: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.member(account)
    subscribed(server, account, plan)
    costs(plan, 20_000)
    near = end() - 10 * DAY
    fix_due(now=near)
    monkeypatch.setattr(mail.EmailMessage, "send", _refused)
    assert mail_due(now=near) == 0
    monkeypatch.undo()
    assert mail_due(now=near) == 0  # claimed: it is tried again later
    taxed(2_000, end().date())
    fix_due(now=near + DAY)

    assert mail_due(now=near + DAY) == 1

    assert "costs 240.00 EUR" in mail.outbox[-1].subject
    assert mail_due(now=near + 2 * DAY + timedelta(hours=9)) == 0


def _refused(_message: Any) -> None:
    raise OSError("away")
