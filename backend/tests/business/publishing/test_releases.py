from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from igny8_core.business.publishing.errors import ReleaseDamaged, ReleaseExists
from igny8_core.business.publishing.services import releases
from igny8_core.business.publishing.services.release_manifest import (
    Media,
    Release,
    Reusable,
    digest_of,
)
from igny8_core.business.publishing.services.releases import ReleaseFolder, place_of
from igny8_core.business.publishing.services.site_build import render_site
from tests.make import publishing as make

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.business.publishing.services.release_manifest import Manifest

CONTENTS = {"1": {"revision": 1, "sector": 1, "url": "https://x.test/", "path": "a/"}}


@pytest.fixture
def folder(tmp_path: Path) -> ReleaseFolder:
    return ReleaseFolder(tmp_path / "sites", account_id=7, site_id=3)


def write(folder: ReleaseFolder, version: int, articles: int = 1) -> Manifest:
    """A version with that many articles without images."""
    source = make.site_source(
        *(make.article_snapshot(n, images=()) for n in range(1, articles + 1))
    )
    return folder.write(
        Release(
            build=render_site(source),
            version=version,
            base_url=make.BASE_URL,
            contents=CONTENTS,
            media=Media(folder.path),
        )
    )


def test_a_release_is_a_folder_with_its_manifest(folder: ReleaseFolder) -> None:
    manifest = write(folder, 12)

    home = folder.path / "versions" / "v000012"
    assert folder.path.parts[-2:] == ("7", "3")
    assert (home / "index.html").is_file()
    assert (home / "articles" / "choosing-sofa-1.html").is_file()
    assert folder.manifest(12) == manifest
    assert folder.versions() == [12]
    assert folder.damage(12) == []
    assert folder.live_version() is None
    assert list(folder.path.glob(".build-*")) == []
    assert digest_of(home / "index.html") == manifest.files["index.html"].sha256
    assert (
        sum(
            f.stat().st_size
            for f in [*home.rglob("[!.]*"), *(home / "assets").iterdir()]
            if f.is_file()
        )
        > manifest.size_bytes
    )


def test_a_version_is_written_once(folder: ReleaseFolder) -> None:
    first = write(folder, 1)

    with pytest.raises(ReleaseExists):
        write(folder, 1, articles=2)

    assert folder.manifest(1) == first
    assert folder.damage(1) == []
    assert list(folder.path.glob(".build-*")) == []


def test_a_crash_while_writing_leaves_no_version(
    folder: ReleaseFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_root: Path) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(releases, "_sync_tree", fail)
    with pytest.raises(OSError, match="disk full"):
        write(folder, 1)

    assert folder.versions() == []
    assert list(folder.path.glob(".build-*")) == []


def test_without_a_call_for_the_whole_file_system_each_file_is_synced(
    folder: ReleaseFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(releases, "_SYNCFS", None)
    monkeypatch.setattr(releases, "_sync", lambda path: synced.append(path.name))

    manifest = write(folder, 1)

    names = [place_of(path).rpartition("/")[2] for path in manifest.files]
    assert set(names) < set(synced)
    assert {"manifest.json", "articles", "versions"} < set(synced)


def test_a_disk_that_fails_is_not_taken_for_written(
    folder: ReleaseFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releases, "_SYNCFS", lambda _handle: -1)

    with pytest.raises(OSError):  # noqa: PT011 - the system names the error
        write(folder, 1)

    assert folder.versions() == []


def test_what_a_killed_build_left_is_removed(folder: ReleaseFolder) -> None:
    (folder.path / ".build-000001-1-x" / "a").mkdir(parents=True)

    assert folder.remove_leftovers() == [".build-000001-1-x"]
    assert list(folder.path.iterdir()) == []


def test_the_pointer_moves_both_ways(folder: ReleaseFolder) -> None:
    write(folder, 1)
    write(folder, 2, articles=2)

    seen = []
    for version in (1, 2, 1):
        with folder.locked():
            folder.activate(version)
        seen.append(folder.live_version())

    assert seen == [1, 2, 1]
    assert str((folder.path / "current").readlink()) == "versions/v000001"


def test_a_version_that_is_not_there_cannot_be_live(folder: ReleaseFolder) -> None:
    write(folder, 1)
    folder.activate(1)

    with pytest.raises(ReleaseDamaged):
        folder.activate(2)

    assert folder.live_version() == 1


def test_the_live_version_cannot_be_removed(folder: ReleaseFolder) -> None:
    write(folder, 1)
    write(folder, 2)
    folder.activate(1)

    with pytest.raises(ReleaseExists):
        folder.remove(1)
    folder.remove(2)

    assert folder.versions() == [1]


def test_damage_is_found(folder: ReleaseFolder) -> None:
    write(folder, 1)
    home = folder.version_path(1)
    (home / "index.html").write_text("changed")
    (home / "robots.txt").unlink()

    assert folder.damage(1) == ["index.html was changed", "robots.txt is missing"]


def test_a_manifest_that_cannot_be_read_is_damage(folder: ReleaseFolder) -> None:
    write(folder, 1)
    (folder.version_path(1) / "manifest.json").write_text("{")

    with pytest.raises(ReleaseDamaged):
        folder.manifest(1)
    with pytest.raises(ReleaseDamaged):
        folder.manifest(2)


def test_the_next_build_takes_unchanged_files_over(tmp_path: Path, folder: ReleaseFolder) -> None:
    media = Media(tmp_path / "media")
    (tmp_path / "media" / "covers").mkdir(parents=True)
    articles = [make.article_snapshot(n) for n in range(1, 7)]
    for variant in (v for a in articles for i in a.images for v in i.variants):
        (media.root / variant.path).write_bytes(variant.path.encode())
    source = make.site_source(*articles)
    first = render_site(source)
    folder.write(Release(first, version=1, base_url="b", contents={}, media=media))
    reusable = folder.reusable(1)

    again = render_site(source, earlier=reusable.earlier)
    folder.write(Release(again, version=2, base_url="b", contents={}, media=media, earlier=1))

    assert len(again.reused) == 16
    assert folder.manifest(2).build_hash == folder.manifest(1).build_hash
    assert folder.damage(2) == []
    for path in ("index.html", next(iter(again.media))):
        one, other = (folder.file(v, path) for v in (1, 2))
        assert one.stat().st_ino == other.stat().st_ino
    folder.remove(1)
    assert folder.damage(2) == []


def test_images_are_read_once_while_they_do_not_change(tmp_path: Path) -> None:
    file = tmp_path / "a.webp"
    file.write_bytes(b"one")
    first = Media(tmp_path)
    digest = first.sha256("a.webp")

    stored = dict(first.digests)
    stored["a.webp"] = stored["a.webp"]._replace(sha256="kept")
    assert Media(tmp_path, stored).sha256("a.webp") == "kept"
    file.write_bytes(b"another")
    assert Media(tmp_path, stored).sha256("a.webp") not in {"kept", digest}


@pytest.mark.parametrize("path", ["gone.webp", "../secret", "/etc/hostname", "link"])
def test_only_files_below_the_media_folder_are_read(tmp_path: Path, path: str) -> None:
    root = tmp_path / "media"
    root.mkdir()
    (tmp_path / "secret").write_text("x")
    (root / "link").symlink_to(tmp_path / "secret")

    with pytest.raises(ReleaseDamaged):
        Media(root).sha256(path)


def test_an_image_that_changed_since_the_plan_is_refused(
    tmp_path: Path, folder: ReleaseFolder
) -> None:
    media = Media(tmp_path / "media")
    (tmp_path / "media" / "covers").mkdir(parents=True)
    article = make.article_snapshot(1)
    for variant in article.images[0].variants:
        (media.root / variant.path).write_bytes(b"other bytes")

    build = render_site(make.site_source(article))
    with pytest.raises(ReleaseDamaged):
        folder.write(Release(build, version=1, base_url="b", contents={}, media=media))

    assert folder.versions() == []


def test_unreadable_reuse_data_means_a_full_build(folder: ReleaseFolder) -> None:
    write(folder, 1)
    (folder.version_path(1) / ".reuse").write_text("[]")

    assert folder.reusable(1) == Reusable()
    assert folder.reusable(None) == Reusable()
    assert folder.reusable(9) == Reusable()


def test_readers_see_one_whole_version_while_the_pointer_moves(folder: ReleaseFolder) -> None:
    for version in (1, 2):
        write(folder, version)
        for name in ("one.txt", "two.txt"):
            (folder.version_path(version) / name).write_text(str(version))
    folder.activate(1)
    stop = threading.Event()
    mixed: list[object] = []
    reads = [0, 0]

    def read(number: int) -> None:
        while not stop.is_set():
            try:
                home = (folder.path / "current").resolve(strict=True)
                pair = [(home / name).read_text() for name in ("one.txt", "two.txt")]
            except OSError as exc:
                mixed.append(exc)
                continue
            reads[number] += 1
            if pair[0] != pair[1]:
                mixed.append(pair)

    readers = [threading.Thread(target=read, args=(n,)) for n in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(400):
        with folder.locked():
            folder.activate(1 + turn % 2)
    stop.set()
    for reader in readers:
        reader.join()

    assert mixed == []
    assert min(reads) > 0


def test_two_movers_take_turns(folder: ReleaseFolder) -> None:
    for version in (1, 2):
        write(folder, version)
    inside: list[int] = []
    most: list[int] = []

    def move(version: int) -> None:
        for _turn in range(50):
            with folder.locked():
                inside.append(version)
                most.append(len(inside))
                folder.activate(version)
                inside.remove(version)

    movers = [threading.Thread(target=move, args=(v,)) for v in (1, 2)]
    for mover in movers:
        mover.start()
    for mover in movers:
        mover.join()

    assert max(most) == 1
    assert folder.live_version() in {1, 2}
