"""Seconds from `igny8 up` to a stack that serves: an empty data folder, then the same again."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
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


def run(*, warm_runs: int) -> dict[str, Any]:
    """Start and stop the whole stack; one JSON object.

    :returns: ``cold_seconds`` (clusters, roles, migrations), ``warm_seconds`` (median), and the
        seconds of a stop; "ready" is the web server, both workers and the ticker.
    """
    with tempfile.TemporaryDirectory(prefix="igny8-bench-") as folder:
        cold, cold_stop = _start_and_stop(Path(folder))
        warm = [_start_and_stop(Path(folder)) for _run in range(warm_runs)]
    return {
        "benchmark": "startup",
        "cores": os.cpu_count(),
        "warm_runs": warm_runs,
        "cold_seconds": round(cold, 2),
        "warm_seconds": round(statistics.median(start for start, _stop in warm), 2),
        "warm_seconds_all": [round(start, 2) for start, _stop in warm],
        "stop_seconds": round(statistics.median([cold_stop, *(stop for _s, stop in warm)]), 2),
    }


def _start_and_stop(folder: Path) -> tuple[float, float]:
    began = time.monotonic()
    with running(folder, port=0, quiet=True):
        ready = time.monotonic()
    return ready - began, time.monotonic() - ready
