"""What operators see of credits and money. The ledger is read only for everybody."""

from __future__ import annotations

from django.contrib import admin

from igny8_core.business.billing.models import (
    AccountPaymentMethod,
    CreditAdjustment,
    CreditCostConfig,
    CreditLot,
    CreditPackage,
    CreditReservation,
    CreditReservationLot,
    CreditTransaction,
    CreditTransactionLot,
    CreditUsageLog,
    CreditWallet,
    CreditWarning,
    Invoice,
    Payment,
    PaymentMethodConfig,
    ReservationResult,
    SubscriptionPeriod,
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
