"""How often the keyphrase is said, and whether the page gives it away to another one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from igny8_core.business.content.services.scoring_bands import (
    FULL,
    NONE,
    Check,
    State,
    hint,
    judged,
    not_applicable,
)
from igny8_core.business.content.services.scoring_limits import COMPETING
from igny8_core.business.content.services.scoring_links import is_own_page
from igny8_core.business.content.services.scoring_target import phrase_of
from igny8_core.business.content.services.scoring_text import count_characters

if TYPE_CHECKING:
    from igny8_core.business.content.services.scoring_context import Context
    from igny8_core.business.content.services.scoring_document import Span

OVER, FAR_OVER = "over", "far_over"
"""Bands of the density that cap the score."""

_BEST: Final = (10, 60)
_BEST_WITH_FORMS: Final = 70
_FAR: Final = 80
_SHORT_ALLOWED: Final = 2


@dataclass(frozen=True)
class Density:
    """How dense a keyphrase is. All in whole numbers, so that a bound is met exactly.

    ``kd = matches / words * 100 * (0.7 + length / 3)``; ``place`` is 2n for exactly n tenths and
    2n + 1 between n and n + 1 tenths.
    """

    matches: int
    words: int
    length: int

    @property
    def place(self) -> int:
        """Where it lies on a line of tenths."""
        tenths = 100 * self.matches * (21 + 10 * self.length)
        whole, rest = divmod(tenths, 3 * self.words)
        return 2 * whole + (1 if rest else 0)

    @property
    def hundredths(self) -> int:
        """``kd`` times 100, rounded down, for people."""
        return 1_000 * self.matches * (21 + 10 * self.length) // (3 * self.words)

    @property
    def recommended_least(self) -> int:
        """How often it should be said at least."""
        return max(2, -(-3 * self.words // (20 * (21 + 10 * self.length))))

    def recommended_most(self, *, has_forms: bool) -> int:
        """How often it may be said at most."""
        tenths = _BEST_WITH_FORMS if has_forms else _BEST[1]
        return max(2, 3 * tenths * self.words // (200 * (21 + 10 * self.length)))


def use_checks(context: Context) -> list[Check]:
    """The two checks of use, and the hints on the keyphrase itself."""
    return [
        _density(context),
        _competing_links(context),
        _keyphrase_length(context),
        _only_function_words(context),
    ]


def density_band(density: Density, *, has_forms: bool, density_from: int) -> tuple[State, str]:
    """The state and the band of a density.

    :param has_forms: word forms are matched too, so a little more is fine.
    :param density_from: words from which the density counts; below it the matches alone do.
    """
    if not density.matches:
        return NONE, "missing"
    if density.words < density_from:
        return _short_band(density, density_from)
    place, best = density.place, _BEST_WITH_FORMS if has_forms else _BEST[1]
    if density.matches == 1:
        return NONE, "once"
    if density.matches == _SHORT_ALLOWED and density.recommended_least <= _SHORT_ALLOWED:
        return FULL, "good"
    if place < _BEST[0]:
        return NONE, "under"
    if place <= best:
        return FULL, "good"
    return NONE, OVER if place <= _FAR else FAR_OVER


def _short_band(density: Density, density_from: int) -> tuple[State, str]:
    """Of texts of fewer words: twice is fine from the middle on, once below it."""
    allowed = _SHORT_ALLOWED if 2 * density.words > density_from else 1
    if density.matches <= allowed:
        return FULL, "good"
    return NONE, OVER if density.matches == allowed + 1 else FAR_OVER


def _density(context: Context) -> Check:
    name, phrase = "use.density", context.phrase
    if not context.counts_words:
        return not_applicable(name, "no_words_in_language")
    document = context.document
    every = [(s, phrase.count_in(s)) for s in (*document.headings, *document.sentences)]
    matches = sum(count for _, count in every)
    length = phrase.length
    density = Density(matches, max(1, document.word_count), length)
    has_forms = document.language.lists is not None and not phrase.is_exact
    state, band = density_band(
        density, has_forms=has_forms, density_from=context.limits.density_from
    )
    is_over = band in {OVER, FAR_OVER}
    spans: list[Span] = [s.span for s, count in every if count] if is_over else []
    return judged(
        name,
        state,
        measured={
            "matches": matches,
            "words": document.word_count,
            "density_hundredths": density.hundredths,
        },
        band=band,
        spans=spans or [document.end],
        fix="say_keyphrase_less" if is_over else "say_keyphrase_more",
        keyphrase=phrase.text,
        at_least=density.recommended_least,
        at_most=density.recommended_most(has_forms=has_forms),
    )


def _competing_links(context: Context) -> Check:
    """Links to other pages of the site under exactly the keyphrase."""
    language = context.document.language
    found = [
        link
        for link in context.document.links
        if is_own_page(link, context.target)
        and sorted(phrase_of(link.text, language).terms) == sorted(context.phrase.terms)
    ]
    return judged(
        "use.competing_links",
        COMPETING.at(len(found)),
        measured={"links": len(found)},
        band=COMPETING.name(len(found)),
        spans=[link.span for link in found],
        fix="reword_anchor",
        keyphrase=context.phrase.text,
    )


def _keyphrase_length(context: Context) -> Check:
    """Without points: a long keyphrase is searched by few."""
    phrase, limits = context.phrase, context.limits
    is_by_characters = context.document.language.is_by_characters
    length = count_characters("".join(phrase.words)) if is_by_characters else phrase.length
    too_long, long = limits.keyphrase_too_long, limits.keyphrase_long
    band = "too_long" if length >= too_long else "long" if length >= long else "good"
    return hint(
        "keyphrase.length",
        is_good=band == "good",
        measured={"content_words": length},
        band=band,
        spans=[context.document.start],
        fix="shorten_keyphrase",
        at_most=long - 1,
    )


def _only_function_words(context: Context) -> Check:
    is_empty = context.phrase.is_empty_of_content
    return hint(
        "keyphrase.only_function_words",
        is_good=not is_empty,
        measured={"content_words": 0 if is_empty else context.phrase.length},
        band="only_function_words" if is_empty else "content_words",
        spans=[context.document.start],
        fix="choose_keyphrase",
    )
