"""Items through the whole engine: ticker, Valkey, one worker process, a provider that only waits.

``ideal_seconds`` is the latency times the rounds that the slots need; CPU is the worker's and the
ticker's.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igny8_core.cli.database import database
from igny8_core.engines.valkey import EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from igny8_core.auth.models import Account

OPTIONS = [
    click.Option(["--items"], type=click.IntRange(1, 10_000), default=320, show_default=True),
    click.Option(["--latency-ms"], type=click.IntRange(0, 60_000), default=1000, show_default=True),
    click.Option(["--concurrency"], type=click.IntRange(1, 64), default=32, show_default=True),
]
KIND, EFFECT, LATENCY = "bench.call", "bench_effect", "BENCH_LATENCY_MS"
QUEUES = "interactive,ai_text,ai_image,publish,control"
START_SECONDS, STOP_SECONDS = 60, 40
LIMIT_FACTOR, LIMIT_SECONDS = 5, 300


def run(*, items: int, latency_ms: int, concurrency: int) -> dict[str, Any]:
    """Measure; one JSON object.

    :returns: ``ratio_to_ideal`` is None when there is no latency, since nothing is ideal then.
    """
    with (
        tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder,
        database(Path(folder)),
        _processes(Path(folder), latency_ms=latency_ms, concurrency=concurrency) as processes,
    ):
        account = _open_account(concurrency)
        before = sum(map(_cpu_seconds, processes))
        began = time.monotonic()
        _create(account, items)
        ideal = math.ceil(items / concurrency) * latency_ms / 1000
        _wait(
            lambda: _row("SELECT count(*) FROM automation_workitem WHERE status <> 'done'") == (0,),
            seconds=ideal * LIMIT_FACTOR + LIMIT_SECONDS,
        )
        seconds = time.monotonic() - began
        cpu = sum(map(_cpu_seconds, processes)) - before
        time.sleep(1)  # a late, doubled effect would come now
        stored, distinct = _effects()
    return {
        "benchmark": "pipeline",
        "items": items,
        "latency_ms": latency_ms,
        "concurrency": concurrency,
        "seconds": round(seconds, 2),
        "ideal_seconds": round(ideal, 2),
        "overhead_ms_per_item": round((seconds - ideal) * concurrency / items * 1000, 1),
        "cpu_ms_per_item": round(cpu / items * 1000, 2),
        "items_per_second": round(items / seconds, 1),
        "ratio_to_ideal": round(seconds / ideal, 3) if ideal else None,
        "duplicates": stored - distinct,
        "lost": items - distinct,
    }


@contextmanager
def _processes(folder: Path, *, latency_ms: int, concurrency: int) -> Iterator[list[int]]:
    """Valkey, a worker and a ticker; yields the last two's numbers once the worker is known."""
    valkey = EmbeddedValkey(folder / "valkey")
    valkey.prepare()
    environment = os.environ | {
        "IGNY8_BROKER_URL": valkey.broker_url,
        "IGNY8_CACHE_URL": valkey.cache_url,
        "IGNY8_WORKER_THREADS": str(concurrency),
        "IGNY8_LOG_LEVEL": "WARNING",
        LATENCY: str(latency_ms),
    }
    celery = [sys.executable, "-m", "celery", "-A", "igny8_core.cli.bench_worker", "worker"]
    flags = ["-P", "threads", "-c", str(concurrency), "--without-gossip", "--without-mingle"]
    commands = [
        valkey.command(),
        [*celery, *flags, "-l", "WARNING", "-Q", QUEUES, "-n", "bench@localhost"],
        [sys.executable, "-m", "django", "ticker"],
    ]
    started: list[subprocess.Popen[bytes]] = []
    with (folder / "processes.log").open("ab") as log:
        for command in commands:
            started.append(  # noqa: PERF401 - what was started must be stopped
                subprocess.Popen(  # noqa: S603 - our own programs
                    command, env=environment, stdout=log, stderr=log, start_new_session=True
                )
            )
    try:
        _wait(
            lambda: _row("SELECT count(*) FROM automation_workernode") == (1,),
            seconds=START_SECONDS,
        )
        yield [process.pid for process in started[1:]]
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)
        valkey.remove_socket_folder()


def _open_account(concurrency: int) -> Account:
    """An account that may fill every slot."""
    from django.conf import settings

    from igny8_core.auth.models import Account, Plan

    staff = settings.TENANCY_STAFF_ALIAS
    plan = Plan.objects.using(staff).create(
        code="bench", name="Bench", max_in_flight=4 * concurrency
    )
    return Account.objects.using(staff).create(name="Bench", slug="bench", plan=plan)


def _create(account: Account, count: int) -> None:
    from django.utils import timezone

    from igny8_core.business.automation.services.items import create_items

    create_items(
        account=account,
        kind=KIND,
        related_type="row",
        related_ids=range(1, count + 1),
        work_class="ai_text",
        now=timezone.now(),
    )


def _effects() -> tuple[int, int]:
    """How many were stored, and of how many items."""
    stored, distinct = _row(
        "SELECT count(*), count(DISTINCT item_id) FROM automation_runevent WHERE code = %s", EFFECT
    )
    return stored, distinct


def _row(statement: str, *values: str) -> tuple[int, ...]:
    from igny8_core.business.automation.services.crossing import staff_cursor

    with staff_cursor() as cursor:
        cursor.execute(statement, values)
        return tuple(cursor.fetchone())


def _wait(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise click.ClickException("the benchmark did not end in time")
        time.sleep(0.05)


def _cpu_seconds(pid: int) -> float:
    """What a process has used so far; Linux only, 0 elsewhere."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
