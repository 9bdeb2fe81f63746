"""Seventeen ways to falsify the books, tried by the runtime role, the owner and a superuser."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from django.db import DatabaseError, connection, transaction

from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.reservations import capture_credits
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db

INSERT = (
    "INSERT INTO billing_credittransaction (account_id, seq, type, amount, balance_before,"
    " idempotency_key, reservation_id, metadata, created_at, updated_at) VALUES"
    " ({account}, {seq}, '{type}', {amount}, {before}, '{key}', {reservation},"
    " jsonb_build_object(), now(), now())"
)
ROW = "WHERE account_id = {account} AND seq = 4"


def insert(
    *,
    seq: int = 5,
    type_: str = "adjustment",
    amount: int = 5,
    before: int = 520,
    key: str = "forged",
    reservation: str = "NULL",
) -> str:
    return INSERT.format(
        account="{account}",
        seq=seq,
        type=type_,
        amount=amount,
        before=before,
        key=key,
        reservation=reservation,
    )


ATTACKS: dict[str, list[str]] = {
    "change an amount": [f"UPDATE billing_credittransaction SET amount = 29 {ROW}"],
    "delete a row": [f"DELETE FROM billing_credittransaction {ROW}"],
    "truncate the ledger": [
        "SET LOCAL ledger.allow_truncate = off",
        "TRUNCATE billing_credittransaction CASCADE",
    ],
    "credit the wallet": [
        "UPDATE billing_creditwallet SET balance = balance + 1000 WHERE account_id = {account}"
    ],
    "negative wallet": [
        "UPDATE billing_creditwallet SET balance = -1 WHERE account_id = {account}"
    ],
    "wrong balance before": [insert(before=9_999)],
    "wrong balance after": [
        insert()
        .replace("balance_before,", "balance_before, balance_after,")
        .replace("520,", "520, 9999,")
    ],
    "head not moved": [insert()],
    "gap": [insert(seq=7)],
    "fork": [insert(seq=4, before=490)],
    "key used twice": [insert(key="bought")],
    "overdraw": [insert(amount=-1_000)],
    "second deduction": [insert(type_="deduction", amount=-5, reservation="{reservation}")],
    "move the head back": [
        "UPDATE billing_creditwallet SET seq = 3, balance = 490 WHERE account_id = {account}"
    ],
    "reopen a reservation": [
        "UPDATE billing_creditreservation SET status = 'held', resolved_at = NULL,"
        " captured = NULL WHERE id = {reservation}"
    ],
    "replica role and update": [
        "SET LOCAL session_replication_role = replica",
        f"UPDATE billing_credittransaction SET amount = 29 {ROW}",
    ],
    "triggers off and delete": [
        "ALTER TABLE billing_credittransaction DISABLE TRIGGER ALL",
        f"DELETE FROM billing_credittransaction {ROW}",
    ],
}
ONLY_AUDITED = {"replica role and update", "triggers off and delete"}


class Undo(Exception):
    """Nothing of an attack stays."""


@dataclass
class Books:
    """Opening, +500, -10 by a captured reservation, +30: four rows, balance 520."""

    account: int
    reservation: int

    @contextmanager
    def attacked_by(self, role: str) -> Iterator[None]:
        """A transaction of that role that is rolled back."""
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # nothing pending before
                cursor.execute("SET CONSTRAINTS ALL DEFERRED")
                cursor.execute(
                    "SELECT set_config('igny8.account_id', %s, true), set_config('role', %s, true)",
                    [str(self.account), role],
                )
                yield
                raise Undo
        except Undo:
            pass

    def run(self, statements: list[str]) -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement.format(account=self.account, reservation=self.reservation))
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a COMMIT would check


@pytest.fixture
def books() -> Books:
    account = make.account()
    make_billing.credits(account, 500, idempotency_key="bought")
    hold = make_billing.reservation(account, 20)
    capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=10, attempt=1, now=NOW
    )
    make_billing.credits(account, 30)
    return Books(account.pk, hold.reservation_id)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("role", ["igny8_app", "ledger_owner", "igny8_owner"])
def test_no_role_of_ours_can_falsify_the_books(books: Books, role: str, attack: str) -> None:
    with pytest.raises(DatabaseError), books.attacked_by(role):
        books.run(ATTACKS[attack])

    assert ledger_problems() == []


@pytest.mark.parametrize("attack", sorted(set(ATTACKS) - ONLY_AUDITED))
def test_a_superuser_is_refused_too(books: Books, attack: str) -> None:
    with pytest.raises(DatabaseError), books.attacked_by("postgres"):
        books.run(ATTACKS[attack])


@pytest.mark.parametrize("attack", sorted(ONLY_AUDITED))
def test_the_audit_reports_what_a_superuser_can_do(books: Books, attack: str) -> None:
    with books.attacked_by("postgres"):
        books.run(["SET CONSTRAINTS ALL IMMEDIATE", *ATTACKS[attack]])
        found = findings(books)

    assert {"ledger sum is not the balance", "chain is broken"} & found


def test_the_audit_reports_a_forged_row_behind_a_dropped_chain(books: Books) -> None:
    with books.attacked_by("ledger_owner"):
        books.run(
            [
                "ALTER TABLE billing_credittransaction DROP CONSTRAINT credittx_chain",
                insert(amount=1_000, before=0),
                "UPDATE billing_creditwallet SET seq = 5, balance = 1000"
                " WHERE account_id = {account}",
                "RESET ROLE",
            ]
        )
        found = findings(books)

    assert found == {
        "chain is broken",
        "ledger sum is not the balance",
        "ledger row is not its split",
        "lots do not add up to the balance",
        "grant without its lot",
    }


def test_user_triggers_switched_off_leave_the_keys(books: Books) -> None:
    with pytest.raises(DatabaseError), books.attacked_by("ledger_owner"):
        books.run(
            [
                "ALTER TABLE billing_credittransaction DISABLE TRIGGER USER",
                f"UPDATE billing_credittransaction SET amount = 29 {ROW}",
            ]
        )


def findings(books: Books) -> set[str]:
    problems = ledger_problems(account_id=books.account)
    return {problem.split(": ", 1)[1].split(" (", 1)[0] for problem in problems}
