"""Calls of one piece of work: the order of what happens around each, whatever is asked.

An answer that the row already has is reused. Else provider after provider: the worst case is
priced (an unknown price refuses), a key that is down is left alone, a permit is taken, the call
is journalled against the budget, made, and its answer committed at once. What may pass at once is
repeated, a bounded number of times; the next provider is asked where another one may help.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import stamina
import structlog

from igny8_core.ai import journal
from igny8_core.ai.breaker import check_circuit, watched
from igny8_core.ai.budgets import NO_BUDGET, Budget
from igny8_core.ai.errors import CapReached, ProviderError, ProviderInterrupted, WorkCancelled
from igny8_core.ai.permits import permit
from igny8_core.ai.ports import TextAnswer, never
from igny8_core.ai.pricing import cost_usd_micros
from igny8_core.common.failpoints import failpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from datetime import datetime

    from igny8_core.ai.asks import Ask, Most, TextAsk
    from igny8_core.ai.journal import Answered, Completion, Subject
    from igny8_core.ai.models import AiCall
    from igny8_core.ai.permits import Permit
    from igny8_core.ai.ports import ImageAnswer, Provider, TextProvider, Usage

log = structlog.get_logger(__name__)

SLOT_LEASE_SPARE_SECONDS = 30.0
TRIES_MAX = 3
"""Of one call at one provider: the first and two quick repeats of what may pass at once."""

RETRY_WAIT_SECONDS = 0.2
RETRY_WAIT_SECONDS_MAX = 2.0
CALLS_PER_WORK_MAX = 64

P = TypeVar("P", bound="Provider")
A = TypeVar("A", bound="TextAnswer | ImageAnswer")
R = TypeVar("R", bound="Answered")


@dataclass
class _Open:
    """A call that is under way."""

    row: AiCall
    permit: Permit
    most: Most


@dataclass
class _Progress:
    """Of a stream: once a piece was given, nothing is repeated."""

    has_begun: bool = False


@dataclass
class Calls:
    """The calls of one piece of work, and what they used together.

    :ivar usages: of every answer, in order; an answer from the journal with what it once took.
    :ivar wasted_usd_micros: what failed calls cost all the same, as far as it is known.
    """

    subject: Subject
    clock: Callable[[], datetime]
    budget: Budget = NO_BUDGET
    is_cancelled: Callable[[], bool] = never
    usages: list[Usage] = field(default_factory=list)
    wasted_usd_micros: int = 0

    def ask(self, ask: Ask[P, A, R], providers: Sequence[P]) -> R:
        """The answer, from the journal or from the first provider that gives one.

        :raises CapReached: the work has made its calls, or the call could cost too much.
        :raises WorkCancelled: nobody wants it any more.
        :raises ProviderError: what the last provider said.
        """
        answered = self._begin(ask, providers)
        if answered is None:
            answered = self._first(ask, providers)
        return self._end(answered)

    def stream(self, ask: TextAsk, providers: Sequence[TextProvider]) -> Generator[str, None, Any]:
        """The pieces of a written answer as they come; returns the :class:`Completion`.

        Nothing is asked again once a piece was given. Errors as in :meth:`ask`.
        """
        answered = self._begin(ask, providers)
        if answered is not None:
            yield answered.text
        else:
            answered = yield from self._first_stream(ask, providers)
        return self._end(answered)

    def stop_if_cancelled(self) -> None:
        """Between two calls.

        :raises WorkCancelled: nobody wants the work any more.
        """
        if self.is_cancelled():
            raise WorkCancelled("The work was cancelled.")

    def _begin(self, ask: Ask[P, A, R], providers: Sequence[P]) -> R | None:
        """The stored answer, if there is one."""
        self.stop_if_cancelled()
        if len(self.usages) >= CALLS_PER_WORK_MAX:
            raise CapReached("too many calls in one piece of work", limit=CALLS_PER_WORK_MAX)
        if not providers:
            raise ask.nobody()
        digests = [ask.digest(provider) for provider in providers]
        row = journal.stored(self.subject, digests, with_picture=ask.is_image)
        return None if row is None else ask.found(self.subject, row)

    def _end(self, answered: R) -> R:
        failpoint("ai.after_answer")
        self.usages.append(answered.usage)
        return answered

    def _first(self, ask: Ask[P, A, R], providers: Sequence[P]) -> R:
        for provider in providers[:-1]:
            try:
                return self._repeat(ask, provider)
            except ProviderError as exc:
                if not exc.tries_next_provider:
                    raise
                log.warning("ai.call.next_provider", provider=provider.name, code=exc.code)
        return self._repeat(ask, providers[-1])

    def _repeat(self, ask: Ask[P, A, R], provider: P) -> R:
        for attempt in _attempts(ask.timeout_seconds, _is_worth_repeating):
            with attempt, self._opened(ask, provider) as call:
                with self._watched(ask, provider, call):
                    answer = ask.call(provider, self.is_cancelled)
                return self._keep(ask, provider, call, answer)
        raise AssertionError("the last try returns or raises")

    def _first_stream(
        self, ask: TextAsk, providers: Sequence[TextProvider]
    ) -> Generator[str, None, Completion]:
        progress = _Progress()
        for provider in providers[:-1]:
            try:
                return (yield from self._repeat_stream(ask, provider, progress))
            except ProviderError as exc:
                if progress.has_begun or not exc.tries_next_provider:
                    raise
                log.warning("ai.call.next_provider", provider=provider.name, code=exc.code)
        return (yield from self._repeat_stream(ask, providers[-1], progress))

    def _repeat_stream(
        self, ask: TextAsk, provider: TextProvider, progress: _Progress
    ) -> Generator[str, None, Completion]:
        def may_repeat(error: Exception) -> bool:
            return not progress.has_begun and _is_worth_repeating(error)

        for attempt in _attempts(ask.timeout_seconds, may_repeat):
            with attempt, self._opened(ask, provider) as call:
                answer = None
                with self._watched(ask, provider, call):
                    for piece in ask.open_stream(provider, self.is_cancelled):
                        if isinstance(piece, TextAnswer):
                            answer = piece
                        else:
                            progress.has_begun = True
                            yield piece
                    if answer is None:
                        raise ProviderInterrupted(f"{provider.name} did not end its answer.")
                return self._keep(ask, provider, call, answer)
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def _opened(self, ask: Ask[P, A, R], provider: P) -> Iterator[_Open]:
        """Everything that comes before a call: it is permitted, and journalled."""
        most = ask.most(provider, now=self.clock())
        self.stop_if_cancelled()
        check_circuit(provider)
        with permit(
            provider,
            account_id=self.subject.account.pk,
            estimated_tokens=most.tokens,
            lease_seconds=ask.timeout_seconds + SLOT_LEASE_SPARE_SECONDS,
            is_cancelled=self.is_cancelled,
        ) as opened:
            row = journal.begin(
                self.subject,
                provider,
                prompt=ask.prompt.reference,
                request_hash=ask.digest(provider),
                most_usd_micros=most.usd_micros,
                budget=self.budget,
                now=self.clock(),
            )
            failpoint("ai.before_call")
            yield _Open(row, opened, most)

    @contextmanager
    def _watched(self, ask: Ask[P, A, R], provider: P, call: _Open) -> Iterator[None]:
        """The call itself: a failed one is closed in the journal, and counts for the circuit."""
        try:
            with watched(provider):
                yield
        except GeneratorExit:  # whoever read the stream has gone
            gone = WorkCancelled("Whoever read the answer went before its end.")
            journal.fail(self.subject, call.row, gone, cost_usd_micros=0, now=self.clock())
            raise
        except Exception as exc:
            self._fail(ask, provider, call.row, exc)
            raise

    def _keep(self, ask: Ask[P, A, R], provider: P, call: _Open, answer: A) -> R:
        failpoint("ai.after_call")
        used = answer.prompt_tokens + answer.completion_tokens
        cost = call.most.usd_micros  # of an answer that does not say what it took
        if used:
            call.permit.used_tokens = used
            cost = self._cost(ask, provider, answer)
        return ask.keep(
            self.subject, call.row, answer, provider, cost_usd_micros=cost, now=self.clock()
        )

    def _fail(self, ask: Ask[P, A, R], provider: P, row: AiCall, error: Exception) -> None:
        cost = 0
        if isinstance(error, ProviderError) and error.prompt_tokens + error.completion_tokens:
            cost = self._cost(ask, provider, error)
        self.wasted_usd_micros += cost
        journal.fail(self.subject, row, error, cost_usd_micros=cost, now=self.clock())

    def _cost(self, ask: Ask[P, A, R], provider: P, used: A | ProviderError) -> int:
        return cost_usd_micros(
            provider,
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            is_image=ask.is_image,
            now=self.clock(),
        )


def _attempts(timeout_seconds: float, on: Callable[[Exception], bool]) -> Any:
    return stamina.retry_context(
        on=on,
        attempts=TRIES_MAX,
        timeout=timeout_seconds,
        wait_initial=RETRY_WAIT_SECONDS,
        wait_max=RETRY_WAIT_SECONDS_MAX,
        wait_jitter=RETRY_WAIT_SECONDS,
    )


def _is_worth_repeating(error: Exception) -> bool:
    return isinstance(error, ProviderError) and error.is_worth_repeating
