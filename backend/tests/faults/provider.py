"""A provider that can be slow or down, and that counts what it was asked: the judge of repeats."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.fakes import ai_wire

if TYPE_CHECKING:
    from typing import Self

ROW = re.compile(r"Row (\d+)\.")
OK, SLOW, DOWN, RATE = "ok", "slow", "down", "rate"


class Provider:
    """OpenAI's wire on a loopback port; ``/<account>/…`` tells the accounts apart.

    :ivar mode: how it is: ``ok``, ``slow``, ``down`` (503) or ``rate`` (429).
    :ivar calls: how often each (account, row) was asked and not refused.
    """

    def __init__(self, *, latency_seconds: float = 0.12, slow_seconds: float = 1.0) -> None:
        self.latency_seconds, self.slow_seconds = latency_seconds, slow_seconds
        self.mode = OK
        self.calls: Counter[tuple[int, int]] = Counter()
        self.refused = 0
        self._lock = threading.Lock()
        owner = self

        class Handler(_Handler):
            provider = owner

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def calls_of(self, account_id: int) -> Counter[int]:
        """Answered calls of an account by row."""
        with self._lock:
            found = {row: n for (owner, row), n in self.calls.items() if owner == account_id}
        return Counter(found)

    def answer(self, account_id: int, body: dict[str, Any]) -> dict[str, Any] | None:
        """The answer after the provider's latency; None when it refuses."""
        mode = self.mode
        if mode in {DOWN, RATE}:
            with self._lock:
                self.refused += 1
            return None
        found = ROW.search(json.dumps(body))
        assert found is not None, body
        row = int(found[1])
        with self._lock:
            self.calls[account_id, row] += 1
        time.sleep(self.slow_seconds if mode == SLOW else self.latency_seconds)
        answer: dict[str, Any] = ai_wire.ANSWERS["openai"](body, f"Text of row {row}.", {}, None)
        return answer


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients are killed all the time."""


class _Handler(BaseHTTPRequestHandler):
    provider: Provider
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are written apart: no 40 ms in between

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        answer = self.provider.answer(int(self.path.split("/")[1]), body)
        fault = ai_wire.Fault.RATE_LIMIT if self.provider.mode == RATE else ai_wire.Fault.OVERLOADED
        status, error = ai_wire.error_body(fault, "openai")
        data = json.dumps(error if answer is None else answer).encode()
        with contextlib.suppress(OSError):  # whoever asked was killed
            self.send_response(status if answer is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            if answer is None and fault is ai_wire.Fault.RATE_LIMIT:
                self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        """The runner says what happened."""
