"""Pictures of every screen: `make screenshots` writes them, people look at them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.screens import SCREENS
from tests.browser.screens_more import MORE

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.seeding import Seeded

ALL = SCREENS | MORE
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def folder(request: pytest.FixtureRequest) -> Path:
    """Asked for before the server, which nobody needs when there is none."""
    given = request.config.getoption("--pictures")
    if given is None:
        pytest.skip("no --pictures FOLDER was given")
    found = Path(given)
    found.mkdir(parents=True, exist_ok=True)
    return found


@pytest.mark.refused(404, 422)
@pytest.mark.parametrize("name", sorted(ALL))
def test_picture(folder: Path, name: str, page: Page, seeded: Seeded, server: str) -> None:
    for theme in ("light", "dark"):
        page.context.add_cookies([{"name": "theme", "value": theme, "url": server}])
        ALL[name].open(page, seeded)
        page.screenshot(path=folder / f"{name}-{theme}.png")
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]  # a size
    page.context.add_cookies([{"name": "theme", "value": "light", "url": server}])
    ALL[name].open(page, seeded)
    page.screenshot(path=folder / f"{name}-phone.png")
