"""What can be bought and what work costs: reference rows, the same for every account."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import NullIf

from igny8_core.auth.models import TimestampedModel, choices_check
from igny8_core.business.billing.credit_models import CURRENT_OPERATIONS, person
from igny8_core.business.billing.states import OperationType, PaymentMethod, PriceUnit

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNTRY: Final = "[A-Z]{2}"
IBAN: Final = "[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}"
SWIFT: Final = "[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?"


class CreditCostConfig(TimestampedModel):
    """One version of a price: what ``unit_size`` units of an operation cost.

    The versions of an operation and unit neither overlap nor leave a gap: a foreign key holds
    each version's ``active_from`` to the ``active_to`` of the one before.
    """

    operation_type = models.CharField(max_length=32, choices=OperationType)
    unit = models.CharField(max_length=16, choices=PriceUnit)
    version = models.PositiveIntegerField(default=1)
    prev_version = models.GeneratedField(
        expression=NullIf(F("version") - Value(1), Value(0)),
        output_field=models.IntegerField(null=True),
        db_persist=True,
    )
    unit_size = models.PositiveIntegerField(default=1, help_text="Units that the price is for.")
    credits_per_unit = models.DecimalField(max_digits=12, decimal_places=4)
    min_credits = models.PositiveIntegerField(default=0, help_text="Least charge of one run.")
    platform_fee_credits = models.PositiveIntegerField(
        default=0, help_text="Charge of one run when the account brings its own provider key."
    )
    active_from = models.DateTimeField()
    active_to = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    display_name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    sort_order = models.PositiveIntegerField(default=0)
    previous_credits_per_unit = models.DecimalField(
        max_digits=12, decimal_places=4, null=True, blank=True
    )
    created_by = person()
    updated_by = person()
    change_reason = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["operation_type", "unit", "version"], name="creditcost_version"
            ),
            models.UniqueConstraint(
                fields=["operation_type", "unit", "version", "active_to"], name="creditcost_end"
            ),
            models.UniqueConstraint(
                fields=["operation_type", "unit"],
                condition=Q(active_to__isnull=True),
                name="creditcost_one_open",
            ),
            models.CheckConstraint(
                name="creditcost_operation", condition=Q(operation_type__in=CURRENT_OPERATIONS)
            ),
            choices_check("unit", PriceUnit, "creditcost_unit"),
            models.CheckConstraint(
                name="creditcost_period",
                condition=Q(active_to__isnull=True) | Q(active_to__gt=F("active_from")),
            ),
            models.CheckConstraint(
                name="creditcost_amounts",
                condition=Q(version__gte=1, unit_size__gte=1, credits_per_unit__gte=0),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operation_type} {self.unit} v{self.version}"


class CreditPackage(TimestampedModel):
    """A bundle of credits that is bought once. The price is net."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100, unique=True)
    credits = models.BigIntegerField()
    price_minor = models.BigIntegerField(help_text="Minor units of the currency, without tax.")
    currency = models.CharField(max_length=3, default="EUR")
    discount_bp = models.PositiveIntegerField(default=0, help_text="Hundredths of a percent.")
    stripe_product_id = models.CharField(max_length=100, blank=True)
    stripe_price_id = models.CharField(max_length=100, blank=True)
    paypal_product_id = models.CharField(max_length=100, blank=True)
    is_active = models.BooleanField(default=True)
    is_featured = models.BooleanField(default=False)
    description = models.TextField(blank=True)
    features = models.JSONField(default=list, blank=True)
    sort_order = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="creditpackage_amounts",
                condition=Q(credits__gt=0, price_minor__gte=0, discount_bp__lte=10_000),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def discounted_price_minor(self) -> int:
        """The price to pay, without tax; a fraction of a minor unit goes to the seller."""
        return self.price_minor - self.price_minor * self.discount_bp // 10_000


class PaymentMethodConfig(TimestampedModel):
    """A payment method offered in a country, and what the payer needs to know.

    A row without a country holds for every country that has none of its own for this method,
    be it switched on or off.
    """

    country_code = models.CharField(
        max_length=2, blank=True, help_text="Empty: every country without a row of its own."
    )
    payment_method = models.CharField(max_length=16, choices=PaymentMethod)
    is_enabled = models.BooleanField(default=False)
    display_name = models.CharField(max_length=100)
    instructions = models.TextField(blank=True)
    bank_name = models.CharField(max_length=100, blank=True)
    account_holder = models.CharField(max_length=100, blank=True)
    iban = models.CharField(max_length=34, blank=True)
    swift = models.CharField(max_length=11, blank=True)
    wallet_type = models.CharField(max_length=50, blank=True)
    wallet_id = models.CharField(max_length=100, blank=True)
    sort_order = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["country_code", "payment_method"], name="paymentmethodconfig_once"
            ),
            choices_check("payment_method", PaymentMethod, "paymentmethodconfig_method"),
        ]

    def __str__(self) -> str:
        return f"{self.country_code or 'elsewhere'} {self.display_name}"

    def clean(self) -> None:
        """For the admin: what a payer could not use.

        :raises ValidationError: by field.
        """
        self.iban = self.iban.replace(" ", "").upper()
        self.swift = self.swift.replace(" ", "").upper()
        problems = dict(_unusable(self))
        if problems:
            raise ValidationError(problems)


def _unusable(row: PaymentMethodConfig) -> Iterator[tuple[str, str]]:
    """(field, what is wrong with it)."""
    if row.country_code and not re.fullmatch(COUNTRY, row.country_code):
        yield "country_code", "Two capital letters, for example DE."
    if row.iban and not is_iban(row.iban):
        yield "iban", "This is no IBAN: a digit or letter is wrong."
    if row.swift and not re.fullmatch(SWIFT, row.swift):
        yield "swift", "Eight or eleven letters and digits."
    if not row.is_enabled or row.instructions.strip():
        return
    if row.payment_method == PaymentMethod.BANK_TRANSFER and not row.iban:
        yield "iban", "Where is the money to go? An IBAN, or instructions."
    if row.payment_method == PaymentMethod.LOCAL_WALLET and not row.wallet_id:
        yield "wallet_id", "Where is the money to go? A wallet, or instructions."
    if row.payment_method == PaymentMethod.MANUAL:
        yield "instructions", "How is one to pay?"


def is_iban(text: str) -> bool:
    """Whether the check digits of an IBAN, without spaces, are right."""
    if not re.fullmatch(IBAN, text):
        return False
    moved = text[4:] + text[:4]
    return int("".join(str(int(letter, 36)) for letter in moved)) % 97 == 1
