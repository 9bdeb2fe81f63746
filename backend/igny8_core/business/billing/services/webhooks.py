"""The inbox of providers' webhooks, and the search for those that never came.

A webhook is verified, stored once and answered. A worker takes it, finds the payment, and fetches
what the provider has: an old event, a repeat, or one out of order leads to the same fetch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from igny8_core.auth import selectors as accounts
from igny8_core.auth.models import Subscription
from igny8_core.business.billing.models import (
    Payment,
    PaymentWebhook,
    ProviderCustomer,
    ReconcileCursor,
)
from igny8_core.business.billing.services.cards import CARDS, can_save_at, follow_cards
from igny8_core.business.billing.services.disputes import follow_dispute
from igny8_core.business.billing.services.outside_refunds import follow_pending, follow_refunds
from igny8_core.business.billing.services.provider_payments import (
    adopt_checkout,
    refresh_payment,
)
from igny8_core.business.billing.services.provider_subscriptions import (
    follow,
    follow_due,
    note_page,
)
from igny8_core.business.billing.services.rounds import AccountKey
from igny8_core.business.billing.states import WEBHOOK, PaymentStatus, WebhookStatus
from igny8_core.clients.payments import configured, payment_client
from igny8_core.common.errors import DomainError, NotFound
from igny8_core.common.failpoints import failpoint
from igny8_core.common.queue import enqueue_on_commit
from igny8_core.common.states import advance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from django.db.models import QuerySet

    from igny8_core.clients.payments import ProviderEvent

log = structlog.get_logger(__name__)

PER_ROUND = 200
LEASE = timedelta(minutes=2)
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
STREAM = "events"
FIRST_LOOK_BACK = timedelta(days=3)
STALE = timedelta(minutes=15)
"""A payment that a provider has for so long is asked about, webhook or not."""
HANDLE = "billing.handle_webhooks"
NOTHING = Q(pk__in=[])
MONEY_BACK = ("charge.refund", "refund.", "PAYMENT.CAPTURE.RE")
"""Of the types of events: something went back, or was to."""


def receive_webhook(
    *, provider: str, body: bytes, headers: Mapping[str, str], now: datetime
) -> bool:
    """Verify a webhook on its raw bytes and keep it, once.

    :returns: whether it is new.
    :raises BadSignature: nothing was stored.
    :raises InvalidInput: the provider is not set up here.
    """
    event = payment_client(provider).verify_webhook(body=body, headers=headers)
    stored = _store(provider, [event], now=now, is_found_by_us=False)
    failpoint("billing.webhook.stored")
    if stored:
        enqueue_on_commit(HANDLE, queue="control", using=settings.TENANCY_STAFF_ALIAS)
    return bool(stored)


def handle_due(*, clock: Callable[[], datetime], limit: int = PER_ROUND) -> int:
    """Take the webhooks that are due, one after the other. Any number of workers may.

    :returns: how many were taken.
    """
    taken = 0
    while taken < limit and (row := _claim(now=clock())) is not None:
        taken += 1
        _handle(row, clock)
    return taken


def handle_due_webhooks(*, now: datetime) -> int:
    """:func:`handle_due` as a periodic job."""
    return handle_due(clock=lambda: now)


def reconcile(*, now: datetime) -> int:
    """Find what no webhook told: events that never came, payments that nobody asked about.

    :returns: how many webhooks were missing.
    """
    missing = 0
    for provider in configured():
        try:
            missing += _read_events(provider, now=now)
        except DomainError as exc:
            log.warning("billing.reconcile.failed", provider=provider, code=exc.code)
    stale = Payment.objects.across_accounts(reason="payments at providers").filter(
        status__in=[PaymentStatus.PENDING, PaymentStatus.PROCESSING],
        provider__in=configured(),
        updated_at__lte=now - STALE,
    )
    for account_id, payment_id in stale.order_by("pk").values_list("account_id", "pk")[:PER_ROUND]:
        _refresh(account_id, payment_id, lambda: now)
    follow_due(now=now)
    follow_pending(now=now)
    return missing


def try_again(*, webhook_id: int, now: datetime) -> PaymentWebhook:
    """Take an event up again that was given up. Safe to repeat.

    :raises NotFound: there is no such event.
    """
    using = settings.TENANCY_STAFF_ALIAS
    row = PaymentWebhook.objects.using(using).filter(pk=webhook_id).first()
    if row is None:
        raise NotFound("There is no such event.", webhook_id=webhook_id)
    if row.status == WebhookStatus.FAILED:
        again: dict[str, Any] = {"next_attempt_at": now, "attempts": 0, "error": ""}
        advance(row, WebhookStatus.RECEIVED, table=WEBHOOK, now=now, using=using, **again)
        enqueue_on_commit(HANDLE, queue="control", using=using)
    return row


def purge_payloads(*, now: datetime) -> int:
    """Forget what old events said; that they were here stays. As a periodic job.

    :returns: how many were emptied.
    """
    old = PaymentWebhook.objects.using(settings.TENANCY_STAFF_ALIAS).filter(
        created_at__lt=now - timedelta(days=settings.WEBHOOK_PAYLOAD_DAYS)
    )
    return old.exclude(payload={}).update(payload={}, updated_at=now)


def _read_events(provider: str, *, now: datetime) -> int:
    using = settings.TENANCY_STAFF_ALIAS
    cursors = ReconcileCursor.objects.using(using)
    seen = cursors.filter(provider=provider, stream=STREAM).values_list("seen_until", flat=True)
    since = seen[0] if seen else now - FIRST_LOOK_BACK
    since -= timedelta(hours=settings.RECONCILE_OVERLAP_HOURS)
    found = _store(
        provider, payment_client(provider).events_since(since), now=now, is_found_by_us=True
    )
    cursors.update_or_create(provider=provider, stream=STREAM, defaults={"seen_until": now})
    if found:
        log.warning("billing.reconcile.missing", provider=provider, webhooks=found)
    return found


def _store(
    provider: str, events: Iterable[ProviderEvent], *, now: datetime, is_found_by_us: bool
) -> int:
    using = settings.TENANCY_STAFF_ALIAS
    new = 0
    with transaction.atomic(using=using):
        for event in events:
            known = PaymentWebhook.objects.using(using).filter(
                provider=provider, event_id=event.event_id
            )
            if known.exists():
                continue
            row = PaymentWebhook(
                provider=provider,
                event_id=event.event_id,
                type=event.type,
                provider_created_at=event.created_at,
                object_ref=event.object_ref,
                reference=event.reference,
                dispute_ref=event.dispute_ref,
                subscription_ref=event.subscription_ref,
                payload=dict(event.payload),
                is_found_by_us=is_found_by_us,
                next_attempt_at=now,
            )
            made = PaymentWebhook.objects.using(using).bulk_create([row], ignore_conflicts=True)
            new += len(made)
    return new


def _claim(*, now: datetime) -> PaymentWebhook | None:
    """The next one that is due, for ``LEASE``: another worker takes it up if this one dies."""
    using = settings.TENANCY_STAFF_ALIAS
    with transaction.atomic(using=using):
        due = PaymentWebhook.objects.using(using).filter(
            status=WebhookStatus.RECEIVED, next_attempt_at__lte=now
        )
        row = due.select_for_update(skip_locked=True).order_by("next_attempt_at", "pk").first()
        if row is not None:
            row.attempts += 1
            row.next_attempt_at = now + LEASE
            row.save(update_fields=["attempts", "next_attempt_at", "updated_at"], using=using)
        return row


def _handle(row: PaymentWebhook, clock: Callable[[], datetime]) -> None:
    owner = _owner(row)
    if owner is None:
        _put_off(row, f"no such {'subscription' if row.subscription_ref else 'payment'} yet", clock)
        return
    failpoint("billing.webhook.claimed")
    try:
        if owner.is_subscription:
            _follow_subscription(row, owner, clock)
        elif owner.has_cards:
            follow_cards(account=accounts.account(owner.account_id), provider=row.provider)
        else:
            _follow_payment(row, owner, clock)
    except DomainError as exc:
        _put_off(row, f"{exc.code}: {exc.message}", clock)
    else:
        failpoint("billing.webhook.followed")
        _end(row, WebhookStatus.DONE, now=clock())


def _follow_payment(row: PaymentWebhook, owner: _Owner, clock: Callable[[], datetime]) -> None:
    account, ids = AccountKey(owner.account_id), {"payment_id": owner.pk}
    if row.reference and not row.subscription_ref:  # whose name we may have lost in a crash
        adopt_checkout(account=account, ref=row.object_ref, now=clock(), **ids)
    refresh_payment(account=account, clock=clock, **ids)
    if row.type.startswith(MONEY_BACK):
        follow_refunds(account=account, clock=clock, **ids)
    if row.dispute_ref:
        follow_dispute(account=account, ref=row.dispute_ref, clock=clock, **ids)


def _follow_subscription(row: PaymentWebhook, owner: _Owner, clock: Callable[[], datetime]) -> None:
    account, ids = AccountKey(owner.account_id), {"subscription_id": owner.pk}
    if row.reference and not row.subscription_ref:
        note_page(account=account, ref=row.object_ref, now=clock(), **ids)
    follow(account=account, clock=clock, **ids)
    if row.object_ref and not row.subscription_ref and can_save_at(row.provider):
        follow_cards(account=accounts.account(owner.account_id), provider=row.provider)


@dataclass(frozen=True)
class _Owner:
    """What an event is about."""

    account_id: int
    pk: int
    is_subscription: bool = False
    has_cards: bool = False


def _owner(row: PaymentWebhook) -> _Owner | None:
    """The payment or subscription of an event: by the provider's name, else by ours."""
    account, _, rest = row.reference.partition(":")
    kind, _, pk = rest.rpartition(":")
    is_ours = account.isdigit() and pk.isdigit()
    ours = Q(account_id=int(account), pk=int(pk)) if is_ours else NOTHING
    if row.subscription_ref or kind == "s":
        rows = Subscription.objects.across_accounts(reason="whose webhook is it")
        named = Q(provider_ref=row.subscription_ref) if row.subscription_ref else NOTHING
        is_known = named | ours if kind == "s" else named
        return _first(rows.filter(is_known, provider=row.provider), is_subscription=True)
    if kind == CARDS:
        customers = ProviderCustomer.objects.across_accounts(reason="whose webhook is it")
        found = customers.filter(account_id=int(pk), provider=row.provider).first()
        return None if found is None else _Owner(found.account_id, 0, has_cards=True)
    payments = Payment.objects.across_accounts(reason="whose webhook is it")
    by_ref = Q(provider_ref=row.object_ref) | Q(provider_refs__payment=row.object_ref)
    if not kind:
        by_ref |= ours
    return _first(payments.filter(by_ref, provider=row.provider), is_subscription=False)


def _first(rows: QuerySet[Any], *, is_subscription: bool) -> _Owner | None:
    found = rows.order_by("pk").values_list("account_id", "pk").first()
    return None if found is None else _Owner(found[0], found[1], is_subscription)


def _put_off(row: PaymentWebhook, error: str, clock: Callable[[], datetime]) -> None:
    """Try again later, twice as long each time; after ``WEBHOOK_RETRY_HOURS`` no more."""
    now = clock()
    if now - row.created_at >= timedelta(hours=settings.WEBHOOK_RETRY_HOURS):
        log.error("billing.webhook.failed", provider=row.provider, event_id=row.event_id)
        _end(row, WebhookStatus.FAILED, now=now, error=error)
        return
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(row.attempts - 1, 10))
    row.next_attempt_at, row.error = now + wait, error
    row.save(
        update_fields=["next_attempt_at", "error", "updated_at"],
        using=settings.TENANCY_STAFF_ALIAS,
    )


def _end(row: PaymentWebhook, to: WebhookStatus, *, now: datetime, error: str = "") -> None:
    advance(row, to, table=WEBHOOK, now=now, using=settings.TENANCY_STAFF_ALIAS, error=error)


def _refresh(account_id: int, payment_id: int, clock: Callable[[], Any]) -> None:
    try:
        refresh_payment(account=AccountKey(account_id), payment_id=payment_id, clock=clock)
    except DomainError as exc:
        log.info("billing.reconcile.skipped", payment_id=payment_id, code=exc.code)
