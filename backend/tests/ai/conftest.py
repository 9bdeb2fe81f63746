"""The fake provider server, and a clean loop of provider calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import stamina

from igny8_core.ai.providers import http
from tests.fakes.ai_server import AiServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[AiServer]:
    """A fresh server; connections to it are closed before it stops."""
    with AiServer() as running:
        yield running
        http.shut_down()


@pytest.fixture(autouse=True)
def _quick_repeats() -> Iterator[None]:
    """Repeats happen as often as in life, without the waiting."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield
