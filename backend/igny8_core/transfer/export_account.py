"""A whole account into one file: its rows as of one moment, its files, and no secret."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from django.core.files.storage import storages
from django.db import connection

from igny8_core.auth import plan_limits, selectors
from igny8_core.business.planning.services.keyword_limit import use_of_keywords
from igny8_core.common.tenancy.context import tenant
from igny8_core.transfer import catalog, histories
from igny8_core.transfer.archive import (
    BLOCK_BYTES,
    FILES,
    FORMAT,
    VERSION,
    AccountData,
    ArchiveWriter,
    FileRecord,
    LeftOut,
    Manifest,
    Table,
    json_lines,
)
from igny8_core.transfer.errors import ArchiveExists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from igny8_core.auth.models import Account

FETCH_ROWS: Final = 2_000


@dataclass(frozen=True)
class Exported:
    """What went into the archive.

    :ivar rows: by model, what an import makes again.
    :ivar missing: paths that rows name and that were not there.
    """

    rows: dict[str, int]
    history: dict[str, int]
    files: int
    missing: list[str]
    left_out: dict[str, str]
    size_bytes: int = 0


@dataclass
class _Tables:
    """The tables written so far, and the files that their rows name."""

    writer: ArchiveWriter
    rows: dict[str, Table] = field(default_factory=dict)
    references: dict[str, Table] = field(default_factory=dict)
    history: dict[str, Table] = field(default_factory=dict)
    files: dict[tuple[str, str], None] = field(default_factory=dict)

    def write(self, entry: str, lines: Iterable[bytes], columns: tuple[str, ...] = ()) -> Table:
        count = 0
        with self.writer.entry(entry) as write:
            for line in lines:
                write(line)
                count += 1
        return Table(entry=entry, rows=count, columns=columns)


def export_account(*, account: Account, target: Path, clock: Callable[[], datetime]) -> Exported:
    """Write the account's archive, readable for its owner alone; whole or not at all.

    :raises ArchiveExists: there is a file of this name; it was left alone.
    :raises NotFound: no such account.
    """
    if target.exists():
        raise ArchiveExists(f"{target} is there already.", file=str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    try:
        with os.fdopen(handle, "wb") as file:  # 0600: an archive holds personal data
            found = write_archive(account=account, file=file, clock=clock)
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, target)  # refuses what appeared meanwhile
    except FileExistsError as exc:
        raise ArchiveExists(f"{target} is there already.", file=str(target)) from exc
    finally:
        Path(unfinished).unlink()
    return Exported(**(vars(found) | {"size_bytes": target.stat().st_size}))


def write_archive(*, account: Account, file: IO[bytes], clock: Callable[[], datetime]) -> Exported:
    """The account's archive into an open file. Outside tenant blocks; in constant memory, but for
    the paths of the files.

    :raises NotFound: no such account.
    """
    with ArchiveWriter(file) as writer:
        tables = _Tables(writer)
        with tenant(account.pk, read_only=True, snapshot=True):
            data = _write_tables(tables, selectors.account(account.pk), now=clock())
        for name, path in histories.kept(account.pk):
            tables.history[name] = tables.write(f"history/{name}.jsonl", histories.lines(path))
        files, missing = _write_files(writer, tables.files)
        manifest = Manifest(
            format=FORMAT,
            version=VERSION,
            igny8_version=version("igny8"),
            made_at=clock().isoformat(),
            account=data,
            rows=tables.rows,
            references=tables.references,
            history=tables.history,
            files=files,
            entries=writer.entries,
            left_out=tuple(LeftOut(what=what, why=why) for what, why in left_out().items()),
        )
        writer.finish(manifest)
    return Exported(
        rows={label: table.rows for label, table in tables.rows.items()},
        history={label: table.rows for label, table in tables.history.items()},
        files=files,
        missing=missing,
        left_out=left_out(),
    )


def _write_tables(tables: _Tables, account: Account, *, now: datetime) -> AccountData:
    """Every row of the account and of what it refers to; what the account itself is."""
    _take_time()
    for label, entry in catalog.portable().items():
        tables.rows[label] = tables.write(
            f"rows/{label}.jsonl",
            _noting_files(_portable_rows(label, account), entry, tables.files),
            ("id", *(name for name in catalog.columns(label) if name != "id")),
        )
    for label in catalog.REFERENCES:
        tables.references[label] = tables.write(
            f"references/{label}.jsonl", _references(label, account)
        )
    for label, hidden in catalog.history().items():
        lines = _history_rows(label, hidden, account)
        tables.history[label] = tables.write(f"history/{label}.jsonl", lines)
    return _account_data(account, now=now)


def left_out() -> dict[str, str]:
    """What an archive does not hold, and why."""
    columns = {
        f"{label}.{name}": entry.why
        for label, entry in catalog.portable().items()
        for name in sorted(entry.omit)
    }
    return catalog.left_out() | columns | catalog.ALSO_LEFT_OUT


def _take_time() -> None:
    """One transaction for all of it; compressing happens between its statements."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SET LOCAL statement_timeout = '10min'")


def _portable_rows(label: str, account: Account) -> Iterator[bytes]:
    where = catalog.PORTABLE[label].where
    return _rows(label, catalog.columns(label), account, f"AND ({where})" if where else "")


def _history_rows(label: str, hidden: frozenset[str], account: Account) -> Iterator[bytes]:
    entry = catalog.PORTABLE.get(label)
    fields = catalog.model_of(label)._meta.concrete_fields
    columns = tuple(one.column for one in fields if one.column not in {"account_id", *hidden})
    return _rows(label, columns, account, f"AND NOT ({entry.where})" if entry else "")


def _rows(label: str, columns: tuple[str, ...], account: Account, more: str) -> Iterator[bytes]:
    """The account's rows as PostgreSQL writes them in JSON, in the order of their keys.

    The literal account beside the policy: each alone keeps other accounts' rows out.
    """
    meta = catalog.model_of(label)._meta
    table, key = _quoted(meta.db_table), _quoted(meta.pk.column)
    sql = f"""
        SELECT (SELECT to_jsonb(t) FROM (SELECT {", ".join(map(_quoted, columns))}) t)::text
          FROM {table} WHERE account_id = %s {more} ORDER BY {key}
    """  # noqa: S608 - names of our own models
    return _fetched(sql, [account.pk])


def _references(label: str, account: Account) -> Iterator[bytes]:
    """The rows of no account that portable rows refer to."""
    table = _quoted(catalog.model_of(label)._meta.db_table)
    names = ", ".join(map(_quoted, ("id", *catalog.REFERENCES[label])))
    used = [
        f"SELECT {_quoted(column)} FROM {_quoted(catalog.model_of(one)._meta.db_table)}"  # noqa: S608
        " WHERE account_id = %(account)s"
        for one in catalog.portable()
        for column, to in catalog.relations(one).items()
        if to == label
    ]
    sql = f"""
        SELECT (SELECT to_jsonb(t) FROM (SELECT {names}) t)::text
          FROM {table} WHERE id IN ({" UNION ".join(used)}) ORDER BY id
    """  # noqa: S608 - names of our own models
    return _fetched(sql, {"account": account.pk})


def _fetched(sql: str, parameters: Any) -> Iterator[bytes]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, parameters)
        while rows := cursor.fetchmany(FETCH_ROWS):
            for (text,) in rows:
                yield text.encode() + b"\n"


def _noting_files(
    lines: Iterator[bytes], entry: catalog.Portable, files: dict[tuple[str, str], None]
) -> Iterator[bytes]:
    for line in lines:
        if entry.files is not None:
            files.update(dict.fromkeys(entry.files(json.loads(line))))
        yield line


def _write_files(writer: ArchiveWriter, files: Iterable[tuple[str, str]]) -> tuple[int, list[str]]:
    """Each file as a member of its own, and the list of them; what is gone is named."""
    records: list[FileRecord] = []
    missing: list[str] = []
    for storage, path in files:
        if not storages[storage].exists(path):
            missing.append(path)
            continue
        name = f"files/{len(records)}"
        with storages[storage].open(path) as file, writer.entry(name, packed=False) as write:
            for block in iter(lambda file=file: file.read(BLOCK_BYTES), b""):  # type: ignore[misc]
                write(block)
        written = writer.entries.pop(name)
        records.append(FileRecord(entry=name, storage=storage, path=path, **written.model_dump()))
    with writer.entry(FILES) as write:
        for line in json_lines(record.model_dump() for record in records):
            write(line)
    return len(records), missing


def _account_data(account: Account, *, now: datetime) -> AccountData:
    return AccountData(
        name=account.name,
        slug=account.slug,
        status=account.status,
        plan=account.plan.code if account.plan else None,
        country_code=account.country_code,
        timezone=account.timezone,
        retention_days=account.retention_days,
        max_credits_per_day=account.max_credits_per_day,
        settings=account.settings,
        created_at=account.created_at.isoformat(),
        credits=account.credits,
        credits_held=account.credits_held,
        in_use={
            "sites": plan_limits.use_of_sites(account=account).in_use,
            "people": plan_limits.use_of_people(account=account, now=now).in_use,
            "keywords": use_of_keywords(account=account).in_use,
        },
    )


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
