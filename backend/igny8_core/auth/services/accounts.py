"""What an account's people set for it, and its lifecycle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from django.core.mail import EmailMessage
from django.db import transaction

from igny8_core.auth import reference, selectors
from igny8_core.auth.models import Account
from igny8_core.auth.states import ACCOUNT, AccountStatus, Role
from igny8_core.common.errors import InvalidInput
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import because, tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

MAX_NAME = 200
MAX_REASON = 500
RETENTION_DAYS = (1, 365)
NEWS = {
    AccountStatus.ACTIVE: "The account {name} on IGNY8 works again.",
    AccountStatus.SUSPENDED: "The account {name} on IGNY8 is suspended. You can still read"
    " everything, pay what is open and leave; nothing can be changed and no work starts.",
    AccountStatus.CLOSED: "The account {name} on IGNY8 was closed. Nobody can enter it any more,"
    " its keys no longer work and its static sites are offline.",
}
ACCOUNT_EDITABLE = (
    "name",
    "country_code",
    "timezone",
    "retention_days",
    "max_credits_per_day",
)


@tenant_atomic()
def update_account(*, account: Account, **changes: Any) -> Account:
    """Change what is named of :data:`ACCOUNT_EDITABLE`; the rest stays.

    :param changes: ``max_credits_per_day`` is whole credits, 0 to stop spending, or None for no
        cap; ``retention_days`` is how long deleted rows can be restored, 1 to 365.
    :raises InvalidInput: by field; nothing was written.
    """
    if unknown := set(changes) - set(ACCOUNT_EDITABLE):
        raise InvalidInput("unknown settings", **{name: ["unknown"] for name in sorted(unknown)})
    tidy = {k: v.strip() if isinstance(v, str) else v for k, v in changes.items()}
    if "country_code" in tidy:
        tidy["country_code"] = tidy["country_code"].upper()
    if problems := _problems(tidy):
        raise InvalidInput("The account was not changed.", **problems)
    locked = _locked(account)
    for name, value in tidy.items():
        setattr(locked, name, value)
    locked.save(update_fields=[*changes, "updated_at"])
    return selectors.account(account.pk)


@tenant_atomic()
def suspend_account(*, account: Account, reason: str, now: datetime) -> Account:
    """Stop work and changes; people still read, pay, leave and take their data along.

    :raises InvalidInput: no reason, or more than 500 characters.
    :raises TransitionNotAllowed: it is suspended or closed; nothing was written.
    """
    return _move(account, AccountStatus.SUSPENDED, reason=reason, now=now)


@tenant_atomic()
def reactivate_account(*, account: Account, reason: str, now: datetime) -> Account:
    """Let a suspended account work again.

    :raises InvalidInput: no reason, or more than 500 characters.
    :raises TransitionNotAllowed: it is active or closed; nothing was written.
    """
    return _move(account, AccountStatus.ACTIVE, reason=reason, now=now)


@tenant_atomic()
def close_account(*, account: Account, reason: str, now: datetime) -> Account:
    """End the account for good: nobody enters, nothing works, its static sites go offline.

    Its rows stay until an operator removes them; an operator can still export them.

    :raises InvalidInput: no reason, or more than 500 characters.
    :raises TransitionNotAllowed: it is closed; nothing was written.
    """
    return _move(account, AccountStatus.CLOSED, reason=reason, now=now)


def _move(account: Account, to: AccountStatus, *, reason: str, now: datetime) -> Account:
    if not 1 <= len(reason.strip()) <= MAX_REASON:
        text = "Say why, in at most 500 characters."
        raise InvalidInput("The account was not changed.", reason=[text])
    locked = _locked(account)
    with because(reason.strip()):
        advance(locked, to, table=ACCOUNT, now=now)
    owners = selectors.members(account=account).filter(role=Role.OWNER, user__is_active=True)
    mail = _mail(locked, to, [row.user.email for row in owners])
    transaction.on_commit(mail.send, robust=True)  # a dead mail server must not undo it
    return selectors.account(account.pk)


def _mail(account: Account, status: AccountStatus, owners: list[str]) -> EmailMessage:
    """What the owners are told; never the reason, which is between operators."""
    text = f"Hello,\n\n{NEWS[status].format(name=account.name)}\n"
    subject = " ".join(f"{account.name} is {status.label.lower()}".split())
    return EmailMessage(subject=subject, body=text, bcc=owners)


def _locked(account: Account) -> Account:
    return Account.objects.select_for_update(of=("self",), no_key=True).get(pk=account.pk)


def _problems(changes: dict[str, Any]) -> dict[str, list[str]]:
    problems: dict[str, list[str]] = {}
    if not 1 <= len(str(changes.get("name", "x")).strip()) <= MAX_NAME:
        problems["name"] = ["Give the account a name of at most 200 characters."]
    if changes.get("country_code") and changes["country_code"] not in reference.countries():
        problems["country_code"] = ["Write the two letters of a country, such as DE."]
    if changes.get("timezone", "UTC") not in available_timezones():
        problems["timezone"] = ["Choose a time zone such as Europe/Berlin."]
    first, last = RETENTION_DAYS
    if not first <= changes.get("retention_days", first) <= last:
        problems["retention_days"] = [f"From {first} to {last} days."]
    cap = changes.get("max_credits_per_day")
    if cap is not None and not 0 <= cap < 2**62:
        problems["max_credits_per_day"] = ["A whole number of credits, or nothing for no cap."]
    return problems
