"""The command ``igny8``. Each command is loaded only when it is called."""

from __future__ import annotations

import errno
import importlib
import sys
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


AWAY = {
    "django.db": ("OperationalError", "InterfaceError"),
    "redis.exceptions": ("ConnectionError", "TimeoutError"),
}
"""Errors that say that an engine does not answer; none is loaded for their sake."""


class Fault(click.ClickException):
    """What a command cannot help: a disk or an engine refuses. One line, exit 1."""

    def show(self, file: Any = None) -> None:
        click.echo(f"igny8: {self.message}", file=file, err=True)


class LazyGroup(click.Group):
    """A group whose commands are import paths, ``module:attribute``."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command.

        :raises Fault: the disk or an engine refused; anything else that is raised is a bug.
        """
        try:
            return super().invoke(ctx)
        except OSError as exc:
            if exc.errno == errno.EPIPE:  # whoever read us has gone: click's own
                raise
            where = f"{exc.filename}: " if exc.filename else ""
            raise Fault(f"{where}{exc.strerror or exc}") from exc
        except UnicodeEncodeError as exc:
            raise Fault(f"this is no text: {exc.object!r}") from exc
        except Exception as exc:
            if not isinstance(exc, _away()):
                raise
            first = next(iter(str(exc).strip().splitlines()), type(exc).__name__)
            raise Fault(f"an engine does not answer: {first}") from exc

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: Any = getattr(importlib.import_module(module), attribute)
        return command if isinstance(command, click.Command) else None


def _away() -> tuple[type[Exception], ...]:
    return tuple(
        getattr(sys.modules[module], name)
        for module, names in AWAY.items()
        if module in sys.modules
        for name in names
    )


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="igny8", prog_name="igny8")
def main() -> None:
    """From a keyword list to published pages, metered in credits."""
