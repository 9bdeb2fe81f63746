"""Each fault that the constraints cannot stop is found, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from igny8_core.ai.ports import Usage
from igny8_core.business.billing.services import audit
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.billing.services.audit import (
    DIGEST_EVENT,
    audit_all,
    audit_touched,
    digest_problems,
    ledger_digests,
    ledger_problems,
    usage_problems,
)
from igny8_core.business.billing.services.reservations import capture_credits
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db

FAULTS: dict[str, tuple[str, set[str]]] = {
    "wallet gone": (
        "DELETE FROM billing_creditwallet WHERE account_id = {account}",
        {"account without a wallet"},
    ),
    "balance": (
        "UPDATE billing_creditwallet SET balance = balance + 1 WHERE account_id = {account}",
        {"ledger sum is not the balance", "lots do not add up to the balance"},
    ),
    "head": (
        "UPDATE billing_creditwallet SET seq = seq - 1 WHERE account_id = {account}",
        {"head or gap"},
    ),
    "held": (
        "UPDATE billing_creditwallet SET held = held + 1 WHERE account_id = {account}",
        {"held is not the sum of reservations", "lots do not add up to held"},
    ),
    "ledger row": (
        "UPDATE billing_credittransaction SET amount = amount - 1"
        " WHERE account_id = {account} AND type = 'deduction'",
        {
            "ledger sum is not the balance",
            "ledger row is not its split",
            "captured reservation without its ledger row",
            "deduction without a captured reservation",
        },
    ),
    "middle row gone": (
        "DELETE FROM billing_credittransaction WHERE account_id = {account} AND seq = 2",
        {
            "ledger sum is not the balance",
            "head or gap",
            "chain is broken",
            "split without a ledger row",
            "lot without its grant",
        },
    ),
    "split": (
        "UPDATE billing_credittransactionlot SET amount = amount - 1"
        " WHERE account_id = {account} AND amount < 0",
        {"ledger row is not its split", "lot is not its history"},
    ),
    "lot": (
        "UPDATE billing_creditlot SET remaining = remaining - 1 WHERE account_id = {account}",
        {"lots do not add up to the balance", "lot is not its history"},
    ),
    "lot held": (
        "UPDATE billing_creditlot SET held = held - 1 WHERE account_id = {account}",
        {"lots do not add up to held", "lot is not held by its reservations"},
    ),
    "reservation freed by hand": (
        "UPDATE billing_creditreservation SET status = 'released', resolved_at = now()"
        " WHERE account_id = {account} AND status = 'held'",
        {"held is not the sum of reservations", "lot is not held by its reservations"},
    ),
    "reservation without lots": (
        "DELETE FROM billing_creditreservationlot x USING billing_creditreservation r"
        " WHERE x.account_id = {account} AND r.id = x.reservation_id AND r.status = 'held'",
        {"reservation is not its lots", "lot is not held by its reservations"},
    ),
    "debt": (
        "UPDATE billing_creditwallet SET debt = 1 WHERE account_id = {account}",
        {"debt is not its history"},
    ),
    "lot granted more": (
        "UPDATE billing_creditlot SET granted = granted + 1 WHERE account_id = {account}",
        {"grant without its lot", "period brought less than its lot"},
    ),
    "parts of a reservation that never was": (
        "INSERT INTO billing_creditreservationlot"
        " (account_id, reservation_id, lot_id, amount, created_at, updated_at)"
        " VALUES ({account}, 0, 0, 1, now(), now())",
        {"credits held for no reservation"},
    ),
    "lot under another number": (
        "UPDATE billing_credittransactionlot SET lot_id = 0 WHERE account_id = {account}",
        {"lot is not its history", "split of an unknown lot"},
    ),
    "period with fewer credits": (
        "UPDATE billing_subscriptionperiod SET credits = credits - 1 WHERE account_id = {account}",
        {"period brought less than its lot"},
    ),
    "period gone": (
        "DELETE FROM billing_subscriptionperiod WHERE account_id = {account}",
        {"plan credits without their period"},
    ),
    "charged by hand": (
        "UPDATE billing_creditreservation SET captured = 9"
        " WHERE account_id = {account} AND status = 'captured'",
        {
            "captured reservation without its ledger row",
            "deduction without a captured reservation",
        },
    ),
}


@dataclass
class Book:
    """100 of a plan, 10 charged, 20 held."""

    account: int

    def findings(self) -> set[str]:
        problems = ledger_problems(account_id=self.account)
        return {problem.split(": ", 1)[1].split(" (", 1)[0] for problem in problems}


@pytest.fixture
def book() -> Book:
    account = make_billing.account_on(make_billing.plan(100))
    charged = make_billing.reservation(account, 15)
    capture_credits(
        account=account, reservation_id=charged.reservation_id, amount=10, attempt=1, now=NOW
    )
    make_billing.reservation(account, 20)
    return Book(account.pk)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(book: Book, fault: str) -> None:
    statement, expected = FAULTS[fault]
    untouched = make_billing.account_with(50)
    make_billing.forge(statement.format(account=book.account))

    found = book.findings()

    assert found == expected
    assert ledger_problems(account_id=untouched.pk) == []
    assert {p.split(":")[0] for p in ledger_problems()} == {f"account {book.account}"}


def test_every_finding_has_a_fault_above(book: Book) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_viewdef('ledger.audit'::regclass)")
        definition = cursor.fetchone()[0]

    findings = set.union(*(expected for _statement, expected in FAULTS.values()))
    assert book.findings() == set()
    assert all(f"'{finding}'" in definition for finding in findings)
    assert definition.count("UNION ALL") + 1 == len(findings)


# --- usage logs


def charged(account: Account) -> int:
    """A reservation that was captured and logged; its number."""
    credits = AccountCredits(account)  # noqa: A001 - the product's word
    hold = credits.reserve(
        operation="content",
        quantities={"per_words": 500},
        idempotency_key=make.unique("run"),
        related_type="writing_task",
        related_id=1,
        ttl=timedelta(hours=1),
        now=NOW,
    )
    credits.capture(hold, quantities={"per_words": 300}, usage=Usage("p", "m"), now=NOW)
    return hold.reservation_id


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "DELETE FROM billing_creditusagelog WHERE account_id = %s",
            "captured without a usage log",
        ),
        (
            "UPDATE billing_creditusagelog SET credits_used = 4 WHERE account_id = %s",
            "usage log is not its charge",
        ),
        (
            "UPDATE billing_creditusagelog SET transaction_id = NULL WHERE account_id = %s",
            "usage log is not its charge",
        ),
        (
            "INSERT INTO billing_creditusagelog (account_id, reservation_id, operation_type,"
            " credits_used, provider, model, related_type, metadata, created_at, updated_at)"
            " SELECT account_id, reservation_id, operation_type, 0, '', '', '', '{}', now(), now()"
            " FROM billing_creditusagelog WHERE account_id = %s",
            "reservation with several usage logs",
        ),
    ],
)
def test_each_charge_is_explained_by_one_usage_log(statement: str, expected: str) -> None:
    account = make_billing.account_with(100)
    charged(account)
    charged(make_billing.account_with(100))
    before = usage_problems()

    make_billing.forge(statement, account.pk)

    assert before == []
    assert expected in {p.split(": ", 1)[1].split(" (", 1)[0] for p in usage_problems()}
    assert {p.split(":")[0] for p in usage_problems()} == {f"account {account.pk}"}


# --- the jobs


def test_the_hourly_job_looks_at_what_changed(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = make_billing.account_with(10)
    make_billing.forge(
        "UPDATE billing_creditwallet SET debt = 1, updated_at = %s WHERE account_id = %s",
        NOW - timedelta(hours=5),
        quiet.pk,
    )
    make_billing.forge(
        "UPDATE billing_creditwallet SET debt = 1 WHERE account_id = %s", book.account
    )

    of_the_hour = audit_touched(now=NOW)
    monkeypatch.setattr(audit, "TOUCHED_MAX", 0)
    of_all = audit_touched(now=NOW)

    assert (of_the_hour, of_all) == (1, 2)


def test_the_daily_job_looks_at_everything_and_tells_the_log(
    book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    tomorrow = NOW + timedelta(days=1)
    sound = audit_all(now=tomorrow)
    make_billing.forge(
        "UPDATE billing_creditwallet SET debt = 1 WHERE account_id = %s", book.account
    )

    # The book's charge was made without a usage log.
    assert (sound, audit_all(now=tomorrow)) == (1, 2)
    told: list[Any] = [r.msg for r in caplog.records if DIGEST_EVENT in str(r.msg)]
    assert [(entry["account_id"], entry["last_seq"], entry["total"]) for entry in told] == [
        (book.account, 3, 90)
    ] * 2


def test_rows_that_were_changed_are_not_what_the_log_said(book: Book) -> None:
    other = make_billing.account_with(10)
    lines = [
        json.dumps({"event": DIGEST_EVENT, **asdict(d)}) for d in ledger_digests(day=NOW.date())
    ]
    noise = ["", "not json", f'{{"event": "{DIGEST_EVENT}"}}', f'["{DIGEST_EVENT}"]']

    before = digest_problems([*noise, *lines])
    make_billing.forge(
        "UPDATE billing_credittransaction SET metadata = '{}', idempotency_key = 'other'"
        " WHERE account_id = %s AND seq = 2",
        book.account,
    )
    make_billing.forge("DELETE FROM billing_credittransaction WHERE account_id = %s", other.pk)

    assert (len(lines), before) == (2, [])
    assert digest_problems([*noise, *lines]) == [
        f"account {number}: the rows of {NOW.date()} are not what they were"
        for number in (book.account, other.pk)
    ]


def test_a_day_without_rows_has_no_digests(book: Book) -> None:
    assert ledger_digests(day=NOW.date() - timedelta(days=1)) == []
    assert book.findings() == set()
