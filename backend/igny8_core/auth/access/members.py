"""Members of an account: invited, joined, given another role, removed.

Every change of who belongs takes the account's row first, so two of them never count the same
place or leave an account without an owner.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction

from igny8_core.auth.access.entrance import refuse_unless_open
from igny8_core.auth.access.impersonation import refuse_to_visitors
from igny8_core.auth.errors import InvitationOver, LastOwner, PlanLimitReached
from igny8_core.auth.models import Account, Invitation, Membership, User
from igny8_core.auth.states import AccountStatus, Role
from igny8_core.common.errors import Conflict, InvalidInput, NotFound, Refused
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

TOKEN_BYTES = 32
LASTS = timedelta(days=7)
AGAIN_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class Asked:
    """An invitation as its link shows it.

    :ivar is_known: somebody with this address can sign in already.
    """

    account: Account
    invitation: Invitation
    is_known: bool


@tenant_atomic()
def note_notices_seen(*, account: Account, person: User, now: datetime) -> None:
    """Remember that a member has looked at the account's notices; staff on a visit are none."""
    rows = Membership.objects.for_account(account).filter(user_id=person.pk)
    rows.update(notices_seen_at=now)


@tenant_atomic()
def invite_member(
    *,
    account: Account,
    email: str,
    role: str,
    invited_by: User | None,
    granting: Role,
    accept_url: Callable[[str], str],
    now: datetime,
) -> Invitation:
    """Ask a person to join. The mail with the link goes out once this is committed.

    Asking the same address again makes a new link, and the old one stops working.

    :param granting: the role of whoever asks; nobody gives more than they have.
    :param accept_url: the link for a token.
    :raises InvalidInput: a bad address or an unknown role.
    :raises Refused: the role is more than ``granting``, or staff visit the account.
    :raises Conflict: the person is a member already, or was asked less than a minute ago.
    :raises PlanLimitReached: members and open invitations fill the plan.
    """
    refuse_to_visitors("invite people")
    wanted = _role(role)
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as exc:
        raise InvalidInput("Nobody was invited.", email=list(exc.messages)) from exc
    _refuse_more_than(granting, wanted)
    locked = _lock(account)
    if Membership.objects.for_account(account).filter(user__email=address).exists():
        raise Conflict("This person is a member already.", email=address)
    open_ones = Invitation.objects.for_account(account).filter(accepted_at=None, revoked_at=None)
    known: Invitation | None = open_ones.filter(email=address).first()
    if known is not None and known.expires_at > now + LASTS - AGAIN_AFTER:
        raise Conflict("This person was invited a moment ago.", email=address)
    others = open_ones.filter(expires_at__gt=now).exclude(email=address).count()
    _refuse_full(locked, taken=_members(account) + others)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = known or Invitation(account=account, email=address)
    row.role, row.invited_by = wanted, invited_by
    row.token_hash, row.expires_at = _hash(token), now + LASTS
    row.save()
    mail = _mail(row, accept_url(token))
    transaction.on_commit(mail.send, robust=True)  # a dead mail server must not undo it
    return row


@tenant_atomic()
def revoke_invitation(*, account: Account, invitation_id: int, now: datetime) -> Invitation:
    """The link stops working; taking it back again changes nothing.

    :raises NotFound: unknown, or another account's.
    :raises InvitationOver: it was accepted.
    """
    rows = Invitation.objects.for_account(account).filter(pk=invitation_id)
    rows.filter(accepted_at=None, revoked_at=None).update(revoked_at=now)
    found: Invitation | None = rows.first()
    if found is None:
        raise NotFound("no such invitation", invitation_id=invitation_id)
    if found.accepted_at is not None:
        raise InvitationOver("The invitation was accepted already.")
    return found


def invitation_of(*, token: str, now: datetime) -> Asked:
    """What a link asks for. Outside tenant blocks: the token finds the account.

    :raises NotFound: no invitation has this token.
    :raises InvitationOver: it was accepted or taken back, or has expired.
    """
    hashed = _hash(token)
    with connection.cursor() as cursor:
        cursor.execute("SELECT invitation_account(%s)", [hashed])
        account_id = cursor.fetchone()[0]
    if account_id is None:
        raise NotFound("There is no such invitation.")
    with tenant(account_id, read_only=True):
        rows = Invitation.objects.select_related("account", "invited_by")
        row: Invitation = rows.get(token_hash=hashed)
    if not row.is_open(now):
        raise InvitationOver(_why_over(row))
    if row.account.status == AccountStatus.CLOSED:
        raise InvitationOver("The account that this invitation is for was closed.")
    is_known = User.objects.filter(email=row.email).exists()
    return Asked(account=row.account, invitation=row, is_known=is_known)


def accept_invitation(*, token: str, person: User, now: datetime) -> Account:
    """Make a signed-in person a member. The link came to their address, which counts as proof.

    :raises NotFound: no invitation has this token.
    :raises InvitationOver: it was used, taken back, or has expired.
    :raises Refused: the invitation is for another address, or the account is suspended.
    :raises PlanLimitReached: the plan is full by now.
    """
    asked = invitation_of(token=token, now=now)
    if person.email != asked.invitation.email:
        text = f"This invitation is for {asked.invitation.email}. Sign in with that address."
        raise Refused(text, email=asked.invitation.email)
    with tenant(asked.account.pk):
        _join(asked, lambda: person, now=now)
    return asked.account


def join_as_new_person(*, token: str, name: str, password: str, now: datetime) -> User:
    """Make the invited person, who follows the link from their mail, and a member of them.

    :raises NotFound: no invitation has this token.
    :raises InvitationOver: it was used, taken back, or has expired.
    :raises Conflict: the person exists already and has to sign in.
    :raises AccountSuspended: nobody joins a suspended account.
    :raises PlanLimitReached: the plan is full by now.
    """
    asked = invitation_of(token=token, now=now)

    def make() -> User:
        try:
            with transaction.atomic():
                return User.objects.create_user(
                    asked.invitation.email, password, name=name.strip(), email_verified_at=now
                )
        except IntegrityError as exc:
            raise Conflict("Somebody has this address. Sign in to accept.") from exc

    with tenant(asked.account.pk):
        return _join(asked, make, now=now)


@tenant_atomic()
def change_role(*, account: Account, membership_id: int, role: str, granting: Role) -> Membership:
    """Give a member another role.

    :param granting: the role of whoever asks; both the old and the new role must be within it.
    :raises NotFound: no such member.
    :raises Refused: more than ``granting`` allows, or staff visit the account.
    :raises LastOwner: the account would be left without an owner.
    """
    refuse_to_visitors("change roles")
    wanted = _role(role)
    _lock(account)
    row = _member(account, membership_id)
    _refuse_more_than(granting, wanted, Role(row.role))
    if row.role == Role.OWNER and wanted is not Role.OWNER:
        _refuse_last_owner(row)
    row.role = wanted
    row.save(update_fields=["role", "updated_at"])
    return row


@tenant_atomic()
def remove_member(*, account: Account, membership_id: int, granting: Role) -> User:
    """Take a person's membership away; what they made stays, API keys too.

    :returns: who it was.
    :raises NotFound: no such member.
    :raises Refused: they have a stronger role than ``granting``.
    :raises LastOwner: the account would be left without an owner.
    """
    _lock(account)
    row = _member(account, membership_id)
    _refuse_more_than(granting, Role(row.role))
    if row.role == Role.OWNER:
        _refuse_last_owner(row)
    row.delete()
    return row.user


@tenant_atomic()
def leave_account(*, account: Account, person: User) -> None:
    """Give one's own membership up; what the person made stays.

    :raises NotFound: the person is no member.
    :raises LastOwner: the account would be left without an owner.
    """
    _lock(account)
    row: Membership | None = Membership.objects.for_account(account).filter(user=person).first()
    if row is None:
        raise NotFound("You are no member of this account.")
    if row.role == Role.OWNER:
        _refuse_last_owner(row)
    row.delete()


def _join(asked: Asked, who: Callable[[], User], *, now: datetime) -> User:
    """The membership, once; inside the account's block."""
    locked = _lock(asked.account)
    refuse_unless_open(locked, changes=True)
    row = Invitation.objects.select_for_update(of=("self",)).get(pk=asked.invitation.pk)
    if not row.is_open(now):
        raise InvitationOver(_why_over(row))
    person = who()
    if not Membership.objects.filter(user=person).exists():
        _refuse_full(locked, taken=_members(locked))
        Membership(account=locked, user=person, role=row.role).save()
    row.accepted_at = now
    row.save(update_fields=["accepted_at", "updated_at"])
    return person


def _mail(invitation: Invitation, link: str) -> EmailMessage:
    asker = invitation.invited_by
    name = "Somebody" if asker is None else asker.name or asker.email
    account, role = invitation.account.name, Role(invitation.role).label.lower()
    text = (
        f"Hello,\n\n{name} invites you to the account {account} on IGNY8, as {role}:\n\n{link}\n\n"
        "The link works for seven days and for you alone. If you do not know them, do nothing.\n"
    )
    subject = " ".join(f"Invitation to {account}".split())
    return EmailMessage(subject=subject, body=text, to=[invitation.email])


def _lock(account: Account) -> Account:
    rows = Account.objects.select_for_update(of=("self",), no_key=True).select_related("plan")
    return rows.get(pk=account.pk)


def _members(account: Account) -> int:
    return int(Membership.objects.for_account(account).count())


def _member(account: Account, membership_id: int) -> Membership:
    rows = Membership.objects.for_account(account).select_related("user")
    found: Membership | None = rows.filter(pk=membership_id).first()
    if found is None:
        raise NotFound("no such member", membership_id=membership_id)
    return found


def _role(role: str) -> Role:
    if role not in Role.values:
        raise InvalidInput(
            "Nothing was changed.", role=[f"Choose one of {', '.join(Role.values)}."]
        )
    return Role(role)


def _refuse_more_than(granting: Role, *roles: Role) -> None:
    for role in roles:
        if not granting.includes(role):
            raise Refused(f"This needs the role {role.label}.", role=role.value)


def _refuse_last_owner(row: Membership) -> None:
    owners = Membership.objects.for_account(row.account).filter(role=Role.OWNER)
    if not owners.filter(user__is_active=True).exclude(pk=row.pk).exists():
        raise LastOwner("An account needs an owner. Make somebody else an owner first.")


def _refuse_full(account: Account, *, taken: int) -> None:
    plan = account.plan
    if plan is not None and taken >= plan.max_users:
        people = "person" if plan.max_users == 1 else "people"
        raise PlanLimitReached(
            f"The plan {plan.name} allows {plan.max_users} {people}, open invitations included.",
            limit=plan.max_users,
            in_use=taken,
        )


def _why_over(row: Invitation) -> str:
    if row.accepted_at is not None:
        return "This invitation was accepted already."
    if row.revoked_at is not None:
        return "This invitation was taken back."
    return "This invitation has expired. Ask for another one."


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
