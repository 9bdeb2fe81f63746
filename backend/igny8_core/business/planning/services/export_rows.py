"""Keywords, clusters and ideas as CSV or xlsx.

Each export is one query through a server-side cursor, so it is one snapshot and its memory does
not follow its rows. It writes inside one tenant block: a generator that outlives its caller's
context would carry the block with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.aggregates import StringAgg
from django.db.models import F, Value

from igny8_core.business.planning import selectors
from igny8_core.business.planning.errors import ExportInvalid
from igny8_core.business.planning.services.export_columns import (
    CLUSTER_COLUMNS,
    IDEA_COLUMNS,
    KEYWORD_COLUMNS,
    ExportedKeyword,
)
from igny8_core.common.csv_write import write_csv
from igny8_core.common.tenancy.context import tenant
from igny8_core.common.xlsx_write import workbook_blocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from typing import BinaryIO

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.planning.selectors import KeywordFilters

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Media type of each format."""

SCHEMA_VERSION = 1
_READ_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    :ivar file_name: a good name for it; it carries the schema's version.
    """

    rows: int
    file_name: str
    media_type: str


def export_keywords(
    *,
    account: Account,
    sector: Sector,
    out: BinaryIO,
    now: datetime,
    filters: KeywordFilters | None = None,
    columns: Sequence[str] = (),
    file_format: str = "csv",
) -> Exported:
    """Write the keywords that match.

    :param columns: names of :data:`~.export_columns.KEYWORD_COLUMNS`; none takes all, and only
        all of them read back as they were.
    :raises ExportInvalid: an unknown column or format; nothing was written.
    """
    unknown = set(columns) - set(KEYWORD_COLUMNS)
    if unknown:
        raise ExportInvalid("There is no such column.", columns=sorted(unknown))
    chosen = [KEYWORD_COLUMNS[name] for name in columns or KEYWORD_COLUMNS]
    with tenant(account.pk, read_only=True):
        imported = dict(
            selectors.keyword_imports(account=account, sector=sector).values_list(
                "pk", "created_at"
            )
        )
        rows = selectors.keywords(account=account, sector=sector, filters=filters)
        named = rows.annotate(cluster_name=F("cluster__name"))

        def cells() -> Iterator[list[Any]]:
            for row in named.iterator(_READ_ROWS):
                keyword = ExportedKeyword(row, sector, row.cluster_name or "", imported)
                yield [cell(keyword) for _header, cell in chosen]

        header = [name for name, _cell in chosen]
        return _write(out, "keywords", header, cells(), sector, file_format, now)


def export_clusters(
    *,
    account: Account,
    sector: Sector,
    out: BinaryIO,
    now: datetime,
    status: str = "",
    file_format: str = "csv",
) -> Exported:
    """Write the sector's clusters, the largest volumes first.

    :raises ExportInvalid: an unknown format; nothing was written.
    """
    with tenant(account.pk, read_only=True):
        rows = selectors.clusters(account=account, sector=sector, status=status)
        cells = rows.values_list(*CLUSTER_COLUMNS).iterator(_READ_ROWS)
        header = list(CLUSTER_COLUMNS.values())
        return _write(out, "clusters", header, cells, sector, file_format, now)


def export_ideas(
    *,
    account: Account,
    sector: Sector,
    out: BinaryIO,
    now: datetime,
    status: str = "",
    file_format: str = "csv",
) -> Exported:
    """Write the sector's ideas with their keywords, the largest volumes first.

    :raises ExportInvalid: an unknown format; nothing was written.
    """
    with tenant(account.pk, read_only=True):
        rows = selectors.ideas(account=account, sector=sector, status=status)
        listed = rows.select_related(None).annotate(
            cluster_name=F("cluster__name"),
            keyword_list=StringAgg("keywords__keyword", ", ", default=Value("")),
        )
        renamed = {"cluster": "cluster_name", "keywords": "keyword_list"}
        names = [renamed.get(name, name) for name in IDEA_COLUMNS]
        cells = listed.values_list(*names).iterator(_READ_ROWS)
        header = list(IDEA_COLUMNS.values())
        return _write(out, "ideas", header, cells, sector, file_format, now)


def _write(  # noqa: PLR0917
    out: BinaryIO,
    kind: str,
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
    sector: Sector,
    file_format: str,
    now: datetime,
) -> Exported:
    name = (
        f"igny8_{kind}-{SCHEMA_VERSION}_{sector.site.slug}_{sector.slug}_"
        f"{now.date().isoformat()}.{file_format}"
    )
    if file_format == "csv":
        count = write_csv(out, header, rows)
    elif file_format == "xlsx":
        counted = _Counted(rows)
        out.writelines(workbook_blocks(header, counted, sheet=kind.title()))
        count = counted.count
    else:
        raise ExportInvalid("A file is csv or xlsx.", format=file_format)
    return Exported(count, name, FORMATS[file_format])


class _Counted:
    """Rows, counted while they are read."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[Sequence[Any]]:
        for row in self._rows:
            self.count += 1
            yield row
