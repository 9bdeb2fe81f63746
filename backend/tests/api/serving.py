"""The web server as `igny8 up` starts it, beside a test: for programs that ask it from outside."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from igny8_core.engines.ports import LOOPBACK, take_port
from igny8_core.engines.probes import ChildLog, http_answers, valkey_answers
from igny8_core.engines.valkey import EmbeddedValkey
from tests.engines.fakes import eventually
from tests.plugins.engines import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from igny8_core.engines.probes import Probe

READY_SECONDS = 60


@contextmanager
def web_server(database: str, folder: Path, env: dict[str, str]) -> Iterator[str]:
    """Granian with Django as the runtime role on a database of the test run; its address.

    :param database: its rows are committed: the server sees nothing else.
    :param folder: of its data folder, its Valkey and its logs.
    :param env: the environment to start from.
    """
    valkey = EmbeddedValkey(folder / "valkey")
    valkey.prepare()
    port = take_port(0, option="port")
    env = env | {
        "DJANGO_SETTINGS_MODULE": "igny8_core.settings.local",
        "IGNY8_DATA_DIR": str(folder),
        "IGNY8_DATABASE_URL": _address("igny8_app", database),
        "IGNY8_ADMIN_DATABASE_URL": _address("igny8_admin", database),
        "IGNY8_BROKER_URL": valkey.broker_url,
        "IGNY8_CACHE_URL": valkey.cache_url,
    }
    granian = ("granian", "--interface", "asginl", "--host", LOOPBACK, "--port", str(port))
    limits = ("--workers", "1", "--workers-kill-timeout", "3", "--no-ws", "--log-level", "warning")
    web = (sys.executable, "-m", *granian, *limits, "igny8_core.asgi:application")
    try:
        with (
            _child(valkey.command(), folder / "valkey.log", env, valkey_answers(valkey.socket)),
            _child(web, folder / "web.log", env, http_answers(port, "/healthz")),
        ):
            yield f"http://{LOOPBACK}:{port}"
    finally:
        valkey.remove_socket_folder()


def _address(role: str, database: str) -> str:
    return f"postgresql://{role}@/{database}?host={quote(str(FOLDER / 'pg'), safe='')}"


@contextmanager
def _child(argv: Sequence[str], log: Path, env: dict[str, str], probe: Probe) -> Iterator[None]:
    """A process that answers its probe; ended with the block."""
    with (
        log.open("wb") as out,
        subprocess.Popen(argv, env=env, stdout=out, stderr=subprocess.STDOUT) as process,
    ):
        try:
            assert eventually(
                lambda: process.poll() is not None or asyncio.run(probe(ChildLog(log))),
                READY_SECONDS,
            )
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()
            process.wait(20)
