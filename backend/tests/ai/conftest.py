"""The fake provider server, and a clean loop of provider calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
