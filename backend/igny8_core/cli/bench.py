"""``igny8 bench NAME``: one benchmark, one JSON object."""

from __future__ import annotations

import importlib
import json
import pkgutil
from typing import Any

import click

from igny8_core.cli import benches

MODULES = {"import": "import_keywords"}
"""Modules of benchmarks whose name Python keeps for itself."""


class BenchGroup(click.Group):
    """A benchmark is a module of ``cli.benches`` with ``OPTIONS`` and ``run``."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        names = {module: name for name, module in MODULES.items()}
        found = (module.name for module in pkgutil.iter_modules(benches.__path__))
        return sorted(names.get(module, module) for module in found)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{benches.__name__}.{MODULES.get(cmd_name, cmd_name)}")

        def measure(*, as_json: bool, **options: Any) -> None:
            show(module.run(**options), as_json=as_json)

        return click.Command(
            cmd_name,
            params=[
                *module.OPTIONS,
                click.Option(["--json", "as_json"], is_flag=True, help="One JSON object."),
            ],
            callback=measure,
            help=module.__doc__,
        )


def show(report: dict[str, Any], *, as_json: bool) -> None:
    """Print a report: one JSON object, or a line for each figure."""
    if as_json:
        click.echo(json.dumps(report))
        return
    width = max((len(name) for name in report), default=0)
    for name, figure in report.items():
        shown = json.dumps(figure) if isinstance(figure, (dict, list)) else figure
        click.echo(f"{name:<{width}}  {shown}")


@click.group(cls=BenchGroup)
def bench() -> None:
    """Measure one part of the product on the embedded engines."""
