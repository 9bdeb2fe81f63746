"""``igny8 site``: a static site from a terminal."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igny8_core.cli.database import database
from igny8_core.cli.keywords import DATA_DIR, JSON, SITE, account_of
from igny8_core.common.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.auth.models import Account, Site


@click.group()
def site() -> None:
    """Static sites: build, deploy, preview, go back."""


@site.command()
@SITE
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    required=True,
    help="A folder that is not there yet.",
)
@click.option("--base-url", default="", help="Where the site will be. Default: its own address.")
@click.option("--with-drafts", is_flag=True, help="Drafts too; search engines are kept out.")
@JSON
@DATA_DIR
def build(
    *,
    site_id: int,
    target: Path,
    base_url: str,
    with_drafts: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Write the site to a folder, for a web server of your own. Nothing goes live."""
    with _running(data_dir):
        from igny8_core.business.publishing.services.export_site import export_site

        account, _site = _place(site_id, changes=False)
        made = export_site(
            account=account,
            site_id=site_id,
            target=target.absolute(),
            base_url=base_url,
            with_drafts=with_drafts,
        )
    report = {"folder": str(target), "files": len(made.entries), "bytes": made.size_bytes}
    _say(report, f"{len(made.entries):,} files, {made.size_bytes:,} bytes in {target}", as_json)


@site.command()
@SITE
@JSON
@DATA_DIR
def deploy(*, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """Publish what was approved and put the site live as a new version."""
    with _running(data_dir):
        from django.utils import timezone

        from igny8_core.business.publishing.services.deploy_site import deploy_site

        account, _site = _place(site_id)
        record = deploy_site(
            account=account, site_id=site_id, fence=lambda: None, clock=timezone.now
        )
        report = _deployment(record)
    _say(report, f"version {report['version']} is live at {report['url']}", as_json)


@site.command()
@SITE
@click.option("--version", type=int, required=True, help="One that `igny8 site releases` lists.")
@JSON
@DATA_DIR
def rollback(*, site_id: int, version: int, as_json: bool, data_dir: Path | None) -> None:
    """Make an older version live again; nothing is built."""
    with _running(data_dir):
        from django.utils import timezone

        from igny8_core.business.publishing.services.rollback_site import rollback_site

        account, _site = _place(site_id)
        record = rollback_site(
            account=account, site_id=site_id, version=version, clock=timezone.now
        )
        report = _deployment(record)
    _say(report, f"version {report['version']} is live at {report['url']}", as_json)


@site.command()
@SITE
@click.option("--new-link", is_flag=True, help="The link that was given out so far stops working.")
@JSON
@DATA_DIR
def preview(*, site_id: int, new_link: bool, as_json: bool, data_dir: Path | None) -> None:
    """Build the site with its drafts, at a link that nobody can guess."""
    with _running(data_dir):
        from django.utils import timezone

        from igny8_core.business.publishing.services.preview_site import preview_site

        account, _site = _place(site_id)
        made = preview_site(
            account=account, site_id=site_id, now=timezone.now(), is_new_link=new_link
        )
    report = {**asdict(made), "expires_at": made.expires_at.isoformat()}
    text = f"{made.url}\n{made.articles} articles, {made.drafts} of them drafts"
    _say(report, f"{text}; until {made.expires_at:%Y-%m-%d %H:%M} UTC", as_json)


@site.command()
@SITE
@JSON
@DATA_DIR
def releases(*, site_id: int, as_json: bool, data_dir: Path | None) -> None:
    """The site's deployments, the newest first, and whether one can go back to them."""
    with _running(data_dir):
        from igny8_core.business.publishing import selectors
        from igny8_core.common.tenancy.context import tenant

        account, found = _place(site_id, changes=False)
        with tenant(account.pk, read_only=True):
            live = selectors.live_deployment(account=account, site=found)
            rows = [_deployment(row) for row in selectors.deployments(account=account, site=found)]
        report = {"live_version": live.version if live else None, "deployments": rows}
    if as_json:
        click.echo(json.dumps(report))
        return
    for row in rows:
        mark = "*" if row["version"] == report["live_version"] else " "
        files = "" if row["has_files"] else "  files removed"
        click.echo(f"{mark} v{row['version']}  {row['status']}  {row['deployed_at'] or ''}{files}")


def _deployment(record: Any) -> dict[str, Any]:
    return {
        "deployment": record.pk,
        "version": record.version,
        "status": str(record.status),
        "deployed_at": record.deployed_at.isoformat() if record.deployed_at else None,
        "url": record.deployment_url,
        "files": record.manifest.get("files"),
        "bytes": record.manifest.get("size_bytes"),
        "has_files": bool(record.deployed_at) and record.pruned_at is None,
        "error": record.error,
    }


def _place(site_id: int, *, changes: bool = True) -> tuple[Account, Site]:
    from igny8_core.auth import selectors as accounts
    from igny8_core.common.tenancy.context import tenant

    account = account_of(site_id, changes=changes)
    with tenant(account.pk, read_only=True):
        return account, accounts.site(account=account, site_id=site_id)


def _say(report: dict[str, Any], text: str, as_json: bool) -> None:  # noqa: FBT001 - click's flag
    click.echo(json.dumps(report) if as_json else text)


@contextmanager
def _running(data_dir: Path | None) -> Iterator[None]:
    try:
        with database(data_dir):
            yield
    except DomainError as exc:
        click.echo(f"igny8 site: {exc.message} [{exc.code}]", err=True)
        for problem in exc.texts:
            click.echo(f"  {problem}", err=True)
        sys.exit(1)
