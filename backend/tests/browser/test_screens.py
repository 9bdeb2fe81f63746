"""Every screen in both themes: accessible, without an error in the console, as wide as a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.screens import SCREENS

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.seeding import Seeded

PHONE = 390
FIRST_LOAD_BYTES_MAX = 130_000
REQUESTS_MAX = 10


@pytest.mark.refused(404)
@pytest.mark.parametrize("name", sorted(SCREENS))
def test_a_screen_is_accessible_in_both_themes_and_fits_a_phone(
    name: str, page: Page, seeded: Seeded, axe: Callable[[], list[str]]
) -> None:
    screen = SCREENS[name]
    screen.open(page, seeded)

    found = {}
    for theme in ("light", "dark"):
        page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        found[theme] = axe()
    page.set_viewport_size({"width": PHONE, "height": 844})
    width = page.evaluate("document.documentElement.scrollWidth")

    assert found == {"light": [], "dark": []}
    assert width <= PHONE


def test_the_first_load_of_a_list_keeps_to_its_budget(page: Page, seeded: Seeded) -> None:
    page.goto(seeded.path("planning/keywords/"))
    page.wait_for_load_state("networkidle")

    loaded = page.evaluate(
        "['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))"
        ".map(entry => entry.transferSize)"
    )

    assert len(loaded) <= REQUESTS_MAX
    assert 0 < sum(loaded) <= FIRST_LOAD_BYTES_MAX
