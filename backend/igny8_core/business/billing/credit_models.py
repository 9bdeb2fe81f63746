"""Credits: the wallet, its ledger, lots, reservations. Written by the ``ledger`` functions only.

The runtime role may read these tables and call the functions; the tables belong to
``ledger_owner``. Rows are never deleted. Foreign keys of the chain, triggers and functions are in
``migrations/sql/``.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import NullIf
from django.db.models.lookups import GreaterThan

from igny8_core.auth.models import AccountBaseModel, choices_check
from igny8_core.business.billing.states import (
    AdjustmentStatus,
    LotKind,
    OperationType,
    ReservationStatus,
    TransactionType,
)
from igny8_core.common.idempotency import KEY_LENGTH
from igny8_core.common.tenancy.constraints import CompositeForeignKey, StatusTrail
from igny8_core.common.tenancy.managers import aligned

CURRENT_OPERATIONS = [op.value for op in OperationType if not op.is_legacy]
FINGERPRINT_LENGTH = KEY_LENGTH + 20  # the digest, and the amount that was asked for
_POSITIVE = [
    TransactionType.PURCHASE,
    TransactionType.SUBSCRIPTION,
    TransactionType.PROMO,
    TransactionType.REINSTATEMENT,
]


def person() -> models.ForeignKey[Any, Any]:
    """A person whom the books remember; people are anonymised, not deleted."""
    return models.ForeignKey(
        "igny8_auth.User",
        models.PROTECT,
        related_name="+",
        db_index=False,
        null=True,
        blank=True,
    )


def key(name: str, rel: str) -> CompositeForeignKey:
    """The constraint that keeps ``rel`` inside the row's account."""
    return CompositeForeignKey(
        name=name,
        fields=["account", rel],
        rel=rel,
        to_fields=["account", "id"],
        error_field=rel,
        violation_error_message=f"The {rel} is of another account.",
    )


class CreditWallet(AccountBaseModel):
    """The credits of an account, apart from its row: a stale save cannot touch them.

    Invariants: ``0 ≤ held ≤ balance``; ``balance`` is the last ledger row's ``balance_after`` and
    the sum of what the lots have left; ``held`` is the sum of the held reservations.
    """

    account = models.OneToOneField(
        "igny8_auth.Account",
        models.PROTECT,
        primary_key=True,
        related_name="credit_wallet",
        db_constraint=False,
    )
    balance = models.BigIntegerField(default=0, help_text="Whole credits, held ones included.")
    held = models.BigIntegerField(default=0, help_text="Set aside by reservations.")
    debt = models.BigIntegerField(default=0, help_text="Charged back after they were spent.")
    seq = models.BigIntegerField(default=1, help_text="Number of the last ledger row.")
    is_dispute_blocked = models.BooleanField(default=False)
    is_dunning_blocked = models.BooleanField(default=False)
    is_staff_blocked = models.BooleanField(default=False)

    tenancy_privileges = "SELECT"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="creditwallet_amounts",
                condition=Q(balance__gte=0, held__gte=0, debt__gte=0, held__lte=F("balance")),
            ),
        ]

    @property
    def available(self) -> int:
        """What a new reservation may take."""
        return self.balance - self.held


class CreditTransaction(AccountBaseModel):
    """One ledger row. Append-only: a mistake is corrected by another row.

    Each row continues the row before it: foreign keys hold ``(prev_seq, balance_before)`` to
    the earlier row's ``(seq, balance_after)``, and the wallet to the last one.
    """

    seq = models.BigIntegerField(help_text="1, 2, 3 … within the account, without a gap.")
    prev_seq = models.GeneratedField(
        expression=NullIf(F("seq") - Value(1), Value(0)),
        output_field=models.BigIntegerField(null=True),
        db_persist=True,
    )
    type = models.CharField(max_length=16, choices=TransactionType)
    amount = models.BigIntegerField(help_text="Whole credits; negative spends, positive adds.")
    balance_before = models.BigIntegerField()
    balance_after = models.GeneratedField(
        expression=F("balance_before") + F("amount"),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )
    idempotency_key = models.CharField(max_length=KEY_LENGTH)
    reservation = aligned("billing.CreditReservation", models.PROTECT, null=True)
    invoice = aligned("billing.Invoice", models.PROTECT, null=True)
    payment = aligned("billing.Payment", models.PROTECT, null=True)
    actor = person()
    metadata = models.JSONField(default=dict, blank=True)

    tenancy_privileges = "SELECT"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "seq"], name="credittx_seq"),
            models.UniqueConstraint(
                fields=["account", "seq", "balance_after"], name="credittx_head"
            ),
            models.UniqueConstraint(fields=["account", "id"], name="credittx_key"),
            models.UniqueConstraint(
                fields=["account", "idempotency_key"], name="credittx_once_per_key"
            ),
            models.UniqueConstraint(
                fields=["account", "reservation"],
                condition=Q(type=TransactionType.DEDUCTION),
                name="credittx_one_deduction",
            ),
            choices_check("type", TransactionType, "credittx_type"),
            models.CheckConstraint(
                name="credittx_balance_not_negative",
                condition=Q(balance_before__gte=0, balance_after__gte=0),
            ),
            models.CheckConstraint(
                name="credittx_opening",
                condition=Q(seq=1, type=TransactionType.OPENING, amount=0, balance_before=0)
                | (Q(seq__gt=1) & ~Q(type=TransactionType.OPENING)),
            ),
            models.CheckConstraint(
                name="credittx_deduction_is_negative",
                condition=~Q(type=TransactionType.DEDUCTION)
                | Q(amount__lt=0, reservation__isnull=False),
            ),
            models.CheckConstraint(
                name="credittx_grant_is_positive",
                condition=~Q(type__in=_POSITIVE) | Q(amount__gt=0),
            ),
            models.CheckConstraint(
                name="credittx_expiry_is_negative",
                condition=~Q(type=TransactionType.EXPIRY) | Q(amount__lt=0),
            ),
            models.CheckConstraint(
                name="credittx_money_back_takes",
                condition=~Q(type__in=[TransactionType.REFUND, TransactionType.CHARGEBACK])
                | Q(amount__lte=0),
            ),
            key("credittx_reservation", "reservation"),
            key("credittx_invoice", "invoice"),
            key("credittx_payment", "payment"),
        ]
        indexes = [
            models.Index(  # what was spent today is added up while the wallet is locked
                fields=["account", "created_at"],
                condition=Q(type=TransactionType.DEDUCTION),
                name="credittx_deductions",
            ),
        ]


class CreditLot(AccountBaseModel):
    """Credits that came in together: burnt by priority, then expiry, then age."""

    kind = models.CharField(max_length=16, choices=LotKind)
    priority = models.SmallIntegerField(help_text="Lower burns first.")
    granted = models.BigIntegerField()
    remaining = models.BigIntegerField(help_text="Not spent and not expired; held ones included.")
    held = models.BigIntegerField(default=0)
    is_open = models.GeneratedField(
        expression=GreaterThan(F("remaining"), 0),
        output_field=models.BooleanField(),
        db_persist=True,
        help_text="Something remains. In the indexes instead of the amount, so that a capture "
        "does not touch them.",
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    payment = aligned("billing.Payment", models.PROTECT, null=True)
    source_key = models.CharField(max_length=KEY_LENGTH, help_text="Key of the grant.")

    tenancy_privileges = "SELECT"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "source_key"], name="creditlot_source"),
            choices_check("kind", LotKind, "creditlot_kind"),
            models.CheckConstraint(
                name="creditlot_amounts",
                condition=Q(
                    granted__gt=0,
                    held__gte=0,
                    remaining__gte=F("held"),
                    granted__gte=F("remaining"),
                ),
            ),
            key("creditlot_payment", "payment"),
        ]
        indexes = [
            models.Index(
                fields=["account", "priority", "expires_at", "id"],
                condition=Q(is_open=True),
                name="creditlot_burn_order",
            ),
            models.Index(fields=["expires_at"], condition=Q(is_open=True), name="creditlot_due"),
        ]


class CreditReservation(AccountBaseModel):
    """Credits set aside for work that has not happened yet. Leaves ``held`` exactly once."""

    idempotency_key = models.CharField(max_length=KEY_LENGTH)
    fingerprint = models.CharField(max_length=FINGERPRINT_LENGTH)
    amount = models.BigIntegerField(help_text="The most that the work may cost.")
    captured = models.BigIntegerField(null=True, blank=True, help_text="What it did cost.")
    status = models.CharField(
        max_length=16, choices=ReservationStatus, default=ReservationStatus.HELD
    )
    attempt = models.PositiveIntegerField(default=1, help_text="Only the newest may settle.")
    expires_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    operation = models.CharField(max_length=32, choices=OperationType)
    price_snapshot = models.JSONField(default=dict, help_text="The price when it was reserved.")
    related_type = models.CharField(max_length=64, blank=True)
    related_id = models.BigIntegerField(null=True, blank=True)

    tenancy_privileges = "SELECT"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "idempotency_key"], name="creditreservation_once_per_key"
            ),
            models.UniqueConstraint(fields=["account", "id"], name="creditreservation_key"),
            choices_check("status", ReservationStatus, "creditreservation_status"),
            models.CheckConstraint(
                name="creditreservation_operation", condition=Q(operation__in=CURRENT_OPERATIONS)
            ),
            models.CheckConstraint(
                name="creditreservation_amounts",
                condition=Q(amount__gt=0, attempt__gte=1)
                & (Q(captured__isnull=True) | Q(captured__gte=0, captured__lte=F("amount"))),
            ),
            models.CheckConstraint(
                name="creditreservation_resolved",
                condition=Q(status=ReservationStatus.HELD, resolved_at__isnull=True)
                | (~Q(status=ReservationStatus.HELD) & Q(resolved_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="creditreservation_captured",
                condition=Q(status=ReservationStatus.CAPTURED, captured__isnull=False)
                | (~Q(status=ReservationStatus.CAPTURED) & Q(captured__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(status=ReservationStatus.HELD),
                name="creditreservation_due",
            ),
        ]


class CreditReservationLot(AccountBaseModel):
    """How much of which lot a reservation stands on.

    No foreign keys in the database: only the ledger's functions write here, on the hottest path,
    and the audit view compares.
    """

    reservation_id = models.BigIntegerField()
    lot_id = models.BigIntegerField()
    amount = models.BigIntegerField()

    tenancy_privileges = "SELECT"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "reservation_id", "lot_id"], name="creditreservationlot_once"
            ),
            models.CheckConstraint(name="creditreservationlot_positive", condition=Q(amount__gt=0)),
        ]


class CreditTransactionLot(AccountBaseModel):
    """The signed part of a ledger row that fell on one lot; the parts add up to the row.

    Append-only, and without foreign keys for the same reason as ``CreditReservationLot``.
    """

    transaction_id = models.BigIntegerField()
    lot_id = models.BigIntegerField()
    amount = models.BigIntegerField()

    tenancy_privileges = "SELECT"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "transaction_id", "lot_id"], name="credittransactionlot_once"
            ),
            models.CheckConstraint(name="credittransactionlot_not_zero", condition=~Q(amount=0)),
        ]


class ReservationResult(AccountBaseModel):
    """A result that came after its reservation had ended, and that the account cannot pay yet.

    The answers themselves are in the journal of calls (``ai.models.AiCall``); ``payload`` says
    what the result would cost. It is offered until ``withheld_until``.
    """

    reservation = aligned("billing.CreditReservation", models.PROTECT)
    attempt = models.PositiveIntegerField()
    payload = models.JSONField(null=True, blank=True, help_text="Deleted when no longer wanted.")
    received_at = models.DateTimeField()
    withheld_until = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "reservation", "attempt"], name="reservationresult_once"
            ),
            key("reservationresult_reservation", "reservation"),
        ]
        indexes = [
            models.Index(
                fields=["withheld_until"],
                condition=Q(used_at__isnull=True, payload__isnull=False),
                name="reservationresult_waiting",
            ),
        ]


class CreditUsageLog(AccountBaseModel):
    """What one piece of AI work used, and what it was charged. Never changed."""

    transaction = aligned("billing.CreditTransaction", models.PROTECT, null=True)
    reservation = aligned("billing.CreditReservation", models.PROTECT, null=True)
    operation_type = models.CharField(max_length=32, choices=OperationType)
    credits_used = models.BigIntegerField()
    provider = models.CharField(max_length=64, blank=True)
    model = models.CharField(max_length=128, blank=True)
    prompt_tokens = models.BigIntegerField(null=True, blank=True)
    completion_tokens = models.BigIntegerField(null=True, blank=True)
    cost_usd_micros = models.BigIntegerField(
        null=True, blank=True, help_text="Our cost at the provider, in millionths of a dollar."
    )
    related_type = models.CharField(max_length=64, blank=True)
    related_id = models.BigIntegerField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    tenancy_privileges = "SELECT, INSERT"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "transaction"], name="creditusagelog_transaction_once"
            ),
            choices_check("operation_type", OperationType, "creditusagelog_operation"),
            models.CheckConstraint(
                name="creditusagelog_not_negative", condition=Q(credits_used__gte=0)
            ),
            key("creditusagelog_transaction", "transaction"),
            key("creditusagelog_reservation", "reservation"),
        ]
        indexes = [
            models.Index(
                fields=["account", "operation_type", "created_at"], name="creditusagelog_operation"
            ),
            models.Index(
                fields=["account", "related_type", "related_id"], name="creditusagelog_related"
            ),
            models.Index(fields=["account", "id"], name="creditusagelog_list"),
        ]


class CreditAdjustment(AccountBaseModel):
    """Credits added or taken by staff, with a reason; above a limit a second person agrees."""

    amount = models.BigIntegerField()
    reason = models.TextField()
    idempotency_key = models.CharField(max_length=KEY_LENGTH)
    status = models.CharField(
        max_length=16, choices=AdjustmentStatus, default=AdjustmentStatus.REQUESTED
    )
    requested_by = person()
    approved_by = person()

    tenancy_privileges = "SELECT"
    tenancy_staff = "SELECT, INSERT, UPDATE"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "idempotency_key"], name="creditadjustment_once_per_key"
            ),
            choices_check("status", AdjustmentStatus, "creditadjustment_status"),
            models.CheckConstraint(name="creditadjustment_not_zero", condition=~Q(amount=0)),
            models.CheckConstraint(
                name="creditadjustment_second_person",
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("requested_by")),
            ),
            StatusTrail(name="creditadjustment_status_trail"),
        ]
        permissions = [("adjust_credits", "Can add and take credits")]
