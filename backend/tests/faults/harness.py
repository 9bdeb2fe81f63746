"""Real processes to break on purpose: Valkey, workers, tickers, on the database of the test.

Loopback and unix sockets only; every process is a group of its own and is ended by its number.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import redis
from django.db import connections

from igny8_core.engines.valkey import EmbeddedValkey
from tests.plugins.engines import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

BACKEND = Path(__file__).resolve().parents[2]
LEASE_SECONDS, HEARTBEAT_SECONDS, STALE_HINT_SECONDS = 6, 1, 4
SLOTS = 8


class Stack:
    """What runs for one test.

    :param folder: of logs and Valkey's data; empty.
    :param latency_ms: how long a test item takes.
    """

    def __init__(self, folder: Path, *, latency_ms: int = 100) -> None:
        self.folder = folder
        self.valkey = EmbeddedValkey(folder / "valkey")
        self.valkey.prepare()
        name = connections["default"].settings_dict["NAME"]
        host = FOLDER / "pg"
        self.environment = {
            key: value for key, value in os.environ.items() if not key.startswith("IGNY8_")
        } | {
            "DJANGO_SETTINGS_MODULE": "igny8_core.settings.local",
            "PYTHONPATH": str(BACKEND),
            "IGNY8_DATABASE_URL": f"postgresql://igny8_app@/{name}?host={host}",
            "IGNY8_ADMIN_DATABASE_URL": f"postgresql://igny8_admin@/{name}?host={host}",
            "IGNY8_BROKER_URL": self.valkey.broker_url,
            "IGNY8_CACHE_URL": self.valkey.cache_url,
            "IGNY8_DATA_DIR": str(folder),
            "IGNY8_SECRET_KEY": "test-only",
            "IGNY8_WORKER_THREADS": str(SLOTS),
            "IGNY8_LEASE_SECONDS": str(LEASE_SECONDS),
            "IGNY8_HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS),
            "IGNY8_STALE_HINT_SECONDS": str(STALE_HINT_SECONDS),
            "TEST_LATENCY_MS": str(latency_ms),
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes):
            self.end(process)
        self.valkey.remove_socket_folder()

    def start_valkey(self) -> subprocess.Popen[bytes]:
        """A broker that keeps its data over a kill."""
        process = self._start("valkey", self.valkey.command())
        with redis.Redis(unix_socket_path=str(self.valkey.socket)) as client:
            wait_until(lambda: _answers(client), seconds=20, what="Valkey")
        return process

    def start_worker(
        self, node: str = "worker-1", *, pool: str = "threads", **extra: str
    ) -> subprocess.Popen[bytes]:
        """A worker of every class but the heavy one, which has a worker of its own: prefork.

        :param extra: more of its environment, for example a failpoint.
        """
        queues = "interactive,ai_text,ai_image,publish,control"
        slots = SLOTS
        if pool == "prefork":
            queues, slots = "planning_heavy", 2
        celery = ["celery", "-A", "tests.faults.worker_app", "worker", "-P", pool]
        flags = ["-c", str(slots), "--without-gossip", "--without-mingle", "-l", "INFO"]
        command = [sys.executable, "-m", *celery, *flags, "-Q", queues, "-n", f"{node}@test"]
        return self._start(node, command, **extra)

    def start_ticker(self, name: str = "ticker", **extra: str) -> subprocess.Popen[bytes]:
        return self._start(name, [sys.executable, "-m", "django", "ticker"], **extra)

    def end(self, process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> int:
        """Send a signal to the process and all it started; its exit status."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        return process.wait(40)

    def log(self, name: str) -> str:
        """What a process has written."""
        return (self.folder / f"{name}.log").read_text()

    def _start(self, name: str, command: list[str], **extra: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=BACKEND,
                env=self.environment | extra,
                start_new_session=True,
            )
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
