"""Kinds and lifecycles of billing, and the only edges between their states."""

from __future__ import annotations

from django.db.models import TextChoices

from igny8_core.common.states import TransitionTable


class TransactionType(TextChoices):
    """Why the balance changed."""

    PURCHASE = "purchase"
    SUBSCRIPTION = "subscription"
    REFUND = "refund"
    DEDUCTION = "deduction"
    ADJUSTMENT = "adjustment"
    OPENING = "opening"
    PROMO = "promo"
    EXPIRY = "expiry"
    CHARGEBACK = "chargeback"
    REINSTATEMENT = "reinstatement"


class LotKind(TextChoices):
    """Where the credits of a lot came from."""

    PLAN = "plan"
    PURCHASE = "purchase"
    PROMO = "promo"
    ADJUSTMENT = "adjustment"


class BlockCause(TextChoices):
    """Who stopped an account from reserving; each has a flag of its own on the wallet."""

    DISPUTE = "dispute"
    DUNNING = "dunning"
    STAFF = "staff"


class OperationType(TextChoices):
    """Paid AI work. The legacy names are readable in imported usage logs and never written."""

    CLUSTERING = "clustering"
    IDEA = "idea"
    CONTENT = "content"
    IMAGE_PROMPT = "image_prompt"
    IMAGE = "image"
    REPARSE = "reparse"
    OPTIMIZATION = "optimization"
    LEGACY_IDEAS = "ideas"
    LEGACY_IMAGES = "images"
    LEGACY_IDEA_GENERATION = "idea_generation"
    LEGACY_CONTENT_GENERATION = "content_generation"
    LEGACY_IMAGE_GENERATION = "image_generation"

    @property
    def is_legacy(self) -> bool:
        """Whether this is only a name in rows of an earlier system."""
        return self.name.startswith("LEGACY_")


class PriceUnit(TextChoices):
    """What a price counts."""

    PER_REQUEST = "per_request"
    PER_WORDS = "per_words"
    PER_ITEMS = "per_items"
    PER_IMAGES = "per_images"


class ReservationStatus(TextChoices):
    HELD = "held"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"


class AdjustmentStatus(TextChoices):
    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"


class InvoiceStatus(TextChoices):
    """Leaving ``draft`` finalises the invoice: it gets its number and never changes again."""

    DRAFT = "draft"
    PENDING = "pending"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


class PaymentStatus(TextChoices):
    """``succeeded``: the provider holds the money. ``completed``: our books hold it."""

    PENDING = "pending"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    COMPLETED = "completed"
    FAILED = "failed"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


class PaymentMethod(TextChoices):
    STRIPE = "stripe"
    PAYPAL = "paypal"
    BANK_TRANSFER = "bank_transfer"
    LOCAL_WALLET = "local_wallet"
    MANUAL = "manual"


class DocumentType(TextChoices):
    """What a series of numbers counts."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class BuyerKind(TextChoices):
    BUSINESS = "business"
    CONSUMER = "consumer"


class TaxCategory(TextChoices):
    """Codes of EN 16931 (UNCL 5305)."""

    STANDARD = "S", "Standard rate"
    REVERSE_CHARGE = "AE", "Reverse charge"
    EXEMPT = "E", "Exempt"
    OUT_OF_SCOPE = "O", "Not subject to tax"
    ZERO = "Z", "Zero rate"


class EInvoiceFormat(TextChoices):
    """What a seller's documents carry for machines."""

    NONE = "", "None: plain PDF"
    FACTURX = "facturx", "Factur-X (EN 16931), in the PDF"


class DisputeStatus(TextChoices):
    """``withdrawn``: the bank has the money; ``reinstated``: we have it back."""

    OPEN = "open"
    WITHDRAWN = "withdrawn"
    REINSTATED = "reinstated"
    WON = "won"
    LOST = "lost"


class WebhookStatus(TextChoices):
    """``done``: the payment that it is about was brought in line with the provider."""

    RECEIVED = "received"
    DONE = "done"
    FAILED = "failed"


class DunningStep(TextChoices):
    """What a customer is told about money that is owed; days count from when it was due."""

    ACTION = "action", "Has to confirm a payment"
    DUE = "due", "Not paid"
    DAY_3 = "day_3", "Reminder after 3 days"
    DAY_5 = "day_5", "Reminder after 5 days"
    RESTRICTED = "restricted", "No new plan credits"
    SUSPENDED = "suspended", "No new work"
    CANCELLED = "cancelled", "Cancelled"
    PAID = "paid", "Paid after all"


class RefundStatus(TextChoices):
    PENDING = "pending"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


RESERVATION = TransitionTable(
    {
        ReservationStatus.HELD: {
            ReservationStatus.CAPTURED,
            ReservationStatus.RELEASED,
            ReservationStatus.EXPIRED,
        },
        ReservationStatus.CAPTURED: frozenset(),
        ReservationStatus.RELEASED: frozenset(),
        ReservationStatus.EXPIRED: frozenset(),
    }
)
"""Written by the ledger's functions, which lock the wallet; a trigger allows the same edges."""

ADJUSTMENT = TransitionTable(
    {
        AdjustmentStatus.REQUESTED: {AdjustmentStatus.APPROVED, AdjustmentStatus.REJECTED},
        AdjustmentStatus.APPROVED: frozenset(),
        AdjustmentStatus.REJECTED: frozenset(),
    }
)

INVOICE = TransitionTable(
    {
        InvoiceStatus.DRAFT: {InvoiceStatus.PENDING, InvoiceStatus.PAID},
        InvoiceStatus.PENDING: {
            InvoiceStatus.PAID,
            InvoiceStatus.VOID,
            InvoiceStatus.UNCOLLECTIBLE,
        },
        InvoiceStatus.UNCOLLECTIBLE: {InvoiceStatus.PAID, InvoiceStatus.VOID},
        InvoiceStatus.PAID: frozenset(),
        InvoiceStatus.VOID: frozenset(),
    }
)

PAYMENT = TransitionTable(
    {
        PaymentStatus.PENDING: {
            PaymentStatus.PROCESSING,
            PaymentStatus.SUCCEEDED,
            PaymentStatus.FAILED,
            PaymentStatus.CANCELLED,
        },
        PaymentStatus.PROCESSING: {
            PaymentStatus.SUCCEEDED,
            PaymentStatus.FAILED,
            PaymentStatus.CANCELLED,
        },
        PaymentStatus.SUCCEEDED: {PaymentStatus.COMPLETED, PaymentStatus.REFUNDED},
        PaymentStatus.COMPLETED: {PaymentStatus.REFUNDED},
        PaymentStatus.FAILED: {PaymentStatus.SUCCEEDED},  # late money
        PaymentStatus.CANCELLED: {PaymentStatus.SUCCEEDED},
        PaymentStatus.REFUNDED: {PaymentStatus.COMPLETED},  # money that went back came back
    }
)

DISPUTE = TransitionTable(
    {
        DisputeStatus.OPEN: {DisputeStatus.WITHDRAWN, DisputeStatus.WON, DisputeStatus.LOST},
        DisputeStatus.WITHDRAWN: {DisputeStatus.REINSTATED, DisputeStatus.LOST},
        DisputeStatus.REINSTATED: frozenset(),
        DisputeStatus.WON: frozenset(),
        DisputeStatus.LOST: frozenset(),
    }
)

WEBHOOK = TransitionTable(
    {
        WebhookStatus.RECEIVED: {WebhookStatus.DONE, WebhookStatus.FAILED},
        WebhookStatus.DONE: frozenset(),
        WebhookStatus.FAILED: {WebhookStatus.RECEIVED},  # an operator wants another try
    }
)

REFUND = TransitionTable(
    {
        RefundStatus.PENDING: {RefundStatus.PROCESSING},
        RefundStatus.PROCESSING: {RefundStatus.SUCCEEDED, RefundStatus.FAILED},
        RefundStatus.SUCCEEDED: {RefundStatus.FAILED},  # the money did not arrive after all
        RefundStatus.FAILED: frozenset(),
    }
)
"""``processing``: the credits are taken, and the provider was told or is to be."""

MANUAL_METHODS = [
    PaymentMethod.BANK_TRANSFER,
    PaymentMethod.LOCAL_WALLET,
    PaymentMethod.MANUAL,
]
"""Money that a person sees arrive: an operator approves it."""
