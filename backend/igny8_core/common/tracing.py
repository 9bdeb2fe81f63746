"""Who asked for a piece of work, from the request to the worker; and OpenTelemetry, if wanted.

A work item carries a W3C ``traceparent``. Its trace id is that of the trace under way, or else
the id of the request, so the logs of a worker name the request whose work they do. With
``IGNY8_TRACING`` spans are exported too: the API is OpenTelemetry's, the SDK and an OTLP exporter
are the operator's to install, and read their own ``OTEL_*`` variables.
"""

from __future__ import annotations

import re
import secrets
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
TRACE_ID = re.compile(r"[0-9a-f]{32}")
NAME = "igny8"


def traceparent() -> str:
    """Of the trace or the request under way; empty when there is neither."""
    if settings.TRACING:
        context = _api().get_current_span().get_span_context()
        if context.is_valid:
            return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    if TRACE_ID.fullmatch(request_id):
        return f"00-{request_id}-{secrets.token_hex(8)}-00"
    return ""


def request_of(text: str) -> str:
    """The trace or request that a ``traceparent`` comes from; empty when it is none."""
    found = TRACEPARENT.fullmatch(text)
    return found[1] if found else ""


@contextmanager
def span(name: str, *, link: str = "", **attributes: str | int) -> Iterator[None]:
    """A span around the block, linked to the one that asked for the work. Nothing without tracing.

    :param link: a ``traceparent``; the work may begin long after the span that asked has ended.
    """
    if not settings.TRACING:
        yield
        return
    links = [_link(link)] if TRACEPARENT.fullmatch(link) else []
    marks = {f"igny8.{key}": value for key, value in attributes.items()}
    with _tracer().start_as_current_span(name, links=links, attributes=marks):
        yield


def _api() -> Any:
    return import_module("opentelemetry.trace")


def _link(text: str) -> Any:
    api, found = _api(), TRACEPARENT.fullmatch(text)
    assert found is not None  # noqa: S101 - the caller has looked
    context = api.SpanContext(trace_id=int(found[1], 16), span_id=int(found[2], 16), is_remote=True)
    return api.Link(context)


@cache
def _tracer() -> Any:
    """Made once a process, with its first span: after every fork.

    :raises ImproperlyConfigured: what tracing needs is not installed.
    """
    try:
        sdk = import_module("opentelemetry.sdk.trace")
        batches = import_module("opentelemetry.sdk.trace.export")
        otlp = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ModuleNotFoundError as exc:
        raise ImproperlyConfigured(
            "IGNY8_TRACING needs opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http: "
            f"{exc.name} is not installed"
        ) from exc
    provider = sdk.TracerProvider()
    provider.add_span_processor(batches.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    _api().set_tracer_provider(provider)
    return provider.get_tracer(NAME)
