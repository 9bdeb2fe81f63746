"""Deployments that die half-way, race, or find something damaged: the pointer decides."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from igny8_core.business.publishing.errors import (
    DeploymentLost,
    DeploymentRunning,
)
from igny8_core.business.publishing.models import DeploymentRecord
from igny8_core.business.publishing.services import deploy_site as module
from igny8_core.business.publishing.services import follow_pointer
from igny8_core.business.publishing.services.audit import publishing_problems
from igny8_core.business.publishing.services.releases import ReleaseFolder
from igny8_core.business.publishing.states import DeploymentStatus
from igny8_core.common.errors import StaleState
from igny8_core.common.tenancy.context import tenant
from tests.make import publishing as make
from tests.make.deploying import change, live_revisions, read, records

pytestmark = pytest.mark.django_db


class Crash(BaseException):
    """The process dies here: nothing is caught, nothing is put right."""


def test_what_cannot_be_removed_does_not_undo_a_deployment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sector = make.sector()
    make.article(sector)

    def fail(**_values: object) -> None:
        raise OSError("read-only file system")

    monkeypatch.setattr(module, "prune_releases", fail)

    assert make.deployed(sector).status == "deployed"


def test_the_fence_decides() -> None:
    sector = make.sector()
    make.article(sector)

    def lost() -> None:
        raise StaleState("another worker has the item")

    with pytest.raises(StaleState):
        make.deployed(sector, fence=lost)

    assert records(sector) == [(1, "pending")]
    assert make.folder(sector).live_version() is None
    assert live_revisions(sector) == {}
    assert make.deployed(sector).version == 2
    assert records(sector) == [(2, "deployed")]


def test_the_fence_is_called_once_before_anything_moves() -> None:
    sector = make.sector()
    make.article(sector)
    seen: list[tuple[int | None, bool]] = []

    def fence() -> None:
        seen.append((make.folder(sector).live_version(), connection.in_atomic_block))

    make.deployed(sector, fence=fence)
    make.deployed(sector, fence=fence)

    assert seen == [(None, True), (1, True)]


CRASHES = ["after_claim", "before_write", "after_build"]


@pytest.mark.parametrize("point", CRASHES)
def test_a_crash_before_the_pointer_moves_is_made_good(
    point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sector = make.sector()
    article = make.article(sector)
    clock = make.Clock()
    make.deployed(sector, clock)
    change(article, title="Changed")

    def crash(name: str) -> None:
        if name == f"publishing.{point}":
            raise Crash

    monkeypatch.setattr(module, "failpoint", crash)
    with pytest.raises(Crash):
        make.deployed(sector, clock)
    monkeypatch.undo()
    with pytest.raises(DeploymentRunning):
        make.deployed(sector, clock)
    clock.wait(seconds=121)

    record = make.deployed(sector, clock)

    folder = make.folder(sector)
    assert record.status == "deployed"
    assert folder.live_version() == record.version
    assert "Changed" in read(sector, f"articles/{article.slug}/index.html")
    assert live_revisions(sector) == {article.pk: 2}
    assert [status for _version, status in records(sector)] == ["deployed", "deployed"]
    assert list(folder.path.glob(".build-*")) == []
    assert publishing_problems() == []


def test_the_pointer_decides_after_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    sector = make.sector()
    article = make.article(sector)
    clock = make.Clock()

    def crash(name: str) -> None:
        if name == "publishing.after_activate":
            raise Crash

    monkeypatch.setattr(module, "failpoint", crash)
    with pytest.raises(Crash):
        make.deployed(sector, clock)
    monkeypatch.undo()
    assert make.folder(sector).live_version() == 1
    assert records(sector) == [(1, "deploying")]
    assert live_revisions(sector) == {}

    record = make.deployed(sector, clock)

    assert records(sector) == [(1, "deployed")]
    assert record.version == 1
    assert live_revisions(sector) == {article.pk: 1}


def test_an_error_after_the_pointer_moved_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    sector = make.sector()
    article = make.article(sector)
    calls = []

    def fail_once(**_values: object) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("the database went away")

    monkeypatch.setattr(follow_pointer, "settle_contents", fail_once)
    with pytest.raises(RuntimeError):
        make.deployed(sector)

    assert records(sector) == [(1, "deployed")]
    assert make.folder(sector).live_version() == 1
    assert len(calls) == 2
    monkeypatch.undo()
    make.deployed(sector)
    assert live_revisions(sector) == {article.pk: 1}


def test_an_unexpected_error_is_kept_on_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    sector = make.sector()
    make.article(sector)

    def fail(*_args: object, **_values: object) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(ReleaseFolder, "write", fail)
    with pytest.raises(RuntimeError):
        make.deployed(sector)

    record = DeploymentRecord.unscoped.get(site=sector.site)
    assert (record.status, record.error_code) == ("failed", "unexpected")
    assert "disk full" in record.error


def test_a_worker_that_outlived_its_lease_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sector = make.sector()
    article = make.article(sector)
    slow, fast = make.Clock(), make.Clock(make.FIRST_DAY + timedelta(minutes=5))

    def overtaken(name: str) -> None:
        if name == "publishing.after_build":
            monkeypatch.undo()
            make.deployed(sector, fast)

    monkeypatch.setattr(module, "failpoint", overtaken)
    with pytest.raises(DeploymentLost):
        make.deployed(sector, slow)

    folder = make.folder(sector)
    assert records(sector) == [(2, "deployed")]
    assert folder.live_version() == 2
    assert live_revisions(sector) == {article.pk: 1}
    assert publishing_problems() == []


def test_a_damaged_live_version_is_built_anew() -> None:
    sector = make.sector()
    article = make.article(sector)
    make.deployed(sector)
    folder = make.folder(sector)
    folder.file(1, f"articles/{article.slug}/index.html").unlink()

    record = make.deployed(sector)

    assert record.version == 2
    assert folder.damage(2) == []


def test_records_of_another_life_do_not_stop_a_deployment() -> None:
    sector = make.sector()
    make.article(sector)
    make.deployed(sector)
    with tenant(sector.account_id):
        DeploymentRecord.objects.filter(site=sector.site).delete()

    record = make.deployed(sector)

    assert record.version == 2
    assert make.folder(sector).live_version() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_racing_deployers_one_builds() -> None:
    sector = make.sector()
    article = make.article(sector)
    outcomes: list[object] = []
    gate = threading.Barrier(2)

    def deploy() -> None:
        gate.wait()
        try:
            outcomes.append(make.deployed(sector).version)
        except DeploymentRunning:
            outcomes.append("running")
        finally:
            connection.close()

    workers = [threading.Thread(target=deploy) for _number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert outcomes in (["running", 1], [1, "running"], [1, 1])
    assert records(sector) == [(1, "deployed")]
    assert live_revisions(sector) == {article.pk: 1}
    assert make.folder(sector).live_version() == 1
    assert publishing_problems() == []


@pytest.mark.django_db(transaction=True)
def test_a_deployment_runs_under_the_runtime_role_and_commits_its_claim() -> None:
    sector = make.sector()
    make.article(sector)
    seen: list[object] = []

    def fence() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            seen.append(cursor.fetchone()[0])

    record = make.deployed(sector, fence=fence)

    assert seen == ["igny8_app"]
    assert record.status == DeploymentStatus.DEPLOYED
