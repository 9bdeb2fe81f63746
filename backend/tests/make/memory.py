"""A site of ours that is connected to one in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.memory_site import MemorySite, Store
from tests.make import publishing
from tests.make.integration import integration as make_integration
from tests.make.tenancy import unique

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.integration.models import SiteIntegration


def memory_site(
    account: Account | None = None, **config: Any
) -> tuple[SiteIntegration, Sector, publishing.Clock, Store]:
    """A connection, the sector of its site, a clock, and what the site holds.

    Its adapter must have been put in the place of WordPress's, as the fixture ``in_memory`` does.
    """
    sector, clock = publishing.sector(account), publishing.Clock()
    url = f"https://{unique('site').lower().replace(' ', '')}.example.com"
    row = make_integration(sector.site, config={"base_url": url, **config})
    store = MemorySite.stores[row.config["base_url"]] = Store()
    return row, sector, clock, store
