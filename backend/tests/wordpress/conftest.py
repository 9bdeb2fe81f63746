"""One real WordPress for the tests of a run that need it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes import faulty_http
from tests.wordpress.server import RealWordPress, missing_packages, throwaway

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def booted() -> Iterator[RealWordPress]:
    """The server; it is made when the first test asks for it."""
    if missing := missing_packages():
        text = f"no real WordPress: missing Debian packages {' '.join(missing)}"
        if os.environ.get("IGNY8_REQUIRE_WORDPRESS"):
            pytest.fail(text)
        pytest.skip(text)
    made = throwaway()
    yield made
    made.stop()


@pytest.fixture
def wordpress(booted: RealWordPress, settings: Any) -> Iterator[RealWordPress]:
    """The server, well and without the companion; our client notes what it asks there."""
    settings.SITE_PRIVATE_ADDRESSES = True
    settings.SITE_HTTP_CLIENT = "tests.fakes.faulty_http.FaultyClient"
    faulty_http.reset()
    booted.switch()
    yield booted
    booted.switch()
    booted.show_seo_plugin()
    faulty_http.reset()


@pytest.fixture(params=["core", "companion"])
def either_way(request: pytest.FixtureRequest, wordpress: RealWordPress) -> Iterator[RealWordPress]:
    """The server without and with the companion plugin."""
    wordpress.use_plugin(is_active=request.param == "companion")
    yield wordpress
    wordpress.use_plugin(is_active=False)
