"""Saved cards as customers see them, and what every page says while a renewal is not paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from lxml import html

from igny8_core.auth.states import Role
from igny8_core.business.billing.models import AccountPaymentMethod, ProviderCustomer
from igny8_core.business.billing.services import cards
from tests import make
from tests.business.billing.conftest import server
from tests.make import billing as make_billing
from tests.web.screens import HTMX, text_of
from tests.web.test_money_screens import KEY, at, browser

if TYPE_CHECKING:
    from django.test import Client

    from igny8_core.auth.models import Account
    from tests.fakes.stripe_server import StripeServer

__all__ = ["server"]  # a fixture

pytestmark = pytest.mark.django_db(databases=["default", "admin"], transaction=True)

CONFIRMED = {"act": "forget", "confirmed": "1"}


@pytest.fixture
def account() -> Account:
    cache.clear()
    make_billing.prices()
    make_billing.seller()
    return make_billing.buyer()


def save(client: Client, account: Account, **fields: str) -> Any:
    body = {"provider": "stripe", "idempotency_key": KEY}
    return client.post(at(account, "methods/cards/save/"), body | fields)


def two_cards(client: Client, account: Account, server: StripeServer) -> list[Any]:
    """A Visa, which is the default, and another that ends in 1111."""
    server.pay(save(client, account)["Location"].rsplit("/", 1)[-1])
    server.save_card(ProviderCustomer.unscoped.get().ref, last4="1111")
    return list(cards.follow_cards(account=account, provider="stripe"))


def test_a_card_is_saved_at_the_provider_and_stands_in_the_list(
    account: Account, server: StripeServer
) -> None:
    client = browser(account)
    empty = text_of(client.get(at(account, "methods/")))

    away, again = save(client, account), save(client, account)
    ref = away["Location"].rsplit("/", 1)[-1]
    back = str(server.objects[ref]["asked"]["success_url"])
    server.pay(ref)
    returned = client.get(back[back.index("/billing/") :])
    checked = client.post(at(account, "methods/cards/check/"), {"provider": "stripe"}, headers=HTMX)

    assert "No card is saved" in empty
    assert (away.status_code, again["Location"]) == (303, away["Location"])
    assert back.endswith(f"/billing/methods/?account={account.pk}&cards=stripe")
    assert "Asking Stripe which cards it keeps for you." in text_of(returned)
    assert "Visa ending in 4242 Default Expires 04/2030 · kept by Stripe" in text_of(checked)
    assert "<html" not in checked.content.decode()


def test_another_card_is_made_the_default_and_removed_once_confirmed(
    account: Account, server: StripeServer
) -> None:
    client = browser(account)
    first, second = two_cards(client, account, server)
    customer = server.objects[ProviderCustomer.unscoped.get().ref]

    client.post(at(account, f"methods/{second.pk}/"), {"act": "default"})
    charged = customer["invoice_settings"]["default_payment_method"]
    asked = client.post(at(account, f"methods/{second.pk}/"), {"act": "forget"}, headers=HTMX)
    kept = AccountPaymentMethod.unscoped.count()
    client.post(at(account, f"methods/{second.pk}/"), CONFIRMED)

    assert charged == second.provider_ref
    assert "Remove Visa ending in 1111?" in text_of(asked)
    assert "Visa ending in 4242 becomes the default." in text_of(asked)
    assert kept == 2
    row = AccountPaymentMethod.unscoped.get()
    assert (row.pk, row.is_default) == (first.pk, True)
    assert customer["invoice_settings"]["default_payment_method"] == first.provider_ref
    assert server.objects[second.provider_ref]["customer"] is None


def test_the_last_card_of_a_plan_is_removed_with_a_warning(
    account: Account, server: StripeServer
) -> None:
    client = browser(account)
    server.pay(save(client, account)["Location"].rsplit("/", 1)[-1])
    (row,) = cards.follow_cards(account=account, provider="stripe")
    make_billing.provider_subscription(account, make_billing.plan(10, price_minor=100))

    asked = text_of(client.post(at(account, f"methods/{row.pk}/"), {"act": "forget"}))

    assert "without another the next renewal fails" in asked


def test_a_provider_that_is_away_changes_nothing_and_is_said(
    account: Account, server: StripeServer
) -> None:
    client = browser(account)
    first, second = two_cards(client, account, server)
    server.faults[f"/v1/payment_methods/{second.provider_ref}/detach"] = ["down"]
    server.faults["/v1/checkout/sessions"] = ["down"]

    forgotten = client.post(at(account, f"methods/{second.pk}/"), CONFIRMED, follow=True)
    added = save(client, account, idempotency_key="another")
    customer = ProviderCustomer.unscoped.get().ref
    server.faults[f"/v1/customers/{customer}/payment_methods"] = ["down"]
    checked = client.post(at(account, "methods/cards/check/"), {"provider": "stripe"}, headers=HTMX)

    assert "It is forgotten." not in text_of(forgotten)
    assert "Visa ending in 1111" in text_of(forgotten)
    assert added.status_code == 503
    assert "Nothing was lost: you can try again." in text_of(added)
    assert "Nothing was lost: you can try again." in text_of(checked)
    kept = AccountPaymentMethod.unscoped.order_by("pk").values_list("pk", flat=True)
    assert list(kept) == [first.pk, second.pk]


def test_without_keys_cards_are_shown_and_cannot_be_added(account: Account, settings: Any) -> None:
    settings.PAYMENT_KEYS = {}
    AccountPaymentMethod.unscoped.create(
        account=account, type="stripe", display_name="Visa ending in 4242", provider_ref="pm_1",
        metadata={"expires": "04/2020"},
    )  # fmt: skip
    client = browser(account)

    shown = text_of(client.get(at(account, "methods/")))
    AccountPaymentMethod.unscoped.all().delete()
    none = text_of(client.get(at(account, "methods/")))
    refused = save(client, account)

    assert "Visa ending in 4242 Expired Expired 04/2020" in shown
    assert "Stripe is not set up here at the moment" in shown
    assert "Cards cannot be saved here" in none
    assert refused.status_code == 422
    assert "Not offered in DE." in text_of(refused)


@pytest.mark.parametrize("act", ["default", "off", "forget"])
def test_another_accounts_card_is_not_there(account: Account, act: str) -> None:
    other = make_billing.buyer()
    theirs = AccountPaymentMethod.unscoped.create(
        account=other, type="stripe", display_name="Theirs", provider_ref="pm_9"
    )

    body = {"act": act, "confirmed": "1"}
    answer = browser(account).post(at(account, f"methods/{theirs.pk}/"), body)

    assert answer.status_code == 404
    assert AccountPaymentMethod.unscoped.get().display_name == "Theirs"


# --- a renewal that is not paid


@pytest.mark.parametrize(
    ("provider", "stage", "words", "leads_to"),
    [
        ("stripe", "past_due", "Pay it soon, so that nothing stops.", "/continue/"),
        ("stripe", "suspended", "New work is stopped until it is.", "/continue/"),
        ("", "restricted", "There are no new credits until it is.", "&status=pending"),
    ],
)
def test_every_page_says_what_is_owed_and_leads_to_paying(
    account: Account, provider: str, stage: str, words: str, leads_to: str
) -> None:
    site = make.site(account)
    row = make_billing.provider_subscription(
        account, make_billing.plan(10, price_minor=100), status="past_due", dunning_stage=stage,
        provider=provider, payment_method="" if provider else "bank_transfer",
    )  # fmt: skip
    client, viewer = browser(account), browser(account, Role.VIEWER)

    for address in (
        f"/s/{site.pk}/",
        at(account, "ledger/"),
        f"/settings/team/?account={account.pk}",
    ):
        page = html.fromstring(client.get(address).content.decode())
        (banner,) = page.xpath("//*[contains(@class, 'owing')]")
        assert words in " ".join(" ".join(banner.itertext()).split())
        (target,) = banner.xpath(".//form/@action | .//a/@href")
        assert leads_to in target
    assert "Owners and admins can pay." in text_of(viewer.get(f"/s/{site.pk}/"))
    assert text_of(client.get(at(account, "plan/"))).count("not paid") == 1

    type(row).unscoped.filter(pk=row.pk).update(status="active", dunning_stage="none")
    assert "not paid" not in text_of(client.get(f"/s/{site.pk}/"))
