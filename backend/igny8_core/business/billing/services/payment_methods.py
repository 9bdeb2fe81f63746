"""How an account pays: remembered by a name, never by a number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction

from igny8_core.auth.models import Account
from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import AccountPaymentMethod
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

METHODS_MAX = 20
CHANGEABLE = ("display_name", "instructions", "country_code", "is_enabled")

_CARD = re.compile(r"(?:\d[ -]?){12,18}\d")
_IBAN = re.compile(r"\b[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", re.IGNORECASE)
_IBAN_LENGTH_MIN = 15


@tenant_atomic()
def add_payment_method(
    *,
    account: Account,
    type: str,  # noqa: A002 - the column
    display_name: str,
    country_code: str = "",
    instructions: str = "",
) -> AccountPaymentMethod:
    """Remember a way to pay. The first one is the default.

    :param country_code: by default the account's.
    :raises InvalidInput: not offered in the country, or a text that holds a card's or a bank
        account's number, which stays with the provider.
    :raises Conflict: there is one of this name, or there are too many.
    """
    country = country_code or account.country_code
    offered = selectors.offered_methods(country_code=country)
    if not offered.filter(payment_method=type).exists():
        where = country or "a country that is not known: set the account's first"
        raise InvalidInput("Nothing was added.", type=[f"Not offered in {where}."])
    _refuse_numbers(display_name=display_name, instructions=instructions)
    _lock(account)
    rows = selectors.account_payment_methods(account=account)
    if rows.count() >= METHODS_MAX:
        raise Conflict(f"An account has at most {METHODS_MAX} payment methods.")
    made = AccountPaymentMethod(
        account_id=account.pk,
        type=type,
        display_name=display_name.strip(),
        country_code=country,
        instructions=instructions,
        is_default=not rows.filter(is_default=True).exists(),
    )
    return _saved(made)


@tenant_atomic()
def change_payment_method(
    *, account: Account, method_id: int, changes: Mapping[str, Any]
) -> AccountPaymentMethod:
    """Change a payment method's words, or switch it on or off.

    :param changes: of ``CHANGEABLE``.
    :raises NotFound: no such payment method.
    :raises InvalidInput: as in :func:`add_payment_method`; or the default would be switched off.
    :raises Conflict: there is one of this name.
    """
    _lock(account)
    row = payment_method(account=account, method_id=method_id)
    wanted = {name: changes[name] for name in CHANGEABLE if name in changes}
    _refuse_numbers(**{name: text for name, text in wanted.items() if isinstance(text, str)})
    if row.is_default and wanted.get("is_enabled") is False:
        raise InvalidInput(
            "Nothing was changed.", is_enabled=["Make another payment method the default first."]
        )
    for name, value in wanted.items():
        setattr(row, name, value)
    return _saved(row)


@tenant_atomic()
def make_default(*, account: Account, method_id: int) -> AccountPaymentMethod:
    """Pay with this one from now on. Safe to repeat.

    :raises NotFound: no such payment method.
    :raises Conflict: it is switched off.
    """
    _lock(account)
    row = payment_method(account=account, method_id=method_id)
    if not row.is_enabled:
        raise Conflict("This payment method is switched off.")
    rows = selectors.account_payment_methods(account=account)
    rows.filter(is_default=True).exclude(pk=row.pk).update(is_default=False)
    if not row.is_default:
        row.is_default = True
        row.save(update_fields=["is_default", "updated_at"])
    return row


@tenant_atomic()
def remove_payment_method(*, account: Account, method_id: int) -> None:
    """Forget a payment method. The oldest that is switched on takes its place as the default.

    :raises NotFound: no such payment method.
    """
    _lock(account)
    row = payment_method(account=account, method_id=method_id)
    row.delete()
    if row.is_default:
        others = selectors.account_payment_methods(account=account).filter(is_enabled=True)
        if (heir := others.first()) is not None:
            make_default(account=account, method_id=heir.pk)


def payment_method(*, account: Account, method_id: int) -> AccountPaymentMethod:
    """One payment method of the account; inside its block.

    :raises NotFound: unknown, or another account's.
    """
    rows = selectors.account_payment_methods(account=account)
    found: AccountPaymentMethod | None = rows.filter(pk=method_id).first()
    if found is None:
        raise NotFound("no such payment method", method_id=method_id)
    return found


def _lock(account: Account) -> None:
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)


def _saved(row: AccountPaymentMethod) -> AccountPaymentMethod:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as exc:
        text = "There is a payment method of this name."
        raise Conflict(text, display_name=[text]) from exc
    return row


def _refuse_numbers(**texts: str) -> None:
    """Card and bank account numbers do not belong here.

    :raises InvalidInput: by field.
    """
    problems = {
        name: ["Leave the number out: it stays with your bank or provider."]
        for name, text in texts.items()
        if any(_is_card(found) for found in _CARD.findall(text)) or _has_iban(text)
    }
    if problems:
        raise InvalidInput("Nothing was stored.", **problems)


def _is_card(text: str) -> bool:
    """Whether the digits pass the check that card numbers pass (Luhn)."""
    digits = [int(letter) for letter in text if letter.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _has_iban(text: str) -> bool:
    """Whether a part of the text is a bank account's number with its right check digits."""
    for match in _IBAN.finditer(text):
        number = match.group().replace(" ", "").upper()
        while len(number) >= _IBAN_LENGTH_MIN:
            turned = number[4:] + number[:4]
            if int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1:
                return True
            number = number[: (len(number) - 1) // 4 * 4]  # the next word looked like a group
    return False
