"""Subscriptions that run by a provider's clock: ordered there, followed, told of changes.

Claim, call, settle: the provider is asked outside of every transaction. Whoever asks (the page
that the customer returns to, a webhook, reconciliation) does the same, and what counts is
fetched; so order and repetition do not matter. A period begins with its money alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q

from igny8_core.auth.models import Account, Subscription
from igny8_core.auth.states import RUNNING, SubscriptionStatus
from igny8_core.business.billing.models import (
    Invoice,
    Payment,
    PeriodPrice,
    ProviderCustomer,
    SubscriptionPeriod,
)
from igny8_core.business.billing.services import subscriptions
from igny8_core.business.billing.services.billing_profiles import known_buyer
from igny8_core.business.billing.services.dunning import fall_behind
from igny8_core.business.billing.services.invoices import draft_invoice
from igny8_core.business.billing.services.paid_periods import (
    FIRST,
    PERIOD,
    locked_subscription,
    next_plan,
    paid_running,
    period_key,
)
from igny8_core.business.billing.services.payments import Received, fail_payment, settle_payment
from igny8_core.business.billing.services.period_prices import (
    fix_first,
    note_told,
    price_for,
    told_net,
    untold,
)
from igny8_core.business.billing.services.proration import Span
from igny8_core.business.billing.services.rounds import AccountKey, Round
from igny8_core.business.billing.services.subscription_terms import period_lines, totals
from igny8_core.business.billing.states import DunningStep, InvoiceStatus, PaymentStatus
from igny8_core.clients.payments import (
    RemoteStatus,
    SubscriptionRequest,
    SubscriptionState,
    SubscriptionTerms,
    subscription_client,
)
from igny8_core.common.errors import Conflict, ProviderRejected
from igny8_core.common.failpoints import failpoint
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Plan
    from igny8_core.clients.payments import RemoteInvoice, RemoteSubscription
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

PER_ROUND = 200


def reference_of(subscription: Subscription) -> str:
    """Our word for the subscription, as the provider keeps it."""
    return f"{subscription.account_id}:s:{subscription.pk}"


def open_page(*, account: Account, subscription_id: int, clock: Callable[[], datetime]) -> str:
    """Where the customer orders and pays. Safe to repeat: the provider knows our key.

    :returns: the address of the provider's page; empty once that is over.
    :raises NotFound: no such subscription.
    :raises Conflict: it is not one of a provider.
    :raises Transient: the provider does not answer: the same call again gets the same page.
    :raises ProviderRejected: it refused; the order is given up.
    """
    with tenant(account.pk, read_only=True):
        row = subscriptions.read(account=account, subscription_id=subscription_id)
    if not row.provider:
        raise Conflict("This subscription is paid by hand.")
    if row.status != SubscriptionStatus.INCOMPLETE:
        return ""
    fix_first(account=account, subscription_id=row.pk, now=clock())
    with tenant(account.pk, read_only=True):
        request = _request(account, row, now=clock())
    client = subscription_client(row.provider)
    try:
        if row.checkout_ref:
            return client.get_checkout(row.checkout_ref).url
        page = client.create_subscription(request)
        failpoint("billing.subscription.page_made")
    except ProviderRejected:
        subscriptions.give_up(account=account, subscription_id=row.pk, now=clock())
        raise
    note_page(account=account, subscription_id=row.pk, ref=page.ref, now=clock())
    return page.url


def follow(*, account: HasKey, subscription_id: int, clock: Callable[[], datetime]) -> None:
    """Fetch what the provider has and bring ours in line with it. Safe to repeat.

    Each paid period is booked once, the oldest first, in a transaction of its own.

    :raises NotFound: no such subscription.
    :raises Conflict: it is not one of a provider.
    :raises Transient: the provider does not answer; what was booked stays.
    :raises InvalidInput: the billing details are not complete: nothing can be invoiced.
    """
    asked_at = clock()
    with tenant(account.pk, read_only=True):
        row = subscriptions.read(account=account, subscription_id=subscription_id)
        booked = _booked(account, row)
    if not row.provider:
        raise Conflict("This subscription is paid by hand.")
    ref = row.provider_ref or _ordered_there(account, row, clock)
    if not ref:
        return
    client = subscription_client(row.provider)
    remote = client.get_subscription(ref)
    invoices = client.subscription_invoices(ref)
    failpoint("billing.subscription.fetched")
    if row.provider_ref is None:
        _note_ref(account=account, subscription_id=row.pk, remote=remote, now=clock())
    for invoice in invoices:
        if invoice.ref in booked:
            continue
        _book(account=account, subscription_id=row.pk, remote=invoice, now=clock())
        failpoint("billing.subscription.booked")
    _sync(
        account=account,
        subscription_id=row.pk,
        remote=remote,
        invoices=invoices,
        asked_at=asked_at,
        now=clock(),
    )


def push(*, account: Account, subscription_id: int, clock: Callable[[], datetime]) -> bool:
    """Tell the provider what its next period is to cost, or that it ends. Safe to repeat.

    :returns: whether there was anything to tell.
    :raises NotFound: no such subscription.
    :raises Transient: the provider does not answer; the job tries again.
    """
    with tenant(account.pk, read_only=True):
        row = subscriptions.read(account=account, subscription_id=subscription_id)
        if not row.provider or not row.provider_ref:
            return False
        price = untold(account=account, subscription=row)
        if row.pushed_version == row.version and price is None:
            return False
        is_over = row.status == SubscriptionStatus.CANCELLED
        terms = None if is_over else _terms(account, row, now=clock())
    client = subscription_client(row.provider)
    if terms is None:
        client.end_subscription(row.provider_ref)
    else:
        changes = price.changes if price is not None else 0
        key = f"terms:{row.account_id}:{row.pk}:{row.version}:{changes}:{terms.amount_minor}"
        client.change_subscription(row.provider_ref, terms, key=key)
    _note_pushed(account=account, row=row, price=price, now=clock())
    return True


def push_due(*, now: datetime) -> int:
    """Tell providers what they do not know yet; as a periodic job.

    :returns: how many subscriptions were looked after.
    """
    telling = Round("push_subscriptions")
    untold_ones = PeriodPrice.objects.across_accounts(reason="prices to tell of").filter(
        account_id=OuterRef("account_id"),
        subscription=OuterRef("pk"),
        starts_at=OuterRef("current_period_end"),
        pushed_at=None,
    )
    rows = Subscription.objects.across_accounts(reason="subscriptions to tell of").filter(
        ~Q(pushed_version=F("version")) | Exists(untold_ones),
        ~Q(provider=""),
        provider_ref__isnull=False,
    )
    due = list(rows.select_related("account").order_by("pk")[:PER_ROUND])
    for row in due:
        telling.attempt(push, account=row.account, subscription_id=row.pk, clock=lambda: now)
    telling.end()
    return len(due)


def follow_due(*, now: datetime) -> int:
    """Ask about subscriptions whose period is over, or whose order is open; hourly.

    :returns: how many were asked about.
    """
    asking = Round("follow_subscriptions")
    rows = Subscription.objects.across_accounts(reason="subscriptions at providers").filter(
        Q(status=SubscriptionStatus.INCOMPLETE) | Q(current_period_end__lte=now),
        ~Q(provider=""),
        status__in=[SubscriptionStatus.INCOMPLETE, *RUNNING],
    )
    due = list(rows.order_by("pk").values_list("account_id", "pk")[:PER_ROUND])
    for account_id, subscription_id in due:
        asking.attempt(
            follow,
            account=AccountKey(account_id),
            subscription_id=subscription_id,
            clock=lambda: now,
        )
    asking.end()
    return len(due)


def where_to_pay(*, account: HasKey, subscription_id: int) -> str:
    """The provider's page for the period that is owed, where a bank's confirmation is given too.

    :returns: its address; empty when nothing is owed.
    :raises NotFound: no such subscription.
    :raises Transient: the provider does not answer.
    """
    with tenant(account.pk, read_only=True):
        row = subscriptions.read(account=account, subscription_id=subscription_id)
    if not row.provider or not row.provider_ref:
        return ""
    found = subscription_client(row.provider).subscription_invoices(row.provider_ref)
    return next((each.url for each in reversed(found) if each.url), "")


def _booked(account: HasKey, row: Subscription) -> set[str | None]:
    """The provider's invoices whose money is in our books: nothing is left to do for them."""
    done = [PaymentStatus.COMPLETED, PaymentStatus.REFUNDED]
    mine = Payment.objects.for_account(account).filter(provider=row.provider, status__in=done)
    return set(mine.filter(invoice__subscription=row).values_list("provider_ref", flat=True))


def _request(account: Account, row: Subscription, *, now: datetime) -> SubscriptionRequest:
    terms = _terms(account, row, now=now)
    customers = ProviderCustomer.objects.for_account(account).filter(provider=row.provider)
    page = f"{settings.PUBLIC_URL}/billing/plan/?account={row.account_id}"
    profile = known_buyer(account=account)
    return SubscriptionRequest(
        key=f"subscription:{row.account_id}:{row.pk}",
        reference=reference_of(row),
        amount_minor=terms.amount_minor,
        currency=terms.currency,
        interval=terms.interval,
        description=row.plan.name,
        success_url=page,
        cancel_url=page,
        email=profile.email,
        customer_ref=customers.values_list("ref", flat=True).first() or "",
        trial_days=row.plan.trial_days if row.wants_trial else 0,
    )


def _terms(account: Account, row: Subscription, *, now: datetime) -> SubscriptionTerms:
    plan = next_plan(account=account, subscription=row)
    is_last = row.cancel_at_period_end or not plan.price_minor
    if not plan.price_minor:
        plan = row.plan  # it ends, and costs nothing any more
    starts_at = row.current_period_end
    fixed = price_for(account=account, subscription=row, plan=plan, starts_at=starts_at)
    if fixed is not None:
        amount_minor = fixed.total_minor
    else:
        day = max(starts_at or now, now)
        told = told_net(account=account, subscription=row, plan=plan, starts_at=starts_at)
        lines = period_lines(plan, None, net_minor=told)
        amount_minor = totals(account=account, lines=lines, now=day).total_minor
    return SubscriptionTerms(amount_minor, plan.currency, plan.interval, is_last, starts_at)


def _ordered_there(account: HasKey, row: Subscription, clock: Callable[[], datetime]) -> str:
    """The provider's name of a subscription that was ordered on its page; empty if it was not.

    Of an order that was given up too: its page may be open in another window, and somebody pays.
    """
    if not row.checkout_ref:
        return ""
    page = subscription_client(row.provider).get_checkout(row.checkout_ref)
    if page.status is RemoteStatus.FAILED and row.status == SubscriptionStatus.INCOMPLETE:
        subscriptions.give_up(account=account, subscription_id=row.pk, now=clock())
    return page.subscription_ref


@tenant_atomic()
def note_page(*, account: HasKey, subscription_id: int, ref: str, now: datetime) -> None:
    """Note the page of an order, also one that was made before a crash."""
    row = locked_subscription(account=account, subscription_id=subscription_id)
    if not row.checkout_ref:
        row.checkout_ref, row.updated_at = ref, now
        row.save(update_fields=["checkout_ref", "updated_at"])


@tenant_atomic()
def _note_ref(
    *, account: HasKey, subscription_id: int, remote: RemoteSubscription, now: datetime
) -> None:
    row = locked_subscription(account=account, subscription_id=subscription_id)
    if row.provider_ref is None:
        row.provider_ref, row.updated_at = remote.ref, now
        row.save(update_fields=["provider_ref", "updated_at"])
    if remote.customer_ref:
        note_customer(account=account, provider=row.provider, ref=remote.customer_ref)


def note_customer(*, account: HasKey, provider: str, ref: str) -> None:
    """Remember the account's name at a provider; the first one stays. Inside its block."""
    made = ProviderCustomer(account_id=account.pk, provider=provider, ref=ref)
    ProviderCustomer.unscoped.bulk_create([made], ignore_conflicts=True)


@tenant_atomic()
def _note_pushed(
    *, account: HasKey, row: Subscription, price: PeriodPrice | None, now: datetime
) -> None:
    rows = Subscription.objects.for_account(account).filter(pk=row.pk)
    newer = rows.filter(pushed_version__lt=row.version)
    newer.update(pushed_version=row.version, updated_at=now)
    if price is not None:
        note_told(account=account, price=price, now=now)


@tenant_atomic()
def _book(*, account: HasKey, subscription_id: int, remote: RemoteInvoice, now: datetime) -> None:
    """One period's money into our books: our invoice, a payment, what they bring. Once each."""
    holder = Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    row = locked_subscription(account=account, subscription_id=subscription_id)
    mine = Payment.objects.for_account(account)
    payment: Payment | None = mine.filter(provider=row.provider, provider_ref=remote.ref).first()
    if payment is None:
        if remote.status is RemoteStatus.OPEN:
            return
        payment = _payment_of(holder, row, remote, now=now)
    refs = {"payment": remote.payment_ref} if remote.payment_ref else {}
    if remote.status is RemoteStatus.PAID:
        if payment.status in {PaymentStatus.COMPLETED, PaymentStatus.REFUNDED}:
            return
        settle_payment(
            account=account,
            payment_id=payment.pk,
            received=Received(remote.amount_minor, remote.currency),
            now=now,
            provider_refs=refs,
        )
    elif remote.status is RemoteStatus.FAILED:
        fail_payment(
            account=account,
            payment_id=payment.pk,
            reason=remote.failure,
            now=now,
            provider_refs=refs,
        )


def _payment_of(
    account: Account, row: Subscription, remote: RemoteInvoice, *, now: datetime
) -> Payment:
    """Our draft and payment of a provider's invoice: what we hold that it is over."""
    is_first = not SubscriptionPeriod.objects.for_account(account).filter(subscription=row).exists()
    plan = _plan_of(account, row, remote)
    net_minor = told_net(account=account, subscription=row, plan=plan, starts_at=remote.starts_at)
    span = Span(remote.starts_at, remote.ends_at)
    invoice = draft_invoice(
        account=account,
        lines=period_lines(plan, span, net_minor=net_minor),
        currency=plan.currency,
        subscription_id=row.pk,
        period_start=remote.starts_at,
        period_end=remote.ends_at,
        period_key=_key(account, row, remote, is_first=is_first),
        tax_on=remote.starts_at.date(),
        now=now,
    )
    payment = Payment(
        account_id=account.pk,
        invoice=invoice,
        payment_method=row.provider,
        provider=row.provider,
        provider_ref=remote.ref,
        status=PaymentStatus.PROCESSING,
        amount_minor=invoice.total_minor,
        currency=invoice.currency,
        idempotency_key=f"{row.provider}:{remote.ref}"[:64],
    )
    payment.save()
    return payment


def _key(account: Account, row: Subscription, remote: RemoteInvoice, *, is_first: bool) -> str:
    """What it is for. A second one over the same period is kept for a person to look at."""
    key = period_key(row, FIRST if is_first else PERIOD, remote.starts_at)
    mine = Invoice.objects.for_account(account).exclude(status=InvoiceStatus.VOID)
    if mine.filter(period_key=key).exists():
        return f"{key[:40]}:{remote.ref}"[:64]
    return key


def _plan_of(account: Account, row: Subscription, remote: RemoteInvoice) -> Plan:
    end = row.current_period_end
    if end is None or remote.starts_at < end:
        return row.plan
    return next_plan(account=account, subscription=row)


@tenant_atomic()
def _sync(
    *,
    account: HasKey,
    subscription_id: int,
    remote: RemoteSubscription,
    invoices: Sequence[RemoteInvoice],
    asked_at: datetime,
    now: datetime,
) -> None:
    """Trial, arrears and end, as the provider has them. An older answer than the last is none."""
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    row = locked_subscription(account=account, subscription_id=subscription_id)
    if row.synced_at is not None and asked_at < row.synced_at:
        return
    row.synced_at = asked_at
    if row.wants_trial and row.trial_ends_at is None and row.status in RUNNING:
        row.trial_ends_at = remote.trial_ends_at  # it was over before we heard of it
    row.save(update_fields=["synced_at", "trial_ends_at", "updated_at"])
    if row.status == SubscriptionStatus.CANCELLED:
        return
    if remote.state is SubscriptionState.ENDED:
        subscriptions.end(account=account, subscription_id=row.pk, now=now)
        return
    if remote.state is SubscriptionState.TRIALING and row.status == SubscriptionStatus.INCOMPLETE:
        _begin_trial(account, row, remote, now=now)
    if row.status in RUNNING and row.pushed_version == row.version:
        _take_cancellation(row, remote)
    if remote.state is SubscriptionState.PAST_DUE and row.status in RUNNING:
        _fall_behind(account, row, invoices, now=now)


def _begin_trial(
    account: HasKey, row: Subscription, remote: RemoteSubscription, *, now: datetime
) -> None:
    ends_at = remote.trial_ends_at or remote.ends_at
    if paid_running(account=account, but=row.pk) is not None:
        log.error("billing.subscription.second", account_id=account.pk, subscription_id=row.pk)
        return
    subscriptions.begin_trial(
        account=account, subscription=row, starts_at=remote.starts_at, ends_at=ends_at, now=now
    )


def _take_cancellation(row: Subscription, remote: RemoteSubscription) -> None:
    """Somebody cancelled or resumed it at the provider itself."""
    if row.cancel_at_period_end != remote.cancel_at_period_end:
        row.cancel_at_period_end = remote.cancel_at_period_end
        row.save(update_fields=["cancel_at_period_end", "updated_at"])


def _fall_behind(
    account: HasKey, row: Subscription, invoices: Sequence[RemoteInvoice], *, now: datetime
) -> None:
    """The renewal is not paid: from its first day on; the job of the dunning goes on from here."""
    steps = [DunningStep.DUE]
    if any(each.needs_customer for each in invoices):
        steps.append(DunningStep.ACTION)
    since = row.current_period_end or now
    fall_behind(account=account, subscription=row, since=since, steps=steps, now=now)
