"""What owners and admins are told of money that is owed: claim, send, settle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from smtplib import SMTPException
from typing import TYPE_CHECKING, Final

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q

from igny8_core.auth.models import Membership
from igny8_core.auth.states import Role
from igny8_core.business.billing.models import DunningNotice
from igny8_core.business.billing.services.rounds import AccountKey, Round
from igny8_core.business.billing.states import DunningStep
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

TOLD = (Role.OWNER, Role.ADMIN)
MAILS_PER_ROUND = 100
MAIL_TRIES = 5
MAIL_WAIT = timedelta(minutes=10)
"""How long a claim lasts; each further try waits twice as long."""

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
class _Mail:
    message: EmailMessage
    notice_id: int


def mail_due(*, now: datetime) -> int:
    """Send what was noted and not told yet; as a periodic job.

    :returns: how many mails left.
    """
    mailing = Round("mail_dunning")
    rows = DunningNotice.objects.across_accounts(reason="dunning mails").filter(_is_unsent(now))
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
            log.warning("billing.dunning.mail_failed", account_id=account.pk, error=repr(exc))
            return -1
        _settle(account=account, notice_id=mail.notice_id, now=now)
    return sent


@tenant_atomic(durable=True)
def _claim(*, account: HasKey, now: datetime) -> _Mail | None:
    rows = DunningNotice.objects.for_account(account).filter(_is_unsent(now)).order_by("pk")
    row: DunningNotice | None = rows.select_for_update(skip_locked=True).first()
    if row is None:
        return None
    row.mail_not_before = now + MAIL_WAIT * 2**row.mail_tries
    row.mail_tries += 1
    row.save(update_fields=["mail_not_before", "mail_tries", "updated_at"])
    return _Mail(_message(account, row), row.pk)


@tenant_atomic(durable=True)
def _settle(*, account: HasKey, notice_id: int, now: datetime) -> None:
    rows = DunningNotice.objects.for_account(account).filter(pk=notice_id)
    rows.update(mailed_at=now, updated_at=now)


def _message(account: HasKey, row: DunningNotice) -> EmailMessage:
    members = Membership.objects.for_account(account).filter(role__in=TOLD, user__is_active=True)
    people = members.select_related("account", "user").order_by("pk")
    name = " ".join(people[0].account.name.split()) if people else ""
    days = settings.DUNNING_DAYS | {"due": 0, "grace": settings.PLAN_GRACE_DAYS}
    dates = {
        step: f"{row.since + timedelta(days=number):%d %B %Y}" for step, number in days.items()
    }
    subject, text = TEXTS[row.step]
    said = text.format(plan=row.subscription.plan.name, **dates)
    return EmailMessage(
        subject=f"{name}: {subject}",
        body=f"Hello,\n\nin the account {name}, {said}\n\n{settings.PUBLIC_URL}\n",
        to=[member.user.email for member in people],
    )


def _is_unsent(now: datetime) -> Q:
    is_due = Q(mail_not_before=None) | Q(mail_not_before__lte=now)
    return is_due & Q(mailed_at=None, mail_tries__lt=MAIL_TRIES)
