from __future__ import annotations

import pytest

from igny8_core.business.planning.services.keyword_intents import (
    GUESS,
    NOTHING,
    Found,
    Voter,
    brand_words,
    page_intents,
    rule_intent,
)

BRANDS = brand_words(name="Sofa House", domain="www.sofahouse.example")


@pytest.mark.parametrize(
    ("hit", "intent", "confidence", "near_miss", "other"),
    [
        ("gmail log in", "navigational", 0.8, "log in review", "commercial"),
        ("argos.co.uk sofas", "navigational", 0.8, "argos sofas", ""),
        ("sofa house opening hours", "navigational", 0.8, "sofa housed", ""),
        ("sofahouse sofas", "navigational", 0.8, "best sofahouse sofas", "commercial"),
        ("how much is a sofa", "transactional", 0.8, "how long is a sofa", "informational"),
        ("where to buy a sofa", "transactional", 0.8, "know where to buy sofas", "transactional"),
        ("best sofa", "commercial", 0.85, "bestow sofa", ""),
        ("top 10 sofas", "commercial", 0.85, "top sofas", ""),
        ("sofa vs couch", "commercial", 0.85, "vsofa couch", ""),
        ("is the sofa worth it", "commercial", 0.85, "what is the best sofa", "informational"),
        ("how to clean a sofa", "informational", 0.9, "howard sofa", ""),
        ("are sofas heavy", "informational", 0.9, "area sofas", ""),
        ("cheap sofa", "transactional", 0.85, "cheaper sofa", ""),
        ("sofa for sale", "transactional", 0.85, "sofa for saleh", ""),
        ("sofa near me", "transactional", 0.85, "near sofa", ""),
        ("sofa buying guide", "informational", 0.7, "guided sofa", ""),
        ("living room ideas", "informational", 0.7, "ideal living room", ""),
    ],
)
def test_each_rule_fires_on_its_words_and_not_beside_them(
    hit: str, intent: str, confidence: float, near_miss: str, other: str
) -> None:
    assert rule_intent(hit, language="en", brands=BRANDS) == Found(intent, "rules", confidence)
    assert rule_intent(near_miss, language="en", brands=BRANDS).intent == other


def test_a_language_without_lists_has_no_rules() -> None:
    assert rule_intent("best sofa", language="xx") == NOTHING
    assert rule_intent("best sofa", language="en-GB").intent == "commercial"


def voter(norm: str, intent: str = "", volume: int | None = None, cpc: int | None = None) -> Voter:
    return Voter(norm, intent, "rules" if intent else "unknown", volume, cpc)


def test_a_page_votes_by_volume_and_is_never_surer_than_seventy_percent() -> None:
    page = [
        voter("a", "commercial", 100),
        voter("b", "informational", 50),
        voter("c", "commercial"),
        voter("d", cpc=900),
    ]

    assert page_intents(page, language="en") == {"d": Found("commercial", "vote", 0.67)}
    assert page_intents([page[0], page[3]], language="en")["d"].confidence == 0.7


def test_without_a_vote_a_dear_click_on_a_product_is_commercial() -> None:
    page = [voter("grey sofa", cpc=101), voter("grey sofa bed", cpc=100), voter("grey", cpc=900)]

    assert page_intents(page, language="en") == {
        "grey sofa": Found("commercial", "cpc", 0.4),
        "grey sofa bed": GUESS,
        "grey": GUESS,
    }


def test_guesses_of_an_earlier_run_do_not_vote() -> None:
    guessed = Voter("a", "informational", "unknown", 1000, None)

    found = page_intents([guessed, voter("b", "commercial", 1)], language="en")

    assert found == {"a": Found("commercial", "vote", 0.7)}
