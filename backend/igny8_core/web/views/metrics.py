"""Figures for Prometheus, for whoever holds the token."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from igny8_core.business.automation.services.metrics import engine_figures
from igny8_core.common.counters import BOUNDS, COUNTERS
from igny8_core.web.live import OPEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.http import HttpRequest

    from igny8_core.common.counters import Labels

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SCHEME = "Bearer "


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The engine's figures and this process's own, as Prometheus reads them.

    404 unless ``IGNY8_METRICS_TOKEN`` is set; 401 without it in ``Authorization: Bearer``.
    """
    token = settings.METRICS_TOKEN
    if not token:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"{SCHEME}{token}".encode()):
        answer = HttpResponse("a token is needed\n", status=401, content_type="text/plain")
        answer.headers["WWW-Authenticate"] = SCHEME.strip()
        return answer
    return HttpResponse("\n".join([*_engine(), *_process(), ""]), content_type=CONTENT_TYPE)


def _engine() -> Iterator[str]:
    try:
        figures = sorted(engine_figures(), key=lambda figure: figure.name)
    except DatabaseError:
        yield from _head("igny8_up", "Whether the database answers.", "gauge")
        yield "igny8_up 0"
        return
    yield from _head("igny8_up", "Whether the database answers.", "gauge")
    yield "igny8_up 1"
    seen = ""
    for figure in figures:
        if figure.name != seen:
            seen = figure.name
            yield from _head(figure.name, figure.meaning, "gauge")
        yield f"{figure.name}{_labels(figure.labels)} {figure.value:g}"


def _process() -> Iterator[str]:
    """Requests and streams of the process that answers."""
    yield from _head("igny8_event_streams", "Open streams of this process.", "gauge")
    yield f"igny8_event_streams {OPEN.total()}"
    for name, series in sorted(COUNTERS.counts().items()):
        yield from _head(name, "Of this process, since it began.", "counter")
        for labels, count in sorted(series.items()):
            yield f"{name}{_labels(labels)} {count}"
    for name, histogram in sorted(COUNTERS.histograms().items()):
        yield from _head(name, "Of this process, since it began.", "histogram")
        for labels, (buckets, total) in sorted(histogram.items()):
            yield from _histogram(name, labels, buckets, total)


def _histogram(name: str, labels: Labels, buckets: list[int], total: float) -> Iterator[str]:
    below = 0
    for bound, count in zip((*BOUNDS, float("inf")), buckets, strict=True):
        below += count
        edge = "+Inf" if bound == float("inf") else f"{bound:g}"
        yield f"{name}_bucket{_labels([*labels, ('le', edge)])} {below}"
    yield f"{name}_sum{_labels(labels)} {total:.6g}"
    yield f"{name}_count{_labels(labels)} {below}"


def _head(name: str, meaning: str, kind: str) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]


def _labels(labels: Iterable[tuple[str, str]]) -> str:
    escaped = [
        (name, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n"))
        for name, value in labels
    ]
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}" if escaped else ""
