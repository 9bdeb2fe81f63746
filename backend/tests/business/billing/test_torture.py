"""Clients that are killed, connections that are cut, a server that dies: nothing is lost.

Short in CI; ``IGNY8_TORTURE_SECONDS=120`` makes a long run with more workers and two deaths of
the server. ``-s`` shows what happened.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import psycopg
import pytest
from django.db import connections
from django.utils import timezone

from igny8_core.business.billing.models import CreditReservation, CreditTransaction, CreditWallet
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.sweeping import expire_due
from igny8_core.business.billing.states import ReservationStatus, TransactionType
from igny8_core.engines.postgres import DATABASE, PROGRAM, SUPERUSER, EmbeddedPostgres
from igny8_core.engines.processes import processes_in
from tests.make import billing as make_billing
from tests.plugins.engines import load_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from pytest_django import DjangoDbBlocker

SECONDS = float(os.environ.get("IGNY8_TORTURE_SECONDS", "7"))
IS_LONG = SECONDS > 10
WORKERS = 12 if IS_LONG else 4
DEATHS = (0.35, 0.65) if IS_LONG else (0.4,)  # of the server, as shares of the time
WALLETS = 3
START_CREDITS = 2_000
RECOVERY_SECONDS = 60
WORKER = Path(__file__).with_name("torture_worker.py")
CUT_ONE = (
    "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity"
    " WHERE usename = 'igny8_app' AND datname = current_database() ORDER BY random() LIMIT 1) one"
)
POLLS, CUT_AT = 12, (4, 9)  # of a round; a connection may just be going up
BATCH = 10_000  # the sweep takes all of them
EXPECTED = {
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


@dataclass
class Gang:
    """Worker processes; who dies is replaced."""

    folder: Path
    accounts: list[int]
    alive: list[subprocess.Popen[bytes]] = field(default_factory=list)
    started: int = 0
    killed: int = 0
    end: float = field(default_factory=lambda: time.monotonic() + SECONDS)

    def fill(self) -> None:
        self.alive = [process for process in self.alive if process.poll() is None]
        while len(self.alive) < WORKERS and self.seconds_left > 0.5:
            settings = connections["default"].settings_dict
            self.started += 1
            log = self.folder / f"{self.started}.log"
            command = [sys.executable, str(WORKER), settings["HOST"], settings["NAME"]]
            command += [str(log), str(self.started), str(self.seconds_left)]
            command += [str(pk) for pk in self.accounts]
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
            process.wait(RECOVERY_SECONDS)

    def __enter__(self) -> Gang:
        return self

    def __exit__(self, *_exc: object) -> None:
        for process in self.alive:  # of a run that failed
            process.kill()
            process.wait(5)


def cut_one() -> int:
    """End one of the workers' connections; none while the server is away."""
    settings = connections["default"].settings_dict
    with (
        suppress(psycopg.OperationalError),
        psycopg.connect(
            host=settings["HOST"], dbname=settings["NAME"], user=SUPERUSER, autocommit=True
        ) as server,
    ):
        found = server.execute(CUT_ONE).fetchone()
        return int(found[0]) if found else 0
    return 0


def torture(folder: Path, accounts: list[int], deaths: list[Callable[[], None]]) -> dict[str, int]:
    """Let the gang work, and hurt it: what was done to it.

    :param deaths: of the server, each once, spread over the time.
    """
    chance = random.Random(1)  # noqa: S311 - chances, not secrets
    plan = list(zip(DEATHS, deaths, strict=False))
    cut = 0
    with Gang(folder, accounts) as gang:
        while gang.seconds_left > 1:  # later, who died is not replaced
            gang.fill()
            for poll in range(POLLS):
                time.sleep(0.05)
                cut += cut_one() if poll in CUT_AT else 0
            if plan and gang.seconds_left < SECONDS * (1 - plan[0][0]):
                plan.pop(0)[1]()
            else:
                gang.kill_one(chance)
        gang.finish()
    return {"clients killed": gang.killed, "connections cut": cut, "workers": gang.started}


def answers(folder: Path) -> Iterator[list[Any]]:
    """What the workers were told; the last line of a killed one may be cut."""
    for log in folder.glob("*.log"):
        for line in log.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def judge(folder: Path, done: dict[str, int], *, happened: Collection[str]) -> None:
    """The books agree, and everything that was acknowledged is in them.

    :param happened: what was done at least once, or the run proves nothing.
    """
    expire_due(now=timezone.now() + timedelta(hours=1), limit=BATCH)
    told = list(answers(folder))
    reservations = {
        (row.account_id, row.idempotency_key): row for row in CreditReservation.unscoped.all()
    }
    granted = {
        (row.account_id, row.idempotency_key): row.amount
        for row in CreditTransaction.unscoped.filter(type=TransactionType.PURCHASE)
    }
    lost = [note for note in told if _is_lost(note, reservations, granted)]
    counts = Counter(f"{note[0]}:{note[3]}" for note in told)
    held = [row for row in reservations.values() if row.status == ReservationStatus.HELD]
    spent = sum(row.captured or 0 for row in reservations.values())
    problems = ledger_problems()
    click.echo(
        f"\n{SECONDS:.0f} s, {WORKERS} at a time on {WALLETS} wallets: {done};"
        f" acknowledged {dict(sorted(counts.items()))};"
        f" audit findings {len(problems)}, acknowledged but lost {len(lost)}"
    )

    assert problems == []
    assert (lost, held) == ([], [])
    assert [note for note in told if note[0] == "error"] == []
    assert sum(wallet.balance for wallet in CreditWallet.unscoped.all()) == (
        sum(granted.values()) - spent
    )
    assert set(counts) <= EXPECTED
    assert min(counts["capture:captured"], *(done[what] for what in happened)) > 0


def _is_lost(
    note: list[Any],
    reservations: dict[tuple[int, str], CreditReservation],
    granted: dict[tuple[int, str], int],
) -> bool:
    what, account_id, key, _outcome, amount = note if len(note) == 5 else (note[0], 0, "", "", 0)
    row = reservations.get((account_id, key))
    if what == "capture":
        return row is None or row.captured != amount
    if what == "release":
        return row is None or row.status != ReservationStatus.RELEASED
    if what == "reserve":
        return row is None
    return what == "grant" and granted.get((account_id, key)) != amount


@pytest.mark.processes
@pytest.mark.timeout(180 + 2 * SECONDS)
@pytest.mark.django_db(transaction=True)
def test_killed_clients_and_cut_connections_lose_nothing(tmp_path: Path) -> None:
    accounts = [make_billing.account_with(START_CREDITS).pk for _ in range(WALLETS)]

    done = torture(tmp_path, accounts, [])

    judge(tmp_path, done, happened=["clients killed", "connections cut"])


class Mortal:
    """A PostgreSQL server of its own, as a person would run it: fsync on."""

    def __init__(self, data: Path) -> None:
        self.data, self.deaths = data, 0
        self.server = EmbeddedPostgres(data)

    def kill_postmaster(self) -> None:
        """``kill -9`` of the process that everybody knows."""
        self._die([int((self.data / "postmaster.pid").read_text().split()[0])])

    def kill_everything(self) -> None:
        """As when the power goes: no process says good-bye."""
        self._die(processes_in(self.data, PROGRAM))

    def _die(self, pids: list[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.deaths += 1
        self.server.stop()  # nothing is left to stop: collects the dead
        self.server = EmbeddedPostgres(self.data)
        self.server.start(timeout_seconds=RECOVERY_SECONDS)


@pytest.fixture
def mortal(schema: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Mortal]:
    """Django's connections lead to this server while the test runs."""
    # Not below pytest's own folder: every other run on the machine closes that for other users.
    with tempfile.TemporaryDirectory(prefix="igny8-mortal-") as folder:
        yield from _served(Mortal(Path(folder) / "pg"), schema, django_db_blocker)


def _served(found: Mortal, schema: Path, django_db_blocker: DjangoDbBlocker) -> Iterator[Mortal]:
    found.server.start()
    found.server.bootstrap()
    load_schema(schema, found.server.socket_dir, DATABASE)
    before = {
        alias: {name: connections[alias].settings_dict[name] for name in ("HOST", "NAME")}
        for alias in connections
    }
    with django_db_blocker.unblock():
        try:
            for alias in connections:
                connections[alias].close()
                place = {"HOST": str(found.server.socket_dir), "NAME": DATABASE}
                connections[alias].settings_dict.update(place)
            yield found
        finally:
            for alias, place in before.items():
                connections[alias].close()
                connections[alias].settings_dict.update(place)
            found.server.stop()


@pytest.mark.processes
@pytest.mark.timeout(300 + 2 * SECONDS)
def test_a_server_that_is_killed_loses_nothing(tmp_path: Path, mortal: Mortal) -> None:
    accounts = [make_billing.account_with(START_CREDITS).pk for _ in range(WALLETS)]
    for alias in connections:
        connections[alias].close()

    deaths = [mortal.kill_everything, mortal.kill_postmaster]
    done = torture(tmp_path, accounts, deaths)

    judge(tmp_path, done | {"server killed": mortal.deaths}, happened=["server killed"])
    assert mortal.deaths == len(DEATHS)
