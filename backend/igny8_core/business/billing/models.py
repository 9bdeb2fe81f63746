"""Every model of billing. They stand in four modules, none longer than a person can read."""

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
from igny8_core.business.billing.money_models import AccountPaymentMethod, Invoice, Payment
from igny8_core.business.billing.period_models import CreditWarning, SubscriptionPeriod

__all__ = [
    "AccountPaymentMethod",
    "CreditAdjustment",
    "CreditCostConfig",
    "CreditLot",
    "CreditPackage",
    "CreditReservation",
    "CreditReservationLot",
    "CreditTransaction",
    "CreditTransactionLot",
    "CreditUsageLog",
    "CreditWallet",
    "CreditWarning",
    "Invoice",
    "Payment",
    "PaymentMethodConfig",
    "ReservationResult",
    "SubscriptionPeriod",
]
