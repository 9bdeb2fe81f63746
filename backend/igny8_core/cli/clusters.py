"""``igny8 clusters``: topics of a sector, what people make of them, and rebuilds."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from igny8_core.cli.keywords import (
    DATA_DIR,
    JSON,
    SECTOR,
    SITE,
    NumberRange,
    account_of,
    place_of,
    running,
)

if TYPE_CHECKING:
    from pathlib import Path

CLUSTER = click.argument("cluster_id", type=int)
SHOWN = 20


@click.group()
def clusters() -> None:
    """Topics of keywords: listed, merged, split, filled, locked, rebuilt, undone."""


@clusters.command("list")
@SITE
@SECTOR
@click.option("--query", default="", help="A part of the name.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=SHOWN, show_default=True)
@JSON
@DATA_DIR
def list_clusters(
    *,
    site_id: int,
    sector_name: str | None,
    query: str,
    limit: int,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """List clusters, the largest volumes first."""
    with running(data_dir, command="clusters"):
        from igny8_core.business.planning import selectors
        from igny8_core.common.tenancy.context import tenant

        account, _site, sector = place_of(site_id, sector_name, changes=False)
        with tenant(account.pk, read_only=True):
            rows = selectors.clusters(account=account, sector=sector, q=query)
            total = rows.count()
            found = [_cluster(row) for row in rows[:limit]]
    if as_json:
        click.echo(json.dumps({"total": total, "clusters": found}))
        return
    for row in found:
        marks = " ".join(word for word in ("locked", "disabled") if row[f"is_{word}"])
        click.echo(
            f"{row['id']:>7}  {row['keywords']:>5} keywords {row['volume']:>10,}  {row['name']}"
            + (f"  [{marks}]" if marks else "")
        )
    if total > len(found):
        click.echo(f"{total - len(found):,} more; see --limit")


@clusters.command()
@CLUSTER
@SITE
@JSON
@DATA_DIR
def show(*, cluster_id: int, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """Show a cluster as a plan: its hub, the pages that support it, what to do next."""
    with running(data_dir, command="clusters"):
        from igny8_core.business.planning import selectors
        from igny8_core.business.planning.services.topic_map import topic_map
        from igny8_core.common.tenancy.context import tenant

        account = account_of(site_id, changes=False)
        with tenant(account.pk, read_only=True):
            cluster = selectors.cluster(account=account, cluster_id=cluster_id)
            about = _cluster(cluster)
            topics = topic_map(account=account, sector=cluster.sector, cluster_ids=[cluster.pk])
            pages = [asdict(page) for topic in topics for page in topic.pages]
    if as_json:
        click.echo(json.dumps({**about, "pages": pages}))
        return
    click.echo(f"{about['name']}: {about['keywords']:,} keywords, volume {about['volume']:,}")
    for page in pages:
        volume = "unknown" if page["volume"] is None else f"{page['volume']:,}"
        click.echo(f"  {page['page']:>3} {page['role']:<10} {page['target']}  ({volume})")
        if others := [text for text in page["keywords"] if text != page["target"]]:
            more = f" and {len(others) - 5} more" if len(others) > 5 else ""  # noqa: PLR2004
            click.echo(f"      with {', '.join(others[:5])}{more}")
        click.echo(f"      next: {page['next_step']}")


@clusters.command()
@CLUSTER
@click.argument("name")
@SITE
@JSON
@DATA_DIR
def rename(
    *, cluster_id: int, name: str, site_id: int, as_json: bool, data_dir: Path | None
) -> None:
    """Give a cluster another name, which later runs keep."""
    with running(data_dir, command="clusters"):
        from django.utils import timezone

        from igny8_core.business.planning.services.manual_clusters import update_cluster

        row = update_cluster(
            account=account_of(site_id),
            cluster_id=cluster_id,
            changes={"name": name},
            now=timezone.now(),
        )
        done = _cluster(row)
    click.echo(json.dumps(done) if as_json else f"{done['id']} is \u201c{done['name']}\u201d now")


@clusters.command()
@CLUSTER
@click.argument("other_ids", type=int, nargs=-1, required=True)
@click.option("--name", default="", help="Another name for what comes out.")
@SITE
@JSON
@DATA_DIR
def merge(
    *,
    cluster_id: int,
    other_ids: tuple[int, ...],
    name: str,
    site_id: int,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Put other clusters into the first one, with their ideas, tasks and articles."""
    with running(data_dir, command="clusters"):
        from django.utils import timezone

        from igny8_core.business.content.services.carry_clusters import merge_clusters

        edit = merge_clusters(
            account=account_of(site_id),
            cluster_id=cluster_id,
            other_ids=other_ids,
            name=name,
            now=timezone.now(),
        )
    _show_edit(edit, as_json=as_json)


@clusters.command()
@CLUSTER
@click.option("--keyword", "texts", multiple=True, required=True, help="Goes; repeat it.")
@click.option("--name", default="", help="Of the new cluster; by default the best keyword's.")
@SITE
@JSON
@DATA_DIR
def split(
    *,
    cluster_id: int,
    texts: tuple[str, ...],
    name: str,
    site_id: int,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Make a cluster of some of a cluster's keywords; the rest stays."""
    with running(data_dir, command="clusters"):
        from django.utils import timezone

        from igny8_core.business.planning import selectors
        from igny8_core.business.planning.services.edit_clusters import Part, split_cluster
        from igny8_core.common.tenancy.context import tenant

        account = account_of(site_id)
        with tenant(account.pk, read_only=True):
            sector = selectors.cluster(account=account, cluster_id=cluster_id).sector
            keys = selectors.keyword_keys(account=account, sector=sector, texts=texts)
        edit = split_cluster(
            account=account,
            cluster_id=cluster_id,
            parts=[Part(list(keys.values()), name)],
            now=timezone.now(),
        )
    _show_edit(edit, as_json=as_json)


@clusters.command()
@click.option("--keyword", "texts", multiple=True, required=True, help="Moves; repeat it.")
@click.option("--to", "cluster_id", type=int, help="The cluster; without it: out of all.")
@SITE
@SECTOR
@JSON
@DATA_DIR
def move(
    *,
    texts: tuple[str, ...],
    cluster_id: int | None,
    site_id: int,
    sector_name: str | None,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Move keywords into a cluster, where they are pinned, or out of every cluster."""
    with running(data_dir, command="clusters"):
        from django.utils import timezone

        from igny8_core.business.planning import selectors
        from igny8_core.business.planning.services.edit_clusters import move_keywords_to
        from igny8_core.common.tenancy.context import tenant

        account, _site, sector = place_of(site_id, sector_name)
        with tenant(account.pk, read_only=True):
            keys = selectors.keyword_keys(account=account, sector=sector, texts=texts)
        edit = move_keywords_to(
            account=account,
            sector=sector,
            keyword_ids=list(keys.values()),
            cluster_id=cluster_id,
            now=timezone.now(),
        )
    _show_edit(edit, as_json=as_json)


@clusters.command()
@click.argument("cluster_ids", type=int, nargs=-1, required=True)
@click.option("--off", is_flag=True, help="Unlock them.")
@SITE
@JSON
@DATA_DIR
def lock(
    *,
    cluster_ids: tuple[int, ...],
    off: bool,
    site_id: int,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Lock clusters: runs leave their keywords and pages alone; --off unlocks them."""
    with running(data_dir, command="clusters"):
        from django.utils import timezone

        from igny8_core.business.planning.services.mark_clusters import flag_clusters

        edit = flag_clusters(
            account=account_of(site_id),
            cluster_ids=cluster_ids,
            is_locked=not off,
            now=timezone.now(),
        )
    _show_edit(edit, as_json=as_json)


@clusters.command()
@SITE
@SECTOR
@click.option("--granularity", type=NumberRange(0.4, 0.6), help="0.40 broad, 0.60 fine.")
@click.option("--accept", is_flag=True, help="Make the open proposal real; for credits.")
@click.option("--change", "numbers", type=int, multiple=True, help="With --accept: these alone.")
@click.option("--discard", is_flag=True, help="Refuse the open proposal.")
@JSON
@DATA_DIR
def rebuild(
    *,
    site_id: int,
    sector_name: str | None,
    granularity: float | None,
    accept: bool,
    numbers: tuple[int, ...],
    discard: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Cluster a sector anew as a proposal and show the diff; then --accept or --discard it."""
    if (accept and discard) or (granularity and (accept or discard)) or (numbers and not accept):
        raise click.UsageError("propose, --accept or --discard: one at a time")
    with running(data_dir, command="clusters"):
        place = place_of(site_id, sector_name)
        if accept or discard:
            proposal, changes = _decided(place, numbers, accepts=accept)
        else:
            proposal, changes = _proposed(place, granularity)
        report = _proposal(proposal, changes)
    if as_json:
        click.echo(json.dumps(report))
    else:
        _show_proposal(report)


@clusters.command()
@SITE
@SECTOR
@click.option("--limit", type=click.IntRange(1, 200), default=SHOWN, show_default=True)
@JSON
@DATA_DIR
def edits(
    *, site_id: int, sector_name: str | None, limit: int, as_json: bool, data_dir: Path | None
) -> None:
    """List what was done to clusters, the newest first; `undo` takes one back."""
    with running(data_dir, command="clusters"):
        from igny8_core.business.planning import cluster_selectors
        from igny8_core.common.tenancy.context import tenant

        account, _site, sector = place_of(site_id, sector_name, changes=False)
        with tenant(account.pk, read_only=True):
            rows = cluster_selectors.cluster_edits(account=account, sector=sector)
            found = [_edit(row) for row in rows[:limit]]
    if as_json:
        click.echo(json.dumps({"edits": found}))
        return
    for row in found:
        state = "undone" if row["undone_at"] else row["kind"]
        click.echo(f"{row['edit_id']:>7}  {state:<8} {row['summary']}")


@clusters.command()
@click.argument("edit_id", type=int)
@SITE
@JSON
@DATA_DIR
def undo(*, edit_id: int, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """Put everything that an edit touched back to where it was."""
    with running(data_dir, command="clusters"):
        from django.utils import timezone

        from igny8_core.business.content.services.carry_clusters import undo_cluster_edit

        edit = undo_cluster_edit(account=account_of(site_id), edit_id=edit_id, now=timezone.now())
    _show_edit(edit, as_json=as_json)


def _proposed(place: tuple[Any, Any, Any], granularity: float | None) -> tuple[Any, list[Any]]:
    from django.utils import timezone

    from igny8_core.business.planning.services.recluster import propose_rebuild

    account, site, sector = place
    proposal = propose_rebuild(
        account=account, site=site, sector=sector, topic_tau=granularity, clock=timezone.now
    )
    return proposal, _changes(account, proposal.pk)


def _decided(
    place: tuple[Any, Any, Any], numbers: tuple[int, ...], *, accepts: bool
) -> tuple[Any, list[Any]]:
    """The open proposal, accepted or discarded."""
    from django.utils import timezone

    from igny8_core.business.billing.services.ai_credits import AccountCredits
    from igny8_core.business.planning import cluster_selectors
    from igny8_core.business.planning.services import recluster
    from igny8_core.common.errors import NotFound
    from igny8_core.common.tenancy.context import tenant

    account, _site, sector = place
    with tenant(account.pk, read_only=True):
        found = cluster_selectors.open_proposals(account=account, sector_id=sector.pk).first()
    if found is None:
        raise NotFound("There is no open proposal: make one with `igny8 clusters rebuild`.")
    if accepts:
        done = recluster.accept_proposal(
            account=account,
            proposal_id=found.pk,
            numbers=numbers or None,
            clock=timezone.now,
            credits=AccountCredits(account),
        )
    else:
        done = recluster.discard_proposal(account=account, proposal_id=found.pk, now=timezone.now())
    return done, _changes(account, found.pk)


def _changes(account: Any, proposal_id: int) -> list[Any]:
    from igny8_core.business.planning import cluster_selectors
    from igny8_core.common.tenancy.context import tenant

    with tenant(account.pk, read_only=True):
        rows = cluster_selectors.cluster_changes(account=account, proposal_id=proposal_id)
        return list(rows.defer("placements"))


def _proposal(proposal: Any, changes: list[Any]) -> dict[str, Any]:
    return {
        "proposal_id": proposal.pk,
        "status": str(proposal.status),
        "summary": proposal.summary,
        "changes": [
            {
                "number": change.number,
                "kind": str(change.kind),
                "name": change.name,
                "old_name": change.old_name,
                "keywords_before": change.keywords_before,
                "keywords": change.keywords_count,
                "sources": change.sources,
                "targets": change.targets,
                "is_applied": change.applied_at is not None,
            }
            for change in changes
        ],
    }


def _show_proposal(report: dict[str, Any]) -> None:
    told = report["summary"]
    if report["status"] == "discarded":
        click.echo(f"proposal {report['proposal_id']} is discarded: nothing was moved")
        return
    click.echo(
        f"proposal {report['proposal_id']} ({report['status']}): {told['clusters_before']:,} "
        f"clusters become {told['clusters_after']:,}, {told['keywords_moved']:,} of "
        f"{told['keywords']:,} keywords move"
    )
    for change in report["changes"]:
        done = "  (accepted)" if change["is_applied"] else ""
        click.echo(
            f"{change['number']:>4} {change['kind']:<8} {change['name']}: "
            f"{change['keywords_before']:,} -> {change['keywords']:,} keywords{done}"
        )
        for _pk, name, count in change["sources"]:
            if name != change["old_name"]:
                click.echo(f"       {count:,} from {name or 'no cluster'}")
        for number, name, count in change["targets"]:
            click.echo(f"       {count:,} to {name} ({number})")
    if report["status"] == "open" and report["changes"]:
        click.echo("Nothing was moved. Accept it with --accept, or some of it with --change N.")


def _cluster(row: Any) -> dict[str, Any]:
    return {
        "id": row.pk,
        "name": row.name,
        "status": str(row.status),
        "keywords": row.keywords_count,
        "volume": row.volume,
        "is_locked": row.is_locked,
        "is_disabled": row.is_disabled,
    }


def _edit(edit: Any) -> dict[str, Any]:
    return {
        "edit_id": edit.pk,
        "kind": str(edit.kind),
        "summary": edit.summary,
        "undone_at": edit.undone_at.isoformat() if edit.undone_at else None,
    }


def _show_edit(edit: Any, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_edit(edit)))
        return
    undone = "Undone: " if edit.undone_at else ""
    click.echo(f"{undone}{edit.summary} (edit {edit.pk})")
