"""Every model of billing. They stand in six modules, none longer than a person can read."""

from igny8_core.business.billing.catalogue_models import (
    CreditCostConfig,
    CreditPackage,
    PaymentMethodConfig,
)
from igny8_core.business.billing.credit_models import (
    CreditAdjustment,
    CreditLot,
    CreditReservation,
    CreditReservationLot,
    CreditTransaction,
    CreditTransactionLot,
    CreditUsageLog,
    CreditWallet,
    ReservationResult,
)
from igny8_core.business.billing.document_models import (
    BillingProfile,
    CreditNote,
    InvoiceLine,
    InvoiceSeries,
    InvoiceTax,
    SellerEntity,
    TaxRule,
)
from igny8_core.business.billing.inbox_models import PaymentWebhook, ReconcileCursor
from igny8_core.business.billing.money_models import (
    AccountPaymentMethod,
    Dispute,
    Invoice,
    Payment,
    ProviderCustomer,
    Refund,
)
from igny8_core.business.billing.period_models import (
    CreditWarning,
    DunningNotice,
    PeriodPrice,
    SubscriptionPeriod,
)

__all__ = [
    "AccountPaymentMethod",
    "BillingProfile",
    "CreditAdjustment",
    "CreditCostConfig",
    "CreditLot",
    "CreditNote",
    "CreditPackage",
    "CreditReservation",
    "CreditReservationLot",
    "CreditTransaction",
    "CreditTransactionLot",
    "CreditUsageLog",
    "CreditWallet",
    "CreditWarning",
    "Dispute",
    "DunningNotice",
    "Invoice",
    "InvoiceLine",
    "InvoiceSeries",
    "InvoiceTax",
    "Payment",
    "PaymentMethodConfig",
    "PaymentWebhook",
    "PeriodPrice",
    "ProviderCustomer",
    "ReconcileCursor",
    "Refund",
    "ReservationResult",
    "SellerEntity",
    "SubscriptionPeriod",
    "TaxRule",
]
