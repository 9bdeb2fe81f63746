"""Connections to sites, and what was exchanged with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.integration.models import SyncEvent
from igny8_core.business.integration.services import integrations

if TYPE_CHECKING:
    from igny8_core.auth.models import Site
    from igny8_core.business.integration.models import SiteIntegration

SECRET = "abcd EFGH ijkl MNOP qrst UVWX"
CREDENTIALS: dict[str, dict[str, str]] = {
    "wordpress": {"username": "editor", "application_password": SECRET},
    "shopify": {"client_id": "app-1", "client_secret": SECRET},
    "custom": {"secret": SECRET},
}
ADDRESSES = {
    "wordpress": "https://shop.example.com/blog",
    "shopify": "https://shop.myshopify.com",
    "custom": "https://api.example.com",
}


def integration(site: Site, platform: str = "wordpress", **fields: Any) -> SiteIntegration:
    """A site's connection; ``config`` and ``credentials`` fit the platform unless given."""
    values: dict[str, Any] = {
        "config": {"base_url": ADDRESSES[platform]},
        "credentials": CREDENTIALS[platform],
    }
    return integrations.create_integration(
        account=site.account, site_id=site.pk, platform=platform, **values | fields
    )


def sync_event(integration: SiteIntegration, **fields: Any) -> SyncEvent:
    """One exchange with the site, a success."""
    values = {"event_type": "publish", "action": "create", "success": True, "duration_ms": 120}
    made: SyncEvent = SyncEvent.unscoped.create(integration=integration, **values | fields)
    return made
