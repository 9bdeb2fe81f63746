"""``igny8 doctor``: is everything there that the product needs?"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import click

from igny8_core.cli.checks import CHECKS, Check, Note, Problem


class Status(StrEnum):
    """What became of a check."""

    OK = "ok"
    NOTE = "note"
    SKIPPED = "skipped"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    :ivar advice: what to do; empty unless something is wrong.
    """

    name: str
    status: Status
    found: str
    advice: str = ""

    def line(self) -> str:
        line = f"{self.status:<8}{self.name:<13} {self.found}"
        return f"{line}\n{'':<22}→ {self.advice}" if self.advice else line


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the installation. Default: IGNY8_DATA_DIR.",
)
def doctor(as_json: bool, data_dir: Path | None) -> None:  # noqa: FBT001 - a flag
    """Look at engines, roles, queues and storage; one line each, exit 1 if something is wrong."""
    if data_dir is not None:
        os.environ["IGNY8_DATA_DIR"] = str(data_dir.expanduser().resolve())
    findings = examine(CHECKS)
    wrong = [finding for finding in findings if finding.status is Status.WRONG]
    if as_json:
        report = {"ok": not wrong, "checks": [asdict(finding) for finding in findings]}
        click.echo(json.dumps(report))
    else:
        for finding in findings:
            click.echo(finding.line())
        click.echo(f"\n{len(wrong)} wrong" if wrong else "\nnothing wrong")
    if wrong:
        sys.exit(1)


def examine(checks: tuple[Check, ...]) -> list[Finding]:
    """Run the checks in order; one whose ground is missing is skipped."""
    findings: list[Finding] = []
    missing: set[str] = set()
    for check in checks:
        finding = _examine(check, missing)
        if finding.status in {Status.WRONG, Status.SKIPPED}:
            missing.add(check.name)
        findings.append(finding)
    return findings


def _examine(check: Check, missing: set[str]) -> Finding:
    if blocked := [name for name in check.needs if name in missing]:
        return Finding(check.name, Status.SKIPPED, f"needs {', '.join(blocked)}")
    try:
        return Finding(check.name, Status.OK, check.look())
    except Note as note:
        return Finding(check.name, Status.NOTE, str(note))
    except Problem as problem:
        return Finding(check.name, Status.WRONG, problem.found, problem.advice)
    except Exception as exc:  # noqa: BLE001 - a check that breaks is a finding, not the end
        found = f"{type(exc).__name__}: {exc}"
        return Finding(check.name, Status.WRONG, found, "report this as a fault of IGNY8")
