"""Rows of an archive into the tables of a new account, a batch a statement.

The database checks what a row says: every type, CHECK, key and policy holds for it.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from django.db import DatabaseError, connection, models

from igny8_core.common.html import has_scheme
from igny8_core.transfer import catalog
from igny8_core.transfer.errors import ArchiveInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.transfer.archive import Archive, Manifest, Table
    from igny8_core.transfer.ids import Ids

    Row = dict[str, Any]

BATCH_ROWS: Final = 1_000
BATCH_BYTES: Final = 8 * 2**20


def refuse_other_versions(manifest: Manifest) -> None:
    """Every table and column of the archive is known here. Columns that are new here are filled.

    :raises ArchiveInvalid: the archive was made by another version.
    """
    for label, table in manifest.rows.items():
        if label not in catalog.portable():
            raise ArchiveInvalid(f"The archive holds rows of {label[:100]!r}, unknown here.")
        if unknown := sorted(set(table.columns) - set(catalog.columns(label))):
            raise ArchiveInvalid(
                f"The archive was made by another version: {label} has no {unknown[0][:100]!r}."
            )


def insert_table(archive: Archive, table: Table, label: str, ids: Ids) -> int:
    """Insert a table's rows and note their new ids; inside the new account's block.

    :returns: how many there are now.
    :raises ArchiveInvalid: a row cannot be what it says it is.
    """
    entry, waiting, count = catalog.PORTABLE[label], [], 0
    for batch in _batches(archive, table):
        rows, olds = [], []
        for row in batch:
            old = _prepare(row, table, label, ids)
            if old is None:
                continue
            if entry.is_later is not None and entry.is_later(row):
                waiting.append(old)
                row |= {name: _default(_fields(label)[name]) for name in entry.later}
            rows.append(_finish(row, label, ids))
            olds.append(old)
        _note(ids, label, olds, _insert(label, rows, ids.account_id))
        count += len(rows)
    if waiting:
        _write_later(archive, table, label, ids, frozenset(waiting))
    return count


def _prepare(row: Row, table: Table, label: str, ids: Ids) -> int | None:
    """Fill the row up and translate its relations; its old id, or None: it stays behind."""
    old = row.get("id")
    if set(row) != set(table.columns) or not isinstance(old, int) or isinstance(old, bool):
        raise ArchiveInvalid(f"A row of {label} has other columns than the manifest says.")
    for name, column in _fields(label).items():
        if name not in row:
            row[name] = _default(column)
    for name, target in catalog.relations(label).items():
        found = ids.get(target, row[name])
        if found is None and row[name] is not None:
            if name in catalog.PORTABLE[label].needs:
                return None
            if not _fields(label)[name].null:
                raise ArchiveInvalid(f"A row of {label} names a {name} that is not there.")
        row[name] = found
    return old


def _finish(row: Row, label: str, ids: Ids) -> Row:
    """The row as it is written: at rest, with new ids inside, and with addresses that are some."""
    entry = catalog.PORTABLE[label]
    try:
        if entry.settle is not None:
            entry.settle(row)
        if entry.rewrite is not None:
            entry.rewrite(row, ids)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise ArchiveInvalid(f"A row of {label} is not what it should be: {exc}.") from exc
    for name in _addresses(label):
        if not isinstance(row[name], str) or not has_scheme(row[name], "http", "https"):
            row[name] = ""
    return row


def _write_later(
    archive: Archive, table: Table, label: str, ids: Ids, waiting: frozenset[int]
) -> None:
    """The columns that name rows of the same table, now that all of them have an id."""
    meta, names = catalog.model_of(label)._meta, catalog.PORTABLE[label].later
    sets = ", ".join(f"{_quoted(name)} = r.{_quoted(name)}" for name in names)
    sql = f"""
        UPDATE {_quoted(meta.db_table)} t SET {sets}
          FROM jsonb_populate_recordset(NULL::{_quoted(meta.db_table)}, %s::jsonb) r
         WHERE t.id = r.id AND t.account_id = %s
    """  # noqa: S608 - names of our own models
    for batch in _batches(archive, table):
        rows = []
        for row in batch:
            if row["id"] in waiting:
                old = _prepare(row, table, label, ids)
                finished = _finish(row, label, ids)
                wanted = {name: finished[name] for name in names}
                rows.append(wanted | {"id": ids.get(label, old)})
        if rows:
            _execute(label, sql, [json.dumps(rows), ids.account_id])


def _insert(label: str, rows: list[Row], account_id: int) -> list[int]:
    """The new ids, in the order of the rows."""
    if not rows:
        return []
    table = _quoted(catalog.model_of(label)._meta.db_table)
    names = [name for name in _fields(label) if name != "id"]
    listed = ", ".join(map(_quoted, names))
    values = ", ".join(f"r.{_quoted(name)}" for name in names)
    sql = f"""
        INSERT INTO {table} (account_id, {listed})
        SELECT %s, {values}
          FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS e (item, n)
         CROSS JOIN LATERAL jsonb_populate_record(NULL::{table}, e.item) AS r
         ORDER BY e.n
        RETURNING id
    """  # noqa: S608 - names of our own models
    return [new for (new,) in _execute(label, sql, [account_id, json.dumps(rows)])]


def _execute(label: str, sql: str, parameters: list[Any]) -> list[Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []
    except DatabaseError as exc:
        diagnosis: Any = getattr(exc.__cause__, "diag", None)
        broken = getattr(diagnosis, "constraint_name", None) or type(exc).__name__
        raise ArchiveInvalid(f"Rows of {label} break a rule of the database: {broken}.") from exc


def _note(ids: Ids, label: str, olds: list[int], news: list[int]) -> None:
    try:
        ids.of(label).add(zip(olds, news, strict=True))
    except (ValueError, OverflowError) as exc:
        raise ArchiveInvalid(f"The rows of {label} are twice or out of order.") from exc


def _batches(archive: Archive, table: Table) -> Iterator[list[Row]]:
    """Rows until there are a thousand, or 8 MiB of text."""
    batch: list[Row] = []
    size = 0
    for row, bytes_of_row in archive.measured_objects(table):
        batch.append(row)
        size += bytes_of_row
        if len(batch) >= BATCH_ROWS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@cache
def _fields(label: str) -> dict[str, Any]:
    """The columns that an import writes, the key included."""
    fields = catalog.model_of(label)._meta.concrete_fields
    return {one.column: one for one in fields if not one.generated and one.column != "account_id"}


@cache
def _addresses(label: str) -> tuple[str, ...]:
    fields = catalog.model_of(label)._meta.concrete_fields
    return tuple(str(one.column) for one in fields if isinstance(one, models.URLField))


def _default(column: Any) -> Any:
    """What a column has that an archive does not bring.

    :raises ArchiveInvalid: it has no default: the archive is too old for this version.
    """
    if column.has_default():
        return json.loads(json.dumps(column.get_default(), default=str))
    if column.null:
        return None
    if column.empty_strings_allowed:
        return ""
    raise ArchiveInvalid(f"The archive is too old: it does not say {column.name!r}.")


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
