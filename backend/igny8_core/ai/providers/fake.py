"""Providers for tests: scripted answers, latency, failures, and a record of what was asked."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from igny8_core.ai.errors import AnswerMalformed, WorkCancelled
from igny8_core.ai.ports import FREE, NO_LIMITS, Capabilities, ImageAnswer, RateLimits, TextAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import BaseModel

    from igny8_core.ai.ports import ImageRequest, TextRequest

_keys = itertools.count(1)
"""Each fake has a key of its own: limits and circuits of one test are not those of another."""


class FakeProvider:
    """Gives the scripted answers in order, then ``default``.

    :param script: texts, typed answers, whole :class:`TextAnswer` rows, or errors to raise.
    :ivar requests: every request, in order.
    """

    def __init__(
        self,
        script: Iterable[str | BaseModel | TextAnswer | BaseException] = (),
        *,
        default: str | BaseModel = "A sentence.",
        name: str = "fake",
        model: str = "fake-1",
        latency_seconds: float = 0.0,
        capabilities: Capabilities | None = None,
        limits: RateLimits | None = None,
    ) -> None:
        self.name, self.model, self.api_url = name, model, ""
        self.key_fingerprint = f"{name}-key-{next(_keys)}"
        self.capabilities = capabilities or FREE
        self.limits = limits or NO_LIMITS
        self.requests: list[TextRequest] = []
        self._script = deque(script)
        self._default = default
        self._latency_seconds = latency_seconds
        self._lock = threading.Lock()

    def generate(self, request: TextRequest) -> TextAnswer:
        """The next scripted answer."""
        with self._lock:
            self.requests.append(request)
            step = self._script.popleft() if self._script else self._default
        time.sleep(self._latency_seconds)
        if request.is_cancelled():
            raise WorkCancelled("cancelled while the fake was asked")
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, TextAnswer):
            return step
        text = step if isinstance(step, str) else step.model_dump_json()
        parsed = None if isinstance(step, str) else step
        if request.output is not None and parsed is None:
            try:
                parsed = request.output.model_validate_json(text)
            except ValueError as exc:
                raise AnswerMalformed("The answer is not of the form that was asked for.") from exc
        tokens = len(text.split())
        return TextAnswer(text=text, parsed=parsed, prompt_tokens=10, completion_tokens=tokens)

    def stream(self, request: TextRequest) -> Iterator[str | TextAnswer]:
        """The next scripted answer, word by word."""
        answer = self.generate(request)
        for word in answer.text.split():
            yield f"{word} "
        yield answer


class FakeImageProvider:
    """Gives the scripted pictures in order, then ``default``.

    :param script: pictures, or errors to raise.
    """

    def __init__(
        self,
        script: Iterable[ImageAnswer | BaseException] = (),
        *,
        default: ImageAnswer,
        name: str = "fake",
        model: str = "fake-image-1",
        capabilities: Capabilities | None = None,
        limits: RateLimits | None = None,
    ) -> None:
        self.name, self.model, self.api_url = name, model, ""
        self.key_fingerprint = f"{name}-key-{next(_keys)}"
        self.capabilities = capabilities or FREE
        self.limits = limits or NO_LIMITS
        self.requests: list[ImageRequest] = []
        self._script = deque(script)
        self._default = default

    def generate(self, request: ImageRequest) -> ImageAnswer:
        """The next scripted picture."""
        self.requests.append(request)
        step = self._script.popleft() if self._script else self._default
        if isinstance(step, BaseException):
            raise step
        return step
