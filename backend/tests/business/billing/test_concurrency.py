"""Real threads and commits against one wallet."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.core import mail
from django.db import connection, connections

from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import CreditWarning
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.lots import grant_credits
from igny8_core.business.billing.services.low_balance import warn_low_balances
from igny8_core.business.billing.services.plan_changes import change_plan
from igny8_core.business.billing.services.plan_periods import (
    months_after,
    open_current_period,
    open_due_periods,
)
from igny8_core.business.billing.services.reservations import (
    capture_credits,
    expire_reservation,
    release_credits,
    take_over_reservation,
)
from igny8_core.common.errors import (
    DomainError,
    InsufficientCredits,
    Transient,
    TransitionNotAllowed,
)
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """Each action in a thread of its own, all started together: results or refusals, in order."""
    gate = threading.Barrier(len(actions))

    def run(action: Callable[[], Any]) -> Any:
        gate.wait(10)
        try:
            return action()
        except DomainError as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def figures(account: Account) -> tuple[int, int]:
    wallet = selectors.credit_wallet(account=account)
    return wallet.balance, wallet.held


def test_the_last_credits_are_reserved_once() -> None:
    account = make_billing.account_with(10)

    results = at_once(
        *(
            lambda n=n: make_billing.reservation(account, 10, idempotency_key=f"k{n}")
            for n in (1, 2)
        )
    )

    refused = [result for result in results if isinstance(result, InsufficientCredits)]
    assert len(refused) == 1
    assert figures(account) == (10, 10)


def test_fifty_requests_for_the_last_credit() -> None:
    account = make_billing.account_with(1)

    results = at_once(
        *(
            lambda n=n: make_billing.reservation(account, 1, idempotency_key=f"k{n}")
            for n in range(50)
        )
    )

    refused = [result for result in results if isinstance(result, InsufficientCredits)]
    assert len(refused) == 49
    assert figures(account) == (1, 1)
    assert ledger_problems() == []


def test_the_same_request_twice_at_once_is_one_reservation() -> None:
    account = make_billing.account_with(10)

    results = at_once(*[lambda: make_billing.reservation(account, 4, idempotency_key="same")] * 8)

    assert len({result.reservation_id for result in results}) == 1
    assert sum(result.is_new for result in results) == 1
    assert figures(account) == (10, 4)


def test_the_same_grant_at_once_is_one_lot() -> None:
    account = make_billing.account_with(1)
    grant: dict[str, Any] = {
        "account": account,
        "type": "subscription",
        "idempotency_key": "sub:1",
        "now": NOW,
    }

    results = at_once(*[lambda: grant_credits(amount=100, **grant)] * 8)

    assert len({result.lot_id for result in results}) == 1
    assert sum(result.is_new for result in results) == 1
    assert figures(account) == (101, 0)


def test_a_period_is_opened_once_by_many_at_once() -> None:
    account = make.account(plan=make_billing.plan(100))
    make_billing.prices()

    results = at_once(*[lambda: open_current_period(account=account, now=NOW)] * 8)
    jobs = at_once(*[lambda: open_due_periods(now=NOW)] * 3)

    assert len({period.pk for period in results}) == 1
    assert (jobs, figures(account)) == ([0, 0, 0], (100, 0))


def test_two_jobs_that_look_at_once_open_each_period_once() -> None:
    plan = make_billing.plan(100, rollover_cap=30)
    accounts = [make_billing.account_on(plan) for _ in range(4)]
    ends = months_after(NOW, 1)

    at_once(*[lambda: open_due_periods(now=ends)] * 4)

    assert [figures(account) for account in accounts] == [(130, 0)] * 4
    assert ledger_problems() == []


def test_an_upgrade_asked_for_twice_at_once_brings_its_credits_once() -> None:
    account = make_billing.account_on(make_billing.plan(100))
    large = make_billing.plan(300)

    results = at_once(*[lambda: change_plan(account=account, plan_code=large.code, now=NOW)] * 4)

    assert sorted(change.credits_added for change in results) == [0, 0, 0, 200]
    assert figures(account) == (300, 0)


def test_a_warning_is_told_once_by_many_jobs_at_once() -> None:
    account = make_billing.account_on(make_billing.plan(10))
    make.member(account)
    make_billing.reservation(account, 10)

    at_once(*[lambda: warn_low_balances(now=NOW)] * 4)

    assert len(mail.outbox) == 1
    rows = CreditWarning.objects.for_account(account)
    assert sorted(rows.values_list("threshold_percent", flat=True)) == [0, 5, 20]


@pytest.mark.parametrize("round_", range(5))
def test_capture_and_expiry_race_and_one_wins(round_: int) -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 5, ttl=HOUR)
    due: dict[str, Any] = {
        "account": account,
        "reservation_id": hold.reservation_id,
        "now": NOW + HOUR,
    }

    captured, expired = at_once(
        lambda: capture_credits(amount=5, attempt=1, **due), lambda: expire_reservation(**due)
    )

    winners = [r for r in (captured, expired) if not isinstance(r, TransitionNotAllowed)]
    assert len(winners) == 1
    assert figures(account) == ((10, 0) if expired is None else (5, 0))
    assert ledger_problems() == []


@pytest.mark.parametrize("round_", range(5))
def test_take_over_and_capture_race_and_the_loser_writes_nothing(round_: int) -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 5)
    held: dict[str, Any] = {"account": account, "reservation_id": hold.reservation_id, "now": NOW}

    captured, attempt = at_once(
        lambda: capture_credits(amount=5, attempt=1, **held),
        lambda: take_over_reservation(ttl=HOUR, **held),
    )

    was_captured = getattr(captured, "credits", None) == 5
    was_refused = getattr(captured, "code", None) == "stale_state"
    assert (attempt, was_captured, was_refused, figures(account)) in [
        (None, True, False, (5, 0)),
        (2, False, True, (10, 5)),
    ]


def test_many_workers_leave_books_that_agree() -> None:
    account = make_billing.account_with(1_000)

    def work(n: int) -> int:
        hold = make_billing.reservation(account, 7, idempotency_key=f"job:{n}")
        settle: dict[str, Any] = {
            "account": account,
            "reservation_id": hold.reservation_id,
            "now": NOW,
        }
        if n % 3 == 0:
            release_credits(attempt=1, **settle)
            return 0
        return capture_credits(amount=n % 8, attempt=1, **settle).credits

    results = at_once(*(lambda n=n: work(n) for n in range(40)))

    assert figures(account) == (1_000 - sum(results), 0)
    assert ledger_problems() == []


def test_a_wallet_that_stays_locked_is_a_transient_fault() -> None:
    account = make_billing.account_with(10)
    settings = connection.settings_dict
    with psycopg.connect(
        host=settings["HOST"], dbname=settings["NAME"], user="postgres"
    ) as blocker:
        blocker.execute(
            "SELECT 1 FROM billing_creditwallet WHERE account_id = %s FOR UPDATE", [account.pk]
        )
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")

        with pytest.raises(Transient):
            make_billing.reservation(account, 1)
        blocker.rollback()

    connection.close()
    assert make_billing.reservation(account, 1).is_new


def test_the_chain_and_the_head_hold_at_commit() -> None:
    account = make_billing.account_with(10)
    settings = connection.settings_dict
    with psycopg.connect(host=settings["HOST"], dbname=settings["NAME"], user="postgres") as forger:
        forger.execute(
            "INSERT INTO billing_credittransaction (account_id, seq, type, amount,"
            " balance_before, idempotency_key, metadata, created_at, updated_at)"
            " VALUES (%s, 3, 'adjustment', 5, 10, 'forged', '{}', now(), now())",
            [account.pk],
        )
        with pytest.raises(psycopg.IntegrityError, match="ahead of the wallet"):
            forger.commit()

    assert figures(account) == (10, 0)
