"""A deployment that is killed at a named place: the old site stays whole, the next one repairs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.conf import settings as django_settings
from django.db import connections
from django.utils import timezone

from igny8_core.business.content.models import Content
from igny8_core.business.publishing.services.audit import publishing_problems
from igny8_core.business.publishing.services.deploy_site import deploy_site
from tests.faults.harness import BACKEND
from tests.make import publishing as make
from tests.plugins.engines import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings

    from igny8_core.auth.models import Sector

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True, databases=["default", "admin"]),
]
BEFORE = ("after_claim", "before_write", "in_write", "after_build")
KILLED = 9


@pytest.fixture
def sector(tmp_path: Path, settings: Settings) -> Sector:
    """A site with two live articles, and a third that waits."""
    settings.SITES_ROOT = tmp_path / "storage" / "sites"
    settings.MEDIA_ROOT = tmp_path / "storage" / "media"
    made = make.sector()
    for title in ("One", "Two"):
        make.cover(make.article(made, title=title), title.encode())
    deploy(made)
    make.cover(make.article(made, title="Three"), b"three")
    Content.unscoped.filter(slug="one").update(title="One, changed", version=2)
    return made


def deploy(sector: Sector, **later: float) -> int | None:
    record = deploy_site(
        account=sector.account,
        site_id=sector.site_id,
        fence=lambda: None,
        clock=lambda: timezone.now() + timedelta(**later),
    )
    return record.version


def command(
    tmp_path: Path, *arguments: str, crash_at: str = ""
) -> subprocess.CompletedProcess[str]:
    """``igny8 site`` in a process of its own, on the test's database and folders."""
    name, host = connections["default"].settings_dict["NAME"], FOLDER / "pg"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IGNY8_")} | {
        "DJANGO_SETTINGS_MODULE": "igny8_core.settings.local",
        "PYTHONPATH": str(BACKEND),
        "IGNY8_DATABASE_URL": f"postgresql://igny8_app@/{name}?host={host}",
        "IGNY8_ADMIN_DATABASE_URL": f"postgresql://igny8_admin@/{name}?host={host}",
        "IGNY8_DATA_DIR": str(tmp_path),
        "IGNY8_PUBLIC_URL": django_settings.PUBLIC_URL,
        "IGNY8_SECRET_KEY": "test-only",
        "IGNY8_CRASH_AT": f"publishing.{crash_at}" if crash_at else "",
    }
    return subprocess.run(
        [sys.executable, "-m", "igny8_core.cli", "site", *arguments, "--json"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def all_bytes(sector: Sector, version: int) -> dict[str, bytes]:
    folder = make.folder(sector)
    return {path: folder.read(version, path) for path in folder.manifest(version).files}


@pytest.mark.parametrize("place", BEFORE)
def test_a_kill_before_the_pointer_moves_leaves_the_old_site(
    sector: Sector, tmp_path: Path, place: str
) -> None:
    folder, before = make.folder(sector), all_bytes(sector, 1)

    killed = command(tmp_path, "deploy", "--site", str(sector.site_id), crash_at=place)

    assert killed.returncode == KILLED, killed.stderr
    assert (folder.live_version(), folder.damage(1)) == (1, [])
    assert all_bytes(sector, 1) == before
    assert deploy(sector, minutes=5) == 3
    assert folder.live_version() == 3
    assert "articles/three/index.html" in folder.manifest(3).files
    assert list(folder.path.glob(".build-*")) == []
    assert publishing_problems() == []


def test_a_kill_after_the_pointer_moved_is_a_deployment(sector: Sector, tmp_path: Path) -> None:
    folder = make.folder(sector)

    killed = command(tmp_path, "deploy", "--site", str(sector.site_id), crash_at="after_activate")

    assert killed.returncode == KILLED, killed.stderr
    assert (folder.live_version(), folder.damage(2)) == (2, [])
    assert deploy(sector, minutes=5) == 2
    assert publishing_problems() == []


def test_a_way_back_that_is_killed_is_followed(sector: Sector, tmp_path: Path) -> None:
    site, folder, before = str(sector.site_id), make.folder(sector), all_bytes(sector, 1)
    done = command(tmp_path, "deploy", "--site", site)
    assert json.loads(done.stdout)["version"] == 2
    back = ("rollback", "--site", site, "--version", "1")

    killed = command(tmp_path, *back, crash_at="after_rollback_activate")

    assert killed.returncode == KILLED, killed.stderr
    assert folder.live_version() == 1
    again = command(tmp_path, *back)
    assert (again.returncode, json.loads(again.stdout)["version"]) == (0, 1)
    assert all_bytes(sector, 1) == before
    listed = json.loads(command(tmp_path, "releases", "--site", site).stdout)
    assert [(d["version"], d["status"]) for d in listed["deployments"]] == [
        (2, "rolled_back"),
        (1, "deployed"),
    ]
    assert publishing_problems() == []


def test_a_preview_that_is_killed_leaves_the_earlier_one(sector: Sector, tmp_path: Path) -> None:
    site = str(sector.site_id)
    first = json.loads(command(tmp_path, "preview", "--site", site).stdout)

    killed = command(tmp_path, "preview", "--site", site, crash_at="after_preview_write")
    again = json.loads(command(tmp_path, "preview", "--site", site).stdout)

    assert killed.returncode == KILLED, killed.stderr
    assert (first["url"], first["articles"]) == (again["url"], again["articles"])


def test_a_site_is_built_into_a_folder(sector: Sector, tmp_path: Path) -> None:
    target = tmp_path / "out"

    done = command(tmp_path, "build", "--site", str(sector.site_id), "--to", str(target))
    again = command(tmp_path, "build", "--site", str(sector.site_id), "--to", str(target))

    assert json.loads(done.stdout)["files"] == len(make.folder(sector).manifest(1).files)
    assert (target / "index.html").is_file()
    assert (again.returncode, again.stderr) == (
        1,
        "igny8 site: the folder is there already [conflict]\n",
    )
