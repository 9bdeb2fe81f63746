"""The machine that the seeded runs break: its own PostgreSQL, Valkey, workers, tickers and web.

Loopback and unix sockets only. Whatever is started here is ended here, by its number.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import redis

from igny8_core.engines.ports import take_port
from igny8_core.engines.postgres import EmbeddedPostgres
from igny8_core.engines.valkey import EmbeddedValkey
from tests.faults.forks import BACKEND, Nursery

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from tests.faults.rabbitmq import RabbitMq

DATABASE = "igny8_test"
SLOTS = 8
HURRIED = {"lease": 3, "heartbeat": 1, "hint": 2, "sweep": 1.0}
"""Seconds, so that a run of the tests does not wait as long as people do."""

DEFAULTS = {"lease": 45, "heartbeat": 10, "hint": 30, "sweep": 5.0}


def wait_until(
    condition: Callable[[], bool], *, seconds: float, what: str | Callable[[], str]
) -> float:
    """Wait for a condition; how long it took.

    :param what: for the message, or what makes it when it is too late.
    :raises TimeoutError: it did not come true in time.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{what if isinstance(what, str) else what()}: not in {seconds} s")
        time.sleep(0.02)
    return time.monotonic() - began


class Machine:
    """Everything that runs, by name.

    :param folder: empty; short enough for the path of a socket.
    :param pace: seconds of leases, heartbeats, hints and sweeps.
    :param rabbitmq: the broker, in the place of Valkey, which stays the cache.
    """

    def __init__(
        self,
        folder: Path,
        *,
        provider_url: str,
        pace: dict[str, float],
        rabbitmq: RabbitMq | None = None,
    ) -> None:
        self.folder, self.pace, self.rabbitmq = folder, pace, rabbitmq
        self.postgres = EmbeddedPostgres(
            folder / "pg", settings={"fsync": "off", "max_connections": "200"}
        )
        self.valkey = EmbeddedValkey(folder / "valkey")
        self.valkey.prepare()
        self.web_port = take_port(0, option="web")
        self.pids: dict[str, int] = {}
        self.offsets: dict[str, float] = {}
        self.restarts = 0
        self.taken_back = 0.0  # the longest time until leases of a lost host were taken back
        self._nursery: Nursery | None = None
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        host = folder / "pg"
        self.environment = {
            key: value for key, value in os.environ.items() if not key.startswith("IGNY8_")
        } | {
            "DJANGO_SETTINGS_MODULE": "igny8_core.settings.local",
            "PYTHONPATH": str(BACKEND),
            "IGNY8_DATABASE_URL": f"postgresql://igny8_app@/{DATABASE}?host={host}",
            "IGNY8_ADMIN_DATABASE_URL": f"postgresql://igny8_admin@/{DATABASE}?host={host}",
            "IGNY8_BROKER_URL": self.broker_url,
            "IGNY8_CACHE_URL": self.valkey.cache_url,
            "IGNY8_DATA_DIR": str(folder),
            "IGNY8_SECRET_KEY": "test-only-" + "0" * 40,
            "IGNY8_WORKER_THREADS": str(SLOTS),
            "IGNY8_LEASE_SECONDS": str(int(pace["lease"])),
            "IGNY8_HEARTBEAT_SECONDS": str(int(pace["heartbeat"])),
            "IGNY8_STALE_HINT_SECONDS": str(int(pace["hint"])),
            "TEST_PROVIDER_URL": provider_url,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
        for name in list(self.pids):
            self.kill(name)
        if self._nursery is not None:
            self._nursery.close()
        if self.rabbitmq is not None:
            self.rabbitmq.stop()
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        self.postgres.stop()
        self.valkey.remove_socket_folder()

    # --- the engines

    @property
    def broker_url(self) -> str:
        return self.valkey.broker_url if self.rabbitmq is None else self.rabbitmq.url

    def start_broker(self) -> None:
        if self.rabbitmq is None:
            self.start_valkey()
        else:
            self.rabbitmq.start()

    def kill_broker(self, *, wipe: bool = False) -> None:
        if self.rabbitmq is None:
            self.kill_valkey(wipe=wipe)
        else:
            self.rabbitmq.kill(wipe=wipe)

    def start_postgres(self) -> None:
        self.postgres.start()

    def kill_postgres(self) -> None:
        """``kill -9`` of the postmaster: its children see that and go."""
        process = self.postgres._process
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)

    def start_valkey(self) -> None:
        with (self.folder / "valkey.log").open("ab") as log:
            self._processes["valkey"] = subprocess.Popen(
                self.valkey.command(), stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self._valkey_answers, seconds=20, what="Valkey")

    def kill_valkey(self, *, wipe: bool = False) -> None:
        process = self._processes.pop("valkey")
        process.kill()
        process.wait(10)
        if wipe:
            for file in (self.folder / "valkey").rglob("*.aof*"):
                file.unlink(missing_ok=True)

    def client(self, database: int = 0) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.valkey.socket), db=database)

    def _valkey_answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    # --- our own processes

    def start_nursery(self) -> None:
        self._nursery = Nursery(self.folder / "nursery.log", self.environment)

    def start(self, name: str, **order: Any) -> int:
        """A worker or a ticker; its role is the first part of its name."""
        assert self._nursery is not None
        values = {
            "name": name,
            "role": name.partition("-")[0],
            "log": str(self.folder / f"{name}.log"),
            "slots": SLOTS,
            "sweep_seconds": self.pace["sweep"],
            "clock_offset": self.offsets.get(name, 0.0),
        }
        self.pids[name] = self._nursery.fork(**values | order).pid
        return self.pids[name]

    def start_web(self) -> None:
        """The web server, as ``igny8 up`` starts it; comes up by and by."""
        granian = ["granian", "--interface", "asginl", "--host", "127.0.0.1"]
        limits = ["--port", str(self.web_port), "--workers", "1", "--workers-kill-timeout", "3"]
        command = [sys.executable, "-m", *granian, *limits, "igny8_core.asgi:application"]
        with (self.folder / "web.log").open("ab") as log:
            self._processes["web"] = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=BACKEND,
                env=self.environment,
                start_new_session=True,
            )

    def kill_web(self) -> None:
        process = self._processes.pop("web")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    @property
    def has_web(self) -> bool:
        return "web" in self._processes

    def kill(self, name: str) -> None:
        """``kill -9`` of the process and whatever it started."""
        pid = self.pids.pop(name)
        for end in (os.killpg, os.kill):  # no group yet in the first moment of its life
            with contextlib.suppress(ProcessLookupError):
                end(pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pid), seconds=10, what=f"end of {name}")

    def send(self, name: str, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pids[name], number)

    def supervise(self) -> list[str]:
        """Start again whatever ended by itself, as the product's supervisor does; who did."""
        ended = [name for name, pid in self.pids.items() if not is_alive(pid)]
        for name in ended:
            self.restarts += 1
            self.start(name)
        return ended

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows, patiently: the server may be starting again. As superuser, in autocommit."""
        deadline = time.monotonic() + 60
        while True:
            try:
                if self._connection is None:
                    self._connection = psycopg.connect(
                        host=str(self.folder / "pg"),
                        user="postgres",
                        dbname=DATABASE,
                        autocommit=True,
                    )
                named = values[0] if values and isinstance(values[0], dict) else values
                cursor = self._connection.execute(statement.encode(), named)
                return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                self._connection = None
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that waits to be collected does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
    except OSError:
        return True
