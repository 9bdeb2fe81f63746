"""A loopback server with the wire formats of OpenAI, Anthropic and Google, and fault switches.

The providers reach it through their real SDKs: text, typed answers, pictures and streams. Each
request takes the next scripted step; without one it is answered with :attr:`AiServer.text`.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from igny8_core.ai.providers.http import RESPONSE_BYTES_MAX
from tests.fakes import ai_wire
from tests.fakes.ai_wire import Fault

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["RETRY_AFTER_SECONDS", "AiServer", "Fault", "Request"]

RETRY_AFTER_SECONDS = 7
SLOW_SECONDS = 5.0
CUT_AFTER = 4
"""Events of a stream that breaks off: some words have gone over the wire."""


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
    :ivar pauses: a stream waits for each of these after its first word.
    :ivar broken_off: streams whose client went before their end.
    """

    text: str = "A sofa is a seat for two or more."
    structured: dict[str, Any] = field(default_factory=lambda: {"title": "Sofas", "words": 3})
    requests: list[Request] = field(default_factory=list)
    pauses: deque[threading.Event] = field(default_factory=deque)
    broken_off: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    _script: deque[Fault | str] = field(default_factory=deque)
    _server: ThreadingHTTPServer | None = None

    def will(self, *steps: Fault | str) -> None:
        """The next requests meet these faults, or get these texts."""
        self._script.extend(steps)

    def will_first(self, *steps: Fault | str) -> None:
        """The very next requests meet these, before all others."""
        self._script.extendleft(reversed(steps))

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
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def next_step(self) -> Fault | str | None:
        return self._script.popleft() if self._script else None


class _Handler(BaseHTTPRequestHandler):
    server_owner: AiServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are written apart: no 40 ms in between

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = json.loads(self.rfile.read(length) or b"{}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server_owner.requests.append(Request(self.path, headers, body))
        step = self.server_owner.next_step()
        with contextlib.suppress(OSError):  # a client that has heard enough
            self._answer(step if isinstance(step, Fault) else None, step, body)
            return
        self.close_connection = True

    def _answer(self, fault: Fault | None, step: Fault | str | None, body: dict[str, Any]) -> None:
        owner, dialect = self.server_owner, ai_wire.dialect_of(self.path)
        text = step if isinstance(step, str) else owner.text
        is_blocked = dialect == "images" and fault in {Fault.REFUSAL, Fault.CONTENT_FILTER}
        if fault is Fault.SLOW:
            owner.stopped.wait(SLOW_SECONDS)
        if fault in ai_wire.ERRORS or (fault is not None and is_blocked):
            self._error(fault, dialect)
        elif ai_wire.is_stream(self.path, body):
            self._stream(fault, dialect, body, text)
        elif fault is Fault.CUT:
            self._cut()
        elif fault is Fault.MALFORMED:
            self._send(200, b'{"id": "x", "choices": [{"index": 0, "mess')
        elif fault is Fault.HUGE:
            self._send(200, b" " * (RESPONSE_BYTES_MAX + 1))
        else:
            structured = json.loads(text) if text.startswith("{") else owner.structured
            answer = ai_wire.ANSWERS[dialect](body, text, structured, fault)
            self._send(200, json.dumps(answer).encode())

    def _error(self, fault: Fault, dialect: str) -> None:
        status, error = ai_wire.error_body(fault, dialect)
        headers = {}
        if fault is Fault.RATE_LIMIT:
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        self._send(status, json.dumps(error).encode(), headers)

    def _stream(self, fault: Fault | None, dialect: str, body: dict[str, Any], text: str) -> None:
        """Server-sent events in chunks; the last, empty chunk is the end of the body."""
        owner = self.server_owner
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        words = [f"{word} " for word in text.split()] if fault is not Fault.EMPTY else []
        try:
            for sent, event in enumerate(ai_wire.EVENTS[dialect](body, words, fault)):
                if sent == CUT_AFTER and self._breaks_off(fault):
                    return
                if sent == CUT_AFTER and owner.pauses:
                    owner.pauses.popleft().wait(SLOW_SECONDS)
                self._chunk(event)
        except OSError:
            owner.broken_off.set()
            raise
        self._chunk(b"")

    def _breaks_off(self, fault: Fault | None) -> bool:
        """Whether the stream ends here, and how."""
        if fault is Fault.CUT:
            self.close_connection = True
            return True
        if fault is Fault.CUT_CLEAN:
            self._chunk(b"")
            return True
        if fault is Fault.STALL:
            self.server_owner.stopped.wait(SLOW_SECONDS)
        elif fault is Fault.MALFORMED:
            self._chunk(b'event: content_block_delta\ndata: {"id": "x", "choi\n\n')
        elif fault is Fault.HUGE:
            self._chunk(b": " + b"x" * (RESPONSE_BYTES_MAX + 1) + b"\n\n")
        return False

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

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
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """Tests say what happened."""
