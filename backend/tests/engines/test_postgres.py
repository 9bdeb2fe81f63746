"""The embedded PostgreSQL server: paths, users, leftovers, crashes."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from igny8_core.engines import postgres
from igny8_core.engines.errors import EngineFailed
from igny8_core.engines.folder import UNIX_SOCKET_BYTES
from igny8_core.engines.postgres import SOCKET_NAME, SUPERUSER, EmbeddedPostgres
from tests.engines.fakes import eventually, is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.processes

NOBODY = 65534
AS_ROOT = os.geteuid() == 0


@contextmanager
def server(data: Path) -> Iterator[EmbeddedPostgres]:
    embedded = EmbeddedPostgres(data, settings={"fsync": "off"})
    embedded.start()
    try:
        yield embedded
    finally:
        embedded.stop()


def ask(embedded: EmbeddedPostgres, question: str, database: str = "postgres") -> object:
    with psycopg.connect(embedded.address(SUPERUSER, database), autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


def server_pid(embedded: EmbeddedPostgres) -> int:
    return int((embedded.data / "postmaster.pid").read_text().split()[0])


def test_a_path_with_spaces_and_quotes_works(tmp_path: Path) -> None:
    with server(tmp_path / "it's a folder" / "pg") as embedded:
        assert str(ask(embedded, "SHOW server_version")).startswith("18.")
        assert ask(embedded, "SHOW listen_addresses") == ""
        pid = server_pid(embedded)

    assert not is_alive(pid)
    assert not (embedded.data / SOCKET_NAME).exists()


def test_a_path_too_long_for_a_socket_gets_a_private_short_folder(tmp_path: Path) -> None:
    data = tmp_path / ("long " * 20) / "pg"
    assert len(os.fsencode(data / SOCKET_NAME)) > UNIX_SOCKET_BYTES

    with server(data) as embedded:
        assert ask(embedded, "SELECT 1") == 1
        short = embedded.socket_dir
        assert short != data
        assert stat.S_IMODE(short.stat().st_mode) == 0o700

    assert not short.exists()


def test_a_private_parent_folder_stays_unreadable(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)

    with server(private / "pg") as embedded:
        assert ask(embedded, "SELECT 1") == 1

    # As root another user runs the server: it may pass the folder, nobody may list it.
    assert stat.S_IMODE(private.stat().st_mode) == (0o701 if AS_ROOT else 0o700)
    assert stat.S_IMODE(embedded.data.stat().st_mode) == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="the rest of this file runs as a plain user then")
def test_a_plain_user_runs_it_as_himself(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    home = tmp_path / "home of nobody"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)

    child = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.engines.drop_privileges",
            *map(str, (NOBODY, NOBODY, home / "pg")),
        ],
        cwd=os.fspath(__file__).rpartition("/tests/")[0],
        capture_output=True,
        text=True,
        check=False,
    )

    assert child.returncode == 0, child.stderr
    assert json.loads(child.stdout) == {"uid": NOBODY, "user": None}


@pytest.mark.skipif(not AS_ROOT, reason="only root gives the server another user")
def test_root_runs_it_as_a_system_user_without_roots_groups(tmp_path: Path) -> None:
    with server(tmp_path / "pg") as embedded:
        status = dict(
            line.split(":\t", 1)
            for line in (process_status(server_pid(embedded))).splitlines()
            if ":\t" in line
        )

    assert embedded.system_user is not None
    assert set(status["Uid"].split()) == {str(embedded.system_user.user_id)}
    assert set(status["Gid"].split()) == {str(embedded.system_user.group_id)}
    assert status["Groups"].split() in ([], [str(embedded.system_user.group_id)])


def process_status(pid: int) -> str:
    return Path(f"/proc/{pid}/status").read_text()


def test_a_server_left_behind_is_stopped_first(tmp_path: Path) -> None:
    first = EmbeddedPostgres(tmp_path / "pg", settings={"fsync": "off"})
    first.start()
    leftover = server_pid(first)

    with server(tmp_path / "pg") as second:
        assert not is_alive(leftover)
        assert ask(second, "SELECT 1") == 1

    first.stop()


def test_a_process_that_outlives_its_server_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "ORPHAN_SECONDS", 0.3)
    first = EmbeddedPostgres(tmp_path / "pg", settings={"fsync": "off"})
    first.start()
    client = psycopg.connect(first.address(SUPERUSER, "postgres"))
    orphan = client.info.backend_pid
    os.kill(orphan, signal.SIGSTOP)  # so that it cannot notice
    os.kill(server_pid(first), signal.SIGKILL)

    with server(tmp_path / "pg") as second:
        assert not is_alive(orphan)
        assert ask(second, "SELECT 1") == 1

    client.close()
    first.stop()


def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    first = EmbeddedPostgres(tmp_path / "pg")
    first.start()
    ask(first, "SELECT 1")
    with psycopg.connect(first.address(SUPERUSER, "postgres")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(server_pid(first), signal.SIGKILL)

    with server(tmp_path / "pg") as second:
        assert ask(second, "SELECT answer FROM kept") == 42

    first.stop()


def test_the_server_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path;"
        "from igny8_core.engines.postgres import EmbeddedPostgres;"
        "EmbeddedPostgres(Path(sys.argv[1]), settings={'fsync': 'off'}).start();"
        "print((Path(sys.argv[1]) / 'postmaster.pid').read_text().split()[0], flush=True);"
        "os.kill(os.getpid(), 9)"
    )
    starter = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "pg")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert starter.returncode == -signal.SIGKILL
    pid = int(starter.stdout)
    assert eventually(lambda: not is_alive(pid))


def test_a_pid_file_that_names_somebody_else_harms_nobody(tmp_path: Path) -> None:
    with server(tmp_path / "pg") as embedded:
        lines = (embedded.data / "postmaster.pid").read_text().splitlines()
        socket_lock = (embedded.data / f"{SOCKET_NAME}.lock").read_text().splitlines()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        stale = embedded.data / "postmaster.pid"
        stale.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        lock = embedded.data / f"{SOCKET_NAME}.lock"
        lock.write_text("\n".join([str(stranger.pid), *socket_lock[1:]]) + "\n")

        with server(tmp_path / "pg") as again:
            assert ask(again, "SELECT 1") == 1

        assert stranger.poll() is None
        stranger.kill()


def test_a_half_made_cluster_is_made_again(tmp_path: Path) -> None:
    half = tmp_path / "pg.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")

    with server(tmp_path / "pg") as embedded:
        assert ask(embedded, "SELECT 1") == 1

    assert not half.exists()


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")

    with pytest.raises(EngineFailed, match="neither empty nor a PostgreSQL cluster"):
        EmbeddedPostgres(tmp_path).start()

    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_the_database_and_its_roles_are_made_once(tmp_path: Path) -> None:
    with server(tmp_path / "pg") as embedded:
        embedded.bootstrap()
        embedded.bootstrap()

        strong = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'igny8%' AND rolsuper"
        assert ask(embedded, strong, "igny8") == 0
        with psycopg.connect(embedded.address("igny8_app")) as connection:
            row = connection.execute("SELECT current_user, current_database()").fetchone()

    assert row == ("igny8_app", "igny8")
