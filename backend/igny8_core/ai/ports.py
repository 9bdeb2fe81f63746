"""What the AI door needs from others, and what a provider has to offer. Knows no domain.

Billing implements :class:`CreditPort` and :class:`CapPort`; ``providers/`` implements
:class:`TextProvider` and :class:`ImageProvider`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from pydantic import BaseModel


@dataclass(frozen=True)
class Hold:
    """Credits set aside for one piece of work, and which try of it this is.

    :param reservation_id: 0 when the work costs nothing, and so nothing is held.
    :param attempt: rises with every take-over; an older attempt can neither capture nor release.
    :param amount: whole credits held.
    :param purpose: of work that costs nothing: operation, type and id of its row.
    """

    reservation_id: int
    attempt: int
    amount: int
    purpose: tuple[str, str, int] | None = None


@dataclass(frozen=True)
class Usage:
    """What provider calls used. ``cost_usd_micros`` is our own cost in millionths of a dollar."""

    provider: str
    model: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd_micros: int = 0

    @classmethod
    def total(cls, usages: Iterable[Usage]) -> Usage:
        """The sum of several calls, under the names of the last of them.

        :raises ValueError: there is none.
        """
        every = list(usages)
        if not every:
            raise ValueError("no usage to add up")
        return cls(
            provider=every[-1].provider,
            model=every[-1].model,
            prompt_tokens=sum(usage.prompt_tokens for usage in every),
            completion_tokens=sum(usage.completion_tokens for usage in every),
            cost_usd_micros=sum(usage.cost_usd_micros for usage in every),
        )


class CreditPort(Protocol):
    """The ledger of one account, as paid work needs it."""

    def reserve(
        self,
        *,
        operation: str,
        quantities: Mapping[str, int],
        idempotency_key: str,
        related_type: str,
        related_id: int,
        is_own_key: bool = False,
        ttl: timedelta,
        now: datetime,
    ) -> Hold:
        """Hold what ``quantities`` cost at most, or take the hold of this key over.

        A key whose hold was released or has expired gets a new one.

        :param quantities: by unit: per_request, per_words, per_items, per_images.
        :param is_own_key: the account pays the providers itself; we ask for a fee at most.
        :raises InsufficientCredits: nothing was written.
        :raises CapReached: the hold would lead over a limit; nothing was written.
        :raises Conflict: the work of this key was captured already.
        """
        ...

    def capture(
        self, hold: Hold, *, quantities: Mapping[str, int], usage: Usage, now: datetime
    ) -> int:
        """Spend what was used; the rest is free again. The caller's last statement.

        :returns: credits charged.
        :raises StaleState: a later attempt owns the hold; the caller rolls back.
        """
        ...

    def release(self, hold: Hold, *, now: datetime) -> None:
        """Give everything back: the work failed.

        :raises StaleState: a later attempt owns the hold.
        """
        ...


class CapPort(Protocol):
    """A limit on credits: of a run, of an account's day."""

    def check(self, hold: Hold, *, now: datetime) -> None:
        """Refuse when this new hold leads over the limit.

        Called inside the transaction that makes the hold, while that locks the wallet: what is
        read here counts every other hold at its full amount, and no second worker can slip under
        the same limit meanwhile.

        :raises CapReached: the transaction rolls back, and the hold with it.
        """
        ...


def never() -> bool:
    """Nobody cancels."""
    return False


@dataclass(frozen=True)
class Terms:
    """On which terms somebody lets paid work run.

    :param caps: limits beyond the account's own, checked when credits are set aside.
    :param is_cancelled: asked before, between and during calls; once true, the work ends.
    """

    caps: Sequence[CapPort] = ()
    is_cancelled: Callable[[], bool] = never


ANY_TERMS = Terms()


@dataclass(frozen=True)
class Capabilities:
    """What a caller and the door have to know about a provider's model.

    :param is_demo: the built-in demo model: its text is labelled, and rules make what they can.
    :param is_free: calls cost nothing: no price is needed.
    :param is_own_key: the account pays the provider itself; else the key is the platform's, and
        every account shares its limits.
    :param max_context_tokens: prompt and answer together.
    :param max_output_tokens: upper limit of one answer.
    """

    is_demo: bool = False
    is_free: bool = False
    is_own_key: bool = False
    max_context_tokens: int = 128_000
    max_output_tokens: int = 16_000


@dataclass(frozen=True)
class RateLimits:
    """What a provider key may do; None is no limit of ours."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None


COSTS_MONEY = Capabilities()
FREE = Capabilities(is_free=True)
NO_LIMITS = RateLimits()


@dataclass(frozen=True)
class TextRequest:
    """One question to a model.

    :param output: a pydantic model for a typed answer; None for plain text.
    :param timeout_seconds: for the whole call.
    :param hints: plain data for providers that answer by rules; models never see it.
    :param is_cancelled: once true, the call is broken off.
    """

    prompt: str
    system: str
    user: str
    max_tokens: int
    timeout_seconds: float
    temperature: float | None = None
    output: type[BaseModel] | None = None
    hints: Mapping[str, Any] = field(default_factory=dict)
    is_cancelled: Callable[[], bool] = field(default=never, compare=False)


@dataclass(frozen=True)
class TextAnswer:
    """What came back.

    :param text: the answer as text; JSON when a typed output was asked for.
    :param parsed: the typed output, validated.
    :param finish_reason: stop, length, content_filter …; the provider's word, unified.
    :param provider_ref: the provider's id of this answer, for support.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    parsed: BaseModel | None = None
    finish_reason: str = "stop"
    provider_ref: str = ""


@dataclass(frozen=True)
class ImageRequest:
    """One picture.

    :param width: wanted, in pixels, like ``height``; a model makes the nearest shape it knows.
    :param timeout_seconds: for the whole call.
    :param is_cancelled: once true, the call is broken off.
    """

    prompt: str
    width: int
    height: int
    timeout_seconds: float
    is_cancelled: Callable[[], bool] = field(default=never, compare=False)


@dataclass(frozen=True)
class ImageAnswer:
    """The encoded picture, decoded once to be sure that it is one."""

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int
    prompt_tokens: int = 0
    completion_tokens: int = 0
    provider_ref: str = ""


class Provider(Protocol):
    """A model behind a key, whatever it makes.

    :ivar name: of the provider, as usage logs and prices know it.
    :ivar api_url: where it is, for its price; empty when the name says it all.
    :ivar key_fingerprint: tells limits of different keys apart; never the key.
    """

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def api_url(self) -> str: ...

    @property
    def key_fingerprint(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def limits(self) -> RateLimits: ...


class TextProvider(Provider, Protocol):
    """A model that writes."""

    def generate(self, request: TextRequest) -> TextAnswer:
        """Answer once; no retries of its own.

        :raises ProviderError: one of its classes in ``ai.errors``.
        :raises WorkCancelled: the request was cancelled while it was under way.
        """
        ...

    def stream(self, request: TextRequest) -> Iterator[str | TextAnswer]:
        """Answer once, piece by piece: the text as it comes, and last of all the whole answer.

        Closing the iterator breaks the call off.

        :raises ProviderError: also after the first piece.
        :raises WorkCancelled: the request was cancelled while it was under way.
        """
        ...


class ImageProvider(Provider, Protocol):
    """A model that makes pictures."""

    def generate(self, request: ImageRequest) -> ImageAnswer:
        """Make one picture; no retries of its own.

        :raises ProviderError: one of its classes in ``ai.errors``.
        :raises WorkCancelled: the request was cancelled while it was under way.
        """
        ...
