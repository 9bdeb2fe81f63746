"""A deployment that is killed at a named place: the old site stays whole, the next one repairs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from igny8_core.business.content.models import Content
from igny8_core.business.publishing.services.audit import publishing_problems
from igny8_core.business.publishing.services.deploy_site import deploy_site
from tests.faults.forks import Nursery
from tests.faults.harness import environment_of
from tests.make import publishing as make

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django import Settings

    from igny8_core.auth.models import Sector

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True, databases=["default", "admin"]),
]
BEFORE = ("after_claim", "before_write", "in_write", "after_build")
KILLED = 9
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the commands of all tests; emptied after each."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def nursery(django_db_setup: None, data_folder: Path) -> Iterator[Nursery]:
    """Commands are forked from one process that has everything loaded."""
    address = {"IGNY8_PUBLIC_URL": django_settings.PUBLIC_URL}
    found = Nursery(data_folder / "nursery.log", environment_of(data_folder) | address)
    yield found
    found.close()


@pytest.fixture
def sector(data_folder: Path, settings: Settings) -> Iterator[Sector]:
    """A site with two live articles, and a third that waits."""
    storage = data_folder / "storage"
    settings.SITES_ROOT, settings.MEDIA_ROOT = storage / "sites", storage / "media"
    made = make.sector()
    for title in ("One", "Two"):
        make.cover(make.article(made, title=title), title.encode())
    deploy(made)
    make.cover(make.article(made, title="Three"), b"three")
    Content.unscoped.filter(slug="one").update(title="One, changed", version=2)
    yield made
    shutil.rmtree(storage)


def deploy(sector: Sector, **later: float) -> int | None:
    record = deploy_site(
        account=sector.account,
        site_id=sector.site_id,
        fence=lambda: None,
        clock=lambda: timezone.now() + timedelta(**later),
    )
    return record.version


@pytest.fixture
def command(nursery: Nursery, tmp_path: Path) -> Command:
    """``igny8 site`` in a process of its own, on the test's database and folders."""
    numbers = count()

    def run(*arguments: str, crash_at: str = "") -> subprocess.CompletedProcess[str]:
        number = next(numbers)
        output, log = tmp_path / f"{number}.out", tmp_path / f"{number}.log"
        given = ["site", *arguments, "--json"]
        process = nursery.fork(
            role="command",
            arguments=given,
            cwd=str(tmp_path),
            output=str(output),
            log=str(log),
            crash_at=f"publishing.{crash_at}" if crash_at else None,
        )
        status = process.wait(60)
        return subprocess.CompletedProcess(given, status, output.read_text(), log.read_text())

    return run


def all_bytes(sector: Sector, version: int) -> dict[str, bytes]:
    folder = make.folder(sector)
    return {path: folder.read(version, path) for path in folder.manifest(version).files}


@pytest.mark.parametrize("place", BEFORE)
def test_a_kill_before_the_pointer_moves_leaves_the_old_site(
    sector: Sector, command: Command, place: str
) -> None:
    folder, before = make.folder(sector), all_bytes(sector, 1)

    killed = command("deploy", "--site", str(sector.site_id), crash_at=place)

    assert killed.returncode == KILLED, killed.stderr
    assert (folder.live_version(), folder.damage(1)) == (1, [])
    assert all_bytes(sector, 1) == before
    assert deploy(sector, minutes=5) == 3
    assert folder.live_version() == 3
    assert "articles/three/index.html" in folder.manifest(3).files
    assert list(folder.path.glob(".build-*")) == []
    assert publishing_problems() == []


def test_a_kill_after_the_pointer_moved_is_a_deployment(sector: Sector, command: Command) -> None:
    folder = make.folder(sector)

    killed = command("deploy", "--site", str(sector.site_id), crash_at="after_activate")

    assert killed.returncode == KILLED, killed.stderr
    assert (folder.live_version(), folder.damage(2)) == (2, [])
    assert deploy(sector, minutes=5) == 2
    assert publishing_problems() == []


def test_a_way_back_that_is_killed_is_followed(sector: Sector, command: Command) -> None:
    site, folder, before = str(sector.site_id), make.folder(sector), all_bytes(sector, 1)
    done = command("deploy", "--site", site)
    assert json.loads(done.stdout)["version"] == 2
    back = ("rollback", "--site", site, "--version", "1")

    killed = command(*back, crash_at="after_rollback_activate")

    assert killed.returncode == KILLED, killed.stderr
    assert folder.live_version() == 1
    again = command(*back)
    assert (again.returncode, json.loads(again.stdout)["version"]) == (0, 1)
    assert all_bytes(sector, 1) == before
    listed = json.loads(command("releases", "--site", site).stdout)
    assert [(d["version"], d["status"]) for d in listed["deployments"]] == [
        (2, "rolled_back"),
        (1, "deployed"),
    ]
    assert publishing_problems() == []


def test_a_preview_that_is_killed_leaves_the_earlier_one(sector: Sector, command: Command) -> None:
    site = str(sector.site_id)
    first = json.loads(command("preview", "--site", site).stdout)

    killed = command("preview", "--site", site, crash_at="after_preview_write")
    again = command("preview", "--site", site)

    assert killed.returncode == KILLED, killed.stderr
    assert again.returncode == 0, again.stderr
    shown = json.loads(again.stdout)
    assert (first["url"], first["articles"]) == (shown["url"], shown["articles"])


def test_a_site_is_built_into_a_folder(sector: Sector, command: Command, tmp_path: Path) -> None:
    target = tmp_path / "out"

    done = command("build", "--site", str(sector.site_id), "--to", str(target))
    again = command("build", "--site", str(sector.site_id), "--to", str(target))

    assert json.loads(done.stdout)["files"] == len(make.folder(sector).manifest(1).files)
    assert (target / "index.html").is_file()
    assert (again.returncode, again.stderr) == (
        1,
        "igny8 site: the folder is there already [conflict]\n",
    )
