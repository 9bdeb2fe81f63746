"""Seconds from `igny8 up` to a stack that serves: an empty data folder, then the same again."""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from igny8_core.engines.stack import running

OPTIONS = [
    click.Option(
        ["--warm-runs"],
        type=click.IntRange(1, 20),
        default=3,
        show_default=True,
        help="Starts on the folder that is there.",
    ),
]


@dataclass(frozen=True)
class Start:
    """One start and stop of the whole stack.

    :ivar cpu_seconds: of all its processes, over the start and the stop.
    """

    ready_seconds: float
    stop_seconds: float
    cpu_seconds: float


def run(*, warm_runs: int) -> dict[str, Any]:
    """Start and stop the whole stack; one JSON object.

    "Ready" is the web server, both workers and the ticker. Cold makes the cluster, the roles and
    the tables. The CPU seconds say what the seconds would be on more cores, or a quieter machine.
    """
    with tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder:
        cold = _start_and_stop(Path(folder))
        warm = [_start_and_stop(Path(folder)) for _run in range(warm_runs)]
    return {
        "benchmark": "startup",
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "warm_runs": warm_runs,
        "cold_seconds": round(cold.ready_seconds, 2),
        "cold_cpu_seconds": round(cold.cpu_seconds, 2),
        "warm_seconds": round(statistics.median(start.ready_seconds for start in warm), 2),
        "warm_seconds_best": round(min(start.ready_seconds for start in warm), 2),
        "warm_cpu_seconds": round(statistics.median(start.cpu_seconds for start in warm), 2),
        "stop_seconds": round(statistics.median(start.stop_seconds for start in warm), 2),
    }


def _start_and_stop(folder: Path) -> Start:
    used, began = _cpu_of_children(), time.monotonic()
    with running(folder, port=0, quiet=True):
        ready = time.monotonic()
    stopped = time.monotonic()
    return Start(
        ready_seconds=ready - began,
        stop_seconds=stopped - ready,
        cpu_seconds=_cpu_of_children() - used,
    )


def _cpu_of_children() -> float:
    """Of every process below this one that has ended: each was waited for by its parent."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
