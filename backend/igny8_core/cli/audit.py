"""``igny8 audit``: search the data for broken invariants."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from igny8_core.cli.database import database

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS = ("ledger", "money", "tenancy", "pipeline", "publishing", "planning", "bins")


@click.command()
@click.argument("part", type=click.Choice(PARTS), required=False)
@click.option(
    "--digests",
    type=click.File(errors="replace"),
    help="A log of earlier days; the ledger's rows are compared with what it says of them.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the installation. Default: IGNY8_DATA_DIR.",
)
def audit(
    part: str | None,
    digests: TextIO | None,
    as_json: bool,  # noqa: FBT001 - a flag
    data_dir: Path | None,
) -> None:
    """Search the data for broken invariants; print each; exit 1 if there is any."""
    with database(data_dir):
        found = find_problems([part] if part else list(PARTS))
        if digests is not None:
            found["digests"] = _changed_since(digests)
    if as_json:
        click.echo(json.dumps({"problems": found, "count": sum(map(len, found.values()))}))
    else:
        for name, problems in found.items():
            click.echo(f"{name}: {'nothing wrong' if not problems else len(problems)}")
            for problem in problems:
                click.echo(f"  {problem}")
    if any(found.values()):
        sys.exit(1)


def _changed_since(log: TextIO) -> list[str]:
    from igny8_core.business.billing.services.audit import digest_problems

    return digest_problems(log)


def find_problems(parts: list[str]) -> dict[str, list[str]]:
    """What each part's own search finds, a line each."""
    from igny8_core.business.automation.services.audit import pipeline_problems
    from igny8_core.business.billing.services.audit import ledger_problems, usage_problems
    from igny8_core.business.billing.services.money_audit import money_problems
    from igny8_core.business.content.services.audit import mapping_problems, result_problems
    from igny8_core.business.planning.services.audit import planning_problems
    from igny8_core.business.publishing.services.audit import publishing_problems
    from igny8_core.common.soft_delete import stranded_rows
    from igny8_core.common.tenancy.lint import problems as tenancy_problems

    searches: dict[str, Callable[[], list[str]]] = {
        "ledger": lambda: [*ledger_problems(), *usage_problems(), *result_problems()],
        "money": money_problems,
        "tenancy": tenancy_problems,
        "pipeline": pipeline_problems,
        "publishing": publishing_problems,
        "planning": lambda: [*planning_problems(), *mapping_problems()],
        "bins": stranded_rows,
    }
    return {part: searches[part]() for part in parts}
