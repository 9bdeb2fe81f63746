"""A site of ours that is connected to a real WordPress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.integration.services.check import check_integration
from tests.make import publishing
from tests.make.integration import integration as make_integration

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector
    from igny8_core.business.integration.models import SiteIntegration
    from tests.wordpress.server import RealWordPress


def connected_site(
    wordpress: RealWordPress, user: str = "editor", *, is_checked: bool = True, **config: Any
) -> tuple[SiteIntegration, Sector, publishing.Clock]:
    """A connection as this user, examined, with the sector of its site and a clock."""
    sector, clock = publishing.sector(), publishing.Clock()
    row = make_integration(
        sector.site,
        config={"base_url": wordpress.url, **config},
        credentials={
            "username": user,
            "application_password": wordpress.users[user]["application_password"],
        },
    )
    if is_checked:
        check_integration(
            account=sector.account, integration_id=row.pk, is_writing=False, clock=clock
        )
        row.refresh_from_db()
    return row, sector, clock
