"""Titles and angles by a model, where the account has one: checked, and rules where it fails."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog
from pydantic import BaseModel, ConfigDict, Field

from igny8_core.ai import prompts
from igny8_core.ai.errors import CapReached, ProviderError
from igny8_core.ai.text import storable
from igny8_core.business.planning.services.overlap_score import RELATED, compare
from igny8_core.business.planning.services.overlap_terms import page_terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from igny8_core.ai.engine import Session
    from igny8_core.ai.journal import Completion
    from igny8_core.business.planning.services.idea_rules import IdeaDraft

log = structlog.get_logger(__name__)

PROMPT: Final = "idea_titles"
IDEAS_PER_CALL: Final = 10
IDEAS_WORDED_MAX: Final = 300
"""Of one run; the rest keeps the wording of rules."""

TITLE_LENGTH, ANGLE_LENGTH = 110, 300
KEYWORDS_SHOWN: Final = 6

_MARKUP = re.compile(r"[<>{}\[\]*_`#|]|https?:|www\.")


class WordedIdea(BaseModel):
    """One answer of the model."""

    model_config = ConfigDict(extra="ignore")

    number: int
    title: str = Field(max_length=400)
    angle: str = Field(default="", max_length=1_000)


class WordedIdeas(BaseModel):
    """The answer to one call."""

    model_config = ConfigDict(extra="ignore")

    ideas: list[WordedIdea] = Field(max_length=2 * IDEAS_PER_CALL)


@dataclass(frozen=True)
class Wording:
    """What the model says of one idea, and where that comes from."""

    title: str
    angle: str
    provenance: dict[str, Any] = field(default_factory=dict)


def word_ideas(
    session: Session,
    drafts: Sequence[IdeaDraft],
    *,
    language: str,
    site_name: str,
    topics: dict[int, str],
) -> dict[int, Wording]:
    """Titles and angles by the places of the drafts; what failed or was refused has none.

    Ideas of one topic are asked for together. The same ideas find their answer in the journal.

    :param topics: names of the clusters.
    """
    found: dict[int, Wording] = {}
    for places in _calls(drafts):
        cluster_id = drafts[places[0]].cluster_id
        prompt = prompts.load(PROMPT).render(
            language=language,
            site=site_name,
            topic=topics.get(cluster_id, ""),
            ideas="\n".join(_line(number, drafts[at]) for number, at in enumerate(places, start=1)),
        )
        try:
            answer = session.complete_text(prompt, output=WordedIdeas)
        except CapReached as exc:
            log.warning("planning.ideas.not_worded", code=exc.code, ideas=len(drafts) - len(found))
            break
        except ProviderError as exc:  # rules word these ideas; the others may do better
            log.warning("planning.ideas.not_worded", code=exc.code, ideas=len(places))
            continue
        found |= _checked(answer, places, drafts, language)
    return found


def _calls(drafts: Sequence[IdeaDraft]) -> Iterable[list[int]]:
    by_cluster: dict[int, list[int]] = {}
    for at, draft in enumerate(drafts[:IDEAS_WORDED_MAX]):
        by_cluster.setdefault(draft.cluster_id, []).append(at)
    for places in by_cluster.values():
        for first in range(0, len(places), IDEAS_PER_CALL):
            yield places[first : first + IDEAS_PER_CALL]


def _line(number: int, draft: IdeaDraft) -> str:
    others = ", ".join(draft.keywords[1 : 1 + KEYWORDS_SHOWN])
    more = f"; also: {others}" if others else ""
    kind = draft.content_structure.replace("_", " ")
    return f"{number}. [{kind}] {draft.target_keyword}{more}"


def _checked(
    answer: Completion, places: Sequence[int], drafts: Sequence[IdeaDraft], language: str
) -> dict[int, Wording]:
    parsed = answer.parsed
    if not isinstance(parsed, WordedIdeas):
        return {}
    provenance = {
        "provider": answer.usage.provider,
        "model": answer.usage.model,
        "prompt": answer.prompt,
        "input_hash": answer.request_hash,
    }
    found: dict[int, Wording] = {}
    titles: set[str] = set()
    for idea in parsed.ideas:
        if not 1 <= idea.number <= len(places):
            continue
        at = places[idea.number - 1]
        title = clean_title(idea.title)
        if at in found or title.casefold() in titles:
            continue
        if title and is_about(title, drafts[at].target_keyword, language):
            titles.add(title.casefold())
            found[at] = Wording(title, clean_angle(idea.angle), provenance)
    return found


def clean_title(text: str) -> str:
    """One line of plain text, or nothing when it is no title."""
    line = " ".join(storable(text).split()).strip(" \"'\u201c\u201d.")
    return "" if not line or len(line) > TITLE_LENGTH or _MARKUP.search(line) else line


def clean_angle(text: str) -> str:
    """One sentence or two of plain text; nothing when it holds markup or is too long."""
    line = " ".join(storable(text).split())
    return "" if len(line) > ANGLE_LENGTH or _MARKUP.search(line) else line


def is_about(title: str, keyword: str, language: str) -> bool:
    """Whether a title holds the topic of a keyword; a model may have strayed."""
    wanted, given = page_terms(keyword, "", language), page_terms("", title, language)
    whole = page_terms(title, "", language)
    return any(compare(wanted, terms, language).covered >= RELATED for terms in (given, whole))
