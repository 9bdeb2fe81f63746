"""One call to a model through pydantic-ai: plain, typed or streamed; never repeated here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic_ai import Agent, NativeOutput
from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import (
    ModelRequest,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
)
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RunUsage

from igny8_core.ai.errors import (
    AnswerCutOff,
    AnswerMalformed,
    AnswerRefused,
    ProviderInterrupted,
    WorkCancelled,
)
from igny8_core.ai.ports import COSTS_MONEY, NO_LIMITS, Capabilities, RateLimits, TextAnswer
from igny8_core.ai.providers import http
from igny8_core.ai.providers.failures import FILTERED, as_provider_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from pydantic_ai import AgentRunResult
    from pydantic_ai.messages import ModelResponse, ModelResponseStreamEvent
    from pydantic_ai.models import Model

    from igny8_core.ai.ports import TextRequest


_FIXED_TEMPERATURE = ("openai_supports_reasoning", "anthropic_disallows_sampling_settings")
"""Marks of models that do not take a temperature."""


@dataclass(frozen=True)
class ModelProvider:
    """A :class:`TextProvider` over any model that pydantic-ai speaks to.

    :param build: makes the model; called on the loop of provider calls.
    :param is_native: typed answers by the API's own JSON schema, else as a tool call.
    """

    name: str
    model: str
    key_fingerprint: str
    build: Callable[[], Model] = field(repr=False)
    api_url: str = ""
    capabilities: Capabilities = COSTS_MONEY
    limits: RateLimits = NO_LIMITS
    is_native: bool = False

    def generate(self, request: TextRequest) -> TextAnswer:
        """Answer once.

        :raises ProviderError: with what the provider said.
        :raises WorkCancelled: the request was cancelled; the connection is closed.
        """
        usage = RunUsage()
        try:
            result = http.call(
                lambda: self._ask(request, usage),
                timeout_seconds=request.timeout_seconds,
                is_cancelled=request.is_cancelled,
            )
            return self._answer(request, result)
        except WorkCancelled:
            raise
        except Exception as exc:
            error = as_provider_error(exc, provider=self.name, model=self.model)
            if type(error) is AnswerMalformed and _is_empty(exc, request):
                error = self._empty()
            error.prompt_tokens, error.completion_tokens = usage.input_tokens, usage.output_tokens
            raise error from exc

    def stream(self, request: TextRequest) -> Iterator[str | TextAnswer]:
        """Answer once, piece by piece; the whole answer comes last.

        :raises ProviderError: with what the provider said, also after the first piece.
        :raises WorkCancelled: the request was cancelled; the connection is closed.
        """
        try:
            yield from http.stream(
                lambda: self._pieces(request),
                timeout_seconds=request.timeout_seconds,
                is_cancelled=request.is_cancelled,
            )
        except WorkCancelled:
            raise
        except Exception as exc:
            raise as_provider_error(exc, provider=self.name, model=self.model) from exc

    async def _ask(self, request: TextRequest, usage: RunUsage) -> AgentRunResult[Any]:
        output: Any = request.output or str
        if request.output and self.is_native:
            output = NativeOutput(request.output)
        model = self.build()
        agent: Agent[object, Any] = Agent(
            model, output_type=output, instructions=request.system or None, retries=0
        )
        return await agent.run(request.user, model_settings=_settings(request, model), usage=usage)

    async def _pieces(self, request: TextRequest) -> AsyncIterator[str | TextAnswer]:
        model = self.build()
        question = ModelRequest.user_text_prompt(request.user, instructions=request.system or None)
        async with model_request_stream(
            model, [question], model_settings=_settings(request, model)
        ) as events:
            async for event in events:
                if piece := _text_of(event):
                    yield piece
            response = events.get()
        yield self._whole(request, response)

    def _answer(self, request: TextRequest, result: AgentRunResult[Any]) -> TextAnswer:
        output = result.output
        text = output if isinstance(output, str) else output.model_dump_json()
        return self._checked(
            request, result.response, text, parsed=None if isinstance(output, str) else output
        )

    def _whole(self, request: TextRequest, response: ModelResponse) -> TextAnswer:
        """A streamed answer that has come to its end.

        :raises ProviderInterrupted: the provider did not say that this was all.
        :raises AnswerRefused: it broke off because it would not go on.
        """
        details = response.provider_details or {}
        if "finish_reason" not in details and not details.get("refusal"):
            raise ProviderInterrupted(
                f"{self.name} broke off in the middle of its answer ({self.model}).",
                provider=self.name,
                model=self.model,
            )
        text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
        return self._checked(request, response, text, parsed=None)

    def _checked(
        self, request: TextRequest, response: ModelResponse, text: str, *, parsed: Any
    ) -> TextAnswer:
        finish_reason = response.finish_reason or "stop"
        details = response.provider_details or {}
        names = {"provider": self.name, "model": self.model}
        used = {
            "prompt_tokens": response.usage.input_tokens,
            "completion_tokens": response.usage.output_tokens,
        }
        problem: AnswerRefused | AnswerCutOff | AnswerMalformed | None = None
        if finish_reason == "content_filter":
            is_refusal = "refusal" in {*details, details.get("finish_reason")}
            what = "declined to answer" if is_refusal else FILTERED
            problem = AnswerRefused(f"{self.name} {what} ({self.model}).", **names)
        elif request.output and finish_reason == "length":
            problem = AnswerCutOff(
                f"{self.name} needed more room than the answer may have ({self.model}).", **names
            )
        elif not text.strip():
            problem = self._empty()
        if problem is not None:
            problem.prompt_tokens = used["prompt_tokens"]
            problem.completion_tokens = used["completion_tokens"]
            raise problem
        return TextAnswer(
            text=text,
            parsed=parsed,
            finish_reason=finish_reason,
            provider_ref=response.provider_response_id or "",
            **used,
        )

    def _empty(self) -> AnswerMalformed:
        return AnswerMalformed(
            f"{self.name} gave an empty answer ({self.model}).",
            provider=self.name,
            model=self.model,
        )


def _is_empty(error: Exception, request: TextRequest) -> bool:
    """The adapter asks for another answer, and plain text has no other fault than none."""
    return request.output is None and isinstance(error, UnexpectedModelBehavior)


def _text_of(event: ModelResponseStreamEvent) -> str:
    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
        return event.part.content
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
        return event.delta.content_delta
    return ""


def _settings(request: TextRequest, model: Model) -> ModelSettings:
    settings = ModelSettings(
        max_tokens=request.max_tokens,
        timeout=request.timeout_seconds,
        request_timeout=request.timeout_seconds,
        max_retries=0,
        thinking=False,
        framing_announcement="when_needed",  # not a thousand characters more in every request
    )
    is_fixed = any(model.profile.get(flag) for flag in _FIXED_TEMPERATURE)
    if request.temperature is not None and not is_fixed:
        settings["temperature"] = request.temperature
    return settings
