"""Mails that rows wait to be told of: claim, send, settle.

A claim is a row's turn for a while: nobody sends its mail at the same time, and a crash in between
sends it again later. Rows have ``mailed_at``, ``mail_tries`` and ``mail_not_before``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from smtplib import SMTPException
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from django.db.models import Q

from igny8_core.auth.models import Membership
from igny8_core.auth.states import Role
from igny8_core.business.billing.services.rounds import AccountKey, Round

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from django.core.mail import EmailMessage
    from django.db.models import QuerySet

    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

TOLD = (Role.OWNER, Role.ADMIN)
ACCOUNTS_PER_ROUND = 100
MAIL_TRIES = 5
MAIL_WAIT = timedelta(minutes=10)
"""How long a claim lasts; each further try waits twice as long."""

MAIL_FAULTS = (SMTPException, OSError)
TURN_FIELDS = ["mail_not_before", "mail_tries", "updated_at"]


@dataclass(frozen=True)
class Mail:
    """What is claimed.

    :ivar message: to nobody when an account has nobody to tell.
    """

    message: EmailMessage


MailT = TypeVar("MailT", bound=Mail)


def untold(now: datetime) -> Q:
    """Rows whose mail may be sent now: not told, nobody is at it, not tried too often."""
    is_free = Q(mail_not_before=None) | Q(mail_not_before__lte=now)
    return is_free & Q(mailed_at=None, mail_tries__lt=MAIL_TRIES)


def take_turn(row: Any, *, now: datetime) -> None:
    """Claim a locked row; the caller stores :data:`TURN_FIELDS`."""
    row.mail_not_before = now + MAIL_WAIT * 2**row.mail_tries
    row.mail_tries += 1


def told_people(account: HasKey) -> tuple[str, list[str]]:
    """(the account's name on one line, addresses of its owners and admins); one query."""
    members = Membership.objects.for_account(account).filter(role__in=TOLD, user__is_active=True)
    people = list(members.select_related("account", "user").order_by("pk"))
    name = " ".join(people[0].account.name.split()) if people else ""
    return name, [member.user.email for member in people]


def send_due(
    *,
    job: str,
    rows: QuerySet[Any],
    claim: Callable[..., MailT | None],
    settle: Callable[..., None],
    now: datetime,
) -> int:
    """Send the mails of rows that wait for one, account by account.

    :param rows: over all accounts, those that wait.
    :param claim: called with ``account`` and ``now``; the next mail of the account, or None.
    :param settle: called with ``account``, ``mail`` and ``now``, once it has left.
    :returns: how many mails left.
    """
    mailing = Round(job)

    def send_all(*, account: HasKey) -> tuple[int, bool]:
        """(how many left, whether the mail server is there)."""
        left = 0
        while (mail := claim(account=account, now=now)) is not None:
            try:
                if mail.message.to:
                    mail.message.send()
                    left += 1
            except MAIL_FAULTS as exc:
                log.warning("billing.mail.failed", job=job, account_id=account.pk, error=repr(exc))
                return left, False
            settle(account=account, mail=mail, now=now)
        return left, True

    due = rows.order_by("account_id").values_list("account_id", flat=True).distinct()
    sent = 0
    for account_id in list(due[:ACCOUNTS_PER_ROUND]):
        left, is_there = mailing.attempt(send_all, account=AccountKey(account_id)) or (0, True)
        sent += left
        if not is_there:  # everybody else would wait for it too
            break
    mailing.end()
    return sent
