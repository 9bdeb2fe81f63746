"""A customer's bank takes money back: the wallet is blocked, and the credits go with the money.

What counts is fetched, so the provider's events may come in any order and any number of times:
only allowed steps are taken, and what was missed on the way is made up for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog
from django.db.models import F, Sum

from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import Dispute, Payment, Refund
from igny8_core.business.billing.services.lots import (
    grant_credits,
    revoke_lot,
    set_wallet_block,
)
from igny8_core.business.billing.services.payments import locked_payment, lot_of
from igny8_core.business.billing.states import (
    DISPUTE,
    BlockCause,
    DisputeStatus,
    RefundStatus,
    TransactionType,
)
from igny8_core.clients.payments import DisputeOutcome, payment_client
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from igny8_core.business.billing.models import CreditLot
    from igny8_core.clients.payments import RemoteDispute
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

UNDECIDED = [DisputeStatus.OPEN, DisputeStatus.WITHDRAWN]


def follow_dispute(
    *, account: HasKey, payment_id: int, ref: str, clock: Callable[[], datetime]
) -> Dispute:
    """Fetch a dispute and bring ours in line with it. Safe to repeat.

    :raises NotFound: the account has no such payment.
    :raises Transient: the provider does not answer; nothing was changed.
    """
    with tenant(account.pk, read_only=True):
        payment = selectors.payment(account=account, payment_id=payment_id)
    remote = payment_client(payment.provider).get_dispute(ref)
    return _follow(account=account, payment_id=payment_id, remote=remote, now=clock())


@tenant_atomic()
def _follow(*, account: HasKey, payment_id: int, remote: RemoteDispute, now: datetime) -> Dispute:
    payment = locked_payment(account=account, payment_id=payment_id)
    dispute = _known_or_new(account, payment, remote, now=now)
    if remote.withdrawn_minor > 0 and dispute.status == DisputeStatus.OPEN:
        _claw_back(account, payment, dispute, now=now)
    if remote.withdrawn_minor <= 0 and dispute.status == DisputeStatus.WITHDRAWN:
        _reinstate(account, payment, dispute, now=now)
    if remote.outcome is DisputeOutcome.WON and dispute.status == DisputeStatus.OPEN:
        advance(dispute, DisputeStatus.WON, table=DISPUTE, now=now, closed_at=now)
    if remote.outcome is DisputeOutcome.LOST and dispute.status in UNDECIDED:
        advance(dispute, DisputeStatus.LOST, table=DISPUTE, now=now, closed_at=now)
    mine = Dispute.objects.for_account(account)
    is_blocked = mine.filter(status__in=UNDECIDED).exists()
    set_wallet_block(account=account, cause=BlockCause.DISPUTE, is_on=is_blocked, now=now)
    return dispute


def _known_or_new(
    account: HasKey, payment: Payment, remote: RemoteDispute, *, now: datetime
) -> Dispute:
    rows = Dispute.objects.for_account(account).select_for_update(of=("self",), no_key=True)
    found: Dispute | None = rows.filter(provider_ref=remote.ref).first()
    if found is not None:
        return found
    made = Dispute(
        account_id=account.pk,
        payment=payment,
        provider_ref=remote.ref,
        amount_minor=remote.amount_minor,
        currency=remote.currency,
        reason=remote.reason,
        opened_at=now,
    )
    made.save()
    log.error("billing.dispute.opened", account_id=account.pk, payment_id=payment.pk)
    return made


def _claw_back(account: HasKey, payment: Payment, dispute: Dispute, *, now: datetime) -> None:
    """The bank has the money: its credits go; those that are spent become debt."""
    lot = lot_of(account=account, payment=payment)
    clawed = 0
    if lot is not None and (owed := _owed(account, payment, dispute, lot)) > 0:
        done = revoke_lot(
            account=account,
            lot_id=lot.pk,
            owed=owed,
            type=TransactionType.CHARGEBACK,
            idempotency_key=f"dispute:{dispute.pk}",
            now=now,
        )
        clawed = done.taken + done.debt
    left = payment.amount_minor - payment.refunded_minor - payment.disputed_minor
    taken = min(dispute.amount_minor, left)  # a bank may ask for what went back before
    _move_money(account, payment, taken, now=now)
    columns: dict[str, Any] = {"clawed": clawed, "withdrawn_minor": taken}
    advance(dispute, DisputeStatus.WITHDRAWN, table=DISPUTE, now=now, **columns)


def _owed(account: HasKey, payment: Payment, dispute: Dispute, lot: CreditLot) -> int:
    """The disputed part of what the payment brought, without what went back before."""
    gone = Refund.objects.for_account(account).filter(
        payment=payment, status__in=[RefundStatus.PROCESSING, RefundStatus.SUCCEEDED]
    )
    refunded = gone.aggregate(all=Sum("credits"))["all"] or 0
    others = Dispute.objects.for_account(account).filter(payment=payment).exclude(pk=dispute.pk)
    sums = others.aggregate(out=Sum("clawed"), back=Sum("reinstated"))
    left = lot.granted - refunded - ((sums["out"] or 0) - (sums["back"] or 0))
    part = -(-lot.granted * dispute.amount_minor // payment.amount_minor)
    return int(min(part, left))


def _reinstate(account: HasKey, payment: Payment, dispute: Dispute, *, now: datetime) -> None:
    """The bank gave the money back: what was taken comes back, once; a debt is paid from it."""
    back = dispute.clawed - dispute.reinstated
    lot = lot_of(account=account, payment=payment)
    if back and lot is not None:
        grant_credits(
            account=account,
            amount=back,
            type=TransactionType.REINSTATEMENT,
            idempotency_key=f"dispute:{dispute.pk}:back",
            priority=lot.priority,
            expires_at=lot.expires_at,
            payment_id=payment.pk,
            invoice_id=payment.invoice_id,
            now=now,
        )
    _move_money(account, payment, -dispute.withdrawn_minor, now=now)
    advance(
        dispute,
        DisputeStatus.REINSTATED,
        table=DISPUTE,
        now=now,
        reinstated=dispute.clawed,
        closed_at=now,
    )


def _move_money(account: HasKey, payment: Payment, amount_minor: int, *, now: datetime) -> None:
    rows = Payment.objects.for_account(account).filter(pk=payment.pk)
    rows.update(disputed_minor=F("disputed_minor") + amount_minor, updated_at=now)
    payment.refresh_from_db(fields=["disputed_minor"])
