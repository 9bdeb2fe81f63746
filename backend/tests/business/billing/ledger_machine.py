"""Random histories of the ledger's functions beside a model of the rules in plain Python.

Every step may be preceded by the same call rolled back (a worker that died before its commit)
and followed by a repeat, and by a repeat with other parameters. After each step the wallet, the
lots and the audit view are compared with the model.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from psycopg.types.json import Jsonb

from igny8_core.business.billing.services import ledger
from igny8_core.common.tenancy.context import tenant
from tests import make

START = datetime(2026, 11, 1, tzinfo=UTC)
NEVER = datetime.max.replace(tzinfo=UTC)
LATER = st.sampled_from([0, 0, 0, 1, 5, 60, 60 * 24, 60 * 24 * 5])  # minutes; equal to lifetimes
CAUSES = ("dispute", "dunning", "staff")
GRANTS = ("purchase", "subscription", "promo", "adjustment", "reinstatement")


class DiedBeforeCommit(Exception):
    """What a worker did is rolled back."""


@dataclass
class Lot:
    granted: int
    remaining: int
    priority: int
    expires_at: datetime | None
    is_of_plan: bool = False
    held: int = 0
    is_revoked: bool = False


@dataclass
class Reservation:
    key: str
    asked: int
    amount: int
    expires_at: datetime
    status: str = "held"
    captured: int | None = None
    attempt: int = 1
    parts: dict[int, int] = field(default_factory=dict)


class LedgerMachine(RuleBasedStateMachine):
    """One account."""

    def __init__(self) -> None:
        super().__init__()
        self.account = make.account()
        self.now = START
        self.steps = 0
        self.lots: dict[int, Lot] = {}
        self.reservations: dict[int, Reservation] = {}
        self.debt = 0
        self.blocks: set[str] = set()

    # --- the database

    def call(self, function: str, **arguments: Any) -> ledger.Answer:
        with tenant(self.account.pk):
            return ledger.call(function, account=self.account.pk, **arguments, now=self.now)

    def call_and_die(self, function: str, **arguments: Any) -> None:
        try:
            with tenant(self.account.pk):
                self.call(function, **arguments)
                raise DiedBeforeCommit
        except DiedBeforeCommit:
            pass

    def step(self, function: str, *, dies: bool, **arguments: Any) -> ledger.Answer:
        if dies:
            self.call_and_die(function, **arguments)
        return self.call(function, **arguments)

    def key(self, word: str) -> str:
        self.steps += 1
        return f"{word}:{self.steps}"

    # --- the model

    @property
    def balance(self) -> int:
        return sum(lot.remaining for lot in self.lots.values())

    @property
    def held(self) -> int:
        return sum(r.amount for r in self.reservations.values() if r.status == "held")

    def burn_order(self) -> list[int]:
        def rank(pk: int) -> tuple[int, datetime, int]:
            return self.lots[pk].priority, self.lots[pk].expires_at or NEVER, pk

        return sorted(self.lots, key=rank)

    def expire_due_lots(self) -> None:
        for lot in self.lots.values():
            if lot.expires_at is not None and lot.expires_at <= self.now:
                lot.remaining = lot.held

    def pay_debt(self, pk: int, most: int) -> None:
        lot = self.lots[pk]
        pay = min(self.debt, most, lot.remaining - lot.held)
        lot.remaining -= pay
        self.debt -= pay

    def refusal(self, amount: int) -> str | None:
        self.expire_due_lots()
        if self.blocks or self.debt:
            return "blocked"
        return "insufficient" if self.balance - self.held < amount else None

    def hold(self, reservation: Reservation, amount: int) -> None:
        need = amount
        for pk in self.burn_order():
            part = min(need, self.lots[pk].remaining - self.lots[pk].held)
            if part > 0:
                self.lots[pk].held += part
                reservation.parts[pk] = reservation.parts.get(pk, 0) + part
                need -= part

    def resolve(self, reservation: Reservation, status: str, used: int) -> None:
        reservation.status = status
        reservation.captured = used if status == "captured" else None
        left_over, freed = used, {}
        for pk in [pk for pk in self.burn_order() if pk in reservation.parts]:
            part = min(left_over, reservation.parts[pk])
            self.lots[pk].held -= reservation.parts[pk]
            self.lots[pk].remaining -= part
            left_over -= part
            freed[pk] = reservation.parts[pk] - part
        ends = [self.lots[pk].expires_at for pk in reservation.parts]
        if any(end is not None and end <= self.now for end in ends):
            self.expire_due_lots()
        for pk, amount in freed.items():
            self.pay_debt(pk, amount)

    def some_reservation(self, pick: int) -> tuple[int, Reservation]:
        pk = list(self.reservations)[pick % len(self.reservations)]
        return pk, self.reservations[pk]

    # --- the rules

    @initialize(amount=st.integers(1, 200), days=st.sampled_from([None, 1, 30]))
    def begin_with_credits(self, *, amount: int, days: int | None) -> None:
        self.grant(amount=amount, type_="subscription", priority=10, days=days, dies=False)

    @rule(
        amount=st.integers(1, 300) | st.just(0),
        type_=st.sampled_from(GRANTS),
        priority=st.sampled_from([10, 20, 50]),
        days=st.sampled_from([None, None, 0, 1, 5, 30]),
        dies=st.booleans(),
    )
    def grant(
        self, *, amount: int, type_: str, priority: int, days: int | None, dies: bool
    ) -> None:
        expires = None if days is None else self.now + timedelta(days=days)
        same: dict[str, Any] = {
            "key": self.key("grant"),
            "type": type_,
            "amount": amount,
            "priority": priority,
            "expires": expires,
        }

        answer = self.step("grant_credits", dies=dies, **same)

        if amount == 0:
            assert answer.outcome == "bad_amount"
            return
        assert answer.outcome == "created"
        self.lots[answer["lot_id"]] = Lot(
            amount, amount, priority, expires, is_of_plan=type_ == "subscription"
        )
        self.pay_debt(answer["lot_id"], amount)
        assert self.call("grant_credits", **same).outcome == "exists"
        others: list[dict[str, Any]] = [
            {"amount": amount + 1},
            {"priority": priority + 1},
            {"expires": START - timedelta(days=1)},
            {"type": "purchase" if type_ == "promo" else "promo"},
        ]
        other = others[self.steps % len(others)]
        assert self.call("grant_credits", **same | other).outcome == "mismatch"

    @rule(
        amount=st.integers(1, 60) | st.just(0),
        minutes=st.sampled_from([5, 60, 60 * 24 * 3]),
        dies=st.booleans(),
        takes_all=st.booleans(),
    )
    def reserve(self, *, amount: int, minutes: int, dies: bool, takes_all: bool) -> None:
        if takes_all and 0 < self.balance - self.held < 200:
            amount = self.balance - self.held
        same: dict[str, Any] = {
            "key": self.key("run"),
            "fingerprint": "f",
            "amount": amount,
            "ttl": timedelta(minutes=minutes),
            "operation": "content",
            "related_type": "content.tasks",
            "related_id": 7,
            "price": Jsonb({}),
        }

        answer = self.step("reserve", dies=dies, **same)

        if amount == 0:
            assert answer.outcome == "bad_amount"
            return
        if refusal := self.refusal(amount):
            assert (answer.outcome, answer["reservation_id"]) == (refusal, None)
            assert answer["available"] == self.balance - self.held
            return
        assert (answer.outcome, answer["status"], answer["attempt"]) == ("created", "held", 1)
        made = Reservation(same["key"], amount, amount, self.now + same["ttl"])
        self.reservations[answer["reservation_id"]] = made
        self.hold(made, amount)
        self.repeat_reserve(answer["reservation_id"])

    def repeat_reserve(self, pk: int) -> None:
        made = self.reservations[pk]
        same: dict[str, Any] = {
            "key": made.key,
            "fingerprint": "f",
            "amount": made.asked,
            "ttl": timedelta(minutes=1),
            "operation": "content",
            "related_type": "content.tasks",
            "related_id": 7,
            "price": Jsonb({}),
        }
        again = self.call("reserve", **same)
        assert (again.outcome, again["reservation_id"]) == ("exists", pk)
        assert (again["status"], again["attempt"]) == (made.status, made.attempt)
        assert again["amount"] == made.amount
        others: list[dict[str, Any]] = [
            {"amount": made.asked + 1},
            {"fingerprint": "g"},
            {"operation": "image"},
            {"related_id": 8},
        ]
        other = others[self.steps % len(others)]
        assert self.call("reserve", **same | other).outcome == "mismatch"

    @precondition(lambda self: self.reservations)
    @rule(pick=st.integers(0, 50))
    def repeat_an_old_request(self, pick: int) -> None:
        self.repeat_reserve(self.some_reservation(pick)[0])

    @precondition(lambda self: self.reservations)
    @rule(pick=st.integers(0, 50), more=st.integers(-3, 80), later=LATER, dies=st.booleans())
    def extend(self, *, pick: int, later: int, more: int, dies: bool) -> None:
        self.now += timedelta(minutes=later)
        pk, made = self.some_reservation(pick)
        same = {"reservation": pk, "amount": made.amount + more, "attempt": made.attempt}

        answer = self.step("extend", dies=dies, **same)

        if made.status != "held":
            assert answer.outcome == f"already_{made.status}"
        elif more <= 0:
            assert answer.outcome == ("exists" if more == 0 else "bad_amount")
        elif refusal := self.refusal(more):
            assert answer.outcome == refusal
        else:
            assert answer.outcome == "extended"
            made.amount += more
            self.hold(made, more)
            assert self.call("extend", **same).outcome == "exists"

    @precondition(lambda self: self.reservations)
    @rule(
        pick=st.integers(0, 50), minutes=st.sampled_from([5, 60]), later=LATER, dies=st.booleans()
    )
    def take_over(self, *, pick: int, later: int, minutes: int, dies: bool) -> None:
        self.now += timedelta(minutes=later)
        pk, made = self.some_reservation(pick)
        ttl = timedelta(minutes=minutes)

        answer = self.step("take_over", dies=dies, reservation=pk, ttl=ttl)

        if made.status != "held":
            assert answer["attempt"] is None
            return
        made.attempt += 1
        made.expires_at = self.now + ttl
        assert answer["attempt"] == made.attempt

    @precondition(lambda self: self.reservations)
    @rule(pick=st.integers(0, 50), percent=st.integers(0, 120), later=LATER, dies=st.booleans())
    def capture(self, *, pick: int, later: int, percent: int, dies: bool) -> None:
        self.now += timedelta(minutes=later)
        pk, made = self.some_reservation(pick)
        used = made.amount * percent // 100
        same = {"reservation": pk, "amount": used, "attempt": made.attempt}

        answer = self.step("capture", dies=dies, **same)

        if made.status != "held":
            is_replay = made.status == "captured" and made.captured == used
            assert answer.outcome == ("replay" if is_replay else f"already_{made.status}")
            return
        if used > made.amount:
            assert answer.outcome == "exceeds"
            return
        assert answer.outcome == "captured"
        self.resolve(made, "captured", used)
        again = self.call("capture", **same)
        assert (again.outcome, again["transaction_id"]) == ("replay", answer["transaction_id"])
        assert self.call("capture", **same | {"amount": used + 1}).outcome == "already_captured"

    @precondition(lambda self: self.reservations)
    @rule(pick=st.integers(0, 50), later=LATER, dies=st.booleans())
    def release(self, *, pick: int, later: int, dies: bool) -> None:
        self.now += timedelta(minutes=later)
        pk, made = self.some_reservation(pick)

        answer = self.step("release", dies=dies, reservation=pk, attempt=made.attempt)

        if made.status != "held":
            expected = "replay" if made.status == "released" else f"already_{made.status}"
            assert answer.outcome == expected
            return
        assert answer.outcome == "released"
        self.resolve(made, "released", 0)

    @precondition(lambda self: self.reservations)
    @rule(pick=st.integers(0, 50), off=st.sampled_from([-1, 1]))
    def stale_attempt(self, pick: int, off: int) -> None:
        pk, made = self.some_reservation(pick)
        stale = {"reservation": pk, "attempt": made.attempt + off}
        used = made.amount if made.captured is None else made.captured

        assert self.call("capture", **stale, amount=used).outcome == "stale_attempt"
        assert self.call("release", **stale).outcome == "stale_attempt"
        assert self.call("extend", **stale, amount=made.amount + 1).outcome == "stale_attempt"

    @precondition(lambda self: self.reservations)
    @rule(later=LATER, dies=st.booleans())
    def sweep(self, *, later: int, dies: bool) -> None:
        self.now += timedelta(minutes=later)
        for pk, made in self.reservations.items():
            answer = self.step("expire", dies=dies, reservation=pk)
            if made.status != "held":
                expected = "replay" if made.status == "expired" else f"already_{made.status}"
                assert answer.outcome == expected
            elif made.expires_at > self.now:
                assert answer.outcome == "not_due"
            else:
                assert answer.outcome == "expired"
                self.resolve(made, "expired", 0)
        before = self.balance
        self.expire_due_lots()
        expired = self.step("expire_lots", dies=dies)["expire_lots"]
        assert expired == before - self.balance

    @precondition(lambda self: self.steps % 3 == 0)
    @rule(
        cause=st.sampled_from(CAUSES),
        is_on=st.sampled_from([False, False, False, True]),
        dies=st.booleans(),
    )
    def block(self, *, cause: str, is_on: bool, dies: bool) -> None:
        if not is_on:  # all of them, or most histories would stay blocked to their end
            for other in self.blocks - {cause}:
                self.call("set_block", cause=other, on=False)
            self.blocks &= {cause}
        assert self.step("set_block", dies=dies, cause=cause, on=is_on).outcome == "set"
        self.blocks = self.blocks | {cause} if is_on else self.blocks - {cause}

    @precondition(lambda self: any(lot.is_of_plan for lot in self.lots.values()))
    @rule(pick=st.integers(0, 50), later=LATER, dies=st.booleans())
    def close(self, *, pick: int, later: int, dies: bool) -> None:
        self.now += timedelta(minutes=later)
        plan_lots = [pk for pk, lot in self.lots.items() if lot.is_of_plan]
        pk = plan_lots[pick % len(plan_lots)]
        lot = self.lots[pk]

        answer = self.step("close_lot", dies=dies, lot=pk)

        assert (answer.outcome, answer["amount"]) == ("closed", lot.remaining - lot.held)
        lot.remaining = lot.held
        assert self.call("close_lot", lot=pk)["amount"] == 0

    @precondition(lambda self: not all(lot.is_revoked for lot in self.lots.values()))
    @rule(
        pick=st.integers(0, 50),
        type_=st.sampled_from(["refund", "adjustment", "refund", "chargeback"]),
        owed=st.integers(0, 300),
        dies=st.booleans(),
    )
    def revoke(self, *, pick: int, type_: str, owed: int, dies: bool) -> None:
        open_lots = [pk for pk, lot in self.lots.items() if not lot.is_revoked]
        pk = open_lots[pick % len(open_lots)]
        lot = self.lots[pk]
        same: dict[str, Any] = {
            "lot": pk,
            "key": self.key("revoke"),
            "type": type_,
            "owed": owed,
        }

        answer = self.step("revoke_lot", dies=dies, **same)

        if owed == 0:
            assert answer.outcome == "bad_amount"
            return
        taken = min(lot.remaining - lot.held, owed)
        debt = owed - taken if type_ == "chargeback" else 0
        assert (answer.outcome, answer["taken"], answer["new_debt"]) == ("created", taken, debt)
        lot.remaining -= taken
        lot.is_revoked = True
        self.debt += debt
        again = self.call("revoke_lot", **same)
        assert (again.outcome, again["taken"], again["new_debt"]) == ("exists", taken, debt)
        assert self.call("revoke_lot", **same | {"owed": owed + 1}).outcome == "mismatch"
        assert self.call("grant_credits", **_as_grant(same)).outcome == "mismatch"

    # --- after every step

    @invariant()
    def books_agree(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a COMMIT would check
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            cursor.execute(
                "SELECT balance, held, debt, is_dispute_blocked, is_dunning_blocked,"
                " is_staff_blocked FROM billing_creditwallet WHERE account_id = %s",
                [self.account.pk],
            )
            blocks = tuple(cause in self.blocks for cause in CAUSES)
            assert cursor.fetchone() == (self.balance, self.held, self.debt, *blocks)
            cursor.execute(
                "SELECT id, remaining, held FROM billing_creditlot WHERE account_id = %s",
                [self.account.pk],
            )
            assert {row[0]: row[1:] for row in cursor.fetchall()} == {
                pk: (lot.remaining, lot.held) for pk, lot in self.lots.items()
            }
            cursor.execute("SELECT * FROM ledger.audit WHERE account_id = %s", [self.account.pk])
            assert cursor.fetchall() == []


def _as_grant(revocation: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": revocation["key"],
        "type": "adjustment",
        "amount": revocation["owed"],
        "priority": 50,
        "expires": None,
    }
