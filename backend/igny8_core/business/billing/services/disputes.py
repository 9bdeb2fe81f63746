"""A customer's bank takes money back: the wallet is blocked, and the credits go with the money.

What counts is fetched, so the provider's events may come in any order and any number of times:
only allowed steps are taken, and what was missed on the way is made up for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from django.db.models import F, Sum

from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import Dispute, Payment, Refund
from igny8_core.business.billing.services.lots import set_wallet_block
from igny8_core.business.billing.services.payment_credits import (
    credits_of,
    return_credits,
    take_credits,
)
from igny8_core.business.billing.services.payments import locked_payment
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

    from igny8_core.business.billing.services.payment_credits import Credits
    from igny8_core.clients.payments import RemoteDispute
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

UNDECIDED = [DisputeStatus.OPEN, DisputeStatus.WITHDRAWN]
AT_THE_BANK = [DisputeStatus.WITHDRAWN, DisputeStatus.LOST]


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


def follow_withdrawn(*, account: HasKey, payment_id: int, clock: Callable[[], datetime]) -> None:
    """Follow what banks have of a payment once more: a refund of it came back. Repeatable.

    Of money that was believed to be gone the books did not let the bank take it.

    :raises Transient: the provider does not answer.
    """
    with tenant(account.pk, read_only=True):
        rows = Dispute.objects.for_account(account).filter(
            payment_id=payment_id,
            status__in=AT_THE_BANK,
            withdrawn_minor__lt=F("amount_minor"),
        )
        refs = list(rows.order_by("pk").values_list("provider_ref", flat=True))
    for ref in refs:
        follow_dispute(account=account, payment_id=payment_id, ref=ref, clock=clock)


@tenant_atomic()
def _follow(*, account: HasKey, payment_id: int, remote: RemoteDispute, now: datetime) -> Dispute:
    payment = locked_payment(account=account, payment_id=payment_id)
    dispute = _known_or_new(account, payment, remote, now=now)
    if remote.withdrawn_minor > 0 and dispute.status == DisputeStatus.OPEN:
        advance(dispute, DisputeStatus.WITHDRAWN, table=DISPUTE, now=now)
    if remote.withdrawn_minor > 0 and dispute.status in AT_THE_BANK:
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
    """The bank has the money: its credits go; those that are spent become debt. Repeatable.

    A bank may ask for what went back before: that much is not taken from the books, unless it
    turns out that it had not gone back.
    """
    left = payment.amount_minor - payment.refunded_minor - payment.disputed_minor
    more = min(dispute.amount_minor - dispute.withdrawn_minor, left)
    if more < 1:
        return
    credits_ = credits_of(account=account, payment=payment)
    clawed = 0
    if credits_ is not None and (owed := _owed(account, payment, dispute, credits_)) > 0:
        again = f":{dispute.withdrawn_minor}" if dispute.withdrawn_minor else ""
        done = take_credits(
            account=account,
            credits_=credits_,
            amount=owed,
            type=TransactionType.CHARGEBACK,
            idempotency_key=f"dispute:{dispute.pk}{again}",
            now=now,
        )
        clawed = done.taken + done.debt
    _move_money(account, payment, more, now=now)
    dispute.withdrawn_minor += more
    dispute.clawed += clawed
    dispute.updated_at = now
    dispute.save(update_fields=["withdrawn_minor", "clawed", "updated_at"])


def _owed(account: HasKey, payment: Payment, dispute: Dispute, credits_: Credits) -> int:
    """The disputed part of what the payment brought, without what went before."""
    gone = Refund.objects.for_account(account).filter(
        payment=payment, status__in=[RefundStatus.PROCESSING, RefundStatus.SUCCEEDED]
    )
    refunded = gone.aggregate(all=Sum("credits"))["all"] or 0
    others = Dispute.objects.for_account(account).filter(payment=payment).exclude(pk=dispute.pk)
    sums = others.aggregate(out=Sum("clawed"), back=Sum("reinstated"))
    left = credits_.granted - refunded - ((sums["out"] or 0) - (sums["back"] or 0))
    part = -(-credits_.granted * dispute.amount_minor // payment.amount_minor)
    return int(min(part, left)) - dispute.clawed


def _reinstate(account: HasKey, payment: Payment, dispute: Dispute, *, now: datetime) -> None:
    """The bank gave the money back: what was taken comes back, once; a debt is paid from it."""
    return_credits(
        account=account,
        payment=payment,
        amount=dispute.clawed - dispute.reinstated,
        idempotency_key=f"dispute:{dispute.pk}:back",
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
