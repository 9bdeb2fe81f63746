"""From a connection to the adapter that talks to its site, for the length of one call."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.utils.module_loading import import_string

from igny8_core.business.integration.errors import NotConnected
from igny8_core.business.integration.services.credentials import open_credentials
from igny8_core.business.integration.services.renew_credentials import renew_credentials
from igny8_core.clients.addresses import port_of
from igny8_core.clients.destinations import Connection, Destination
from igny8_core.clients.discreet_http import DiscreetHttp
from igny8_core.clients.guarded_http import PORTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.business.integration.models import SiteIntegration
    from igny8_core.clients.guarded_http import GuardedClient

ADAPTERS: Final = {
    "wordpress": "igny8_core.clients.wordpress_site.WordPressSite",
    "shopify": "igny8_core.clients.shopify_site.ShopifySite",
    "custom": "igny8_core.clients.custom_site.CustomSite",
}
"""By client: a callable that takes a :class:`Connection`. A connection's ``config.client`` names
the client where a platform has several; else it is called like its platform."""


def http_client(base_url: str, **options: Any) -> GuardedClient:
    """The guarded client for one site's address, as the operator's settings allow it.

    :param options: of :class:`GuardedClient`; for tests.
    """
    if settings.SITE_PRIVATE_ADDRESSES:
        options = {
            "schemes": ("http", "https"),
            "ports": {*PORTS, port_of(base_url)},
            "is_allowed": lambda _address: True,
        } | options
    made: GuardedClient = import_string(settings.SITE_HTTP_CLIENT)(**options)
    return made


@contextmanager
def connected(row: SiteIntegration) -> Iterator[Destination]:
    """The adapter of a connection. Call it outside of transactions: it goes to the network.

    :raises NotConnected: no credentials, or no client for the platform.
    :raises VaultError: the credentials were sealed for another row.
    """
    credentials = open_credentials(row)
    path = ADAPTERS.get(str(row.config.get("client") or row.platform))
    if not credentials or path is None:
        raise NotConnected("The site is not connected.", integration_id=row.pk)
    base_url = str(row.config["base_url"])
    http = http_client(base_url)
    try:
        yield import_string(path)(
            Connection(
                base_url=base_url,
                credentials=credentials,
                http=DiscreetHttp(http, credentials),
                settings=row.config,
                capabilities=row.capabilities,
                renew=lambda fetch: renew_credentials(row, fetch),
            )
        )
    finally:
        http.close()
