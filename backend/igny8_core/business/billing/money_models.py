"""Money of one account: invoices, payments, stored payment methods. Amounts are minor units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q

from igny8_core.auth.models import AccountBaseModel, choices_check
from igny8_core.business.billing.credit_models import key, person
from igny8_core.business.billing.states import (
    DisputeStatus,
    InvoiceStatus,
    PaymentMethod,
    PaymentStatus,
    RefundStatus,
)
from igny8_core.common.idempotency import KEY_LENGTH
from igny8_core.common.tenancy.constraints import StatusTrail
from igny8_core.common.tenancy.managers import aligned

if TYPE_CHECKING:
    from datetime import datetime

OPEN_PAYMENTS = [PaymentStatus.PENDING, PaymentStatus.PROCESSING]
WAITING_PAYMENTS = [*OPEN_PAYMENTS, PaymentStatus.SUCCEEDED]
"""Somebody has to do something: the payer, a provider, an operator."""


class Invoice(AccountBaseModel):
    """The legal document of a sale. Draft: a pro-forma; once numbered it never changes."""

    subscription = aligned("igny8_auth.Subscription", models.PROTECT, null=True, blank=True)
    series = models.ForeignKey(
        "billing.InvoiceSeries",
        models.PROTECT,
        related_name="+",
        db_index=False,
        null=True,
        blank=True,
    )
    no = models.PositiveIntegerField(null=True, blank=True, help_text="In the series: 1, 2, 3 …")
    number = models.CharField(max_length=32, null=True, blank=True)  # noqa: DJ001 - none in drafts
    status = models.CharField(max_length=16, choices=InvoiceStatus, default=InvoiceStatus.DRAFT)
    currency = models.CharField(max_length=3)
    subtotal_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField(default=0)
    credited_minor = models.BigIntegerField(default=0, help_text="Taken back by credit notes.")
    seller = models.JSONField(default=dict, blank=True)
    buyer = models.JSONField(default=dict, blank=True)
    tax_evidence = models.JSONField(default=dict, blank=True)
    line_items = models.JSONField(default=list, blank=True)
    payment_metadata = models.JSONField(default=dict, blank=True)
    stripe_invoice_id = models.CharField(max_length=100, blank=True)
    stripe_payment_intent_id = models.CharField(max_length=100, blank=True)
    notes = models.TextField(blank=True)
    invoice_date = models.DateField(null=True, blank=True)
    due_date = models.DateField(null=True, blank=True)
    period_start = models.DateTimeField(null=True, blank=True)
    period_end = models.DateTimeField(null=True, blank=True)
    period_key = models.CharField(  # noqa: DJ001 - unique when set
        max_length=KEY_LENGTH,
        null=True,
        blank=True,
        help_text="What of a subscription it is for: a period, or an upgrade. Once each.",
    )
    paid_at = models.DateTimeField(null=True, blank=True)
    voided_at = models.DateTimeField(null=True, blank=True)
    pdf_sha256 = models.CharField(max_length=64, blank=True)
    xml_sha256 = models.CharField(max_length=64, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    mail_tries = models.PositiveSmallIntegerField(default=0)
    mail_not_before = models.DateTimeField(
        null=True, blank=True, help_text="Somebody is sending it until then, or it did not work."
    )

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="invoice_key"),
            models.UniqueConstraint(fields=["account", "number"], name="invoice_number"),
            models.UniqueConstraint(fields=["series", "no"], name="invoice_series_no"),
            models.UniqueConstraint(
                fields=["account", "period_key"],
                condition=Q(period_key__isnull=False) & ~Q(status=InvoiceStatus.VOID),
                name="invoice_once_per_period",
            ),
            models.CheckConstraint(
                name="invoice_period_of_subscription",
                condition=Q(period_key__isnull=True) | Q(subscription__isnull=False),
            ),
            choices_check("status", InvoiceStatus, "invoice_status"),
            models.CheckConstraint(
                name="invoice_numbered_when_final",
                condition=Q(status=InvoiceStatus.DRAFT, number__isnull=True)
                | (~Q(status=InvoiceStatus.DRAFT) & Q(number__isnull=False)),
            ),
            models.CheckConstraint(
                name="invoice_number_of_series",
                condition=Q(number__isnull=True, no__isnull=True, series__isnull=True)
                | Q(number__isnull=False, no__isnull=False, no__gte=1, series__isnull=False),
            ),
            models.CheckConstraint(
                name="invoice_total",
                condition=Q(total_minor=F("subtotal_minor") + F("tax_minor")),
            ),
            models.CheckConstraint(
                name="invoice_credited",
                condition=Q(credited_minor__gte=0, credited_minor__lte=F("total_minor")),
            ),
            models.CheckConstraint(
                name="invoice_void_is_credited",
                condition=~Q(status=InvoiceStatus.VOID) | Q(credited_minor=F("total_minor")),
            ),
            models.CheckConstraint(
                name="invoice_paid_at",
                condition=~Q(status=InvoiceStatus.PAID) | Q(paid_at__isnull=False),
            ),
            models.CheckConstraint(
                name="invoice_voided_at",
                condition=~Q(status=InvoiceStatus.VOID) | Q(voided_at__isnull=False),
            ),
            key("invoice_subscription", "subscription"),
            StatusTrail(name="invoice_status_trail"),
        ]
        indexes = [
            models.Index(fields=["account", "status", "invoice_date", "id"], name="invoice_list"),
        ]

    @property
    def subtotal_amount(self) -> int:
        """Legacy name of ``subtotal_minor``."""
        return self.subtotal_minor

    @property
    def tax_amount(self) -> int:
        """Legacy name of ``tax_minor``."""
        return self.tax_minor

    @property
    def total_amount(self) -> int:
        """Legacy name of ``total_minor``."""
        return self.total_minor

    @property
    def billing_period_start(self) -> datetime | None:
        """Legacy name of ``period_start``."""
        return self.period_start

    @property
    def billing_period_end(self) -> datetime | None:
        """Legacy name of ``period_end``."""
        return self.period_end

    @property
    def paid_date(self) -> datetime | None:
        """Legacy name of ``paid_at``."""
        return self.paid_at


class Payment(AccountBaseModel):
    """One attempt to pay an invoice. Committed before the provider is called."""

    invoice = aligned("billing.Invoice", models.PROTECT)
    payment_method = models.CharField(max_length=16, choices=PaymentMethod)
    status = models.CharField(max_length=16, choices=PaymentStatus, default=PaymentStatus.PENDING)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    idempotency_key = models.CharField(max_length=KEY_LENGTH)
    provider = models.CharField(max_length=16, blank=True)
    provider_ref = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - unique when set
    provider_refs = models.JSONField(default=dict, blank=True)
    attempt = models.PositiveIntegerField(default=1)
    outcome_unknown_since = models.DateTimeField(null=True, blank=True)
    review_reason = models.TextField(blank=True)
    review_note = models.CharField(
        max_length=300, blank=True, help_text="What an operator did about money that did not fit."
    )
    review_closed_by = person()
    review_closed_at = models.DateTimeField(null=True, blank=True)
    failure_reason = models.TextField(blank=True)
    proof_file = models.CharField(max_length=255, blank=True)
    proof_sha256 = models.CharField(max_length=64, blank=True)
    manual_reference = models.CharField(max_length=100, blank=True)
    manual_notes = models.TextField(blank=True)
    approved_by = person()
    approved_at = models.DateTimeField(null=True, blank=True)
    second_approved_by = person()
    rejected_by = person()
    rejected_at = models.DateTimeField(null=True, blank=True)
    processed_at = models.DateTimeField(null=True, blank=True)
    refunded_minor = models.BigIntegerField(default=0)
    disputed_minor = models.BigIntegerField(default=0, help_text="Of it the bank has taken.")
    lease_token = models.BigIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    tenancy_privileges = "SELECT, INSERT, UPDATE"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="payment_key"),
            models.UniqueConstraint(
                fields=["account", "idempotency_key"], name="payment_once_per_key"
            ),
            models.UniqueConstraint(
                fields=["provider", "provider_ref"],
                condition=Q(provider_ref__isnull=False),
                name="payment_provider_ref",
            ),
            models.UniqueConstraint(
                fields=["account", "invoice"],
                condition=Q(status__in=OPEN_PAYMENTS),
                name="payment_one_open_attempt",
            ),
            models.UniqueConstraint(
                fields=["account", "invoice"],
                condition=Q(status__in=[PaymentStatus.COMPLETED, PaymentStatus.REFUNDED]),
                name="payment_one_completed",
            ),
            choices_check("status", PaymentStatus, "payment_status"),
            choices_check("payment_method", PaymentMethod, "payment_method"),
            models.CheckConstraint(
                name="payment_amounts",
                condition=Q(
                    amount_minor__gt=0,
                    refunded_minor__gte=0,
                    refunded_minor__lte=F("amount_minor"),
                ),
            ),
            models.CheckConstraint(
                name="payment_not_taken_twice",
                condition=Q(
                    disputed_minor__gte=0,
                    amount_minor__gte=F("refunded_minor") + F("disputed_minor"),
                ),
            ),
            models.CheckConstraint(
                name="payment_second_person",
                condition=Q(second_approved_by__isnull=True)
                | (Q(approved_by__isnull=False) & ~Q(second_approved_by=F("approved_by"))),
            ),
            models.CheckConstraint(
                name="payment_review_closed",
                condition=Q(review_closed_at__isnull=True)
                | (Q(status=PaymentStatus.SUCCEEDED) & ~Q(review_note="")),
            ),
            key("payment_invoice", "invoice"),
            StatusTrail(name="payment_status_trail"),
        ]
        indexes = [
            models.Index(fields=["account", "invoice", "id"], name="payment_list"),
            models.Index(
                fields=["status", "id"],
                condition=Q(status__in=WAITING_PAYMENTS),
                name="payment_waiting",
            ),
        ]
        permissions = [
            ("approve_payment", "Can approve and reject payments"),
            ("refund_payment", "Can give money back"),
        ]


class Refund(AccountBaseModel):
    """Money that goes back. Committed before a provider is told; a key makes it once.

    The credits are taken from the purchase's lot when it is made; the credit note follows when
    the provider has sent the money. Money that did not arrive after all: failed, and the credit
    note has its ``reversal``.
    """

    payment = aligned("billing.Payment", models.PROTECT)
    credit_note = aligned("billing.CreditNote", models.PROTECT, null=True, blank=True)
    reversal = aligned("billing.CreditNote", models.PROTECT, null=True, blank=True)
    retry_of = aligned("billing.Refund", models.PROTECT, null=True, blank=True)
    idempotency_key = models.CharField(max_length=KEY_LENGTH)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    credits = models.BigIntegerField(default=0, help_text="Taken back with the money.")
    status = models.CharField(max_length=16, choices=RefundStatus, default=RefundStatus.PENDING)
    reason = models.CharField(max_length=300)
    provider_ref = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - unique when set
    is_by_hand = models.BooleanField(
        default=False, help_text="Sent by a person, whichever way the payment came."
    )
    failure_reason = models.TextField(blank=True)
    requested_by = person()
    processed_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(
        null=True, blank=True, help_text="The provider says that it was done; until then: pending."
    )
    reviewed_by = person()
    reviewed_at = models.DateTimeField(
        null=True, blank=True, help_text="It failed, and somebody leaves it at that."
    )

    tenancy_privileges = "SELECT, INSERT, UPDATE"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="refund_key"),
            models.UniqueConstraint(
                fields=["account", "retry_of"],
                condition=Q(retry_of__isnull=False),
                name="refund_retried_once",
            ),
            models.UniqueConstraint(
                fields=["account", "idempotency_key"], name="refund_once_per_key"
            ),
            models.UniqueConstraint(
                fields=["account", "provider_ref"],
                condition=Q(provider_ref__isnull=False),
                name="refund_provider_ref",
            ),
            choices_check("status", RefundStatus, "refund_status"),
            models.CheckConstraint(
                name="refund_amounts", condition=Q(amount_minor__gt=0, credits__gte=0)
            ),
            models.CheckConstraint(
                name="refund_has_credit_note",
                condition=Q(
                    status=RefundStatus.SUCCEEDED,
                    credit_note__isnull=False,
                    reversal__isnull=True,
                )
                | Q(
                    status=RefundStatus.FAILED,
                    credit_note__isnull=False,
                    reversal__isnull=False,
                )
                | (
                    ~Q(status=RefundStatus.SUCCEEDED)
                    & Q(credit_note__isnull=True, reversal__isnull=True)
                ),
            ),
            models.CheckConstraint(
                name="refund_reviewed_when_failed",
                condition=Q(reviewed_at__isnull=True) | Q(status=RefundStatus.FAILED),
            ),
            key("refund_payment", "payment"),
            key("refund_credit_note", "credit_note"),
            key("refund_reversal", "reversal"),
            key("refund_retry_of", "retry_of"),
            StatusTrail(name="refund_status_trail"),
        ]
        indexes = [models.Index(fields=["account", "payment", "id"], name="refund_list")]


class AccountPaymentMethod(AccountBaseModel):
    """How an account pays; never card or bank numbers, those stay with the provider.

    ``provider_ref`` is the provider's name of a saved card: of no use without the provider's keys.
    """

    type = models.CharField(max_length=16, choices=PaymentMethod)
    display_name = models.CharField(max_length=100)
    is_default = models.BooleanField(default=False)
    is_enabled = models.BooleanField(default=True)
    is_verified = models.BooleanField(default=False)
    country_code = models.CharField(max_length=2, blank=True)
    instructions = models.TextField(blank=True)
    provider_ref = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - unique when set
    metadata = models.JSONField(default=dict, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "provider_ref"],
                condition=Q(provider_ref__isnull=False),
                name="accountpaymentmethod_provider_ref",
            ),
            models.UniqueConstraint(
                fields=["account", "display_name"], name="accountpaymentmethod_name"
            ),
            models.UniqueConstraint(
                fields=["account"],
                condition=Q(is_default=True),
                name="accountpaymentmethod_default",
            ),
            choices_check("type", PaymentMethod, "accountpaymentmethod_type"),
        ]

    def __str__(self) -> str:
        return self.display_name


class Dispute(AccountBaseModel):
    """A customer's bank asks for money back. Credits follow the money, once each way."""

    payment = aligned("billing.Payment", models.PROTECT)
    provider_ref = models.CharField(max_length=100)
    status = models.CharField(max_length=16, choices=DisputeStatus, default=DisputeStatus.OPEN)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=100, blank=True)
    withdrawn_minor = models.BigIntegerField(
        default=0, help_text="What the bank took of the payment: at most what was left of it."
    )
    clawed = models.BigIntegerField(default=0, help_text="Credits taken, and those that are owed.")
    reinstated = models.BigIntegerField(default=0, help_text="Credits that came back.")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    tenancy_privileges = "SELECT, INSERT, UPDATE"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "provider_ref"], name="dispute_once"),
            choices_check("status", DisputeStatus, "dispute_status"),
            models.CheckConstraint(
                name="dispute_amounts",
                condition=Q(amount_minor__gt=0, reinstated__gte=0, clawed__gte=F("reinstated")),
            ),
            models.CheckConstraint(
                name="dispute_withdrawn",
                condition=Q(withdrawn_minor__gte=0, withdrawn_minor__lte=F("amount_minor")),
            ),
            key("dispute_payment", "payment"),
            StatusTrail(name="dispute_status_trail"),
        ]
        indexes = [models.Index(fields=["account", "payment", "id"], name="dispute_list")]


class ProviderCustomer(AccountBaseModel):
    """The account, as a provider knows it: the owner of saved cards and subscriptions there."""

    provider = models.CharField(max_length=16)
    ref = models.CharField(max_length=100)

    tenancy_privileges = "SELECT, INSERT"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "provider"], name="providercustomer_once"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.ref}"
