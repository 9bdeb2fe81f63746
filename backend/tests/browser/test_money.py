"""Money from the order to the ledger, on the running stack with the roles of production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.billing.models import CreditAdjustment, CreditWallet, Payment
from igny8_core.business.billing.services.money_audit import money_problems

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import BrowserContext, Page

    from tests.browser.seeding import Seeded


def be(context: BrowserContext, session: str, url: str) -> None:
    context.add_cookies([{"name": "sessionid", "value": session, "url": url}])


def test_an_order_by_bank_transfer_is_approved_and_stands_in_the_ledger(
    page: Page, context: BrowserContext, server: str, seeded: Seeded, rows: Callable[..., Any]
) -> None:
    def balance() -> int:
        return int(CreditWallet.objects.for_account(seeded.account).get().balance)

    before = rows(balance)
    page.goto("/billing/buy/")
    page.get_by_role("link", name="Choose Starter").click()
    page.get_by_label("Packages").fill("2")
    page.get_by_label("Packages").blur()
    page.get_by_role("button", name="Order and pay €45.22").dblclick()
    page.get_by_role("heading", name="Send €45.22").wait_for()
    page.get_by_label("Reference of your bank").fill("COBA 4711")
    page.get_by_role("button", name="I have sent it").click()
    page.get_by_role("heading", name="Waiting for approval").wait_for()
    payment = rows(lambda: Payment.unscoped.latest("pk"))

    be(context, seeded.operator_session, server)
    page.goto("/ops/payments/")
    waiting = page.locator(f"#payment-{payment.pk}")
    assert "COBA 4711" in waiting.inner_text()
    waiting.get_by_role("button", name="The money is there").click()
    page.get_by_text(f"Payment {payment.pk} is in the books.").wait_for()

    be(context, seeded.session, server)
    page.goto(f"/billing/payments/{payment.pk}/")
    page.get_by_role("heading", name="Paid. Thank you.").wait_for()
    with page.expect_download() as file:
        page.get_by_role("link", name="Invoice as PDF").click()
    page.goto("/billing/ledger/?type=purchase")
    assert "+2,000" in page.locator("tbody tr").first.inner_text()
    assert file.value.suggested_filename.endswith(".pdf")
    assert rows(balance) == before + 2_000
    assert rows(money_problems) == []


def test_operators_adjust_credits_and_change_a_price(
    page: Page, context: BrowserContext, server: str, seeded: Seeded, rows: Callable[..., Any]
) -> None:
    be(context, seeded.operator_session, server)
    page.goto("/ops/adjustments/?account=northwind")
    page.get_by_label("Credits", exact=True).fill("250")
    page.get_by_label("Reason").fill("An article in the wrong language")
    page.get_by_role("button", name="Adjust", exact=True).click()
    page.get_by_text("+250 credits for Northwind Coffee are in the ledger.").wait_for()

    page.get_by_role("button", name="Agree to adjustment").click()
    page.get_by_text("is in the ledger.").wait_for()
    page.goto("/ops/prices/?operation=reparse&unit=per_request")
    page.get_by_label("Credits", exact=True).fill("2")
    page.get_by_role("button", name="See the effect").click()
    page.get_by_label("Why").fill("Reparsing takes two calls")
    page.get_by_role("button", name="Save as version 2").click()
    page.get_by_text("Version 2 holds from now on.").wait_for()

    done = rows(
        lambda: list(
            CreditAdjustment.unscoped.filter(account=seeded.account, status="approved")
            .order_by("amount").values_list("amount", flat=True)
        )
    )  # fmt: skip
    assert done == [250, 25_000]
