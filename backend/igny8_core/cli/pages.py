"""``igny8 pages``: what a site has already, from its own exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from igny8_core.cli.keywords import DATA_DIR, JSON, SECTOR, SITE, place_of, running

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
ONLY_PAGES = click.option(
    "--only-pages", is_flag=True, help="Posts of a WordPress export do not become content."
)


@click.group()
def pages() -> None:
    """Pages that a site has: from a WordPress export, a sitemap, a crawl or Search Console."""


@pages.command()
@FILE
@SITE
@SECTOR
@ONLY_PAGES
@JSON
@DATA_DIR
def preview(
    *,
    file: Path,
    site_id: int,
    sector_name: str | None,
    only_pages: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Say what is in a file. Writes no page."""
    with running(data_dir, command="pages"):
        report = _analysed(file, site_id, sector_name, with_posts=not only_pages)
    _show(report, as_json=as_json)


@pages.command("import")
@FILE
@SITE
@SECTOR
@ONLY_PAGES
@JSON
@DATA_DIR
def import_file(
    *,
    file: Path,
    site_id: int,
    sector_name: str | None,
    only_pages: bool,
    as_json: bool,
    data_dir: Path | None,
) -> None:
    """Import pages. Known ones get what the file knows better. Opens no connection."""
    with running(data_dir, command="pages"):
        from django.utils import timezone

        from igny8_core.business.integration.services.import_pages import import_pages

        report = _analysed(file, site_id, sector_name, with_posts=not only_pages)
        account = place_of(site_id, sector_name)[0]
        done = import_pages(account=account, import_id=report["import_id"], clock=timezone.now)
        counts = (
            "created", "updated", "unchanged", "posts_created", "posts_updated", "posts_unchanged",
        )  # fmt: skip
        report |= {
            "status": done.status,
            "counts": {name: getattr(done, name) for name in counts},
        }
    _show(report, as_json=as_json)


def _show(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report))
        return
    click.echo(f"{report['file']}: {report['title']}")
    click.echo(
        f"{report['pages']:,} pages, {report['known_pages']:,} of them known, "
        f"{report['posts']:,} posts"
    )
    if counts := report.get("counts"):
        shown = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items())
        click.echo(shown)
    for code, count in report["issues"].items():
        click.echo(f"  {code}: {count:,}")


def _analysed(
    file: Path, site_id: int, sector_name: str | None, *, with_posts: bool
) -> dict[str, Any]:
    from django.utils import timezone

    from igny8_core.business.integration.services.import_pages import analyse_page_file

    account, site, sector = place_of(site_id, sector_name)
    with file.open("rb") as data:
        found = analyse_page_file(
            account=account,
            site=site,
            sector=sector,
            file_name=file.name,
            data=data,
            with_posts=with_posts,
            now=timezone.now(),
        )
    return {**found.report, "import_id": found.pk, "status": found.status}
