"""What a capable model is asked for one section, and how its answer is judged. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from igny8_core.ai import prompts
from igny8_core.business.content.services.brief import keyword_key
from igny8_core.business.content.services.clean_text import Judgement
from igny8_core.business.planning.states import ClusterRole, Intent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from igny8_core.ai.prompts import RenderedPrompt
    from igny8_core.business.content.services.brief import Brief
    from igny8_core.business.content.services.outline import Section

PROMPT: Final = "content_section"
KEYWORDS_MAX, FACTS_MAX, OUTLINE_MAX = 6, 12, 40
BEFORE_CHARS: Final = 300

LANGUAGES: Final = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
}
_ROLES: Final[dict[str, str]] = {
    ClusterRole.HUB: "the main page of its topic, which gives the overview",
    ClusterRole.SUPPORTING: "a page on one part of a topic",
    ClusterRole.ATTRIBUTE: "a page on one property of a thing",
}
_READERS: Final[dict[str, str]] = {
    Intent.TRANSACTIONAL: "readers want to buy",
    Intent.COMMERCIAL: "readers compare before they buy",
    Intent.INFORMATIONAL: "readers want to understand",
    Intent.NAVIGATIONAL: "readers look for one certain offer",
}


def section_prompt(
    brief: Brief,
    heading: str,
    *,
    points: Sequence[str],
    keywords: Sequence[str],
    outline: Sequence[str],
    before: str = "",
    problems: Sequence[str] = (),
    words: int,
) -> RenderedPrompt:
    """The request for a section, or for how it goes on.

    :param before: the last paragraph of the section so far; empty for its beginning.
    :param problems: what was wrong with the answer before.
    """
    return prompts.load(PROMPT).render(
        title=brief.title,
        heading=heading,
        role=_role(brief),
        points=list(points),
        facts=list(brief.facts[:FACTS_MAX]),
        keywords=list(dict.fromkeys(keywords))[:KEYWORDS_MAX],
        outline=list(outline)[:OUTLINE_MAX],
        before=before[-BEFORE_CHARS:],
        problems=list(problems),
        language=LANGUAGES.get(brief.language, brief.language),
        voice=brief.voice,
        rules=list(brief.rules),
        avoid=list(brief.avoid),
        words=words,
    )


def capable_judgement(brief: Brief, prompt: RenderedPrompt) -> Judgement:
    """How the answer is judged: its own words back are an echo, but for the facts."""
    told = {*brief.facts, *(f"- {fact}" for fact in brief.facts)}
    asked = [line for line in prompt.user.splitlines() if line.strip() not in told]
    return Judgement(
        prompt="\n".join([prompt.system, *asked]),
        language=brief.language,
        attributes=brief.attributes,
        avoid=brief.avoid,
    )


def assigned_keywords(brief: Brief, outline: Sequence[Section]) -> dict[Section, list[str]]:
    """Every further keyword to the section that it fits best: together they cover the topic.

    The heaviest keywords choose first; a section that has few comes before one that has many.
    """
    bodies = [section for section in outline if section.kind == "body"]
    found: dict[Section, list[str]] = {section: [] for section in bodies}
    about = {section: keyword_key(f"{section.heading} {section.keyword}") for section in bodies}
    for text in brief.secondary:
        own = keyword_key(text)
        open_ones = [s for s in bodies if len(found[s]) < KEYWORDS_MAX - 1]
        if not open_ones:
            break
        best = max(open_ones, key=lambda s: (len(own & about[s]), -len(found[s])))
        found[best].append(text)
    return found


def _role(brief: Brief) -> str:
    parts = [brief.structure.replace("_", " "), _ROLES.get(brief.role, "")]
    parts.append(_READERS.get(brief.keywords[0].intent, ""))
    parts.append(f"filed under {brief.category}" if brief.category else "")
    return "; ".join(part for part in parts if part)
