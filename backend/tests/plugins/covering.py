"""Coverage is measured in the tests of the domains, whose code it is about.

Where lines are traced, every line of Python is slower, that of the libraries too. What a test of
the web or of the API happens to run of a domain proves little about it, and does not count: the
domains' own tests must run their lines and branches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

MEASURED = "backend/tests/business/"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """No tracing from before the set-up of any other test until after its tear-down."""
    tracing = getattr(item.config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    if tracing is None or item.nodeid.startswith(MEASURED):
        return (yield)
    tracing.pause()
    try:
        return (yield)
    finally:
        tracing.resume()
