"""Who sells and under which tax, whom we bill, and what stands on invoices and credit notes."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from igny8_core.auth.models import AccountBaseModel, TimestampedModel, choices_check
from igny8_core.business.billing.credit_models import key
from igny8_core.business.billing.states import (
    BuyerKind,
    DocumentType,
    EInvoiceFormat,
    TaxCategory,
)
from igny8_core.common.tenancy.managers import aligned

COUNTRY = r"^[A-Z]{2}$"
RATE_MAX_BP = 10_000


class SellerEntity(TimestampedModel):
    """Who sells: what stands on top of every invoice. No code knows the seller's country."""

    code = models.SlugField(max_length=20, unique=True)
    legal_name = models.CharField(max_length=200)
    address = models.JSONField(
        default=dict, blank=True, help_text="line1, line2, postal_code, city, region"
    )
    country_code = models.CharField(max_length=2)
    tax_ids = models.JSONField(default=dict, blank=True, help_text='By kind: {"VAT": "DE123"}.')
    bank = models.JSONField(default=dict, blank=True, help_text="name, holder, iban, swift")
    email = models.EmailField(blank=True)
    invoice_prefix = models.CharField(max_length=10, default="INV-")
    credit_note_prefix = models.CharField(max_length=10, default="CN-")
    due_days = models.PositiveSmallIntegerField(default=14)
    einvoice_format = models.CharField(
        max_length=16, choices=EInvoiceFormat, default=EInvoiceFormat.FACTURX, blank=True
    )
    is_default = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="sellerentity_default"
            ),
            models.CheckConstraint(
                name="sellerentity_country", condition=Q(country_code__regex=COUNTRY)
            ),
            choices_check("einvoice_format", EInvoiceFormat, "sellerentity_einvoice_format"),
        ]

    def __str__(self) -> str:
        return self.legal_name


class TaxRule(TimestampedModel):
    """What a buyer is taxed, from a day on. The newest rule that holds on the day counts.

    A rule for the buyer's own country comes before one without a country.
    """

    entity = models.ForeignKey(SellerEntity, models.PROTECT, related_name="+")
    buyer_country = models.CharField(
        max_length=2, blank=True, help_text="Empty: every country without a rule of its own."
    )
    buyer_kind = models.CharField(max_length=8, choices=BuyerKind)
    category = models.CharField(max_length=2, choices=TaxCategory)
    rate_bp = models.PositiveIntegerField(default=0, help_text="Hundredths of a percent.")
    legal_note = models.TextField(blank=True)
    active_from = models.DateField()
    active_to = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["entity", "buyer_country", "buyer_kind", "active_from"],
                name="taxrule_once",
            ),
            choices_check("buyer_kind", BuyerKind, "taxrule_buyer_kind"),
            choices_check("category", TaxCategory, "taxrule_category"),
            models.CheckConstraint(
                name="taxrule_rate",
                condition=Q(category=TaxCategory.STANDARD, rate_bp__range=(1, RATE_MAX_BP))
                | (~Q(category=TaxCategory.STANDARD) & Q(rate_bp=0)),
            ),
            models.CheckConstraint(
                name="taxrule_period",
                condition=Q(active_to__isnull=True) | Q(active_to__gt=F("active_from")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.buyer_country or 'elsewhere'} {self.buyer_kind} {self.category}"


class InvoiceSeries(TimestampedModel):
    """The counter of one kind of document, seller and year.

    ``last`` goes up by one, in the transaction that uses the number: a trigger and a key from
    the counter to its document hold it there, and a key from each document to the one before.
    """

    entity = models.ForeignKey(SellerEntity, models.PROTECT, related_name="+")
    doc_type = models.CharField(max_length=16, choices=DocumentType)
    year = models.PositiveSmallIntegerField()
    prefix = models.CharField(max_length=10)
    last = models.PositiveIntegerField(default=0)
    last_date = models.DateField(null=True, blank=True, help_text="Dates follow the numbers.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["entity", "doc_type", "year"], name="invoiceseries_once"
            ),
            choices_check("doc_type", DocumentType, "invoiceseries_doc_type"),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}{self.year}"


class BillingProfile(AccountBaseModel):
    """Whom an account's invoices are made out to."""

    legal_name = models.CharField(max_length=200)
    email = models.EmailField(blank=True)
    line1 = models.CharField(max_length=200, blank=True)
    line2 = models.CharField(max_length=200, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    region = models.CharField(max_length=100, blank=True)
    country_code = models.CharField(max_length=2)
    is_business = models.BooleanField(default=True)
    tax_id = models.CharField(max_length=30, blank=True)

    tenancy_privileges = "SELECT, INSERT, UPDATE"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account"], name="billingprofile_once"),
        ]


class InvoiceLine(AccountBaseModel):
    """One line of an invoice; frozen with it."""

    invoice = aligned("billing.Invoice", models.CASCADE)
    pos = models.PositiveSmallIntegerField()
    description = models.CharField(max_length=300)
    quantity = models.PositiveIntegerField(default=1)
    unit = models.CharField(max_length=3, default="C62", help_text="UN/ECE code; C62 is a piece.")
    unit_price_minor = models.BigIntegerField(help_text="Negative on the credit of a proration.")
    net_minor = models.BigIntegerField()
    credits = models.BigIntegerField(default=0, help_text="Granted once the invoice is paid.")
    package = models.ForeignKey(
        "billing.CreditPackage", models.PROTECT, related_name="+", null=True, blank=True
    )
    plan = models.ForeignKey(
        "igny8_auth.Plan", models.PROTECT, related_name="+", db_index=False, null=True, blank=True
    )
    tax_category = models.CharField(max_length=2, choices=TaxCategory)
    tax_rate_bp = models.PositiveIntegerField(default=0)
    period_start = models.DateTimeField(null=True, blank=True)
    period_end = models.DateTimeField(null=True, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "invoice", "pos"], name="invoiceline_pos"),
            models.CheckConstraint(
                name="invoiceline_net",
                condition=Q(
                    quantity__gte=1,
                    credits__gte=0,
                    net_minor=F("quantity") * F("unit_price_minor"),
                ),
            ),
            choices_check("tax_category", TaxCategory, "invoiceline_category"),
            key("invoiceline_invoice", "invoice"),
        ]


class InvoiceTax(AccountBaseModel):
    """The tax of all lines of one category and rate: reckoned on their sum, rounded once."""

    invoice = aligned("billing.Invoice", models.CASCADE)
    category = models.CharField(max_length=2, choices=TaxCategory)
    rate_bp = models.PositiveIntegerField(default=0)
    base_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField()
    legal_note = models.TextField(blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "invoice", "category", "rate_bp"], name="invoicetax_once"
            ),
            choices_check("category", TaxCategory, "invoicetax_category"),
            models.CheckConstraint(
                name="invoicetax_zero_rate", condition=Q(rate_bp__gt=0) | Q(tax_minor=0)
            ),
            key("invoicetax_invoice", "invoice"),
        ]


class CreditNote(AccountBaseModel):
    """Takes back an invoice or a part of it; numbered when it is made, never changed.

    Amounts are positive. One with ``reverses`` puts back what another one took, in the same
    parts: its money could not be sent. A trigger holds the two together.
    """

    invoice = aligned("billing.Invoice", models.PROTECT)
    reverses = aligned("billing.CreditNote", models.PROTECT, null=True, blank=True)
    series = models.ForeignKey(InvoiceSeries, models.PROTECT, related_name="+", db_index=False)
    no = models.PositiveIntegerField()
    number = models.CharField(max_length=32)
    issue_date = models.DateField()
    reason = models.CharField(max_length=300)
    idempotency_key = models.CharField(max_length=64)
    currency = models.CharField(max_length=3)
    subtotal_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField(default=0)
    line_items = models.JSONField(default=list, blank=True)
    pdf_sha256 = models.CharField(max_length=64, blank=True)
    xml_sha256 = models.CharField(max_length=64, blank=True)

    tenancy_privileges = "SELECT, INSERT, UPDATE"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="creditnote_key"),
            models.UniqueConstraint(fields=["series", "no"], name="creditnote_number"),
            models.UniqueConstraint(
                fields=["account", "idempotency_key"], name="creditnote_once_per_key"
            ),
            models.UniqueConstraint(
                fields=["account", "reverses"],
                condition=Q(reverses__isnull=False),
                name="creditnote_reversed_once",
            ),
            models.CheckConstraint(
                name="creditnote_total",
                condition=Q(
                    no__gte=1,
                    subtotal_minor__gte=0,
                    tax_minor__gte=0,
                    total_minor=F("subtotal_minor") + F("tax_minor"),
                ),
            ),
            key("creditnote_invoice", "invoice"),
            key("creditnote_reverses", "reverses"),
        ]
        indexes = [models.Index(fields=["account", "invoice", "id"], name="creditnote_list")]
