"""``igny8 keywords``: the planner from a terminal."""

from __future__ import annotations

import json
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
    """Import keyword files and cluster keywords."""


@keywords.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@SITE
@SECTOR
@click.option("--plain", is_flag=True, help="One keyword a line, without a header.")
@click.option("--any-market", is_flag=True, help="Take rows of other countries too.")
@JSON
@DATA_DIR
def import_file(
    *,
    file: Path,
    site_id: int,
    sector_name: str | None,
    plain: bool,
    any_market: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Import a keyword file: CSV or TSV in any encoding, gzipped or not. Costs no credits."""
    with _command(data_dir):
        report = _import(
            file, *_place(site_id, sector_name), is_plain_list=plain, any_market=any_market
        )
    if as_json:
        click.echo(json.dumps(report))
        return
    counts = report["counts"]
    click.echo(f"{report['file']}: {report['title']}, {report['encoding']}, {report['delimiter']}")
    shown = ", ".join(f"{counts[name]:,} {name}" for name in counts if name != "rows_read")
    click.echo(f"{counts['rows_read']:,} rows read: {shown}")
    for code, count in report["issues"].items():
        click.echo(f"  {code}: {count:,}")


@keywords.command()
@SITE
@SECTOR
@JSON
@DATA_DIR
def cluster(*, site_id: int, sector_name: str | None, as_json: bool, data_dir: Path | None) -> None:
    """Give every keyword without a cluster its place. Costs credits per 100 keywords."""
    with _command(data_dir):
        report = _cluster(*_place(site_id, sector_name))
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo(
        f"{report['keywords']:,} keywords placed, {report['clusters_created']:,} new clusters,"
        f" {report['clusters_joined']:,} joined; {report['credits']:,} credits"
    )


@contextmanager
def _command(data_dir: Path | None) -> Iterator[None]:
    """Django on the installation's database; a refusal is one line, and exit 1."""
    try:
        with database(data_dir):
            yield
    except DomainError as exc:
        click.echo(f"igny8 keywords: {exc.message} [{exc.code}]", err=True)
        sys.exit(1)


def _place(site_id: int, sector_name: str | None) -> tuple[Account, Site, Sector]:
    """The account, site and sector that are meant."""
    from igny8_core.auth import selectors as accounts
    from igny8_core.common.errors import InvalidInput
    from igny8_core.common.tenancy.context import tenant

    account = accounts.account(accounts.account_id_of_site(site_id))
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


def _import(
    file: Path,
    account: Account,
    site: Site,
    sector: Sector,
    *,
    is_plain_list: bool,
    any_market: bool,
) -> dict[str, Any]:
    from django.utils import timezone

    from igny8_core.business.planning.services.import_keywords import (
        analyse_keyword_file,
        import_keywords,
    )
    from igny8_core.business.planning.services.keyword_rows import ReadOptions

    options = ReadOptions(
        country="" if any_market else site.country_code, is_plain_list=is_plain_list
    )
    analysed = analyse_keyword_file(
        account=account,
        site=site,
        sector=sector,
        file_name=file.name,
        data=_read(file),
        options=options,
        now=timezone.now(),
    )
    done = import_keywords(account=account, import_id=analysed.pk, clock=timezone.now)
    counts = ("rows_read", "created", "updated", "unchanged", "merged", "skipped")
    return {
        **done.report,
        "import_id": done.pk,
        "status": done.status,
        "counts": {name: getattr(done, name) for name in counts},
    }


def _read(file: Path) -> bytes:
    """The bytes, unless there are more than an import takes."""
    from igny8_core.business.planning.errors import FileTooLarge
    from igny8_core.business.planning.services.keyword_formats import MAX_FILE_BYTES

    if file.stat().st_size > MAX_FILE_BYTES:
        raise FileTooLarge(f"{file.name} is larger than {MAX_FILE_BYTES // 2**20} MiB.")
    return file.read_bytes()


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
