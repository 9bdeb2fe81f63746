"""The doctor's report, whatever the checks are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from click.testing import CliRunner, Result

from igny8_core.cli import doctor as doctor_module
from igny8_core.cli.checks import CHECKS, Check, Note, Problem
from igny8_core.cli.doctor import doctor

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def ask(monkeypatch: pytest.MonkeyPatch, folder: Path, *checks: Check, flag: str = "") -> Result:
    monkeypatch.setenv("IGNY8_DATA_DIR", "unused")
    monkeypatch.setattr(doctor_module, "CHECKS", checks)
    arguments = ["--data-dir", str(folder), *([flag] if flag else [])]
    return CliRunner().invoke(doctor, arguments)


def good() -> str:
    return "all is well"


def bad() -> str:
    raise Problem("it is gone", "bring it back")


def noted() -> str:
    raise Note("could be better")


def broken() -> str:
    raise KeyError("version")


def test_one_object_and_exit_1_when_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = ask(
        monkeypatch,
        tmp_path,
        Check("python", good),
        Check("postgres", bad),
        Check("roles", good, needs=("postgres",)),
        Check("tables", good, needs=("roles",)),
        Check("model", noted),
        Check("after a note", good, needs=("model",)),
        flag="--json",
    )

    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["ok"] is False
    assert [(c["name"], c["status"], c["found"], c["advice"]) for c in report["checks"]] == [
        ("python", "ok", "all is well", ""),
        ("postgres", "wrong", "it is gone", "bring it back"),
        ("roles", "skipped", "needs postgres", ""),
        ("tables", "skipped", "needs roles", ""),
        ("model", "note", "could be better", ""),
        ("after a note", "ok", "all is well", ""),
    ]


def test_exit_0_when_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = ask(monkeypatch, tmp_path, Check("python", good), Check("model", noted))

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "ok      python        all is well",
        "note    model         could be better",
        "",
        "nothing wrong",
    ]


def test_a_failing_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = ask(monkeypatch, tmp_path, Check("postgres", bad))

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "wrong   postgres      it is gone",
        "                      → bring it back",
        "",
        "1 wrong",
    ]


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = ask(monkeypatch, tmp_path, Check("broker", broken), flag="--json")

    (check,) = json.loads(result.stdout)["checks"]
    assert (check["status"], check["found"]) == ("wrong", "KeyError: 'version'")


def test_what_a_check_needs_comes_before_it() -> None:
    seen: set[str] = set()
    for check in CHECKS:
        assert set(check.needs) <= seen, check.name
        seen.add(check.name)
