"""What a model is asked, section by section, and what is taken of it. Pure but for ``ask``.

The model gets passages by id, the fixes that the score asks for, and the facts to keep. It returns
texts, never addresses or tags.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Protocol

import regex
from pydantic import BaseModel, Field

from igny8_core.ai import prompts
from igny8_core.business.content.services.scoring_messages import fix_text
from igny8_core.business.content.services.section_prompts import LANGUAGES
from igny8_core.business.optimization.services.facts import facts_of
from igny8_core.business.optimization.services.passages import Change, Passage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from igny8_core.ai.journal import Completion
    from igny8_core.ai.prompts import RenderedPrompt
    from igny8_core.business.content.services.scoring_bands import Check
    from igny8_core.business.optimization.services.drafts import Draft

SECTIONS_MAX: Final = 8
SECTION_CHARACTERS: Final = 6_000
TASKS_MAX: Final = 12
FACTS_MAX: Final = 40
ROOM_PERCENT: Final = 30
TOKENS_PER_CHARACTER: Final = 2
TOKENS_LEAST, TOKENS_MOST = 600, 8_000
MODEL: Final = "model"

TEXT_CHECKS: Final = frozenset(
    {
        "topic.keywords", "topic.attributes", "topic.headings", "topic.primary",
        "placement.introduction", "placement.subheadings", "placement.distribution",
        "structure.text_length", "structure.section_length", "structure.heading_order",
        "read.sentence_length", "read.paragraph_length", "read.consecutive_starts",
        "read.passive_voice", "read.transition_words", "read.word_complexity",
        "use.density", "use.competing_links",
    }
)  # fmt: skip
"""Checks whose points another wording can win."""

FIELD_CHECKS: Final = frozenset(
    {
        "placement.title", "placement.meta_keyphrase", "snippet.title_width", "snippet.meta_length",
        "structure.single_h1", "links.internal",
    }
)  # fmt: skip
"""Checks whose points rules can win."""


class RevisedPassage(BaseModel):
    """A passage with its new text."""

    id: Annotated[str, Field(max_length=20)]
    text: Annotated[str, Field(max_length=20_000)]


class AddedPassage(BaseModel):
    """A new passage after another one."""

    after: Annotated[str, Field(max_length=20)]
    kind: Literal["heading", "paragraph"]
    text: Annotated[str, Field(max_length=20_000)]


class Revision(BaseModel):
    """What a model makes of a section."""

    passages: Annotated[list[RevisedPassage], Field(max_length=200)] = []
    added: Annotated[list[AddedPassage], Field(max_length=20)] = []


class Ask(Protocol):
    """A call through the door to the models."""

    def __call__(
        self, prompt: RenderedPrompt, *, output: type[BaseModel], max_tokens: int
    ) -> Completion: ...


@dataclass(frozen=True)
class SectionPlan:
    """A section that is worth asking about.

    :ivar lost: hundredths of a point that its tasks are about.
    """

    passages: tuple[Passage, ...]
    tasks: tuple[str, ...]
    checks: tuple[str, ...]
    lost: int


@dataclass(frozen=True)
class Asked:
    """What came of asking.

    :ivar unknown: ids in the answers that were never given: dropped.
    :ivar source: provider, model and prompt of the last answer.
    """

    changes: tuple[Change, ...] = ()
    unknown: int = 0
    calls: int = 0
    source: dict[str, str] = field(default_factory=dict)


def gainable(draft: Draft) -> list[Check]:
    """Lost points that a change of text or fields could win."""
    return [c for c in draft.before.lost if c.check in TEXT_CHECKS | FIELD_CHECKS]


def plan_sections(draft: Draft) -> list[SectionPlan]:
    """The sections to ask about, in the order of the text: those that lose most."""
    lost = [check for check in draft.before.lost if check.check in TEXT_CHECKS]
    found: list[tuple[int, SectionPlan]] = []
    for place, numbers in enumerate(_sections(draft)):
        passages = _offered(draft, numbers)
        if not any(passage.can_change for passage in passages):
            continue
        tasks, names, points = _tasks(lost, set(numbers))
        if tasks:
            plan = SectionPlan(passages, tuple(tasks[:TASKS_MAX]), tuple(names), points)
            found.append((place, plan))
    dearest = sorted(found, key=lambda one: (-one[1].lost, one[0]))[:SECTIONS_MAX]
    return [plan for _, plan in sorted(dearest, key=lambda one: one[0])]


def ask_sections(draft: Draft, plans: Sequence[SectionPlan], ask: Ask) -> Asked:
    """Ask about each section."""
    changes: list[Change] = []
    unknown = 0
    source: dict[str, str] = {}
    for plan in plans:
        prompt = _prompt(draft, plan)
        size = sum(len(passage.text) for passage in plan.passages)
        tokens = max(TOKENS_LEAST, min(TOKENS_MOST, TOKENS_PER_CHARACTER * size))
        answer = ask(prompt, output=Revision, max_tokens=tokens)
        source = {
            "provider": answer.usage.provider,
            "model": answer.usage.model,
            "prompt": prompt.reference,
        }
        if isinstance(answer.parsed, Revision):
            taken, strange = _taken(plan, answer.parsed)
            changes += taken
            unknown += strange
    return Asked(tuple(changes), unknown, len(plans), source)


def _sections(draft: Draft) -> list[list[int]]:
    """The numbers of the passages of each section, its heading first."""
    found: list[list[int]] = []
    for block in draft.document.blocks:
        if block.kind == "heading" or not found:
            found.append([])
        found[-1].append(block.index)
    return found


def _offered(draft: Draft, numbers: Sequence[int]) -> tuple[Passage, ...]:
    """Passages of a section, as many as fit into a question."""
    chosen, size = [], 0
    for number in numbers:
        if number >= len(draft.form.passages):
            break
        passage = draft.form.passages[number]
        size += len(passage.text)
        if size > SECTION_CHARACTERS:
            break
        chosen.append(passage)
    return tuple(chosen)


def _tasks(lost: Sequence[Check], numbers: set[int]) -> tuple[list[str], list[str], int]:
    """What to improve here: fixes whose places are in the section."""
    tasks: list[str] = []
    names: list[str] = []
    points = 0
    for check in lost:
        places = {int(span["block"]) for span in check.spans if span["field"] == "body"}
        if not places & numbers:
            continue
        fix = dict(check.fix or {})
        if "terms" in fix.get("params", {}) and check.check == "topic.keywords":
            terms = [term for term in fix["params"]["terms"] if term["block"] in numbers]
            if not terms:
                continue
            fix = {"code": fix["code"], "params": {"terms": terms}}
        tasks.append(fix_text(fix))
        names.append(check.check)
        points += check.lost
    return tasks, names, points


def _prompt(draft: Draft, plan: SectionPlan) -> RenderedPrompt:
    words = sum(len(passage.plain.split()) for passage in plan.passages)
    text = "\n".join(passage.plain for passage in plan.passages)
    facts = sorted(facts_of(text, language=draft.language, values=draft.values))
    return prompts.load("content_revision").render(
        title=draft.page.title,
        keyphrase=draft.target.primary,
        language=LANGUAGES.get(draft.language, draft.page.language),
        voice=draft.voice[:1_000],
        passages=[
            {
                "id": f"p{passage.number}",
                "kind": passage.kind if passage.can_change else f"{passage.kind}, stays as it is",
                "text": passage.text,
            }
            for passage in plan.passages
        ],
        tasks=list(plan.tasks),
        facts=[fact.partition(" ")[2] for fact in facts[:FACTS_MAX]],
        room=max(20, words * ROOM_PERCENT // 100),
    )


def _taken(plan: SectionPlan, revision: Revision) -> tuple[list[Change], int]:
    """Changes of passages that were offered and may change; the first answer to each holds."""
    offered = {f"p{passage.number}": passage for passage in plan.passages}
    changes: list[Change] = []
    seen: set[str] = set()
    unknown = 0
    for revised in revision.passages:
        passage = offered.get(revised.id)
        if passage is None or not passage.can_change or revised.id in seen:
            unknown += 1
            continue
        seen.add(revised.id)
        text = one_line(revised.text)
        if text != passage.text:
            changes.append(
                Change("text", passage.number, passage.text, text, MODEL, checks=plan.checks)
            )
    for added in revision.added:
        passage = offered.get(added.after)
        if passage is None:
            unknown += 1
            continue
        text = one_line(added.text)
        changes.append(Change("insert", passage.number, "", text, MODEL, added.kind, plan.checks))
    return changes, unknown


def one_line(text: Any) -> str:
    """A passage has no line breaks."""
    return str(regex.sub(r"\s+", " ", str(text))).strip()
