"""Both sides of every threshold of the scorer: bands, placement and use of the keyphrase."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igny8_core.business.content.services import scoring_limits
from igny8_core.business.content.services.scoring_bands import (
    FULL,
    HALF,
    NONE,
    Bands,
    State,
    bands,
)
from igny8_core.business.content.services.scoring_limits import limits_for
from igny8_core.business.content.services.scoring_text import language_of
from igny8_core.business.content.services.scoring_use import Density, density_band
from tests.make.scoring import (
    HUB,
    KEYPHRASE,
    LONG,
    check,
    filler,
    paragraphs,
    points,
    sentences,
)

# --- bands


@given(
    st.lists(st.integers(1, 10_000), min_size=1, max_size=6, unique=True), st.integers(0, 20_000)
)
def test_bands_have_no_gaps_and_no_overlaps(bounds: list[int], value: int) -> None:
    table = bands(*((bound, FULL) for bound in [0, *sorted(bounds)]))
    inside = [
        low
        for low, high in zip(table.bounds, [*table.bounds[1:], 10**9], strict=True)
        if low <= value < high
    ]

    assert len(inside) == 1
    assert table.name(value).startswith(str(inside[0]))


def test_bands_have_to_rise() -> None:
    with pytest.raises(ValueError, match="rise"):
        bands((0, FULL), (5, HALF), (5, NONE))
    with pytest.raises(ValueError, match="below"):
        bands((1, FULL)).at(0)


def test_every_table_begins_at_nothing() -> None:
    fixed = [value for value in vars(scoring_limits).values() if isinstance(value, Bands)]
    by_page = [
        value
        for code in ("en", "ja", "pl", "tr", "xx")
        for is_hub in (True, False)
        for kind in ("post", "category")
        for value in vars(limits_for(language_of(code), is_hub=is_hub, content_type=kind)).values()
        if isinstance(value, Bands)
    ]

    assert len(fixed) >= 9
    assert {table.bounds[0] for table in [*fixed, *by_page]} == {0}


# --- placement


@pytest.mark.parametrize(
    ("primary", "title", "state"),
    [
        (KEYPHRASE, "Salon chair guide", FULL),
        (KEYPHRASE, "The salon chair guide", FULL),
        (KEYPHRASE, "Red salon chair guide", HALF),
        (KEYPHRASE, "Chairs for a salon", HALF),
        (KEYPHRASE, "Chairs for a shop", NONE),
        (LONG, "Fabric cover, salon, chair", HALF),
        (LONG, "Fabric cover, salon", NONE),
        ('"salon chair"', "Salon chair guide", FULL),
        ('"salon chair"', "Red salon chair guide", HALF),
        ('"salon chair"', "Chair for a salon", NONE),
    ],
)
def test_title(primary: str, title: str, state: State) -> None:
    found = check("placement.title", "", primary, title=title)

    assert (found.state, found.earned) == (state, points("placement.title", state))


@pytest.mark.parametrize(
    ("html", "state"),
    [
        ("<p>A salon has a chair.</p><p>More.</p>", FULL),
        ("<p>A salon is here. A chair too.</p><p>More.</p>", HALF),
        ("<p>A salon is here.</p><p>A chair too.</p>", NONE),
        ("<p>More words.</p><p>A salon has a chair.</p>", NONE),
        ("<h2>Salon chair</h2><ul><li>A salon has a chair</li></ul>", NONE),
    ],
)
def test_introduction(html: str, state: State) -> None:
    found = check("placement.introduction", html + f"<p>{filler(60)}</p>")

    assert (found.state, found.earned) == (state, points("placement.introduction", state))


@pytest.mark.parametrize(
    ("primary", "slug", "state", "of_hub"),
    [
        (KEYPHRASE, "salon-chairs", FULL, FULL),
        (KEYPHRASE, "chairs", HALF, NONE),
        ("salon chair cover", "chair", HALF, NONE),
        ("salon chair cover", "chair-cover", FULL, FULL),
        (LONG, "salon-chair", HALF, NONE),
        (LONG, "salon-chair-cover", FULL, FULL),
        (KEYPHRASE, "", NONE, NONE),
    ],
)
def test_slug(primary: str, slug: str, state: State, of_hub: State) -> None:
    assert check("placement.slug", "", primary, slug=slug).state is state
    assert check("placement.slug", "", primary, slug=slug, **HUB).state is of_hub


@pytest.mark.parametrize(("times", "state"), [(0, NONE), (1, FULL), (2, FULL), (3, NONE)])
def test_keyphrase_in_description(times: int, state: State) -> None:
    text = "About it. " + "salon chair and " * times

    assert check("placement.meta_keyphrase", meta_description=text).state is state


@pytest.mark.parametrize(
    ("total", "about", "state"),
    [
        (4, 1, NONE), (4, 2, FULL), (4, 3, FULL), (4, 4, NONE),
        (2, 0, NONE), (2, 1, FULL), (2, 2, NONE),
        (1, 0, NONE), (1, 1, FULL),
    ],
)  # fmt: skip
def test_subheadings(total: int, about: int, state: State) -> None:
    heads = [f"<h2>Salon chair {n}</h2>" for n in range(about)]
    heads += [f"<h3>Other {n}</h3>" for n in range(total - about)]
    found = check("placement.subheadings", "<p>Text.</p>".join([*heads, f"<p>{filler(60)}</p>"]))

    assert (found.state, found.earned) == (state, points("placement.subheadings", state))


@pytest.mark.parametrize(
    ("words", "state", "of_hub"),
    [(249, FULL, FULL), (250, FULL, NONE), (299, FULL, NONE), (300, NONE, NONE)],
)
def test_no_subheadings(words: int, state: State, of_hub: State) -> None:
    assert check("placement.subheadings", paragraphs(words)).state is state
    assert check("placement.subheadings", paragraphs(words), **HUB).state is of_hub


@pytest.mark.parametrize(
    ("heading", "is_about"), [("Salon chair cover", True), ("Salon chair", False)]
)
def test_a_heading_is_about_more_than_half(*, heading: str, is_about: bool) -> None:
    found = check("placement.subheadings", f"<h2>{heading}</h2><p>{filler(60)}</p>", LONG)

    assert (found.measured["about"] == 1) is is_about


@pytest.mark.parametrize(
    ("total", "run", "state"),
    [
        (20, 6, FULL), (20, 7, HALF), (20, 10, HALF), (20, 11, NONE),
        (15, 4, FULL), (15, 5, HALF), (15, 8, NONE),
        (14, 13, FULL), (14, 14, NONE),
    ],
)  # fmt: skip
def test_distribution(total: int, run: int, state: State) -> None:
    said = " ".join(f"Q{n} salon chair here." for n in range(total - run))
    found = check("placement.distribution", f"<p>{said} {sentences(run)}</p>")

    assert (found.state, found.earned) == (state, points("placement.distribution", state))


def test_half_of_a_long_keyphrase_is_enough_for_a_sentence() -> None:
    said = "Salon chair. " * 20

    assert check("placement.distribution", f"<p>{said}</p>", LONG).state is FULL
    assert check("placement.distribution", f"<p>{said}</p>", "salon chair cover").state is NONE


# --- use


@pytest.mark.parametrize(
    ("matches", "words", "length", "has_forms", "expected"),
    [
        (2, 680, 3, True, (FULL, "good")),
        (2, 681, 3, True, (NONE, "under")),
        (3, 1020, 3, True, (FULL, "good")),
        (3, 1021, 3, True, (NONE, "under")),
        (6, 340, 3, False, (FULL, "good")),
        (6, 339, 3, False, (NONE, "over")),
        (7, 340, 3, True, (FULL, "good")),
        (7, 339, 3, True, (NONE, "over")),
        (8, 340, 3, True, (NONE, "over")),
        (8, 339, 3, True, (NONE, "far_over")),
        (1, 340, 3, True, (NONE, "once")),
        (2, 100, 6, True, (FULL, "good")),
        (0, 340, 3, True, (NONE, "missing")),
        (3, 99, 1, True, (NONE, "over")),
        (2, 99, 1, True, (FULL, "good")),
        (4, 99, 1, True, (NONE, "far_over")),
        (3, 100, 1, True, (FULL, "good")),
        (2, 51, 1, True, (FULL, "good")),
        (2, 50, 1, True, (NONE, "over")),
        (1, 50, 1, True, (FULL, "good")),
        (3, 50, 1, True, (NONE, "far_over")),
        (1, 99, 1, True, (FULL, "good")),
        (1, 100, 1, True, (NONE, "once")),
    ],
)
def test_density(
    *, matches: int, words: int, length: int, has_forms: bool, expected: tuple[State, str]
) -> None:
    found = density_band(Density(matches, words, length), has_forms=has_forms, density_from=100)

    assert found == expected


@pytest.mark.parametrize(
    ("anchor", "state"),
    [
        ("salon chair", NONE),
        ("the salon chairs", NONE),
        ("salon chair cover", FULL),
        ("chair", FULL),
    ],
)
def test_competing_links(anchor: str, state: State) -> None:
    html = f'<p><a href="#content-5">{anchor}</a> {filler(60)}</p>'

    assert check("use.competing_links", html, target_known_ids=(5,)).state is state
    assert check("use.competing_links", html).state is FULL  # not a page of the site


def test_keyphrase_hints_have_no_points() -> None:
    five = check("keyphrase.length", "", "one two three four five wood")
    of_four = check("keyphrase.length", "", "oak pine elm ash")
    of_five = check("keyphrase.length", "", "oak pine elm ash fir")
    of_nine = check("keyphrase.length", "", "oak pine elm ash fir yew box bay fig")
    empty = check("keyphrase.only_function_words", "", "of the")

    assert five.max == 0
    assert (of_four.band, of_five.band, of_nine.band) == ("good", "long", "too_long")
    assert empty.band == "only_function_words"
    assert check("keyphrase.length", "", "a b c d e f", language="fi").band == "good"
    assert check("keyphrase.length", "", "a b c d e f g", language="fi").band == "long"
    assert check("keyphrase.length", "", "a b c d e f g h i", language="fi").band == "long"
    assert check("keyphrase.length", "", "a b c d e f g h i j", language="fi").band == "too_long"
