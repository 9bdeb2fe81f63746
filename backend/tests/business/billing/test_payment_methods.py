from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.billing.models import AccountPaymentMethod, PaymentMethodConfig
from igny8_core.business.billing.services.payment_methods import (
    METHODS_MAX,
    add_payment_method,
    change_payment_method,
    make_default,
    payment_method,
    remove_payment_method,
)
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from tests import make
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    make_billing.offered("DE", "bank_transfer")
    make_billing.offered("DE", "stripe")
    return make.account(country_code="DE")


def add(account: Account, name: str = "Bank", **fields: Any) -> AccountPaymentMethod:
    values: dict[str, Any] = {"type": "bank_transfer", "display_name": name}
    return add_payment_method(account=account, **values | fields)


def defaults(account: Account) -> dict[str, bool]:
    rows = AccountPaymentMethod.objects.for_account(account).order_by("pk")
    return dict(rows.values_list("display_name", "is_default"))


def test_the_first_payment_method_is_the_default(account: Account) -> None:
    first, second = add(account, " Bank "), add(account, "Card", type="stripe")

    assert (first.display_name, first.country_code, first.is_verified) == ("Bank", "DE", False)
    assert (first.is_default, second.is_default) == (True, False)


def test_another_one_can_be_made_the_default(account: Account) -> None:
    add(account, "Bank")
    card = add(account, "Card", type="stripe")

    make_default(account=account, method_id=card.pk)
    make_default(account=account, method_id=card.pk)

    assert defaults(account) == {"Bank": False, "Card": True}


def test_the_oldest_takes_the_place_of_a_default_that_is_removed(account: Account) -> None:
    for name in ("Bank", "Off", "Card", "Other"):
        add(account, name)
    rows = {row.display_name: row.pk for row in AccountPaymentMethod.objects.for_account(account)}
    change_payment_method(account=account, method_id=rows["Off"], changes={"is_enabled": False})

    remove_payment_method(account=account, method_id=rows["Bank"])
    remove_payment_method(account=account, method_id=rows["Other"])

    assert defaults(account) == {"Off": False, "Card": True}
    remove_payment_method(account=account, method_id=rows["Card"])
    assert defaults(account) == {"Off": False}


def test_words_are_changed_and_nothing_else(account: Account) -> None:
    row = add(account)

    changed = change_payment_method(
        account=account,
        method_id=row.pk,
        changes={"display_name": "House bank", "instructions": "Ask Ada", "is_verified": True},
    )

    assert (changed.display_name, changed.instructions) == ("House bank", "Ask Ada")
    assert not changed.is_verified


def test_the_default_cannot_be_switched_off_and_what_is_off_no_default(account: Account) -> None:
    bank, card = add(account, "Bank"), add(account, "Card")
    change_payment_method(account=account, method_id=card.pk, changes={"is_enabled": False})

    with pytest.raises(InvalidInput):
        change_payment_method(account=account, method_id=bank.pk, changes={"is_enabled": False})
    with pytest.raises(Conflict):
        make_default(account=account, method_id=card.pk)

    assert defaults(account) == {"Bank": True, "Card": False}


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "paypal"},
        {"country_code": "FR"},
        {"display_name": "Visa 4242 4242 4242 4242"},
        {"display_name": "5500-0055-5555-5559"},
        {"instructions": "Use DE89370400440532013000 please"},
        {"instructions": "iban at61 1904 3002 3457 3201 bank"},
    ],
)
def test_what_is_not_offered_or_holds_a_number_is_refused(
    account: Account, fields: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        add(account, **fields)

    assert defaults(account) == {}


@pytest.mark.parametrize(
    "text",
    ["Invoice 1234567890123456", "Call 0049 30 123456", "Room AB12 next door", "AB12 3456 7890"],
)
def test_other_numbers_are_welcome(account: Account, text: str) -> None:
    row = add(account)

    changed = change_payment_method(
        account=account, method_id=row.pk, changes={"instructions": text}
    )

    assert changed.instructions == text


def test_a_number_is_refused_in_a_change_too(account: Account) -> None:
    row = add(account)

    with pytest.raises(InvalidInput) as refused:
        change_payment_method(
            account=account, method_id=row.pk, changes={"display_name": "4111111111111111"}
        )

    assert list(refused.value.data) == ["display_name"]


def test_a_method_that_operators_switched_off_is_not_offered(account: Account) -> None:
    PaymentMethodConfig.objects.update(is_enabled=False)

    with pytest.raises(InvalidInput):
        add(account)


def test_an_account_without_a_country_is_asked_for_it() -> None:
    with pytest.raises(InvalidInput, match="Nothing was added"):
        add(make.account())


def test_two_of_one_name_and_too_many_are_refused(account: Account) -> None:
    rows = [add(account, f"Bank {number}") for number in range(METHODS_MAX - 1)]

    with pytest.raises(Conflict):
        add(account, "Bank 0")
    with pytest.raises(Conflict):
        change_payment_method(
            account=account, method_id=rows[1].pk, changes={"display_name": "Bank 0"}
        )
    add(account, "The last")
    with pytest.raises(Conflict, match="at most"):
        add(account, "One more")


def test_another_accounts_payment_method_is_not_found(account: Account) -> None:
    row = add(account)
    other = make.account(country_code="DE")

    for call in (make_default, remove_payment_method, payment_method):
        with pytest.raises(NotFound):
            call(account=other, method_id=row.pk)
    with pytest.raises(NotFound):
        change_payment_method(account=other, method_id=row.pk, changes={})

    assert defaults(account) == {"Bank": True}
