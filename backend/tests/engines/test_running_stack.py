"""The whole stack, once: started, looked at, hurt, stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import psycopg
import pytest

from igny8_core.engines.errors import EngineFailed
from igny8_core.engines.processes import session_members
from igny8_core.engines.stack import running
from tests.engines.fakes import eventually, is_alive
from tests.engines.prepared import prepared
from tests.plugins.engines import FOLDER

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.engines.background import RunningStack

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

NAMES = {"postgres", "valkey", "web", "worker", "heavy", "ticker"}


def test_the_stack_starts_works_heals_and_stops(tmp_path: Path, schema: Path) -> None:
    folder = prepared(tmp_path / "a folder", schema)
    with running(folder, port=0, quiet=True) as stack:
        pids = stack.children
        assert NAMES <= set(pids) <= NAMES | {"model"}
        assert all(is_alive(pid) for pid in pids.values())
        assert json.loads((folder / "engines.json").read_text()) == stack.addresses
        with (
            pytest.raises(EngineFailed, match="already runs on"),
            running(folder, port=0, quiet=True),
        ):
            pytest.fail("two stacks on one folder")

        assert_web_serves(stack)
        assert_runtime_role_is_weak(stack)
        assert_doctor_is_content(folder)
        assert_killed_worker_comes_back(stack)
        last = stack.children

    assert not any(session_members(pid) for pid in {*pids.values(), *last.values()})
    assert not is_alive(stack.supervisor_pid)
    assert not (folder / "engines.json").exists()
    assert not (folder / "children.json").exists()


def assert_web_serves(stack: RunningStack) -> None:
    for path in ("healthz", "readyz"):
        with closing(HTTPConnection("127.0.0.1", stack.port, timeout=10)) as connection:
            connection.request("GET", f"/{path}")
            assert connection.getresponse().status == 200
    with closing(HTTPConnection("127.0.0.1", stack.port, timeout=10)) as connection:
        connection.request("GET", "/events/runs/?ticket=forged")
        assert connection.getresponse().status == 403  # beside Django, which would answer 404
    with closing(HTTPConnection("127.0.0.1", stack.port, timeout=10)) as connection:
        connection.request("POST", "/sign-in/", body=b"username=a%40example.com&password=b")
        assert connection.getresponse().status == 403  # the body was read: it has no CSRF token


def assert_runtime_role_is_weak(stack: RunningStack) -> None:
    with psycopg.connect(stack.addresses["database_url"]) as database:
        row = database.execute(
            "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row == ("igny8_app", False, False)


def assert_doctor_is_content(folder: Path) -> None:
    result = doctor("--json", "--data-dir", str(folder))
    report = json.loads(result.stdout)
    wrong = [check for check in report["checks"] if check["status"] == "wrong"]
    assert (wrong, report["ok"], result.returncode) == ([], True, 0)
    assert {"postgres", "roles", "row security", "workers", "ticker"} <= {
        check["name"] for check in report["checks"] if check["status"] == "ok"
    }


def assert_killed_worker_comes_back(stack: RunningStack) -> None:
    first = stack.worker_pid()
    os.kill(first, signal.SIGKILL)

    assert eventually(lambda: stack.children.get("worker", first) != first, seconds=30)
    assert is_alive(stack.worker_pid())


def without_ours() -> dict[str, str]:
    """The environment without what the tests put into it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("IGNY8_")}
    return env | {"DJANGO_SETTINGS_MODULE": "igny8_core.settings.local"}


def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from igny8_core.cli.main import main; main()", "doctor"]
    return subprocess.run(
        [*command, *arguments],
        env=without_ours(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_doctor_says_what_to_do_when_nothing_runs(tmp_path: Path) -> None:
    result = doctor("--json", "--data-dir", str(tmp_path))
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}

    assert result.returncode == 1
    assert {name for name, check in checks.items() if check["status"] == "wrong"} == {
        "postgres",
        "broker",
        "cache",
        "text model",
    }
    assert all("igny8 up" in checks[name]["advice"] for name in ("postgres", "broker", "cache"))
    assert checks["blas"]["found"].startswith("OpenBLAS kernels")
    assert checks["roles"]["status"] == "skipped"
    assert checks["roles"]["found"] == "needs postgres"


def test_the_web_server_refuses_a_login_that_is_too_strong(tmp_path: Path) -> None:
    superuser = f"postgresql://postgres@/postgres?host={FOLDER / 'pg'}"

    refused = subprocess.run(
        [sys.executable, "-c", "import igny8_core.asgi"],
        env=without_ours() | {"IGNY8_DATA_DIR": str(tmp_path), "IGNY8_DATABASE_URL": superuser},
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 1
    line = refused.stderr.strip().splitlines()[-1]
    assert line.startswith("web: refused to serve: the login of alias 'default' is superuser")
    assert "Traceback" not in refused.stderr
