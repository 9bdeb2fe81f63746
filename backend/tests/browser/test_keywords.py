"""Keywords and imports in a real browser: search, selection, dialogs, keys, a file on its way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from playwright.sync_api import FilePayload, expect

from igny8_core.business.planning.models import KeywordImport
from igny8_core.business.planning.services.import_keywords import run_keyword_import
from tests.browser.seeding import csv_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page

    from tests.browser.seeding import Seeded

KEYWORDS, IMPORTS = "planning/keywords/", "planning/imports/"


def test_search_goes_into_the_address_and_keeps_the_focus(page: Page, seeded: Seeded) -> None:
    page.goto(seeded.path(KEYWORDS))

    page.keyboard.press("/")
    page.locator("#q").press_sequentially("moka")

    expect(page).to_have_url(re.compile(r"\?q=moka$"))
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("tbody tr").first).to_contain_text("moka pot")
    page.go_back()
    expect(page.locator("tbody tr").first).to_contain_text("espresso machine")


def test_a_filter_chip_says_what_it_does_and_is_taken_out(page: Page, seeded: Seeded) -> None:
    page.goto(seeded.path(KEYWORDS))

    page.get_by_role("button", name="Difficulty").click()
    page.locator("[name=difficulty_max]").fill("20")
    page.keyboard.press("Tab")

    expect(page.get_by_role("button", name=re.compile("Difficulty: 0.20"))).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Clear", exact=True).click()
    expect(page).to_have_url(re.compile(r"\?view=all$"))


def test_a_selection_survives_paging_and_takes_everything_that_matches(
    page: Page, seeded: Seeded
) -> None:
    page.goto(seeded.path(KEYWORDS))
    rows = page.locator("tbody .check")
    rows.nth(1).click()
    rows.nth(5).click(modifiers=["Shift"])

    page.get_by_label("Next page").click()

    count = page.locator("[data-bulk-target=count]")
    expect(page).to_have_url(re.compile("page=2"))
    expect(count).to_have_text("5")
    page.locator("thead .check").click()
    expect(count).to_have_text("55")
    page.get_by_role("button", name=re.compile(r"Select all \d+ matching")).click()
    expect(count).to_have_text(re.compile(r"2\d\d"))
    page.get_by_label("Clear selection").click()
    expect(page.locator(".bulk")).to_be_hidden()


def test_a_bulk_act_asks_is_done_and_is_taken_back(page: Page, seeded: Seeded) -> None:
    page.goto(seeded.path(f"{KEYWORDS}?q=turkish&sort=keyword"))
    total = page.locator("#filters b").first
    before = total.inner_text()
    page.locator("tbody .check").first.click()

    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(total).to_have_text(str(int(before) - 1))
    page.get_by_role("button", name="Undo").click()
    expect(total).to_have_text(before)


def test_a_dialog_gives_the_focus_back_to_what_opened_it(page: Page, seeded: Seeded) -> None:
    page.goto(seeded.path(KEYWORDS))
    more = page.locator("tbody a[id^=more]").nth(2)
    more.focus()

    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(more).to_be_focused()


def test_the_first_tab_skips_to_the_content(page: Page, seeded: Seeded) -> None:
    page.goto(seeded.path(KEYWORDS))

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("#main")).to_be_focused()


def test_the_theme_is_kept(page: Page, seeded: Seeded) -> None:
    page.emulate_media(color_scheme="light")
    page.goto(seeded.path(KEYWORDS))

    page.get_by_label("Switch light or dark theme").click()
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_list_works_without_script(browser: Browser, server: str, seeded: Seeded) -> None:
    plain = browser.new_context(base_url=server, java_script_enabled=False)
    plain.add_cookies([{"name": "sessionid", "value": seeded.session, "url": server}])
    page = plain.new_page()
    page.goto(seeded.path(KEYWORDS))

    page.locator("#q").fill("moka")
    page.get_by_role("button", name="Apply").click()

    expect(page.locator("tbody tr").first).to_contain_text("moka pot")
    plain.close()


@pytest.mark.refused(404)
def test_a_page_that_is_not_there_says_so(page: Page, seeded: Seeded) -> None:
    page.goto(seeded.path("planning/keywords/999999999/"))

    expect(page.locator("h1")).to_have_text("Not here")


def test_a_file_is_dropped_looked_at_and_imported_while_one_watches(
    page: Page, seeded: Seeded, rows: Callable[[Callable[[], Any]], Any]
) -> None:
    page.goto(seeded.path(IMPORTS, empty=True))
    file = FilePayload(name="beans_ahrefs.csv", mimeType="text/csv", buffer=csv_file(start=1))

    page.set_input_files("input[type=file]", file)
    page.get_by_role("button", name="Import 40 keywords").click()
    expect(page).to_have_url(re.compile(r"/imports/\d+/$"))
    rows(lambda: work(seeded))
    page.reload()

    expect(page.locator("h1")).to_contain_text("Imported")
    page.get_by_role("link", name="Look at the keywords").click()
    expect(page.locator("tbody tr").first).to_contain_text("coffee beans 40")


def work(seeded: Seeded) -> None:
    """What a worker does with the newest import."""
    found = KeywordImport.unscoped.filter(sector=seeded.empty).latest("pk")
    run_keyword_import(account=seeded.account, import_id=found.pk, clock=timezone.now)
