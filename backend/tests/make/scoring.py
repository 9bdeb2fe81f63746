"""Pages and targets for the scorer, from plain words."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from igny8_core.business.content.services.scoring_bands import FULL, HALF, NONE, WEIGHTS
from igny8_core.business.content.services.scoring_document import PageImage, PageInput
from igny8_core.business.content.services.scoring_target import (
    Target,
    TargetAttribute,
    TargetKeyword,
)
from igny8_core.business.content.services.scoring_total import score_page

if TYPE_CHECKING:
    from igny8_core.business.content.services.scoring_bands import Check, State
    from igny8_core.business.content.services.scoring_total import Score

FILLER = "zebra"


def filler(words: int) -> str:
    """So many words in one sentence, none of which is anybody's keyword."""
    return " ".join([FILLER] * words) + "." if words else ""


def sentences(number: int, *, words: int = 5) -> str:
    """So many sentences of so many words, each with another first word."""
    numbers = count(1)
    return " ".join(f"Q{next(numbers)} {' '.join([FILLER] * (words - 1))}." for _ in range(number))


def page(html: str = "", **fields: Any) -> PageInput:
    """An English page."""
    fields.setdefault("title", "Title")
    fields.setdefault("language", "en")
    images = tuple(PageImage(alt) for alt in fields.pop("alts", ()))
    return PageInput(html=html or f"<p>{filler(400)}</p>", images=images, **fields)


def target(primary: str = "salon chair", **fields: Any) -> Target:
    """A target with one keyword."""
    if "keywords" in fields:
        fields["keywords"] = tuple(
            TargetKeyword(*one) if isinstance(one, tuple) else TargetKeyword(one)
            for one in fields["keywords"]
        )
    if "attributes" in fields:
        fields["attributes"] = tuple(TargetAttribute(*one) for one in fields["attributes"])
    return Target(primary, **fields)


def score(html: str = "", primary: str = "salon chair", **fields: Any) -> Score:
    """The score of a page; fields of the target begin with ``target_``."""
    of_target = {
        name.removeprefix("target_"): fields.pop(name)
        for name in list(fields)
        if name.startswith("target_")
    }
    return score_page(page(html, **fields), target(primary, **of_target))


def check(name: str, html: str = "", primary: str = "salon chair", **fields: Any) -> Check:
    """One check of a page."""
    return score(html, primary, **fields).check(name)


def half(name: str) -> int:
    """Half of a check's weight, in hundredths."""
    from igny8_core.business.content.services.scoring_bands import WEIGHTS

    return WEIGHTS[name] * 50


HUB = {"target_role": "hub"}
KEYPHRASE = "salon chair"
LONG = "salon chair cover fabric"  # four content words


def points(name: str, state: State) -> int:
    """What a check gives in a state, in hundredths."""
    return {FULL: 100, HALF: 50, NONE: 0}[state] * WEIGHTS[name]


def paragraphs(words: int, of: int = 100) -> str:
    """So many words in paragraphs of at most so many."""
    sizes = [of] * (words // of) + ([words % of] if words % of else [])
    return "".join(f"<p>{filler(size)}</p>" for size in sizes)
