"""The one door to every model.

``run`` is one piece of paid work: **reserve, work, save and capture**. Inside, the caller's
``work`` makes any number of calls through the :class:`Session` it is given (all sections of an
article under one reservation)::

    def work(session: Session) -> list[Completion]:
        prompt = prompts.load("content_section")
        return [session.complete_text(prompt.render(**section)) for section in sections]

    def save(answers: list[Completion], finish: Finish) -> Content:
        with tenant(account.pk, durable=True):      # the caller's one settle transaction
            fence()                                 # first: is this attempt still the owner?
            content = store(answers)
            finish(quantities={"per_words": content.word_count})  # last: capture
        return content

    engine.run(account=account, credits=AccountCredits(account), operation="content",
               quantities={"per_words": 1200}, idempotency_key=f"content:{writing_task_id}",
               related_type="writing_task", related_id=writing_task_id, lease_token=token,
               providers=registry.text_providers(account), work=work, save=save, clock=clock)

Order of work in a call: an answer that this row already has is reused; the worst case is priced
(an unknown price refuses); a permit is taken; the call is journalled, made, and its answer
committed at once; only then may anything be stored. A failed call costs nothing: the owner of the
attempt gives the reservation back. A crash between answer and save pays the provider once and the
account once. No call can be made inside a transaction.

``complete_text`` is one call without credits, for work that has no price.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

import stamina
import structlog

from igny8_core.ai import journal
from igny8_core.ai.errors import (
    CapReached,
    ContextTooLong,
    NoTextModel,
    ProviderError,
    UnknownPrice,
)
from igny8_core.ai.journal import Completion, Subject
from igny8_core.ai.permits import permit
from igny8_core.ai.ports import TextRequest, Usage
from igny8_core.ai.pricing import cost_usd_micros, prompt_tokens
from igny8_core.common.errors import Conflict, StaleState
from igny8_core.common.failpoints import failpoint
from igny8_core.common.tenancy.context import current_account_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from pydantic import BaseModel

    from igny8_core.ai.ports import CapPort, CreditPort, Hold, TextAnswer, TextProvider
    from igny8_core.ai.prompts import RenderedPrompt
    from igny8_core.auth.models import Account

log = structlog.get_logger(__name__)

R = TypeVar("R")
W = TypeVar("W")

CALL_TIMEOUT_SECONDS = 120.0
SLOT_LEASE_SPARE_SECONDS = 30.0
HOLD_TTL = timedelta(hours=1)
TRIES_MAX = 3
"""Of one call at one provider: the first and two quick repeats of what may pass at once."""

RETRY_WAIT_SECONDS = 0.2
RETRY_WAIT_SECONDS_MAX = 2.0
CALLS_PER_RUN_MAX = 64


class Finish(Protocol):
    """Captures what was used. The last statement of the caller's settle transaction."""

    def __call__(self, *, quantities: Mapping[str, int]) -> int:
        """:returns: credits charged.

        :raises StaleState: a later attempt owns the work; the transaction must roll back.
        """
        ...


@dataclass
class Session:
    """The calls of one piece of work, and what they used together.

    :param max_cost_usd_micros: refuses a call that could lead over it, before the call.
    :ivar usages: of every answer, in order; an answer from the journal with what it once took.
    :ivar wasted_usd_micros: what failed calls cost us all the same.
    """

    subject: Subject
    providers: Sequence[TextProvider]
    clock: Callable[[], datetime]
    max_cost_usd_micros: int | None = None
    usages: list[Usage] = field(default_factory=list)
    wasted_usd_micros: int = 0

    def complete_text(
        self,
        prompt: RenderedPrompt,
        *,
        output: type[BaseModel] | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
        timeout_seconds: float = CALL_TIMEOUT_SECONDS,
        variant: int = 0,
        providers: Sequence[TextProvider] | None = None,
    ) -> Completion:
        """Ask once; the next provider is asked where the one before fails.

        :param output: a pydantic model for a typed answer.
        :param max_tokens: of the answer; the prompt's own value unless given.
        :param variant: another number asks for another answer to the same request.
        :param providers: instead of the session's own, for example rules.
        :raises CapReached: the run has made its calls, or the cost could pass its limit.
        :raises ProviderError: what the last provider said.
        :raises NoTextModel: there is no provider.
        """
        if len(self.usages) >= CALLS_PER_RUN_MAX:
            raise CapReached("too many calls in one piece of work", limit=CALLS_PER_RUN_MAX)
        request = TextRequest(
            prompt=prompt.reference,
            system=prompt.system,
            user=prompt.user,
            max_tokens=max_tokens or prompt.max_tokens,
            temperature=prompt.temperature if temperature is None else temperature,
            timeout_seconds=timeout_seconds,
            output=output,
            hints=prompt.hints,
        )
        done = self._complete(prompt, request, providers or self.providers, variant)
        failpoint("ai.after_answer")
        self.usages.append(done.usage)
        return done

    @property
    def usage(self) -> Usage:
        """What all calls used together."""
        return Usage.total(self.usages or [Usage(provider="none", model="")])

    def _complete(
        self,
        prompt: RenderedPrompt,
        request: TextRequest,
        providers: Sequence[TextProvider],
        variant: int,
    ) -> Completion:
        if not providers:
            raise NoTextModel("No text model is set up and the built-in one does not run.")
        hashes = [
            journal.request_hash(provider, prompt, request, variant=variant)
            for provider in providers
        ]
        if found := journal.stored(self.subject, hashes, output=request.output):
            return found
        for provider, digest in zip(providers[:-1], hashes[:-1], strict=True):
            try:
                return self._call(provider, prompt, request, digest)
            except ProviderError as exc:
                if not exc.tries_next_provider:
                    raise
                log.warning("ai.call.next_provider", provider=provider.name, code=exc.code)
        return self._call(providers[-1], prompt, request, hashes[-1])

    def _call(
        self, provider: TextProvider, prompt: RenderedPrompt, request: TextRequest, digest: str
    ) -> Completion:
        tokens = _checked(provider, request, self._money_left(), now=self.clock())
        for attempt in stamina.retry_context(
            on=_is_worth_repeating,
            attempts=TRIES_MAX,
            timeout=request.timeout_seconds,
            wait_initial=RETRY_WAIT_SECONDS,
            wait_max=RETRY_WAIT_SECONDS_MAX,
            wait_jitter=RETRY_WAIT_SECONDS,
        ):
            with attempt:
                return self._try(provider, prompt, request, digest, tokens)
        raise AssertionError("the last try returns or raises")

    def _try(
        self,
        provider: TextProvider,
        prompt: RenderedPrompt,
        request: TextRequest,
        digest: str,
        tokens: int,
    ) -> Completion:
        lease_seconds = request.timeout_seconds + SLOT_LEASE_SPARE_SECONDS
        with permit(provider, estimated_tokens=tokens, lease_seconds=lease_seconds) as opened:
            call = journal.begin(
                self.subject, provider, prompt, request_hash=digest, now=self.clock()
            )
            try:
                answer = provider.generate(request)
            except Exception as exc:
                used = exc if isinstance(exc, ProviderError) else ProviderError("")
                cost = _cost(provider, used, now=self.clock())
                self.wasted_usd_micros += cost
                journal.fail(self.subject, call, exc, cost_usd_micros=cost, now=self.clock())
                raise
            failpoint("ai.after_call")
            opened.used_tokens = answer.prompt_tokens + answer.completion_tokens
            return journal.succeed(
                self.subject,
                call,
                answer,
                cost_usd_micros=_cost(provider, answer, now=self.clock()),
                is_demo=provider.capabilities.is_demo,
                now=self.clock(),
            )

    def _money_left(self) -> int | None:
        if self.max_cost_usd_micros is None:
            return None
        return self.max_cost_usd_micros - self.usage.cost_usd_micros - self.wasted_usd_micros


def complete_text(
    *,
    account: Account,
    providers: Sequence[TextProvider],
    prompt: RenderedPrompt,
    related_type: str,
    related_id: int,
    lease_token: int = 0,
    output: type[BaseModel] | None = None,
    variant: int = 0,
    clock: Callable[[], datetime],
) -> Completion:
    """One call that has no price; otherwise as :meth:`Session.complete_text`."""
    subject = Subject(account, related_type, related_id, lease_token)
    session = Session(subject=subject, providers=providers, clock=clock)
    return session.complete_text(prompt, output=output, variant=variant)


def run(
    *,
    account: Account,
    credits: CreditPort,  # noqa: A002 - the product's word
    operation: str,
    quantities: Mapping[str, int],
    idempotency_key: str,
    related_type: str,
    related_id: int,
    lease_token: int,
    providers: Sequence[TextProvider],
    work: Callable[[Session], W],
    save: Callable[[W, Finish], R],
    clock: Callable[[], datetime],
    caps: Sequence[CapPort] = (),
    ttl: timedelta = HOLD_TTL,
    max_cost_usd_micros: int | None = None,
) -> R:
    """Paid work: reserve, work, save and capture. See the module's text.

    Safe to repeat: a repeat takes the hold over and finds the answers of the calls that were made.

    :param quantities: the most that will be used, by unit of the price.
    :param idempotency_key: of the work, the same for every attempt.
    :param save: gets what ``work`` returned; opens the settle transaction and calls ``finish``.
    :returns: what ``save`` returned.
    :raises InsufficientCredits: nothing was called.
    :raises UnknownPrice: no provider's price is known; nothing was called, nothing is held.
    :raises CapReached: a cap refuses; nothing was called, nothing is held.
    :raises Conflict: the work was captured before; the caller has its result.
    :raises StaleState: a later attempt took over; nothing was stored.
    :raises ProviderError: a call failed; nothing is charged, nothing is held.
    """
    subject = Subject(account, related_type, related_id, lease_token)
    session = Session(subject, providers, clock, max_cost_usd_micros)
    check_prices(providers, now=clock())
    hold = credits.reserve(
        operation=operation,
        quantities=quantities,
        idempotency_key=idempotency_key,
        related_type=related_type,
        related_id=related_id,
        ttl=ttl,
        now=clock(),
    )
    failpoint("ai.after_reserve")
    return _settle(_Capture(credits, hold, session), caps, work, save)


@dataclass
class _Capture:
    credits: CreditPort
    hold: Hold
    session: Session
    is_done: bool = False

    def __call__(self, *, quantities: Mapping[str, int]) -> int:
        if current_account_id() != self.session.subject.account.pk:
            raise RuntimeError("finish() belongs into the transaction that stores the result")
        charged = self.credits.capture(
            self.hold, quantities=quantities, usage=self.session.usage, now=self.session.clock()
        )
        self.is_done = True
        return charged

    def release(self) -> None:
        """Give the hold back, if it is still this attempt's; the failure itself stays the news."""
        try:
            self.credits.release(self.hold, now=self.session.clock())
        except (StaleState, Conflict) as exc:
            log.info("ai.hold.not_released", reservation_id=self.hold.reservation_id, code=exc.code)


def _settle(
    capture: _Capture,
    caps: Sequence[CapPort],
    work: Callable[[Session], W],
    save: Callable[[W, Finish], R],
) -> R:
    try:
        for cap in caps:
            cap.check(capture.hold, now=capture.session.clock())
        saved = save(work(capture.session), capture)
    except StaleState:
        raise  # a later attempt owns the hold and goes on with it
    except Exception:
        capture.release()
        raise
    if not capture.is_done:
        capture.release()
        raise RuntimeError("save() must call finish() as the last statement of its transaction")
    return saved


def check_prices(providers: Sequence[TextProvider], *, now: datetime) -> None:
    """Refuse work before it starts when no provider's price is known.

    :raises UnknownPrice: about the first provider.
    """
    unknown: list[UnknownPrice] = []
    for provider in providers:
        try:
            cost_usd_micros(provider, prompt_tokens=1, completion_tokens=1, now=now)
        except UnknownPrice as exc:
            unknown.append(exc)
    if unknown and len(unknown) == len(providers):
        raise unknown[0]


def _is_worth_repeating(error: Exception) -> bool:
    return isinstance(error, ProviderError) and error.is_worth_repeating


def _checked(
    provider: TextProvider, request: TextRequest, money_left: int | None, *, now: datetime
) -> int:
    """The most tokens that the call can take.

    :raises ContextTooLong: they do not fit into the model.
    :raises UnknownPrice: nobody knows what it would cost.
    :raises CapReached: it could cost more than is left.
    """
    tokens = prompt_tokens(request)
    names = {"provider": provider.name, "model": provider.model}
    room = provider.capabilities.max_context_tokens - request.max_tokens
    if tokens > room:
        raise ContextTooLong(
            f"The request does not fit into {provider.model}: it may take {tokens} tokens, "
            f"there is room for {room}.",
            **names,
        )
    worst = cost_usd_micros(
        provider, prompt_tokens=tokens, completion_tokens=request.max_tokens, now=now
    )
    if money_left is not None and worst * TRIES_MAX > money_left:
        raise CapReached("the call could cost more than the run may", limit=money_left, **names)
    return tokens + request.max_tokens


def _cost(provider: TextProvider, used: TextAnswer | ProviderError, *, now: datetime) -> int:
    if not used.prompt_tokens and not used.completion_tokens:
        return 0
    return cost_usd_micros(
        provider,
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        now=now,
    )
