from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError, transaction

from igny8_core.auth.models import Account, Subscription
from igny8_core.auth.states import AccountStatus, DunningStage, SubscriptionStatus
from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import CreditLot, CreditTransaction, SubscriptionPeriod
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.lots import expire_lots
from igny8_core.business.billing.services.plan_periods import (
    months_after,
    open_current_period,
    open_due_periods,
    open_period,
)
from igny8_core.business.billing.services.reservations import capture_credits, release_credits
from igny8_core.business.billing.services.sweeping import expire_due
from igny8_core.common.errors import InvalidInput, NotFound
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db

ENDS = datetime(2026, 12, 2, 9, tzinfo=UTC)  # a month after NOW
DAY = timedelta(days=1)
GRACE = timedelta(days=3)


@pytest.fixture(autouse=True)
def books_agree() -> Iterator[None]:
    """Whatever a test does: in the end nothing is wrong."""
    yield
    assert ledger_problems() == []


def figures(account: Account) -> tuple[int, int]:
    wallet = selectors.credit_wallet(account=account)
    return wallet.balance, wallet.held


def ledger(account: Account) -> list[tuple[str, int]]:
    rows = selectors.credit_transactions(account=account).order_by("seq")
    return [(row.type, row.amount) for row in rows[1:]]


def subscription(account: Account) -> Subscription:
    found: Subscription = Subscription.objects.for_account(account).get()
    return found


def periods(account: Account) -> list[SubscriptionPeriod]:
    return list(SubscriptionPeriod.objects.for_account(account).order_by("starts_at"))


def test_the_first_period_brings_the_credits_of_the_plan() -> None:
    account = make.account(plan=make_billing.plan(100))

    period = open_current_period(account=account, now=NOW + timedelta(microseconds=7))

    assert period is not None
    assert (period.starts_at, period.ends_at, period.credits) == (NOW, ENDS, 100)
    (lot,) = selectors.credit_lots(account=account)
    assert (lot.kind, lot.priority, lot.granted, lot.expires_at) == ("plan", 10, 100, ENDS)
    assert (
        lot.source_key == period.lot_key == f"sub:{period.subscription_id}:period:20261102T090000Z"
    )
    assert ledger(account) == [("subscription", 100)]
    ours = subscription(account)
    assert (ours.provider, ours.status, ours.current_period_end) == ("", "active", ENDS)


def test_a_period_is_opened_once() -> None:
    account = make_billing.account_on(make_billing.plan(100))

    again = open_current_period(account=account, now=NOW + DAY)
    job = open_due_periods(now=NOW + DAY)

    assert again is not None
    assert (again.starts_at, job) == (NOW, 0)
    assert ledger(account) == [("subscription", 100)]


def test_what_is_left_expires_when_the_period_ends() -> None:
    account = make_billing.account_on(make_billing.plan(100))
    hold = make_billing.reservation(account, 30)
    capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=30, attempt=1, now=NOW
    )

    before = open_due_periods(now=ENDS - timedelta(microseconds=1))
    opened = open_due_periods(now=ENDS)

    assert (before, opened) == (0, 1)
    assert ledger(account) == [
        ("subscription", 100),
        ("deduction", -30),
        ("expiry", -70),
        ("subscription", 100),
    ]
    assert [(p.starts_at, p.ends_at) for p in periods(account)] == [
        (NOW, ENDS),
        (ENDS, datetime(2027, 1, 2, 9, tzinfo=UTC)),
    ]


def test_plan_credits_burn_first_and_bought_ones_never_expire() -> None:
    account = make_billing.account_on(make_billing.plan(100))
    make_billing.credits(account, 50)
    hold = make_billing.reservation(account, 120)
    capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=120, attempt=1, now=NOW
    )

    open_current_period(account=account, now=ENDS)
    expire_due(now=ENDS + 1_000 * DAY)

    (left,) = selectors.credit_lots(account=account)
    assert (left.kind, left.remaining, left.expires_at) == ("purchase", 30, None)
    assert figures(account) == (30, 0)


@pytest.mark.parametrize("is_swept", [False, True])
@pytest.mark.parametrize(("cap", "rolled_over"), [(0, 0), (40, 40), (500, 100)])
def test_at_most_the_cap_rolls_over_once(cap: int, rolled_over: int, *, is_swept: bool) -> None:
    account = make_billing.account_on(make_billing.plan(100, rollover_cap=cap))
    if is_swept:
        expire_due(now=ENDS)

    open_current_period(account=account, now=ENDS)
    open_current_period(account=account, now=ENDS + DAY)

    assert figures(account) == (100 + rolled_over, 0)
    assert periods(account)[-1].credits == 100 + rolled_over
    assert {lot.expires_at for lot in selectors.credit_lots(account=account)} == {
        datetime(2027, 1, 2, 9, tzinfo=UTC)
    }


def test_what_rolled_over_rolls_over_again_up_to_the_cap() -> None:
    account = make_billing.account_on(make_billing.plan(100, rollover_cap=150))

    for end in (ENDS, months_after(NOW, 2), months_after(NOW, 3)):
        open_current_period(account=account, now=end)

    assert [period.credits for period in periods(account)] == [100, 200, 250, 250]


def test_what_is_held_over_the_end_can_be_spent_and_does_not_roll_over() -> None:
    account = make_billing.account_on(make_billing.plan(100, rollover_cap=100))
    spent = make_billing.reservation(account, 20, ttl=60 * DAY)
    given_back = make_billing.reservation(account, 30, ttl=60 * DAY)

    open_current_period(account=account, now=ENDS)
    capture_credits(
        account=account, reservation_id=spent.reservation_id, amount=20, attempt=1, now=ENDS + DAY
    )
    release_credits(
        account=account, reservation_id=given_back.reservation_id, attempt=1, now=ENDS + DAY
    )

    assert periods(account)[-1].credits == 150
    assert ledger(account)[1:] == [
        ("expiry", -50),
        ("subscription", 100),
        ("subscription", 50),
        ("deduction", -20),
        ("expiry", -30),
    ]


def test_periods_that_went_by_unseen_are_left_out() -> None:
    account = make_billing.account_on(make_billing.plan(100, rollover_cap=100))
    later = months_after(NOW, 3) + DAY

    period = open_current_period(account=account, now=later)

    assert period is not None
    assert (period.starts_at, period.ends_at) == (months_after(NOW, 3), months_after(NOW, 4))
    assert ledger(account) == [("subscription", 100), ("expiry", -100), ("subscription", 100)]


@pytest.mark.parametrize(
    ("anchor", "months", "expected"),
    [
        ("2027-01-31", 1, "2027-02-28"),
        ("2027-01-31", 2, "2027-03-31"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-11-30", 3, "2027-02-28"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2028-02-29", 12, "2029-02-28"),
        ("2028-02-29", 48, "2032-02-29"),
    ],
)
def test_a_month_later_is_the_same_day_or_the_last(anchor: str, months: int, expected: str) -> None:
    found = months_after(datetime.fromisoformat(f"{anchor}T10:00:00+00:00"), months)

    assert found == datetime.fromisoformat(f"{expected}T10:00:00+00:00")


def test_periods_keep_the_day_on_which_the_first_began() -> None:
    began = datetime(2027, 1, 31, 10, tzinfo=UTC)
    account = make_billing.account_on(make_billing.plan(1), now=began)

    for _ in range(4):
        last = periods(account)[-1]
        open_current_period(account=account, now=last.ends_at)

    assert [f"{period.ends_at:%m-%d}" for period in periods(account)] == [
        "02-28",
        "03-31",
        "04-30",
        "05-31",
        "06-30",
    ]


def test_a_yearly_plan_has_a_period_of_a_year() -> None:
    account = make_billing.account_on(make_billing.plan(1_200, interval="year"))

    (period,) = periods(account)

    assert (period.ends_at, period.credits) == (months_after(NOW, 12), 1_200)


def test_a_plan_without_credits_has_periods_without_a_lot() -> None:
    account = make_billing.account_on(make_billing.plan(0))

    (period,) = periods(account)

    assert (period.credits, period.lot_key, ledger(account)) == (0, None, [])


@pytest.mark.parametrize(
    "fields",
    [{"plan": None}, {"status": AccountStatus.SUSPENDED}, {"status": AccountStatus.CLOSED}],
)
def test_an_account_without_a_plan_or_not_active_gets_nothing(fields: dict[str, Any]) -> None:
    account = make.account(**{"plan": make_billing.plan(100)} | fields)

    found = open_current_period(account=account, now=NOW)

    assert (found, open_due_periods(now=NOW), ledger(account)) == (None, 0, [])


def test_no_account_no_period() -> None:
    with pytest.raises(NotFound):
        open_current_period(account=Account(pk=987_654), now=NOW)


def test_a_period_follows_the_plan_that_the_account_has_by_then() -> None:
    account = make_billing.account_on(make_billing.plan(100))
    account.plan = make_billing.plan(40)
    account.save()

    open_current_period(account=account, now=ENDS)

    ours = subscription(account)
    assert (ours.plan_id, ours.version) == (account.plan_id, 1)
    assert figures(account) == (40, 0)


# --- a provider's subscription


def paid_account(**fields: Any) -> tuple[Account, Subscription]:
    plan = make_billing.plan(100, **fields)
    account = make.account(plan=plan)
    return account, make_billing.provider_subscription(
        account, plan, current_period_start=NOW, current_period_end=ENDS
    )


def test_a_paid_period_has_days_of_grace_at_its_end() -> None:
    account, paid = paid_account()

    opened = open_period(
        account=account, subscription_id=paid.pk, starts_at=NOW, ends_at=ENDS, now=NOW
    )
    again = open_period(
        account=account, subscription_id=paid.pk, starts_at=NOW, ends_at=ENDS, now=NOW + DAY
    )

    assert (opened.is_new, again.is_new, again.period.pk) == (True, False, opened.period.pk)
    (lot,) = selectors.credit_lots(account=account)
    assert lot.expires_at == ENDS + GRACE
    assert expire_due(now=ENDS + GRACE - DAY).credits == 0
    assert expire_due(now=ENDS + GRACE).credits == 100


def test_the_next_paid_period_ends_the_grace_of_the_one_before() -> None:
    account, paid = paid_account(rollover_cap=25)
    open_current_period(account=account, now=NOW)
    make_billing.reservation(account, 10, ttl=60 * DAY)

    open_period(
        account=account,
        subscription_id=paid.pk,
        starts_at=ENDS,
        ends_at=ENDS + 30 * DAY,
        now=ENDS + DAY,
    )

    assert ledger(account) == [
        ("subscription", 100),
        ("expiry", -90),
        ("subscription", 100),
        ("subscription", 25),
    ]
    assert figures(account) == (135, 10)


@pytest.mark.parametrize(
    "fields",
    [
        {"status": SubscriptionStatus.PAST_DUE},
        {"status": SubscriptionStatus.INCOMPLETE},
        {"dunning_stage": DunningStage.RESTRICTED},
        {"dunning_stage": DunningStage.SUSPENDED},
        {"current_period_end": None},
    ],
)
def test_without_a_payment_the_schedule_opens_nothing(fields: dict[str, Any]) -> None:
    account, paid = paid_account()
    Subscription.unscoped.filter(pk=paid.pk).update(**fields)
    Account.objects.filter(pk=account.pk).update(plan=None)

    found = open_current_period(account=account, now=NOW)

    assert (found, open_due_periods(now=NOW), ledger(account)) == (None, 0, [])


def test_a_message_about_a_period_that_is_over_brings_nothing() -> None:
    account, paid = paid_account()
    open_current_period(account=account, now=NOW)

    before_this = open_period(
        account=account,
        subscription_id=paid.pk,
        starts_at=NOW - 30 * DAY,
        ends_at=NOW,
        now=NOW,
    )
    missed = open_period(
        account=account,
        subscription_id=paid.pk,
        starts_at=ENDS,
        ends_at=ENDS + DAY,
        now=ENDS + DAY + GRACE,
    )

    assert (before_this.period.credits, missed.period.credits) == (0, 0)
    assert ledger(account) == [("subscription", 100)]


def test_what_is_no_period_is_refused() -> None:
    account, paid = paid_account()
    other = make.account()
    call: dict[str, Any] = {"account": account, "subscription_id": paid.pk, "now": NOW}

    with pytest.raises(InvalidInput):
        open_period(starts_at=ENDS, ends_at=ENDS, **call)
    with pytest.raises(InvalidInput):
        open_period(starts_at=NOW + timedelta(microseconds=1), ends_at=ENDS, **call)
    with pytest.raises(NotFound):
        open_period(starts_at=NOW, ends_at=ENDS, **call | {"account": other})

    assert ledger(account) == []


# --- the job


def test_the_job_opens_what_is_due_and_nothing_twice() -> None:
    plan = make_billing.plan(100)
    new = [make.account(plan=plan) for _ in range(3)]
    due = make_billing.account_on(plan, now=NOW - 40 * DAY)
    current = make_billing.account_on(plan)
    paid, _ = paid_account()

    opened = open_due_periods(now=NOW, limit=2)
    again = open_due_periods(now=NOW, limit=2)

    assert (opened, again) == (5, 0)
    for account in (*new, due, current, paid):
        assert figures(account) == (100, 0)


def test_a_broken_account_does_not_keep_the_others_from_their_credits() -> None:
    plan = make_billing.plan(100)
    broken, sound = make.account(plan=plan), make.account(plan=plan)
    set_seq = "UPDATE billing_creditwallet SET seq = %s WHERE account_id = %s"
    make_billing.forge(set_seq, 9, broken.pk)

    with pytest.raises(DatabaseError, match="credittx_chain"):
        open_due_periods(now=NOW)

    assert (figures(broken), figures(sound)) == ((0, 0), (100, 0))
    make_billing.forge(set_seq, 1, broken.pk)


def test_a_period_names_a_lot_that_there_is() -> None:
    account = make_billing.account_on(make_billing.plan(100))

    with pytest.raises(DatabaseError, match="subscriptionperiod_lot"), transaction.atomic():
        SubscriptionPeriod.unscoped.filter(account=account).update(lot_key="forged")


def test_the_lots_of_a_period_are_of_its_plan() -> None:
    account = make_billing.account_on(make_billing.plan(100))
    make_billing.credits(account, 5, type="promo", expires_at=ENDS)

    expire_lots(account=account, now=ENDS)
    open_current_period(account=account, now=ENDS)

    kinds = CreditLot.objects.for_account(account).filter(remaining__gt=0)
    assert [lot.kind for lot in kinds] == ["plan"]
    assert CreditTransaction.objects.for_account(account).filter(type="expiry").count() == 2
