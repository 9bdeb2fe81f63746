"""Twenty seeds on one machine; two hundred by hand: ``make faults SEEDS=200``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.faults import rabbitmq
from tests.faults.forks import BACKEND
from tests.faults.plan import KINDS, faults_of
from tests.plugins.engines import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = 20


def run_seeds(schema: Path, count: int, *options: str) -> None:
    """Run them in a process of their own, and find nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--seeds", str(count), *options],
        capture_output=True,
        text=True,
        cwd=BACKEND,
        env={k: v for k, v in os.environ.items() if not k.startswith(("IGNY8_", "DJANGO_"))}
        | {"PYTHONPATH": str(BACKEND), SCHEMA: str(schema)},
        timeout=400,
        check=False,
    )

    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [row for row in rows if row["problems"]] == []
    assert done.returncode == 0, done.stderr[-3000:]
    assert {row["seed"] for row in rows} >= {-1, *range(count + 1)}


@pytest.mark.processes
@pytest.mark.timeout(420)
def test_twenty_seeded_runs_end_as_an_undisturbed_one(schema: Path) -> None:
    run_seeds(schema, SEEDS)


@pytest.mark.processes
@pytest.mark.timeout(420)
@pytest.mark.skipif(not rabbitmq.is_there(), reason="no RabbitMQ: tools/fetch_rabbitmq.sh")
def test_runs_over_rabbitmq_end_as_undisturbed_ones_too(schema: Path) -> None:
    # Among the three a broker that is killed, and one that is wiped.
    run_seeds(schema, 3, "--rabbitmq", "--no-web")


def test_twenty_seeds_see_every_kind_of_fault() -> None:
    first = {faults_of(seed, results=40)[0].kind for seed in range(1, SEEDS + 1)}
    every = {fault.kind for seed in range(1, SEEDS + 1) for fault in faults_of(seed, results=40)}

    assert every == set(KINDS)
    assert first <= every


def test_a_seed_always_means_the_same() -> None:
    assert [faults_of(seed, results=40) for seed in range(50)] == [
        faults_of(seed, results=40) for seed in range(50)
    ]
