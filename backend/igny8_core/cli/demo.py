"""``igny8 demo``: the main job, from a keyword list to a served site."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import ExitStack, suppress
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from igny8_core.cli.django_setup import close_connections, setup_django
from igny8_core.cli.progress import Stalled, Steps
from igny8_core.common.errors import DomainError
from igny8_core.engines.errors import EngineFailed
from igny8_core.engines.stack import DEFAULT_PORT, running
from igny8_core.settings.env import read_env

if TYPE_CHECKING:
    from igny8_core.cli.demo_job import Outcome
    from igny8_core.engines.background import RunningStack

PACKAGED_LIST = "wands.tsv"
STARTING = "Starting PostgreSQL, Valkey, the model, web and workers"


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of everything that IGNY8 writes. Default: IGNY8_DATA_DIR.",
)
@click.option(
    "--keywords",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A keyword file (CSV, TSV, or an export of a keyword tool). Default: a packaged list.",
)
@click.option(
    "--articles",
    type=click.IntRange(1, 50),
    default=3,
    show_default=True,
    help="How many articles to write.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port of the web server on this machine; 0 takes a free one.",
)
@click.option("--once", is_flag=True, help="Stop when the job is done instead of serving.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def demo(  # noqa: PLR0917 - options
    data_dir: Path | None,
    keywords: Path | None,
    articles: int,
    port: int,
    once: bool,  # noqa: FBT001 - a flag
    as_json: bool,  # noqa: FBT001 - a flag
) -> None:
    """Import a keyword list, cluster it, write articles, publish a site, and serve it.

    Run it again on the same folder: it goes on from what is there, and pays for nothing twice.
    """
    began = time.monotonic()
    console = Console(stderr=True, highlight=False)
    folder = data_dir if data_dir is not None else read_env().data_dir
    source = keywords or Path(str(resources.files("igny8_core.data").joinpath(PACKAGED_LIST)))
    try:
        if keywords is not None:
            _assert_keyword_list(keywords)
        with ExitStack() as cleanup:
            with Steps(console) as steps:
                with steps.step(STARTING):
                    stack = cleanup.enter_context(running(folder, port=port, quiet=True))
                cleanup.callback(close_connections)  # before the database stops
                outcome = _work(folder, stack.url, source, articles, steps, began)
            _report(outcome, console, stack, as_json=as_json)
            if not once:
                _serve(console, stack)
    except KeyboardInterrupt:
        console.print("\nStopped. Run the command again: it goes on from here.")
        sys.exit(130)
    except (EngineFailed, DomainError, Stalled) as exc:
        logs = f"\nLogs: {folder / 'logs'}" if (folder / "logs").exists() else ""
        console.print(f"[red]igny8 demo:[/] {exc}{logs}")
        sys.exit(1)
    sys.exit(0 if outcome.is_complete else 1)


def _assert_keyword_list(file: Path) -> None:
    """Refuse a file that cannot be imported in a second, not after everything was started.

    :raises KeywordFileInvalid: one of its subclasses.
    """
    from igny8_core.business.planning.services.keyword_options import ReadOptions
    from igny8_core.business.planning.services.keyword_rows import parse_keyword_file

    parse_keyword_file(file.read_bytes(), file_name=file.name, options=ReadOptions())


def _work(  # noqa: PLR0917 - one caller
    folder: Path, url: str, source: Path, articles: int, steps: Steps, began: float
) -> Outcome:
    # For this process alone: the stack's own processes have theirs already.
    os.environ.setdefault("IGNY8_PUBLIC_URL", url.rstrip("/"))
    os.environ.setdefault("IGNY8_LOG_LEVEL", "WARNING")
    setup_django(folder)
    from igny8_core.cli.demo_job import DemoJob

    return DemoJob(source, articles=articles, steps=steps, began=began).run()


def _report(outcome: Outcome, console: Console, stack: RunningStack, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(outcome.summary()))
        return
    made = Table.grid(padding=(0, 3))
    made.add_column(style="dim")
    made.add_column(justify="right", style="bold")
    for name in ("keywords", "clusters", "ideas", "articles", "images"):
        made.add_row(name, f"{getattr(outcome, name):,}")
    made.add_row("credits used", f"{outcome.credits_used:,}")
    made.add_row("credits left", f"{outcome.credits_left:,}")
    look = Table.grid(padding=(0, 3))
    look.add_column(style="dim")
    look.add_column()
    look.add_row("the published site", f"[link]{outcome.site_url}[/link]")
    look.add_row("the web app", f"{stack.url}   {outcome.email} / {outcome.password}")
    look.add_row("the site's files", outcome.site_dir)
    look.add_row("logs", str(stack.folder.logs))
    parts: list[object] = [made, Text(""), look]
    parts += [Text(f"failed: {failure}", style="red") for failure in outcome.failures]
    title = f"Done in {outcome.seconds:.0f} s"
    console.print(Panel(Group(*parts), title=title, title_align="left", padding=(1, 2)))  # type: ignore[arg-type]  # renderables


def _serve(console: Console, stack: RunningStack) -> None:
    """Until Ctrl-C, or until the stack ends by itself."""
    console.print("Serving. Ctrl-C stops everything.")
    with suppress(KeyboardInterrupt):
        while stack.is_running:
            time.sleep(0.5)
