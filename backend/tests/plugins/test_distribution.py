"""Which worker gets what, and in which order."""

from __future__ import annotations

from pathlib import Path

from tests.plugins.distribution import (
    APART,
    BETWEEN,
    LONGEST_FIRST,
    TESTS,
    TOGETHER,
    shared_out,
    unit_of,
)

ROOT = Path(__file__).resolve().parents[3]
SEEDED, PROCESSES = f"{TESTS}/faults/test_seeded.py::a", f"{TESTS}/faults/test_processes.py::a"


def test_what_it_names_is_there() -> None:
    named = (*TOGETHER, *APART, *LONGEST_FIRST)

    assert [name for name in named if not (ROOT / name).exists()] == []


def test_modules_of_one_server_go_together_and_a_module_goes_as_a_whole() -> None:
    assert unit_of(f"{TESTS}/browser/test_work.py::test_a[x::y]") == f"{TESTS}/browser"
    assert unit_of(f"{TESTS}/browser/test_journey.py::test_a") == f"{TESTS}/browser/test_journey.py"
    assert unit_of(f"{TESTS}/web/test_live.py::test_a") == f"{TESTS}/web/test_live.py"


def test_long_units_come_early_with_quick_ones_between() -> None:
    quick = [f"{TESTS}/web/test_{n}.py::test_{m}" for n in range(5) for m in range(BETWEEN // 2)]

    found = list(shared_out([*quick, PROCESSES, SEEDED]))

    assert sorted(found) == sorted([*quick, PROCESSES, SEEDED])
    assert (found.index(SEEDED), found.index(PROCESSES)) == (0, BETWEEN + 1)
    assert [nodeid for nodeid in found if nodeid in set(quick)] == quick
