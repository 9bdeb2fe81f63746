"""A loopback server with the wire formats of OpenAI, Anthropic and Google, and fault switches.

The providers reach it through their real SDKs. Each request takes the next scripted step; without
one it is answered with :attr:`AiServer.text`.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from igny8_core.ai.providers.http import RESPONSE_BYTES_MAX

if TYPE_CHECKING:
    from types import TracebackType


class Fault(Enum):
    """What goes wrong with one request."""

    RATE_LIMIT = "rate_limit"
    RATE_LIMIT_SILENT = "rate_limit_silent"  # a 429 that does not say for how long
    SERVER_ERROR = "server_error"
    OVERLOADED = "overloaded"
    SLOW = "slow"
    CUT = "cut"
    MALFORMED = "malformed"
    WRONG_SCHEMA = "wrong_schema"
    REFUSAL = "refusal"
    CONTENT_FILTER = "content_filter"
    HUGE = "huge"
    EMPTY = "empty"
    LENGTH = "length"
    KEY_REFUSED = "key_refused"
    QUOTA_SPENT = "quota_spent"
    MODEL_UNKNOWN = "model_unknown"
    CONTEXT_TOO_LONG = "context_too_long"


RETRY_AFTER_SECONDS = 7
SLOW_SECONDS = 1.5

# Status, OpenAI's code, Anthropic's type, message.
_ERRORS = {
    Fault.RATE_LIMIT: (429, "rate_limit_exceeded", "rate_limit_error", "Slow down."),
    Fault.RATE_LIMIT_SILENT: (429, "rate_limit_exceeded", "rate_limit_error", "Slow down."),
    Fault.SERVER_ERROR: (500, "server_error", "api_error", "Something broke here."),
    Fault.OVERLOADED: (503, "server_is_overloaded", "overloaded_error", "Too busy."),
    Fault.KEY_REFUSED: (401, "invalid_api_key", "authentication_error", "Bad key sk-abcdef123456."),
    Fault.QUOTA_SPENT: (429, "insufficient_quota", "billing_error", "No credit left."),
    Fault.MODEL_UNKNOWN: (404, "model_not_found", "not_found_error", "No such model."),
    Fault.CONTEXT_TOO_LONG: (
        400,
        "context_length_exceeded",
        "invalid_request_error",
        "prompt is too long: 9000 tokens > 8000 maximum",
    ),
}
_ANTHROPIC_STATUS = {Fault.QUOTA_SPENT: 402, Fault.OVERLOADED: 529}


@dataclass
class Request:
    """What a client sent; names of headers in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class AiServer:
    """The server; use it as a context manager.

    :ivar text: the answer to plain questions.
    :ivar structured: the answer to questions with a JSON schema.
    """

    text: str = "A sofa is a seat for two or more."
    structured: dict[str, Any] = field(default_factory=lambda: {"title": "Sofas", "words": 3})
    requests: list[Request] = field(default_factory=list)
    _script: deque[Fault | str] = field(default_factory=deque)
    _server: ThreadingHTTPServer | None = None

    def will(self, *steps: Fault | str) -> None:
        """The next requests meet these faults, or get these texts."""
        self._script.extend(steps)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> AiServer:
        owner = self

        class Handler(_Handler):
            server_owner = owner

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def next_step(self) -> Fault | str | None:
        return self._script.popleft() if self._script else None


class _Handler(BaseHTTPRequestHandler):
    server_owner: AiServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length) or b"{}")
        owner = self.server_owner
        headers = {name.lower(): value for name, value in self.headers.items()}
        owner.requests.append(Request(self.path, headers, body))
        step = owner.next_step()
        dialect = _dialect(self.path)
        if step in _ERRORS:
            self._error(step, dialect)
        elif step is Fault.CUT:
            self._cut()
        elif step is Fault.MALFORMED:
            self._send(200, b'{"id": "x", "choices": [{"index": 0, "mess')
        elif step is Fault.HUGE:
            self._send(200, b" " * (RESPONSE_BYTES_MAX + 1))
        else:
            if step is Fault.SLOW:
                time.sleep(SLOW_SECONDS)
            text = step if isinstance(step, str) else None
            fault = step if isinstance(step, Fault) else None
            answer = _ANSWERS[dialect](owner, body, text, fault)
            self._send(200, json.dumps(answer).encode())

    def _error(self, fault: Fault, dialect: str) -> None:
        status, code, kind, message = _ERRORS[fault]
        headers = {}
        if fault is Fault.RATE_LIMIT:
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        error: dict[str, Any]
        if dialect == "openai":
            error = {"error": {"message": message, "type": code, "param": None, "code": code}}
        elif dialect == "anthropic":
            status = _ANTHROPIC_STATUS.get(fault, status)
            error = {"type": "error", "error": {"type": kind, "message": message}}
        else:
            error = {"error": {"code": status, "message": message, "status": "UNKNOWN"}}
        self._send(status, json.dumps(error).encode(), headers)

    def _cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b'{"id": ')
        self.close_connection = True

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:  # a client that has read enough
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Tests say what happened."""


def _dialect(path: str) -> str:
    if path.endswith("/chat/completions"):
        return "openai"
    return "anthropic" if path.endswith("/messages") else "google"


def _text(owner: AiServer, text: str | None, fault: Fault | None, *, is_structured: bool) -> str:
    if fault is Fault.EMPTY:
        return ""
    if fault is Fault.WRONG_SCHEMA:
        return json.dumps({"headline": "not asked for"})
    if text is not None:
        return text
    return json.dumps(owner.structured) if is_structured else owner.text


def _openai(
    owner: AiServer, body: dict[str, Any], text: str | None, fault: Fault | None
) -> dict[str, Any]:
    said = _text(owner, text, fault, is_structured="response_format" in body)
    message: dict[str, Any] = {"role": "assistant", "content": said}
    reasons: dict[Fault | None, str] = {
        Fault.LENGTH: "length",
        Fault.CONTENT_FILTER: "content_filter",
    }
    reason = reasons.get(fault, "stop")
    if fault is Fault.REFUSAL:
        message |= {"content": None, "refusal": "I cannot help with that."}
    if fault is Fault.CONTENT_FILTER:
        message["content"] = ""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 40, "completion_tokens": 12, "total_tokens": 52},
    }


def _anthropic(
    owner: AiServer, body: dict[str, Any], text: str | None, fault: Fault | None
) -> dict[str, Any]:
    tools = body.get("tools") or []
    content: list[dict[str, Any]]
    if tools:
        given = json.loads(_text(owner, text, fault, is_structured=True))
        content = [{"type": "tool_use", "id": "tool-1", "name": tools[0]["name"], "input": given}]
    else:
        is_structured = "output_config" in body or "output_format" in body
        said = _text(owner, text, fault, is_structured=is_structured)
        content = [{"type": "text", "text": said}] if said else []
    reason = "tool_use" if tools else "end_turn"
    if fault is Fault.LENGTH:
        reason = "max_tokens"
    if fault in {Fault.REFUSAL, Fault.CONTENT_FILTER}:
        content, reason = [], "refusal"
    return {
        "id": "msg-1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 40, "output_tokens": 12},
    }


def _google(
    owner: AiServer, body: dict[str, Any], text: str | None, fault: Fault | None
) -> dict[str, Any]:
    is_structured = "responseMimeType" in body.get("generationConfig", {})
    said = _text(owner, text, fault, is_structured=is_structured)
    reason = {Fault.LENGTH: "MAX_TOKENS", Fault.CONTENT_FILTER: "SAFETY", Fault.REFUSAL: "SAFETY"}
    parts = [] if fault in {Fault.CONTENT_FILTER, Fault.REFUSAL} else [{"text": said}]
    return {
        "candidates": [
            {
                "content": {"role": "model", "parts": parts},
                "finishReason": reason.get(fault, "STOP") if fault else "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 40,
            "candidatesTokenCount": 12,
            "totalTokenCount": 52,
        },
        "responseId": "resp-1",
        "modelVersion": "gemini-2.5-flash",
    }


_ANSWERS = {"openai": _openai, "anthropic": _anthropic, "google": _google}
