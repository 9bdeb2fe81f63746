"""The same promises on disk and in an object store, which is a real S3 server on loopback."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from moto.server import ThreadedMotoServer

from igny8_core.business.publishing.errors import PointerMoved, ReleaseDamaged, ReleaseExists
from igny8_core.business.publishing.models import DeploymentRecord
from igny8_core.business.publishing.services.audit import publishing_problems
from igny8_core.business.publishing.services.preview_site import preview_site
from igny8_core.business.publishing.services.release_bucket import ReleaseBucket, bucket
from igny8_core.business.publishing.services.release_manifest import Media, Release
from igny8_core.business.publishing.services.release_store import release_store
from igny8_core.business.publishing.services.releases import ReleaseFolder
from igny8_core.business.publishing.services.rollback_site import rollback_site
from igny8_core.business.publishing.services.serving import SiteFile, site_file
from igny8_core.business.publishing.services.site_build import render_site
from igny8_core.clients import object_store
from igny8_core.clients.object_store import (
    ObjectExists,
    ObjectStore,
    StoreRefused,
    StoreUnreachable,
)
from igny8_core.common.errors import NotFound
from tests.make import publishing as make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django import Settings

    from igny8_core.business.publishing.services.release_manifest import Manifest
    from igny8_core.business.publishing.services.release_store import ReleaseStore
    from igny8_core.business.publishing.services.site_build import Earlier
    from igny8_core.business.publishing.services.site_source import SiteSource


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    """Host and port of a server that speaks S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty bucket."""
    import httpx

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    httpx.post(f"{s3_address}/moto-api/reset").raise_for_status()
    httpx.put(f"{s3_address}/sites").raise_for_status()
    bucket.cache_clear()
    return f"s3://sites/some/where?endpoint={s3_address}&region=us-east-1"


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ReleaseStore:
    if request.param == "folder":
        return ReleaseFolder(tmp_path / "sites", account_id=7, site_id=3)
    return ReleaseBucket(bucket(request.getfixturevalue("s3")), account_id=7, site_id=3)


def source(media: Media, articles: int) -> SiteSource:
    """A site of so many articles with covers, whose files are there."""
    made = [make.article_snapshot(n) for n in range(1, articles + 1)]
    for variant in (v for a in made for i in a.images for v in i.variants):
        file = media.root / variant.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(variant.path.encode().ljust(variant.size_bytes))
    plain = make.site_source(*made)
    return replace(plain, media={path: media.sha256(path) for path in plain.media})


def release(
    version: int, media: Media, *, articles: int = 3, taken: Earlier | None = None, **more: Any
) -> Release:
    """A version of such a site."""
    build = render_site(source(media, articles), earlier=taken)
    return Release(build, version=version, base_url=make.BASE_URL, contents={}, media=media, **more)


@pytest.fixture
def media(tmp_path: Path) -> Media:
    return Media(tmp_path / "media")


def all_bytes(store: ReleaseStore, version: int) -> dict[str, bytes]:
    return {path: store.read(version, path) for path in store.manifest(version).files}


def test_a_version_is_whole_and_written_once(store: ReleaseStore, media: Media) -> None:
    manifest: Manifest = store.write(release(12, media))

    assert store.versions() == [12]
    assert store.manifest(12) == manifest
    assert (store.live_version(), store.damage(12), store.is_sound(12)) == (None, [], True)
    assert store.read(12, "articles/choosing-sofa-1/index.html").startswith(b"<!doctype html>")
    with pytest.raises(ReleaseExists):
        store.write(release(12, media, articles=2))
    assert store.manifest(12) == manifest
    with pytest.raises(ReleaseDamaged):
        store.read(12, "none.html")
    with pytest.raises(ReleaseDamaged):
        store.manifest(13)


def test_a_version_takes_over_what_did_not_change(store: ReleaseStore, media: Media) -> None:
    store.write(release(1, media, articles=8))
    taken = store.reusable(1)
    again = release(2, Media(media.root, taken.digests), articles=9, taken=taken.earlier, earlier=1)
    assert "articles/choosing-sofa-4/index.html" in again.build.reused

    store.write(again)

    assert store.damage(2) == []
    anew = render_site(source(media, 9))
    assert all_bytes(store, 2).items() >= anew.texts.items()
    store.remove(1)
    store.remove_leftovers()
    assert (store.versions(), store.damage(2)) == ([2], [])
    assert all_bytes(store, 2).items() >= anew.texts.items()


def test_what_is_taken_over_must_be_there(store: ReleaseStore, media: Media) -> None:
    store.write(release(1, media))
    taken = store.reusable(1)
    store.remove(1)

    with pytest.raises(ReleaseDamaged):
        store.write(release(2, media, taken=taken.earlier, earlier=1))

    assert store.versions() == []


def test_the_pointer_moves_on_condition(store: ReleaseStore, media: Media) -> None:
    for version in (1, 2):
        store.write(release(version, media, articles=version))
    nothing = store.pointer()
    store.switch(1, expected=nothing)
    first = store.pointer()
    store.switch(2, expected=first)

    for stale in (nothing, first):
        with pytest.raises(PointerMoved):
            store.switch(1, expected=stale)
    assert store.live_version() == 2
    store.switch(1, expected=store.pointer())
    assert store.live_version() == 1
    with pytest.raises(ReleaseDamaged):
        store.switch(3, expected=store.pointer())
    with pytest.raises(ReleaseExists):
        store.remove(1)


def test_of_many_movers_one_wins(store: ReleaseStore, media: Media) -> None:
    for version in range(1, 9):
        store.write(release(version, media, articles=1))
    before = store.pointer()

    def move(version: int) -> bool:
        try:
            store.switch(version, expected=before)
        except PointerMoved:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(move, range(1, 9)))

    assert won.count(True) == 1
    assert store.live_version() == won.index(True) + 1


def test_what_a_killed_write_left_is_no_version(
    store: ReleaseStore, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(_name: str) -> None:
        raise Killed

    module = type(store).__module__
    store.write(release(1, media))
    monkeypatch.setattr(f"{module}.failpoint", die)
    if isinstance(store, ReleaseFolder):
        monkeypatch.setattr(f"{module}.shutil.rmtree", lambda *_args, **_more: None)
    with pytest.raises(Killed):
        store.write(release(2, media, taken=store.reusable(1).earlier, earlier=1))
    monkeypatch.undo()

    assert store.versions() == [1]
    left = store.remove_leftovers()
    assert len(left) == 1
    assert store.remove_leftovers() == []
    assert store.damage(1) == []
    store.write(release(2, media))
    assert store.damage(2) == []


def test_damage_is_found_wherever_files_are(s3: str, media: Media) -> None:
    objects = bucket(s3)
    store = ReleaseBucket(objects, account_id=7, site_id=3)
    store.write(release(1, media))
    objects.delete_all(["7/3/v/v000001/index.html", "7/3/v/v000001/robots.txt"])
    objects.put_new("7/3/v/v000001/robots.txt", b"x", content_type="text/plain", cache_control="")

    assert store.damage(1) == ["index.html is missing", "robots.txt was changed"]
    assert not store.is_sound(1)


def test_objects_say_what_they_are(s3: str, s3_address: str, media: Media) -> None:
    store = ReleaseBucket(bucket(s3), account_id=7, site_id=3)
    store.write(release(1, media))
    store.write(release(2, media, taken=store.reusable(1).earlier, earlier=1))
    import boto3

    client: Any = boto3.client("s3", endpoint_url=s3_address, region_name="us-east-1")

    def head(path: str) -> tuple[str, str]:
        found = client.head_object(Bucket="sites", Key=f"some/where/7/3/v/v000002/{path}")
        return found["ContentType"], found["CacheControl"]

    css = next(path for path in store.manifest(2).files if path.endswith(".css"))
    assert head("index.html") == ("text/html; charset=utf-8", "public, max-age=60")
    assert head(css) == ("text/css; charset=utf-8", "public, max-age=31536000, immutable")


def test_a_pointer_that_says_nothing_is_damage(s3: str) -> None:
    store = ReleaseBucket(bucket(s3), account_id=7, site_id=3)
    bucket(s3).put_over("7/3/current.json", b"[]", tag=None, cache_control="")

    with pytest.raises(ReleaseDamaged):
        store.live_version()


def test_a_write_whose_answer_was_lost_is_repeated(s3: str) -> None:
    objects = bucket(s3)
    for _turn in range(2):
        objects.put_new("a", b"same", content_type="text/plain", cache_control="")

    with pytest.raises(ObjectExists):
        objects.put_new("a", b"other", content_type="text/plain", cache_control="")
    assert objects.get("a") is not None
    with pytest.raises(NotFound):
        objects.copy_all([("none", "b")])


def test_stores_that_cannot_be_used(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StoreRefused):
        ObjectStore("ftp://sites")
    monkeypatch.setattr(object_store, "RETRIES", {"max_retries": 0})
    away = ObjectStore("s3://sites?endpoint=http://127.0.0.1:9&region=us-east-1")
    with pytest.raises(StoreUnreachable):
        away.get("a")


@pytest.mark.django_db
def test_a_site_lives_in_an_object_store(s3: str, settings: Settings) -> None:
    settings.SITES_URL = s3
    sector, clock = make.sector(), make.Clock()
    make.cover(make.article(sector, title="Choosing a sofa"))
    first = make.deployed(sector, clock)
    store = release_store(account_id=sector.account_id, site_id=sector.site_id)
    before = all_bytes(store, 1)
    clock.wait(hours=2)
    make.cover(make.article(sector, title="Choosing a chair"), b"another")
    second = make.deployed(sector, clock)
    seen = site_file(site_id=sector.site_id, path="articles/choosing-a-chair/")

    assert (first.version, second.version, store.live_version()) == (1, 2, 2)
    assert isinstance(seen, SiteFile)
    assert b"Choosing a chair" in seen.data
    clock.wait(hours=2)
    rollback_site(account=sector.account, site_id=sector.site_id, version=1, clock=clock)
    assert (store.live_version(), all_bytes(store, 1)) == (1, before)
    gone = site_file(site_id=sector.site_id, path="articles/choosing-a-chair/")
    assert isinstance(gone, SiteFile)
    assert not gone.is_found
    shown = preview_site(account=sector.account, site_id=sector.site_id, now=clock())
    assert shown.articles == 2
    assert not DeploymentRecord.unscoped.exclude(status__in=["deployed", "rolled_back"]).exists()


@pytest.mark.django_db(databases=["default", "admin"])
def test_the_audit_reads_object_stores(s3: str, settings: Settings) -> None:
    settings.SITES_URL = s3
    sector = make.sector()
    make.cover(make.article(sector))
    make.deployed(sector)
    home = f"{sector.account_id}/{sector.site_id}"
    assert publishing_problems() == []
    bucket(s3).delete_all([f"{home}/v/v000001/index.html"])

    (problem,) = publishing_problems()

    assert problem.endswith("version 1: index.html is missing")
    found = bucket(s3).get(f"{home}/current.json")
    assert found is not None
    assert json.loads(found.data) == {"version": 1}
