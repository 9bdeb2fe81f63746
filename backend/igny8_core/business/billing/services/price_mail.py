"""Owners and admins are told when the next period costs something else: claim, send, settle."""

from __future__ import annotations

from dataclasses import dataclass
from smtplib import SMTPException
from typing import TYPE_CHECKING, Final

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q

from igny8_core.auth.models import Membership
from igny8_core.auth.states import PlanInterval
from igny8_core.business.billing.models import PeriodPrice
from igny8_core.business.billing.services.dunning_mail import (
    MAIL_TRIES,
    MAIL_WAIT,
    MAILS_PER_ROUND,
    TOLD,
)
from igny8_core.business.billing.services.rounds import AccountKey, Round
from igny8_core.common.money import written
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

EACH: Final = {PlanInterval.MONTH: "a month", PlanInterval.YEAR: "a year"}


@dataclass(frozen=True)
class _Mail:
    message: EmailMessage
    price_id: int
    changes: int


def mail_due(*, now: datetime) -> int:
    """Tell of new prices that nobody was told of yet; as a periodic job.

    :returns: how many mails left.
    """
    mailing = Round("mail_prices")
    rows = PeriodPrice.objects.across_accounts(reason="mails about prices").filter(_untold(now))
    due = rows.order_by("account_id").values_list("account_id", flat=True).distinct()
    sent = 0
    for account_id in list(due[:MAILS_PER_ROUND]):
        left = mailing.attempt(_mail, account=AccountKey(account_id), now=now)
        if left is None:
            continue
        sent += max(left, 0)
        if left < 0:  # the mail server is away: everybody else would wait for it too
            break
    mailing.end()
    return sent


def _mail(*, account: HasKey, now: datetime) -> int:
    """Send an account's mails; how many left, or -1 when the server is away."""
    sent = 0
    while (mail := _claim(account=account, now=now)) is not None:
        try:
            if mail.message.to:
                mail.message.send()
                sent += 1
        except (SMTPException, OSError) as exc:
            log.warning("billing.price.mail_failed", account_id=account.pk, error=repr(exc))
            return -1
        _settle(account=account, mail=mail, now=now)
    return sent


@tenant_atomic(durable=True)
def _claim(*, account: HasKey, now: datetime) -> _Mail | None:
    rows = PeriodPrice.objects.for_account(account).filter(_untold(now)).order_by("pk")
    row: PeriodPrice | None = rows.select_for_update(of=("self",), skip_locked=True).first()
    if row is None:
        return None
    row.mail_not_before = now + MAIL_WAIT * 2**row.mail_tries
    row.mail_tries += 1
    row.save(update_fields=["mail_not_before", "mail_tries", "updated_at"])
    return _Mail(_message(account, row), row.pk, row.changes)


@tenant_atomic(durable=True)
def _settle(*, account: HasKey, mail: _Mail, now: datetime) -> None:
    """Told, unless it has become another price meanwhile: then of that one, too."""
    rows = PeriodPrice.objects.for_account(account).filter(pk=mail.price_id, changes=mail.changes)
    rows.update(mailed_at=now, updated_at=now)


def _message(account: HasKey, row: PeriodPrice) -> EmailMessage:
    members = Membership.objects.for_account(account).filter(role__in=TOLD, user__is_active=True)
    people = members.select_related("account", "user").order_by("pk")
    name = " ".join(people[0].account.name.split()) if people else ""
    each = EACH[PlanInterval(row.plan.interval)]
    costs, before = (
        written(sum_ or 0, row.currency) for sum_ in (row.total_minor, row.before_minor)
    )
    text = (
        f"Hello,\n\nin the account {name}, the plan {row.plan.name} costs {costs} {each} from "
        f"{row.starts_at:%d %B %Y} on, tax included; until then it is {before}. You need to do "
        f"nothing to go on. Until that day you can change the plan or let it end, under Billing."
        f"\n\n{settings.PUBLIC_URL}\n"
    )
    return EmailMessage(
        subject=f"{name}: your plan costs {costs} from {row.starts_at:%d %B %Y} on",
        body=text,
        to=[member.user.email for member in people],
    )


def _untold(now: datetime) -> Q:
    is_due = Q(mail_not_before=None) | Q(mail_not_before__lte=now)
    is_open = Q(is_news=True, mailed_at=None, mail_tries__lt=MAIL_TRIES, starts_at__gt=now)
    return is_due & is_open
