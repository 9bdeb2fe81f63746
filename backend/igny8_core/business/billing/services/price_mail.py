"""Owners and admins are told when the next period costs something else: claim, send, settle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q

from igny8_core.auth.states import PlanInterval
from igny8_core.business.billing.models import PeriodPrice
from igny8_core.business.billing.services import mail_turns
from igny8_core.common.money import written
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.common.tenancy.context import HasKey

EACH: Final = {PlanInterval.MONTH: "a month", PlanInterval.YEAR: "a year"}


@dataclass(frozen=True)
class _Mail(mail_turns.Mail):
    price_id: int
    changes: int


def mail_due(*, now: datetime) -> int:
    """Tell of new prices that nobody was told of yet; as a periodic job.

    :returns: how many mails left.
    """
    rows = PeriodPrice.objects.across_accounts(reason="mails about prices").filter(_untold(now))
    return mail_turns.send_due(job="mail_prices", rows=rows, claim=_claim, settle=_settle, now=now)


@tenant_atomic(durable=True)
def _claim(*, account: HasKey, now: datetime) -> _Mail | None:
    rows = PeriodPrice.objects.for_account(account).filter(_untold(now)).order_by("pk")
    row: PeriodPrice | None = rows.select_for_update(of=("self",), skip_locked=True).first()
    if row is None:
        return None
    mail_turns.take_turn(row, now=now)
    row.save(update_fields=mail_turns.TURN_FIELDS)
    return _Mail(_message(account, row), row.pk, row.changes)


@tenant_atomic(durable=True)
def _settle(*, account: HasKey, mail: _Mail, now: datetime) -> None:
    """Told, unless it has become another price meanwhile: then of that one, too."""
    rows = PeriodPrice.objects.for_account(account).filter(pk=mail.price_id, changes=mail.changes)
    rows.update(mailed_at=now, updated_at=now)


def _message(account: HasKey, row: PeriodPrice) -> EmailMessage:
    name, people = mail_turns.told_people(account)
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
        to=people,
    )


def _untold(now: datetime) -> Q:
    return mail_turns.untold(now) & Q(is_news=True, starts_at__gt=now)
