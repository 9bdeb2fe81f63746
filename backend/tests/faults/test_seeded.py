"""Twenty seeds on one machine; two hundred by hand: ``make faults SEEDS=200``."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.faults.harness import BACKEND
from tests.faults.plan import KINDS, faults_of

SEEDS = 20


@pytest.mark.processes
@pytest.mark.timeout(420)
def test_twenty_seeded_runs_end_as_an_undisturbed_one() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--seeds", str(SEEDS)],
        capture_output=True,
        text=True,
        cwd=BACKEND,
        env={k: v for k, v in os.environ.items() if not k.startswith(("IGNY8_", "DJANGO_"))}
        | {"PYTHONPATH": str(BACKEND)},
        timeout=400,
        check=False,
    )

    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert [row for row in rows if row["problems"]] == []
    assert (done.returncode, len(rows)) == (0, SEEDS + 1), done.stderr[-3000:]


def test_twenty_seeds_see_every_kind_of_fault() -> None:
    first = {faults_of(seed, results=40)[0].kind for seed in range(1, SEEDS + 1)}
    every = {fault.kind for seed in range(1, SEEDS + 1) for fault in faults_of(seed, results=40)}

    assert every == set(KINDS)
    assert first <= every


def test_a_seed_always_means_the_same() -> None:
    assert [faults_of(seed, results=40) for seed in range(50)] == [
        faults_of(seed, results=40) for seed in range(50)
    ]
