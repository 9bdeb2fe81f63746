"""A site of ours that is connected to a real WordPress."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image

from igny8_core.business.content.models import ContentTaxonomy
from igny8_core.business.content.services.edit_taxonomies import (
    create_taxonomy,
    set_content_taxonomies,
)
from igny8_core.business.integration.services.check import check_integration
from tests.make import publishing
from tests.make.integration import integration as make_integration

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector
    from igny8_core.business.content.models import Content
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


def picture_bytes(number: int) -> bytes:
    """A small picture that no other article has."""
    data = BytesIO()
    Image.new("RGB", (24, 16), (number % 256, 40, 90)).save(data, "WEBP")
    return data.getvalue()


def give_terms(row: Content, *kinds: str) -> None:
    """A term of each kind, shared by the articles of its site."""
    made = []
    for kind in kinds:
        known = ContentTaxonomy.objects.for_account(row.account).filter(
            site_id=row.site_id, taxonomy_type=kind
        )
        made.append(
            known.first()
            or create_taxonomy(
                account=row.account,
                site_id=row.site_id,
                taxonomy_type=kind,
                name=f"{kind} of {row.site_id}",
            )
        )
    set_content_taxonomies(
        account=row.account, content_id=row.pk, taxonomy_ids=[term.pk for term in made]
    )
