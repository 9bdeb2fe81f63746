"""The guided tour names screens that are photographed, and says which pictures are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

import tour_pictures

if TYPE_CHECKING:
    from pathlib import Path

SCREENS = tour_pictures.ROOT / "backend/tests/browser/screens.py"


def test_the_tour_shows_screens_that_there_are() -> None:
    shown = tour_pictures.names(tour_pictures.PAGE.read_text(encoding="utf-8"))
    known = SCREENS.read_text(encoding="utf-8")

    assert len(shown) == len(set(shown)) >= 10
    assert [name for name in shown if f'"{name}": Screen(' not in known] == []


def test_pictures_are_made_of_those_that_were_taken(tmp_path: Path) -> None:
    shown = tour_pictures.names(tour_pictures.PAGE.read_text(encoding="utf-8"))
    for name in shown[1:]:
        Image.new("RGB", (1440, 900)).save(tmp_path / f"{name}-light.png")

    missing = tour_pictures.main(tmp_path, tmp_path / "tour")
    Image.new("RGB", (1440, 900)).save(tmp_path / f"{shown[0]}-light.png")
    whole = tour_pictures.main(tmp_path, tmp_path / "tour")

    assert (missing, whole) == (1, 0)
    with Image.open(tmp_path / "tour" / f"{shown[0]}.webp") as picture:
        assert picture.size == (1200, 750)
