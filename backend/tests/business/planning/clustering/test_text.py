"""Normal forms, words, close variants, and what splits a page."""

from __future__ import annotations

import pytest
from hypothesis import given

from igny8_core.business.planning.services import cluster_text
from igny8_core.business.planning.services.cluster_text import (
    bag_of_words,
    duplicate_groups,
    duplicate_key,
    normalise,
    split_parts,
    split_signs,
    stem_words,
    words,
)
from igny8_core.business.planning.services.cluster_vectors import number_stems
from tests.business.planning.clustering.lists import groups, keyword_lists


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("  Red \t SHOES ", "red shoes"),
        ("men\u2019s \u201cred\u201d shoes", 'men\'s "red" shoes'),
        ("\uff32\uff25\uff24\u00a0shoes", "red shoes"),
        ("Stra\u00dfe", "stra\u00dfe"),
        ("red\ud83d shoes", "red? shoes"),
        ("", ""),
    ],
)
def test_normal_form(given_text: str, expected: str) -> None:
    assert normalise(given_text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("red shoes", ["red", "shoes"]),
        ("c++ vs c# vs node.js", ["c++", "vs", "c#", "vs", "node.js"]),
        ("at&t men's covid-19", ["at&t", "men's", "covid-19"]),
        ("what? ever!", ["what", "ever"]),
        ("???", []),
        ("caf\u00e9 na\u00efve", ["caf\u00e9", "na\u00efve"]),
        ("\u6771\u4eac\u65c5\u884c", ["\u6771\u4eac", "\u4eac\u65c5", "\u65c5\u884c"]),
        ("iphone\u58f3", ["iphone", "\u58f3"]),
        ("\u58f3 case", ["\u58f3", "case"]),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", ["\u0939\u093f\u0928\u094d\u0926\u0940"]),
        ("\u2764\ufe0f shoes", ["shoes"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("red shoe", "red shoes"),
        ("shoes for men", "men shoes"),
        ("the best of paris", "best paris"),
        ("hotel with pool", "pool hotels"),
    ],
)
def test_close_variants_share_a_key(one: str, other: str) -> None:
    assert duplicate_key(one) == duplicate_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("flights paris to london", "flights london to paris"),
        ("hotel with pool", "hotel without pool"),
        ("iphone 15", "iphone 16"),
        ("red shoes", "red red shoes"),
        ("from a to b", "a b"),
        ("???", "!!!"),
        ("the", "of"),
    ],
)
def test_other_keywords_have_other_keys(one: str, other: str) -> None:
    assert duplicate_key(one) != duplicate_key(other)


def test_language_without_lists_keeps_the_order_of_words() -> None:
    assert duplicate_key("z warszawy do krakowa", "pl") != duplicate_key(
        "z krakowa do warszawy", "pl"
    )


def test_language_without_a_stemmer_keeps_its_words() -> None:
    assert stem_words(["shoes", "kutya"], "xx") == ["shoes", "kutya"]


def test_region_of_a_language_means_nothing() -> None:
    assert stem_words(["shoes"], "en-GB") == stem_words(["shoes"], "EN_us") == ["shoe"]


def test_stems_are_the_same_when_no_more_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    vocabulary = ["walking", "walked", "zebra crossings"]
    expected = stem_words(vocabulary, "en")
    monkeypatch.setattr(cluster_text, "_STEMS_KEPT", 0)
    monkeypatch.setattr(cluster_text, "_stems", {})

    assert stem_words(vocabulary, "en") == expected
    assert cluster_text._stems == {}


@pytest.mark.parametrize("language", ["en", "pl", "xx"])
@given(keywords=keyword_lists)
def test_groups_are_those_of_the_key(language: str, keywords: list[str]) -> None:
    forms = sorted({*keywords, "???", "!"})
    bag = bag_of_words(forms)
    stem_of = number_stems(stem_words(bag.vocabulary, language))[1]
    keys: dict[str, int] = {}

    found = duplicate_groups(bag, stem_of, language)

    expected = [keys.setdefault(duplicate_key(form, language), len(keys)) for form in forms]
    assert found.tolist() == expected


def test_signs_are_numbers_and_sides() -> None:
    forms = [
        "best phones 2025",
        "iphone 15 for men",
        "men and women socks",
        "red socks",
        "room 007",
        "top 10 phones",
        "women's socks 2.5",
    ]

    found = split_signs(bag_of_words(forms), "en")

    assert found == {
        1: frozenset({"number:15", "1:a"}),
        4: frozenset({"number:7"}),
        6: frozenset({"number:2.5", "1:b"}),
    }


@pytest.mark.parametrize(
    ("page", "parts"),
    [
        (["iphone case", "iphone 15 case", "iphone 16 case"], [0, 1, 2]),
        (["iphone case", "iphone 15 case"], [0, 0]),
        (["a56 cover", "a56 5g cover", "a56 8 256 cover"], [0, 0, 0]),
        (["a56 cover", "a56 5g cover", "a55 5g cover", "a55 cover"], [1, 1, 2, 2]),
        (["mens socks", "womens socks", "socks"], [1, 2, 0]),
        (["mens socks", "socks"], [0, 0]),
        (["mens socks 15", "womens socks 15"], [1, 2]),
        (["hotel with pool", "hotel without pool"], [1, 2]),
        (["best phones 2025", "best phones 2026"], [0, 0]),
        (["top 5 phones", "top 10 phones"], [0, 0]),
    ],
)
def test_parts_of_a_page(page: list[str], parts: list[int]) -> None:
    signs = split_signs(bag_of_words(page), "en")

    found = split_parts([signs.get(row, frozenset()) for row in range(len(page))])

    assert groups(page, found) == groups(page, parts)
    assert [part == 0 for part in found] == [part == 0 for part in parts]
