"""Ready means that it answers."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from igny8_core.engines.ports import take_port
from igny8_core.engines.probes import ChildLog, called, http_answers, logged
from tests.fakes.loopback import QuietHandler, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from igny8_core.engines.probes import Probe


@contextmanager
def server(status: int) -> Iterator[int]:
    class Handler(QuietHandler):
        def answer(self) -> None:
            self.reply(status)

    with serving(Handler) as url:
        yield int(url.rpartition(":")[2])


def is_ready(probe: Probe, folder: Path) -> bool:
    return asyncio.run(probe(ChildLog(folder / "child.log")))


@pytest.mark.parametrize(("status", "expected"), [(200, True), (400, True), (503, False)])
def test_a_server_that_answers_is_ready_unless_it_says_it_is_not(
    tmp_path: Path,
    status: int,
    expected: bool,  # noqa: FBT001 - a table of cases
) -> None:
    with server(status) as port:
        assert is_ready(http_answers(port, "/healthz"), tmp_path) is expected


def test_nobody_there_is_not_ready(tmp_path: Path) -> None:
    port = take_port(0, option="--port")

    assert is_ready(http_answers(port, "/healthz"), tmp_path) is False
    assert is_ready(called(lambda: False), tmp_path) is False


def test_only_the_log_of_this_start_counts(tmp_path: Path) -> None:
    path = tmp_path / "child.log"
    path.write_text("worker-1@host ready.\n")
    log = ChildLog(path)
    probe = logged(r"worker-1@\S+ ready\.")
    assert asyncio.run(probe(log)) is True

    log.mark()
    assert asyncio.run(probe(log)) is False

    with path.open("a") as writer:
        writer.write("booting\nworker-1@host ready.\n")
    assert asyncio.run(probe(log)) is True
    assert log.last_lines(1) == ["worker-1@host ready."]
