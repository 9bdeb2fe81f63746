"""What a browser has to load, in bytes; and names that may be kept for good."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import ImproperlyConfigured

from igny8_core.web import assets

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings

KB = 1_000
BUDGETS = {
    "app.js": 40 * KB,
    "app.css": 15 * KB,
    "chunks/editor.js": 120 * KB,
    "chunks/topic-map.js": 25 * KB,
}


def names() -> dict[str, str]:
    found: dict[str, str] = json.loads((assets.DIST / "manifest.json").read_text())
    return found


@pytest.mark.parametrize("name", BUDGETS)
def test_a_compiled_file_keeps_to_its_budget(name: str) -> None:
    path = assets.DIST / f"{names()[name]}.br"

    assert path.stat().st_size <= BUDGETS[name]


def test_the_preloaded_font_keeps_to_its_budget() -> None:
    path = assets.DIST / names()["fonts/inter-latin-wght-normal.woff2"]

    assert path.stat().st_size <= 50 * KB


def test_every_name_carries_a_hash(settings: Settings) -> None:
    import re

    kept_for_good = re.compile(settings.SERVESTATIC_IMMUTABLE_FILE_TEST)

    assert [name for name in names().values() if not kept_for_good.search(name)] == []
    assert assets.asset_url("app.css") == f"/static/dist/{names()['app.css']}"


def test_what_is_not_compiled_is_said(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEBUG = True  # reads the manifest each time
    with pytest.raises(ImproperlyConfigured, match=r"no compiled file 'none\.js'"):
        assets.asset_url("none.js")
    monkeypatch.setattr(assets, "DIST", tmp_path)
    with pytest.raises(ImproperlyConfigured, match="make assets"):
        assets.asset_url("app.js")
