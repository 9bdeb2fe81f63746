"""``igny8 up``: every process of the stack, until Ctrl-C."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import click

from igny8_core.engines.errors import EngineFailed
from igny8_core.engines.events import STACK, Event
from igny8_core.engines.stack import DEFAULT_PORT, serve


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of everything that IGNY8 writes. Default: IGNY8_DATA_DIR.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port of the web server on this machine; 0 takes a free one.",
)
def up(data_dir: Path | None, port: int) -> None:
    """Start PostgreSQL, Valkey, the model server, web, workers and ticker; Ctrl-C stops them."""
    try:
        serve(data_dir, port=port, report=_show)
    except EngineFailed as exc:
        click.echo(f"igny8 up: {exc}", err=True)
        sys.exit(1)


def _show(event: Event) -> None:
    """One line; a reader that is gone (`igny8 up | head`) is no reason to stop half-way."""
    line = event.line()
    if event.name == STACK and event.what == "ready":
        line = f"\nIGNY8 is ready after {event.seconds:.1f} s: {event.text}   Ctrl-C stops it\n"
    with suppress(OSError):
        click.echo(line)
