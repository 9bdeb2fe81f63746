"""What operators see of credits and money. The ledger is read only for everybody."""

from __future__ import annotations

from django.contrib import admin

from igny8_core.business.billing.models import (
    CreditCostConfig,
    CreditLot,
    CreditPackage,
    CreditReservation,
    CreditTransaction,
    CreditUsageLog,
    CreditWallet,
    Invoice,
    Payment,
    PaymentMethodConfig,
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


@admin.register(CreditPackage)
class CreditPackageAdmin(StaffModelAdmin):
    is_editable = True
    list_display = ("name", "credits", "price_minor", "currency", "discount_bp", "is_active")


@admin.register(PaymentMethodConfig)
class PaymentMethodConfigAdmin(StaffModelAdmin):
    is_editable = True
    list_display = ("country_code", "payment_method", "display_name", "is_enabled")
