"""The data folder: one holder, private files, leftovers told from strangers."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from igny8_core.engines.errors import EngineFailed, FolderInUse
from igny8_core.engines.folder import DataFolder
from igny8_core.settings.env import Env
from tests.engines.fakes import is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    made.create()
    return made


@contextmanager
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_second_holder_is_refused_with_the_pid_of_the_first(folder: DataFolder) -> None:
    with (
        folder.held(),
        pytest.raises(FolderInUse, match=rf"already runs on .* \(pid {os.getpid()}\)"),
        DataFolder(folder.path).held(),
    ):
        pytest.fail("held twice")

    with folder.held() as ended:
        assert ended == []


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(EngineFailed, match="choose another one with --data-dir"):
        DataFolder(tmp_path / "file" / "data").create()


def test_everything_is_private(folder: DataFolder) -> None:
    folder.make_secret_key()
    folder.write_addresses({"web_url": "http://127.0.0.1:1/"})
    folder.record_children({})

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()}
    assert modes == {
        "logs": 0o700,
        "valkey": 0o700,
        "storage": 0o700,
        "secret_key": 0o600,
        "engines.json": 0o600,
        "children.json": 0o600,
    }


def test_the_secret_key_is_made_once(folder: DataFolder) -> None:
    folder.make_secret_key()
    first = folder.secret.read_text()
    folder.make_secret_key()

    assert folder.secret.read_text() == first
    assert len(first) >= 50
    assert Env(data_dir=folder.path).secret == first


def test_settings_read_the_addresses(folder: DataFolder) -> None:
    folder.write_addresses(
        {
            "database_url": "postgresql://igny8_app@/igny8?host=%2Ftmp%2Fa%20b",
            "broker_url": "redis+socket:///tmp/v.sock?virtual_host=0",
        }
    )
    env = Env(data_dir=folder.path)

    assert env.database("default")["HOST"] == "/tmp/a b"
    assert env.database("default")["USER"] == "igny8_app"
    assert env.broker == "redis+socket:///tmp/v.sock?virtual_host=0"

    folder.remove_addresses()
    assert folder.addresses() == {}


@pytest.mark.processes
def test_a_recorded_child_that_still_lives_is_ended(folder: DataFolder) -> None:
    with sleeper() as process:
        folder.record_children({"web": process.pid})

        with folder.held() as ended:
            assert ended == ["web"]

        assert process.wait(5) == -15


@pytest.mark.processes
def test_what_a_dead_child_left_in_its_session_is_ended(folder: DataFolder) -> None:
    script = 'trap "" TERM; sleep 60 & echo $!; exec sleep 0.2'
    with subprocess.Popen(
        ["sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        orphan = int(process.stdout.readline())
        folder.record_children({"web": process.pid})
        process.wait()
        assert os.getsid(orphan) == process.pid

        with folder.held() as ended:
            assert ended == ["web"]

        assert not is_alive(orphan)


@pytest.mark.processes
@pytest.mark.parametrize("change", ["started", "boot", "spared"])
def test_a_stranger_with_a_recorded_pid_is_left_alone(folder: DataFolder, change: str) -> None:
    with sleeper() as stranger:
        folder.record_children({"web": stranger.pid})
        file = folder.path / "children.json"
        record = json.loads(file.read_text())
        if change == "started":
            record["children"]["web"]["started"] = "1"
        if change == "boot":
            record["boot"] = "another boot"
        file.write_text(json.dumps(record))

        spare = frozenset({"web"}) if change == "spared" else frozenset[str]()
        with folder.held(spare=spare) as ended:
            assert ended == []

        assert stranger.poll() is None
