"""The secret that a site signs its messages with: made here, told once, renewed with overlap."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from igny8_core.business.integration import selectors
from igny8_core.business.integration.services.adapters import connected
from igny8_core.common.errors import DomainError
from igny8_core.common.signed_messages import new_secret
from igny8_core.common.tenancy.context import tenant, tenant_atomic
from igny8_core.common.vault import vault

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.auth.models import Account
    from igny8_core.business.integration.models import SiteIntegration

PURPOSE: Final = "integration-webhooks"
OVERLAP: Final = timedelta(days=1)
"""How long the old secret is still believed."""


def hook_url(row: SiteIntegration) -> str:
    """Where a site sends its messages."""
    return f"{settings.PUBLIC_URL}/api/v1/hooks/{row.hook_id}/"


def open_webhook_secrets(row: SiteIntegration, *, now: datetime) -> list[str]:
    """The secrets that are believed now, the newest first; none before one was made.

    :raises VaultError: sealed for another row.
    """
    if not row.webhook_secrets:
        return []
    kept: list[dict[str, str]] = vault(purpose=PURPOSE).open(
        row.webhook_secrets["sealed"], context=_context(row)
    )
    return [
        one["secret"]
        for one in kept
        if not one["until"] or datetime.fromisoformat(one["until"]) > now
    ]


@tenant_atomic()
def renew_webhook_secret(*, account: Account, integration_id: int, now: datetime) -> str:
    """Make a new secret; the one before is believed for another day. Told this once.

    :raises NotFound: the account has no such connection.
    """
    row = selectors.lock_integration(account=account, integration_id=integration_id)
    secret, until = new_secret(), (now + OVERLAP).isoformat()
    earlier = [{"secret": one, "until": until} for one in open_webhook_secrets(row, now=now)[:1]]
    sealed = vault(purpose=PURPOSE).seal(
        [{"secret": secret, "until": ""}, *earlier], context=_context(row)
    )
    row.webhook_secrets = {"sealed": sealed}
    row.save(update_fields=["webhook_secrets", "updated_at"])
    return secret


def set_up_webhook(
    *, account: Account, integration_id: int, clock: Callable[[], datetime]
) -> dict[str, Any]:
    """Make a secret and hand it to the companion, where our account may; else a person does.

    :returns: ``url``, ``secret`` (this once) and ``is_set_up``: whether the site has it already.
    :raises NotFound: the account has no such connection.
    """
    secret = renew_webhook_secret(account=account, integration_id=integration_id, now=clock())
    with tenant(account.pk, read_only=True):
        row = selectors.integration(account=account, integration_id=integration_id)
    url = hook_url(row)
    return {"url": url, "secret": secret, "is_set_up": _hand_over(row, url, secret)}


def _hand_over(row: SiteIntegration, url: str, secret: str) -> bool:
    if not row.capabilities.get("companion") or not row.credentials:
        return False
    try:
        with connected(row) as site:
            give: Any = getattr(site, "take_webhook", None)
            return bool(give and give(url, secret))
    except DomainError:
        return False


def _context(row: SiteIntegration) -> str:
    return f"acct:{row.account_id}/site:{row.site_id}/int:{row.pk}/webhooks"
