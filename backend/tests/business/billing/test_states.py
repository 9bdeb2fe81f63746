from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from django.db import DatabaseError, connection, transaction

from igny8_core.business.billing.models import CreditReservation
from igny8_core.business.billing.states import (
    ADJUSTMENT,
    DISPUTE,
    INVOICE,
    PAYMENT,
    REFUND,
    RESERVATION,
    WEBHOOK,
    OperationType,
    ReservationStatus,
)
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.common.states import TransitionTable

EDGES: dict[str, tuple[TransitionTable[Any], str]] = {
    "reservation": (RESERVATION, "held>captured held>released held>expired"),
    "adjustment": (ADJUSTMENT, "requested>approved requested>rejected"),
    "invoice": (
        INVOICE,
        "draft>pending draft>paid pending>paid pending>void pending>uncollectible"
        " uncollectible>paid uncollectible>void",
    ),
    "dispute": (
        DISPUTE,
        "open>withdrawn open>won open>lost withdrawn>reinstated withdrawn>lost",
    ),
    "refund": (
        REFUND,
        "pending>processing processing>succeeded processing>failed succeeded>failed",
    ),
    "webhook": (WEBHOOK, "received>done received>failed failed>received"),
    "payment": (
        PAYMENT,
        "pending>processing pending>succeeded pending>failed pending>cancelled"
        " processing>succeeded processing>failed processing>cancelled"
        " succeeded>completed succeeded>refunded completed>refunded refunded>completed"
        " failed>succeeded cancelled>succeeded",
    ),
}


@pytest.mark.parametrize("name", EDGES)
def test_every_pair_of_states(name: str) -> None:
    table, edges = EDGES[name]
    states = list(table.edges)
    allowed = {tuple(edge.split(">")) for edge in edges.split()}

    found = {(a.value, b.value) for a in states for b in states if table.allows(a, b)}

    assert found == allowed


COLUMNS: dict[str, dict[str, Any]] = {
    "held": {"resolved_at": None, "captured": None},
    "captured": {"resolved_at": NOW, "captured": 5},
    "released": {"resolved_at": NOW, "captured": None},
    "expired": {"resolved_at": NOW, "captured": None},
}


@pytest.mark.django_db
@pytest.mark.parametrize(("source", "target"), list(product(ReservationStatus, repeat=2)))
def test_the_guard_trigger_allows_the_edges_of_the_table(
    source: ReservationStatus, target: ReservationStatus
) -> None:
    row = CreditReservation.unscoped.create(
        account=make.account(),
        idempotency_key="run:1",
        fingerprint="f",
        amount=5,
        status=source,
        expires_at=NOW,
        operation="content",
        **COLUMNS[source],
    )
    change = CreditReservation.unscoped.filter(pk=row.pk)

    def move() -> None:
        with transaction.atomic():
            change.update(status=target, **COLUMNS[target])

    if RESERVATION.allows(source, target) or source == target == ReservationStatus.HELD:
        move()
    else:
        with pytest.raises(DatabaseError, match="already"):
            move()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "amount = 4",
        "attempt = 1",
        "idempotency_key = 'other'",
        "fingerprint = 'other'",
        "operation = 'image'",
        "amount = 9, status = 'released', resolved_at = now()",
        "account_id = account_id + 1",
    ],
)
def test_a_held_reservation_keeps_its_identity_and_only_grows(change: str) -> None:
    account = make_billing.account_with(10)
    hold = make_billing.reservation(account, 5, ttl=timedelta(hours=1))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE billing_creditreservation SET attempt = 2 WHERE id = %s", [hold.reservation_id]
        )

        with pytest.raises(DatabaseError, match=r"fixed|only grow"):
            cursor.execute(
                f"UPDATE billing_creditreservation SET {change} WHERE id = %s",
                [hold.reservation_id],
            )


def test_only_names_of_the_earlier_system_are_legacy() -> None:
    assert [operation.value for operation in OperationType if not operation.is_legacy] == [
        "clustering",
        "idea",
        "content",
        "image_prompt",
        "image",
        "reparse",
        "optimization",
    ]
