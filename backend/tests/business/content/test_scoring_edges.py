"""Both sides of every threshold of the scorer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from igny8_core.business.content.services import scoring_limits
from igny8_core.business.content.services.scoring_bands import (
    FULL,
    HALF,
    NONE,
    WEIGHTS,
    Bands,
    State,
    bands,
)
from igny8_core.business.content.services.scoring_limits import limits_for
from igny8_core.business.content.services.scoring_links import alt_bounds
from igny8_core.business.content.services.scoring_text import language_of
from igny8_core.business.content.services.scoring_use import Density, density_band
from tests.make.scoring import check, filler, score, sentences

HUB = {"target_role": "hub"}
KEYPHRASE = "salon chair"
LONG = "salon chair cover fabric"  # four content words


def points(name: str, state: State) -> int:
    return {FULL: 100, HALF: 50, NONE: 0}[state] * WEIGHTS[name]


def paragraphs(words: int, of: int = 100) -> str:
    """So many words in paragraphs of at most so many."""
    sizes = [of] * (words // of) + ([words % of] if words % of else [])
    return "".join(f"<p>{filler(size)}</p>" for size in sizes)


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


# --- readability


@pytest.mark.parametrize(
    ("language", "long", "state", "of_hub"),
    [
        ("en", 20, FULL, FULL), ("en", 21, FULL, HALF), ("en", 25, FULL, HALF),
        ("en", 26, HALF, NONE), ("en", 30, HALF, NONE), ("en", 31, NONE, NONE),
        ("pl", 15, FULL, FULL), ("pl", 16, HALF, HALF), ("pl", 20, HALF, HALF),
        ("pl", 21, NONE, NONE),
        ("tr", 20, FULL, FULL), ("tr", 21, HALF, HALF), ("tr", 25, HALF, HALF),
        ("tr", 26, NONE, NONE),
    ],
)  # fmt: skip
def test_share_of_long_sentences(language: str, long: int, state: State, of_hub: State) -> None:
    html = f"<p>{sentences(long, words=26)} {sentences(100 - long)}</p>"

    assert check("read.sentence_length", html, language=language).state is state
    assert check("read.sentence_length", html, language=language, **HUB).state is of_hub


@pytest.mark.parametrize(
    ("language", "words", "long"),
    [
        ("en", 20, 0), ("en", 21, 1), ("de", 20, 0), ("de", 21, 1), ("es", 25, 0), ("es", 26, 1),
        ("it", 25, 0), ("it", 26, 1), ("pt", 25, 0), ("pt", 26, 1), ("fa", 25, 0), ("fa", 26, 1),
        ("ca", 25, 0), ("ca", 26, 1), ("ru", 15, 0), ("ru", 16, 1), ("tr", 15, 0), ("tr", 16, 1),
        ("he", 15, 0), ("he", 16, 1),
    ],
)  # fmt: skip
def test_long_sentences(language: str, words: int, long: int) -> None:
    found = check("read.sentence_length", f"<p>{filler(words)}</p>", language=language)

    assert found.measured["long"] == long


@pytest.mark.parametrize(("words", "state"), [(150, FULL), (151, HALF), (200, HALF), (201, NONE)])
def test_paragraph_length(words: int, state: State) -> None:
    assert check("read.paragraph_length", f"<p>{filler(words)}</p>").state is state


@pytest.mark.parametrize(("row", "state"), [(2, FULL), (3, NONE)])
def test_sentences_that_begin_alike(row: int, state: State) -> None:
    html = f"<p>{'Chairs are fine things. ' * row}Others are not so good. {filler(20)}</p>"
    skipped = f"<p>{'The chair is a fine thing. ' * row}A lamp is not. {filler(20)}</p>"

    assert check("read.consecutive_starts", html).state is state
    assert check("read.consecutive_starts", skipped).state is state


@pytest.mark.parametrize(("passive", "state"), [(10, FULL), (11, HALF), (15, HALF), (16, NONE)])
def test_share_of_passive_sentences(passive: int, state: State) -> None:
    html = f"<p>{'It was built. ' * passive}{sentences(100 - passive)}</p>"

    assert check("read.passive_voice", html).state is state


@pytest.mark.parametrize(("joined", "state"), [(19, NONE), (20, HALF), (29, HALF), (30, FULL)])
def test_share_of_joined_sentences(joined: int, state: State) -> None:
    html = f"<p>{'However we stay here. ' * joined}{sentences(100 - joined)}</p>"

    assert check("read.transition_words", html).state is state


@pytest.mark.parametrize(("words", "state"), [(199, FULL), (200, NONE)])
def test_short_texts_need_no_joining(words: int, state: State) -> None:
    assert check("read.transition_words", paragraphs(words)).state is state


@pytest.mark.parametrize(
    ("language", "word", "hard"),
    [
        ("en", "abcdefg", 0), ("en", "abcdefgx", 1), ("es", "abcdefg", 0), ("es", "abcdefgx", 1),
        ("fr", "abcdefghi", 0), ("fr", "abcdefghix", 1), ("de", "abcdefghij", 0),
        ("de", "abcdefghijx", 1), ("en", "important", 0),
    ],
)  # fmt: skip
def test_complex_words(language: str, word: str, hard: int) -> None:
    found = check("read.word_complexity", f"<p>{word} {filler(60)}</p>", language=language)

    assert found.measured["complex"] == hard


@pytest.mark.parametrize(
    ("complex_words", "state", "of_hub"), [(99, FULL, FULL), (100, HALF, NONE)]
)
def test_share_of_complex_words(complex_words: int, state: State, of_hub: State) -> None:
    words = ["qwertyuiop"] * complex_words + ["zebra"] * (1000 - complex_words)
    html = f"<p>{' '.join(words)}</p>"

    assert check("read.word_complexity", html).state is state
    assert check("read.word_complexity", html, **HUB).state is of_hub


@pytest.mark.parametrize(("characters", "band"), [(50, "none_centred"), (51, "centred")])
def test_centred_text(characters: int, band: str) -> None:
    html = f'<p class="has-text-align-center">{"x" * characters}</p><p>{filler(60)}</p>'

    assert check("read.alignment", html).band == band


@pytest.mark.parametrize(("characters", "reason"), [(49, "too_short"), (50, "")])
def test_text_has_to_be_there(characters: int, reason: str) -> None:
    found = score(f"<p>{'x' * characters}</p>")

    assert found.reason == reason
    assert (found.score is None) is bool(reason)


# --- Japanese: characters in place of words


@pytest.mark.parametrize(
    ("characters", "state"), [(499, NONE), (500, HALF), (599, HALF), (600, FULL)]
)
def test_japanese_text_length(characters: int, state: State) -> None:
    found = check("structure.text_length", f"<p>{'字' * characters}</p>", "椅子", language="ja")

    assert found.state is state


@pytest.mark.parametrize(
    ("name", "lengths"),
    [
        ("structure.text_length", {799: NONE, 800: HALF, 1799: HALF, 1800: FULL}),
        ("structure.section_length", {500: FULL, 501: HALF, 600: HALF, 601: NONE}),
    ],
)
def test_japanese_hubs(name: str, lengths: dict[int, State]) -> None:
    for characters, state in lengths.items():
        html = f"<h2>頭</h2><p>{'字' * (characters - (name == 'structure.text_length'))}</p>"
        assert check(name, html, "椅子", language="ja", **HUB).state is state


@pytest.mark.parametrize(
    ("name", "lengths"),
    [
        ("structure.section_length", {600: FULL, 601: HALF, 700: HALF, 701: NONE}),
        ("read.paragraph_length", {300: FULL, 301: HALF, 400: HALF, 401: NONE}),
        ("read.sentence_length", {40: FULL, 41: NONE}),
    ],
)
def test_japanese_lengths(name: str, lengths: dict[int, State]) -> None:
    for characters, state in lengths.items():
        html = f"<h2>頭</h2><p>{'字' * characters}</p><h2>二</h2><p>終わりの文です。</p>"
        assert check(name, html, "椅子", language="ja").state is state


@pytest.mark.parametrize(("characters", "state"), [(60, HALF), (61, FULL), (80, FULL), (81, HALF)])
def test_japanese_description(characters: int, state: State) -> None:
    found = check(
        "snippet.meta_length", f"<p>{'字' * 60}</p>", "椅子", language="ja",
        meta_description="字" * characters,
    )  # fmt: skip

    assert found.state is state


@pytest.mark.parametrize(
    ("characters", "band"), [(12, "good"), (13, "long"), (18, "long"), (19, "too_long")]
)
def test_japanese_keyphrase(characters: int, band: str) -> None:
    html = f"<p>{'字' * 60}</p>"

    assert check("keyphrase.length", html, "椅" * characters, language="ja").band == band


# --- not applicable


def test_what_cannot_be_measured_is_not_applicable() -> None:
    thai = score("<p>" + "ก" * 80 + "</p>", "เก้าอี้", language="th", title="T")
    finnish = score(paragraphs(300), "tuoli", language="fi")

    assert {c.check for c in thai.checks if not c.is_applicable} >= {
        "structure.text_length", "structure.section_length", "read.sentence_length",
        "read.paragraph_length", "use.density", "read.passive_voice", "read.transition_words",
        "read.consecutive_starts", "read.word_complexity", "topic.keywords", "topic.attributes",
    }  # fmt: skip
    assert {c.check for c in finnish.checks if c.band == "no_list_for_language"} == {
        "read.passive_voice", "read.transition_words", "read.consecutive_starts",
        "read.word_complexity",
    }  # fmt: skip
    assert thai.score is not None
    assert all(cap.cap != "structure.very_short" for cap in thai.caps)
    assert check("snippet.title_width", title="سلام").band == "script_not_measurable"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"primary": " "}, "no_primary_keyword"),
        ({"language": ""}, "language_unknown"),
        ({"html": "<p>{{ title }} %%sitename%% ${x} ok</p>" * 9}, "template_variables"),
        ({"html": "<p>Short.</p>"}, "too_short"),
    ],
)
def test_what_cannot_be_scored_says_why(fields: dict[str, str], reason: str) -> None:
    found = score(**{"html": "", **fields})

    assert (found.score, found.reason, found.checks) == (None, reason, ())
