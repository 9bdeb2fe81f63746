"""The log of what was exchanged with sites: searchable, without secrets and without bodies."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.integration.models import SyncEvent
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.auth.models import Account
    from igny8_core.business.integration.models import SiteIntegration
    from igny8_core.business.integration.states import EventAction, EventType
    from igny8_core.common.errors import DomainError

TEXT_LENGTH: Final = 300
ERROR_LENGTH: Final = 500
LIST_LENGTH: Final = 20
LEVELS: Final = 8
_UNSTORABLE: Final = re.compile("[\\x00\\ud800-\\udfff]")
_SECRET_KEYS: Final = re.compile(
    r"pass|secret|token|authorization|credential|api_?key", re.IGNORECASE
)
_SECRET_TEXTS: Final = re.compile(
    r"(?:Basic|Bearer|Ghost)\s+[A-Za-z0-9+/=._-]{8,}|whsec_\S+|shp[a-z]{2}_\S+"
    r"|(?:[A-Za-z0-9]{4} ){5}[A-Za-z0-9]{4}"  # an application password
)


@tenant_atomic()
def record_event(
    *,
    account: Account,
    integration: SiteIntegration,
    event_type: EventType,
    action: EventAction,
    error: DomainError | None = None,
    content_id: int | None = None,
    external_id: str = "",
    details: Mapping[str, Any] | None = None,
    duration_ms: int | None = None,
) -> SyncEvent:
    """Write down one exchange, or one group of attempts. A failure carries its code.

    :param details: JSON; values under names of secrets, and what looks like one, are left out.
    """
    shown = dict(details or {})
    if error is not None:
        shown |= {"code": error.code, **error.data}
    event = SyncEvent(
        account_id=account.pk,
        site_id=integration.site_id,
        integration=integration,
        event_type=event_type,
        action=action,
        success=error is None,
        content_id=content_id,
        external_id=external_id[:255],
        details=cleaned(shown),
        error="" if error is None else without_secrets(error.message)[:ERROR_LENGTH],
        duration_ms=duration_ms,
    )
    event.save()
    return event


def cleaned(value: Any, *, levels: int = LEVELS) -> Any:
    """JSON without secrets, and without what cannot be stored; short enough for a log."""
    if levels < 0:
        return "…"
    if isinstance(value, dict):
        return {
            without_secrets(str(name)): cleaned(part, levels=levels - 1)
            for name, part in value.items()
            if not _SECRET_KEYS.search(str(name))
        }
    if isinstance(value, list | tuple | set):
        return [cleaned(part, levels=levels - 1) for part in list(value)[:LIST_LENGTH]]
    if isinstance(value, str):
        return without_secrets(value)[:TEXT_LENGTH]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def without_secrets(text: str) -> str:
    """A text in which what looks like a credential is replaced, and what no column can hold."""
    return _SECRET_TEXTS.sub("[secret]", _UNSTORABLE.sub("", text))
