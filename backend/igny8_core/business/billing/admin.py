"""What operators see of credits and money. The ledger is read only for everybody."""

from __future__ import annotations

from django.contrib import admin

from igny8_core.business.billing.models import (
    AccountPaymentMethod,
    BillingProfile,
    CreditAdjustment,
    CreditCostConfig,
    CreditLot,
    CreditNote,
    CreditPackage,
    CreditReservation,
    CreditReservationLot,
    CreditTransaction,
    CreditTransactionLot,
    CreditUsageLog,
    CreditWallet,
    CreditWarning,
    Dispute,
    DunningNotice,
    Invoice,
    InvoiceLine,
    InvoiceSeries,
    InvoiceTax,
    Payment,
    PaymentMethodConfig,
    PaymentWebhook,
    PeriodPrice,
    ProviderCustomer,
    ReconcileCursor,
    Refund,
    ReservationResult,
    SellerEntity,
    SubscriptionPeriod,
    TaxRule,
)
from igny8_core.common.tenancy.admin import StaffModelAdmin


@admin.register(CreditWallet)
class CreditWalletAdmin(StaffModelAdmin):
    list_display = ("account_id", "balance", "held", "debt", "seq")
    list_filter = ("is_dispute_blocked", "is_dunning_blocked", "is_staff_blocked")


@admin.register(CreditTransaction)
class CreditTransactionAdmin(StaffModelAdmin):
    list_display = ("account_id", "seq", "type", "amount", "balance_after", "created_at")
    list_filter = ("type",)
    search_fields = ("idempotency_key",)


@admin.register(CreditLot)
class CreditLotAdmin(StaffModelAdmin):
    list_display = ("account_id", "kind", "priority", "granted", "remaining", "held", "expires_at")
    list_filter = ("kind",)


@admin.register(CreditReservation)
class CreditReservationAdmin(StaffModelAdmin):
    list_display = ("account_id", "operation", "status", "amount", "captured", "attempt")
    list_filter = ("status", "operation")
    search_fields = ("idempotency_key",)


@admin.register(CreditReservationLot)
class CreditReservationLotAdmin(StaffModelAdmin):
    list_display = ("account_id", "reservation_id", "lot_id", "amount")


@admin.register(CreditTransactionLot)
class CreditTransactionLotAdmin(StaffModelAdmin):
    list_display = ("account_id", "transaction_id", "lot_id", "amount")


@admin.register(ReservationResult)
class ReservationResultAdmin(StaffModelAdmin):
    list_display = ("account_id", "reservation_id", "attempt", "withheld_until", "used_at")
    exclude = ("payload",)


@admin.register(CreditAdjustment)
class CreditAdjustmentAdmin(StaffModelAdmin):
    list_display = ("account_id", "amount", "status", "reason", "requested_by", "approved_by")
    list_select_related = ("requested_by", "approved_by")
    list_filter = ("status",)


@admin.register(SubscriptionPeriod)
class SubscriptionPeriodAdmin(StaffModelAdmin):
    list_display = ("account_id", "subscription_id", "plan", "starts_at", "ends_at", "credits")
    list_select_related = ("plan",)
    list_filter = ("plan",)


@admin.register(CreditWarning)
class CreditWarningAdmin(StaffModelAdmin):
    list_display = ("account_id", "period_id", "threshold_percent", "created_at", "mailed_at")
    list_filter = ("threshold_percent",)


@admin.register(DunningNotice)
class DunningNoticeAdmin(StaffModelAdmin):
    list_display = ("account_id", "subscription_id", "step", "since", "mailed_at")
    list_filter = ("step",)


@admin.register(PeriodPrice)
class PeriodPriceAdmin(StaffModelAdmin):
    list_display = ("account_id", "subscription_id", "starts_at", "total_minor", "pushed_at")


@admin.register(ProviderCustomer)
class ProviderCustomerAdmin(StaffModelAdmin):
    list_display = ("account_id", "provider", "ref")
    list_filter = ("provider",)
    search_fields = ("=ref",)


@admin.register(CreditUsageLog)
class CreditUsageLogAdmin(StaffModelAdmin):
    list_display = ("account_id", "operation_type", "credits_used", "provider", "model")
    list_filter = ("operation_type", "provider")


@admin.register(CreditCostConfig)
class CreditCostConfigAdmin(StaffModelAdmin):
    """Read only too: a price is changed by a new version, through ``services.prices``."""

    list_display = ("operation_type", "unit", "version", "unit_size", "credits_per_unit")
    list_filter = ("operation_type", "is_active")


@admin.register(Invoice)
class InvoiceAdmin(StaffModelAdmin):
    list_display = ("account_id", "number", "status", "total_minor", "currency", "invoice_date")
    list_filter = ("status",)


@admin.register(Payment)
class PaymentAdmin(StaffModelAdmin):
    list_display = ("account_id", "payment_method", "status", "amount_minor", "currency")
    list_filter = ("status", "payment_method")


@admin.register(AccountPaymentMethod)
class AccountPaymentMethodAdmin(StaffModelAdmin):
    list_display = ("account_id", "type", "display_name", "is_default", "is_enabled")
    list_filter = ("type",)
    exclude = ("metadata",)


@admin.register(CreditPackage)
class CreditPackageAdmin(StaffModelAdmin):
    is_editable = True
    list_display = ("name", "credits", "price_minor", "currency", "discount_bp", "is_active")


@admin.register(PaymentMethodConfig)
class PaymentMethodConfigAdmin(StaffModelAdmin):
    is_editable = True
    list_display = ("country_code", "payment_method", "display_name", "is_enabled")


@admin.register(SellerEntity)
class SellerEntityAdmin(StaffModelAdmin):
    is_editable = True
    list_display = ("code", "legal_name", "country_code", "is_default")


@admin.register(TaxRule)
class TaxRuleAdmin(StaffModelAdmin):
    is_editable = True
    list_display = ("entity", "buyer_country", "buyer_kind", "category", "rate_bp", "active_from")
    list_select_related = ("entity",)
    list_filter = ("category", "buyer_kind")


@admin.register(InvoiceSeries)
class InvoiceSeriesAdmin(StaffModelAdmin):
    """Read only: a counter moves with its documents."""

    list_display = ("entity", "doc_type", "year", "prefix", "last")
    list_select_related = ("entity",)


@admin.register(BillingProfile)
class BillingProfileAdmin(StaffModelAdmin):
    list_display = ("account_id", "legal_name", "country_code", "is_business", "tax_id")
    list_filter = ("is_business",)


@admin.register(InvoiceLine)
class InvoiceLineAdmin(StaffModelAdmin):
    list_display = ("account_id", "invoice_id", "pos", "description", "net_minor", "credits")


@admin.register(InvoiceTax)
class InvoiceTaxAdmin(StaffModelAdmin):
    list_display = ("account_id", "invoice_id", "category", "rate_bp", "base_minor", "tax_minor")
    list_filter = ("category",)


@admin.register(CreditNote)
class CreditNoteAdmin(StaffModelAdmin):
    list_display = (
        "account_id",
        "number",
        "invoice_id",
        "reverses_id",
        "total_minor",
        "currency",
        "issue_date",
    )


@admin.register(Refund)
class RefundAdmin(StaffModelAdmin):
    list_display = ("account_id", "payment_id", "amount_minor", "currency", "credits", "status")
    list_filter = ("status",)


@admin.register(Dispute)
class DisputeAdmin(StaffModelAdmin):
    list_display = ("account_id", "payment_id", "status", "amount_minor", "clawed", "reinstated")
    list_filter = ("status",)


@admin.register(PaymentWebhook)
class PaymentWebhookAdmin(StaffModelAdmin):
    list_display = ("provider", "type", "object_ref", "status", "attempts", "is_found_by_us")
    list_filter = ("provider", "status", "is_found_by_us")
    search_fields = ("event_id", "object_ref")


@admin.register(ReconcileCursor)
class ReconcileCursorAdmin(StaffModelAdmin):
    list_display = ("provider", "stream", "seen_until")
