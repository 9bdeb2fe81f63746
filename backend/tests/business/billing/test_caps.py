"""The limit of a day: nobody slips past it, whatever runs at once, is repeated or dies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.ai.errors import DayCapReached
from igny8_core.ai.ports import Usage
from igny8_core.auth.models import Account
from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import CreditCostConfig, CreditReservation
from igny8_core.business.billing.services import reservations
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.billing.services.caps import day_of
from igny8_core.business.billing.services.sweeping import expire_due
from igny8_core.common.errors import IdempotencyConflict, InsufficientCredits, StaleState
from igny8_core.common.tenancy.context import tenant
from tests.business.billing.test_concurrency import at_once
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.ai.ports import Hold

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
USAGE = Usage("openai", "gpt-5-mini", prompt_tokens=900, cost_usd_micros=35)


def account_capped(limit: int | None, **fields: Any) -> Account:
    account = make_billing.account_with(10_000)
    Account.objects.filter(pk=account.pk).update(max_credits_per_day=limit, **fields)
    return account


def reserve(account: Account, credits: int, key: str = "k", **fields: Any) -> Hold:  # noqa: A002
    """A hold of so many credits: a hundred words are one."""
    request: dict[str, Any] = {
        "operation": "content",
        "quantities": {"per_words": 100 * credits},
        "idempotency_key": key,
        "related_type": "writing_task",
        "related_id": 7,
        "ttl": HOUR,
        "now": NOW,
    }
    return AccountCredits(account).reserve(**request | fields)


def capture(account: Account, hold: Hold, credits: int, now: datetime = NOW) -> int:  # noqa: A002
    return AccountCredits(account).capture(
        hold, quantities={"per_words": 100 * credits}, usage=USAGE, now=now
    )


def held(account: Account) -> list[int]:
    with tenant(account.pk):
        return [row.amount for row in selectors.held_reservations(account=account)]


def test_holds_count_in_full_and_captures_as_charged() -> None:
    account = account_capped(100)
    first = reserve(account, 60, "a")
    capture(account, first, 20)
    reserve(account, 50, "b")

    with pytest.raises(DayCapReached) as refused:
        reserve(account, 31, "c")

    assert refused.value.data == {
        "limit": 100,
        "spent": 20,
        "held": 50,
        "wanted": 31,
        "begins_anew_at": "2026-11-03T00:00:00+00:00",
        "seconds_left": 15 * 3600,
    }
    assert "20 are spent today and 50 set aside" in refused.value.message
    assert held(account) == [50], "nothing was written"
    assert reserve(account, 30, "c").amount == 30


def test_what_failed_or_ran_out_is_free_again() -> None:
    account = account_capped(100)
    AccountCredits(account).release(reserve(account, 100, "a"), now=NOW)
    reserve(account, 100, "b")
    expire_due(now=NOW + HOUR)

    assert reserve(account, 100, "c", now=NOW + HOUR).amount == 100


def test_a_repeat_takes_its_own_hold_over() -> None:
    account = account_capped(100)
    first = reserve(account, 100)

    again = reserve(account, 100)

    assert (again.reservation_id, again.attempt) == (first.reservation_id, 2)


def test_without_a_limit_only_the_wallet_counts() -> None:
    account = account_capped(None)

    reserve(account, 10_000)
    with pytest.raises(InsufficientCredits):
        reserve(account, 1, "b")


def test_the_day_ends_at_the_accounts_midnight() -> None:
    account = account_capped(100, timezone="Pacific/Auckland")  # 13 hours ahead
    capture(account, reserve(account, 80), 80)
    midnight = datetime(2026, 11, 2, 11, tzinfo=UTC)
    with pytest.raises(DayCapReached) as refused:
        reserve(account, 21, "b", now=midnight - timedelta(seconds=1))
    assert refused.value.data["begins_anew_at"] == midnight.isoformat()

    assert reserve(account, 100, "b", now=midnight).amount == 100


def test_a_hold_over_midnight_counts_on_both_days() -> None:
    account = account_capped(100)
    late = datetime(2026, 11, 2, 23, 50, tzinfo=UTC)
    over = reserve(account, 70, "a", now=late)
    tomorrow = late + timedelta(minutes=20)

    with pytest.raises(DayCapReached):
        reserve(account, 31, "b", now=tomorrow)
    capture(account, over, 70, now=tomorrow)
    with pytest.raises(DayCapReached):
        reserve(account, 31, "b", now=tomorrow)
    assert reserve(account, 30, "b", now=tomorrow).amount == 30


def test_a_lower_limit_holds_from_then_on() -> None:
    account = account_capped(100)
    hold = reserve(account, 80)
    Account.objects.filter(pk=account.pk).update(max_credits_per_day=10)

    assert reserve(account, 80).attempt == hold.attempt + 1
    with pytest.raises(DayCapReached):
        reserve(account, 1, "b")


@pytest.mark.parametrize("name", ["UTC", "No/Such_Zone", "", "/etc/passwd"])
def test_a_zone_that_nobody_knows_counts_as_utc(name: str) -> None:
    begins, ends = day_of(NOW, zone_name=name)

    assert (begins.isoformat(), ends - begins) == (
        "2026-11-02T00:00:00+00:00",
        timedelta(days=1),
    )


def test_days_with_a_change_of_time_are_shorter_or_longer() -> None:
    begins, ends = day_of(datetime(2026, 10, 25, 12, tzinfo=UTC), zone_name="Europe/Berlin")

    assert ends - begins == timedelta(hours=25)


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_only_as_many_pass_as_fit() -> None:
    account = account_capped(100)

    results = at_once(*(lambda n=n: reserve(account, 30, f"k{n}") for n in range(8)))

    assert sum(isinstance(result, DayCapReached) for result in results) == 5
    assert sorted(held(account)) == [30, 30, 30]


# --- the account's own provider key


def fee(credits: int) -> None:  # noqa: A002 - the product's word
    CreditCostConfig.objects.filter(operation_type="content").update(platform_fee_credits=credits)


def test_with_a_key_of_its_own_an_account_pays_the_fee_alone() -> None:
    account = account_capped(None)
    fee(3)

    hold = reserve(account, 50, is_own_key=True)
    charged = capture(account, hold, 40)

    assert (hold.amount, charged) == (3, 3)
    (log,) = selectors.usage_logs(account=account)
    assert (log.credits_used, log.cost_usd_micros) == (3, 0)
    assert log.metadata == {
        "is_own_key": True,
        "account_cost_usd_micros": 35,
        "quantities": {"per_words": 4_000},
    }


def test_a_fee_of_nothing_holds_and_charges_nothing_but_logs_the_usage() -> None:
    account = account_capped(0)
    fee(0)
    credits = AccountCredits(account)  # noqa: A001 - the product's word

    hold = reserve(account, 50, is_own_key=True)
    charged = capture(account, hold, 40)
    credits.release(hold, now=NOW)

    assert (hold.reservation_id, hold.amount, charged) == (0, 0, 0)
    assert not CreditReservation.objects.for_account(account).exists()
    account.refresh_from_db()
    assert (account.credits, account.credits_held) == (10_000, 0)
    (log,) = selectors.usage_logs(account=account)
    assert (log.operation_type, log.credits_used, log.cost_usd_micros) == ("content", 0, 0)
    assert (log.related_type, log.related_id) == ("writing_task", 7)
    assert log.prompt_tokens == 900


def test_a_key_brought_or_taken_away_in_between_changes_the_price() -> None:
    account = account_capped(None)
    fee(3)
    dear = reserve(account, 50)

    cheap = reserve(account, 50, is_own_key=True)
    dear_again = reserve(account, 50)

    assert (dear.amount, cheap.amount, dear_again.amount) == (50, 3, 50)
    assert held(account) == [50]


def test_a_hold_that_is_settled_while_its_price_changes_is_a_stale_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = account_capped(None)
    fee(3)
    reserve(account, 50)
    monkeypatch.setattr(reservations, "take_over_reservation", lambda **_: None)

    with pytest.raises(StaleState):
        reserve(account, 50, is_own_key=True)

    assert held(account) == [50]


def test_the_fee_of_its_time_holds_for_the_repeat() -> None:
    account = account_capped(None)
    fee(3)
    reserve(account, 50, is_own_key=True)
    fee(9)

    assert reserve(account, 50, is_own_key=True).amount == 3
    with pytest.raises(IdempotencyConflict):
        reserve(account, 50, is_own_key=True, related_id=8)
