"""Saved cards: kept by the provider, known here by what a person calls them.

Claim, call, settle: the provider is asked outside of every transaction, and what it has is what
there is; so a lost answer, a repeat or somebody's act at the provider end in the same list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from igny8_core.auth.models import Account, Subscription
from igny8_core.auth.states import RUNNING
from igny8_core.business.billing.models import AccountPaymentMethod, ProviderCustomer
from igny8_core.business.billing.services.billing_profiles import billing_profile
from igny8_core.business.billing.services.payment_methods import (
    make_default,
    payment_method,
    remove_payment_method,
)
from igny8_core.business.billing.services.payments import way_in
from igny8_core.business.billing.services.provider_subscriptions import note_customer
from igny8_core.clients.payments import card_client, keeps_cards
from igny8_core.common.failpoints import failpoint
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from igny8_core.clients.payments import RemoteCard
    from igny8_core.common.tenancy.context import HasKey

BRANDS = {"amex": "American Express", "visa": "Visa", "mastercard": "Mastercard"}
CARDS = "c"
"""The kind in our word for the page of a card, as the provider keeps it."""


def can_save_at(provider: str) -> bool:
    """Whether cards can be saved at a provider: it is set up here, and keeps them."""
    return keeps_cards(provider)


def card_page(*, account: Account, provider: str, idempotency_key: str) -> str:
    """A page of the provider's on which a card is saved. The same key is the same page.

    :raises InvalidInput: not offered in the country, or a provider that keeps no cards.
    :raises Transient: the provider does not answer.
    """
    with tenant(account.pk, read_only=True):
        profile = billing_profile(account=account)
        way_in(provider, profile.country_code)
        customer = _customer(account, provider)
    client = card_client(provider)
    if not customer:
        customer = client.create_customer(
            key=f"customer:{account.pk}", name=profile.legal_name, email=profile.email
        )
        failpoint("billing.customer.made")
        _note_customer(account=account, provider=provider, ref=customer)
    page = client.create_setup(
        key=f"cards:{account.pk}:{idempotency_key}",
        reference=f"{account.pk}:{CARDS}:{account.pk}",
        customer_ref=customer,
        page=f"{settings.PUBLIC_URL}/billing/methods/?account={account.pk}&cards={provider}",
    )
    return page.url


def follow_cards(*, account: Account, provider: str) -> Sequence[AccountPaymentMethod]:
    """Bring our list in line with the provider's. Safe to repeat.

    :returns: the cards, the oldest first.
    :raises InvalidInput: a provider that keeps no cards.
    :raises Transient: the provider does not answer; nothing was changed.
    """
    with tenant(account.pk, read_only=True):
        customer = _customer(account, provider)
    found = card_client(provider).cards(customer) if customer else []
    return _take_over(account=account, provider=provider, found=found)


def use_card(*, account: Account, method_id: int) -> AccountPaymentMethod:
    """Pay with this one from now on, the running subscription too. Safe to repeat.

    :raises NotFound: no such payment method.
    :raises Conflict: it is switched off.
    :raises Transient: the provider does not answer; nothing was changed here.
    """
    with tenant(account.pk, read_only=True):
        row = payment_method(account=account, method_id=method_id)
        customer = _customer(account, row.type)
        running = Subscription.objects.for_account(account).filter(
            status__in=RUNNING, provider=row.type, provider_ref__isnull=False
        )
        subscription = running.values_list("provider_ref", flat=True).first() or ""
    if row.provider_ref and row.is_enabled:
        card_client(row.type).use_card(
            customer_ref=customer, card_ref=row.provider_ref, subscription_ref=subscription
        )
    return make_default(account=account, method_id=method_id)


def forget_card(*, account: Account, method_id: int) -> None:
    """Forget a way to pay; of a card the provider forgets it first. Safe to repeat.

    Another card at the same provider takes the place of the default, there too: a plan that runs
    is charged to it from then on.

    :raises NotFound: no such payment method.
    :raises Transient: the provider does not answer; it is still here.
    """
    with tenant(account.pk, read_only=True):
        row = payment_method(account=account, method_id=method_id)
        rows = AccountPaymentMethod.objects.for_account(account).filter(
            type=row.type, provider_ref__isnull=False, is_enabled=True
        )
        heir = rows.exclude(pk=row.pk).order_by("pk").first()
    if row.provider_ref:
        if row.is_default and heir is not None:
            use_card(account=account, method_id=heir.pk)
        card_client(row.type).forget_card(row.provider_ref)
        failpoint("billing.card.forgotten")
    remove_payment_method(account=account, method_id=method_id)


def card_to_charge(*, account: HasKey, provider: str) -> tuple[AccountPaymentMethod | None, str]:
    """(the saved card that pays at a provider, the account's name there). Inside the block."""
    rows = AccountPaymentMethod.objects.for_account(account).filter(
        type=provider, provider_ref__isnull=False, is_enabled=True
    )
    return rows.order_by("-is_default", "pk").first(), _customer(account, provider)


def _customer(account: HasKey, provider: str) -> str:
    rows = ProviderCustomer.objects.for_account(account).filter(provider=provider)
    return rows.values_list("ref", flat=True).first() or ""


@tenant_atomic()
def _note_customer(*, account: HasKey, provider: str, ref: str) -> None:
    note_customer(account=account, provider=provider, ref=ref)


@tenant_atomic()
def _take_over(
    *, account: Account, provider: str, found: Sequence[RemoteCard]
) -> Sequence[AccountPaymentMethod]:
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    rows = AccountPaymentMethod.objects.for_account(account)
    mine = rows.filter(type=provider, provider_ref__isnull=False)
    known = {row.provider_ref: row for row in mine}
    there = {card.ref for card in found}
    for ref, row in known.items():
        if ref not in there:
            remove_payment_method(account=account, method_id=row.pk)
    names = set(rows.values_list("display_name", flat=True))
    for card in reversed(found):  # the provider has the newest first
        if card.ref in known:
            continue
        made = AccountPaymentMethod(
            account_id=account.pk,
            type=provider,
            display_name=_name(card, names),
            provider_ref=card.ref,
            is_verified=True,
            country_code=account.country_code,
            is_default=not rows.filter(is_default=True).exists(),
            metadata={"expires": card.expires},
        )
        made.save()
        names.add(made.display_name)
    return list(mine.order_by("pk"))


def _name(card: RemoteCard, names: set[str]) -> str:
    """What a person knows it by; told apart where two look alike."""
    brand = BRANDS.get(card.brand, card.brand.capitalize())
    plain = f"{brand} ending in {card.last4}"
    choices = [plain, f"{plain}, {card.expires}"]
    choices += [f"{plain}, {card.expires} ({number})" for number in range(2, 100)]
    return next(name for name in choices if name not in names)
