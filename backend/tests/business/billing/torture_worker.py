"""A client of the ledger that may be killed at any moment; every answer it got is on disk.

Run as ``python torture_worker.py HOST DBNAME LOG SEED SECONDS ACCOUNT…``, as the runtime role.
It knows nothing of Django, so that a new one is at work within a moment.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import psycopg

CONNECTION_LOST = ("57", "08")  # classes of SQLSTATE: the server went away or sent us away
TRIES = 50
CONNECT_TRIES = 1_200  # a server that was killed recovers first


class Client:
    """Repeats a call until it has an answer; the calls are idempotent."""

    def __init__(self, host: str, dbname: str, log: Path) -> None:
        self.address: dict[str, Any] = {"host": host, "dbname": dbname, "user": "igny8_app"}
        self.log = log.open("a", buffering=1)
        self.connection = self.connect()

    def connect(self) -> psycopg.Connection[Any]:
        for _ in range(CONNECT_TRIES):
            try:
                return psycopg.connect(**self.address, autocommit=True)
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise RuntimeError("the server stays away")

    def note(self, *what: object) -> None:
        self.log.write(json.dumps(what) + "\n")

    def call(self, account: int, sql: str, *parameters: object) -> tuple[Any, ...]:
        for _ in range(TRIES):
            try:
                with self.connection.transaction():
                    self.connection.execute(
                        "SELECT set_config('igny8.account_id', %s, true)", [str(account)]
                    )
                    answer = self.connection.execute(
                        f"SELECT * FROM ledger.{sql}", [account, *parameters]
                    ).fetchone()
            except psycopg.Error as exc:
                if exc.sqlstate and exc.sqlstate[:2] not in CONNECTION_LOST:
                    self.note("error", exc.sqlstate, str(exc))
                    raise
                self.connection.close()
                self.connection = self.connect()
            else:
                return answer or ()
        raise RuntimeError("no answer")


def work(client: Client, chance: random.Random, account: int) -> None:
    """One job: grant, or reserve and then settle, vanish, or die."""
    job, amount = str(uuid.UUID(int=chance.getrandbits(128))), chance.randint(1, 50)
    if chance.random() < 0.1:
        grant = "grant_credits(%s, %s, 'purchase', %s, 50, NULL, now())"
        outcome = client.call(account, grant, f"g:{job}", amount * 5)[0]
        client.note("grant", account, f"g:{job}", outcome, amount * 5)
        return
    reserve = "reserve(%s, %s, 'f', %s, '5 min', 'content', '', NULL, '{}', now())"
    for _ in range(chance.choice([1, 1, 1, 2])):
        answer = client.call(account, reserve, job, amount)
    if answer[0] not in {"created", "exists"}:
        client.note("refused", account, job, answer[0], 0)
        return
    client.note("reserve", account, job, answer[0], amount)
    fate = chance.random()
    if fate < 0.05:
        return  # vanished: the sweep must free it
    if fate < 0.08:
        os.kill(os.getpid(), signal.SIGKILL)
    if fate < 0.25:
        outcome = client.call(account, "release(%s, %s, 1, now())", answer[1])[0]
        client.note("release", account, job, outcome, 0)
        return
    used = chance.randint(0, amount)
    for _ in range(chance.choice([1, 1, 2])):
        outcome = client.call(account, "capture(%s, %s, %s, 1, now())", answer[1], used)[0]
    client.note("capture", account, job, outcome, used)


def main() -> None:
    host, dbname, log, seed, seconds, *accounts = sys.argv[1:]
    chance = random.Random(int(seed))  # noqa: S311 - chances, not secrets
    client = Client(host, dbname, Path(log))
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        work(client, chance, int(chance.choice(accounts)))
    client.connection.close()
    client.log.close()


if __name__ == "__main__":
    main()
