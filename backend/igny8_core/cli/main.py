"""The command ``igny8``. Each command is loaded only when it is called."""

from __future__ import annotations

import importlib
from typing import Any

import click

COMMANDS = {
    "up": "igny8_core.cli.up:up",
    "demo": "igny8_core.cli.demo:demo",
    "doctor": "igny8_core.cli.doctor:doctor",
    "audit": "igny8_core.cli.audit:audit",
    "account": "igny8_core.cli.account:account",
    "keywords": "igny8_core.cli.keyword_files:keywords",
    "integrations": "igny8_core.cli.integrations:integrations",
    "publish": "igny8_core.cli.publish:publish",
    "clusters": "igny8_core.cli.clusters:clusters",
    "ideas": "igny8_core.cli.ideas:ideas",
    "pages": "igny8_core.cli.pages:pages",
    "content": "igny8_core.cli.content_review:content",
    "runs": "igny8_core.cli.runs:runs",
    "site": "igny8_core.cli.site:site",
    "bench": "igny8_core.cli.bench:bench",
    "manage": "igny8_core.cli.manage:manage",
}


class LazyGroup(click.Group):
    """A group whose commands are import paths, ``module:attribute``."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: Any = getattr(importlib.import_module(module), attribute)
        return command if isinstance(command, click.Command) else None


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="igny8", prog_name="igny8")
def main() -> None:
    """From a keyword list to published pages, metered in credits."""
