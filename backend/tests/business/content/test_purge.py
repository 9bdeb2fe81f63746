"""The end of what was deleted: what goes, what stays, and the files."""

from __future__ import annotations

import io
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import TestCase
from PIL import Image

from igny8_core.business.content.models import (
    Content,
    ContentAttribute,
    ContentClusterMap,
    ContentTaxonomyLink,
    ContentVersion,
    Images,
    Tasks,
)
from igny8_core.business.content.services import image_files
from igny8_core.business.content.services.bin import purge_deleted
from igny8_core.business.content.services.image_encoding import EncodedImage
from igny8_core.business.content.services.image_files import remove_files, write_variants
from igny8_core.business.content.services.upload_image import upload_image
from igny8_core.business.content.states import ContentStatus, ImageStatus
from igny8_core.business.integration.models import SyncEvent
from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.business.planning.services.retention import purge_planning
from igny8_core.business.publishing.models import PublishingRecord
from igny8_core.celery_app import PERIODIC
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.api.test_images import picture
from tests.business.content.test_article_bin import hanging
from tests.common.isolation import make_row
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.auth.models import Account
    from igny8_core.business.planning.models import Clusters

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

LATER = NOW + timedelta(days=31)


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Any) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def cluster() -> Clusters:
    return make_planning.cluster(make_planning.sector(make.account(retention_days=30)), "sofas")


def purge(*, now: Any = LATER) -> dict[str, int]:
    """With what happens after the commit, which a test's transaction would keep for ever."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        return purge_deleted(now=now)


def kept(*rows: Any) -> list[bool]:
    return [type(row).unscoped.filter(pk=row.pk).exists() for row in rows]


def files(media: Path) -> set[str]:
    return {path.relative_to(media).as_posix() for path in media.rglob("*") if path.is_file()}


def paths(image: Images) -> set[str]:
    return {str(variant["path"]) for variant in image.variants}


def uploaded(article: Content, colour: str = "red", **fields: Any) -> Images:
    out = io.BytesIO()
    Image.new("RGB", (50, 40), colour).save(out, "PNG")
    return upload_image(
        account=article.account,
        data=out.getvalue(),
        alt="x",
        content_id=article.pk,
        now=NOW,
        **fields,
    )


def test_every_hour_what_is_old_goes(cluster: Clusters) -> None:
    (job,) = [job for job in PERIODIC if job.name == "content.purge"]
    assert (job.every_seconds, job.service.rpartition(".")[2]) == (3600, "purge_deleted")


def test_an_account_keeps_its_bin_for_its_days(cluster: Clusters) -> None:
    row = make_content.article(cluster.sector, deleted_at=NOW)
    alive = make_content.article(cluster.sector)

    early = purge(now=NOW + timedelta(days=30))
    after_early = kept(row)
    late = purge(now=NOW + timedelta(days=30, seconds=1))

    assert (early, after_early) == ({}, [True])
    assert (late, kept(row, alive)) == ({"content.Content": 1}, [False, True])


def test_an_article_goes_with_all_that_hangs_on_it_and_nothing_else(cluster: Clusters) -> None:
    task = make_content.writing_task(cluster)
    goes = make_content.article(cluster.sector, cluster=cluster, task=task)
    stays = make_content.article(cluster.sector, cluster=cluster)
    hanging(goes, cluster)
    of_stays = hanging(stays, cluster)
    OptimizationTask.unscoped.create(content=goes)
    goes.soft_delete(now=NOW)
    rest = [stays, task, cluster, *of_stays.values()]
    before = [type(row).unscoped.filter(pk=row.pk).values().get() for row in rest]

    counts = purge()

    assert counts == {"content.Content": 1}
    assert kept(goes) == [False]
    for model in (Images, ContentVersion, ContentClusterMap, ContentAttribute, ContentTaxonomyLink):
        assert model.unscoped.count() == 1
    assert not OptimizationTask.unscoped.exists()
    assert [type(row).unscoped.filter(pk=row.pk).values().get() for row in rest] == before


def test_a_task_goes_and_what_belongs_to_a_live_article_stays(cluster: Clusters) -> None:
    task = make_content.writing_task(cluster)
    article = make_content.article(cluster.sector)
    of_both: list[Any] = [
        Images.unscoped.create(content=article, task=task, alt="x"),
        ContentClusterMap.unscoped.create(content=article, task=task, cluster=cluster),
        ContentAttribute.unscoped.create(
            content=article, task=task, attribute_type="product_spec", name="Width"
        ),
    ]
    of_task = [
        Images.unscoped.create(task=task, alt="x"),
        ContentClusterMap.unscoped.create(task=task, cluster=cluster),
        ContentAttribute.unscoped.create(task=task, attribute_type="product_spec", name="Width"),
    ]
    task.soft_delete(now=NOW)

    counts = purge()

    assert counts == {"content.Tasks": 1}
    assert kept(task, *of_task) == [False] * 4
    assert kept(article, *of_both) == [True] * 4
    for row in of_both:
        row.refresh_from_db()
        assert (row.task_id, row.content_id) == (None, article.pk)


def test_a_task_stays_while_its_article_lives(cluster: Clusters) -> None:
    task = make_content.writing_task(cluster, deleted_at=NOW)
    article = make_content.article(cluster.sector, task=task)

    first = purge()
    after_first = kept(task)
    article.soft_delete(now=NOW)
    second = purge()

    assert (first, after_first) == ({}, [True])
    assert second == {"content.Content": 1, "content.Tasks": 1}
    assert kept(task, article) == [False, False]


def test_an_attribute_of_a_live_article_stays_when_the_cluster_goes(cluster: Clusters) -> None:
    other = make_planning.cluster(cluster.sector, "beds")
    article = make_content.article(cluster.sector, cluster=cluster)
    fact = {"attribute_type": "product_spec", "name": "Width"}
    of_article = ContentAttribute.unscoped.create(content=article, cluster=other, **fact)
    of_cluster = ContentAttribute.unscoped.create(cluster=other, **fact)
    other.soft_delete(now=NOW)

    counts = purge_planning(now=LATER)

    of_article.refresh_from_db()
    assert counts == {"planning.Clusters": 1}
    assert (of_article.cluster_id, kept(of_cluster)) == (None, [False])


@pytest.mark.parametrize(
    ("fields", "is_kept"),
    [
        ({"status": "published", "published_at": NOW}, True),
        ({"status": "published", "published_at": NOW, "retired_at": NOW}, False),
        ({"status": "pending"}, True),
        ({"status": "publishing", "lease_expires_at": NOW}, True),
        ({"status": "failed", "error_code": "x"}, False),
    ],
)
def test_an_article_that_visitors_may_see_is_kept(
    fields: dict[str, Any],
    is_kept: bool,  # noqa: FBT001 - a parameter of the test
    cluster: Clusters,
) -> None:
    article = make_content.article(cluster.sector)
    PublishingRecord.unscoped.create(
        content=article, destination="sites", idempotency_key="k", **fields
    )
    article.soft_delete(now=NOW)

    purge()

    assert kept(article) == [is_kept]
    assert PublishingRecord.unscoped.exists() is is_kept


def test_a_sync_event_outlives_its_article() -> None:
    rows: dict[Any, Any] = {}
    event, article = make_row(SyncEvent, 900_001, rows), make_row(Content, 900_001, rows)
    SyncEvent.unscoped.filter(pk=event.pk).update(content=article)
    article.soft_delete(now=NOW)

    counts = purge()

    event.refresh_from_db()
    assert (counts, event.content_id) == ({"content.Content": 1}, None)


# --- files


def test_files_go_with_the_row_and_not_before(cluster: Clusters, media: Path) -> None:
    article = make_content.article(cluster.sector)
    red, blue = uploaded(article, "red"), uploaded(article, "blue")
    red.soft_delete(now=NOW)

    purge(now=NOW + timedelta(days=29))
    in_bin = files(media)
    counts = purge()

    assert in_bin == paths(red) | paths(blue)
    assert (counts, files(media)) == ({"content.Images": 1}, paths(blue))


def test_files_go_with_the_article_and_with_the_task(cluster: Clusters, media: Path) -> None:
    article = make_content.article(cluster.sector)
    task = make_content.writing_task(cluster)
    uploaded(article)
    upload_image(account=task.account, data=picture(), alt="x", task_id=task.pk, now=NOW)
    article.soft_delete(now=NOW)
    task.soft_delete(now=NOW)

    counts = purge()

    assert counts == {"content.Content": 1, "content.Tasks": 1}
    assert (files(media), Images.unscoped.count()) == (set(), 0)


def test_a_file_that_another_image_names_stays(cluster: Clusters, media: Path) -> None:
    article = make_content.article(cluster.sector)
    one, same, in_bin = (uploaded(article) for _ in range(3))
    in_bin.soft_delete(now=LATER)
    one.soft_delete(now=NOW)

    purge()
    first = files(media)
    Images.unscoped.filter(pk=same.pk).update(deleted_at=NOW)
    purge()

    assert paths(one) == paths(same) == first == files(media)
    purge(now=LATER + timedelta(days=31))
    assert files(media) == set()


def test_without_the_row_gone_no_file_goes(cluster: Clusters, media: Path) -> None:
    """The transaction that deletes rows is rolled back: its files are not touched."""
    article = make_content.article(cluster.sector)
    image = uploaded(article)
    image.soft_delete(now=NOW)

    purge_deleted(now=LATER)  # nothing is committed in a test's transaction

    assert files(media) == paths(image)


def test_only_files_of_the_account_are_removed(cluster: Clusters, media: Path) -> None:
    theirs = make_content.article(make_planning.sector())
    other = uploaded(theirs)
    Images.unscoped.filter(pk=other.pk).delete()
    outside = media.parent / "secret"
    outside.write_text("x")
    account_id = cluster.account_id

    removed = remove_files(
        account_id=account_id,
        paths={*paths(other), "../secret", f"{account_id}/../../secret", f"{account_id}/none.webp"},
    )

    assert removed == 0
    assert (files(media), outside.exists()) == (paths(other), True)


def test_what_the_disk_refuses_is_left(cluster: Clusters, media: Path) -> None:
    folder = media / str(cluster.account_id) / "folder"
    folder.mkdir(parents=True)

    assert remove_files(account_id=cluster.account_id, paths={f"{cluster.account_id}/folder"}) == 0
    assert folder.is_dir()


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_a_file_that_is_written_again_meanwhile_is_there_in_the_end(
    media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The purge looks, somebody uploads the same picture, the purge removes: one has to wait."""
    article = make_content.article(make_planning.sector())
    old = uploaded(article)
    wanted = paths(old)
    Images.unscoped.filter(pk=old.pk).delete()
    looked, done = threading.Event(), threading.Event()
    named = image_files._named

    def look(account_id: int, given: Any) -> set[str]:
        found = named(account_id, given)
        looked.set()
        done.wait(1)  # the upload cannot end before the files are gone
        return found

    monkeypatch.setattr(image_files, "_named", look)

    def upload() -> None:
        looked.wait(30)
        uploaded(article)
        done.set()
        connection.close()

    thread = threading.Thread(target=upload)
    thread.start()
    removed = remove_files(account_id=article.account_id, paths=wanted)
    thread.join()

    assert removed == len(wanted)
    assert files(media) == wanted == paths(Images.unscoped.get())


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_who_removes_files_waits_for_who_writes_and_asks_again(
    media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    article = make_content.article(make_planning.sector())
    old = uploaded(article)
    Images.unscoped.filter(pk=old.pk).delete()
    holds, may_end = threading.Event(), threading.Event()
    remove, tries = image_files._remove, []

    def write() -> None:
        with tenant(article.account_id):
            image_files.keep_files(article.account_id)
            holds.set()
            may_end.wait(30)
        connection.close()

    thread = threading.Thread(target=write)

    def try_to_remove(account_id: int, given: Any) -> int:
        tries.append(given)
        if len(tries) == 2:  # the first time ended with the lock's time limit
            may_end.set()
            thread.join()
        return remove(account_id, given)

    monkeypatch.setattr(image_files, "_remove", try_to_remove)
    thread.start()
    holds.wait(30)
    removed = remove_files(account_id=article.account_id, paths=paths(old))

    assert (removed, len(tries), files(media)) == (len(paths(old)), 2, set())


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_a_real_run_removes_rows_and_files(media: Path) -> None:
    account = make.account(retention_days=1)
    article = make_content.article(make_planning.sector(account))
    goes, stays = uploaded(article, "red"), uploaded(article, "blue")
    goes.soft_delete(now=NOW)

    counts = purge_deleted(now=LATER)

    assert counts == {"content.Images": 1}
    assert (kept(goes, stays), files(media)) == ([False, True], paths(stays))


def test_the_same_bytes_have_the_same_name(cluster: Clusters, media: Path) -> None:
    encoded = [EncodedImage(b"one", "webp", 10, 10)]

    first, second = (write_variants(encoded, account_id=1, site_id=2) for _ in range(2))

    assert first == second
    assert files(media) == {first[0]["path"]}


def accounts(count: int) -> list[Account]:
    return [make.account(retention_days=days) for days in range(1, count + 1)]


def test_each_account_has_its_own_days_and_its_own_block() -> None:
    rows = [
        make_content.image(
            make_content.article(make_planning.sector(account)),
            status=ImageStatus.PENDING,
            deleted_at=NOW,
        )
        for account in accounts(3)
    ]

    counts = purge(now=NOW + timedelta(days=2, seconds=1))

    assert counts == {"content.Images": 2}
    assert kept(*rows) == [False, False, True]
    with tenant(rows[2].account_id):
        assert Images.objects.count() == 1


def test_published_rows_are_nobodys_prey(cluster: Clusters) -> None:
    shown = make_content.article(cluster.sector, status=ContentStatus.PUBLISHED)
    task = make_content.writing_task(cluster)

    assert purge(now=LATER + timedelta(days=4_000)) == {}
    assert kept(shown, task) == [True, True]
    assert Tasks.unscoped.count() == 1
