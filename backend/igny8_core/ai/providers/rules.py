"""Answers by rule instead of by a model: titles, outlines, meta data that code makes well.

Used when only the small built-in model is there. The rules are the caller's: this module knows
which prompt is asked for and hands its variables on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from igny8_core.ai.errors import AnswerMalformed, RequestRejected
from igny8_core.ai.ports import FREE, NO_LIMITS, Capabilities, RateLimits, TextAnswer

if TYPE_CHECKING:
    from igny8_core.ai.ports import TextRequest

Rule = Callable[[Mapping[str, Any]], str | BaseModel]
"""Takes the variables of the prompt; returns the text, or the typed answer."""


@dataclass(frozen=True)
class RulesProvider:
    """A :class:`TextProvider` that calls no model. The same input gives the same answer.

    :param rules: by name of the prompt, without its version.
    :param model: version of the rules; raise it when they change, so that old answers stay apart.
    """

    rules: Mapping[str, Rule]
    model: str = "rules-1"
    name: str = "rules"
    api_url: str = ""
    key_fingerprint: str = "rules"
    capabilities: Capabilities = FREE
    limits: RateLimits = NO_LIMITS

    def generate(self, request: TextRequest) -> TextAnswer:
        """Apply the rule of the request's prompt.

        :raises RequestRejected: there is none.
        :raises AnswerMalformed: its answer is not of the asked form.
        """
        prompt = request.prompt.partition("/")[0]
        rule = self.rules.get(prompt)
        if rule is None:
            raise RequestRejected(f"there is no rule for {prompt}", provider=self.name)
        made = rule(request.hints)
        if request.output is None:
            return TextAnswer(text=str(made), prompt_tokens=0, completion_tokens=0)
        if not isinstance(made, request.output):
            raise AnswerMalformed(f"the rule for {prompt} gave another form", provider=self.name)
        return TextAnswer(
            text=made.model_dump_json(), parsed=made, prompt_tokens=0, completion_tokens=0
        )

    def stream(self, request: TextRequest) -> Iterator[str | TextAnswer]:
        """The whole answer at once."""
        answer = self.generate(request)
        yield answer.text
        yield answer
