"""Money that a person sees arrive: evidence, approval, for larger sums by two people, rejection."""

from __future__ import annotations

import hashlib
from typing import IO, TYPE_CHECKING, Any, Final

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from igny8_core.business.billing.errors import ProofRefused
from igny8_core.business.billing.services.payments import (
    Received,
    fail_payment,
    locked_payment,
    settle_payment,
)
from igny8_core.business.billing.states import MANUAL_METHODS, PaymentStatus
from igny8_core.common.errors import Conflict, InvalidInput, Refused
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.billing.models import Payment
    from igny8_core.common.tenancy.context import HasKey

NOTE_MAX: Final = 300
PROOFS: Final = "proofs"
PROOF_BYTES_MAX: Final = 5 * 1024 * 1024
MAGIC: Final[dict[bytes, str]] = {
    b"%PDF-": "pdf",
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpg",
}
MEDIA_TYPES: Final = {"pdf": "application/pdf", "png": "image/png", "jpg": "image/jpeg"}
OPEN = [PaymentStatus.PENDING, PaymentStatus.PROCESSING]


def submit_proof(
    *,
    account: Account,
    payment_id: int,
    file: IO[bytes] | None,
    reference: str,
    notes: str,
    now: datetime,
) -> Payment:
    """Say how the money was sent; a file is kept beside it. The last word counts.

    :param file: PDF, PNG or JPEG of at most ``PROOF_BYTES_MAX``; None leaves the one there is.
    :raises NotFound: no such payment.
    :raises ProofRefused: not such a file; nothing was stored.
    :raises Conflict: the payment is no longer waiting, or is not made by hand.
    """
    stored = _store(account, payment_id, file) if file is not None else {}
    return _note_proof(
        account=account,
        payment_id=payment_id,
        columns={"manual_reference": reference, "manual_notes": notes} | stored,
        now=now,
    )


@tenant_atomic(durable=True)
def _note_proof(
    *, account: HasKey, payment_id: int, columns: dict[str, Any], now: datetime
) -> Payment:
    payment = locked_payment(account=account, payment_id=payment_id)
    _refuse_unless_waiting(payment)
    if payment.approved_by_id is not None:
        raise Conflict("An operator has approved this payment: its evidence stays.")
    for name, value in columns.items():
        setattr(payment, name, value)
    payment.updated_at = now
    payment.save(update_fields=[*columns, "updated_at"])
    return payment


@tenant_atomic()
def approve_payment(
    *, account: HasKey, payment_id: int, actor_id: int, received_minor: int, now: datetime
) -> Payment:
    """Say that the money is there. From ``PAYMENT_SECOND_APPROVAL_MINOR`` on two people must.

    Safe to repeat: an approval that was given counts once, and so do its credits.

    :param received_minor: what arrived; both people must have seen the same.
    :raises NotFound: no such payment.
    :raises Refused: the same person again, where two are asked for; nothing was written.
    :raises InvalidInput: the second person saw another amount; nothing was written.
    :raises Conflict: it is not waiting for an approval.
    """
    payment = locked_payment(account=account, payment_id=payment_id)
    if payment.status in {PaymentStatus.COMPLETED, PaymentStatus.SUCCEEDED}:
        return payment
    _refuse_unless_waiting(payment)
    if received_minor < 1:
        raise InvalidInput("Nothing was approved.", received=["At least 1."])
    received = Received(received_minor, payment.currency)
    if not needs_second_person(payment):
        names = {"approved_by_id": actor_id, "approved_at": now}
        return _settled(account, payment, received, names, now=now)
    if payment.approved_by_id is None:
        payment.approved_by_id, payment.approved_at = actor_id, now
        payment.metadata = payment.metadata | {"received_minor": received_minor}
        payment.save(update_fields=["approved_by", "approved_at", "metadata", "updated_at"])
        return payment
    if payment.approved_by_id == actor_id:
        raise Refused("A payment of this size is approved by two people. You were the first.")
    if payment.metadata.get("received_minor") != received_minor:
        raise InvalidInput("Nothing was approved.", received=["The first person saw another sum."])
    second = {"second_approved_by_id": actor_id}
    return _settled(account, payment, received, second, now=now)


@tenant_atomic()
def reject_payment(
    *, account: HasKey, payment_id: int, actor_id: int, reason: str, now: datetime
) -> Payment:
    """Say that no money came. The invoice stays open: another attempt may be made.

    :raises NotFound: no such payment.
    :raises InvalidInput: no reason.
    :raises Conflict: it is not waiting for an approval.
    """
    if not reason.strip():
        raise InvalidInput("Nothing was rejected.", reason=["Say why: the customer reads it."])
    payment = locked_payment(account=account, payment_id=payment_id)
    if payment.status == PaymentStatus.FAILED and payment.rejected_by_id is not None:
        return payment
    _refuse_unless_waiting(payment)
    return fail_payment(
        account=account,
        payment_id=payment_id,
        reason=reason.strip(),
        rejected_by_id=actor_id,
        rejected_at=now,
        now=now,
    )


@tenant_atomic()
def close_review(
    *, account: HasKey, payment_id: int, actor_id: int, note: str, now: datetime
) -> Payment:
    """Money that did not fit was dealt with: sent back, say. Its invoice can be paid anew.

    Safe to repeat. From now on nothing brings this payment into the books.

    :param note: what was done about it; at most ``NOTE_MAX`` letters.
    :raises NotFound: no such payment.
    :raises InvalidInput: no note, or one that is too long.
    :raises Conflict: it does not rest in review.
    """
    if not 1 <= len(note.strip()) <= NOTE_MAX:
        text = f"Say what was done, in at most {NOTE_MAX} letters."
        raise InvalidInput("Nothing was closed.", note=[text])
    payment = locked_payment(account=account, payment_id=payment_id)
    if payment.review_closed_at is not None:
        return payment
    if payment.status != PaymentStatus.SUCCEEDED or not payment.review_reason:
        raise Conflict("This payment does not wait for anybody to look at it.")
    payment.review_note, payment.review_closed_by_id = note.strip(), actor_id
    payment.review_closed_at = payment.updated_at = now
    payment.save(
        update_fields=["review_note", "review_closed_by", "review_closed_at", "updated_at"]
    )
    return payment


def needs_second_person(payment: Payment) -> bool:
    """Whether two people must approve the payment."""
    return payment.amount_minor >= settings.PAYMENT_SECOND_APPROVAL_MINOR


def read_proof(payment: Payment) -> tuple[bytes, str, str] | None:
    """The evidence of a payment: its bytes, name and media type; None when there is none."""
    if not payment.proof_file:
        return None
    ending = payment.proof_file.rsplit(".", 1)[-1]
    with storages[PROOFS].open(payment.proof_file) as file:
        return file.read(), f"payment-{payment.pk}.{ending}", MEDIA_TYPES[ending]


def _settled(
    account: HasKey, payment: Payment, received: Received, names: dict[str, Any], *, now: datetime
) -> Payment:
    done = settle_payment(
        account=account, payment_id=payment.pk, received=received, now=now, **names
    )
    return done.payment


def _refuse_unless_waiting(payment: Payment) -> None:
    if payment.payment_method not in MANUAL_METHODS:
        raise Conflict("The provider says whether this payment has arrived.")
    if payment.status not in OPEN:
        raise Conflict(f"This payment is {payment.status}.")


def _store(account: HasKey, payment_id: int, file: IO[bytes]) -> dict[str, str]:
    """Keep the file under a name of its own; one that no row names is never served.

    :raises ProofRefused: too large, or no PDF, PNG or JPEG.
    """
    data = file.read(PROOF_BYTES_MAX + 1)
    ending = next((end for magic, end in MAGIC.items() if data.startswith(magic)), None)
    if ending is None or len(data) > PROOF_BYTES_MAX:
        text = f"A PDF, PNG or JPEG of at most {PROOF_BYTES_MAX // 1024 // 1024} MiB."
        raise ProofRefused("Nothing was stored.", file=[text])
    digest = hashlib.sha256(data).hexdigest()
    name = f"{account.pk}/{payment_id}-{digest[:16]}.{ending}"
    storage = storages[PROOFS]
    if not storage.exists(name):
        name = storage.save(name, ContentFile(data))
    return {"proof_file": name, "proof_sha256": digest}
