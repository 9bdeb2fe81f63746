"""Damaged, foreign and hostile archives: refused with a reason, and nothing is imported."""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth.models import Account, Site
from igny8_core.transfer import archive as format_
from igny8_core.transfer.errors import ArchiveInvalid, ArchiveTooLarge
from igny8_core.transfer.ids import IdMap, Ids
from igny8_core.transfer.import_account import import_account
from igny8_core.transfer.rewrites import place_of
from tests.transfer.world import (
    NOW,
    Rich,
    export,
    manifest_of,
    rich_account,
    rows_of,
    with_members,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])


@pytest.fixture
def rich() -> Rich:
    return rich_account()


@pytest.fixture
def archive(rich: Rich, tmp_path: Path) -> Path:
    export(rich.account, tmp_path / "a.zip")
    return tmp_path / "a.zip"


@pytest.fixture
def refused(rich: Rich, folder: Path, tmp_path: Path) -> Callable[..., str]:
    """Import something that must be refused; its message, after a look that nothing is there."""

    def run(path: Path, error: type[ArchiveInvalid] = ArchiveInvalid, **options: Any) -> str:
        before = {one for one in folder.rglob("*") if one.is_file()}
        with pytest.raises(error) as caught:
            import_account(path=path, clock=lambda: NOW, **options)
        assert Account.objects.count() == 1
        assert Site.unscoped.count() == 1
        assert {one for one in folder.rglob("*") if one.is_file()} == before
        return caught.value.message

    return run


def told(path: Path, target: Path, entry: str, data: bytes, rows: int | None = None) -> Path:
    """A copy with one member replaced, and a manifest that vouches for it."""
    manifest = manifest_of(path)
    manifest["entries"][entry] = {
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    for tables in (manifest["rows"], manifest["references"], manifest["history"]):
        for table in tables.values():
            if table["entry"] == entry and rows is not None:
                table["rows"] = rows
    return with_members(path, target, {entry: data, "manifest.json": json.dumps(manifest).encode()})


def lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def changed(path: Path, target: Path, entry: str, **values: Any) -> Path:
    """A copy in which the first row of a table says something else, and the manifest agrees."""
    rows = rows_of(path, entry)
    rows[0] |= values
    return told(path, target, entry, lines(rows))


def manifested(path: Path, target: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """A copy with another manifest."""
    manifest = manifest_of(path)
    change(manifest)
    return with_members(path, target, {"manifest.json": json.dumps(manifest).encode()})


def test_what_is_no_archive_is_refused(refused: Any, tmp_path: Path) -> None:
    text, empty, other = tmp_path / "t.zip", tmp_path / "e.zip", tmp_path / "o.zip"
    text.write_text("hello")
    empty.write_bytes(b"")
    with zipfile.ZipFile(other, "w") as packed:
        packed.writestr("readme.txt", "hello")

    assert "is damaged or is no archive" in refused(text)
    assert "is damaged or is no archive" in refused(empty)
    assert "it has no manifest" in refused(other)


def test_a_truncated_archive_is_refused(refused: Any, archive: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.zip"
    half.write_bytes(archive.read_bytes()[:-200])

    assert "damaged" in refused(half)


def test_an_archive_that_lost_bytes_in_the_middle_is_refused(
    refused: Any, archive: Path, tmp_path: Path
) -> None:
    (shorter := tmp_path / "shorter.zip").write_bytes(archive.read_bytes()[7:])

    assert "damaged" in refused(shorter)


def test_a_flipped_byte_is_found(refused: Any, archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        info = packed.getinfo("rows/planning.Keywords.jsonl")
    data = bytearray(archive.read_bytes())
    name_length, extra_length = struct.unpack_from("<HH", data, info.header_offset + 26)
    data[info.header_offset + 30 + name_length + extra_length + 20] ^= 0xFF
    broken = tmp_path / "b.zip"
    broken.write_bytes(data)

    assert "damaged" in refused(broken)


def test_a_member_of_another_digest_is_refused(refused: Any, archive: Path, tmp_path: Path) -> None:
    entry = "rows/igny8_auth.Site.jsonl"
    rows = rows_of(archive, entry)
    rows[0]["name"] = "Nope"
    path = with_members(archive, tmp_path / "b.zip", {entry: lines(rows)})

    assert "is damaged: its digest is not the manifest's" in refused(path)


def test_a_member_that_is_longer_than_it_says_is_refused(
    refused: Any, archive: Path, tmp_path: Path
) -> None:
    entry = "rows/igny8_auth.Site.jsonl"
    rows = rows_of(archive, entry) * 2
    path = with_members(archive, tmp_path / "b.zip", {entry: lines(rows)})

    assert "longer than the manifest says" in refused(path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda m: m.update(format="zip"), "This is no archive of an account"),
        (lambda m: m.update(version=2), "format 2; this IGNY8 reads up to 1"),
        (lambda m: m.update(version="1"), "This is no archive of an account"),
        (lambda m: m.update(extra=1), "The manifest is wrong at extra"),
        (lambda m: m.pop("rows"), "The manifest is wrong at rows"),
        (lambda m: m["account"].update(name=""), "The manifest is wrong at account.name"),
        (lambda m: m["account"].update(credits=-1), "The manifest is wrong at account.credits"),
        (lambda m: m["entries"].pop("files.jsonl"), "manifest and the members differ"),
        (
            lambda m: m["rows"].update({"x.Y": {"entry": "files.jsonl", "rows": 0}}),
            "rows of 'x.Y', unknown here",
        ),
        (
            lambda m: m["rows"]["igny8_auth.Site"]["columns"].append("secret"),
            "another version: igny8_auth.Site has no 'secret'",
        ),
        (
            lambda m: m["history"].update({"../../etc/x": {"entry": "files.jsonl", "rows": 0}}),
            "no name of a table",
        ),
        (lambda m: m["rows"]["igny8_auth.Site"].update(rows=2), "has 1 rows, and the manifest"),
        (lambda m: m["rows"]["igny8_auth.Site"].update(entry="nothing"), "has no nothing"),
        (lambda m: m.update(files=7), "has 3 files, and the manifest says 7"),
    ],
)
def test_a_manifest_that_lies_is_refused(
    refused: Any, archive: Path, tmp_path: Path, change: Any, fault: str
) -> None:
    assert fault in refused(manifested(archive, tmp_path / "b.zip", change))


def test_a_manifest_that_is_no_json_is_refused(refused: Any, archive: Path, tmp_path: Path) -> None:
    for number, text in enumerate((b"{", b"[]", b"[" * 100_000)):
        path = with_members(archive, tmp_path / f"{number}.zip", {"manifest.json": text})
        assert "manifest.json is no JSON" in refused(path)


@pytest.mark.parametrize("name", ["../../evil", "/etc/evil", "rows/../../x", "files/../x", "extra"])
def test_members_that_nobody_knows_are_refused(
    refused: Any, archive: Path, tmp_path: Path, name: str
) -> None:
    path = with_members(archive, tmp_path / "b.zip", {name: b"x"})

    assert "The manifest and the members differ" in refused(path)
    assert not (tmp_path.parent / "evil").exists()


def test_two_members_of_one_name_are_refused(refused: Any, archive: Path, tmp_path: Path) -> None:
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(archive, "a") as packed,
    ):
        packed.writestr("files.jsonl", b"")

    assert "two members of one name" in refused(archive)


def test_bombs_are_refused_before_they_unpack(refused: Any, archive: Path, tmp_path: Path) -> None:
    bomb = with_members(archive, tmp_path / "b.zip", {"rows/x": b"0" * (64 * 2**20)})

    assert "packed too tightly" in refused(bomb, ArchiveTooLarge)
    assert "GiB; 0.0 are allowed" in refused(archive, ArchiveTooLarge, max_bytes=1_000)


def test_too_many_members_are_refused(
    refused: Any, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(format_, "MAX_ENTRIES", 3)

    assert "more than a million members" in refused(archive, ArchiveTooLarge)


def test_a_huge_manifest_is_refused(
    refused: Any, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(format_, "MAX_MANIFEST_BYTES", 100)

    assert "The manifest is larger" in refused(archive, ArchiveTooLarge)


def test_a_huge_line_is_refused(
    refused: Any, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(format_, "MAX_LINE_BYTES", 50)

    assert "has a line of more than" in refused(archive)


def test_ways_of_packing_that_are_not_read_are_refused(
    refused: Any, archive: Path, tmp_path: Path
) -> None:
    with (
        zipfile.ZipFile(archive) as old,
        zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_LZMA) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))

    assert "packed in a way that is not read" in refused(tmp_path / "b.zip")


SITE, KEYWORDS = "rows/igny8_auth.Site.jsonl", "rows/planning.Keywords.jsonl"
CONTENT, IMAGES = "rows/content.Content.jsonl", "rows/content.Images.jsonl"


@pytest.mark.parametrize(
    ("entry", "values", "fault"),
    [
        (SITE, {"id": "1"}, "other columns than the manifest says"),
        (SITE, {"more": 1}, "other columns than the manifest says"),
        (SITE, {"industry_id": 999}, "names a industry_id that is not there"),
        (SITE, {"industry_id": None}, "break a rule of the database"),
        (SITE, {"name": "x" * 300}, "break a rule of the database: DataError"),
        (SITE, {"created_at": "no time"}, "break a rule of the database: DataError"),
        (SITE, {"name": "a\u0000b"}, "break a rule of the database"),
        (KEYWORDS, {"status": "stolen"}, "break a rule of the database: keywords_"),
        (KEYWORDS, {"site_id": 999}, "names a site_id that is not there"),
        (KEYWORDS, {"volume": -1}, "break a rule of the database: keywords_volume_known"),
        (CONTENT, {"html": {"a": 1}, "blocks": [], "cluster_id": "7"}, None),
        (IMAGES, {"content_id": 999}, "break a rule of the database: images_linked"),
    ],
)
def test_rows_are_what_the_database_allows_or_nothing_is(
    refused: Any, archive: Path, entry: str, values: Any, fault: str | None
) -> None:
    path = changed(archive, archive.with_name("b.zip"), entry, **values)

    if fault is None:  # made harmless instead
        made = import_account(path=path, clock=lambda: NOW)
        assert made.rows["igny8_auth.Site"] == 1
    else:
        assert fault in refused(path)


def test_a_row_of_another_account_cannot_be_written(
    rich: Rich, archive: Path, tmp_path: Path
) -> None:
    """There is no account in a row; an id of another account's row is of no row of the archive."""
    victim = rich_account("Victim")
    path = changed(archive, tmp_path / "b.zip", KEYWORDS, cluster_id=None, site_id=victim.site.pk)

    with pytest.raises(ArchiveInvalid, match="site_id that is not there"):
        import_account(path=path, clock=lambda: NOW)

    assert "account_id" not in rows_of(archive, KEYWORDS)[0]


def test_rows_twice_are_refused(refused: Any, archive: Path, tmp_path: Path) -> None:
    rows = rows_of(archive, KEYWORDS)
    path = told(archive, tmp_path / "b.zip", KEYWORDS, lines([*rows, rows[0]]), rows=3)

    assert "break a rule of the database: keywords_once" in refused(path)


def test_rows_out_of_order_are_refused(refused: Any, archive: Path, tmp_path: Path) -> None:
    rows = rows_of(archive, KEYWORDS)
    path = told(archive, tmp_path / "b.zip", KEYWORDS, lines(rows[::-1]))

    assert "twice or out of order" in refused(path)


def test_lines_that_are_no_objects_are_refused(refused: Any, archive: Path, tmp_path: Path) -> None:
    for number, text in enumerate((b"[]\n", b"nonsense\n")):
        path = told(archive, tmp_path / f"{number}.zip", SITE, text)
        assert "line 1 is no JSON" in refused(path)


SEEDS = "references/igny8_auth.SeedKeyword.jsonl"


@pytest.mark.parametrize(
    ("entry", "values", "fault"),
    [
        (SEEDS, {"keyword": "a\u202eb"}, "seed keyword of the archive is none"),
        (SEEDS, {"keyword": ""}, "seed keyword of the archive is none"),
        (SEEDS, {"keyword": "x" * 256}, "seed keyword of the archive is none"),
        (SEEDS, {"language": "<b>"}, "seed keyword of the archive is none"),
        (SEEDS, {"industry_sector_id": 1}, "seed keyword of the archive is none"),
        (SEEDS, {"keyword": 7}, "has no keyword"),
        (SEEDS, {"id": None}, "has no id"),
        ("references/igny8_auth.User.jsonl", {"email": None}, "has no email"),
        ("references/igny8_auth.User.jsonl", {"id": 2**70}, "out of order"),
    ],
)
def test_bad_references_are_refused(
    refused: Any, archive: Path, entry: str, values: Any, fault: str
) -> None:
    assert fault in refused(changed(archive, archive.with_name("b.zip"), entry, **values))


def files_of(archive: Path) -> list[dict[str, Any]]:
    return rows_of(archive, "files.jsonl")


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "../../../../etc/cron.d/evil"},
        {"path": "/etc/passwd"},
        {"storage": "staticfiles"},
        {"storage": "history"},
        {"path": "1/2/images/ab/x.svg"},
    ],
)
def test_files_without_a_place_are_dropped(
    archive: Path, tmp_path: Path, folder: Path, changes: dict[str, str]
) -> None:
    records = files_of(archive)
    records[0] |= changes
    path = told(archive, tmp_path / "b.zip", "files.jsonl", lines(records))

    done = import_account(path=path, clock=lambda: NOW)

    assert (done.files, done.files_dropped) == (2, 1)
    outside = [p for p in tmp_path.parent.rglob("*evil*") if p.is_file()]
    assert outside == []
    assert not list(folder.rglob("*.svg"))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"entry": "../x"}, "no file of an account"),
        ({"entry": "files/99"}, "The archive has no files/99"),
        ({"sha256": "0" * 64}, "is damaged"),
        ({"size_bytes": 1}, "longer than the manifest says"),
        ({"size_bytes": 2**40}, "larger than 512 MiB"),
        ({"more": 1}, "no file of an account"),
    ],
)
def test_bad_records_of_files_are_refused(
    refused: Any, archive: Path, tmp_path: Path, changes: dict[str, Any], fault: str
) -> None:
    records = files_of(archive)
    records[-1] |= changes

    path = told(archive, tmp_path / "b.zip", "files.jsonl", lines(records))

    assert fault in refused(path)


def test_a_file_that_is_not_what_its_name_says_is_refused(
    refused: Any, archive: Path, tmp_path: Path
) -> None:
    records = files_of(archive)
    data = b"something else"
    digest = hashlib.sha256(data).hexdigest()
    records[0] |= {"size_bytes": len(data), "sha256": digest}
    path = told(archive, tmp_path / "b.zip", "files.jsonl", lines(records))
    path = with_members(path, tmp_path / "c.zip", {records[0]["entry"]: data})

    assert "is not the file that its name says" in refused(path)


@pytest.mark.parametrize(
    ("storage", "path", "expected"),
    [
        ("default", f"1/2/images/ab/{'a' * 32}-320.webp", f"9/20/images/ab/{'a' * 32}-320.webp"),
        ("default", f"1/3/images/ab/{'a' * 32}-320.webp", None),
        ("default", f"1/2/images/ab/{'a' * 32}-320.php", None),
        ("default", f"1/2/../../images/ab/{'a' * 32}-320.webp", None),
        ("default", f"1/2/images/ab/{'a' * 32}-320.webp\n", None),
        ("imports", f"1/{'b' * 64}", f"9/{'b' * 64}"),
        ("imports", f"1/2/{'b' * 64}", None),
        ("imports", "1/..", None),
        ("other", f"1/{'b' * 64}", None),
    ],
)
def test_places_of_files(storage: str, path: str, expected: str | None) -> None:
    ids = Ids(9)
    ids.of("igny8_auth.Site").add([(2, 20)])

    found = place_of(storage, path, ids)

    assert (found and found[0]) == expected


def test_ids_are_found_again_and_never_guessed() -> None:
    found = IdMap()
    found.add([(3, 30), (7, 70)])

    with pytest.raises(ValueError, match="out of order"):
        found.add([(7, 71)])
    ids = Ids(1)
    ids.of("x").add([(1, 10)])

    assert [found.get(old) for old in (2, 3, 5, 7, 8)] == [None, 30, None, 70, None]
    assert len(found) == 2
    assert [ids.get("x", old) for old in (1, True, "1", None, 1.0)] == [10, None, None, None, None]
    assert ids.get("y", 1) is None
