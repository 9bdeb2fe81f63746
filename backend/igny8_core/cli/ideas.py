"""``igny8 ideas``: articles worth writing, the guard that compares them, the queue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from igny8_core.cli.keywords import DATA_DIR, JSON, SECTOR, SITE, account_of, place_of, running

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = 20


@click.group()
def ideas() -> None:
    """Articles worth writing: made, listed, held against what there is, queued."""


@ideas.command()
@SITE
@SECTOR
@click.option("--cluster", "cluster_ids", type=int, multiple=True, help="Of these alone.")
@click.option("--limit", type=click.IntRange(1), help="At most so many, largest clusters first.")
@click.option("--rules", "by_rules", is_flag=True, help="Worded by rules, whatever the model.")
@JSON
@DATA_DIR
def make(
    *,
    site_id: int,
    sector_name: str | None,
    cluster_ids: tuple[int, ...],
    limit: int | None,
    by_rules: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Make an idea for every page that has none. For credits; what is covered costs nothing."""
    with running(data_dir, command="ideas"):
        from django.utils import timezone

        from igny8_core.business.billing.services.ai_credits import AccountCredits
        from igny8_core.business.content.services.guard_ideas import make_guarded_ideas

        account, site, sector = place_of(site_id, sector_name)
        rows = make_guarded_ideas(
            account=account,
            site=site,
            sector=sector,
            cluster_ids=cluster_ids or None,
            limit=limit,
            by_rules=by_rules,
            clock=timezone.now,
            credits=AccountCredits(account),
        )
        found = [_idea(row) for row in rows]
    _show(found, as_json=as_json)
    if not as_json:
        blocked = sum(row["is_blocked"] for row in found)
        click.echo(f"{len(found):,} ideas made, {blocked:,} of them held back")


@ideas.command("list")
@SITE
@SECTOR
@click.option("--status", type=click.Choice(["new", "queued", "completed"]))
@click.option("--blocked", is_flag=True, help="Those that the guard holds back alone.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=SHOWN, show_default=True)
@JSON
@DATA_DIR
def list_ideas(
    *,
    site_id: int,
    sector_name: str | None,
    status: str | None,
    blocked: bool,
    limit: int,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """List ideas, the largest volumes first."""
    with running(data_dir, command="ideas"):
        from igny8_core.business.planning import selectors
        from igny8_core.common.tenancy.context import tenant

        account, _site, sector = place_of(site_id, sector_name, changes=False)
        with tenant(account.pk, read_only=True):
            rows: Any = selectors.ideas(account=account, sector=sector, status=status or "")
            if blocked:
                rows = selectors.held_back(rows)
            found = [_idea(row) for row in rows[:limit]]
    _show(found, as_json=as_json)


@ideas.command()
@SITE
@click.option("--idea", "idea_ids", type=int, multiple=True, help="These alone.")
@JSON
@DATA_DIR
def check(*, site_id: int, idea_ids: tuple[int, ...], as_json: bool, data_dir: Path | None) -> None:
    """Compare new ideas with articles, imported pages, tasks and each other. Free of charge."""
    with running(data_dir, command="ideas"):
        from django.utils import timezone

        from igny8_core.auth import selectors as accounts
        from igny8_core.business.content.services.guard_ideas import check_ideas
        from igny8_core.common.tenancy.context import tenant

        account = account_of(site_id)
        with tenant(account.pk, read_only=True):
            site = accounts.site(account=account, site_id=site_id)
        rows = check_ideas(
            account=account, site=site, idea_ids=idea_ids or None, now=timezone.now()
        )
        found = [_idea(row) for row in rows]
    told = [row for row in found if as_json or row["verdict"] != "fine"]
    _show(told, as_json=as_json)
    if not as_json:
        click.echo(
            f"{len(found):,} ideas compared, {sum(r['is_blocked'] for r in found):,} held back"
        )


@ideas.command()
@click.argument("idea_id", type=int)
@click.argument("reason", required=False)
@click.option("--withdraw", is_flag=True, help="Let the verdict hold again.")
@SITE
@JSON
@DATA_DIR
def override(
    *,
    idea_id: int,
    reason: str | None,
    withdraw: bool,
    site_id: int,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Let an idea be written although it overlaps; REASON is kept with it."""
    if bool(reason) == withdraw:
        raise click.UsageError("say why, or --withdraw")
    with running(data_dir, command="ideas"):
        from django.utils import timezone

        from igny8_core.business.planning.services import guard_ideas

        account, now = account_of(site_id), timezone.now()
        if withdraw:
            row = guard_ideas.withdraw_override(account=account, idea_id=idea_id, now=now)
        else:
            row = guard_ideas.override_overlap(
                account=account, idea_id=idea_id, reason=reason or "", now=now
            )
        found = _idea(row)
    _show([found], as_json=as_json)


@ideas.command()
@click.argument("idea_ids", type=int, nargs=-1)
@click.option("--best", type=click.IntRange(1, 500), help="So many that are most worth writing.")
@SITE
@SECTOR
@JSON
@DATA_DIR
def queue(
    *,
    idea_ids: tuple[int, ...],
    best: int | None,
    site_id: int,
    sector_name: str | None,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Accept ideas as writing tasks: those named, or the --best ones; all of them, or none."""
    if bool(idea_ids) == bool(best):
        raise click.UsageError("name ideas, or say how many of the --best")
    with running(data_dir, command="ideas"):
        from django.utils import timezone

        from igny8_core.business.content.services.writing_tasks import create_writing_tasks
        from igny8_core.business.planning import selectors
        from igny8_core.common.tenancy.context import tenant

        account, _site, sector = place_of(site_id, sector_name)
        chosen = list(idea_ids)
        if best:
            with tenant(account.pk, read_only=True):
                rows = selectors.best_ideas(account=account, sector=sector, limit=best)
                chosen = [row.pk for row in rows]
        tasks = create_writing_tasks(account=account, idea_ids=chosen, now=timezone.now())
        found = [
            {"writing_task_id": task.pk, "idea_id": task.idea_id, "title": task.title}
            for task in tasks
        ]
    if as_json:
        click.echo(json.dumps({"writing_tasks": found}))
        return
    for task in found:
        click.echo(f"{task['writing_task_id']:>7}  {task['title']}")
    click.echo(f"{len(found):,} writing tasks")


def _idea(row: Any) -> dict[str, Any]:
    return {
        "id": row.pk,
        "title": row.title,
        "status": str(row.status),
        "structure": str(row.content_structure),
        "target_keyword": row.target_keyword,
        "volume": row.volume,
        "estimated_credits": row.estimated_credits,
        "verdict": str(row.overlap),
        "reason": row.overlap_reason,
        "is_blocked": row.is_blocked,
        "override_reason": row.override_reason,
    }


def _show(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"ideas": found}))
        return
    for row in found:
        volume = "-" if row["volume"] is None else f"{row['volume']:,}"
        click.echo(f"{row['id']:>7}  {row['status']:<9} {volume:>9}  {row['title']}")
        if row["is_blocked"] or row["verdict"] == "differentiate":
            click.echo(f"         {row['verdict']}: {row['reason']}")
        if row["override_reason"]:
            click.echo(f"         wanted all the same: {row['override_reason']}")
