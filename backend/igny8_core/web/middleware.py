"""Around every request: an id, and one log line when it is answered."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import structlog

from igny8_core.common import tracing
from igny8_core.common.counters import COUNTERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

AREAS = ("/api/", "/ops/", "/static/", "/healthz", "/readyz", "/metrics")
"""Addresses whose times are counted apart."""

log = structlog.get_logger(__name__)


class RequestLogMiddleware:
    """Bind a request id for the logs, and send it back in ``X-Request-ID``."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        began = time.monotonic()
        with tracing.span(f"{request.method} {request.path}"):
            response = self.get_response(request)
        response.headers["X-Request-ID"] = request_id
        seconds = time.monotonic() - began
        family = f"{response.status_code // 100}xx"
        area = request.path.split("/", 2)[1] if request.path.startswith(AREAS) else "web"
        COUNTERS.observe("igny8_http_request_seconds", seconds, area=area, status=family)
        log.info(
            "web.request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            seconds=round(seconds, 4),
        )
        return response
