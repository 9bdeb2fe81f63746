from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.ai.ports import Usage
from igny8_core.business.billing import selectors, usage_selectors
from igny8_core.business.billing.models import CreditUsageLog
from igny8_core.business.billing.services import ledger_export
from igny8_core.business.billing.services.ledger_export import HEADER, ledger_csv
from igny8_core.business.billing.services.lots import set_wallet_block
from igny8_core.business.billing.services.reservations import capture_credits
from igny8_core.business.billing.services.usage import log_usage
from igny8_core.business.billing.states import BlockCause
from igny8_core.common.errors import InvalidInput, NotFound
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import HOUR, NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def spend(account: Account, amount: int, *, now: datetime = NOW, **fields: Any) -> None:
    hold = make_billing.reservation(account, amount, now=now, **fields)
    capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=amount, attempt=1, now=now
    )


def used(account: Account, credits: int, at: datetime, **fields: Any) -> None:  # noqa: A002
    values: dict[str, Any] = {"operation": "content", "usage": Usage("local", "demo", 10, 20, 5)}
    row = log_usage(account=account, credits_used=credits, **values | fields)
    CreditUsageLog.unscoped.filter(pk=row.pk).update(created_at=at)


# --- the ledger


@pytest.fixture
def account() -> Account:
    """Four movements after the opening, an hour apart."""
    made = make.account()
    make_billing.credits(made, 100, now=NOW)
    spend(made, 30, now=NOW + HOUR, related=("writing_task", 7))
    make_billing.credits(
        made, 5, type="promo", now=NOW + 2 * HOUR, metadata={"reason": "=HYPERLINK(1)"}
    )
    spend(made, 10, now=NOW + 3 * HOUR, operation="image")
    return made


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, [-10, 5, -30, 100, 0]),
        ({"types": ["promo", "purchase"]}, [5, 100]),
        ({"is_spending": True}, [-10, -30]),
        ({"is_spending": False}, [5, 100]),
        ({"since": NOW + HOUR, "until": NOW + 3 * HOUR}, [5, -30]),
        ({"types": ["deduction"], "until": NOW + HOUR}, []),
    ],
)
def test_the_ledger_is_filtered(
    account: Account, filters: dict[str, Any], expected: list[int]
) -> None:
    rows = selectors.credit_transactions(account=account, **filters)

    assert [row.amount for row in rows if row.seq > 1 or not filters] == expected


def exported(account: Account, **filters: Any) -> list[list[str]]:
    text = "".join(ledger_csv(account=account, **filters)).removeprefix("\ufeff")
    return list(csv.reader(io.StringIO(text, newline="")))


def test_the_ledger_is_exported_with_what_each_row_was_for(account: Account) -> None:
    header, *rows, opening = exported(account)

    assert opening[2] == "opening"
    assert header == list(HEADER)
    assert [row[:2] for row in rows][:1] == [["5", "2026-11-02T12:00:00+00:00"]]
    assert [row[2:] for row in rows] == [
        ["deduction", "-10", "65", "image", "", ""],
        ["promo", "5", "75", "", "", "'=HYPERLINK(1)"],
        ["deduction", "-30", "70", "content", "writing_task 7", ""],
        ["purchase", "100", "100", "", "", ""],
    ]


def test_the_export_reads_page_after_page_and_ends(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = exported(account)
    monkeypatch.setattr(ledger_export, "PAGE_ROWS", 2)

    assert exported(account) == everything
    monkeypatch.setattr(ledger_export, "ROWS_MAX", 4)
    assert exported(account) == everything[:5]
    assert exported(account, types=["refund"]) == [list(HEADER)]


# --- what is left


def test_the_outlook_says_how_long_the_credits_last() -> None:
    account = make_billing.account_on(make_billing.plan(1_000), now=NOW - 8 * DAY)
    for amount, at in ((100, 8 * DAY), (50, 3 * DAY), (70, HOUR)):
        spend(account, amount, now=NOW - at)
    make_billing.reservation(account, 80)

    found = selectors.credit_outlook(account=account, now=NOW)

    assert (found.balance, found.held, found.available, found.debt) == (780, 80, 700, 0)
    assert (found.spent_24_hours, found.spent_7_days, found.days_left) == (70, 120, 10)
    assert found.period is not None
    assert (found.period.credits, found.blocked_by) == (1_000, [])


def test_an_account_that_spends_nothing_has_no_pace() -> None:
    account = make_billing.account_with(10)
    set_wallet_block(account=account, cause=BlockCause.STAFF, is_on=True, now=NOW)

    found = selectors.credit_outlook(account=account, now=NOW)

    assert (found.days_left, found.period, found.blocked_by) == (None, None, [BlockCause.STAFF])


# --- usage


def test_usage_is_summed_by_operation_and_by_model() -> None:
    account = make.account()
    used(account, 7, NOW)
    used(account, 3, NOW + DAY)
    used(account, 5, NOW, operation="image", usage=Usage("openai", "painter"))
    used(make.account(), 99, NOW)

    by_operation = usage_selectors.usage_by_operation(account=account)
    by_model = usage_selectors.usage_by_model(account=account)
    of_a_day = usage_selectors.usage_by_model(account=account, since=NOW, until=NOW + DAY)

    assert [(row.operation, row.runs, row.credits) for row in by_operation] == [
        ("content", 2, 10),
        ("image", 1, 5),
    ]
    assert [
        (row.provider, row.model, row.runs, row.credits, row.prompt_tokens, row.completion_tokens)
        for row in by_model
    ] == [("local", "demo", 2, 10, 20, 40), ("openai", "painter", 1, 5, 0, 0)]
    assert [(row.model, row.credits) for row in of_a_day] == [("demo", 7), ("painter", 5)]
    assert [
        row.credits_used for row in selectors.usage_logs(account=account, operations=["image"])
    ] == [5]


def test_days_are_those_of_the_account_and_none_is_left_out() -> None:
    account = make.account(timezone="America/New_York")
    used(account, 7, datetime(2026, 11, 2, 4, 30, tzinfo=UTC))  # still the 1st over there
    used(account, 2, datetime(2026, 11, 2, 5, 30, tzinfo=UTC))
    used(account, 1, datetime(2026, 11, 4, 12, tzinfo=UTC), operation="image")
    used(account, 1, datetime(2026, 11, 4, 13, tzinfo=UTC))
    used(account, 99, datetime(2026, 11, 5, 5, tzinfo=UTC))  # the 5th: not asked for

    days = usage_selectors.usage_by_day(
        account=account, first=date(2026, 11, 1), last=date(2026, 11, 4), now=NOW
    )

    assert [(d.day.day, d.runs, d.credits, d.by_operation) for d in days] == [
        (1, 1, 7, {"content": 7}),
        (2, 1, 2, {"content": 2}),
        (3, 0, 0, {}),
        (4, 2, 2, {"content": 1, "image": 1}),
    ]


def test_an_unknown_time_zone_counts_as_utc() -> None:
    account = make.account(timezone="Mars/Olympus")
    used(account, 7, datetime(2026, 11, 2, 23, 30, tzinfo=UTC))

    (day,) = usage_selectors.usage_by_day(
        account=account, first=date(2026, 11, 2), last=date(2026, 11, 2), now=NOW
    )

    assert day.credits == 7


@pytest.mark.parametrize("days", [-1, 366])
def test_a_span_of_days_has_an_order_and_a_limit(days: int) -> None:
    first = date(2026, 1, 1)

    with pytest.raises(InvalidInput):
        usage_selectors.usage_by_day(
            account=make.account(), first=first, last=first + days * DAY, now=NOW
        )


def test_the_last_thirty_days_are_shown_unless_others_are_asked_for() -> None:
    account = make.account(timezone="Asia/Tokyo")
    late = datetime(2026, 11, 2, 20, tzinfo=UTC)  # the 3rd over there

    days = usage_selectors.usage_by_day(account=account, now=late)

    assert (len(days), days[0].day, days[-1].day) == (30, date(2026, 10, 5), date(2026, 11, 3))


def test_an_invoice_of_another_account_is_not_found() -> None:
    with pytest.raises(NotFound):
        selectors.invoice(account=make.account(), invoice_id=1)
