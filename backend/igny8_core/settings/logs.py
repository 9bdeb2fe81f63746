"""Structured logs: one JSON object a line, with the ids that were bound at the edge."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict


SHARED: Final[list[structlog.typing.Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def json_lines() -> logging.Formatter:
    """How a line is written."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*SHARED, structlog.stdlib.ExtraAdder(), _paths_only],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )


def _paths_only(_logger: Any, _name: str, event: EventDict) -> EventDict:
    """A request is told by its path: what follows a question mark may hold a password.

    Django hands the request itself over with each 4xx and 5xx, and its text is the whole address.
    """
    request = event.get("request")
    if request is not None:
        path = getattr(request, "path", None)
        event["request"] = f"{request.method} {path}" if path else type(request).__name__
    return event


def configure_logs(*, level: str) -> None:
    """Send our events and the libraries' records to standard error, as JSON lines."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(json_lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "httpx2", "google_genai", "stripe"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
