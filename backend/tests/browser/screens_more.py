"""Screens that are looked at in pictures besides: dialogs, forms with mistakes, the entrance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.screens import Screen, accepts, opens

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page


def bulk(name: str, *, among: str = "tbody .check") -> Callable[[Page], None]:
    """Tick a few rows and ask for an act on them."""

    def prepare(page: Page) -> None:
        boxes = page.locator(among)
        boxes.nth(1).click()
        boxes.nth(2).click()
        page.locator(".bulk").get_by_role("button", name=name, exact=True).click()
        page.locator("dialog[open]").wait_for()

    return prepare


def sends(button: str, **fields: str) -> Callable[[Page], None]:
    """Fill a form in as somebody who is in a hurry, and send it."""

    def prepare(page: Page) -> None:
        for label, value in fields.items():
            page.get_by_label(label.replace("_", " "), exact=True).first.fill(value)
        page.evaluate("document.querySelectorAll('form').forEach(form => form.noValidate = true)")
        page.get_by_role("button", name=button, exact=True).click()
        page.wait_for_load_state("networkidle")

    return prepare


def opens_menu(selector: str) -> Callable[[Page], None]:
    """Open a popover by what opens it."""

    def prepare(page: Page) -> None:
        page.locator(selector).first.click()

    return prepare


def unfolds(page: Page) -> None:
    """Open everything that is folded up."""
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


MORE = {
    "sign-in": Screen("/sign-in/", is_out=True),
    "sign-in-wrong": Screen(
        "/sign-in/",
        is_out=True,
        prepare=sends("Sign in", **{"E-mail address": "a@example.com", "Password": "no"}),
    ),
    "sign-up": Screen("/sign-up/", is_out=True),
    "sign-up-form": Screen("/sign-up/?industry=furniture", is_out=True),
    "sign-up-wrong": Screen(
        "/sign-up/?industry=furniture", is_out=True, prepare=sends("Open the account")
    ),
    "reset": Screen("/password/reset/", is_out=True),
    "security": Screen("/settings/security/"),
    "password": Screen("/settings/security/password/"),
    "account-new": Screen("/accounts/new/"),
    "site-industry": Screen("/settings/sites/new/"),
    "site-new": Screen("/settings/sites/new/?industry=furniture"),
    "site-new-wrong": Screen(
        "/settings/sites/new/?industry=furniture", prepare=sends("Add the site")
    ),
    "team-wrong": Screen(
        "/settings/team/", prepare=sends("Send the invitation", **{"E-mail address": "nobody"})
    ),
    "api-key-made": Screen("/settings/api-keys/", prepare=sends("Make the key", Name="Reports")),
    "webhooks-wrong": Screen(
        "/settings/webhooks/", prepare=sends("Add", Address="http://localhost/")
    ),
    "webhook-remove": Screen(
        "/settings/webhooks/{endpoint}/", prepare=opens("[action*='/remove/'] button")
    ),
    "webhook-secret": Screen(
        "/settings/webhooks/{endpoint}/", prepare=opens("[action*='/secret/'] button")
    ),
    "provider-remove": Screen(
        "/settings/ai/{provider}/", prepare=opens("[action*='/remove/'] button")
    ),
    "connect-shopify-wrong": Screen(
        "/settings/sites/{second}/connect/shopify/", prepare=sends("Connect and check")
    ),
    "connect-custom-wrong": Screen(
        "/settings/sites/{second}/connect/custom/",
        prepare=sends("Connect and check", **{"Address of the site": "shop"}),
    ),
    "connect-wordpress-wrong": Screen(
        "/settings/sites/{second}/connect/wordpress/", prepare=sends("Connect and check")
    ),
    "integration-open": Screen(
        "/settings/sites/{site}/integrations/{integration}/", prepare=unfolds
    ),
    "automation-wrong": Screen(
        "growing/automation/",
        prepare=sends("Save", **{"Credits a run, at most": "lots", "Monthly: on day": "77"}),
    ),
    "keywords-move": Screen("planning/keywords/", prepare=bulk("Move to cluster")),
    "keywords-delete": Screen("planning/keywords/", prepare=bulk("Delete")),
    "keywords-cluster": Screen("planning/keywords/", prepare=opens("[action$='/cluster/']")),
    "keywords-export": Screen(
        "planning/keywords/", prepare=opens_menu("[popovertarget=export-menu]")
    ),
    "keywords-volume": Screen("planning/keywords/", prepare=opens_menu("[popovertarget=f-volume]")),
    "clusters-merge": Screen("planning/clusters/", prepare=bulk("Merge")),
    "clusters-delete": Screen("planning/clusters/", prepare=bulk("Delete")),
    "clusters-ideas": Screen("planning/clusters/", prepare=bulk("Make ideas")),
    "idea-menu": Screen("planning/ideas/", prepare=opens_menu(".board-card .btn-icon")),
    "import-undo": Screen(
        "planning/imports/{imported}/", is_empty=True, prepare=opens("[action$='/undo/']")
    ),
    "import-again": Screen("planning/imports/{analysed}/", is_empty=True, prepare=unfolds),
    "tasks-write": Screen("writing/tasks/", prepare=bulk("Write")),
    "contents-approve": Screen("writing/content/", prepare=bulk("Approve")),
    "contents-send-back": Screen("writing/content/", prepare=bulk("Send back")),
    "contents-delete": Screen("writing/content/", prepare=bulk("Delete")),
    "taxonomy-delete": Screen("writing/taxonomies/", prepare=opens("tbody form button")),
    "nav": Screen("planning/keywords/", prepare=opens_menu("[popovertarget=nav]:visible, #main")),
    "site-menu": Screen(
        "/billing/", prepare=opens_menu("[popovertarget=site-menu]:visible, #main")
    ),
    "who-menu": Screen("/billing/", prepare=opens_menu("[popovertarget=who-menu]")),
    "gallery": Screen("/ops/ui/", is_ops=True),
    "ops-act": Screen("/ops/act/", is_ops=True),
    "long-idea-accept": Screen("/s/{long}/{long_sector}/planning/ideas/", prepare=accepts),
    "long-content": Screen("/s/{long}/{long_sector}/writing/content/{long_content}/"),
    "long-content-links": Screen(
        "/s/{long}/{long_sector}/writing/content/{long_content}/?panel=links"
    ),
    "long-publishing-deploy": Screen(
        "/s/{long}/{long_sector}/growing/publishing/", prepare=opens("header .btn-primary")
    ),
    "long-jump": Screen("/s/{long}/{long_sector}/planning/keywords/", prepare=opens("#jump")),
    "long-images-open": Screen(
        "/s/{long}/{long_sector}/writing/images/", prepare=opens(".shot-view")
    ),
    "long-clusters-merge": Screen(
        "/s/{long}/{long_sector}/planning/clusters/", prepare=bulk("Merge")
    ),
    "long-site": Screen("/settings/sites/{long}/"),
    "long-voice": Screen("/settings/sites/{long}/voice/"),
    "long-setup": Screen("/s/{long}/setup/?step=place"),
    "long-optimization": Screen("/s/{long}/{long_sector}/growing/optimization/"),
    "long-automation": Screen("/s/{long}/{long_sector}/growing/automation/"),
    "long-account": Screen("/settings/account/?account={long_account}"),
    "long-usage": Screen("/billing/usage/?account={long_account}"),
    "long-plan": Screen("/billing/plan/?account={long_account}"),
}
