"""Both sides of every threshold of the scorer: structure, snippet, links, images and site."""

from __future__ import annotations

import pytest

from igny8_core.business.content.services.scoring_bands import (
    FULL,
    HALF,
    NONE,
    State,
)
from igny8_core.business.content.services.scoring_links import alt_bounds
from tests.make.scoring import (
    HUB,
    check,
    filler,
    paragraphs,
    score,
)

# --- structure and snippet


@pytest.mark.parametrize(
    ("words", "state"),
    [(249, NONE), (250, HALF), (299, HALF), (300, FULL)],
)
def test_text_length(words: int, state: State) -> None:
    assert check("structure.text_length", paragraphs(words)).state is state


@pytest.mark.parametrize(("words", "state"), [(399, NONE), (400, HALF), (899, HALF), (900, FULL)])
def test_text_length_of_a_hub(words: int, state: State) -> None:
    assert check("structure.text_length", paragraphs(words), **HUB).state is state


@pytest.mark.parametrize(("words", "state"), [(9, NONE), (10, HALF), (29, HALF), (30, FULL)])
def test_text_length_of_a_category(words: int, state: State) -> None:
    html = f"<p>{filler(words).replace('zebra', 'zebrazebra')}</p>"

    assert check("structure.text_length", html, target_content_type="category").state is state


@pytest.mark.parametrize(
    ("words", "state"),
    [
        (374, NONE), (375, HALF), (449, HALF), (450, FULL),
        (550, FULL), (551, HALF), (625, HALF), (626, NONE),
    ],
)  # fmt: skip
def test_text_length_against_a_target(words: int, state: State) -> None:
    found = check("structure.text_length", paragraphs(words), target_target_words=500)

    assert found.state is state


@pytest.mark.parametrize(("words", "cap"), [(99, 39), (100, 59), (199, 59), (200, None)])
def test_short_pages_are_capped(words: int, cap: int | None) -> None:
    found = score(paragraphs(words))

    assert next((c.most for c in found.caps), None) == cap


@pytest.mark.parametrize(("words", "cap"), [(399, 39), (400, None)])
def test_short_hubs_are_capped(words: int, cap: int | None) -> None:
    assert next((c.most for c in score(paragraphs(words), **HUB).caps), None) == cap


@pytest.mark.parametrize(
    ("words", "state", "of_hub"),
    [
        (250, FULL, FULL), (251, FULL, HALF), (300, FULL, HALF), (301, HALF, NONE),
        (350, HALF, NONE), (351, NONE, NONE),
    ],
)  # fmt: skip
def test_section_length(words: int, state: State, of_hub: State) -> None:
    html = f"<p>Intro.</p><h2>Head</h2>{paragraphs(words)}"

    assert check("structure.section_length", html).state is state
    assert check("structure.section_length", html, **HUB).state is of_hub


@pytest.mark.parametrize(("words", "state"), [(300, FULL), (301, NONE)])
def test_section_length_without_headings(words: int, state: State) -> None:
    assert check("structure.section_length", paragraphs(words)).state is state


@pytest.mark.parametrize(("count", "state"), [(0, FULL), (1, HALF), (2, NONE)])
def test_single_h1(count: int, state: State) -> None:
    html = "<h1>Head</h1>" * count + f"<p>{filler(60)}</p>"

    assert check("structure.single_h1", html).state is state


@pytest.mark.parametrize(
    ("html", "state", "band"),
    [
        ("<h2>A</h2><h3>B</h3><h2>C</h2>", FULL, "in_order"),
        ("<h2>A</h2><h4>B</h4>", NONE, "skipped"),
        ("<h3>A</h3>", NONE, "skipped"),
        ("<h2>A</h2><h2>a</h2>", NONE, "repeated"),
        ("<h2>A</h2><h2></h2>", NONE, "empty"),
    ],
)
def test_heading_order(html: str, state: State, band: str) -> None:
    found = check("structure.heading_order", f"{html}<p>{filler(60)}</p>")

    assert (found.state, found.band) == (state, band)


@pytest.mark.parametrize(
    ("title", "state"),
    [("a", FULL), ("W" * 31, FULL), ("W" * 32, NONE)],
)
def test_title_width(title: str, state: State) -> None:
    assert check("snippet.title_width", title=title).state is state


def test_title_of_exactly_600_pixels() -> None:
    # 61,440 units are 30 ideographs of 2,048.
    assert check("snippet.title_width", title="日" * 30).state is FULL
    assert check("snippet.title_width", title="日" * 30 + "l").state is NONE


def test_a_page_without_a_title_is_capped() -> None:
    found = score(paragraphs(400), title="")

    assert found.check("snippet.title_width").state is NONE
    assert [(cap.cap, cap.most) for cap in found.caps] == [("title.present", 49)]


@pytest.mark.parametrize(
    ("characters", "state", "of_hub"),
    [
        (0, NONE, NONE), (1, HALF, NONE), (120, HALF, NONE), (121, FULL, FULL),
        (156, FULL, FULL), (157, HALF, NONE),
    ],
)  # fmt: skip
def test_description_length(characters: int, state: State, of_hub: State) -> None:
    text = "x" * characters

    assert check("snippet.meta_length", meta_description=text).state is state
    assert check("snippet.meta_length", meta_description=text, **HUB).state is of_hub


# --- links, images, site

OWN = '<a href="#content-5">one page</a>'
OWN_NOT = '<a href="#content-5" rel="nofollow">one page</a>'
HUB_LINK = '<a href="#content-9">hub page</a>'


@pytest.mark.parametrize(
    ("html", "state"),
    [("", NONE), (OWN, FULL), (OWN + OWN_NOT, FULL), (OWN_NOT, HALF), (OWN_NOT * 2, HALF)],
)
def test_internal_links(html: str, state: State) -> None:
    found = check("links.internal", f"<p>{html} {filler(60)}</p>", target_known_ids=(5,))

    assert found.state is state


@pytest.mark.parametrize(("html", "state"), [(OWN, HALF), (HUB_LINK, FULL), (OWN + HUB_LINK, FULL)])
def test_supporting_pages_link_to_their_hub(html: str, state: State) -> None:
    found = check(
        "links.internal",
        f"<p>{html} {filler(60)}</p>",
        target_known_ids=(5, 9),
        target_hub_ids=(9,),
        target_role="supporting",
    )

    assert found.state is state


def test_unknown_articles_and_places_of_the_page_are_no_links() -> None:
    html = f'<p><a href="#content-6">a</a><a href="#top">b</a> {filler(60)}</p>'

    assert check("links.internal", html, target_known_ids=(5,)).state is NONE


@pytest.mark.parametrize(
    ("html", "state"),
    [
        ("", NONE),
        ('<a href="https://other.test/x">a</a>', FULL),
        ('<a href="https://other.test/x" rel="nofollow">a</a>', HALF),
        ('<a href="https://www.own.test/x">a</a>', NONE),
        ('<a href="mailto:a@other.test">a</a>', NONE),
    ],
)
def test_outbound_links(html: str, state: State) -> None:
    found = check("links.outbound", f"<p>{html} {filler(60)}</p>", target_own_hosts=("own.test",))

    assert found.state is state


@pytest.mark.parametrize(("alts", "state"), [((), NONE), (("",), FULL)])
def test_images(alts: tuple[str, ...], state: State) -> None:
    assert check("media.images", alts=alts).state is state


@pytest.mark.parametrize(
    ("images", "about", "state", "of_hub"),
    [
        (4, 0, HALF, NONE), (4, 1, FULL, FULL), (4, 4, FULL, FULL),
        (5, 1, HALF, HALF), (5, 2, FULL, FULL), (5, 4, FULL, FULL), (5, 5, HALF, HALF),
        (10, 2, HALF, HALF), (10, 3, FULL, FULL), (10, 7, FULL, FULL), (10, 8, HALF, HALF),
    ],
)  # fmt: skip
def test_alternative_texts(images: int, about: int, state: State, of_hub: State) -> None:
    alts = ("A salon chair",) * about + ("A lamp",) * (images - about)

    assert check("media.alt", alts=alts).state is state
    assert check("media.alt", alts=alts, **HUB).state is of_hub


def test_half_of_the_keyphrase_is_enough_for_an_image() -> None:
    assert check("media.alt", alts=("A chair",)).state is FULL
    assert check("media.alt", "", "salon chair cover", alts=("A chair",)).state is HALF


def test_an_image_without_the_attribute_gives_nothing() -> None:
    assert check("media.alt", alts=("A salon chair", None)).state is NONE
    assert check("media.alt", alts=("",)).state is HALF
    assert not check("media.alt").is_applicable


def test_alt_bounds() -> None:
    assert [alt_bounds(n) for n in (4, 5, 6, 10)] == [(1, 4), (2, 4), (2, 4), (3, 7)]


@pytest.mark.parametrize(("others", "state"), [(0, FULL), (1, HALF), (2, NONE)])
def test_keyphrase_of_one_page(others: int, state: State) -> None:
    assert check("site.keyphrase_unique", target_same_keyphrase=others).state is state
