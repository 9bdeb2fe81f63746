"""The archive of an account: a zip of JSON lines and files, with a manifest that vouches for them.

An archive comes from anywhere: nothing in it is believed before its size and digest were checked,
and no name in it ever becomes a path.
"""

from __future__ import annotations

import errno
import hashlib
import json
import re
import struct
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from igny8_core.transfer.errors import ArchiveInvalid, ArchiveTooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

FORMAT: Final = "igny8-account"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
FILES: Final = "files.jsonl"
FILE_NAME: Final = re.compile(r"files/[0-9]{1,9}")
MAX_MANIFEST_BYTES: Final = 4 * 2**20
MAX_LINE_BYTES: Final = 32 * 2**20
MAX_ENTRIES: Final = 1_000_000
GIB: Final = 2**30
MAX_BYTES: Final = 50 * GIB
MAX_RATIO: Final = 250
"""Of unpacked to packed bytes; JSON lines of an account come to about thirty."""

SMALL_BYTES: Final = 2**20
"""Entries up to this size may be packed as tightly as they are."""

BLOCK_BYTES: Final = 2**20
METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
ENCRYPTED: Final = 0x1


T = TypeVar("T")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Entry(_Part):
    """One member of the zip: how long it is and what its digest is, unpacked."""

    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Table(_Part):
    """The rows of a model: one JSON object a line, in the order of their keys."""

    entry: str
    rows: int = Field(ge=0)
    columns: tuple[str, ...] = ()


class AccountData(_Part):
    """What the account itself was.

    :ivar plan: its code.
    :ivar credits: the balance, which an import grants only when it is told to.
    :ivar in_use: sites, people and keywords that count against a plan.
    """

    name: str = Field(min_length=1, max_length=200)
    slug: str
    status: str
    plan: str | None = None
    country_code: str = Field(default="", max_length=2)
    timezone: str = Field(default="UTC", max_length=64)
    retention_days: int = Field(default=30, ge=1, le=365)
    max_credits_per_day: int | None = Field(default=None, ge=0, lt=2**62)
    settings: dict[str, Any] = Field(default_factory=dict)
    created_at: str = ""
    credits: int = Field(default=0, ge=0, lt=2**62)
    credits_held: int = Field(default=0, ge=0)
    in_use: dict[str, int] = Field(default_factory=dict)


class FileRecord(Entry):
    """A file of the account, as a line of ``files.jsonl``.

    :ivar entry: ``files/<number>``; the member that holds it.
    :ivar storage: name of the storage that it was in.
    :ivar path: its path there. Where it is imported to is worked out anew.
    """

    entry: str = Field(pattern=r"^files/[0-9]{1,9}$")
    storage: str = Field(max_length=32)
    path: str = Field(max_length=500)


class LeftOut(_Part):
    """Something of the account that is not in the archive, and why."""

    what: str
    why: str


class Manifest(_Part):
    """What is in an archive.

    :ivar rows: by model, what an import makes again.
    :ivar references: by model, the rows of no account that those refer to, by natural key.
    :ivar history: by model, records of what happened: carried along and never made again.
    :ivar files: how many there are; they are listed in ``files.jsonl``.
    :ivar entries: every member of the zip except the manifest and the files.
    """

    format: Literal["igny8-account"]
    version: int
    igny8_version: str
    made_at: str
    account: AccountData
    rows: dict[str, Table]
    references: dict[str, Table]
    history: dict[str, Table]
    files: int = Field(ge=0)
    entries: dict[str, Entry]
    left_out: tuple[LeftOut, ...] = ()


class ArchiveWriter:
    """Writes the members of an archive one after the other, in constant memory.

    A context manager: without :meth:`finish` what it leaves is no archive.

    :param file: open for writing in binary; need not be seekable.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.entries: dict[str, Entry] = {}
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, allowZip64=True)

    @contextmanager
    def entry(self, name: str, *, packed: bool = True) -> Iterator[Callable[[bytes], None]]:
        """A member to write to; its size and digest are in ``entries`` when the block has ended.

        :param packed: pictures are packed already.
        """
        info = zipfile.ZipInfo(name)
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as member:

            def write(data: bytes) -> None:
                nonlocal size
                member.write(data)
                digest.update(data)
                size += len(data)

            yield write
        self.entries[name] = Entry(size_bytes=size, sha256=digest.hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """Add the manifest, which makes it an archive."""
        text = json.dumps(manifest.model_dump(mode="json"), ensure_ascii=False, indent=1)
        self._zip.writestr(MANIFEST, text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._zip.close()


class Archive:
    """An archive that was opened and looked through; its members are read and checked one by one.

    :ivar manifest: what it says of itself; counts and digests are checked while reading.
    """

    def __init__(self, packed: zipfile.ZipFile, manifest: Manifest) -> None:
        self._zip, self.manifest = packed, manifest

    def objects(self, table: Table) -> Iterator[dict[str, Any]]:
        """The rows of a table.

        :raises ArchiveInvalid: damaged, or not what the manifest says.
        """
        for row, _ in self.measured_objects(table):
            yield row

    def measured_objects(self, table: Table) -> Iterator[tuple[dict[str, Any], int]]:
        """The rows of a table, each with its size in bytes.

        :raises ArchiveInvalid: damaged, or not what the manifest says.
        """
        count = 0
        for count, line in enumerate(self.lines(table.entry), start=1):
            yield _object(line, f"{table.entry}, line {count}"), len(line)
        if count != table.rows:
            raise ArchiveInvalid(
                f"{table.entry} has {count:,} rows, and the manifest says {table.rows:,}."
            )

    def lines(self, name: str) -> Iterator[bytes]:
        """A member, line by line.

        :raises ArchiveInvalid: damaged, or not what the manifest says.
        """
        with self._member(name) as (member, seen):
            while line := member.readline(MAX_LINE_BYTES + 1):
                if len(line) > MAX_LINE_BYTES:
                    raise ArchiveInvalid(f"{name} has a line of more than 32 MiB.")
                seen(line)
                yield line

    def files(self) -> Iterator[FileRecord]:
        """The files that there are.

        :raises ArchiveInvalid: damaged, or a line says something else.
        """
        for number, line in enumerate(self.lines(FILES), start=1):
            try:
                yield FileRecord.model_validate(_object(line, FILES))
            except ValidationError as exc:
                raise ArchiveInvalid(f"{FILES}, line {number}: no file of an account.") from exc

    def blocks(self, record: FileRecord) -> Iterator[bytes]:
        """A file, a MiB at a time.

        :raises ArchiveInvalid: damaged, or not what its record says.
        """
        with self._member(record.entry, record) as (member, seen):
            while block := member.read(BLOCK_BYTES):
                seen(block)
                yield block

    @contextmanager
    def _member(
        self, name: str, record: Entry | None = None
    ) -> Iterator[tuple[IO[bytes], Callable[[bytes], None]]]:
        """A member, and what to tell of each part that was read; checked at the end."""
        declared = record or self.manifest.entries.get(name)
        if declared is None or name not in self._zip.NameToInfo:
            raise ArchiveInvalid(f"The archive has no {name}.")
        digest, size = hashlib.sha256(), 0

        def seen(part: bytes) -> None:
            nonlocal size
            size += len(part)
            if size > declared.size_bytes:
                raise ArchiveInvalid(f"{name} is longer than the manifest says.")
            digest.update(part)

        with _damage_explained(name), _or_damaged(lambda: self._zip.open(name)) as member:
            yield member, seen
        if (size, digest.hexdigest()) != (declared.size_bytes, declared.sha256):
            raise ArchiveInvalid(f"{name} is damaged: its digest is not the manifest's.")


@contextmanager
def opened(path: Path, *, max_bytes: int = MAX_BYTES) -> Iterator[Archive]:
    """An archive whose members are those of its manifest, and unpack to no more than allowed.

    :raises ArchiveInvalid: no archive of ours, damaged, or of a newer version.
    :raises ArchiveTooLarge: it would unpack to more than ``max_bytes``, or hardly is packed data.
    """
    with _damage_explained(path.name), _or_damaged(lambda: zipfile.ZipFile(path)) as packed:
        infos = packed.infolist()
        _refuse_bombs(infos, max_bytes)
        manifest = _read_manifest(packed)
        _refuse_strangers([info.filename for info in infos], manifest)
        yield Archive(packed, manifest)


def _refuse_bombs(infos: list[zipfile.ZipInfo], max_bytes: int) -> None:
    if len(infos) > MAX_ENTRIES:
        raise ArchiveTooLarge("The archive has more than a million members.")
    if (total := sum(info.file_size for info in infos)) > max_bytes:
        raise ArchiveTooLarge(
            f"The archive unpacks to {total / GIB:,.1f} GiB; {max_bytes / GIB:,.1f} are allowed."
        )
    for info in infos:
        if info.flag_bits & ENCRYPTED or info.compress_type not in METHODS:
            raise ArchiveInvalid(f"{info.filename[:100]!r} is packed in a way that is not read.")
        if info.file_size > SMALL_BYTES and info.file_size > MAX_RATIO * info.compress_size:
            raise ArchiveTooLarge(f"{info.filename[:100]!r} is packed too tightly to be data.")


def _refuse_strangers(names: list[str], manifest: Manifest) -> None:
    """Every member once, and each one known: by the manifest, or as one of the files."""
    once = set(names)
    if len(once) != len(names):
        raise ArchiveInvalid("The archive has two members of one name.")
    files = {name for name in once if FILE_NAME.fullmatch(name)}
    if strange := sorted((once - files) ^ {MANIFEST, *manifest.entries}):
        raise ArchiveInvalid(f"The manifest and the members differ: {strange[0][:100]!r}.")
    if len(files) != manifest.files:
        raise ArchiveInvalid(
            f"The archive has {len(files):,} files, and the manifest says {manifest.files:,}."
        )


def _read_manifest(packed: zipfile.ZipFile) -> Manifest:
    try:
        info = packed.getinfo(MANIFEST)
    except KeyError:
        raise ArchiveInvalid("This is no archive of an account: it has no manifest.") from None
    if info.file_size > MAX_MANIFEST_BYTES:
        raise ArchiveTooLarge("The manifest is larger than 4 MiB.")
    data = _object(_or_damaged(lambda: packed.read(info)), MANIFEST)
    version = data.get("version")
    if data.get("format") != FORMAT or not isinstance(version, int):
        raise ArchiveInvalid("This is no archive of an account.")
    if version > VERSION:
        raise ArchiveInvalid(f"The archive has format {version}; this IGNY8 reads up to {VERSION}.")
    try:
        return Manifest.model_validate(data)
    except ValidationError as exc:
        first = exc.errors()[0]
        place = ".".join(map(str, first["loc"]))[:100]
        raise ArchiveInvalid(f"The manifest is wrong at {place}: {first['msg']}.") from exc


def _object(text: bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ArchiveInvalid(f"{where} is no JSON.") from exc
    if not isinstance(found, dict):
        raise ArchiveInvalid(f"{where} is no JSON object.")
    return found


@contextmanager
def _damage_explained(name: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as exc:
        raise ArchiveInvalid(f"{name} is damaged or is no archive of an account.") from exc


def _or_damaged(read: Callable[[], T]) -> T:
    """What is read; places that lead out of the file are damage too."""
    try:
        return read()
    except (ValueError, IndexError, ArithmeticError, struct.error) as exc:
        raise zipfile.BadZipFile(str(exc)) from exc
    except OSError as exc:
        if exc.errno == errno.EINVAL:  # a place before the file's first byte
            raise zipfile.BadZipFile(str(exc)) from exc
        raise


def json_lines(rows: Iterable[Any]) -> Iterator[bytes]:
    """Each object as a line."""
    for row in rows:
        yield json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
