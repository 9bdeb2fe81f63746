"""Rules, questions and judgement of an optimisation, without a database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from igny8_core.business.content.services.scoring_width import MAX_UNITS, title_units
from igny8_core.business.optimization.services.ask_sections import (
    SECTION_CHARACTERS,
    gainable,
    plan_sections,
)
from igny8_core.business.optimization.services.drafts import Hub
from igny8_core.business.optimization.services.judge import judge, whole_problems
from igny8_core.business.optimization.services.passages import Change
from igny8_core.business.optimization.services.rule_fixes import is_better, rule_changes
from tests.make.optimization import BLOCKS, FILLER, MISSED, draft


def by_model(passage: int, before: str, after: str, kind: str = "text", field: str = "") -> Change:
    return Change(kind, passage, before, after, "model", field)


def good(made: Any) -> Change:
    """The missed keyword, in the third passage."""
    before = made.form.passages[2].text
    return by_model(2, before, before.replace("Fine seats", f"Fine seats on a {MISSED}"))


# --- rules


def test_a_title_begins_with_the_keyphrase() -> None:
    made = draft(meta_title="How to buy a salon chair")

    (change,) = rule_changes(made)

    assert (change.field, change.after) == ("meta_title", "Salon chair: How to buy a")


def test_a_title_that_is_too_wide_is_cut_at_a_word() -> None:
    made = draft(meta_title=f"Salon chair: {'wide words ' * 12}")

    (change,) = rule_changes(made)

    assert f"salon chair: {'wide words ' * 12}".startswith(change.after.lower())
    assert (title_units(change.after) or 0) <= MAX_UNITS
    assert (title_units(f"{change.after} wide words") or 0) > MAX_UNITS


@pytest.mark.parametrize(
    "text", ["", "Short.", "A salon chair. " * 20, "Nothing of it here, only other words. " * 3]
)
def test_a_description_gets_its_length_and_the_keyphrase(text: str) -> None:
    made = draft(meta_description=text)

    (change,) = rule_changes(made)

    after = made.score_with([change])
    assert change.field == "meta_description"
    assert after.check("snippet.meta_length").lost == 0
    assert after.check("placement.meta_keyphrase").lost == 0


def test_headings_go_down_one_level_at_a_time() -> None:
    blocks: list[dict[str, Any]] = [dict(block) for block in BLOCKS]
    blocks[1]["level"], blocks[3]["level"] = 3, 4
    made = draft(blocks=blocks)
    html = made.page.html.replace("<h3", "<h1").replace("</h3>", "</h1>")
    of_html = draft(blocks=blocks, html=html, is_html=True)

    for one in (made, of_html):
        changes = rule_changes(one)
        assert {change.kind for change in changes} == {"level"}
        assert one.score_with(changes).check("structure.heading_order").lost == 0
        assert one.score_with(changes).check("structure.single_h1").lost == 0


def test_the_hub_is_linked_where_the_text_names_it() -> None:
    hub = Hub(9, ("comfort guide", "light fabric"))
    made = draft(hub_ids=(9,), hubs=(hub,))

    (change,) = rule_changes(made)
    composed = made.composed([change])

    assert (change.kind, change.field, change.after) == ("link", "9", "light fabric")
    assert '<a href="#content-9">light fabric</a>' in composed.html
    assert made.score_with([change]).check("links.internal").lost == 0
    assert judge(made, [change], is_automatic=True).outcome == "accepted"


def test_a_fix_that_costs_points_elsewhere_is_none() -> None:
    made = draft()

    assert rule_changes(made) == []
    assert not is_better(made.before, made.before)


# --- what is asked


def test_a_page_that_has_everything_has_nothing_to_gain() -> None:
    made = draft()
    nothing = replace(
        made.before, checks=tuple(replace(c, earned=c.max) for c in made.before.checks)
    )

    assert gainable(made)
    assert gainable(replace(made, before=nothing)) == []
    assert plan_sections(replace(made, before=nothing)) == []


def test_a_section_that_is_too_long_is_not_asked_about() -> None:
    blocks: list[dict[str, Any]] = [
        {"id": "b1", "type": "paragraph", "text": FILLER * (SECTION_CHARACTERS // len(FILLER) + 1)}
    ]

    assert plan_sections(draft(blocks=blocks)) == []


# --- the whole


def test_what_holds_is_accepted() -> None:
    made = draft()

    verdict = judge(made, [good(made)], is_automatic=True)

    assert (verdict.outcome, verdict.reasons, verdict.refused) == ("accepted", (), ())
    assert verdict.words_by_model > 10


def test_a_hub_link_keeps_its_words() -> None:
    made = draft(hub_ids=(7,))
    before = made.form.passages[2].text
    change = by_model(2, before, before.replace("[[1|barber school]]", "[[1|page]] barber school"))
    longer = by_model(2, before, before.replace("barber school]]", "big barber school]]"))

    assert judge(made, [change], is_automatic=True).refused[0].reason == "hub_anchor"
    assert judge(made, [longer], is_automatic=True).refused == ()


def test_emphasised_words_stay() -> None:
    blocks = [
        block | ({"marks": [{"kind": "em", "text": "seats"}]} if "Fine seats" in str(block) else {})
        for block in BLOCKS
    ]
    made = draft(blocks=blocks)
    before = made.form.passages[2].text
    lost = by_model(2, before, before.replace("seats", "chairs"))

    assert judge(made, [good(made)], is_automatic=True).refused == ()
    assert judge(made, [lost], is_automatic=True).refused[0].reason == "emphasis_lost"


@pytest.mark.parametrize(
    ("percent", "is_refused"), [(-8, False), (-14, True), (25, False), (36, True)]
)
def test_the_length_stays_within_bounds(*, percent: int, is_refused: bool) -> None:
    made = draft()
    words = made.document.word_count * abs(percent) // 100
    if percent > 0:
        changes = [by_model(4, "", f"One word after another {'goes on ' * (words // 2 - 3)}here.",
                            "insert", "paragraph")]  # fmt: skip
    else:
        text = made.form.passages[4].text.split()
        changes = [by_model(4, " ".join(text), f"{' '.join(text[: len(text) - words])} stays.")]

    problems = whole_problems(made, changes, made.score_with(changes))

    assert ("word_count" in problems) is is_refused


def test_a_heavy_check_must_not_fall_to_nothing() -> None:
    made = draft()
    before = made.form.passages[0].text
    change = by_model(0, before, before.replace("A salon chair is", "It is"))

    problems = whole_problems(made, [change], made.score_with([change]))

    assert "check_fell:placement.introduction" in problems


def test_a_heading_that_links_name_keeps_its_id() -> None:
    html = draft().page.html + '<p>Back to <a href="#what-the-cover-is-made-of">covers</a>.</p>'
    made = draft(html=html, is_html=True)
    spoilt = draft(html=html.replace(' id="what-the', ' id="x'), is_html=True)
    without = replace(made, page=spoilt.page, form=spoilt.form)

    assert whole_problems(made, [], made.before) == ["score_did_not_rise"]
    assert whole_problems(without, [], made.before) == [
        "score_did_not_rise",
        "heading_id_lost:what-the-cover-is-made-of",
    ]


def test_bad_changes_of_the_model_leave_those_of_rules() -> None:
    made = draft(meta_description="Short.")
    rules = rule_changes(made)
    before = made.form.passages[0].text
    bad = by_model(0, before, before.replace("A salon chair is", "It is"))

    verdict = judge(made, [*rules, bad], is_automatic=True)

    assert verdict.outcome == "accepted"
    assert verdict.changes == tuple(rules)
    assert verdict.words_by_model == 0


def test_another_language_is_refused() -> None:
    made = draft()
    text = "Ein guter Stuhl ist nicht nur schön, sondern auch sehr bequem und stabil."
    change = by_model(4, made.form.passages[4].text, text)

    (refused,) = judge(made, [change], is_automatic=True).refused

    assert refused.reason in {"gate", "language"}
