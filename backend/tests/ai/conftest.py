"""The fake provider server, and a clean loop of provider calls."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest
import stamina

from igny8_core.ai.providers import http
from igny8_core.ai.providers.fake import FakeProvider
from igny8_core.engines.valkey import EmbeddedValkey
from tests import make
from tests.ai.credits import FakeCredits
from tests.ai.jobs import Job
from tests.fakes.ai_server import AiServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[AiServer]:
    """A fresh server; connections to it are closed before it stops."""
    with AiServer() as running:
        yield running
        http.shut_down()


@pytest.fixture
def job(db: None) -> Job:
    """Paid work that a provider of the tests' own does."""
    return Job(account=make.account(), credits=FakeCredits(), providers=[FakeProvider()])


@pytest.fixture(autouse=True)
def _quick_repeats() -> Iterator[None]:
    """Repeats happen as often as in life, without the waiting."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Valkey."""
    home: Path = tmp_path_factory.mktemp("valkey")
    engine = EmbeddedValkey(home)
    engine.prepare()
    process = subprocess.Popen(engine.command(), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not engine.socket.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield engine.cache_url
    process.terminate()
    process.wait(20)
    engine.remove_socket_folder()
