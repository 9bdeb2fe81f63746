"""``igny8 bench api`` on a few rows: what it reports, and what it spreads over accounts."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from igny8_core.cli.benches.api.seed import shares

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

COMMAND = "from igny8_core.cli.main import main; main()"
FIGURES = {"p50_ms", "p99_ms", "queries", "ratio_to_bare", "flatness", "rls_ratio"}


def test_one_account_is_big_and_none_is_forgotten() -> None:
    found = shares(1_000_000, 200)

    assert found[:12] == [200_000, *[20_000] * 10, 3_175]
    assert (len(found), sum(found), min(found)) == (200, 1_000_000, 3_174)


def test_figures_of_every_list_are_one_json_object() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("IGNY8_")}
    env["DJANGO_SETTINGS_MODULE"] = "igny8_core.settings.local"
    options = ["--rows", "3000", "--accounts", "13", "--rounds", "1", "--only", "s", "--json"]

    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "bench", "api", *options],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    report = json.loads(done.stdout)
    assert (report["rows"], report["accounts"], report["skipped"]) == (3000, 13, [])
    assert {"sites/", "sites/?order=-name", "sectors/", "sync-events/"} <= set(report["endpoints"])
    assert all(set(figures) == FIGURES for figures in report["endpoints"].values())
    assert report["endpoints"]["sites/"]["queries"] == 3  # the key, the block, the rows
    assert min(report[name] for name in ("ratio_to_bare", "rls_ratio", "flatness")) > 0
