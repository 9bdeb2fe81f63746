from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igny8_core.auth import selectors as accounts
from igny8_core.auth.models import Account, Subscription
from igny8_core.auth.states import AccountStatus
from igny8_core.business.billing import selectors
from igny8_core.business.billing.errors import NoCurrentPeriod
from igny8_core.business.billing.models import SubscriptionPeriod
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.plan_changes import change_plan, prorated
from igny8_core.business.billing.services.plan_periods import months_after, open_current_period
from igny8_core.business.billing.services.sweeping import expire_due
from igny8_core.common.errors import InvalidInput
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from datetime import datetime

pytestmark = pytest.mark.django_db

ENDS = months_after(NOW, 1)
MIDDLE = NOW + (ENDS - NOW) / 2


def reloaded(account: Account) -> Account:
    return accounts.account(account.pk)


def period(account: Account, now: datetime) -> SubscriptionPeriod:
    found = selectors.current_period(account=account, now=now)
    assert found is not None
    return found


def test_an_upgrade_counts_at_once_for_the_rest_of_the_period() -> None:
    small, large = make_billing.plan(100), make_billing.plan(301)
    account = make_billing.account_on(small)

    change = change_plan(account=account, plan_code=large.code, now=MIDDLE)
    again = change_plan(account=account, plan_code=large.code, now=MIDDLE)

    assert (change.effective_at, change.credits_added) == (MIDDLE, 100)  # floor(201 / 2)
    assert (again.effective_at, again.credits_added) == (MIDDLE, 0)
    assert (reloaded(account).credits, reloaded(account).plan) == (200, large)
    here = period(account, MIDDLE)
    assert (here.plan, here.credits, here.next_plan) == (large, 200, None)
    assert {lot.expires_at for lot in selectors.credit_lots(account=account)} == {ENDS}
    newest = selectors.credit_transactions(account=account)[0]
    assert newest.metadata == {"plan": large.code, "reason": "upgrade"}


def test_the_next_period_brings_the_whole_of_the_new_plan() -> None:
    small, large = make_billing.plan(100), make_billing.plan(300)
    account = make_billing.account_on(small)
    change_plan(account=account, plan_code=large.code, now=MIDDLE)

    open_current_period(account=account, now=ENDS)

    assert reloaded(account).credits == 300


def test_what_an_upgrade_brought_rolls_over_with_the_rest() -> None:
    small = make_billing.plan(100)
    large = make_billing.plan(300, rollover_cap=1_000)
    account = make_billing.account_on(small)
    change_plan(account=account, plan_code=large.code, now=MIDDLE)

    open_current_period(account=account, now=ENDS)

    assert period(account, ENDS).credits == 300 + 200


def test_a_downgrade_waits_until_the_period_ends() -> None:
    large, small = make_billing.plan(300), make_billing.plan(100)
    account = make_billing.account_on(large)

    change = change_plan(account=account, plan_code=small.code, now=MIDDLE)

    assert (change.effective_at, change.credits_added) == (ENDS, 0)
    assert (reloaded(account).credits, reloaded(account).plan) == (300, large)
    open_current_period(account=account, now=ENDS)
    assert (reloaded(account).credits, reloaded(account).plan) == (100, small)
    assert period(account, ENDS).next_plan is None


def test_a_downgrade_can_be_taken_back() -> None:
    large, small = make_billing.plan(300), make_billing.plan(100)
    account = make_billing.account_on(large)
    change_plan(account=account, plan_code=small.code, now=NOW)

    change_plan(account=account, plan_code=large.code, now=MIDDLE)

    open_current_period(account=account, now=ENDS)
    assert (reloaded(account).credits, reloaded(account).plan) == (300, large)


def test_an_upgrade_takes_a_waiting_downgrade_back() -> None:
    small, large, larger = (make_billing.plan(n) for n in (100, 300, 500))
    account = make_billing.account_on(large)
    change_plan(account=account, plan_code=small.code, now=NOW)

    change_plan(account=account, plan_code=larger.code, now=NOW)

    open_current_period(account=account, now=ENDS)
    assert (reloaded(account).credits, reloaded(account).plan) == (500, larger)


def test_another_interval_begins_with_a_period() -> None:
    monthly, yearly = make_billing.plan(100), make_billing.plan(2_000, interval="year")
    account = make_billing.account_on(monthly)

    change = change_plan(account=account, plan_code=yearly.code, now=MIDDLE)
    following = open_current_period(account=account, now=ENDS)

    assert (change.effective_at, change.credits_added) == (ENDS, 0)
    assert following is not None
    assert (following.credits, following.ends_at) == (2_000, months_after(NOW, 13))


def test_a_dearer_plan_with_as_many_credits_counts_at_once() -> None:
    plain, roomy = make_billing.plan(100), make_billing.plan(100, price_minor=900, max_sites=9)
    account = make_billing.account_on(plain)

    change = change_plan(account=account, plan_code=roomy.code, now=MIDDLE)

    assert (change.effective_at, change.credits_added) == (MIDDLE, 0)
    assert (reloaded(account).plan, reloaded(account).credits) == (roomy, 100)


def test_an_account_that_has_no_period_yet_gets_it_first() -> None:
    small, large = make_billing.plan(100), make_billing.plan(300)
    account = make.account(plan=small)

    change = change_plan(account=account, plan_code=large.code, now=NOW)

    assert (change.credits_added, reloaded(account).credits) == (200, 300)


def test_a_paid_upgrade_has_the_grace_of_its_period() -> None:
    small, large = make_billing.plan(100), make_billing.plan(300)
    account = make.account(plan=small)
    make_billing.provider_subscription(
        account, small, current_period_start=NOW, current_period_end=ENDS
    )

    change_plan(account=account, plan_code=large.code, now=MIDDLE)

    ends = {lot.expires_at for lot in selectors.credit_lots(account=account)}
    assert ends == {ENDS + timedelta(days=3)}
    assert expire_due(now=ENDS + timedelta(days=3)).credits == 200


def test_what_cannot_change_is_refused_and_changes_nothing() -> None:
    plan, gone = make_billing.plan(100), make_billing.plan(300, is_active=False)
    account = make_billing.account_on(plan)
    suspended = make.account(plan=plan, status=AccountStatus.SUSPENDED)

    for code in ("no-such-plan", gone.code):
        with pytest.raises(InvalidInput) as refused:
            change_plan(account=account, plan_code=code, now=NOW)
        assert list(refused.value.data) == ["plan"]
    with pytest.raises(NoCurrentPeriod):
        change_plan(account=suspended, plan_code=plan.code, now=NOW)

    assert (reloaded(account).plan, reloaded(account).credits) == (plan, 100)
    assert Subscription.objects.for_account(suspended).count() == 0


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 31 * 86_400)), max_size=8))
def test_no_order_of_changes_brings_more_than_the_largest_plan(
    steps: list[tuple[int, int]],
) -> None:
    plans = [make_billing.plan(each) for each in (0, 77, 100, 1_001)]
    account = make_billing.account_on(plans[0])
    best = 0

    for number, seconds in sorted(steps, key=lambda step: step[1]):
        now = min(NOW + timedelta(seconds=seconds), ENDS - timedelta(seconds=1))
        change_plan(account=account, plan_code=plans[number].code, now=now)
        best = max(best, plans[number].credits_per_period)

    here = period(account, NOW)
    assert here.credits == reloaded(account).credits <= best
    assert ledger_problems(account_id=account.pk) == []


@given(
    amount=st.integers(-1_000, 10**12),
    left=st.integers(-(10**6), 10**8),
    total=st.integers(1, 10**8),
)
def test_a_share_is_between_nothing_and_all(amount: int, left: int, total: int) -> None:
    here = SubscriptionPeriod(starts_at=NOW, ends_at=NOW + timedelta(seconds=total))

    share = prorated(amount, period=here, now=here.ends_at - timedelta(seconds=left))
    rest = prorated(amount, period=here, now=here.ends_at - timedelta(seconds=total - left))

    assert 0 <= share <= max(0, amount)
    assert share + rest <= max(0, amount)
