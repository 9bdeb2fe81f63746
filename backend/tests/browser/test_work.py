"""Ideas, articles and runs in a real browser: dragged, typed, paused, found."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.seeding import Seeded


def test_an_idea_is_dragged_to_the_queue_and_asked_about(page: Page, seeded: Seeded) -> None:
    page.goto(seeded.path("planning/ideas/?q=aeropress: seven"))
    card = page.locator("[data-status=new] .board-card").first
    title = card.locator("h3").inner_text()

    card.drag_to(page.locator("[data-status=queued]"), target_position={"x": 60, "y": 40})
    page.get_by_role("dialog").get_by_role("button", name="Accept").click()

    expect(page.locator("[data-status=queued]")).to_contain_text(title)
    expect(page.locator("[data-status=new]")).not_to_contain_text(title)


@pytest.mark.refused(422)
def test_an_article_is_edited_saved_and_approved(page: Page, seeded: Seeded) -> None:
    page.goto(seeded.path(f"writing/content/{seeded.ids['content']}/"))
    text = page.get_by_role("textbox", name="Text of the article")

    text.click()
    page.keyboard.press("Control+End")
    page.keyboard.type(" Written in the browser.")
    page.get_by_role("button", name="Save").click()

    expect(page.locator(".review-text")).to_contain_text("version 2")
    expect(text).to_contain_text("Written in the browser.")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("alert")).to_contain_text("needs a reason to go on as it is")
    page.get_by_label("Why it may go out as it is").fill("A first look.")
    page.get_by_role("button", name="Approve with this reason").click()
    expect(page.locator(".review-text .pill").first).to_have_text("Approved")
    expect(page.get_by_role("region", name="Before it goes out")).to_contain_text("A first look.")


def test_a_run_is_paused_and_resumed_while_one_watches(page: Page, seeded: Seeded) -> None:
    page.goto(seeded.path(f"growing/runs/{seeded.ids['run']}/"))

    page.get_by_role("button", name="Pause").click()

    status = page.get_by_role("status").first
    expect(status).to_have_text("Paused")
    page.get_by_role("button", name="Resume").click()
    expect(status).to_have_text("Running")


def test_ctrl_k_finds_an_article(page: Page, seeded: Seeded) -> None:
    page.goto(seeded.path("planning/keywords/"))
    page.keyboard.press("Control+k")

    page.locator("#jump-q").press_sequentially("moka")
    page.get_by_role("link", name="Moka pot explained").click()

    expect(page).to_have_url(re.compile(r"/writing/content/\d+/$"))
