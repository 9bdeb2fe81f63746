"""The embedded Valkey server: socket, path, durability."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import redis
from kombu import Connection

from igny8_core.engines.folder import UNIX_SOCKET_BYTES
from igny8_core.engines.probes import ChildLog, valkey_answers
from igny8_core.engines.valkey import SOCKET_NAME, EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.processes


@contextmanager
def server(home: Path) -> Iterator[tuple[EmbeddedValkey, subprocess.Popen[bytes]]]:
    valkey = EmbeddedValkey(home)
    valkey.prepare()
    probe = valkey_answers(valkey.socket)
    with subprocess.Popen(valkey.command(), stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 10
            while not asyncio.run(probe(ChildLog(home / "no.log"))):
                assert time.monotonic() < deadline
            yield valkey, process
        finally:
            process.terminate()
    valkey.remove_socket_folder()


@contextmanager
def cache(valkey: EmbeddedValkey) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(valkey.cache_url, decode_responses=True)
    try:
        yield client
    finally:
        client.close()


def test_it_listens_on_a_private_socket_alone(tmp_path: Path) -> None:
    with server(tmp_path / 'a "quoted" folder \\ 100% é') as (valkey, _process), cache(valkey) as c:
        config = c.config_get("*")
        assert config["port"] == "0"
        assert config["maxmemory-policy"] == "noeviction"
        assert (config["appendonly"], config["appendfsync"]) == ("yes", "everysec")
        assert stat.S_IMODE(valkey.socket.stat().st_mode) == 0o700
        assert (valkey.home / "appendonlydir").is_dir()


def test_the_broker_and_the_cache_are_two_databases(tmp_path: Path) -> None:
    with server(tmp_path / "a b") as (valkey, _process), cache(valkey) as client:
        client.set("cached", "1")
        with Connection(valkey.broker_url) as broker:
            channel: Any = broker.default_channel
            channel.client.set("hint", "1")

        assert client.keys() == ["cached"]


def test_a_path_too_long_for_a_socket_gets_a_private_short_folder(tmp_path: Path) -> None:
    home = tmp_path / ("long " * 20)
    assert len(os.fsencode(home / SOCKET_NAME)) > UNIX_SOCKET_BYTES

    with server(home) as (valkey, _process), cache(valkey) as client:
        short = valkey.socket.parent
        assert client.ping() is True
        assert stat.S_IMODE(short.stat().st_mode) == 0o700
        again = EmbeddedValkey(home)
        again.prepare()
        assert again.socket == valkey.socket

    assert not short.exists()


def test_writes_survive_a_kill(tmp_path: Path) -> None:
    with server(tmp_path / "v") as (valkey, process), cache(valkey) as client:
        for number in range(1000):
            client.rpush("hints", number)
        process.send_signal(signal.SIGKILL)
        process.wait()
    valkey.socket.unlink()

    with server(tmp_path / "v") as (valkey, _process), cache(valkey) as client:
        assert client.llen("hints") == 1000
