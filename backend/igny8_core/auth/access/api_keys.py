"""API keys: made, used, revoked. A secret is shown once and kept as a hash.

A key reads ``igny8_<prefix>_<secret>``. The secret has 256 random bits, so a fast hash is enough.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Q

from igny8_core.auth.access.entrance import CLOSED
from igny8_core.auth.access.impersonation import refuse_to_visitors
from igny8_core.auth.errors import AccountClosed, ApiKeyRefused
from igny8_core.auth.models import ApiKey
from igny8_core.auth.plan_limits import locked_plan
from igny8_core.auth.states import AccountStatus, KeyScope, Role
from igny8_core.common.errors import Conflict, InvalidInput, NotFound, Refused
from igny8_core.common.tenancy.context import current_actor, tenant, tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account, User

MARK = "igny8"
PREFIX_BYTES, SECRET_BYTES = 5, 32
LASTS_MAX = timedelta(days=36_525)
MAX_KEYS = 50
MAX_NAME = 100
USED_EVERY = timedelta(minutes=1)
BIGGEST_ID = 2**63 - 1
ASK = """
SELECT id, scope, expires_at, last_used_at, revoked_at, is_right, account_status
  FROM api_key_of(%s, %s, %s)
"""
KNOWN = ("id", "account_id", "prefix", "scope", "expires_at", "last_used_at", "revoked_at")
"""What a request knows of its key, in the order of the model; anything else is read when asked."""


@tenant_atomic()
def create_api_key(
    *,
    account: Account,
    name: str,
    scope: str,
    expires_at: datetime | None = None,
    created_by: User | None,
    granting: Role,
    now: datetime,
) -> tuple[ApiKey, str]:
    """A key and its full text, which nobody can read again.

    Keys belong to the account: they outlast the membership of whoever made them.

    :param granting: the role of whoever asks, a person or another key; a key may not do more.
    :raises InvalidInput: no name, an unknown scope, or an expiry that is over or out of reach.
    :raises Refused: the scope includes more than ``granting``, or staff visit the account.
    :raises Conflict: the account has 50 working keys.
    """
    refuse_to_visitors("make API keys")
    problems: dict[str, list[str]] = {}
    if not 1 <= len(name.strip()) <= MAX_NAME:
        problems["name"] = ["Give the key a name of at most 100 characters."]
    if scope not in KeyScope.values:
        problems["scope"] = [f"Choose one of {', '.join(KeyScope.values)}."]
    if expires_at is not None and not now < expires_at < now + LASTS_MAX:
        problems["expires_at"] = ["Choose a time in the future, within a hundred years."]
    if problems:
        raise InvalidInput("The key cannot be made.", **problems)
    if not granting.includes(KeyScope(scope).role):
        raise Refused("A key may not do more than you.", role=KeyScope(scope).role.value)
    if _lock_and_count(account, now) >= MAX_KEYS:
        raise Conflict(f"An account has at most {MAX_KEYS} keys. Revoke one.", limit=MAX_KEYS)
    prefix, secret = secrets.token_hex(PREFIX_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    key = ApiKey(account=account, name=name.strip(), prefix=prefix, scope=scope)
    key.secret_hash, key.expires_at, key.created_by = hash_of(secret), expires_at, created_by
    key.made_by = current_actor()
    key.save()
    return key, f"{MARK}_{prefix}_{secret}"


@tenant_atomic()
def revoke_api_key(*, account: Account, key_id: int, now: datetime) -> ApiKey:
    """The key stops working at once; revoking it again changes nothing.

    :raises NotFound: unknown, or another account's.
    """
    rows = ApiKey.objects.for_account(account).filter(pk=key_id)
    rows.filter(revoked_at=None).update(revoked_at=now)
    found: ApiKey | None = rows.first()
    if found is None:
        raise NotFound("no such key", key_id=key_id)
    return found


def _lock_and_count(account: Account, now: datetime) -> int:
    """How many keys work, behind the account's lock: two at once do not share the last place."""
    locked_plan(account)
    rows = ApiKey.objects.for_account(account).filter(revoked_at=None)
    return int(rows.filter(Q(expires_at=None) | Q(expires_at__gt=now)).count())


def split_key(text: str) -> tuple[str, str] | None:
    """Prefix and secret of a key's text; None if it is no key of ours."""
    mark, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    is_key = mark == MARK and prefix.isascii() and prefix.isalnum() and secret
    return (prefix, secret) if is_key else None


def use_api_key(*, account_id: int, prefix: str, secret: str, now: datetime) -> ApiKey:
    """The key, if it opens this account now. Notes its use, at most once a minute.

    Asks one question, outside of tenant blocks: every request of a program starts with it.

    :raises NotFound: this account has no key of that prefix; the same for an unknown account.
    :raises ApiKeyRefused: the secret is wrong, or the key was revoked or has expired.
    :raises AccountClosed: nothing is left of the account.
    """
    if account_id > BIGGEST_ID:
        raise NotFound("There is no such account.")
    with connection.cursor() as cursor:
        cursor.execute(ASK, [account_id, prefix, hash_of(secret)])
        row = cursor.fetchone()
    if row is None:
        raise NotFound("There is no such account.")
    key_id, *values, is_right, account_status = row
    key: ApiKey = ApiKey.from_db(connection.alias, KNOWN, [key_id, account_id, prefix, *values])
    if not is_right:
        raise ApiKeyRefused("This API key is not valid.")
    if not key.is_open(now):
        raise ApiKeyRefused(f"This API key {'was revoked' if key.revoked_at else 'expired'}.")
    if account_status == AccountStatus.CLOSED:
        raise AccountClosed(CLOSED)
    if key.last_used_at is None or key.last_used_at <= now - USED_EVERY:
        _note_use(account_id, key.pk, now)
    return key


def _note_use(account_id: int, key_id: int, now: datetime) -> None:
    stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_EVERY)
    with tenant(account_id):
        ApiKey.objects.filter(stale, pk=key_id).update(last_used_at=now)


def hash_of(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
