"""One call to a model through pydantic-ai: plain text or a typed answer, never repeated here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic_ai import Agent, NativeOutput
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RunUsage

from igny8_core.ai.errors import AnswerCutOff, AnswerMalformed, AnswerRefused
from igny8_core.ai.ports import COSTS_MONEY, NO_LIMITS, Capabilities, RateLimits, TextAnswer
from igny8_core.ai.providers import http
from igny8_core.ai.providers.failures import as_provider_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_ai import AgentRunResult
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
        """
        usage = RunUsage()
        try:
            result = http.call(
                lambda: self._ask(request, usage), timeout_seconds=request.timeout_seconds
            )
            return self._answer(request, result)
        except Exception as exc:
            error = as_provider_error(exc, provider=self.name, model=self.model)
            error.prompt_tokens, error.completion_tokens = usage.input_tokens, usage.output_tokens
            raise error from exc

    async def _ask(self, request: TextRequest, usage: RunUsage) -> AgentRunResult[Any]:
        output: Any = request.output or str
        if request.output and self.is_native:
            output = NativeOutput(request.output)
        model = self.build()
        agent: Agent[object, Any] = Agent(
            model, output_type=output, instructions=request.system or None, retries=0
        )
        return await agent.run(request.user, model_settings=_settings(request, model), usage=usage)

    def _answer(self, request: TextRequest, result: AgentRunResult[Any]) -> TextAnswer:
        response, output = result.response, result.output
        finish_reason = response.finish_reason or "stop"
        names = {"provider": self.name, "model": self.model}
        if finish_reason == "content_filter":
            raise AnswerRefused(f"{self.name} declined to answer ({self.model}).", **names)
        if request.output and finish_reason == "length":
            raise AnswerCutOff(f"{self.name} reached the answer's limit ({self.model}).", **names)
        text = output if isinstance(output, str) else output.model_dump_json()
        if not text.strip():
            raise AnswerMalformed(f"{self.name} gave an empty answer ({self.model}).", **names)
        return TextAnswer(
            text=text,
            parsed=None if isinstance(output, str) else output,
            prompt_tokens=result.usage.input_tokens,
            completion_tokens=result.usage.output_tokens,
            finish_reason=finish_reason,
            provider_ref=response.provider_response_id or "",
        )


def _settings(request: TextRequest, model: Model) -> ModelSettings:
    settings = ModelSettings(
        max_tokens=request.max_tokens,
        timeout=request.timeout_seconds,
        request_timeout=request.timeout_seconds,
        max_retries=0,
        thinking=False,
    )
    is_fixed = any(model.profile.get(flag) for flag in _FIXED_TEMPERATURE)
    if request.temperature is not None and not is_fixed:
        settings["temperature"] = request.temperature
    return settings
