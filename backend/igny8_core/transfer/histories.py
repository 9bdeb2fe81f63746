"""Records that an imported account brought along: kept beside it, and exported with it again."""

from __future__ import annotations

import re
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Final

from django.core.files.base import File
from django.core.files.storage import storages

from igny8_core.transfer.errors import ArchiveInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STORAGE: Final = "history"
BLOCK_BYTES: Final = 2**20
_NAME: Final = re.compile(r"([a-z0-9][a-z0-9-]{0,120}/)?[a-z0-9_]{1,40}\.[A-Za-z]{1,40}")


def origin_of(slug: str, made_at: str) -> str:
    """What an archive's own records are filed under: the day and the account they come from."""
    day = re.sub(r"\D", "", made_at[:10])
    name = re.sub(r"[^a-z0-9-]", "", slug.lower())[:100].strip("-")
    return f"{day}-{name}".strip("-") or "unknown"


def refuse_bad_names(names: Iterable[str]) -> None:
    """Names of tables become paths: ``app.Model``, or the same below one folder.

    :raises ArchiveInvalid: any other name.
    """
    for name in names:
        if _NAME.fullmatch(name) is None:
            raise ArchiveInvalid(f"{name[:100]!r} is no name of a table.")


def keep(lines: Iterable[bytes], *, account_id: int, origin: str, name: str) -> str:
    """Store one table; returns its path.

    :param name: as in the manifest; a table that was brought along before keeps its folder.
    """
    path = f"{account_id}/{name if '/' in name else f'{origin}/{name}'}.jsonl"
    with TemporaryFile() as file:
        for line in lines:
            file.write(line)
        file.seek(0)
        return storages[STORAGE].save(path, File(file))


def kept(account_id: int) -> list[tuple[str, str]]:
    """(name of the table, path) of everything that the account brought along."""
    storage = storages[STORAGE]
    if not storage.exists(str(account_id)):
        return []
    folders, _ = storage.listdir(str(account_id))
    found = []
    for folder in sorted(folders):
        _, files = storage.listdir(f"{account_id}/{folder}")
        found += [
            (f"{folder}/{file.removesuffix('.jsonl')}", f"{account_id}/{folder}/{file}")
            for file in sorted(files)
        ]
    return found


def lines(path: str) -> Iterator[bytes]:
    """A stored table, line by line."""
    with storages[STORAGE].open(path) as file:
        yield from file
