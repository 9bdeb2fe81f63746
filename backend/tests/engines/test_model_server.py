"""The real demo model: started, asked through the real provider, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from igny8_core.ai.ports import TextRequest
from igny8_core.ai.providers import http
from igny8_core.ai.providers.openai_compatible import local_provider
from igny8_core.engines import model_server
from igny8_core.engines.model_server import ModelServerError, check_address, find_weights

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODULE = "igny8_core.engines.model_server"
START_SECONDS = 60


@pytest.fixture
def model_url() -> Iterator[str]:
    """A running server, stopped by SIGTERM."""
    command = [sys.executable, "-m", MODULE, "--port", "0", "--slots", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("model server: smollm2-135m-instruct on http://127.0.0.1:")
    yield line.rsplit(maxsplit=1)[-1]
    http.shut_down()
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert time.monotonic() - began < 5
    process.stdout.close()


@pytest.mark.processes
def test_the_built_in_model_answers(model_url: str) -> None:
    answer = local_provider(model_url).generate(
        TextRequest(
            prompt="test/v1",
            system="You answer readers' questions in plain, factual sentences.",
            user="What should I know when I look for a small grey sofa?",
            max_tokens=32,
            timeout_seconds=90,
            temperature=0.0,
        )
    )

    assert len(answer.text.split()) > 10
    assert 20 < answer.prompt_tokens < 100
    assert 16 <= answer.completion_tokens <= 32


def test_the_weights_are_found_without_importing_their_package() -> None:
    weights = find_weights()

    assert weights.suffix == ".gguf"
    assert weights.parent.name == model_server.WEIGHTS_PACKAGE
    assert model_server.WEIGHTS_PACKAGE not in sys.modules


@pytest.mark.parametrize("package", ["no_such_package", "json"])
def test_absent_weights_are_one_clear_line(package: str) -> None:
    with pytest.raises(ModelServerError, match=r"^model server: no weights: install "):
        find_weights(package)


def test_a_weights_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelServerError, match="no weights at"):
        model_server.main(["--port", "0", "--weights", str(tmp_path / "none.gguf")])


@pytest.mark.parametrize("host", ["10.1.2.3", "192.168.1.5", "example.com"])
def test_only_this_machine_may_ask(host: str) -> None:
    with pytest.raises(ModelServerError, match="not a loopback address"):
        check_address(host, 0)


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ModelServerError, match=f"cannot listen on 127.0.0.1:{port}"):
            check_address("127.0.0.1", port)


def test_the_model_leaves_cores_to_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    for cores in (1, 2, 4, 64, None):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        threads.append(model_server.default_threads())

    assert threads == [1, 1, 2, 4, 1]
