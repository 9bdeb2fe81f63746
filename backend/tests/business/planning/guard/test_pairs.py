"""How well the guard tells duplicates from pages of their own, on pairs written by hand."""

from __future__ import annotations

import pytest

from igny8_core.business.planning.services.overlap_guard import (
    CONTENT,
    IDEA,
    PageText,
    judge_ideas,
)
from igny8_core.business.planning.states import BLOCKING_VERDICTS
from tests.business.planning.guard.pairs import HELD_OUT, TUNED_ON, Pair

RECALL, PRECISION = 0.9, 0.8


def is_held_back(pair: Pair) -> bool:
    """Whether an idea like the first page is held back beside an article like the second."""
    (keyword, title), (other_keyword, other_title) = pair.one, pair.other
    idea = PageText(IDEA, 1, title, keyword)
    page = PageText(CONTENT, 2, other_title, other_keyword)
    verdict = judge_ideas([idea], [page], language="en")[1].verdict
    return verdict.value in BLOCKING_VERDICTS


@pytest.mark.parametrize("pairs", [TUNED_ON, HELD_OUT], ids=["tuned on", "held out"])
def test_duplicates_are_held_back_and_others_are_not(pairs: list[Pair]) -> None:
    held = [(pair.is_duplicate, is_held_back(pair)) for pair in pairs]

    hits = sum(truth and found for truth, found in held)
    recall = hits / sum(truth for truth, _ in held)
    precision = hits / sum(found for _, found in held)
    print(f"{len(pairs)} pairs: recall {recall:.3f}, precision {precision:.3f}")  # noqa: T201 - with -s
    assert len(pairs) >= 120
    assert (recall >= RECALL, precision >= PRECISION) == (True, True)


def test_both_sides_see_a_pair_alike() -> None:
    turned = [pair._replace(one=pair.other, other=pair.one) for pair in TUNED_ON]

    assert [is_held_back(pair) for pair in turned] == [is_held_back(pair) for pair in TUNED_ON]
