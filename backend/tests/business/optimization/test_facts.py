"""Facts of a text: found by rule, equal in normal form, and missed when they are gone."""

from __future__ import annotations

import pytest

from igny8_core.business.optimization.services.facts import facts_of, lost_facts


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("It has 1,300 seats.", "figure 1300"),
        ("It has 1300 seats.", "figure 1300"),
        ("It weighs 1.3 kg.", "figure 1300 g"),
        ("It weighs 1,300 g.", "figure 1300 g"),
        ("It is 80 cm wide.", "figure 800 mm"),
        ("It is 20 °C warm.", "figure 20 °c"),
        ("5 % of them.", "percent 5"),
        ("5 percent of them.", "percent 5"),
        ("It costs € 249.", "money 249 eur"),
        ("It costs 249 euros.", "money 249 eur"),
        ("It costs $1,299.50.", "money 1299.5 usd"),
        ("On 2 May 2026.", "date 2026-05-02"),
        ("On May 2, 2026.", "date 2026-05-02"),
        ("On 2026-05-02.", "date 2026-05-02"),
        ("Am 2. Mai 2026.", "date 2026-05-02"),
        ("Le 2 mai 2026.", "date 2026-05-02"),
        ("On 02.05.2026.", "date 02.05.2026"),
        ("At 9:30 am.", "time 9:30am"),
        ("At 21:45.", "time 21:45"),
        ("Version 2.10.3 came.", "version 2.10.3"),
        ("Write to Me@Example.com.", "email me@example.com"),
        ("Call +49 30 123456.", "phone +4930123456"),
        ("The RX-78 is fast.", "model rx-78"),
        ("She said “never again” twice.", "quote never again"),
        ('She said "never again" twice.', "quote never again"),
        ("We met Maria Keller there.", "name maria keller"),
        ("An iPhone lay there.", "name iphone"),
        ("Watch it on YouTube.", "name youtube"),
    ],
)
def test_facts_have_a_normal_form(text: str, fact: str) -> None:
    assert fact in facts_of(text, language="en")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Good chairs last.", "en"),
        ("The chair is good. The Chair stays.", "en"),
        ("Die Gute Alte Zeit ist vorbei.", "de"),
    ],
)
def test_plain_words_are_no_facts(text: str, language: str) -> None:
    assert facts_of(text, language=language) == frozenset()


def test_values_of_attributes_are_facts_when_they_are_said() -> None:
    values = ("dark red", "21 kg", "blue")

    found = facts_of("It is dark red and weighs 21 kg.", language="en", values=values)

    assert {"value dark red", "value 21 kg"} <= found
    assert "value blue" not in found


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ("It weighs 1.3 kg.", "At 1,300 g it is light.", []),
        ("It weighs 1.3 kg.", "It is light.", ["figure 1300 g"]),
        ("On 2 May 2026.", "On May 3, 2026.", ["date 2026-05-02"]),
        ("We met Maria Keller.", "Maria Keller met us.", []),
        ("We met Maria Keller.", "We met Maria.", ["name maria keller"]),
        ("It costs € 249.", "It costs 249 €.", []),
        ("It costs € 249.", "It costs $ 249.", ["money 249 eur"]),
        ("5 or 6 or 5.", "6 or 5.", []),
    ],
)
def test_lost_facts_are_named(before: str, after: str, lost: list[str]) -> None:
    assert lost_facts(before, after, language="en") == lost
