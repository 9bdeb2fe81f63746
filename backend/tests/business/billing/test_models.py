"""What the tables of money and credits refuse, whoever writes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from igny8_core.ai.ports import Usage
from igny8_core.business.billing.models import (
    AccountPaymentMethod,
    CreditAdjustment,
    CreditPackage,
    CreditReservation,
    CreditUsageLog,
    Invoice,
    Payment,
    PaymentMethodConfig,
)
from igny8_core.business.billing.services.usage import log_usage
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

pytestmark = pytest.mark.django_db


NOTHING = {"subtotal_minor": 0, "tax_minor": 0, "total_minor": 0}


def invoice(account: Any, **fields: Any) -> Invoice:
    return Invoice.unscoped.create(
        account=account,
        **{"currency": "EUR", "subtotal_minor": 100, "tax_minor": 19, "total_minor": 119} | fields,
    )


def payment(of: Invoice, **fields: Any) -> Payment:
    wanted: dict[str, Any] = {
        "payment_method": "stripe",
        "amount_minor": 119,
        "currency": "EUR",
        "idempotency_key": make.unique("payment"),
    }
    return Payment.unscoped.create(account_id=of.account_id, invoice=of, **wanted | fields)


def refused(constraint: str) -> Any:
    return pytest.raises(IntegrityError, match=constraint)


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("invoice_total", {"total_minor": 120}),
        ("invoice_number_of_series", {"number": "R-1"}),
        ("invoice_numbered_when_final", {"status": "pending"}),
        ("invoice_credited", {"credited_minor": 120}),
        ("invoice_credited", {"credited_minor": -1}),
    ],
)
def test_an_invoice_that_cannot_be(constraint: str, fields: dict[str, Any]) -> None:
    account = make.account()

    with refused(constraint), transaction.atomic():
        invoice(account, **fields)


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("invoice_numbered_when_final", {"status": "draft"}),
        ("invoice_number_of_series", {"number": None}),
        ("invoice_number_of_series", {"no": None}),
        ("invoice_paid_at", {"status": "paid"}),
        ("invoice_voided_at", {"status": "void", "credited_minor": 119}),
        ("invoice_void_is_credited", {"status": "void", "voided_at": NOW}),
        ("invoice_status", {"status": "lost"}),
    ],
)
def test_a_numbered_invoice_that_cannot_be(constraint: str, fields: dict[str, Any]) -> None:
    account = make.account()
    fields = make_billing.number() | fields

    with refused(constraint), transaction.atomic():
        invoice(account, **fields)


def test_a_number_is_given_once_and_legacy_names_mirror_the_fields() -> None:
    account = make.account()
    start, end = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    number = make_billing.number()
    paid = invoice(
        account,
        **NOTHING,
        **number | {"status": "paid"},
        paid_at=NOW,
        invoice_date=date(2026, 11, 2),
        period_start=start,
        period_end=end,
    )

    with refused("invoice_number"), transaction.atomic():
        invoice(account, **NOTHING, **make_billing.number())
    with refused("invoice_series_no"), transaction.atomic():
        invoice(make.account(), **NOTHING, **number)

    assert (paid.subtotal_amount, paid.tax_amount, paid.total_amount) == (0, 0, 0)
    assert (paid.billing_period_start, paid.billing_period_end) == (start, end)
    assert paid.paid_date == NOW


@pytest.mark.parametrize(
    ("constraint", "fields"),
    [
        ("payment_amounts", {"amount_minor": 0}),
        ("payment_amounts", {"refunded_minor": 120}),
        ("payment_status", {"status": "lost"}),
        ("payment_method", {"payment_method": "cash"}),
    ],
)
def test_a_payment_that_cannot_be(constraint: str, fields: dict[str, Any]) -> None:
    of = invoice(make.account())

    with refused(constraint), transaction.atomic():
        payment(of, **fields)


def test_an_invoice_has_one_open_payment_attempt() -> None:
    of = invoice(make.account())
    payment(of, status="failed")
    payment(of, status="processing")

    with refused("payment_one_open_attempt"), transaction.atomic():
        payment(of)


def test_a_provider_reference_belongs_to_one_payment_of_all_accounts() -> None:
    payment(invoice(make.account()), provider="stripe", provider_ref="cs_1")

    with refused("payment_provider_ref"), transaction.atomic():
        payment(invoice(make.account()), provider="stripe", provider_ref="cs_1")


def test_two_people_approve_or_adjust() -> None:
    account, person = make.account(), make.user()

    with refused("payment_second_person"), transaction.atomic():
        payment(invoice(account), approved_by=person, second_approved_by=person)
    with refused("creditadjustment_second_person"), transaction.atomic():
        CreditAdjustment.unscoped.create(
            account=account,
            amount=5,
            reason="goodwill",
            idempotency_key="a",
            requested_by=person,
            approved_by=person,
        )


def test_an_account_has_one_default_payment_method() -> None:
    account = make.account()
    AccountPaymentMethod.unscoped.create(
        account=account, type="stripe", display_name="Card", is_default=True
    )

    with refused("accountpaymentmethod_default"), transaction.atomic():
        AccountPaymentMethod.unscoped.create(
            account=account, type="paypal", display_name="PayPal", is_default=True
        )
    with refused("accountpaymentmethod_name"), transaction.atomic():
        AccountPaymentMethod.unscoped.create(account=account, type="paypal", display_name="Card")


def test_a_method_is_configured_once_per_country() -> None:
    wanted: dict[str, Any] = {
        "country_code": "DE",
        "payment_method": "bank_transfer",
        "display_name": "Transfer",
    }
    config = PaymentMethodConfig.objects.create(**wanted)

    with refused("paymentmethodconfig_once"), transaction.atomic():
        PaymentMethodConfig.objects.create(**wanted)

    assert str(config) == "DE Transfer"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, ["iban"]),
        ({"iban": "DE89 3704 0044 0532 0130 00", "swift": "cobadeff"}, []),
        ({"iban": "DE88370400440532013000"}, ["iban"]),
        ({"iban": "?", "swift": "?", "country_code": "de"}, ["country_code", "iban", "swift"]),
        ({"instructions": "Come to the counter."}, []),
        ({"payment_method": "local_wallet"}, ["wallet_id"]),
        ({"payment_method": "local_wallet", "wallet_id": "0300 1234567"}, []),
        ({"payment_method": "manual"}, ["instructions"]),
        ({"payment_method": "manual", "is_enabled": False}, []),
        ({"payment_method": "stripe", "country_code": ""}, []),
    ],
)
def test_a_payer_must_be_able_to_use_what_is_offered(
    fields: dict[str, Any], wrong: list[str]
) -> None:
    values = {"country_code": "DE", "payment_method": "bank_transfer", "display_name": "x"}
    config = PaymentMethodConfig(**values | {"is_enabled": True} | fields)
    found: list[str] = []

    try:
        config.clean()
    except ValidationError as exc:
        found = sorted(exc.message_dict)

    assert found == wrong


@pytest.mark.parametrize(
    ("price", "discount", "to_pay"), [(1_000, 0, 1_000), (999, 1_500, 850), (5, 10_000, 0)]
)
def test_a_package_costs_its_price_less_the_discount(
    price: int, discount: int, to_pay: int
) -> None:
    package = CreditPackage.objects.create(
        name="Starter", slug="starter", credits=100, price_minor=price, discount_bp=discount
    )

    assert (str(package), package.discounted_price_minor) == ("Starter", to_pay)


def test_an_account_with_a_wallet_is_never_deleted() -> None:
    account = make.account()

    with pytest.raises(ProtectedError):
        account.delete()


def test_a_reservation_is_never_for_a_legacy_operation_but_a_usage_log_may_be() -> None:
    account = make_billing.account_with(10)

    with refused("creditreservation_operation"), transaction.atomic():
        CreditReservation.unscoped.create(
            account=account,
            idempotency_key="k",
            fingerprint="f",
            amount=1,
            expires_at=NOW,
            operation="idea_generation",
        )
    log_usage(account=account, operation="ideas", credits_used=3, usage=Usage("openai", "old"))

    (log,) = CreditUsageLog.objects.for_account(account)
    assert (log.operation_type, log.credits_used, log.transaction_id) == ("ideas", 3, None)


def test_a_usage_log_points_into_its_own_account() -> None:
    account, other = make.account(), make_billing.account_with(10)
    foreign = make_billing.reservation(other, 5)

    with refused("creditusagelog_reservation"):
        log_usage(
            account=account,
            operation="content",
            credits_used=0,
            usage=Usage("local", "demo"),
            reservation_id=foreign.reservation_id,
        )
