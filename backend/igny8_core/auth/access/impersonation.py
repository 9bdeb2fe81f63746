"""Staff in somebody's account: with a reason, for at most an hour, on record."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connection

from igny8_core.auth.models import Impersonation
from igny8_core.auth.states import Role
from igny8_core.common.errors import InvalidInput, Refused
from igny8_core.common.tenancy.context import acting, current_actor, tenant, tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account, User

LONGEST = timedelta(hours=1)
MAX_REASON = 500
STAFF = "staff:"


def refuse_to_visitors(what: str) -> None:
    """Staff in an account do nothing that outlasts the visit: no key, no invitation, no role.

    :raises Refused: staff act here.
    """
    if current_actor().startswith(STAFF):
        raise Refused(f"Staff who visit an account cannot {what}.")


def start_impersonation(
    *,
    account: Account,
    staff: User,
    reason: str,
    role: Role = Role.VIEWER,
    lasts: timedelta = LONGEST,
    now: datetime,
) -> Impersonation:
    """Let a staff person into the account; the row is the record of it.

    :param role: what they may do there; never an owner's part.
    :raises Refused: the person is not staff, or asks for an owner's role.
    :raises InvalidInput: no reason, or more than an hour.
    """
    if not (staff.is_staff and staff.is_active):
        raise Refused("Only staff may do this.")
    if role is Role.OWNER:
        raise Refused("Staff never act as an owner.", role=role.value)
    problems: dict[str, list[str]] = {}
    if not 1 <= len(reason.strip()) <= MAX_REASON:
        problems["reason"] = ["Say why, in at most 500 characters."]
    if not timedelta(minutes=1) <= lasts <= LONGEST:
        problems["minutes"] = ["Between 1 and 60 minutes."]
    if problems:
        raise InvalidInput("The impersonation cannot start.", **problems)
    row = Impersonation(account=account, staff=staff, role=role, reason=reason.strip())
    row.started_at, row.ends_at = now, now + lasts
    with acting(f"{STAFF}{staff.pk}"), tenant(account.pk):
        row.save()
    return row


@tenant_atomic()
def stop_impersonation(  # the account opens the tenant block
    *,
    account: Account,  # noqa: ARG001
    impersonation_id: int,
    now: datetime,
) -> bool:
    """End it; False if it had ended, or is another account's."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT end_impersonation(%s, %s)", [impersonation_id, now])
        return bool(cursor.fetchone()[0])


def running_impersonation(
    *, account_id: int, impersonation_id: int, staff: User, now: datetime
) -> Impersonation | None:
    """The impersonation with its account, if it runs now and is this person's."""
    if not (staff.is_staff and staff.is_active):
        return None
    with tenant(account_id, read_only=True):
        rows = Impersonation.objects.select_related("account")
        row: Impersonation | None = rows.filter(pk=impersonation_id, staff=staff).first()
    return row if row is not None and row.is_running(now) else None
