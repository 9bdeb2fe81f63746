"""``igny8 runs``: the seven stages of a site from a terminal."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from igny8_core.cli.database import database
from igny8_core.cli.keywords import DATA_DIR, JSON, SITE, account_of
from igny8_core.common.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from igny8_core.auth.models import Account
    from igny8_core.business.automation.services.progress import RunProgress

RUN = click.argument("run_id", type=click.IntRange(1), metavar="RUN")
LISTED = 20
WATCH_SECONDS = 1.0
ENDING = frozenset({"pause", "cancel"})
"""What stops work may be done while an account is suspended or its site at rest."""

WATCH_HOURS_MOST = 24


@click.group()
def runs() -> None:
    """Automation runs: estimate, start, watch, pause, resume, cancel, retry."""


@runs.command()
@SITE
@JSON
@DATA_DIR
def estimate(*, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """What a run of the site would do and cost now. Nothing is reserved."""
    with _running(data_dir):
        from dataclasses import asdict

        from django.utils import timezone

        from igny8_core.business.automation.services.run_estimates import estimate_run

        account = account_of(site_id, changes=False)
        report = asdict(estimate_run(account=account, site_id=site_id, now=timezone.now()))
    if as_json:
        click.echo(json.dumps(report))
        return
    for stage in report["stages"]:
        click.echo(
            f"{stage['number']}  {stage['name']:<26} {stage['waiting']:>7,} wait"
            f" {stage['expected']:>7,} expected {stage['credits']:>7,} credits"
        )
    click.echo(f"{report['credits']:,} credits in all, {report['available']:,} are free")
    if report["stops"]:
        click.echo(f"It would pause before its end: {report['stops']}")


@runs.command()
@SITE
@click.option("--watch", is_flag=True, help="Show its progress until it ends.")
@JSON
@DATA_DIR
def start(*, site_id: int, watch: bool, as_json: bool, data_dir: Path | None) -> None:
    """Start a run of the site; needs a stack that is up, whose workers do it."""
    with _running(data_dir):
        from django.utils import timezone

        from igny8_core.business.automation.services.runs import start_run

        account = account_of(site_id)
        run = start_run(account=account, site_id=site_id, now=timezone.now())
        if watch:
            _watch(account, run.pk, as_json=as_json)
        else:
            _show(account, run.pk, as_json=as_json)


@runs.command("list")
@SITE
@JSON
@DATA_DIR
def list_runs(*, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """The site's last runs, and when the next one starts."""
    with _running(data_dir):
        from django.utils import timezone

        from igny8_core.business.automation import selectors
        from igny8_core.business.automation.services.wording import next_run_in_words
        from igny8_core.common.tenancy.context import tenant

        account = account_of(site_id, changes=False)
        with tenant(account.pk, read_only=True):
            rows = list(selectors.runs(account=account, site_id=site_id)[:LISTED])
            config = selectors.config(account=account, site_id=site_id)
            following = next_run_in_words(config, now=timezone.now()) if config else ""
    if as_json:
        click.echo(json.dumps({"runs": [_facts(row) for row in rows], "next": following}))
        return
    for row in rows:
        why = f" ({row.pause_reason})" if row.pause_reason else ""
        click.echo(
            f"{row.pk:>8}  {row.started_at:%Y-%m-%d %H:%M}  {row.trigger:<9} {row.status}{why},"
            f" stage {row.current_stage} of 7, {row.total_credits_used:,} credits"
        )
    click.echo(f"Next: {following or 'nothing starts by itself'}")


@runs.command()
@RUN
@SITE
@JSON
@DATA_DIR
def show(*, run_id: int, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """How far a run is, and what has failed."""
    with _running(data_dir):
        _show(account_of(site_id, changes=False), run_id, as_json=as_json)


@runs.command()
@RUN
@SITE
@JSON
@DATA_DIR
def watch(*, run_id: int, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """Show the progress of a run until it ends or is paused."""
    with _running(data_dir):
        _watch(account_of(site_id, changes=False), run_id, as_json=as_json)


def _change(verb: str, helptext: str, *, options: tuple[Any, ...] = ()) -> None:
    """A command that changes a run and shows it."""

    def change(
        *, run_id: int, site_id: int, as_json: bool, data_dir: Path | None, **extra: Any
    ) -> None:
        with _running(data_dir):
            from django.utils import timezone

            from igny8_core.business.automation.services import runs as services

            account = account_of(site_id, changes=verb not in ENDING)
            service = getattr(services, f"{verb}_run")
            moment = {} if verb == "retry" else {"now": timezone.now()}
            service(account=account, run_id=run_id, **moment, **extra)
            _show(account, run_id, as_json=as_json)

    command = click.command(verb, help=helptext)
    for option in (*options, DATA_DIR, JSON, SITE, RUN):
        change = option(change)
    runs.add_command(command(change))


_change("pause", "Begin nothing more; what runs goes on to its end.")
_change(
    "resume",
    "Go on where the run was paused.",
    options=(click.option("--max-credits", type=click.IntRange(1), help="Its new cap."),),
)
_change("cancel", "End the run: what has not begun is cancelled.")
_change("retry", "Make what failed in the current stage ready again.")


@contextmanager
def _running(data_dir: Path | None) -> Iterator[None]:
    """Django on the installation's database; a refusal is one line, and exit 1."""
    try:
        with database(data_dir):
            yield
    except DomainError as exc:
        click.echo(f"igny8 runs: {exc.message} [{exc.code}]", err=True)
        sys.exit(1)


def _facts(run: Any) -> dict[str, Any]:
    return {
        "run": run.pk,
        "status": run.status,
        "trigger": run.trigger,
        "pause_reason": run.pause_reason,
        "stage": run.current_stage,
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at and run.ended_at.isoformat(),
        "credits_used": run.total_credits_used,
        "error": run.error_message,
    }


def _progress(account: Account, run_id: int) -> RunProgress:
    from django.utils import timezone

    from igny8_core.business.automation.services.progress import run_progress

    return run_progress(account=account, run_id=run_id, now=timezone.now())


def _failures(account: Account, run_id: int) -> list[dict[str, Any]]:
    from igny8_core.business.automation import selectors
    from igny8_core.common.tenancy.context import tenant

    with tenant(account.pk, read_only=True):
        rows = selectors.failed_items(account=account, run_id=run_id)[:LISTED]
        facts = rows.values("id", "stage", "kind", "related_id", "status", "error")
        return [dict(row) for row in facts]


def _show(account: Account, run_id: int, *, as_json: bool) -> None:
    found, failures = _progress(account, run_id), _failures(account, run_id)
    if as_json:
        stages = [
            {
                "number": stage.number,
                "name": stage.name,
                "status": stage.status,
                "done": stage.items.done,
                "total": stage.items.total,
                "credits_used": stage.credits_used,
            }
            for stage in found.stages
        ]
        report = _facts(found.run) | {"stages": stages, "failures": failures}
        click.echo(json.dumps(report | {"eta_seconds": found.eta_seconds}))
        return
    click.echo(_line(found))
    for stage in found.stages:
        counts = stage.items
        click.echo(
            f"  {stage.number}  {stage.name:<26} {stage.status:<11} {counts.done:>6,} of"
            f" {counts.total:>6,} done, {counts.failed + counts.dead:,} failed,"
            f" {stage.credits_used:,} credits"
        )
    for failure in failures:
        click.echo(
            f"  item {failure['id']} (stage {failure['stage']}, {failure['kind']} of"
            f" {failure['related_id']}) {failure['status']}: {failure['error']}"
        )


def _watch(account: Account, run_id: int, *, as_json: bool) -> None:
    """A line for each change: to follow in a terminal, or in the log of a pipeline."""
    from django.db import connections

    seen, ends = "", time.monotonic() + WATCH_HOURS_MOST * 3600
    while time.monotonic() < ends:
        found = _progress(account, run_id)
        if found.version != seen:
            seen = found.version
            facts = _facts(found.run) | {"eta_seconds": found.eta_seconds}
            click.echo(json.dumps(facts) if as_json else _line(found))
        if found.run.status != "running":
            break
        connections.close_all()
        time.sleep(WATCH_SECONDS)
    if not as_json:
        _show(account, run_id, as_json=False)


def _line(found: RunProgress) -> str:
    run, counts = found.run, found.items
    cap = f" of {found.cap:,}" if found.cap else ""
    left = f", about {_duration(found.eta_seconds)} left" if found.eta_seconds is not None else ""
    why = f" ({run.pause_reason})" if run.pause_reason else ""
    return (
        f"run {run.pk} {run.status}{why}: stage {run.current_stage} of 7,"
        f" {counts.done:,} of {counts.total:,} items done,"
        f" {found.credits_used:,}{cap} credits{left}"
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
