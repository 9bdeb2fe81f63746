"""Real processes to break on purpose: Valkey, workers, tickers, on the database of the test.

Loopback and unix sockets only; every process is a group of its own and is ended by its number.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import redis
from django.db import connections

from igny8_core.engines.valkey import EmbeddedValkey
from tests.faults.forks import BACKEND, Fork, Nursery
from tests.plugins.engines import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import Self

LEASE_SECONDS, HEARTBEAT_SECONDS, STALE_HINT_SECONDS = 6, 1, 4
SLOTS, HEAVY_SLOTS = 8, 2
Program = subprocess.Popen[bytes] | Fork


def environment_of(data_folder: Path) -> dict[str, str]:
    """For a process of the product on the database of the test: it has nothing else of ours."""
    name, host = connections["default"].settings_dict["NAME"], FOLDER / "pg"
    return {key: value for key, value in os.environ.items() if not key.startswith("IGNY8_")} | {
        "DJANGO_SETTINGS_MODULE": "igny8_core.settings.local",
        "PYTHONPATH": str(BACKEND),
        "IGNY8_DATABASE_URL": f"postgresql://igny8_app@/{name}?host={host}",
        "IGNY8_ADMIN_DATABASE_URL": f"postgresql://igny8_admin@/{name}?host={host}",
        "IGNY8_DATA_DIR": str(data_folder),
        "IGNY8_SECRET_KEY": "test-only",
    }


class Stack:
    """What runs for one test.

    :param folder: of logs and Valkey's data; empty.
    :param latency_ms: how long a test item takes.
    :param environment: more of what workers and tickers find there.
    """

    def __init__(
        self,
        folder: Path,
        *,
        latency_ms: int = 100,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.valkey = EmbeddedValkey(folder / "valkey")
        self.valkey.prepare()
        self.environment = (
            environment_of(folder)
            | {
                "IGNY8_BROKER_URL": self.valkey.broker_url,
                "IGNY8_CACHE_URL": self.valkey.cache_url,
                "IGNY8_WORKER_THREADS": str(SLOTS),
                "IGNY8_LEASE_SECONDS": str(LEASE_SECONDS),
                "IGNY8_HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS),
                "IGNY8_STALE_HINT_SECONDS": str(STALE_HINT_SECONDS),
                "TEST_LATENCY_MS": str(latency_ms),
            }
            | dict(environment or {})
        )
        self.processes: list[Program] = []
        self._nursery: Nursery | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes):
            self.end(process)
        if self._nursery is not None:
            self._nursery.close()
        self.valkey.remove_socket_folder()

    def start_valkey(self) -> subprocess.Popen[bytes]:
        """A broker that keeps its data over a kill."""
        with (self.folder / "valkey.log").open("ab") as log:
            process = subprocess.Popen(
                self.valkey.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        with redis.Redis(unix_socket_path=str(self.valkey.socket)) as client:
            wait_until(lambda: _answers(client), seconds=20, what="Valkey")
        return process

    def start_worker(self, node: str = "worker-1", *, pool: str = "threads", **order: Any) -> Fork:
        """A worker of every class but the heavy one, which has a worker of its own: prefork.

        :param order: more for the nursery: a failpoint (``crash_at``), an item that kills.
        """
        slots = HEAVY_SLOTS if pool == "prefork" else SLOTS
        return self._fork(node, role="worker", pool=pool, slots=slots, **order)

    def start_ticker(self, name: str = "ticker") -> Fork:
        return self._fork(name, role="ticker")

    def end(self, process: Program, number: int = signal.SIGKILL) -> int:
        """Send a signal to the process and all it started; its exit status."""
        if isinstance(process, Fork):
            return process.end(number)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        return process.wait(40)

    def log(self, name: str) -> str:
        """What a process has written."""
        return (self.folder / f"{name}.log").read_text()

    def _fork(self, name: str, **order: Any) -> Fork:
        if self._nursery is None:
            self._nursery = Nursery(self.folder / "nursery.log", self.environment)
        process = self._nursery.fork(name=name, log=str(self.folder / f"{name}.log"), **order)
        self.processes.append(process)
        return process


def wait_until(condition: Callable[[], bool], *, seconds: float, what: str) -> float:
    """Wait for a condition; how long it took.

    :raises TimeoutError: it did not come true in time.
    """
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.05)
    return time.monotonic() - began


@contextlib.contextmanager
def stack(folder: Path, *, latency_ms: int = 100) -> Iterator[Stack]:
    """Valkey, a worker and a ticker, until the block ends."""
    with Stack(folder, latency_ms=latency_ms) as running:
        running.start_valkey()
        running.start_worker()
        running.start_ticker()
        yield running


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
