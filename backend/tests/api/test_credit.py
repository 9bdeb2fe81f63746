"""Credits through the API. Who may ask what: `tests/routes`."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from igny8_core.ai.ports import Usage
from igny8_core.auth.states import Role
from igny8_core.business.billing.models import CreditUsageLog
from igny8_core.business.billing.services.late_results import withhold_result
from igny8_core.business.billing.services.low_balance import note_low_balance
from igny8_core.business.billing.services.reservations import capture_credits
from igny8_core.business.billing.services.usage import log_usage
from tests.api.callers import client_of
from tests.make import billing as make_billing
from tests.routes.world import whole

if TYPE_CHECKING:
    from django.test import Client

    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def account() -> Account:
    """1,000 of a plan and 50 bought; 950 are spent on an article, 20 held for an image."""
    made = make_billing.account_on(make_billing.plan(1_000), now=timezone.now())
    make_billing.credits(made, 50, now=timezone.now())
    spend(made, 950)
    make_billing.reservation(made, 20, operation="image", now=timezone.now())
    return made


def spend(account: Account, amount: int) -> None:
    now = timezone.now()
    hold = make_billing.reservation(account, amount, related=("writing_task", 7), now=now)
    captured = capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=amount, attempt=1, now=now
    )
    log_usage(
        account=account,
        operation="content",
        credits_used=amount,
        usage=Usage("local", "demo", 5, 6, 7),
        reservation_id=hold.reservation_id,
        transaction_id=captured.transaction_id,
    )


def ask(client: Client, account: Account, path: str, **query: Any) -> Any:
    return client.get(f"/api/v1/accounts/{account.pk}/{path}", query)


@pytest.fixture
def viewer(account: Account) -> Client:
    return client_of(account, Role.VIEWER)


def test_the_wallet_says_what_is_left_and_how_long_it_lasts(
    account: Account, viewer: Client
) -> None:
    found = ask(viewer, account, "wallet/").json()

    period = found.pop("period")
    assert found == {
        "balance": 100,
        "held": 20,
        "available": 80,
        "debt": 0,
        "blocked_by": [],
        "spent_24_hours": 950,
        "spent_7_days": 950,
        "days_left": 0,
    }
    assert (period["credits"], period["next_plan"]) == (1_000, None)


def test_the_ledger_is_filtered_and_says_what_each_row_was_for(
    account: Account, viewer: Client
) -> None:
    spent = ask(viewer, account, "credit-transactions/", is_spending="true").json()["results"]
    brought = ask(viewer, account, "credit-transactions/", is_spending="false").json()["results"]
    plan = ask(viewer, account, "credit-transactions/", type="subscription").json()["results"]
    none = ask(viewer, account, "credit-transactions/", until="2020-01-01T00:00:00Z").json()

    assert [(r["amount"], r["operation"], r["related_type"], r["related_id"]) for r in spent] == [
        (-950, "content", "writing_task", 7)
    ]
    assert [(r["type"], r["amount"], r["operation"]) for r in brought] == [
        ("purchase", 50, None),
        ("subscription", 1_000, None),
    ]
    assert [r["amount"] for r in plan] == [1_000]
    assert none["results"] == []


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("credit-transactions/", {"type": "gift"}, "type"),
        ("credit-transactions/", {"since": "yesterday"}, "since"),
        ("credit-transactions/", {"kind": "promo"}, "kind"),
        ("credit-transactions/export/", {"type": "gift"}, "type"),
        ("credit-transactions/export/", {"kind": "promo"}, "kind"),
        ("credit-usage/", {"operation": "magic"}, "operation"),
        ("credit-usage/summary/", {"since": "x"}, "since"),
        ("credit-usage/by-day/", {"first_day": "2026-13-01"}, "first_day"),
        ("credit-usage/by-day/", {"first_day": "2020-01-01"}, "last_day"),
        ("credit-usage/by-day/", {"last_day": "0001-01-01"}, "last_day"),
        ("credit-usage/by-day/", {"first_day": "9999-12-31", "last_day": "9999-12-31"}, "last_day"),
        ("credit-lots/", {"is_open": "perhaps"}, "is_open"),
        ("credit-reservations/", {"status": "lost"}, "status"),
    ],
)
def test_a_filter_that_cannot_be_is_refused(
    account: Account, viewer: Client, path: str, query: dict[str, str], field: str
) -> None:
    answer = ask(viewer, account, path, **query)

    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert list(answer.json()["errors"]) == [field]


def test_the_ledger_comes_as_a_file(account: Account, viewer: Client) -> None:
    answer = ask(viewer, account, "credit-transactions/export/", type="deduction")
    text = whole(answer).content.decode("utf-8-sig")

    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith(f'attachment; filename="credits-{account.slug}')
    assert answer["Cache-Control"] == "no-store"
    assert [(r["type"], r["amount"], r["operation"], r["about"]) for r in rows] == [
        ("deduction", "-950", "content", "writing_task 7")
    ]


@pytest.mark.parametrize("accept", ["text/csv", "*/*", "application/json"])
def test_a_client_may_ask_for_the_file_as_it_likes(
    account: Account, viewer: Client, accept: str
) -> None:
    answer = viewer.get(
        f"/api/v1/accounts/{account.pk}/credit-transactions/export/", headers={"Accept": accept}
    )

    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert whole(answer).content.count(b"\r\n") == 5


def test_usage_comes_by_piece_operation_model_and_day(account: Account, viewer: Client) -> None:
    CreditUsageLog.unscoped.update(created_at=timezone.now() - timedelta(days=1))
    spend(account, 10)

    pieces = ask(viewer, account, "credit-usage/", operation="content").json()["results"]
    today = {"since": (timezone.now() - timedelta(hours=1)).isoformat()}
    by_operation = ask(viewer, account, "credit-usage/summary/", **today).json()
    by_model = ask(viewer, account, "credit-usage/by-model/").json()
    by_day = ask(viewer, account, "credit-usage/by-day/").json()

    assert [piece["credits_used"] for piece in pieces] == [10, 950]
    assert "cost_usd_micros" not in pieces[0]
    assert [(row["operation"], row["runs"], row["credits"]) for row in by_operation] == [
        ("content", 1, 10)
    ]
    assert by_model == [
        {
            "runs": 2,
            "credits": 960,
            "prompt_tokens": 10,
            "completion_tokens": 12,
            "provider": "local",
            "model": "demo",
        }
    ]
    assert len(by_day) == 30
    assert [(day["credits"], day["by_operation"]) for day in by_day[-2:]] == [
        (950, {"content": 950}),
        (10, {"content": 10}),
    ]


def test_lots_and_reservations_are_shown(account: Account, viewer: Client) -> None:
    lots = ask(viewer, account, "credit-lots/", is_open="true").json()["results"]
    spent = ask(viewer, account, "credit-lots/", is_open="false").json()["results"]
    held = ask(viewer, account, "credit-reservations/", status="held").json()["results"]
    every = ask(viewer, account, "credit-reservations/").json()["results"]

    assert [(lot["kind"], lot["remaining"], lot["held"]) for lot in lots] == [
        ("purchase", 50, 0),
        ("plan", 50, 20),
    ]
    assert spent == []
    assert [(row["operation"], row["amount"], row["captured"]) for row in held] == [
        ("image", 20, None)
    ]
    assert [row["status"] for row in every] == ["held", "captured"]


def test_warnings_and_withheld_results_are_shown(account: Account, viewer: Client) -> None:
    now = timezone.now()
    note_low_balance(account=account, now=now)
    hold = make_billing.reservation(account, 9, related=("writing_task", 8), now=now)
    withhold_result(
        account=account, reservation_id=hold.reservation_id, attempt=1, amount=8, now=now
    )

    warnings = ask(viewer, account, "credit-warnings/", is_open="true").json()["results"]
    past = ask(viewer, account, "credit-warnings/", is_open="false").json()["results"]
    results = ask(viewer, account, "withheld-results/").json()["results"]

    assert [
        (row["threshold_percent"], row["available"], row["period_credits"]) for row in warnings
    ] == [(20, 80, 1_000)]
    assert past == []
    assert [(row["related_id"], row["credits"], row["operation"]) for row in results] == [
        (8, 8, "content")
    ]


def test_work_is_priced_before_it_is_started(account: Account, viewer: Client) -> None:
    body = {
        "works": [
            {"operation": "content", "quantities": {"per_words": 1_250}, "runs": 10},
            {"operation": "reparse"},
        ]
    }
    answer = viewer.post(
        f"/api/v1/accounts/{account.pk}/credit-estimates/", body, content_type="application/json"
    )

    found = answer.json()
    assert answer.status_code == 200
    assert (found["credits"], found["available"], found["missing"]) == (131, 80, 51)
    assert found["works"][0] == {
        "operation": "content",
        "runs": 10,
        "credits_each": 13,
        "credits": 130,
        "is_own_key": False,
        "prices": [
            {
                "unit": "per_words",
                "unit_size": 100,
                "credits_per_unit": "1.0000",
                "min_credits": 1,
            }
        ],
    }


@pytest.mark.parametrize(
    ("works", "errors"),
    [
        ([], ["works"]),
        ([{"operation": "ideas"}], ["works.0.operation"]),
        ([{"operation": "content", "quantities": {"per_words": -1}}], None),
        ([{"operation": "content", "quantities": {"per_words": "12"}}], None),
        ([{"operation": "content", "runs": 0}], None),
        ([{"operation": "content"}], []),
    ],
)
def test_what_cannot_be_priced_is_refused(
    account: Account, viewer: Client, works: Any, errors: list[str] | None
) -> None:
    answer = viewer.post(
        f"/api/v1/accounts/{account.pk}/credit-estimates/",
        {"works": works},
        content_type="application/json",
    )

    assert answer.status_code == 422
    if errors is not None:
        assert list(answer.json().get("errors", {})) == errors


def test_the_price_list_is_for_everybody_who_is_signed_in(viewer: Client) -> None:
    found = {row["operation_type"]: row for row in viewer.get("/api/v1/credit-prices/").json()}

    assert (found["content"]["unit_size"], found["content"]["credits_per_unit"]) == (100, "1.0000")
    assert found["content"]["platform_fee_credits"] == 0
