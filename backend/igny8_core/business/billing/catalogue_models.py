"""What can be bought and what work costs: reference rows, the same for every account."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import NullIf

from igny8_core.auth.models import TimestampedModel, choices_check
from igny8_core.business.billing.credit_models import CURRENT_OPERATIONS, person
from igny8_core.business.billing.states import OperationType, PaymentMethod, PriceUnit


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
    """A payment method offered in a country, and what the payer needs to know."""

    country_code = models.CharField(max_length=2)
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
        return f"{self.country_code} {self.display_name}"
