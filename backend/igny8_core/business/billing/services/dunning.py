"""Money that is owed for a subscription: reminded of, and what stops while it is.

Days count from the end of the last period that was paid. Each step happens once for one debt, in
order, also when nobody looked for a while; a payment at any stage but the last lifts all of it.
Retries of cards are the provider's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.conf import settings
from django.db.models import Q

from igny8_core.auth.models import Account, Subscription
from igny8_core.auth.states import DUNNING, SUBSCRIPTION, DunningStage, SubscriptionStatus
from igny8_core.business.billing.models import DunningNotice
from igny8_core.business.billing.services import subscriptions
from igny8_core.business.billing.services.lots import set_wallet_block
from igny8_core.business.billing.services.paid_periods import locked_subscription
from igny8_core.business.billing.services.plan_periods import is_free
from igny8_core.business.billing.services.rounds import BATCH, AccountKey, Round, batches
from igny8_core.business.billing.states import BlockCause, DunningStep
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

STAGES = {
    DunningStep.RESTRICTED: DunningStage.RESTRICTED,
    DunningStep.SUSPENDED: DunningStage.SUSPENDED,
}
FREE = Q(provider="", payment_method="")


def chase_due(*, now: datetime, limit: int = BATCH) -> int:
    """Take every step that is due, of every account; as a periodic job.

    :param limit: subscriptions of a batch.
    :returns: how many subscriptions took a step.
    """
    chasing = Round("chase_due")
    done = 0
    for account_id, subscription_id in _owing(now, limit):
        ids = {"subscription_id": subscription_id}
        done += bool(chasing.attempt(chase, account=AccountKey(account_id), now=now, **ids))
    if done:
        log.info("billing.dunning.stepped", subscriptions=done)
    chasing.end()
    return done


@tenant_atomic()
def chase(*, account: HasKey, subscription_id: int, now: datetime) -> bool:
    """Take the steps of one subscription that are due. Safe to repeat.

    :returns: whether there were any.
    """
    Account.objects.select_for_update(no_key=True).filter(pk=account.pk).first()
    row = locked_subscription(account=account, subscription_id=subscription_id)
    if is_free(row):
        return False
    if row.status == SubscriptionStatus.ACTIVE and _is_unpaid(row, now):
        ends_at = row.current_period_end or now
        fall_behind(account=account, subscription=row, since=ends_at, steps=[], now=now)
    if row.status != SubscriptionStatus.PAST_DUE or row.past_due_since is None:
        return False
    since = row.past_due_since
    mine = DunningNotice.objects.for_account(account).filter(subscription=row, since=since)
    known = set(mine.values_list("step", flat=True))
    due = [step for step in _reached(now - since) if step not in known]
    for step in due:
        _take(account, row, step, now=now)
    _tell(account, row, due, since=since, now=now)
    return bool(due)


def fall_behind(
    *,
    account: HasKey,
    subscription: Subscription,
    since: datetime,
    steps: Sequence[DunningStep],
    now: datetime,
) -> None:
    """A period is not paid. Its credits of before go on for ``PLAN_GRACE_DAYS``.

    :param subscription: locked and running.
    :param steps: what the customer is to be told at once.
    """
    if subscription.status != SubscriptionStatus.PAST_DUE:
        advance(
            subscription,
            SubscriptionStatus.PAST_DUE,
            table=SUBSCRIPTION,
            now=now,
            past_due_since=min(since, now),
        )
    if subscription.dunning_stage == DunningStage.NONE:
        stage = DunningStage.PAST_DUE
        advance(subscription, stage, table=DUNNING, now=now, field="dunning_stage")
    _tell(account, subscription, steps, since=subscription.past_due_since or now, now=None)


def _is_unpaid(row: Subscription, now: datetime) -> bool:
    """Of those that run by our clock. A provider says so itself."""
    ends_at = row.current_period_end
    return not row.provider and ends_at is not None and ends_at <= now


def _reached(age: timedelta) -> list[DunningStep]:
    """The steps whose day has come, in order."""
    days = {DunningStep.DUE.value: 0, **settings.DUNNING_DAYS}
    reached = [DunningStep(step) for step, day in days.items() if age >= timedelta(days=day)]
    return sorted(reached, key=lambda step: days[step.value])


def _take(account: HasKey, row: Subscription, step: DunningStep, *, now: datetime) -> None:
    if (stage := STAGES.get(step)) is not None:
        advance(row, stage, table=DUNNING, now=now, field="dunning_stage")
    if step is DunningStep.SUSPENDED:
        set_wallet_block(account=account, cause=BlockCause.DUNNING, is_on=True, now=now)
    if step is DunningStep.CANCELLED:
        subscriptions.end(account=account, subscription_id=row.pk, is_lost=True, now=now)


def _tell(
    account: HasKey,
    row: Subscription,
    steps: Sequence[DunningStep],
    *,
    since: datetime,
    now: datetime | None,
) -> None:
    """Note the steps. Of several at once the last one is mailed: it stands for the others.

    :param now: None when all of them are to be mailed.
    """
    quiet = set(steps[:-1]) if now is not None else set()
    DunningNotice.unscoped.bulk_create(
        [
            DunningNotice(
                account_id=account.pk,
                subscription=row,
                since=since,
                step=step,
                mailed_at=now if step in quiet else None,
            )
            for step in steps
        ],
        ignore_conflicts=True,
    )


def _owing(now: datetime, limit: int) -> Iterator[tuple[int, int]]:
    by_hand = Q(status=SubscriptionStatus.ACTIVE, provider="", current_period_end__lte=now)
    rows = Subscription.objects.across_accounts(reason="dunning").filter(
        ~FREE, by_hand | Q(status=SubscriptionStatus.PAST_DUE)
    )

    def read(after: tuple[int, int], size: int) -> list[tuple[int, int]]:
        found = rows.filter(pk__gt=after[1]).order_by("pk").values_list("account_id", "pk")
        return list(found[:size])

    return batches(read, first=(0, 0), limit=limit)
