"""What code can say about any topic without inventing facts: English, by aspect of the topic.

Used where the demo model's text does not pass, and to join its sentences. The sentences are data:
``data/section_rules.en.json``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

_FILE: Final = Path(__file__).parent / "data" / "section_rules.en.json"


class Aspect(BaseModel):
    """One side of a topic.

    :ivar heading: of a section about it; ``{kw}`` is the section's keyword, ``{Kw}`` capitalised.
    :ivar question: what the demo model is asked; it answers questions best.
    :ivar sentences: true of any topic of the kind; no figures, no names.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    heading: str
    question: str
    sentences: tuple[str, ...]


class SectionRules(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    about: str
    openings: tuple[str, ...]
    opening_seconds: tuple[str, ...]
    list_leads: tuple[str, ...]
    closings: tuple[str, ...]
    closing_seconds: tuple[str, ...]
    home: dict[str, Aspect]
    product: dict[str, Aspect]
    topic: dict[str, Aspect]


@cache
def section_rules() -> SectionRules:
    """The rules, read once a process."""
    return SectionRules.model_validate_json(_FILE.read_text(encoding="utf-8"))


ORDERS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "home": {
        "hub": ("choose", "size", "materials", "style", "price", "care", "compare", "mistakes"),
        "comparison": ("compare", "materials", "size", "price", "style", "mistakes", "checklist"),
        "pricing": ("price", "compare", "materials", "size", "mistakes", "checklist", "care"),
        "how_to": ("checklist", "size", "choose", "care", "mistakes", "materials", "style"),
        "review": ("materials", "size", "style", "care", "price", "compare", "mistakes"),
        "": ("choose", "size", "materials", "care", "style", "price", "mistakes", "checklist"),
    },
    "product": {
        "comparison": ("compare", "quality", "price", "choose", "mistakes", "checklist", "use"),
        "pricing": ("price", "compare", "quality", "mistakes", "checklist", "choose", "use"),
        "how_to": ("use", "checklist", "choose", "mistakes", "quality", "compare", "price"),
        "review": ("quality", "use", "price", "compare", "mistakes", "checklist", "choose"),
        "": ("choose", "quality", "price", "use", "compare", "mistakes", "checklist"),
    },
    "topic": {
        "how_to": ("steps", "basics", "options", "mistakes", "compare", "next", "why"),
        "comparison": ("compare", "options", "basics", "mistakes", "next", "why", "steps"),
        "": ("basics", "why", "options", "steps", "mistakes", "compare", "next"),
    },
}
"""Aspects by kind of topic and structure of the article; "" is for every other structure."""

SAME_ORDER: Final = {
    "guide": "hub",
    "buying_guide": "hub",
    "best_of": "comparison",
    "alternatives": "comparison",
    "product_roundup": "comparison",
    "question": "how_to",
}
"""Structures that take the order of another one."""

FAQ_HEADINGS: Final = {
    "en": "Frequently asked questions",
    "de": "Häufige Fragen",
    "fr": "Questions fréquentes",
    "es": "Preguntas frecuentes",
    "it": "Domande frequenti",
    "nl": "Veelgestelde vragen",
    "pl": "Najczęstsze pytania",
    "pt": "Perguntas frequentes",
}
