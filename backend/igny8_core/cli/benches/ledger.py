"""Reserve and capture against two one-row updates, side by side on one embedded server.

Both go through the same Django connection and the same tenant block, as the runtime role, with
``synchronous_commit`` and ``fsync`` on; only the statement inside differs. Clients are processes;
each goes through all accounts again and again, in an order of its own.
"""

from __future__ import annotations

import itertools
import multiprocessing
import random
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from igny8_core.cli.database import database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.queues import Queue

    Samples = dict[str, list["Sample"]]

T = TypeVar("T")

OPTIONS = [
    click.Option(["--clients"], type=click.IntRange(1, 64), default=8, show_default=True),
    click.Option(["--accounts"], type=click.IntRange(1, 10_000), default=1, show_default=True),
    click.Option(["--seconds"], type=click.FloatRange(1), default=28.0, show_default=True),
]
PAIRS = 7  # samples of each kind; figures are medians, ratios are those of neighbours
WARM_UP = 0.1  # share of the time
CREDITS = 10**12
AMOUNT = 40
START_SECONDS = 0.6
TRIES = 20  # of a call that finds the wallet busy: what a caller does, and it counts as time
SPARE_SECONDS = 120


@dataclass
class Sample:
    """What one client did in one sample: seconds of each cycle, credits it saw captured."""

    cycles: list[float] = field(default_factory=list)
    captured: int = 0


@dataclass(frozen=True)
class AccountKey:
    """An account by its key alone."""

    pk: int


def run(*, clients: int, accounts: int, seconds: float) -> dict[str, Any]:
    """Measure; one JSON object.

    :returns: ``cycles_per_second`` (median), ``p99_ms``, ``ratio_to_trivial`` (median over pairs
        of neighbouring samples) and ``violations`` (audit findings, and acknowledged captures
        that the books do not have).
    """
    with tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder, database(Path(folder)):
        keys = _open_accounts(accounts)
        samples = _measure(keys, clients=clients, seconds=seconds)
        captured = sum(sample.captured for ledger in samples["ledger"] for sample in ledger)
        violations = _violations(keys, captured)
    length = _sample_seconds(seconds)
    ledger, trivial = (
        [sum(len(client.cycles) for client in sample) / length for sample in samples[kind]]
        for kind in ("ledger", "trivial")
    )
    p99 = {kind: _p99_ms(samples[kind]) for kind in samples}
    return {
        "benchmark": "ledger",
        "clients": clients,
        "accounts": accounts,
        "seconds": seconds,
        "samples": PAIRS,
        "cycles_per_second": round(statistics.median(ledger), 1),
        "trivial_per_second": round(statistics.median(trivial), 1),
        "ratio_to_trivial": round(
            statistics.median(a / b for a, b in zip(ledger, trivial, strict=True)), 3
        ),
        "p99_ms": round(p99["ledger"], 2),
        "p99_trivial_ms": round(p99["trivial"], 2),
        "violations": violations,
    }


def _open_accounts(count: int) -> list[AccountKey]:
    """Accounts with credits, and a counter row for each."""
    from django.db import connections
    from django.utils import timezone

    from igny8_core.auth.models import Account
    from igny8_core.business.billing.services.lots import grant_credits

    rows = [Account(name=f"Bench {n}", slug=f"bench-{n}") for n in range(count)]
    made = Account.objects.using("admin").bulk_create(rows, batch_size=1_000)
    keys = [AccountKey(row.pk) for row in made]
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE bench_counter (id bigint PRIMARY KEY, n bigint NOT NULL)")
        cursor.execute("ALTER TABLE bench_counter SET (fillfactor = 50)")
        cursor.execute("GRANT SELECT, UPDATE ON bench_counter TO igny8_app")
        cursor.execute(
            "INSERT INTO bench_counter SELECT unnest(%s::bigint[]), 0", [[key.pk for key in keys]]
        )
    for key in keys:
        grant_credits(
            account=key,
            amount=CREDITS,
            type="purchase",
            idempotency_key="bench",
            now=timezone.now(),
        )
    for alias in connections:  # nothing may be open when the clients are forked
        connections[alias].close()
        if (close_pool := getattr(connections[alias], "close_pool", None)) is not None:
            close_pool()
    return keys


def _measure(
    keys: list[AccountKey], *, clients: int, seconds: float
) -> dict[str, list[list[Sample]]]:
    """All samples by kind: for each, what every client did."""
    context = multiprocessing.get_context("fork")
    results: Queue[Samples | str] = context.Queue()
    start_at = time.monotonic() + START_SECONDS + 0.05 * clients
    processes = [
        context.Process(
            target=_client,
            kwargs={
                "mine": itertools.cycle(_shuffled(keys, number)),
                "jobs": itertools.count(number, clients),
                "start_at": start_at,
                "seconds": seconds,
                "results": results,
            },
        )
        for number in range(clients)
    ]
    for process in processes:
        process.start()
    answers: list[Samples] = []
    while len(answers) < clients:
        answer = results.get(timeout=seconds + SPARE_SECONDS)
        if isinstance(answer, str):
            for process in processes:
                process.kill()
            raise click.ClickException(f"a client failed: {answer}")
        answers.append(answer)
    for process in processes:
        process.join()
    return {
        kind: [[answer[kind][n] for answer in answers] for n in range(PAIRS)]
        for kind in ("trivial", "ledger")
    }


def _shuffled(keys: list[AccountKey], number: int) -> list[AccountKey]:
    """The order of one client. In one common order they would queue up behind the slowest."""
    mine = list(keys)
    random.Random(number).shuffle(mine)  # noqa: S311 - an order, the same every time
    return mine


def _sample_seconds(seconds: float) -> float:
    return seconds * (1 - WARM_UP) / (2 * PAIRS)


def _client(
    *,
    mine: Iterator[AccountKey],
    jobs: Iterator[int],
    start_at: float,
    seconds: float,
    results: Queue[Samples | str],
) -> None:
    """One client's process: its samples, or what went wrong, go into ``results``."""
    try:
        results.put(_samples(mine=mine, jobs=jobs, start_at=start_at, seconds=seconds))
    except Exception as exc:
        results.put(repr(exc))
        raise
    finally:
        results.close()
        results.join_thread()


def _samples(
    *, mine: Iterator[AccountKey], jobs: Iterator[int], start_at: float, seconds: float
) -> Samples:
    """Warm up, then the samples by the clock, so that all clients agree on them."""
    kinds: dict[str, Callable[[Sample], None]] = {
        "trivial": lambda sample: _trivial(next(mine), sample),
        "ledger": lambda sample: _cycle(next(mine), f"bench:{next(jobs)}", sample),
    }
    taken: Samples = {"trivial": [], "ledger": []}
    end = start_at + seconds * WARM_UP
    for job in kinds.values():  # plans and functions are compiled before the clock counts
        job(warm := Sample())
        taken.setdefault("warm", []).append(warm)
    while time.monotonic() < end:
        for job in kinds.values():
            job(warm := Sample())
            taken["warm"].append(warm)
    for _pair in range(PAIRS):
        for kind, job in kinds.items():
            end += _sample_seconds(seconds)
            sample = Sample()
            while time.monotonic() < end:
                began = time.monotonic()
                job(sample)
                sample.cycles.append(time.monotonic() - began)
            taken[kind].append(sample)
    taken["ledger"][0].captured += sum(sample.captured for sample in taken.pop("warm"))
    return taken


def _trivial(account: AccountKey, _sample: Sample) -> None:
    from django.db import connection

    from igny8_core.common.tenancy.context import tenant

    for _commit in range(2):
        with tenant(account.pk), connection.cursor() as cursor:
            cursor.execute("UPDATE bench_counter SET n = n + 1 WHERE id = %s", [account.pk])


def _cycle(account: AccountKey, key: str, sample: Sample) -> None:
    from django.utils import timezone

    from igny8_core.business.billing.services.reservations import capture_credits, reserve

    held = _patiently(
        lambda: reserve(
            account=account,
            amount=AMOUNT,
            operation="content",
            idempotency_key=key,
            related=("bench", 1),
            now=timezone.now(),
        )
    )
    used = 1 + held.reservation_id % AMOUNT
    _patiently(
        lambda: capture_credits(
            account=account,
            reservation_id=held.reservation_id,
            amount=used,
            attempt=held.attempt,
            now=timezone.now(),
        )
    )
    sample.captured += used


def _patiently(call: Callable[[], T]) -> T:
    """Repeat a call that found the wallet busy; with the same key it is the same call."""
    from igny8_core.common.errors import Transient

    for _ in range(TRIES - 1):
        try:
            return call()
        except Transient:
            continue
    return call()


def _violations(keys: list[AccountKey], acknowledged: int) -> int:
    """Audit findings, and one more when the wallets lack other credits than the clients saw."""
    from igny8_core.business.billing import selectors
    from igny8_core.business.billing.services.audit import ledger_problems

    spent = sum(CREDITS - selectors.credit_wallet(account=key).balance for key in keys)
    return len(ledger_problems()) + int(spent != acknowledged)


def _p99_ms(samples: list[list[Sample]]) -> float:
    times = sorted(t for sample in samples for client in sample for t in client.cycles)
    return times[min(len(times) - 1, int(len(times) * 0.99))] * 1_000 if times else 0.0
