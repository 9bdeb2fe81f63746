"""Coverage is not measured where tests prove nothing about the lines of a domain.

Where lines are traced, every line of Python is slower, that of the libraries too. What walks every
address, drives a browser or a real WordPress, or breaks processes runs much of the domains on the
way; their own tests, and those of API and web, must do so for coverage to count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

LEFT_OUT = tuple(
    f"backend/tests/{folder}/"
    for folder in ("browser", "cli", "clients", "engines", "faults", "routes", "wordpress")
)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """No tracing from before the set-up of such a test until after its tear-down."""
    tracing = getattr(item.config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    if tracing is None or not item.nodeid.startswith(LEFT_OUT):
        return (yield)
    tracing.pause()
    try:
        return (yield)
    finally:
        tracing.resume()
