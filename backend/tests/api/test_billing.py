"""Plans, invoices, payments and ways to pay through the API. Who may ask what: `tests/routes`."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from igny8_core.auth import services
from igny8_core.auth.states import Role
from igny8_core.business.billing.models import AccountPaymentMethod, CreditPackage
from igny8_core.business.billing.services.plan_changes import change_plan
from tests import make
from tests.api.callers import client_of
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from django.test import Client

    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def account() -> Account:
    make_billing.offered("DE", "bank_transfer", iban="DE89370400440532013000", bank_name="Bank")
    make_billing.offered("DE", "stripe", is_enabled=False)
    make_billing.offered("FR", "paypal")
    return make.account(country_code="DE")


@pytest.fixture
def admin(account: Account) -> Client:
    return client_of(account, Role.ADMIN)


class Api:
    """The account's addresses."""

    def __init__(self, client: Client, account: Account) -> None:
        self.client, self.root = client, f"/api/v1/accounts/{account.pk}/"

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(self.root + path, query)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        return self.client.generic(
            method, self.root + path, json.dumps(body or {}), content_type="application/json"
        )


@pytest.fixture
def api(admin: Client, account: Account) -> Api:
    return Api(admin, account)


def test_what_is_for_sale_is_shown(admin: Client) -> None:
    services.load_reference_data()
    values: dict[str, Any] = {"credits": 1_000, "price_minor": 1_000, "discount_bp": 1_250}
    CreditPackage.objects.create(name="Plain", slug="plain", sort_order=1, **values)
    CreditPackage.objects.create(name="Best", slug="best", is_featured=True, **values)
    CreditPackage.objects.create(name="Old", slug="old", is_active=False, **values)

    packages = admin.get("/api/v1/credit-packages/").json()
    plans = admin.get("/api/v1/plans/").json()

    assert [(p["slug"], p["discounted_price_minor"]) for p in packages] == [
        ("best", 875),
        ("plain", 875),
    ]
    assert "stripe_price_id" not in packages[0]
    assert [(p["code"], p["credits_per_period"]) for p in plans] == [
        ("free", 100),
        ("starter", 1_000),
        ("agency", 6_000),
    ]
    assert "stripe_price_id" not in plans[0]


def test_the_subscription_and_its_periods_are_shown() -> None:
    large, small = make_billing.plan(300, code="large"), make_billing.plan(100, code="small")
    account = make_billing.account_on(large, now=timezone.now())
    change_plan(account=account, plan_code=small.code, now=timezone.now())
    api = Api(client_of(account, Role.OWNER), account)

    (row,) = api.get("subscriptions/").json()["results"]
    one = api.get(f"subscriptions/{row['id']}/").json()
    (period,) = api.get("subscription-periods/").json()["results"]

    assert (row["plan"], row["status"], row["provider"]) == ("large", "active", "")
    assert one == row
    assert (period["plan"], period["next_plan"], period["credits"]) == ("large", "small", 300)


def test_invoices_are_shown_with_their_earlier_names(account: Account, api: Api) -> None:
    draft = make_billing.invoice(account)
    paid = make_billing.numbered(
        account,
        1_000,
        190,
        status="paid",
        invoice_date=date(2026, 11, 2),
        paid_at=make_billing.NOW,
        period_start=make_billing.NOW,
        line_items=[{"description": "Credits"}],
        buyer={"name": "Ada"},
    )

    rows = api.get("invoices/").json()["results"]
    filtered = api.get("invoices/", status="paid").json()["results"]
    detail = api.get(f"invoices/{paid.pk}/").json()

    assert [row["id"] for row in rows] == [paid.pk, draft.pk]
    assert [row["number"] for row in filtered] == ["INV-2026-00001"]
    assert (filtered[0]["total_amount"], filtered[0]["tax_amount"]) == (1_190, 190)
    assert filtered[0]["paid_date"] == filtered[0]["paid_at"]
    assert filtered[0]["billing_period_start"] == filtered[0]["period_start"]
    assert "line_items" not in filtered[0]
    assert (detail["line_items"], detail["buyer"]) == (
        [{"description": "Credits"}],
        {"name": "Ada"},
    )
    assert "payment_metadata" not in detail


def test_payments_are_shown_by_invoice_and_status(account: Account, api: Api) -> None:
    first, second = make_billing.invoice(account), make_billing.invoice(account)
    failed = make_billing.payment(first, status="failed", failure_reason="Card declined")
    made = make_billing.payment(second)

    rows = api.get("payments/").json()["results"]
    of_first = api.get("payments/", invoice=first.pk).json()["results"]
    pending = api.get("payments/", status="pending").json()["results"]
    one = api.get(f"payments/{failed.pk}/").json()

    assert [row["id"] for row in rows] == [made.pk, failed.pk]
    assert [row["failure_reason"] for row in of_first] == ["Card declined"]
    assert [row["id"] for row in pending] == [made.pk]
    assert one == of_first[0]
    assert not {"provider_ref", "metadata", "idempotency_key"} & set(one)


def test_ways_to_pay_are_those_of_the_country(api: Api, settings: Any) -> None:
    make_billing.offered("", "stripe")  # not in DE, where it is switched off
    nowhere = api.get("payment-options/", country="FR").json()["results"]
    settings.PAYMENT_KEYS = {"paypal": {"secret_key": "x"}}
    at_home = api.get("payment-options/").json()["results"]
    abroad = api.get("payment-options/", country="FR").json()["results"]
    wrong = api.get("payment-options/", country="France")

    assert [(row["payment_method"], row["iban"]) for row in at_home] == [
        ("bank_transfer", "DE89370400440532013000")
    ]
    assert [row["payment_method"] for row in nowhere] == ["stripe"]  # PayPal has no keys here
    assert [row["payment_method"] for row in abroad] == ["paypal"]
    assert (wrong.status_code, list(wrong.json()["errors"])) == (422, ["country"])


def test_a_payment_method_is_kept_changed_and_forgotten(account: Account, api: Api) -> None:
    body = {"type": "bank_transfer", "display_name": "Bank"}
    first = api.send("POST", "payment-methods/", body)
    second = api.send("POST", "payment-methods/", body | {"display_name": "Other"}).json()
    changed = api.send("PATCH", f"payment-methods/{second['id']}/", {"display_name": "House"})
    chosen = api.send("POST", f"payment-methods/{second['id']}/make-default/")
    gone = api.send("DELETE", f"payment-methods/{first.json()['id']}/")
    rows = api.get("payment-methods/").json()["results"]

    assert (first.status_code, first.json()["is_default"]) == (201, True)
    assert (changed.status_code, changed.json()["display_name"]) == (200, "House")
    assert (chosen.status_code, chosen.json()["is_default"]) == (200, True)
    assert (gone.status_code, gone.content) == (204, b"")
    assert [(row["display_name"], row["is_default"]) for row in rows] == [("House", True)]
    assert AccountPaymentMethod.objects.for_account(account).count() == 1


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"type": "paypal", "display_name": "x"}, 422, "type"),
        ({"type": "cash", "display_name": "x"}, 422, "type"),
        ({"type": "bank_transfer"}, 422, "display_name"),
        ({"type": "bank_transfer", "display_name": "4111 1111 1111 1111"}, 422, "display_name"),
        ({"type": "bank_transfer", "display_name": "x", "country_code": "de"}, 422, "country_code"),
        ({"type": "bank_transfer", "display_name": "Taken"}, 409, "display_name"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    api: Api, body: dict[str, Any], status: int, field: str
) -> None:
    api.send("POST", "payment-methods/", {"type": "bank_transfer", "display_name": "Taken"})

    answer = api.send("POST", "payment-methods/", body)

    assert (answer.status_code, list(answer.json()["errors"])) == (status, [field])


def test_what_is_not_the_customers_to_say_is_not_changed(api: Api) -> None:
    row = api.send(
        "POST", "payment-methods/", {"type": "bank_transfer", "display_name": "Bank"}
    ).json()

    answer = api.send(
        "PATCH", f"payment-methods/{row['id']}/", {"is_verified": True, "type": "stripe"}
    )

    assert answer.status_code == 200
    assert (answer.json()["is_verified"], answer.json()["type"]) == (False, "bank_transfer")
