"""Articles in a real browser: given a time by dragging, made better, read beside their panels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.seeding import Seeded


def test_an_article_is_dragged_to_a_day_and_back(page: Page, seeded: Seeded) -> None:
    page.goto(seeded.path("growing/calendar/?month=2027-05"))
    waiting = page.locator("li[draggable=true]").first
    title = waiting.locator("a").first.inner_text()

    waiting.drag_to(page.locator("#d2027-05-12"))

    day = page.locator("#d2027-05-12")
    expect(day).to_contain_text(title)
    expect(day).to_contain_text("09:00")
    page.get_by_role("button", name="Undo").click()
    expect(day).not_to_contain_text(title)


def test_some_changes_are_taken_and_undone(page: Page, seeded: Seeded) -> None:
    page.goto(seeded.path(f"growing/optimization/{seeded.ids['optimization']}/"))

    page.get_by_role("checkbox").nth(1).uncheck()
    page.get_by_role("button", name="Accept what is ticked").click()

    status = page.locator("h1 [role=status]")
    expect(status).to_have_text("Accepted")
    expect(page.locator("ol")).to_contain_text("Left out")
    page.get_by_role("button", name="Undo").click()
    expect(status).to_have_text("Undone")


def test_panels_change_while_what_was_typed_stays(page: Page, seeded: Seeded) -> None:
    page.goto(seeded.path(f"writing/content/{seeded.ids['content']}/"))
    title = page.get_by_role("textbox", name="Title", exact=True)
    title.fill("Typed, not saved")

    page.get_by_role("link", name="Links", exact=True).click()
    expect(page.get_by_role("heading", name="Could link to")).to_be_visible()
    page.get_by_role("link", name=re.compile("Notes")).click()
    page.get_by_role("textbox", name="Note for the others").fill("Looks good.")
    page.get_by_role("button", name="Add", exact=True).click()

    expect(page.get_by_role("article", name="Note of Mo Winter").first).to_contain_text(
        "Looks good."
    )
    expect(title).to_have_value("Typed, not saved")
    expect(page).to_have_url(re.compile(r"panel=notes$"))
