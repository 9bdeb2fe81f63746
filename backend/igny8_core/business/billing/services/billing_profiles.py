"""Whom invoices are made out to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from igny8_core.auth.models import Account
from igny8_core.business.billing.models import BillingProfile
from igny8_core.common.errors import InvalidInput
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS: Final = (
    "legal_name",
    "email",
    "line1",
    "line2",
    "postal_code",
    "city",
    "region",
    "country_code",
    "is_business",
    "tax_id",
)


def billing_profile(*, account: Account) -> BillingProfile:
    """The account's; what nobody has said yet is filled from the account, not stored."""
    found: BillingProfile | None = BillingProfile.objects.for_account(account).first()
    return found or BillingProfile(
        account_id=account.pk, legal_name=account.name, country_code=account.country_code
    )


@tenant_atomic()
def change_billing_profile(*, account: Account, changes: Mapping[str, Any]) -> BillingProfile:
    """Say whom to bill. Invoices that have a number keep what they say.

    :param changes: of ``FIELDS``.
    """
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    row = billing_profile(account=account)
    for name in FIELDS:
        if name in changes:
            value = changes[name]
            setattr(row, name, value.strip() if isinstance(value, str) else value)
    row.tax_id = row.tax_id.replace(" ", "").upper()
    row.save()
    return row


def known_buyer(*, account: Account) -> BillingProfile:
    """The account's profile, if an invoice can be made out to it.

    :raises InvalidInput: by field, what is missing.
    """
    row = billing_profile(account=account)
    missing = {
        name: ["Needed on an invoice: fill it in under billing details."]
        for name in ("legal_name", "country_code", "line1", "city")
        if not getattr(row, name)
    }
    if missing or row.pk is None:
        raise InvalidInput("The billing details are not complete.", **missing)
    return row
