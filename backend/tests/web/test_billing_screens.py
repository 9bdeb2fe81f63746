"""Balance, ledger, usage and prices as people see them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from lxml import html

from igny8_core.ai.ports import Usage
from igny8_core.auth.states import Role
from igny8_core.business.billing.models import CreditUsageLog
from igny8_core.business.billing.services import lots, reservations
from igny8_core.business.billing.services.usage import log_usage
from igny8_core.business.billing.states import BlockCause
from tests import make
from tests.make import billing as make_billing
from tests.web.screens import HTMX, text_of

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"], transaction=True)

USAGE = Usage(provider="fake", model="fake-1", prompt_tokens=10, completion_tokens=20)


@pytest.fixture
def account() -> Account:
    cache.clear()
    return make_billing.account_with(1_000)


def page(account: Account, path: str, **headers: str) -> Any:
    client = Client()
    client.force_login(make.member(account, Role.VIEWER))
    join = "&" if "?" in path else "?"
    return client.get(f"{path}{join}account={account.pk}", headers=headers)


def spend(account: Account, amount: int) -> None:
    held = make_billing.reservation(account, amount, now=timezone.now())
    reservations.capture_credits(
        account=account, reservation_id=held.reservation_id, amount=amount, attempt=1,
        now=timezone.now(),
    )  # fmt: skip


def test_the_balance_is_shown_with_what_is_held(account: Account) -> None:
    make_billing.reservation(account, 120, now=timezone.now())

    answer = page(account, "/billing/")

    text = text_of(answer)
    assert "Available 880" in text
    assert "Held for work that runs 120" in text
    assert "no-store" in answer["Cache-Control"]


def test_a_block_is_said_with_its_cause(account: Account) -> None:
    lots.set_wallet_block(account=account, cause=BlockCause.DUNNING, is_on=True, now=timezone.now())

    assert "New work is stopped A renewal is not paid." in text_of(page(account, "/billing/"))


def test_each_row_of_the_ledger_continues_the_one_before(account: Account) -> None:
    spend(account, 30)
    spend(account, 12)

    rows = html.fromstring(page(account, "/billing/ledger/").content).xpath("//tbody/tr")
    figures = [
        [str(cell.text_content()).strip() for cell in row.xpath("td[contains(@class,'num')]")]
        for row in rows
    ]

    assert [row[1:] for row in figures] == [
        ["−12", "958"],  # noqa: RUF001 - a minus
        ["−30", "970"],  # noqa: RUF001 - a minus
        ["+1,000", "1,000"],
        ["0", "0"],
    ]


def test_the_ledger_is_narrowed_down_and_comes_as_a_file(account: Account) -> None:
    spend(account, 30)

    spent = html.fromstring(page(account, "/billing/ledger/?way=out", **HTMX).content)
    bought = html.fromstring(page(account, "/billing/ledger/?type=purchase").content)
    file: Any = page(account, "/billing/ledger/file/?way=out")
    lines = file.getvalue().decode().splitlines()

    assert (len(spent.xpath("//tbody/tr")), len(bought.xpath("//tbody/tr"))) == (1, 1)
    assert (len(lines), lines[1].split(",")[2:5]) == (2, ["deduction", "-30", "970"])


def test_usage_is_drawn_and_written_out(account: Account) -> None:
    for amount in (7, 5):
        log_usage(account=account, operation="content", credits_used=amount, usage=USAGE)
    CreditUsageLog.unscoped.filter(credits_used=5).update(
        created_at=timezone.now() - timedelta(days=40)
    )

    month, quarter = page(account, "/billing/usage/"), page(account, "/billing/usage/?days=90")

    assert "7 in 30 days, 1 piece of work" in text_of(month)
    assert "12 in 90 days, 2 pieces of work" in text_of(quarter)
    assert len(html.fromstring(month.content).xpath("//svg[@class='bars']/rect")) == 30


def test_nothing_used_is_said(account: Account) -> None:
    assert "Nothing was used in this time" in text_of(page(account, "/billing/usage/"))


def test_prices_are_listed_with_their_unit(account: Account) -> None:
    text = text_of(page(account, "/billing/prices/"))

    assert "With a key of your own" in text
    assert "word" in text
