from __future__ import annotations

import pytest

from igny8_core.business.publishing.services.site_look import (
    DARK_PAPER,
    LIGHT_PAPER,
    READABLE,
    accents,
    contrast,
    initial,
)
from igny8_core.business.publishing.services.site_markup import (
    absolute_body,
    anchor,
    article_body,
    plain_text,
)
from igny8_core.business.publishing.services.structured_data import script_json


def test_headings_get_anchors_of_their_own() -> None:
    body = article_body(
        "<h2>Care &amp; use</h2><h2>Care, use!</h2><h2>!</h2>"
        '<h2 id="care-use-2">Given</h2><h3>site_related</h3>',
        [],
    )

    assert body.contents == (
        ("care-use", "Care & use"),
        ("care-use-3", "Care, use!"),
        ("section", "!"),
        ("care-use-2", "Given"),
    )
    assert 'h3 id="site_related-2"' in body.html


def picture(position: int) -> dict[str, object]:
    return {
        "position": position,
        "sources": [],
        "src": f"/{position}.webp",
        "srcset": f"/{position}.webp 1200w",
        "width": 1200,
        "height": 630,
        "alt": f"Image {position}",
        "caption": "",
    }


def test_images_go_where_the_text_wants_them() -> None:
    source = '<p>a</p><figure id="image-2"></figure>tail<figure id="image-5"></figure><p>b</p>'

    body = article_body(source, [picture(1), picture(2)])

    assert body.html.count("<img") == 2
    assert body.html.index("/2.webp") < body.html.index("tail") < body.html.index("<p>b</p>")
    assert body.html.index("<p>b</p>") < body.html.index("/1.webp")
    assert "image-" not in body.html


def test_a_figure_of_the_text_itself_stays() -> None:
    source = '<figure id="image-1"><figcaption>x</figcaption></figure>'

    assert article_body(source, []).html == source


def test_few_headings_need_no_contents_list() -> None:
    assert article_body("<h2>One</h2><h2>Two</h2>", []).contents == ()


def test_wide_tables_scroll_and_say_what_they_are() -> None:
    body = article_body("<table><caption>Prices</caption><tr><td>1</td></tr></table>after", [])

    assert body.html.startswith('<section class="scroll" tabindex="0" aria-label="Prices"><table>')
    assert body.html.endswith("</table></section>after")


def test_links_to_new_windows_tell_nothing() -> None:
    body = article_body('<a href="https://a.test" target="_blank" rel="nofollow">a</a>', [])

    assert 'rel="nofollow noopener"' in body.html


def test_text_without_markup_stays() -> None:
    assert article_body("1 &lt; 2 &amp; <b>x</b>", []).html == "1 &lt; 2 &amp; <b>x</b>"


def test_an_empty_body_stays_empty() -> None:
    assert article_body("", []).html == ""


def test_small_formats_come_first_and_a_feed_gets_what_all_can_show() -> None:
    sources = [
        {"type": "image/avif", "srcset": "/1.avif 1200w"},
        {"type": "image/webp", "srcset": "/1.webp 1200w"},
    ]
    shown = picture(1) | {"sources": sources, "src": "/1.jpg", "srcset": ""}

    body = article_body('<figure id="image-1"></figure>', [shown]).html

    sizes = 'sizes="(min-width: 46rem) 42rem, calc(100vw - 2.5rem)"'
    assert body == (
        f'<figure><picture><source type="image/avif" srcset="/1.avif 1200w" {sizes}>'
        f'<source type="image/webp" srcset="/1.webp 1200w" {sizes}>'
        '<img src="/1.jpg" width="1200" height="630" alt="Image 1" loading="lazy"'
        ' decoding="async"></picture></figure>'
    )
    assert absolute_body(body, "https://a.test/x/") == (
        '<figure><img src="https://a.test/1.jpg" width="1200" height="630" alt="Image 1"></figure>'
    )


def test_a_feed_gets_absolute_addresses_and_plain_images() -> None:
    source = '<p><a href="../b/">b</a><img src="/i.png" srcset="/i.png 1x" sizes="1px"></p>'

    assert absolute_body(source, "https://a.test/x/a/") == (
        '<p><a href="https://a.test/x/b/">b</a><img src="https://a.test/i.png"></p>'
    )


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("<p>One two three</p>", 20, "One two three"),
        ("<p>One two, three</p>", 12, "One two…"),
        ("", 10, ""),
    ],
)
def test_plain_text_ends_at_a_word(text: str, limit: int, expected: str) -> None:
    assert plain_text(text, limit) == expected


def test_an_anchor_is_short_and_ends_with_a_word() -> None:
    assert anchor("  Größe & Preis: alles? ") == "größe-preis-alles"
    assert len(anchor("word " * 40)) <= 60
    assert not anchor("word " * 40).endswith("-")


def test_json_in_a_script_cannot_end_it() -> None:
    text = script_json({"a": "</script><!--&\u2028\u2029"})

    assert text == ('{"a":"\\u003c/script\\u003e\\u003c!--\\u0026\\u2028\\u2029"}')


@pytest.mark.parametrize("colour", ["#ffff00", "#000000", "#ffffff", "#0f6d63", "#777777", ""])
def test_the_accent_can_be_read_on_both_papers(colour: str) -> None:
    light, dark = accents(colour, "Sofa House")

    assert contrast(light, LIGHT_PAPER) >= READABLE
    assert contrast(dark, DARK_PAPER) >= READABLE


def test_a_colour_that_is_none_never_reaches_the_style_sheet() -> None:
    assert accents("red;}body{display:none", "Sofa House") == accents("", "Sofa House")


def test_black_and_white_are_as_far_apart_as_can_be() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize(("name", "letter"), [("sofa", "S"), ("«été»", "É"), ("!!", "•")])
def test_the_initial_of_a_name(name: str, letter: str) -> None:
    assert initial(name) == letter
