"""Subscriptions that are paid by hand: each period once, with its invoice, credits and money."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import IntegrityError, transaction

from igny8_core.auth import selectors as accounts
from igny8_core.auth.models import Plan, Subscription
from igny8_core.business.billing.errors import AlreadySubscribed, NoCurrentPeriod
from igny8_core.business.billing.models import CreditNote, Invoice, Payment, SubscriptionPeriod
from igny8_core.business.billing.services import plan_orders, subscriptions
from igny8_core.business.billing.services.approvals import approve_payment
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.invoices import number_gaps
from igny8_core.business.billing.services.money_audit import money_problems
from igny8_core.business.billing.services.payments import Received, settle_payment
from igny8_core.business.billing.services.plan_periods import months_after
from igny8_core.business.billing.services.refunds import refund_payment
from igny8_core.business.billing.services.renewals import renew_due
from igny8_core.business.billing.services.sweeping import expire_due
from igny8_core.common.errors import Conflict, IdempotencyConflict, InvalidInput, NotFound
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.billing.services.plan_orders import PlanOrder
    from igny8_core.business.billing.services.subscriptions import Ordered

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

ENDS = months_after(NOW, 1)
MIDDLE = NOW + (ENDS - NOW) / 2
DAY = timedelta(days=1)


@pytest.fixture
def account() -> Account:
    make_billing.prices()
    make_billing.seller()
    make_billing.plan(10, code="free")
    return make_billing.buyer()


def plan(credits_of_it: int, price_minor: int, **fields: Any) -> Plan:
    return make_billing.plan(credits_of_it, price_minor=price_minor, **fields)


def ordered(account: Account, of: Plan, *, now: datetime = NOW, **fields: Any) -> Ordered:
    values = {"method": "bank_transfer", "idempotency_key": make.unique("order")} | fields
    return subscriptions.subscribe(account=account, plan_code=of.code, now=now, **values)


def pay(payment: Payment | None, *, now: datetime = NOW) -> Payment:
    assert payment is not None
    received = Received(payment.amount_minor, payment.currency)
    done = settle_payment(
        account=payment.account, payment_id=payment.pk, received=received, now=now
    )
    return done.payment


def subscribed(account: Account, of: Plan, *, now: datetime = NOW) -> Subscription:
    """An order that was paid at once."""
    found = ordered(account, of, now=now)
    pay(found.payment, now=now)
    return reloaded(found.subscription)


def reloaded(row: Subscription) -> Subscription:
    return Subscription.unscoped.select_related("plan").get(pk=row.pk)


def newest_payment(account: Account) -> Payment:
    return Payment.unscoped.filter(account=account).select_related("invoice").latest("pk")


def change(row: Subscription, to: Plan, *, now: datetime = MIDDLE, **fields: Any) -> PlanOrder:
    values = {"idempotency_key": make.unique("change")} | fields
    return plan_orders.change_plan(
        account=row.account, subscription_id=row.pk, plan_code=to.code, now=now, **values
    )


def balance(account: Account) -> int:
    return accounts.account(account.pk).credits


def books() -> tuple[list[Any], list[str], list[str]]:
    return number_gaps(), ledger_problems(), money_problems()


BALANCED: tuple[list[Any], list[str], list[str]] = ([], [], [])


def test_an_order_brings_its_period_once_it_is_paid(account: Account) -> None:
    found = ordered(account, plan(1_000, 10_000))
    row = found.subscription
    assert found.invoice is not None
    assert (row.status, found.invoice.status, balance(account)) == ("incomplete", "pending", 0)
    assert (found.invoice.subtotal_minor, found.invoice.tax_minor) == (10_000, 1_900)
    paid_at = NOW + 2 * DAY

    pay(found.payment, now=paid_at)
    pay(found.payment, now=paid_at + DAY)

    row = reloaded(row)
    assert (row.status, row.current_period_start) == ("active", paid_at)
    assert row.current_period_end == months_after(paid_at, 1)
    period = SubscriptionPeriod.unscoped.get()
    assert (period.credits, period.invoice_id) == (1_000, found.invoice.pk)
    assert balance(account) == 1_000
    assert accounts.account(account.pk).plan == row.plan
    assert books() == BALANCED


def test_the_same_order_again_is_the_same(account: Account) -> None:
    small, large = plan(100, 1_000), plan(1_000, 10_000)
    first = ordered(account, small, idempotency_key="k")

    again = ordered(account, small, idempotency_key="k")

    assert again == first
    with pytest.raises(IdempotencyConflict):
        ordered(account, large, idempotency_key="k")
    assert Invoice.unscoped.count() == 1


def test_another_order_takes_the_unpaid_one_back(account: Account) -> None:
    first = ordered(account, plan(100, 1_000))

    second = ordered(account, plan(1_000, 10_000))

    assert reloaded(first.subscription).status == "cancelled"
    statuses = Invoice.unscoped.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == ["void", "pending"]
    late = pay(first.payment)
    assert (late.status, late.review_reason) == ("succeeded", "the invoice is void")
    pay(second.payment)
    assert balance(account) == 1_000
    assert books() == BALANCED


def test_who_has_a_subscription_orders_no_second(account: Account) -> None:
    subscribed(account, plan(100, 1_000))

    with pytest.raises(AlreadySubscribed):
        ordered(account, plan(1_000, 10_000))


def test_what_is_not_for_sale_is_not_ordered(account: Account) -> None:
    elsewhere = make_billing.buyer("JP", line1="")
    good = plan(100, 1_000)

    for refused, fields in (
        (make_billing.plan(100), {}),
        (plan(100, 1_000, is_active=False), {}),
        (good, {"method": "paypal"}),
        (good, {"wants_trial": True}),
    ):
        with pytest.raises(InvalidInput):
            ordered(account, refused, **fields)
    with pytest.raises(InvalidInput):
        ordered(elsewhere, good)
    assert not Subscription.unscoped.exists()


def test_the_free_plan_makes_room(account: Account) -> None:
    free = Plan.objects.get(code="free")
    mine = make_billing.account_on(free, country_code="DE")
    make_billing.profile(mine)

    subscribed(mine, plan(1_000, 10_000))

    rows = Subscription.unscoped.filter(account=mine).order_by("pk")
    assert [row.status for row in rows] == ["cancelled", "active"]
    assert balance(mine) == 1_010  # what the free plan had brought stays until it expires


def test_a_renewal_is_invoiced_before_and_counts_from_the_end(account: Account) -> None:
    row = subscribed(account, plan(1_000, 10_000))
    lead = (ENDS - NOW) / 4

    assert renew_due(now=ENDS - lead - timedelta(seconds=1)) == 0
    assert [renew_due(now=ENDS - lead) for _ in range(3)] == [1, 0, 0]
    payment = newest_payment(account)
    assert (payment.invoice.period_start, payment.invoice.period_end) == (
        ENDS,
        months_after(NOW, 2),
    )
    pay(payment, now=ENDS - 2 * DAY)

    row = reloaded(row)
    assert row.current_period_end == months_after(NOW, 2)
    assert SubscriptionPeriod.unscoped.count() == 2
    assert books() == BALANCED


def test_thirteen_renewals_keep_the_day_of_the_month(account: Account) -> None:
    begins = NOW.replace(month=10, day=31)
    row = subscribed(account, plan(100, 1_000), now=begins)

    for _ in range(13):
        ends_at = reloaded(row).current_period_end
        assert ends_at is not None
        renew_due(now=ends_at)
        pay(newest_payment(account), now=ends_at)

    starts = SubscriptionPeriod.unscoped.order_by("starts_at").values_list("starts_at", flat=True)
    assert list(starts) == [months_after(begins, n) for n in range(14)]
    assert Invoice.unscoped.filter(status="paid").count() == 14
    assert balance(account) == 100  # what was left of a period ended with it
    assert books() == BALANCED


def test_a_late_renewal_lasts_until_the_date_that_it_had(account: Account) -> None:
    row = subscribed(account, plan(100, 1_000))
    renew_due(now=ENDS)

    pay(newest_payment(account), now=ENDS + 6 * DAY)

    assert reloaded(row).current_period_end == months_after(NOW, 2)


def test_a_yearly_plan_is_renewed_two_weeks_before(account: Account) -> None:
    row = subscribed(account, plan(12_000, 100_000, interval="year"))
    year = months_after(NOW, 12)
    assert reloaded(row).current_period_end == year

    assert renew_due(now=year - 15 * DAY) == 0
    assert renew_due(now=year - 14 * DAY) == 1


def test_a_trial_begins_at_once_comes_once_and_ends_by_itself(account: Account) -> None:
    tried = plan(1_000, 10_000, trial_days=14, trial_credits=50)

    found = ordered(account, tried, wants_trial=True)

    assert (found.payment, reloaded(found.subscription).status) == (None, "trialing")
    assert balance(account) == 50
    assert renew_due(now=NOW + 10 * DAY) == 0
    assert renew_due(now=NOW + 11 * DAY) == 1
    over = NOW + 14 * DAY
    assert renew_due(now=over) == 1
    expire_due(now=over + 3 * DAY)
    assert (reloaded(found.subscription).status, balance(account)) == ("cancelled", 0)
    account_now = accounts.account(account.pk)
    assert account_now.plan is not None
    assert account_now.plan.code == "free"
    with pytest.raises(InvalidInput) as refused:
        ordered(account, tried, wants_trial=True, now=over)
    assert refused.value.data == {"with_trial": ["The account had its trial."]}
    assert books() == BALANCED


def test_a_trial_that_is_paid_goes_on_from_its_end(account: Account) -> None:
    tried = plan(1_000, 10_000, trial_days=14, trial_credits=50)
    row = ordered(account, tried, wants_trial=True).subscription
    over = NOW + 14 * DAY
    renew_due(now=NOW + 11 * DAY)

    pay(newest_payment(account), now=NOW + 12 * DAY)

    row = reloaded(row)
    assert (row.status, row.current_period_start) == ("active", over)
    assert row.current_period_end == months_after(over, 1)
    assert balance(account) == 1_000


def test_two_trials_are_impossible(account: Account) -> None:
    free = Plan.objects.get(code="free")
    common: dict[str, Any] = {"account": account, "plan": free, "trial_ends_at": NOW}
    Subscription.unscoped.create(status="cancelled", **common)

    with pytest.raises(IntegrityError), transaction.atomic():
        Subscription.unscoped.create(status="cancelled", **common)


def test_an_upgrade_counts_once_the_rest_of_the_period_is_paid(account: Account) -> None:
    small, large = plan(100, 1_001), plan(301, 3_000)
    row = subscribed(account, small)
    preview = plan_orders.preview_change(
        account=account, subscription_id=row.pk, plan_code=large.code, now=MIDDLE
    )

    order = change(row, large)

    assert (reloaded(row).plan, balance(account)) == (small, 100)
    assert order.invoice is not None
    nets = [line["net_minor"] for line in order.invoice.line_items]
    assert nets == [-501, 1_500]  # what is not used, so that used and unused are the whole
    assert order.invoice.total_minor == 999 + 190
    assert (preview.amount, preview.credits_added) == (order.amount, 100)
    pay(order.payment, now=MIDDLE + DAY)
    assert (reloaded(row).plan, balance(account)) == (large, 200)
    assert reloaded(row).current_period_end == ENDS
    renew_due(now=ENDS)
    assert newest_payment(account).amount_minor == 3_570
    assert books() == BALANCED


def test_an_upgrade_that_nobody_paid_in_its_period_is_over(account: Account) -> None:
    row = subscribed(account, plan(100, 1_000))
    order = change(row, plan(300, 3_000))

    renew_due(now=ENDS)
    late = pay(order.payment, now=ENDS)

    assert (late.status, late.review_reason) == ("succeeded", "the invoice is void")
    assert (balance(account), reloaded(row).plan.price_minor) == (100, 1_000)


def test_an_upgrade_repeated_is_one_and_another_one_takes_its_place(account: Account) -> None:
    row = subscribed(account, plan(100, 1_000))
    large, larger = plan(300, 3_000), plan(900, 9_000)
    first = change(row, large, idempotency_key="k")

    again = change(row, large, idempotency_key="k")
    other = change(row, larger)

    assert (first.payment, first.invoice) == (again.payment, again.invoice)
    assert Invoice.unscoped.get(pk=first.invoice.pk).status == "void"  # type: ignore[union-attr]  # it has one
    pay(other.payment, now=MIDDLE)
    assert reloaded(row).plan == larger
    with pytest.raises(IdempotencyConflict):
        change(row, larger, idempotency_key="k")


def test_a_renewal_is_written_anew_after_an_upgrade(account: Account) -> None:
    row, late = subscribed(account, plan(100, 1_000)), ENDS - 2 * DAY
    large = plan(300, 3_000)
    renew_due(now=late)
    order = change(row, large, now=late)
    renew_due(now=late)
    old = newest_payment(account)

    pay(order.payment, now=late)
    assert pay(old, now=late).review_reason == "the plan was changed meanwhile"
    Payment.unscoped.filter(pk=old.pk).update(status="cancelled")
    renew_due(now=late)

    pay(newest_payment(account), now=late)
    assert (reloaded(row).plan, reloaded(row).current_period_end) == (large, months_after(NOW, 2))
    assert newest_payment(account).amount_minor == 3_570


def test_a_downgrade_waits_and_the_renewal_is_the_cheaper_one(account: Account) -> None:
    large, small = plan(300, 3_000), plan(100, 1_000)
    row = subscribed(account, large)
    renew_due(now=ENDS - 2 * DAY)

    order = change(row, small, now=ENDS - DAY)
    renew_due(now=ENDS - DAY)

    assert (order.effective_at, order.amount, order.payment) == (ENDS, None, None)
    assert reloaded(row).plan == large
    assert newest_payment(account).amount_minor == 1_190
    pay(newest_payment(account), now=ENDS)
    assert (reloaded(row).plan, balance(account)) == (small, 100)
    assert CreditNote.unscoped.count() == 1  # over the dearer renewal
    assert books() == BALANCED


def test_the_free_plan_comes_after_the_last_paid_period(account: Account) -> None:
    row = subscribed(account, plan(300, 3_000))
    order = change(row, Plan.objects.get(code="free"))

    assert order.effective_at == ENDS
    assert renew_due(now=ENDS - DAY) == 0
    assert renew_due(now=ENDS) == 1
    assert reloaded(row).status == "cancelled"


def test_what_is_cancelled_ends_with_its_period_unless_it_is_resumed(account: Account) -> None:
    row = subscribed(account, plan(300, 3_000))
    renew_due(now=ENDS - 2 * DAY)
    ids: dict[str, Any] = {"account": account, "subscription_id": row.pk}

    for _ in range(2):
        assert subscriptions.cancel(now=ENDS - DAY, **ids).cancel_at_period_end
    assert newest_payment(account).status == "cancelled"
    assert renew_due(now=ENDS - DAY) == 0
    for _ in range(2):
        assert not subscriptions.resume(now=ENDS - DAY, **ids).cancel_at_period_end
    assert renew_due(now=ENDS - DAY) == 1
    subscriptions.cancel(now=ENDS - DAY, **ids)
    assert renew_due(now=ENDS) == 1

    assert (reloaded(row).status, reloaded(row).ended_at) == ("cancelled", ENDS)
    for act in (subscriptions.cancel, subscriptions.resume):
        with pytest.raises(Conflict):
            act(now=ENDS, **ids)
    assert books() == BALANCED


def test_an_order_is_cancelled_at_once(account: Account) -> None:
    found = ordered(account, plan(300, 3_000))

    row = subscriptions.cancel(account=account, subscription_id=found.subscription.pk, now=NOW)

    assert (row.status, newest_payment(account).status) == ("cancelled", "cancelled")
    subscriptions.give_up(account=account, subscription_id=row.pk, now=NOW)


def test_money_that_an_operator_has_seen_is_not_cancelled(account: Account, settings: Any) -> None:
    settings.PAYMENT_SECOND_APPROVAL_MINOR = 1
    found = ordered(account, plan(300, 3_000))
    assert found.payment is not None
    approve_payment(
        account=account,
        payment_id=found.payment.pk,
        actor_id=make.user(is_staff=True).pk,
        received_minor=found.payment.amount_minor,
        now=NOW,
    )

    with pytest.raises(Conflict):
        subscriptions.cancel(account=account, subscription_id=found.subscription.pk, now=NOW)

    assert reloaded(found.subscription).status == "incomplete"


def test_plans_that_do_not_fit_are_refused(account: Account) -> None:
    row = subscribed(account, plan(300, 3_000))
    dollars, gone = plan(900, 9_000, currency="USD"), plan(900, 9_000, is_active=False)

    for other in (dollars, gone):
        with pytest.raises(InvalidInput):
            change(row, other)
    with pytest.raises(NoCurrentPeriod):
        change(row, plan(900, 9_000), now=ENDS)
    with pytest.raises(NotFound):
        plan_orders.change_plan(
            account=make_billing.buyer(),
            subscription_id=row.pk,
            plan_code=dollars.code,
            idempotency_key="x",
            now=NOW,
        )


def test_a_refund_takes_the_unused_credits_of_the_period(account: Account) -> None:
    subscribed(account, plan(1_000, 10_000))

    refund = refund_payment(
        account=account,
        payment_id=newest_payment(account).pk,
        reason="Not what I wanted",
        idempotency_key="r",
        clock=lambda: NOW,
    )

    assert (refund.amount_minor, refund.credits, balance(account)) == (11_900, 1_000, 0)
    assert books() == BALANCED
