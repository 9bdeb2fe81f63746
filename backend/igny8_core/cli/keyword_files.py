"""``igny8 keywords preview | import | imports | issues | undo | export``: files in and out."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

from igny8_core.cli.keywords import (
    DATA_DIR,
    JSON,
    SECTOR,
    SITE,
    NumberRange,
    account_of,
    keywords,
    place_of,
    running,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from igny8_core.auth.models import Account, Sector, Site
    from igny8_core.business.planning.services.keyword_options import ReadOptions

__all__ = ["keywords"]

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
OUT = click.argument("out", type=click.Path(dir_okay=False, writable=True, path_type=Path))
IMPORT = click.argument("import_id", type=int)
IMPORTS_SHOWN = 20
IN_MEMORY_BYTES = 8 * 1024 * 1024


def _pairs(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """``field=column`` options as a mapping."""
    found = {}
    for value in values:
        name, sign, rest = value.partition("=")
        if not sign:
            raise click.BadParameter(f"{value}: write it as FIELD=VALUE")
        found[name.strip()] = rest
    return found


_READING: tuple[Any, ...] = (
    click.option("--plain", is_flag=True, help="One keyword a line, without a header."),
    click.option("--country", help="Market of the figures, as an ISO code. Default: the site's."),
    click.option("--any-market", is_flag=True, help="Take rows of other countries too."),
    click.option("--my-market", is_flag=True, help="The file's name does not say the market."),
    click.option(
        "--column",
        "columns",
        multiple=True,
        callback=_pairs,
        metavar="FIELD=NAME",
        help="Take the column NAME for a field (keyword, volume, difficulty, cpc, …).",
    ),
    click.option(
        "--decimal",
        "marks",
        multiple=True,
        callback=_pairs,
        metavar="FIELD=MARK",
        help="Decimal mark of a field whose cells contradict each other.",
    ),
    click.option("--encoding", default="", help="Code page, when the guess was wrong."),
    click.option("--observed-on", default="", help="Date of the figures, when the file has none."),
    click.option("--deleted-too", is_flag=True, help="Bring deleted keywords back."),
    click.option("--groups", is_flag=True, help="Make the file's own groups clusters."),
    click.option("--min-volume", type=click.IntRange(min=0), help="Leave smaller volumes out."),
    click.option("--exclude", "excludes", multiple=True, help="Leave keywords with it out."),
)


def _reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """What a person can say about how a file is to be read."""
    for option in reversed(_READING):
        command = option(command)
    return command


def _read_options(site: Site, said: dict[str, Any]) -> ReadOptions:
    from igny8_core.business.planning.services.keyword_options import site_options

    return site_options(
        site,
        any_market=said["any_market"],
        country=said["country"] or "",
        is_plain_list=said["plain"],
        columns=said["columns"],
        decimal_marks=said["marks"],
        encoding=said["encoding"],
        observed_on=said["observed_on"],
        keeps_deleted=not said["deleted_too"],
        keeps_groups=said["groups"],
        ignores_file_market=said["my_market"],
        min_volume=said["min_volume"],
        excludes=said["excludes"],
    )


@keywords.command()
@FILE
@SITE
@SECTOR
@_reading_options
@JSON
@DATA_DIR
def preview(
    *,
    file: Path,
    site_id: int,
    sector_name: str | None,
    as_json: bool,
    data_dir: Path | None,
    **said: Any,
) -> None:
    """Say what importing a file would do. Writes no keyword, costs no credits."""
    with running(data_dir):
        report = _analysed(file, place_of(site_id, sector_name), said)
    if as_json:
        click.echo(json.dumps(report))
        return
    _show_file(report)
    told = report["consequences"]
    counts = report["counts"]
    order = list(report["mapping_order"])
    click.echo(
        f"{counts['rows_read']:,} rows: {told['created']:,} new, {told['updated']:,} to update, "
        f"{told['unchanged']:,} unchanged, {counts['merged']:,} duplicates, "
        f"{counts['skipped'] + told['deleted_before']:,} rejected"
    )
    for name, column in sorted(report["mapping"].items(), key=lambda item: order.index(item[0])):
        samples = " | ".join(column["samples"])
        click.echo(f"  {name:<15} {column['column']:<24} {samples}")
    for ignored in report["ignored_columns"]:
        click.echo(f"  {'-':<15} {ignored['name']:<24} ({ignored['why']})")
    _show_issues(report)
    if report["plan"] and not report["plan"]["is_enough"]:
        click.echo(f"  The plan allows {report['plan']['limit']:,} keywords: they do not fit.")
    click.echo(
        f"Nothing was written. Import it with: igny8 keywords import --id {report['import_id']} "
        f"--site {site_id}"
    )


@keywords.command("import")
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False
)
@click.option("--id", "import_id", type=int, help="A file that was previewed, instead of FILE.")
@SITE
@SECTOR
@_reading_options
@click.option("--background", is_flag=True, help="Let a worker of the running stack do it.")
@JSON
@DATA_DIR
def import_file(
    *,
    file: Path | None,
    import_id: int | None,
    site_id: int,
    sector_name: str | None,
    background: bool,
    as_json: bool,
    data_dir: Path | None,
    **said: Any,
) -> None:
    """Import a keyword file: xlsx, CSV, TSV, ZIP or gzip, of any tool. Costs no credits."""
    if (file is None) == (import_id is None):
        raise click.UsageError("name a FILE, or a previewed one with --id")
    with running(data_dir):
        place = place_of(site_id, sector_name)
        was_in = False
        if file is not None:
            told = _analysed(file, place, said)
            import_id, was_in = told["import_id"], told["status"] == "completed"
        report = _imported(place[0], int(import_id or 0), in_background=background)
    if as_json:
        click.echo(json.dumps(report))
        return
    _show_file(report)
    if report["status"] != "completed":
        click.echo(f"Import {report['import_id']} is {report['status']}; it goes on by itself.")
        return
    if was_in:
        click.echo(f"The file is in already (import {report['import_id']}): nothing was written.")
    counts = report["counts"]
    shown = ", ".join(f"{counts[name]:,} {name}" for name in counts if name != "rows_read")
    click.echo(f"{counts['rows_read']:,} rows read: {shown}")
    _show_issues(report)


@keywords.command()
@SITE
@SECTOR
@JSON
@DATA_DIR
def imports(*, site_id: int, sector_name: str | None, as_json: bool, data_dir: Path | None) -> None:
    """List the newest imports, with how far they are."""
    with running(data_dir):
        from igny8_core.business.planning import selectors
        from igny8_core.common.tenancy.context import tenant

        account, _site, sector = place_of(site_id, sector_name, changes=False)
        with tenant(account.pk, read_only=True):
            rows = selectors.keyword_imports(account=account, sector=sector)[:IMPORTS_SHOWN]
            found = [
                {
                    "import_id": row.pk,
                    "file": row.file_name,
                    "profile": row.profile,
                    "status": row.status,
                    "done": row.keywords_done,
                    "total": row.keywords_total,
                    "created": row.created,
                    "updated": row.updated,
                    "skipped": row.skipped,
                }
                for row in rows
            ]
    if as_json:
        click.echo(json.dumps({"imports": found}))
        return
    for row in found:
        click.echo(
            f"{row['import_id']:>6}  {row['status']:<10} {row['done']:>9,} of {row['total']:,}  "
            f"{row['file']}"
        )


@keywords.command()
@IMPORT
@OUT
@SITE
@DATA_DIR
def issues(*, import_id: int, out: Path, site_id: int, data_dir: Path | None) -> None:
    """Write a line for each row or cell that was not simply imported, as CSV; - is the screen."""
    with running(data_dir), _open_out(out) as file:
        from igny8_core.business.planning.services.import_report import write_issues

        account = account_of(site_id, changes=False)
        count = write_issues(account=account, import_id=import_id, out=file)
    click.echo(f"{count:,} issues", err=True)


@keywords.command()
@IMPORT
@SITE
@click.option("--clustered", is_flag=True, help="Also keywords that a clustering has placed.")
@JSON
@DATA_DIR
def undo(
    *, import_id: int, site_id: int, clustered: bool, as_json: bool, data_dir: Path | None
) -> None:
    """Take an import back: remove what it made, restore what it changed."""
    with running(data_dir):
        from django.utils import timezone

        from igny8_core.business.planning.services.undo_import import undo_keyword_import

        found = undo_keyword_import(
            account=account_of(site_id),
            import_id=import_id,
            includes_clustered=clustered,
            now=timezone.now(),
        )
    if as_json:
        click.echo(json.dumps({"import_id": found.pk, "status": found.status, **found.undo}))
        return
    done = found.undo
    click.echo(f"{done['removed']:,} keywords removed, {done['restored']:,} restored")
    for reason, count in done["kept"].items():
        click.echo(f"  kept, {reason.replace('_', ' ')}: {count:,}")


@keywords.command()
@OUT
@SITE
@SECTOR
@click.option(
    "--what", type=click.Choice(["keywords", "clusters", "ideas"]), default="keywords",
    show_default=True,
)  # fmt: skip
@click.option("--format", "file_format", type=click.Choice(["csv", "xlsx"]), help="Else OUT's.")
@click.option("--query", default="", help="Words that a keyword must hold.")
@click.option("--status", default="")
@click.option("--cluster", "cluster_id", type=int, help="Of one cluster; 0: without one.")
@click.option("--min-volume", type=int)
@click.option("--max-difficulty", type=NumberRange(0, 100))
@JSON
@DATA_DIR
def export(
    *,
    out: Path,
    site_id: int,
    sector_name: str | None,
    what: str,
    file_format: str | None,
    as_json: bool,
    data_dir: Path | None,
    **said: Any,
) -> None:
    """Write keywords, clusters or ideas to OUT; - is the screen."""
    is_excel = out.suffix.lower() == ".xlsx"
    chosen = file_format or ("xlsx" if is_excel else "csv")
    with running(data_dir), _open_out(out) as file:
        done = _exported(place_of(site_id, sector_name, changes=False), what, chosen, file, said)
    if as_json:
        click.echo(json.dumps(done), err=str(out) == "-")
    else:
        click.echo(f"{done['rows']:,} {what} written", err=True)


def _exported(
    place: tuple[Account, Site, Sector],
    what: str,
    file_format: str,
    file: BinaryIO,
    said: dict[str, Any],
) -> dict[str, Any]:
    from django.utils import timezone

    from igny8_core.business.planning.selectors import KeywordFilters
    from igny8_core.business.planning.services import export_rows

    account, _site, sector = place
    options: dict[str, Any] = {
        "account": account, "sector": sector, "out": file, "now": timezone.now(),
        "file_format": file_format,
    }  # fmt: skip
    if what == "keywords":
        filters = KeywordFilters(
            q=said["query"],
            status=said["status"],
            cluster_id=said["cluster_id"],
            volume_min=said["min_volume"],
            difficulty_max=said["max_difficulty"],
        )
        done = export_rows.export_keywords(filters=filters, **options)
    else:
        service = {"clusters": export_rows.export_clusters, "ideas": export_rows.export_ideas}[what]
        done = service(status=said["status"], **options)
    return {"rows": done.rows, "file_name": done.file_name, "media_type": done.media_type}


@contextmanager
def _open_out(out: Path) -> Iterator[BinaryIO]:
    """Where an export goes; a file that is there keeps what it holds until the export is whole."""
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as made:
        yield cast("BinaryIO", made)
        made.seek(0)
        if str(out) == "-":
            shutil.copyfileobj(made, sys.stdout.buffer)
            return
        with out.open("wb") as file:
            shutil.copyfileobj(made, file)


def _analysed(
    file: Path, place: tuple[Account, Site, Sector], said: dict[str, Any]
) -> dict[str, Any]:
    from django.utils import timezone

    from igny8_core.business.planning.services.import_keywords import analyse_keyword_file
    from igny8_core.business.planning.services.import_report import import_report

    account, site, sector = place
    options = _read_options(site, said)
    with file.open("rb") as data:
        found = analyse_keyword_file(
            account=account,
            site=site,
            sector=sector,
            file_name=file.name,
            data=data,
            options=options,
            now=timezone.now(),
        )
    return import_report(account=account, import_id=found.pk)


def _imported(account: Account, import_id: int, *, in_background: bool) -> dict[str, Any]:
    from django.utils import timezone

    from igny8_core.business.planning.services.import_jobs import start_keyword_import
    from igny8_core.business.planning.services.import_keywords import import_keywords
    from igny8_core.business.planning.services.import_report import import_report

    if in_background:
        start_keyword_import(account=account, import_id=import_id, now=timezone.now())
    else:
        import_keywords(account=account, import_id=import_id, clock=timezone.now)
    return import_report(account=account, import_id=import_id)


def _show_file(report: dict[str, Any]) -> None:
    written = ", ".join(text for text in (report["encoding"], report["delimiter"]) if text)
    click.echo(f"{report['file']}: {report['title']}, {written}")
    market = report["market"]
    if market["country"]:
        click.echo(f"market: {market['country']} ({market['from'].replace('_', ' ')})")
    for sheet in report["skipped_sheets"]:
        click.echo(f"  not read: {sheet['name']} ({sheet['why']})")


def _show_issues(report: dict[str, Any]) -> None:
    for code, count in report["issue_counts"].items():
        click.echo(f"  {code}: {count:,}")
