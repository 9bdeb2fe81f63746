"""Versioned prompts: ``<name>/v<number>.md`` with a front matter, rendered with strict variables.

A published version is never edited: answers are stored with its number and reused by its digest.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field

from igny8_core.common.errors import InvalidInput

FOLDER = Path(__file__).resolve().parent
FENCE = "+++"
SYSTEM, USER = "## system", "## user"
VARIABLE_CHARS_MAX = 8_000

_templates = Environment(
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,  # noqa: S701 - plain text for a model, never a page
)


class PromptMeta(BaseModel):
    """The front matter of a prompt file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    variables: list[str]
    max_tokens: int = Field(ge=1, le=16_000)
    temperature: float = Field(ge=0, le=2)


@dataclass(frozen=True)
class RenderedPrompt:
    """A prompt with its variables filled in.

    :ivar reference: name and version, as stored with every answer.
    :ivar digest: of the file, so that an edited version is another prompt.
    :ivar hints: the variables themselves, for providers that answer by rules.
    """

    name: str
    version: int
    digest: str
    system: str
    user: str
    max_tokens: int
    temperature: float
    hints: dict[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        return f"{self.name}/v{self.version}"


@dataclass(frozen=True)
class Prompt:
    """One version of a prompt."""

    name: str
    version: int
    digest: str
    meta: PromptMeta
    system: str
    user: str

    def render(self, **variables: Any) -> RenderedPrompt:
        """Fill in the variables: exactly those that the front matter names.

        :raises InvalidInput: one is missing, unknown or too long.
        """
        wanted, given = set(self.meta.variables), set(variables)
        problems = {name: ["is missing"] for name in wanted - given}
        problems |= {name: ["is unknown to this prompt"] for name in given - wanted}
        for name in wanted & given:
            if len(str(variables[name])) > VARIABLE_CHARS_MAX:
                problems[name] = [f"has more than {VARIABLE_CHARS_MAX} characters"]
        if problems:
            raise InvalidInput(f"prompt {self.name}/v{self.version}", **problems)
        return RenderedPrompt(
            name=self.name,
            version=self.version,
            digest=self.digest,
            system=_templates.from_string(self.system).render(variables).strip(),
            user=_templates.from_string(self.user).render(variables).strip(),
            max_tokens=self.meta.max_tokens,
            temperature=self.meta.temperature,
            hints=dict(variables),
        )


def versions(name: str, *, folder: Path = FOLDER) -> list[int]:
    """The versions of a prompt that there are, oldest first."""
    return sorted(int(file.stem[1:]) for file in (folder / name).glob("v*.md"))


@lru_cache(maxsize=256)
def load(name: str, *, version: int | None = None, folder: Path = FOLDER) -> Prompt:
    """One prompt; the newest version unless one is named.

    :raises FileNotFoundError: there is none.
    :raises ValueError: the file is not a prompt.
    """
    if version is None:
        known = versions(name, folder=folder)
        if not known:
            raise FileNotFoundError(f"no prompt {name!r}")
        version = known[-1]
    text = (folder / name / f"v{version}.md").read_text(encoding="utf-8")
    blank, fence, rest = text.partition(FENCE)
    front, closing, body = rest.partition(FENCE)
    before, system_mark, after = body.partition(SYSTEM)
    system, user_mark, user = after.partition(USER)
    if blank.strip() or before.strip() or not (fence and closing and system_mark and user_mark):
        raise ValueError(f"prompt {name}/v{version}: want {FENCE} … {FENCE}, {SYSTEM}, {USER}")
    return Prompt(
        name=name,
        version=version,
        digest=hashlib.sha256(text.encode()).hexdigest()[:16],
        meta=PromptMeta.model_validate(tomllib.loads(front)),
        system=system,
        user=user,
    )
