"""What owners and admins are told of money that is owed: claim, send, settle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.core.mail import EmailMessage

from igny8_core.business.billing.models import DunningNotice
from igny8_core.business.billing.services import mail_turns
from igny8_core.business.billing.states import DunningStep
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.common.tenancy.context import HasKey

TEXTS: Final[dict[str, tuple[str, str]]] = {
    DunningStep.ACTION: (
        "please confirm your payment",
        "your bank wants you to confirm the payment for the plan {plan}. Open Billing in your "
        "account and choose to pay: the page asks you what the bank wants to know.",
    ),
    DunningStep.DUE: (
        "the payment for your plan did not arrive",
        "the payment for the plan {plan}, due on {due}, did not arrive. The credits of the last "
        "period can be used until {grace}. Everything else goes on as it was.",
    ),
    DunningStep.DAY_3: (
        "your plan is not paid",
        "the plan {plan} was to be paid on {due}. What was left of its credits has expired; new "
        "ones come with the payment. Credits that you bought are untouched.",
    ),
    DunningStep.DAY_5: (
        "your plan is still not paid",
        "the plan {plan} was to be paid on {due}. From {restricted} on it brings no credits any "
        "more, and from {suspended} on no new work starts.",
    ),
    DunningStep.RESTRICTED: (
        "your plan brings no credits any more",
        "the plan {plan} was to be paid on {due}, and brings no credits until it is. From "
        "{suspended} on no new work starts.",
    ),
    DunningStep.SUSPENDED: (
        "no new work starts until your plan is paid",
        "the plan {plan} was to be paid on {due}. No new work starts until it is; what is running "
        "is finished, and nothing is lost. On {cancelled} the plan ends.",
    ),
    DunningStep.CANCELLED: (
        "your plan has ended",
        "the plan {plan} was to be paid on {due}, and has ended. The account goes on with the "
        "free plan. Credits that you bought can be used again.",
    ),
    DunningStep.PAID: (
        "thank you, your plan is paid",
        "the payment for the plan {plan} has arrived. Everything goes on as before.",
    ),
}


@dataclass(frozen=True)
class _Mail(mail_turns.Mail):
    notice_id: int


def mail_due(*, now: datetime) -> int:
    """Send what was noted and not told yet; as a periodic job.

    :returns: how many mails left.
    """
    notices = DunningNotice.objects.across_accounts(reason="dunning mails")
    rows = notices.filter(mail_turns.untold(now))
    return mail_turns.send_due(job="mail_dunning", rows=rows, claim=_claim, settle=_settle, now=now)


@tenant_atomic(durable=True)
def _claim(*, account: HasKey, now: datetime) -> _Mail | None:
    rows = DunningNotice.objects.for_account(account).filter(mail_turns.untold(now)).order_by("pk")
    row: DunningNotice | None = rows.select_for_update(skip_locked=True).first()
    if row is None:
        return None
    mail_turns.take_turn(row, now=now)
    row.save(update_fields=mail_turns.TURN_FIELDS)
    return _Mail(_message(account, row), row.pk)


@tenant_atomic(durable=True)
def _settle(*, account: HasKey, mail: _Mail, now: datetime) -> None:
    rows = DunningNotice.objects.for_account(account).filter(pk=mail.notice_id)
    rows.update(mailed_at=now, updated_at=now)


def _message(account: HasKey, row: DunningNotice) -> EmailMessage:
    name, people = mail_turns.told_people(account)
    days = settings.DUNNING_DAYS | {"due": 0, "grace": settings.PLAN_GRACE_DAYS}
    dates = {
        step: f"{row.since + timedelta(days=number):%d %B %Y}" for step, number in days.items()
    }
    subject, text = TEXTS[row.step]
    said = text.format(plan=row.subscription.plan.name, **dates)
    return EmailMessage(
        subject=f"{name}: {subject}",
        body=f"Hello,\n\nin the account {name}, {said}\n\n{settings.PUBLIC_URL}\n",
        to=people,
    )
