from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest
import structlog
from django.core.exceptions import ImproperlyConfigured

from igny8_core.common import tracing

REQUEST = "0af7651916cd43dd8448eb211c80319c"


def test_work_knows_the_request_that_asked_for_it() -> None:
    with structlog.contextvars.bound_contextvars(request_id=REQUEST):
        text = tracing.traceparent()

    assert tracing.TRACEPARENT.fullmatch(text)
    assert tracing.request_of(text) == REQUEST


@pytest.mark.parametrize("request_id", ["", "abc", REQUEST.upper(), REQUEST + "0"])
def test_without_a_request_there_is_no_trace(request_id: str) -> None:
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        assert tracing.traceparent() == ""


@pytest.mark.parametrize("text", ["", "00-xyz", f"01-{REQUEST}-00f067aa0ba902b7-01"])
def test_what_is_no_traceparent_names_nothing(text: str) -> None:
    assert tracing.request_of(text) == ""


def test_without_tracing_a_span_is_nothing() -> None:
    with tracing.span("x", link=f"00-{REQUEST}-00f067aa0ba902b7-01", item_id=1):
        pass


@pytest.mark.skipif(find_spec("opentelemetry.sdk") is not None, reason="the SDK is installed")
def test_tracing_without_its_packages_is_one_clear_line(settings: Any) -> None:
    settings.TRACING = True

    with (
        pytest.raises(ImproperlyConfigured, match="IGNY8_TRACING needs opentelemetry-sdk"),
        tracing.span("x"),
    ):
        pass
