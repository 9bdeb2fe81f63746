from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.ai.ports import Usage
from igny8_core.business.billing import selectors, usage_selectors
from igny8_core.business.billing.errors import AlreadySettled, PriceMissing
from igny8_core.business.billing.models import CreditReservation, CreditUsageLog
from igny8_core.business.billing.services import ai_credits
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.billing.services.prices import change_price
from igny8_core.business.billing.services.reservations import take_over_reservation
from igny8_core.business.billing.services.sweeping import expire_due
from igny8_core.common.errors import (
    Conflict,
    IdempotencyConflict,
    InsufficientCredits,
    StaleState,
    TransitionNotAllowed,
)
from igny8_core.common.tenancy.context import tenant
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.ai.ports import CreditPort, Hold
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
USAGE = Usage("local", "demo", prompt_tokens=900, completion_tokens=1_200, cost_usd_micros=35)


def reserve(account: Account, **fields: Any) -> Hold:
    request: dict[str, Any] = {
        "operation": "content",
        "quantities": {"per_words": 1_000},
        "idempotency_key": "run:content.tasks:7",
        "related_type": "content.tasks",
        "related_id": 7,
        "ttl": HOUR,
        "now": NOW,
    }
    port: CreditPort = AccountCredits(account)
    return port.reserve(**request | fields)


def test_the_most_is_held_and_what_was_delivered_is_charged() -> None:
    account = make_billing.account_with(100)
    hold = reserve(account)

    charged = AccountCredits(account).capture(
        hold, quantities={"per_words": 640}, usage=USAGE, now=NOW
    )

    assert (hold.attempt, hold.amount, charged) == (1, 10, 7)
    account.refresh_from_db()
    assert (account.credits, account.credits_held) == (93, 0)
    (log,) = selectors.usage_logs(account=account)
    assert (log.operation_type, log.credits_used) == ("content", 7)
    assert (log.provider, log.model, log.prompt_tokens) == ("local", "demo", 900)
    assert (log.completion_tokens, log.cost_usd_micros) == (1_200, 35)
    assert (log.related_type, log.related_id) == ("content.tasks", 7)
    newest = selectors.credit_transactions(account=account)[0]
    assert (log.transaction_id, log.reservation_id) == (newest.pk, hold.reservation_id)


def test_more_than_was_reserved_is_never_charged() -> None:
    account = make_billing.account_with(100)
    hold = reserve(account)

    charged = AccountCredits(account).capture(
        hold, quantities={"per_words": 5_000}, usage=USAGE, now=NOW
    )

    assert charged == 10


def test_a_redelivered_run_takes_over_and_the_first_worker_loses() -> None:
    account = make_billing.account_with(100)
    lost = reserve(account)

    owner = reserve(account, now=NOW + timedelta(minutes=30))

    assert (owner.reservation_id, owner.attempt) == (lost.reservation_id, 2)
    row = selectors.credit_reservation(account=account, reservation_id=owner.reservation_id)
    assert row.expires_at == NOW + timedelta(minutes=90)
    with pytest.raises(StaleState):
        AccountCredits(account).capture(lost, quantities={"per_words": 1}, usage=USAGE, now=NOW)
    with pytest.raises(StaleState):
        AccountCredits(account).release(lost, now=NOW)
    assert not CreditUsageLog.objects.for_account(account).exists()


def test_work_that_was_captured_is_not_begun_again() -> None:
    account = make_billing.account_with(100)
    hold = reserve(account)
    AccountCredits(account).capture(hold, quantities={"per_words": 640}, usage=USAGE, now=NOW)

    with pytest.raises(AlreadySettled) as refused:
        reserve(account)

    assert refused.value.data["reservation_id"] == hold.reservation_id
    account.refresh_from_db()
    assert (account.credits, account.credits_held) == (93, 0)


def test_a_second_capture_of_one_attempt_is_refused_so_that_the_caller_rolls_back() -> None:
    account = make_billing.account_with(100)
    hold = reserve(account)
    capture: dict[str, Any] = {"quantities": {"per_words": 640}, "usage": USAGE, "now": NOW}
    AccountCredits(account).capture(hold, **capture)

    with pytest.raises(AlreadySettled):
        AccountCredits(account).capture(hold, **capture)
    with pytest.raises(TransitionNotAllowed):
        AccountCredits(account).capture(hold, **capture | {"quantities": {"per_words": 100}})

    assert CreditUsageLog.objects.for_account(account).count() == 1


def test_capture_and_result_are_one_transaction() -> None:
    account = make_billing.account_with(100)
    hold = reserve(account)

    @tenant(account.pk)
    def settle_and_fail() -> None:
        AccountCredits(account).capture(hold, quantities={"per_words": 9}, usage=USAGE, now=NOW)
        raise RuntimeError("the result could not be stored")

    with pytest.raises(RuntimeError, match="could not be stored"):
        settle_and_fail()

    account.refresh_from_db()
    assert (account.credits, account.credits_held) == (100, 10)
    assert not CreditUsageLog.objects.for_account(account).exists()


def test_work_that_failed_begins_anew_under_the_same_key() -> None:
    account = make_billing.account_with(100)
    failed = reserve(account)
    AccountCredits(account).release(failed, now=NOW)
    AccountCredits(account).release(failed, now=NOW)

    again = reserve(account)

    assert again.reservation_id != failed.reservation_id
    assert again.attempt == 1
    account.refresh_from_db()
    assert (account.credits, account.credits_held) == (100, 10)
    keys = CreditReservation.objects.for_account(account).order_by("pk")
    assert [row.idempotency_key for row in keys] == [
        "run:content.tasks:7",
        "run:content.tasks:7#2",
    ]


def test_work_that_ran_out_begins_anew_and_its_old_worker_cannot_settle() -> None:
    account = make_billing.account_with(100)
    late = reserve(account)
    expire_due(now=NOW + HOUR)

    again = reserve(account, now=NOW + HOUR)

    assert again.reservation_id != late.reservation_id
    with pytest.raises(StaleState):
        AccountCredits(account).capture(
            late, quantities={"per_words": 9}, usage=USAGE, now=NOW + HOUR
        )
    AccountCredits(account).release(late, now=NOW + HOUR)
    account.refresh_from_db()
    assert (account.credits, account.credits_held) == (100, 10)


def test_what_was_captured_cannot_be_released() -> None:
    account = make_billing.account_with(100)
    hold = reserve(account)
    AccountCredits(account).capture(hold, quantities={"per_words": 9}, usage=USAGE, now=NOW)

    with pytest.raises(TransitionNotAllowed):
        AccountCredits(account).release(hold, now=NOW)


def test_a_price_change_in_between_changes_neither_the_repeat_nor_the_charge() -> None:
    account = make_billing.account_with(100)
    first = reserve(account)
    change_price(
        operation="content",
        unit="per_words",
        credits_per_unit=3,
        unit_size=100,
        reason="dearer",
        now=NOW + timedelta(minutes=1),
    )
    later = NOW + timedelta(minutes=2)

    again = reserve(account, now=later)
    charged = AccountCredits(account).capture(
        again, quantities={"per_words": 1_000}, usage=USAGE, now=later
    )

    assert (again.reservation_id, again.amount, charged) == (first.reservation_id, 10, 10)


def test_a_key_means_one_piece_of_work() -> None:
    account = make_billing.account_with(100)
    reserve(account)

    with pytest.raises(IdempotencyConflict):
        reserve(account, quantities={"per_words": 2_000})
    with pytest.raises(IdempotencyConflict):
        reserve(account, related_id=8)


def test_too_few_credits_leave_nothing_behind() -> None:
    account = make_billing.account_with(9)

    with pytest.raises(InsufficientCredits) as refused:
        reserve(account)

    assert refused.value.data["available"] == 9
    assert not CreditReservation.objects.for_account(account).exists()


def test_an_operation_without_a_price_is_refused_before_anything_is_held() -> None:
    account = make_billing.account_with(100)

    with pytest.raises(PriceMissing):
        reserve(account, operation="ideas")

    assert not CreditReservation.objects.for_account(account).exists()


def test_work_is_not_begun_anew_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ai_credits, "MAX_GENERATIONS", 3)
    account = make_billing.account_with(100)
    for _ in range(3):
        AccountCredits(account).release(reserve(account), now=NOW)

    with pytest.raises(Conflict, match="too often"):
        reserve(account)


def test_a_key_of_full_length_can_be_used_once() -> None:
    account = make_billing.account_with(100)
    key = "k" * 64
    AccountCredits(account).release(reserve(account, idempotency_key=key), now=NOW)

    with pytest.raises(Conflict, match="too often"):
        reserve(account, idempotency_key=key)


def test_usage_is_summed_by_operation() -> None:
    account = make_billing.account_with(100)
    for n, (operation, quantities) in enumerate(
        [
            ("content", {"per_words": 600}),
            ("content", {"per_words": 200}),
            ("idea", {"per_items": 30}),
        ]
    ):
        hold = reserve(account, operation=operation, quantities=quantities, idempotency_key=f"k{n}")
        AccountCredits(account).capture(hold, quantities=quantities, usage=USAGE, now=NOW)

    content, idea = usage_selectors.usage_by_operation(account=account)

    assert (content.operation, content.runs, content.credits) == ("content", 2, 8)
    assert (content.prompt_tokens, content.completion_tokens) == (1_800, 2_400)
    assert (content.cost_usd_micros, idea.operation, idea.credits) == (70, "idea", 3)
    newest = selectors.usage_logs(account=account)[0].created_at
    assert usage_selectors.usage_by_operation(account=account, since=newest + HOUR) == []


def test_a_reservation_that_goes_between_look_and_lock_is_a_stale_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = make_billing.account_with(100)
    hold = reserve(account)
    take_over_reservation(account=account, reservation_id=hold.reservation_id, now=NOW)
    row = selectors.credit_reservation(account=account, reservation_id=hold.reservation_id)
    seen = ("run:content.tasks:7", row)
    monkeypatch.setattr(AccountCredits, "_newest", lambda _self, _key, **_: seen)
    AccountCredits(account).release(
        type(hold)(hold.reservation_id, attempt=2, amount=hold.amount), now=NOW
    )

    with pytest.raises(StaleState):
        reserve(account)
