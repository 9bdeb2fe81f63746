"""Warnings at 20, 5 and 0 % of a period's credits: noted once each, then told by mail.

Noting is a row that can exist once. Mailing is claim, send, settle: a crash in between sends the
mail again later, and nobody sends it twice at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from django.core.mail import EmailMessage
from django.db.models import Case, Count, F, IntegerField, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce

from igny8_core.auth.states import RUNNING
from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import CreditWarning, SubscriptionPeriod
from igny8_core.business.billing.services import mail_turns
from igny8_core.business.billing.services.rounds import BATCH, AccountKey, Round, batches
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

THRESHOLDS = sorted(CreditWarning.Threshold.values, reverse=True)


@dataclass(frozen=True)
class _Mail(mail_turns.Mail):
    warning_ids: list[int]


def warn_low_balances(*, now: datetime, limit: int = BATCH) -> int:
    """Note who has little left of this period's credits, and tell their owners and admins.

    Once for each threshold and period: credits that come back take the warning off the pages, and
    it returns without a mail when they are used up again. Any number of rounds may run at once.

    :param limit: accounts of a batch.
    :returns: how many accounts had a new or changed warning.
    """
    warning = Round("warn_low_balances")
    changed = 0
    for account_id in _accounts_to_look_at(now, limit):
        account = AccountKey(account_id)
        changed += bool(warning.attempt(note_low_balance, account=account, now=now))
    for account_id in _accounts_to_mail(now):
        is_sent = warning.attempt(_mail, account=AccountKey(account_id), now=now)
        if is_sent is False:  # the mail server is away: everybody else would wait for it too
            break
    if changed:
        log.info("billing.low_balance.noted", accounts=changed)
    warning.end()
    return changed


@tenant_atomic()
def note_low_balance(*, account: HasKey, now: datetime) -> int:
    """Bring the warnings of one account in line with its balance. Safe to repeat.

    :returns: how many warnings were made, taken back or brought up again.
    """
    period = selectors.current_period(account=account, now=now)
    available = selectors.credit_wallet(account=account).available
    size = period.credits if period is not None else 0
    reached = [t for t in THRESHOLDS if size and available * 100 <= t * size]
    rows = CreditWarning.objects.for_account(account)
    true_ones = rows.filter(period=period, threshold_percent__in=reached)
    wrong = rows.filter(resolved_at=None).exclude(pk__in=true_ones.values("pk"))
    back = true_ones.exclude(resolved_at=None)
    changed = wrong.update(resolved_at=now, updated_at=now)
    changed += back.update(resolved_at=None, updated_at=now)
    known = set(true_ones.values_list("threshold_percent", flat=True))
    new = [
        CreditWarning(
            account_id=account.pk, period=period, threshold_percent=t, available=available
        )
        for t in reached
        if t not in known
    ]
    CreditWarning.unscoped.bulk_create(new, ignore_conflicts=True)  # another round was faster
    return changed + len(new)


def _mail(*, account: HasKey, now: datetime) -> bool:
    """Tell an account's people of what was noted; whether nothing stands in the way of mail."""
    mail = _claim(account=account, now=now)
    if mail is None:
        return True
    try:
        if mail.message.to:
            mail.message.send()
    except mail_turns.MAIL_FAULTS as exc:
        log.warning("billing.low_balance.mail_failed", account_id=account.pk, error=repr(exc))
        return False
    _settle(account=account, warning_ids=mail.warning_ids, now=now)
    return True


@tenant_atomic(durable=True)
def _claim(*, account: HasKey, now: datetime) -> _Mail | None:
    """The mail about the lowest threshold that was not told yet; it stands for the others too."""
    rows = CreditWarning.objects.for_account(account).filter(_is_unsent(now))
    claimed = list(rows.select_for_update(skip_locked=True).order_by("threshold_percent", "pk"))
    if not claimed:
        return None
    for row in claimed:
        mail_turns.take_turn(row, now=now)
    CreditWarning.unscoped.bulk_update(claimed, ["mail_not_before", "mail_tries"])
    return _Mail(_message(account, claimed[0]), [row.pk for row in claimed])


@tenant_atomic(durable=True)
def _settle(*, account: HasKey, warning_ids: list[int], now: datetime) -> None:
    rows = CreditWarning.objects.for_account(account).filter(pk__in=warning_ids)
    rows.update(mailed_at=now, updated_at=now)


def _message(account: HasKey, warning: CreditWarning) -> EmailMessage:
    name, people = mail_turns.told_people(account)
    period: SubscriptionPeriod = SubscriptionPeriod.objects.for_account(account).get(
        pk=warning.period_id
    )
    left = f"{warning.available:,} of this period's {period.credits:,} credits are left"
    if warning.available == 0:
        left = f"all of this period's {period.credits:,} credits are used up"
    text = (
        f"Hello,\n\nin the account {name}, {left}. New credits come on "
        f"{period.ends_at:%d %B %Y}.\n\nWork that needs more than what is left waits until then, "
        "or until credits are added. Nothing is lost: drafts, runs and pages stay as they are.\n"
    )
    return EmailMessage(
        subject=f"{name}: {_headline(warning.threshold_percent)}",
        body=text,
        to=people,
    )


def _headline(threshold_percent: int) -> str:
    if threshold_percent == CreditWarning.Threshold.NONE:
        return "no credits left"
    return f"less than {threshold_percent} % of the credits left"


def _is_unsent(now: datetime) -> Q:
    return mail_turns.untold(now) & Q(resolved_at=None)


def _accounts_to_look_at(now: datetime, limit: int) -> Iterator[int]:
    """Accounts whose open warnings are not what their balance says, lowest number first."""
    everywhere = CreditWarning.objects.across_accounts(reason="low balances")
    open_ones = everywhere.filter(resolved_at=None)
    noted = (
        open_ones.filter(account_id=OuterRef("account_id"), period_id=OuterRef("pk"))
        .values("period_id")
        .annotate(number=Count("pk"))
        .values("number")
    )
    free = F("account__credit_wallet__balance") - F("account__credit_wallet__held")
    reached = sum(
        (
            Case(
                When(free_percent__lte=F("credits") * Value(threshold), then=Value(1)),
                default=Value(0),
            )
            for threshold in THRESHOLDS
        ),
        Value(0),
    )
    current = SubscriptionPeriod.objects.across_accounts(reason="low balances").filter(
        starts_at__lte=now, ends_at__gt=now, subscription__status__in=RUNNING, credits__gt=0
    )
    differing = (
        current.annotate(free_percent=free * Value(100))
        .annotate(
            reached=reached,
            noted=Coalesce(Subquery(noted, output_field=IntegerField()), Value(0)),
        )
        .exclude(reached=F("noted"))
    )
    of_the_past = open_ones.filter(
        Q(period__ends_at__lte=now) | ~Q(period__subscription__status__in=RUNNING)
    )

    def read(after: int, size: int) -> list[int]:
        found = [
            rows.filter(account_id__gt=after)
            .order_by("account_id")
            .values_list("account_id", flat=True)
            .distinct()[:size]
            for rows in (differing, of_the_past)
        ]
        return sorted({pk for rows in found for pk in rows})[:size]

    return batches(read, first=0, limit=limit)


def _accounts_to_mail(now: datetime) -> list[int]:
    rows = CreditWarning.objects.across_accounts(reason="low balances").filter(_is_unsent(now))
    waiting = rows.order_by("account_id").values_list("account_id", flat=True).distinct()
    return list(waiting[: mail_turns.ACCOUNTS_PER_ROUND])
