"""What is asked of a model: how it is told apart, what it costs at most, how its answer is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from igny8_core.ai import journal
from igny8_core.ai.errors import ContextTooLong, NoImageModel, NoTextModel
from igny8_core.ai.pricing import (
    IMAGE_TOKENS_MAX,
    MESSAGE_TOKENS,
    cost_usd_micros,
    estimated_tokens,
    prompt_tokens,
)
from igny8_core.common.idempotency import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from igny8_core.ai.errors import ProviderError
    from igny8_core.ai.journal import Answered, Completion, Picture, Subject
    from igny8_core.ai.models import AiCall
    from igny8_core.ai.ports import (
        ImageAnswer,
        ImageProvider,
        ImageRequest,
        Provider,
        TextAnswer,
        TextProvider,
        TextRequest,
    )
    from igny8_core.ai.prompts import RenderedPrompt

HASH_VERSION = 1

P_contra = TypeVar("P_contra", bound="Provider", contravariant=True)
A = TypeVar("A", bound="TextAnswer | ImageAnswer")
R_co = TypeVar("R_co", bound="Answered", covariant=True)


@dataclass(frozen=True)
class Most:
    """What a call takes at most."""

    tokens: int
    usd_micros: int


class Ask(Protocol[P_contra, A, R_co]):
    """One question, to whatever provider answers it."""

    @property
    def prompt(self) -> RenderedPrompt: ...

    @property
    def is_image(self) -> bool: ...

    @property
    def timeout_seconds(self) -> float: ...

    def nobody(self) -> ProviderError:
        """What it means that there is no provider."""
        ...

    def digest(self, provider: P_contra) -> str:
        """Of everything that the answer hangs on."""
        ...

    def most(self, provider: P_contra, *, now: datetime) -> Most:
        """What the call takes at most.

        :raises ContextTooLong: it does not fit into the model.
        :raises UnknownPrice: nobody knows what it would cost.
        """
        ...

    def call(self, provider: P_contra, is_cancelled: Callable[[], bool]) -> A:
        """Ask the provider, once."""
        ...

    def keep(
        self,
        subject: Subject,
        row: AiCall,
        answer: A,
        provider: P_contra,
        *,
        cost_usd_micros: int,
        now: datetime,
    ) -> R_co:
        """Commit the answer to the journal."""
        ...

    def found(self, subject: Subject, row: AiCall) -> R_co:
        """The answer of an earlier call."""
        ...


@dataclass(frozen=True)
class TextAsk:
    """A question with a written answer."""

    prompt: RenderedPrompt
    request: TextRequest
    variant: int = 0
    is_image: bool = False

    @property
    def timeout_seconds(self) -> float:
        return self.request.timeout_seconds

    def nobody(self) -> ProviderError:
        return NoTextModel("No text model is set up and the built-in one does not run.")

    def digest(self, provider: Provider) -> str:
        request = self.request
        return fingerprint(
            HASH_VERSION,
            provider=provider.name,
            model=provider.model,
            prompt=[self.prompt.reference, self.prompt.digest],
            messages=[request.system, request.user],
            hints=dict(request.hints),
            limits=[request.max_tokens, request.temperature],
            output=request.output.model_json_schema() if request.output else None,
            variant=self.variant,
        )

    def most(self, provider: Provider, *, now: datetime) -> Most:
        tokens, answer = prompt_tokens(self.request), self.request.max_tokens
        room = provider.capabilities.max_context_tokens - answer
        if tokens > room:
            raise ContextTooLong(
                f"The request does not fit into {provider.model}: it may take {tokens} tokens, "
                f"there is room for {room}.",
                provider=provider.name,
                model=provider.model,
            )
        cost = cost_usd_micros(provider, prompt_tokens=tokens, completion_tokens=answer, now=now)
        return Most(tokens + answer, cost)

    def call(self, provider: TextProvider, is_cancelled: Callable[[], bool]) -> TextAnswer:
        return provider.generate(replace(self.request, is_cancelled=is_cancelled))

    def open_stream(
        self, provider: TextProvider, is_cancelled: Callable[[], bool]
    ) -> Iterator[str | TextAnswer]:
        """The answer in pieces, and at the end as a whole."""
        return provider.stream(replace(self.request, is_cancelled=is_cancelled))

    def keep(
        self,
        subject: Subject,
        row: AiCall,
        answer: TextAnswer,
        provider: Provider,
        *,
        cost_usd_micros: int,
        now: datetime,
    ) -> Completion:
        return journal.succeed_text(
            subject,
            row,
            answer,
            cost_usd_micros=cost_usd_micros,
            is_demo=provider.capabilities.is_demo,
            now=now,
        )

    def found(self, subject: Subject, row: AiCall) -> Completion:
        del subject
        return journal.completion(row, output=self.request.output, is_reused=True)


@dataclass(frozen=True)
class ImageAsk:
    """A question whose answer is a picture."""

    prompt: RenderedPrompt
    request: ImageRequest
    variant: int = 0
    is_image: bool = True

    @property
    def timeout_seconds(self) -> float:
        return self.request.timeout_seconds

    def nobody(self) -> ProviderError:
        return NoImageModel("No image model is set up.")

    def digest(self, provider: Provider) -> str:
        request = self.request
        return fingerprint(
            HASH_VERSION,
            provider=provider.name,
            model=provider.model,
            prompt=[self.prompt.reference, self.prompt.digest],
            picture=[request.prompt, request.width, request.height],
            variant=self.variant,
        )

    def most(self, provider: Provider, *, now: datetime) -> Most:
        tokens = estimated_tokens(self.request.prompt) + MESSAGE_TOKENS
        cost = cost_usd_micros(
            provider,
            prompt_tokens=tokens,
            completion_tokens=IMAGE_TOKENS_MAX,
            is_image=True,
            now=now,
        )
        return Most(tokens + IMAGE_TOKENS_MAX, cost)

    def call(self, provider: ImageProvider, is_cancelled: Callable[[], bool]) -> ImageAnswer:
        return provider.generate(replace(self.request, is_cancelled=is_cancelled))

    def keep(
        self,
        subject: Subject,
        row: AiCall,
        answer: ImageAnswer,
        provider: Provider,
        *,
        cost_usd_micros: int,
        now: datetime,
    ) -> Picture:
        return journal.succeed_picture(
            subject,
            row,
            answer,
            cost_usd_micros=cost_usd_micros,
            is_demo=provider.capabilities.is_demo,
            now=now,
        )

    def found(self, subject: Subject, row: AiCall) -> Picture:
        return journal.picture(subject, row)
