"""``igny8 keywords``: the planner from a terminal; commands for files: ``keyword_files``."""

from __future__ import annotations

import json
import math
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from igny8_core.cli.database import database
from igny8_core.common.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.auth.models import Account, Sector, Site


class NumberRange(click.FloatRange):
    """A number within limits; ``nan`` is within any, says click."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value!r} is no number.", param, ctx)
        return found


SITE = click.option("--site", "site_id", type=int, required=True, help="Number of the site.")
SECTOR = click.option(
    "--sector", "sector_name", help="Number, slug or name of the sector; needed if there are more."
)
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the installation. Default: IGNY8_DATA_DIR.",
)


@click.group()
def keywords() -> None:
    """Keyword files in and out, and clusters of keywords."""


@keywords.command()
@SITE
@SECTOR
@JSON
@DATA_DIR
def cluster(*, site_id: int, sector_name: str | None, as_json: bool, data_dir: Path | None) -> None:
    """Give every keyword without a cluster its place. Costs credits per 100 keywords."""
    with running(data_dir):
        report = _cluster(*place_of(site_id, sector_name))
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo(
        f"{report['keywords']:,} keywords placed, {report['clusters_created']:,} new clusters,"
        f" {report['clusters_joined']:,} joined; {report['credits']:,} credits"
    )


@contextmanager
def running(data_dir: Path | None, *, command: str = "keywords") -> Iterator[None]:
    """Django on the installation's database; a refusal is one line, and exit 1."""
    try:
        with database(data_dir):
            yield
    except DomainError as exc:
        click.echo(f"igny8 {command}: {exc.message} [{exc.code}]", err=True)
        sys.exit(1)


def account_of(site_id: int, *, changes: bool = True) -> Account:
    """The account of a site, as far as its status and the site's let a command in.

    :param changes: whether something is to be changed or started.
    :raises NotFound: no such site, or its account was closed.
    :raises AccountSuspended: it can only be read.
    :raises SiteInactive: the site is at rest, likewise.
    """
    from igny8_core.auth import selectors as accounts
    from igny8_core.auth.access.entrance import refuse_unless_open
    from igny8_core.auth.errors import SiteInactive
    from igny8_core.common.errors import NotFound
    from igny8_core.common.tenancy.context import tenant

    try:
        account = accounts.account(accounts.account_id_of_site(site_id))
    except NotFound as exc:
        text = f"There is no site {site_id}, or its account was closed."
        raise NotFound(text, site_id=site_id) from exc
    refuse_unless_open(account, changes=changes)
    with tenant(account.pk, read_only=True):
        site = accounts.site(account=account, site_id=site_id)
    if changes and not site.is_active:
        raise SiteInactive(f"{site.name} is at rest: wake it up to work on it.", site_id=site_id)
    return account


def place_of(
    site_id: int, sector_name: str | None, *, changes: bool = True
) -> tuple[Account, Site, Sector]:
    """The account, site and sector that are meant.

    :param changes: whether something is to be changed or started.
    :raises NotFound: no such site, or its account was closed.
    :raises AccountSuspended: it can only be read.
    :raises SiteInactive: the site is at rest, likewise.
    :raises InvalidInput: more than one sector may be meant, or none.
    """
    from igny8_core.auth import selectors as accounts
    from igny8_core.common.errors import InvalidInput
    from igny8_core.common.tenancy.context import tenant

    account = account_of(site_id, changes=changes)
    with tenant(account.pk, read_only=True):
        site = accounts.site(account=account, site_id=site_id)
        sectors = list(accounts.sectors(account=account, site=site))
    found = [
        sector
        for sector in sectors
        if sector_name is None or sector_name in {str(sector.pk), sector.slug, sector.name}
    ]
    if len(found) != 1:
        names = ", ".join(f"{sector.pk} ({sector.name})" for sector in sectors) or "none"
        raise InvalidInput(f"name one sector of site {site_id} with --sector: {names}")
    return account, site, found[0]


def _cluster(account: Account, site: Site, sector: Sector) -> dict[str, Any]:
    from django.utils import timezone

    from igny8_core.business.billing.services.ai_credits import AccountCredits
    from igny8_core.business.planning.services.cluster_keywords import cluster_keywords

    run = cluster_keywords(
        account=account,
        site=site,
        sector=sector,
        clock=timezone.now,
        credits=AccountCredits(account),
    )
    return asdict(run)
