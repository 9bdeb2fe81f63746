# ruff: noqa: RUF001 - titles as people write them
from __future__ import annotations

import io

import pytest
from PIL import Image, ImageChops, ImageDraw

from igny8_core.business.content.services.cover_colours import (
    LABEL_CONTRAST,
    TEXT_CONTRAST,
    contrast,
    from_hex,
    palette_for,
)
from igny8_core.business.content.services.cover_type import BLACK, fit, font, writable
from igny8_core.business.content.services.covers import (
    CoverOrder,
    draw_cover,
    encode,
    source_type_of,
)

TITLES = [
    "Sofas",
    "How to choose a salon chair: size, materials and care",
    "Turquoise pillows for every room: colours, covers and how to combine them with what you have",
    "Gartenmöbel für kleine Balkone: Größe, Pflege und Preise – żółć ąę",
    "Αγορά καναπέ: οδηγός",
    "Как выбрать диван для маленькой комнаты",
    "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen",
    "Emoji 🎉 in a title",
    "word " * 80,
    "x" * 300,
]


@pytest.mark.parametrize("title", TITLES)
def test_no_title_leaves_its_box(title: str) -> None:
    cover = draw_cover(CoverOrder(title=title, topic="sofas", label=title, site_name=title))

    assert cover.picture.size == (1200, 630)
    assert cover.title is not None
    assert cover.title.width <= 650
    assert cover.title.height <= 350
    assert 36 <= cover.title.size <= 84
    margin = cover.picture.crop((0, 0, 66, 630))  # left of all text
    gutter = cover.picture.crop((728, 0, 772, 630))  # between text and pattern
    for strip in (margin, gutter):
        assert strip.getcolors() == [(strip.width * strip.height, cover.palette.ground)]


@pytest.mark.parametrize("title", ["コーヒーテーブルの選び方", "أفضل الأرائك", "沙发指南", "🎉🎉"])
def test_of_a_script_that_the_font_lacks_no_title_is_set(title: str) -> None:
    cover = draw_cover(CoverOrder(title=title, topic="sofas"))

    assert cover.title is None
    assert len(cover.picture.getcolors(1_000_000) or []) > 3


@pytest.mark.parametrize("topic", [f"topic {n}" for n in range(24)])
@pytest.mark.parametrize("primary", ["", "#ffffff", "#000000", "#ffe600", "#2a6f97", "nonsense"])
def test_texts_stand_out_from_their_ground(topic: str, primary: str) -> None:
    palette = palette_for(topic, primary=primary, accent=primary)

    assert contrast(palette.title, palette.ground) >= TEXT_CONTRAST
    assert contrast(palette.label, palette.ground) >= LABEL_CONTRAST


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(from_hex("#ffffff"), from_hex("#000000")) == pytest.approx(21)
    assert contrast(from_hex("#777777"), from_hex("#ffffff")) == pytest.approx(4.478, abs=0.001)


def test_the_drawn_title_is_inside_what_was_measured() -> None:
    found = fit(TITLES[1], name=BLACK, width=650, height=350, largest=84, smallest=36)
    canvas = Image.new("L", (1600, 300))
    draw = ImageDraw.Draw(canvas)

    widths = []
    for line in found.lines:
        canvas.paste(0, (0, 0, 1600, 300))
        draw.text((0, 20), line, font=font(BLACK, found.size * 2), fill=255)
        left, _top, right, _bottom = canvas.getbbox() or (0, 0, 0, 0)
        widths.append(right - left)

    assert max(widths) <= 2 * found.width <= 1_300
    assert " ".join(found.lines) == TITLES[1]


def test_the_same_order_draws_the_same_files_and_another_title_others() -> None:
    order = CoverOrder(title="Sofas", topic="sofas")
    one, two = (encode(draw_cover(order).picture, description="x") for _ in range(2))
    other = draw_cover(CoverOrder(title="Beds", topic="sofas"))

    assert one == two
    assert ImageChops.difference(other.picture, draw_cover(order).picture).getbbox()


def test_every_size_and_format_says_how_it_was_made() -> None:
    picture = draw_cover(CoverOrder(title="Sofas", topic="sofas")).picture

    files = encode(picture, description='Cover: "Sofas" & <more>')

    assert [(f.format, f.width, f.height) for f in files] == [
        (kind, width, height)
        for width, height in ((1200, 630), (800, 420), (400, 210))
        for kind in ("avif", "webp", "jpeg")
    ]
    for file in files:
        with Image.open(io.BytesIO(file.data)) as opened:
            assert (opened.format or "").lower() == file.format
            assert opened.size == (file.width, file.height)
        assert source_type_of(file.data) == "algorithmicMedia"
        assert len(file.data) < 120_000


def test_topics_have_patterns_of_their_own() -> None:
    patterns = set()
    for number in range(24):
        cover = draw_cover(CoverOrder(title="Sofas", topic=f"topic {number}"))
        pattern = cover.picture.crop((780, 0, 1200, 630))
        assert len(pattern.getcolors(1_000_000) or []) > 4
        patterns.add(pattern.tobytes())

    assert len(patterns) == 24


def test_a_file_without_the_mark_has_none() -> None:
    out = io.BytesIO()
    Image.new("RGB", (2, 2)).save(out, "png")

    assert source_type_of(out.getvalue()) == ""


def test_what_the_font_cannot_write() -> None:
    assert writable("Kraków – łóżko") == "Kraków – łóżko"
    assert writable("a  b\n c") == "a b c"
    assert writable("🎉 party") == "party"
    assert writable("沙发") is None
    assert writable("") is None
