"""Clients that are killed, connections that are cut, messages that come twice: nothing is lost."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from igny8_core.business.billing.models import (
    CreditReservation,
    CreditTransaction,
    CreditWallet,
)
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.sweeping import expire_due
from igny8_core.business.billing.states import ReservationStatus, TransactionType
from tests.make import billing as make_billing
from tests.plugins.engines import superuser

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 8.0
WORKERS = 4
WALLETS = 3
START_CREDITS = 2_000
WORKER = Path(__file__).with_name("torture_worker.py")
CUT_ONE = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE usename = 'igny8_app' AND datname = current_database() AND random() < 0.1"
)
BATCH = 10_000  # the sweep takes all of them


class Gang:
    """Worker processes; who dies is replaced."""

    def __init__(self, folder: Path, accounts: list[int]) -> None:
        self.folder, self.accounts = folder, [str(pk) for pk in accounts]
        self.end = time.monotonic() + SECONDS
        self.alive: list[subprocess.Popen[bytes]] = []
        self.started = self.killed = 0

    def fill(self) -> None:
        self.alive = [process for process in self.alive if process.poll() is None]
        while len(self.alive) < WORKERS and self.seconds_left > 0.5:
            settings = connections["default"].settings_dict
            self.started += 1
            log = self.folder / f"{self.started}.log"
            command = [sys.executable, str(WORKER), settings["HOST"], settings["NAME"]]
            command += [str(log), str(self.started), str(self.seconds_left), *self.accounts]
            self.alive.append(subprocess.Popen(command))

    def kill_one(self, chance: random.Random) -> None:
        victim = chance.choice(self.alive)
        victim.kill()
        victim.wait(5)
        self.killed += 1

    @property
    def seconds_left(self) -> float:
        return self.end - time.monotonic()

    def finish(self) -> None:
        for process in self.alive:
            process.wait(30)


def answers(folder: Path) -> Iterator[list[Any]]:
    """What the workers were told; the last line of a killed one may be cut."""
    for log in folder.iterdir():
        for line in log.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


@pytest.mark.processes
@pytest.mark.timeout(180)
@pytest.mark.django_db(transaction=True)
def test_nothing_acknowledged_is_lost_and_the_books_agree(tmp_path: Path) -> None:
    accounts = [make_billing.account_with(START_CREDITS).pk for _ in range(WALLETS)]
    chance = random.Random(1)  # noqa: S311 - chances, not secrets
    gang = Gang(tmp_path, accounts)
    cut: Any = 0
    with superuser(connection.settings_dict["NAME"]) as server:
        while gang.seconds_left > 1:  # later, who died is not replaced
            gang.fill()
            for _ in range(12):  # a connection may just be going up
                time.sleep(0.05)
                cut += server.execute(CUT_ONE).fetchall()[0][0]
            gang.kill_one(chance)
    gang.finish()
    expire_due(now=timezone.now() + timedelta(hours=1), limit=BATCH)

    told = list(answers(tmp_path))
    reservations = {
        (row.account_id, row.idempotency_key): row for row in CreditReservation.unscoped.all()
    }
    granted = {
        (row.account_id, row.idempotency_key): row.amount
        for row in CreditTransaction.unscoped.filter(type=TransactionType.PURCHASE)
    }
    lost = [
        note
        for note in told
        if (note[0] == "capture" and reservations[note[1], note[2]].captured != note[4])
        or (
            note[0] == "release"
            and reservations[note[1], note[2]].status != ReservationStatus.RELEASED
        )
        or (note[0] == "grant" and granted[note[1], note[2]] != note[4])
    ]
    counts = Counter(f"{note[0]}:{note[3]}" for note in told)
    held = [row for row in reservations.values() if row.status == ReservationStatus.HELD]
    spent = sum(row.captured or 0 for row in reservations.values())

    assert ledger_problems() == []
    assert (lost, held) == ([], [])
    assert [note for note in told if note[0] == "error"] == []
    assert sum(wallet.balance for wallet in CreditWallet.unscoped.all()) == (
        sum(granted.values()) - spent
    )
    assert set(counts) <= {
        "grant:created",
        "grant:exists",
        "reserve:created",
        "reserve:exists",
        "refused:insufficient",
        "release:released",
        "release:replay",
        "capture:captured",
        "capture:replay",
    }
    assert min(counts["capture:captured"], gang.killed, cut) > 0
