"""How many notices are new to somebody: counted for the shell of every page, kept for seconds."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from django.core.cache import cache
from django.utils import timezone

from igny8_core.auth import selectors
from igny8_core.auth.states import Role
from igny8_core.business.automation.services.notices import notices

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, User

COUNTED_FOR_SECONDS: Final = 60
SEEN_FOR_SECONDS: Final = 3600
NEVER: Final = "never"
FOR_ADMINS: Final = frozenset({"webhook_off"})
"""Of what only admins may open."""


def may_see(code: str, role: Role) -> bool:
    """Whether a notice is for people of this role."""
    return code not in FOR_ADMINS or role.includes(Role.ADMIN)


def new_notices(*, account: Account, person: User, role: Role) -> int:
    """How many are newer than the person's last look; at most a minute old."""
    times_key, seen_key = _keys(account.pk, person.pk)
    known = cache.get_many([times_key, seen_key])
    standing: list[tuple[str, datetime]] | None = known.get(times_key)
    if standing is None:
        standing = [(one.code, one.at) for one in notices(account=account, now=timezone.now())]
        cache.set(times_key, standing, COUNTED_FOR_SECONDS)
    seen: datetime | str | None = known.get(seen_key)
    if seen is None:
        seen = selectors.notices_seen_at(account=account, person=person) or NEVER
        cache.set(seen_key, seen, SEEN_FOR_SECONDS)
    return sum(
        may_see(code, role) and (not isinstance(seen, datetime) or at > seen)
        for code, at in standing
    )


def forget(*, account_id: int, user_id: int) -> None:
    """Count anew at the next page."""
    cache.delete_many(_keys(account_id, user_id))


def _keys(account_id: int, user_id: int) -> tuple[str, str]:
    return f"notices:{account_id}", f"notices-seen:{account_id}:{user_id}"
