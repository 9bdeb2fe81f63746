"""A subscription through the API: ordered, shown, changed, cancelled, resumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from igny8_core.auth.models import Subscription
from igny8_core.auth.states import Role
from igny8_core.business.billing.models import Invoice, Payment
from igny8_core.business.billing.services.payments import Received, settle_payment
from tests import make
from tests.business.billing.conftest import server
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from tests.fakes.stripe_server import StripeServer

__all__ = ["server"]  # a fixture

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def account(client: Any) -> Any:
    make_billing.prices()
    make_billing.seller()
    found = make_billing.buyer()
    client.force_login(make.member(found, Role.ADMIN))
    return found


def send(client: Any, path: str, **body: Any) -> Any:
    return client.post(
        path,
        body,
        content_type="application/json",
        headers={"Idempotency-Key": make.unique("key")},
    )


def paid(payment_id: int) -> None:
    payment = Payment.unscoped.get(pk=payment_id)
    settle_payment(
        account=payment.account,
        payment_id=payment.pk,
        received=Received(payment.amount_minor, payment.currency),
        now=timezone.now(),
    )


def test_from_the_order_to_the_end(client: Any, account: Any) -> None:
    small = make_billing.plan(100, code="small", price_minor=1_000)
    large = make_billing.plan(300, code="large", price_minor=3_000)
    base = f"/api/v1/accounts/{account.pk}/subscriptions/"

    answer = send(client, base, plan=small.code, payment_method="bank_transfer")
    assert answer.status_code == 201
    order = answer.json()
    assert (order["subscription"]["status"], order["pay_url"]) == ("incomplete", "")
    assert (order["invoice"]["status"], order["payment"]["amount_minor"]) == ("pending", 1_190)
    mine = f"{base}{order['subscription']['id']}/"
    assert send(client, f"{mine}change-plan/", plan=large.code).status_code == 409
    assert send(client, f"{mine}refresh/").status_code == 409
    paid(order["payment"]["id"])
    assert client.get(mine).json()["status"] == "active"
    assert send(client, base, plan=large.code, payment_method="manual").status_code == 409

    preview = send(client, f"{mine}plan-preview/", plan=large.code).json()
    assert 0 < preview["total_minor"] <= 2_380
    assert Invoice.unscoped.count() == 1
    change = send(client, f"{mine}change-plan/", plan=large.code).json()
    assert (change["plan"], change["payment"]["status"]) == ("large", "pending")
    paid(change["payment"]["id"])
    assert client.get(mine).json()["plan"] == "large"
    lower = send(client, f"{mine}change-plan/", plan=small.code).json()
    assert (lower["total_minor"], lower["invoice"]) == (None, None)
    assert lower["effective_at"] == client.get(mine).json()["current_period_end"]

    assert send(client, f"{mine}pay/").json() == {"pay_url": ""}
    assert send(client, f"{mine}cancel/").json()["cancel_at_period_end"] is True
    assert send(client, f"{mine}resume/").json()["cancel_at_period_end"] is False


def test_a_saved_card_pays_unless_its_bank_wants_more(
    client: Any, account: Any, server: StripeServer
) -> None:
    plans = [make_billing.plan(n * 100, code=f"p{n}", price_minor=n * 1_000) for n in (1, 2, 3)]
    base = f"/api/v1/accounts/{account.pk}/subscriptions/"
    order = send(client, base, plan=plans[0].code, payment_method="stripe").json()
    mine = f"{base}{order['subscription']['id']}/"
    server.pay(Subscription.unscoped.get().checkout_ref)
    assert send(client, f"{mine}refresh/").json()["renewal_minor"] is None

    change = send(client, f"{mine}change-plan/", plan="p2", with_saved_card=True).json()

    assert (change["pay_url"], change["payment"]["status"]) == ("", "completed")
    assert sum(line["net_minor"] for line in change["lines"]) == change["subtotal_minor"]
    assert client.get(mine).json()["renewal_minor"] == 2_380
    server.says[server.objects[str(Subscription.unscoped.get().provider_ref)]["customer"]] = (
        "action"
    )
    more = send(client, f"{mine}change-plan/", plan="p3", with_saved_card=True).json()
    assert more["pay_url"].startswith(f"{server.address}/pay/")
    assert Payment.unscoped.latest("pk").status == "processing"


def test_what_is_not_for_sale_is_refused(client: Any, account: Any) -> None:
    base = f"/api/v1/accounts/{account.pk}/subscriptions/"

    for body in (
        {"plan": "none", "payment_method": "manual"},
        {"plan": make_billing.plan(100).code, "payment_method": "manual"},
    ):
        answer = send(client, base, **body)
        assert (answer.status_code, list(answer.json()["errors"])) == (422, ["plan"])
    assert not Subscription.unscoped.exists()
