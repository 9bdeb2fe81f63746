"""RabbitMQ from unpacked Debian packages (``tools/fetch_rabbitmq.sh``), on loopback alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from igny8_core.engines.ports import LOOPBACK, take_port

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).resolve().parents[3] / ".rabbitmq"
START_SECONDS = 60.0
ERLANG_ARGUMENTS = "-kernel inet_dist_use_interface {127,0,0,1} +S 1"
HELLO = b"AMQP\x00\x00\x09\x01"


def is_there() -> bool:
    """Whether the packages were unpacked."""
    return (FOLDER / "usr/lib/rabbitmq").is_dir()


class RabbitMq:
    """One broker with its data in a folder; its own port mapper, so that nobody else's is used."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        (home / "enabled_plugins").write_text("[].\n")
        self.port, self.distribution, self.mapper = (take_port(0, option="") for _ in range(3))
        self._process: subprocess.Popen[bytes] | None = None
        self._port_mapper: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{LOOPBACK}:{self.port}//"

    def start(self) -> None:
        """Returns once it speaks AMQP."""
        erlang = FOLDER / "usr/lib/erlang"
        (server,) = (FOLDER / "usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server")
        environment = {
            "PATH": f"{erlang / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "ERL_EPMD_PORT": str(self.mapper),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "RABBITMQ_NODENAME": f"igny8-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG_ARGUMENTS,
            "RABBITMQ_MNESIA_BASE": str(self.home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.home / "log"),
            "RABBITMQ_SCHEMA_DIR": str(self.home / "schema"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.home / "generated"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.home / "enabled_plugins"),
            "RABBITMQ_CONF_ENV_FILE": str(self.home / "none.conf"),
            "RABBITMQ_CONFIG_FILE": str(self.home / "none"),
            "RABBITMQ_PID_FILE": str(self.home / "pid"),
        }
        if self._port_mapper is None:  # ours: nobody else's nodes are in it
            self._port_mapper = subprocess.Popen(
                [str(erlang / "bin/epmd"), "-port", str(self.mapper), "-address", LOOPBACK]
            )
        with (self.home / "output.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(server)],
                cwd=self.home,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait_until(self._answers)

    def kill(self, *, wipe: bool = False) -> None:
        """``kill -9``; with ``wipe`` everything that it had stored is gone."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        self._process = None
        if wipe:
            shutil.rmtree(self.home / "mnesia", ignore_errors=True)

    def stop(self) -> None:
        """The broker and its port mapper."""
        if self._process is not None:
            self.kill()
        if self._port_mapper is not None:
            self._port_mapper.kill()
            self._port_mapper.wait(10)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as probe:
                probe.sendall(HELLO)
                return bool(probe.recv(8))
        except OSError:
            return False

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        ends = time.monotonic() + START_SECONDS
        while not condition():
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > ends:
                raise TimeoutError((self.home / "output.log").read_text()[-2000:])
            time.sleep(0.1)
