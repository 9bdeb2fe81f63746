"""Every screen that the browser tests look at, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.seeding import Seeded


def nothing(_page: Page) -> None:
    """The screen as it opens."""


@dataclass(frozen=True)
class Screen:
    """One screen.

    :ivar path: below the sector when it does not begin with a slash.
    :ivar prepare: what opens on it: a menu, a dialog, a selection.
    :ivar is_ops: of operators: one of them is signed in.
    :ivar is_out: of the entrance: nobody is signed in.
    """

    path: str
    is_empty: bool = False
    prepare: Callable[[Page], None] = nothing
    is_ops: bool = False
    is_out: bool = False

    def address(self, seeded: Seeded) -> str:
        """Where it is."""
        path = self.path.format(site=seeded.site.pk, **seeded.ids)
        return path if path.startswith("/") else seeded.path(path, empty=self.is_empty)

    def open(self, page: Page, seeded: Seeded) -> None:
        """Go there as somebody who may, and open what is to be open."""
        if self.is_ops:
            host = {"domain": "127.0.0.1", "path": "/"}
            session = {"name": "sessionid", "value": seeded.operator_session} | host
            page.context.add_cookies([session])  # type: ignore[list-item]  # a cookie
        if self.is_out:
            page.context.clear_cookies(name="sessionid")
        page.goto(self.address(seeded))
        self.prepare(page)


def select_rows(page: Page) -> None:
    """Tick a few rows, so that the bar of bulk actions shows."""
    boxes = page.locator("tbody .check")
    boxes.nth(1).click()
    boxes.nth(3).click(modifiers=["Shift"])


def opens(selector: str) -> Callable[[Page], None]:
    """Click something and wait for its dialog."""

    def prepare(page: Page) -> None:
        found = page.locator(selector).first
        button = found.locator("button")
        (button.first if button.count() else found).click()
        page.locator("dialog[open]").wait_for()

    return prepare


def menu(selector: str) -> Callable[[Page], None]:
    """Open a popover."""

    def prepare(page: Page) -> None:
        page.locator(selector).first.click()

    return prepare


def shown(selector: str) -> Callable[[Page], None]:
    """Wait until an island has drawn itself."""

    def prepare(page: Page) -> None:
        page.locator(selector).first.wait_for()

    return prepare


def accepts(page: Page) -> None:
    """Tick two ideas and ask what accepting them would cost."""
    boxes = page.locator(".board-card .check")
    boxes.nth(0).click()
    boxes.nth(2).click()
    page.get_by_role("button", name="Accept", exact=True).click()
    page.locator("dialog[open]").wait_for()


def panel(name: str) -> Callable[[Page], None]:
    """Wait until a panel beside the article is open."""

    def prepare(page: Page) -> None:
        page.locator(f"#panel .tab[aria-current]:has-text('{name}')").wait_for()

    return prepare


def pictured(page: Page) -> None:
    """Wait until the pictures in sight are there."""
    page.locator(".shot img").first.wait_for()
    page.wait_for_load_state("networkidle")


def tries_a_price(page: Page) -> None:
    """Ask what another price would have meant."""
    page.get_by_label("Credits", exact=True).fill("1.5")
    page.get_by_role("button", name="See the effect").click()
    page.get_by_text("Last 30 days at this price").wait_for()


def looks_at_the_books(page: Page) -> None:
    """Search once."""
    page.get_by_role("button", name="Look now: Invoices").click()
    page.get_by_role("heading", name="All of it agrees").first.wait_for()


def schedules(page: Page) -> None:
    """Tick a few articles and ask when they go live."""
    select_rows(page)
    page.get_by_role("button", name="Schedule", exact=True).click()
    page.locator("dialog[open]").wait_for()


LONG = "/s/{long}/{long_sector}/"
SCREENS = {
    "keywords": Screen("planning/keywords/"),
    "keywords-narrowed": Screen(
        "planning/keywords/?volume_min=500&difficulty_max=60", prepare=select_rows
    ),
    "keywords-menu": Screen("planning/keywords/", prepare=menu("[popovertarget=f-intent]")),
    "keywords-none": Screen("planning/keywords/?q=zzzz"),
    "keywords-empty": Screen("planning/keywords/", is_empty=True),
    "keyword": Screen("planning/keywords/", prepare=opens("tbody a[id^=more]")),
    "imports": Screen("planning/imports/", is_empty=True),
    "import-waits": Screen("planning/imports/{analysed}/", is_empty=True),
    "import-done": Screen("planning/imports/{imported}/", is_empty=True),
    "clusters": Screen("planning/clusters/", prepare=select_rows),
    "clusters-empty": Screen("planning/clusters/", is_empty=True),
    "cluster-map": Screen("planning/clusters/map/", prepare=shown(".tm-cluster")),
    "cluster": Screen("planning/clusters/{cluster}/"),
    "ideas": Screen("planning/ideas/"),
    "ideas-empty": Screen("planning/ideas/", is_empty=True),
    "idea": Screen("planning/ideas/", prepare=opens(".board-card h3 a")),
    "idea-accept": Screen("planning/ideas/", prepare=accepts),
    "tasks": Screen("writing/tasks/"),
    "tasks-empty": Screen("writing/tasks/", is_empty=True),
    "contents": Screen("writing/content/"),
    "contents-schedule": Screen("writing/content/", prepare=schedules),
    "contents-empty": Screen("writing/content/", is_empty=True),
    "content": Screen("writing/content/{content}/", prepare=shown(".ProseMirror")),
    "content-published": Screen("writing/content/{published}/"),
    "content-brief": Screen("writing/content/{content}/?panel=brief", prepare=panel("Brief")),
    "content-links": Screen("writing/content/{content}/?panel=links", prepare=panel("Links")),
    "content-images": Screen("writing/content/{content}/?panel=images", prepare=pictured),
    "content-notes": Screen("writing/content/{content}/?panel=notes", prepare=panel("Notes")),
    "content-topics": Screen("writing/content/{content}/?panel=topics", prepare=panel("Topics")),
    "content-versions": Screen("writing/content/{content}/?panel=versions"),
    "content-schedule": Screen(
        "writing/content/{content}/", prepare=menu("[popovertarget=schedule]")
    ),
    "content-check": Screen("writing/content/{content}/", prepare=opens("[action$='/check/']")),
    "images": Screen("writing/images/", prepare=pictured),
    "images-empty": Screen("writing/images/", is_empty=True),
    "image": Screen("writing/images/?view=generated", prepare=opens(".shot-view")),
    "image-failed": Screen("writing/images/?view=failed", prepare=opens(".shot-view")),
    "image-make": Screen("writing/images/?view=pending", prepare=opens(".shot button")),
    "taxonomies": Screen("writing/taxonomies/"),
    "taxonomies-tags": Screen("writing/taxonomies/?view=tag"),
    "taxonomies-roles": Screen("writing/taxonomies/?view=roles"),
    "taxonomies-facts": Screen("writing/taxonomies/?view=facts"),
    "taxonomies-empty": Screen("writing/taxonomies/?view=facts", is_empty=True),
    "taxonomy": Screen("writing/taxonomies/", prepare=opens("tbody th a")),
    "taxonomy-fact": Screen(
        "writing/taxonomies/?view=facts", prepare=opens("#taxonomies .btn-primary")
    ),
    "taxonomy-role": Screen(
        "writing/taxonomies/?view=roles", prepare=opens("#taxonomies .btn-primary")
    ),
    "cluster-split": Screen("planning/clusters/{cluster}/", prepare=opens("[action$='/split/']")),
    "cluster-again": Screen("planning/clusters/", prepare=opens("[action$='/again/']")),
    "cluster-proposal": Screen("planning/clusters/proposals/{proposal}/", prepare=select_rows),
    "cluster-proposal-accept": Screen(
        "planning/clusters/proposals/{proposal}/", prepare=opens("header .btn-primary")
    ),
    "optimizations": Screen("growing/optimization/"),
    "optimizations-empty": Screen("growing/optimization/", is_empty=True),
    "optimization": Screen("growing/optimization/{optimization}/"),
    "optimization-text": Screen("growing/optimization/{optimization}/?show=text"),
    "optimization-done": Screen("growing/optimization/{decided}/"),
    "optimization-ask": Screen(
        "growing/optimization/", prepare=opens("[action$='/optimization/ask/']")
    ),
    "calendar": Screen("growing/calendar/"),
    "calendar-none": Screen("growing/calendar/?month=2031-03"),
    "calendar-week": Screen("growing/calendar/?view=week"),
    "calendar-slot": Screen(
        "growing/calendar/", prepare=opens("li .btn[href*='/growing/calendar/']")
    ),
    "settings-voice": Screen("/settings/sites/{site}/voice/"),
    "overview": Screen("/s/{site}/"),
    "settings-account": Screen("/settings/account/"),
    "settings-team": Screen("/settings/team/"),
    "settings-sites": Screen("/settings/sites/"),
    "settings-site": Screen("/settings/sites/{site}/"),
    "settings-api-keys": Screen("/settings/api-keys/"),
    "settings-profile": Screen("/settings/profile/"),
    "integrations": Screen("/settings/integrations/"),
    "integration": Screen("/settings/sites/{site}/integrations/{integration}/"),
    "integration-doctor": Screen("/settings/sites/{site}/integrations/{integration}/doctor/"),
    "integration-doctor-none": Screen("/settings/sites/{site}/integrations/{shop}/doctor/"),
    "integration-log": Screen("/settings/sites/{site}/integrations/{integration}/log/"),
    "integration-log-none": Screen("/settings/sites/{site}/integrations/{integration}/log/?q=zzz"),
    "integration-conflicts": Screen("/settings/sites/{site}/integrations/{integration}/conflicts/"),
    "integration-conflicts-none": Screen("/settings/sites/{site}/integrations/{shop}/conflicts/"),
    "integration-disconnect": Screen(
        "/settings/sites/{site}/integrations/{integration}/",
        prepare=opens("[action$='/disconnect/'] button"),
    ),
    "integration-choose": Screen("/settings/sites/{site}/connect/"),
    "integration-wordpress": Screen("/settings/sites/{second}/connect/wordpress/"),
    "integration-shopify": Screen("/settings/sites/{second}/connect/shopify/"),
    "integration-custom": Screen("/settings/sites/{second}/connect/custom/"),
    "providers": Screen("/settings/ai/"),
    "provider": Screen("/settings/ai/{provider}/"),
    "provider-new": Screen("/settings/ai/new/openai_compatible/"),
    "provider-test": Screen("/settings/ai/", prepare=opens("[action*='/test/'] button")),
    "webhooks": Screen("/settings/webhooks/"),
    "webhook": Screen("/settings/webhooks/{endpoint}/"),
    "webhook-delivery": Screen(
        "/settings/webhooks/{endpoint}/", prepare=opens("tbody a[id^=open]")
    ),
    "notices": Screen("/notices/"),
    "setup-place": Screen("/s/{second}/setup/"),
    "setup-keywords": Screen("/s/{second}/setup/?step=keywords"),
    "automation": Screen("growing/automation/", prepare=shown("#estimate dl, #estimate table")),
    "automation-estimate": Screen("growing/automation/estimate/"),
    "run": Screen("growing/runs/{run}/"),
    "publishing": Screen("growing/publishing/"),
    "publishing-deploy": Screen("growing/publishing/", prepare=opens("header .btn-primary")),
    "jump": Screen("planning/keywords/", prepare=opens("#jump")),
    "billing": Screen("/billing/"),
    "ledger": Screen("/billing/ledger/"),
    "usage": Screen("/billing/usage/"),
    "prices": Screen("/billing/prices/"),
    "plan": Screen("/billing/plan/"),
    "plan-none": Screen("/billing/plan/?account={fresh}"),
    "plan-order": Screen("/billing/plan/team/"),
    "plan-owed": Screen("/billing/plan/?account={behind}"),
    "billing-owed": Screen("/billing/?account={behind}"),
    "buy": Screen("/billing/buy/"),
    "buy-package": Screen("/billing/buy/studio/?quantity=2"),
    "buy-package-without-details": Screen("/billing/buy/studio/?account={fresh}"),
    "invoices": Screen("/billing/invoices/"),
    "invoices-empty": Screen("/billing/invoices/?account={fresh}"),
    "invoice": Screen("/billing/invoices/{paid_invoice}/"),
    "invoice-open": Screen("/billing/invoices/{failed_invoice}/"),
    "payments": Screen("/billing/payments/"),
    "payments-empty": Screen("/billing/payments/?account={fresh}"),
    "payment-to-send": Screen("/billing/payments/{to_send}/"),
    "payment-waits": Screen("/billing/payments/{with_evidence}/"),
    "payment-done": Screen("/billing/payments/{paid}/"),
    "payment-failed": Screen("/billing/payments/{failed}/"),
    "payment-at-provider": Screen("/billing/payments/{at_provider}/"),
    "pay-by": Screen("/billing/methods/"),
    "pay-by-forget": Screen("/billing/methods/", prepare=opens("#cards .btn-danger")),
    "pay-by-empty": Screen("/billing/methods/?account={fresh}"),
    "bill-to": Screen("/billing/details/"),
    "bill-to-empty": Screen("/billing/details/?account={fresh}"),
    "ops-payments": Screen("/ops/payments/", is_ops=True),
    "ops-refunds": Screen("/ops/refunds/?payment={paid}", is_ops=True),
    "ops-disputes": Screen("/ops/disputes/", is_ops=True),
    "ops-adjustments": Screen("/ops/adjustments/?account=northwind", is_ops=True),
    "ops-prices": Screen("/ops/prices/", is_ops=True),
    "ops-price": Screen(
        "/ops/prices/?operation=content&unit=per_words", is_ops=True, prepare=tries_a_price
    ),
    "ops-margins": Screen("/ops/margins/?rate=0.92", is_ops=True),
    "ops-sellers": Screen("/ops/sellers/?country=FR&kind=id", is_ops=True),
    "ops-books": Screen("/ops/books/", is_ops=True, prepare=looks_at_the_books),
    "ops-accounts": Screen("/ops/accounts/", is_ops=True),
    "error-404": Screen("/nowhere/"),
    # Words that are too long, figures that are too big
    "long-overview": Screen("/s/{long}/"),
    "long-keywords": Screen(f"{LONG}planning/keywords/", prepare=select_rows),
    "long-keyword": Screen(f"{LONG}planning/keywords/", prepare=opens("tbody a[id^=more]")),
    "long-imports": Screen(f"{LONG}planning/imports/"),
    "long-clusters": Screen(f"{LONG}planning/clusters/", prepare=select_rows),
    "long-cluster": Screen(LONG + "planning/clusters/{long_cluster}/"),
    "long-ideas": Screen(f"{LONG}planning/ideas/"),
    "long-idea": Screen(f"{LONG}planning/ideas/", prepare=opens(".board-card h3 a")),
    "long-tasks": Screen(f"{LONG}writing/tasks/"),
    "long-contents": Screen(f"{LONG}writing/content/"),
    "long-images": Screen(f"{LONG}writing/images/"),
    "long-taxonomies": Screen(f"{LONG}writing/taxonomies/"),
    "long-calendar": Screen(f"{LONG}growing/calendar/"),
    "long-calendar-week": Screen(f"{LONG}growing/calendar/?view=week"),
    "long-publishing": Screen(f"{LONG}growing/publishing/"),
    "long-sites": Screen("/settings/sites/?account={long_account}"),
    "long-team": Screen("/settings/team/?account={long_account}"),
    "long-webhooks": Screen("/settings/webhooks/?account={long_account}"),
    "long-billing": Screen("/billing/?account={long_account}"),
    "long-ledger": Screen("/billing/ledger/?account={long_account}"),
}
