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

    engine.run(account=account, credits=AccountCredits(account, caps=terms.caps),
               operation="content", quantities={"per_words": 1200},
               idempotency_key=f"content:{writing_task_id}", related_type="writing_task",
               related_id=writing_task_id, lease_token=token,
               providers=registry.text_providers(account), work=work, save=save,
               is_cancelled=terms.is_cancelled, clock=clock)

What happens around each call stands in :mod:`igny8_core.ai.calls`. A failed call costs nothing:
the owner of the attempt gives the reservation back. A crash between answer and save pays the
provider once and the account once. No call can be made inside a transaction.

Where a test can end the process, in this order: ``ai.after_reserve``, ``ai.before_call``,
``ai.after_call`` (answered, not stored), ``ai.after_answer`` (stored, not saved),
``ai.before_capture``, ``ai.after_capture`` (in the settle transaction), ``ai.after_commit``.

``complete_text`` and ``stream_text`` are one call without credits, for work that has no price.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

import structlog
from django.conf import settings

from igny8_core.ai import journal
from igny8_core.ai.asks import ImageAsk, TextAsk
from igny8_core.ai.budgets import Budget
from igny8_core.ai.calls import CALLS_PER_WORK_MAX, TRIES_MAX, Calls
from igny8_core.ai.errors import UnknownPrice
from igny8_core.ai.journal import Completion, Picture, Subject
from igny8_core.ai.ports import ImageRequest, TextRequest, Usage, never
from igny8_core.ai.pricing import cost_usd_micros
from igny8_core.common.errors import Conflict, StaleState
from igny8_core.common.failpoints import failpoint
from igny8_core.common.tenancy.context import current_account_id

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from datetime import datetime

    from pydantic import BaseModel

    from igny8_core.ai.ports import CreditPort, Hold, ImageProvider, Provider, TextProvider
    from igny8_core.ai.prompts import RenderedPrompt
    from igny8_core.auth.models import Account

__all__ = [
    "CALLS_PER_WORK_MAX",
    "TRIES_MAX",
    "Completion",
    "Finish",
    "Picture",
    "Session",
    "TextStream",
    "complete_text",
    "run",
    "stream_text",
]

log = structlog.get_logger(__name__)

R = TypeVar("R")
W = TypeVar("W")

CALL_TIMEOUT_SECONDS = 120.0
IMAGE_TIMEOUT_SECONDS = 180.0
HOLD_TTL = timedelta(hours=1)


class Finish(Protocol):
    """Captures what was used. The last statement of the caller's settle transaction."""

    def __call__(self, *, quantities: Mapping[str, int]) -> int:
        """:returns: credits charged.

        :raises StaleState: a later attempt owns the work; the transaction must roll back.
        """
        ...


@dataclass
class TextStream:
    """The pieces of a written answer, as they come. Close it to break the call off.

    What was given before an error is no answer: nothing is stored or charged for it.
    """

    _pieces: Generator[str, None, Completion]
    _completion: Completion | None = None

    def __iter__(self) -> Iterator[str]:
        self._completion = yield from self._pieces

    @property
    def completion(self) -> Completion:
        """The whole answer, once every piece was taken.

        :raises RuntimeError: it has not ended.
        """
        if self._completion is None:
            raise RuntimeError("the answer has not ended")
        return self._completion

    def close(self) -> None:
        """Break the call off; harmless after its end."""
        self._pieces.close()


@dataclass
class Session:
    """The calls of one piece of work, and what they used together."""

    calls: Calls
    providers: Sequence[TextProvider] = ()
    image_providers: Sequence[ImageProvider] = ()

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
        :raises CapReached: the work has made its calls, or the cost could pass a limit.
        :raises WorkCancelled: nobody wants the work any more.
        :raises ProviderError: what the last provider said.
        :raises NoTextModel: there is no provider.
        """
        request = _text_request(
            prompt,
            output=output,
            max_tokens=max_tokens,
            temperature=temperature,
            timeout_seconds=timeout_seconds,
        )
        asked = self.providers if providers is None else providers
        return self.calls.ask(TextAsk(prompt, request, variant), asked)

    def stream_text(
        self,
        prompt: RenderedPrompt,
        *,
        max_tokens: int | None = None,
        temperature: float | None = None,
        timeout_seconds: float = CALL_TIMEOUT_SECONDS,
        variant: int = 0,
    ) -> TextStream:
        """Ask once, and give the text as it comes: for a page that shows it.

        Metered, journalled and reused like :meth:`complete_text`. Before the first piece a call is
        repeated and the next provider asked; after it every fault ends the stream.
        """
        request = _text_request(
            prompt,
            max_tokens=max_tokens,
            temperature=temperature,
            timeout_seconds=timeout_seconds,
        )
        return TextStream(self.calls.stream(TextAsk(prompt, request, variant), self.providers))

    def generate_image(
        self,
        prompt: RenderedPrompt,
        *,
        width: int,
        height: int,
        timeout_seconds: float = IMAGE_TIMEOUT_SECONDS,
        variant: int = 0,
    ) -> Picture:
        """Ask for one picture, of about this shape.

        The picture stays in the journal until the work is stored: a repeat after a crash finds it.

        :raises NoImageModel: there is no provider of pictures.
        :raises CapReached: the work has made its calls, or the cost could pass a limit.
        :raises WorkCancelled: nobody wants the work any more.
        :raises ProviderError: what the last provider said.
        """
        request = ImageRequest(
            prompt="\n\n".join(part for part in (prompt.system, prompt.user) if part),
            width=width,
            height=height,
            timeout_seconds=timeout_seconds,
        )
        return self.calls.ask(ImageAsk(prompt, request, variant), self.image_providers)

    def note_usage(self, usage: Usage) -> None:
        """Count what was made without a model, for the usage log."""
        self.calls.usages.append(usage)

    @property
    def usage(self) -> Usage:
        """What all calls used together; failed ones cost what they did."""
        total = Usage.total(self.calls.usages or [Usage(provider="none", model="")])
        wasted = self.calls.wasted_usd_micros
        return replace(total, cost_usd_micros=total.cost_usd_micros + wasted)


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
    is_cancelled: Callable[[], bool] = never,
    clock: Callable[[], datetime],
) -> Completion:
    """One call that has no price; otherwise as :meth:`Session.complete_text`."""
    subject = Subject(account, related_type, related_id, lease_token)
    session = _session(subject, providers, is_cancelled=is_cancelled, clock=clock)
    return session.complete_text(prompt, output=output, variant=variant)


def stream_text(
    *,
    account: Account,
    providers: Sequence[TextProvider],
    prompt: RenderedPrompt,
    related_type: str,
    related_id: int,
    variant: int = 0,
    is_cancelled: Callable[[], bool] = never,
    clock: Callable[[], datetime],
) -> TextStream:
    """One call that has no price; otherwise as :meth:`Session.stream_text`."""
    subject = Subject(account, related_type, related_id, lease_token=0)
    session = _session(subject, providers, is_cancelled=is_cancelled, clock=clock)
    return session.stream_text(prompt, variant=variant)


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
    image_providers: Sequence[ImageProvider] = (),
    work: Callable[[Session], W],
    save: Callable[[W, Finish], R],
    clock: Callable[[], datetime],
    is_cancelled: Callable[[], bool] = never,
    ttl: timedelta = HOLD_TTL,
    max_cost_usd_micros: int | None = None,
) -> R:
    """Paid work: reserve, work, save and capture. See the module's text.

    Safe to repeat: a repeat takes the hold over and finds the answers of the calls that were made.
    Work that only asks providers whom the account pays itself costs the platform fee at most.

    :param quantities: the most that will be used, by unit of the price.
    :param save: gets what ``work`` returned; opens the settle transaction and calls ``finish``.
    :param max_cost_usd_micros: of all calls of this work together, whatever attempt makes them.
    :returns: what ``save`` returned.
    :raises InsufficientCredits: nothing was called.
    :raises UnknownPrice: no provider's price is known; nothing was called or held.
    :raises CapReached: a limit refuses; nothing more was called, nothing is held.
    :raises WorkCancelled: nobody wants the work; nothing is charged, nothing is held.
    :raises Conflict: the work was captured before; the caller has its result.
    :raises StaleState: a later attempt took over; nothing was stored.
    :raises ProviderError: a call failed; nothing is charged, nothing is held.
    """
    subject = Subject(account, related_type, related_id, lease_token, work_key=idempotency_key)
    session = _session(
        subject,
        providers,
        image_providers,
        work_usd_micros=max_cost_usd_micros,
        is_cancelled=is_cancelled,
        clock=clock,
    )
    session.calls.stop_if_cancelled()
    check_prices(providers, now=clock())
    check_prices(image_providers, now=clock())
    hold = credits.reserve(
        operation=operation,
        quantities=quantities,
        idempotency_key=idempotency_key,
        related_type=related_type,
        related_id=related_id,
        is_own_key=_is_own_key([*providers, *image_providers]),
        ttl=ttl,
        now=clock(),
    )
    failpoint("ai.after_reserve")
    return _settle(_Capture(credits, hold, session), work, save)


@dataclass
class _Capture:
    credits: CreditPort
    hold: Hold
    session: Session
    is_done: bool = False

    def __call__(self, *, quantities: Mapping[str, int]) -> int:
        subject = self.session.calls.subject
        if current_account_id() != subject.account.pk:
            raise RuntimeError("finish() belongs into the transaction that stores the result")
        failpoint("ai.before_capture")
        if self.session.image_providers:
            journal.drop_pictures(subject)
        charged = self.credits.capture(
            self.hold,
            quantities=quantities,
            usage=self.session.usage,
            now=self.session.calls.clock(),
        )
        failpoint("ai.after_capture")
        self.is_done = True
        return charged

    def release(self) -> None:
        """Give the hold back, if it is still this attempt's; the failure itself stays the news."""
        try:
            self.credits.release(self.hold, now=self.session.calls.clock())
        except (StaleState, Conflict) as exc:
            log.info("ai.hold.not_released", reservation_id=self.hold.reservation_id, code=exc.code)


def _settle(capture: _Capture, work: Callable[[Session], W], save: Callable[[W, Finish], R]) -> R:
    try:
        saved = save(work(capture.session), capture)
    except StaleState:
        raise  # a later attempt owns the hold and goes on with it
    except Exception:
        capture.release()
        raise
    if not capture.is_done:
        capture.release()
        raise RuntimeError("save() must call finish() as the last statement of its transaction")
    failpoint("ai.after_commit")
    return saved


def check_prices(providers: Sequence[Provider], *, now: datetime) -> None:
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


def _is_own_key(providers: Sequence[Provider]) -> bool:
    return bool(providers) and all(provider.capabilities.is_own_key for provider in providers)


def _session(
    subject: Subject,
    providers: Sequence[TextProvider],
    image_providers: Sequence[ImageProvider] = (),
    *,
    work_usd_micros: int | None = None,
    is_cancelled: Callable[[], bool],
    clock: Callable[[], datetime],
) -> Session:
    budget = Budget(work_usd_micros, day_usd_micros=settings.AI_COST_USD_MICROS_PER_DAY)
    calls = Calls(subject, clock, budget, is_cancelled)
    return Session(calls, providers, image_providers)


def _text_request(
    prompt: RenderedPrompt,
    *,
    max_tokens: int | None,
    temperature: float | None,
    timeout_seconds: float,
    output: type[BaseModel] | None = None,
) -> TextRequest:
    return TextRequest(
        prompt=prompt.reference,
        system=prompt.system,
        user=prompt.user,
        max_tokens=max_tokens or prompt.max_tokens,
        temperature=prompt.temperature if temperature is None else temperature,
        timeout_seconds=timeout_seconds,
        output=output,
        hints=prompt.hints,
    )
