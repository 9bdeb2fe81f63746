"""Saved cards: Stripe keeps them; here is what a person calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from igny8_core.business.billing.models import (
    AccountPaymentMethod,
    PaymentMethodConfig,
    PaymentWebhook,
    ProviderCustomer,
)
from igny8_core.business.billing.services import cards
from igny8_core.business.billing.services.webhooks import handle_due, receive_webhook
from igny8_core.common.errors import InvalidInput, Transient
from tests import make
from tests.fakes.stripe_server import StripeServer, signed
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def account(server: StripeServer) -> Account:
    make_billing.seller()
    return make_billing.buyer()


def page(account: Account, key: str = "k") -> str:
    url = cards.card_page(account=account, provider="stripe", idempotency_key=key)
    return url.rsplit("/", 1)[-1]


def names(account: Account) -> list[str]:
    rows = cards.follow_cards(account=account, provider="stripe")
    return [row.display_name for row in rows]


def there(server: StripeServer) -> str:
    return ProviderCustomer.unscoped.get().ref


def test_a_card_is_saved_at_stripe_and_named_here(account: Account, server: StripeServer) -> None:
    assert page(account) == page(account)
    server.pay(page(account))

    assert names(account) == names(account) == ["Visa ending in 4242"]
    row = AccountPaymentMethod.unscoped.get()
    assert (row.is_default, row.is_verified, row.type) == (True, True, "stripe")
    assert "4242424242424242" not in str(row.__dict__)
    assert (server.calls["/v1/customers"], ProviderCustomer.unscoped.count()) == (1, 1)


def test_a_webhook_brings_it_too(account: Account, server: StripeServer) -> None:
    server.pay(page(account))
    body, headers = signed(server.events[-1])
    receive_webhook(provider="stripe", body=body, headers=headers, now=timezone.now())

    handle_due(clock=timezone.now)

    assert PaymentWebhook.objects.get().status == "done"
    assert AccountPaymentMethod.unscoped.get().display_name == "Visa ending in 4242"


def test_cards_that_look_alike_are_told_apart(account: Account, server: StripeServer) -> None:
    server.pay(page(account))
    for _ in range(2):
        server.save_card(there(server))
    server.save_card(there(server), brand="amex", last4="0005")

    assert names(account) == [
        "Visa ending in 4242",
        "Visa ending in 4242, 04/2030",
        "Visa ending in 4242, 04/2030 (2)",
        "American Express ending in 0005",
    ]


def test_another_card_is_used_and_one_is_forgotten(account: Account, server: StripeServer) -> None:
    server.pay(page(account))
    second = server.save_card(there(server), last4="1111")
    first_row, second_row = cards.follow_cards(account=account, provider="stripe")

    cards.use_card(account=account, method_id=second_row.pk)
    assert server.objects[there(server)]["invoice_settings"]["default_payment_method"] == second
    cards.forget_card(account=account, method_id=second_row.pk)

    assert server.objects[second]["customer"] is None
    assert names(account) == ["Visa ending in 4242"]
    first_row.refresh_from_db()
    assert first_row.is_default


def test_one_that_is_gone_there_goes_here(account: Account, server: StripeServer) -> None:
    server.pay(page(account))
    (row,) = cards.follow_cards(account=account, provider="stripe")
    server.objects[str(row.provider_ref)]["customer"] = None

    cards.forget_card(account=account, method_id=row.pk)

    assert names(account) == []


def test_a_lost_answer_changes_nothing_here(account: Account, server: StripeServer) -> None:
    server.faults["/v1/customers"] = ["lost"]
    with pytest.raises(Transient):
        page(account)
    server.pay(page(account))
    (row,) = cards.follow_cards(account=account, provider="stripe")
    server.faults[f"/v1/payment_methods/{row.provider_ref}/detach"] = ["lost"]

    with pytest.raises(Transient):
        cards.forget_card(account=account, method_id=row.pk)
    assert AccountPaymentMethod.unscoped.count() == 1
    cards.forget_card(account=account, method_id=row.pk)

    assert (AccountPaymentMethod.unscoped.count(), server.calls["/v1/customers"]) == (0, 1)


def test_who_cannot_pay_by_card_saves_none(server: StripeServer) -> None:
    abroad = make_billing.buyer("JP")
    PaymentMethodConfig.objects.filter(country_code="JP").delete()

    with pytest.raises(InvalidInput):
        page(abroad)
    assert cards.follow_cards(account=abroad, provider="stripe") == []


def test_through_the_api(account: Account, server: StripeServer, client: Any) -> None:
    client.force_login(make.member(account))
    base = f"/api/v1/accounts/{account.pk}/payment-methods/"

    def send(path: str) -> Any:
        headers = {"Idempotency-Key": make.unique("key")}
        return client.post(base + path, {}, content_type="application/json", headers=headers)

    answer = send("card-page/")
    assert answer.status_code == 201
    server.pay(answer.json()["url"].rsplit("/", 1)[-1])
    (row,) = send("refresh-cards/").json()
    assert (row["display_name"], row["is_card"]) == ("Visa ending in 4242", True)
    assert send(f"{row['id']}/make-default/").json()["is_default"] is True
    assert client.delete(f"{base}{row['id']}/").status_code == 204
    assert send("refresh-cards/").json() == []
