"""Sites that are deployed again and again: what is live, and what changes between."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from igny8_core.business.content.models import Content
from igny8_core.business.publishing.models import DeploymentRecord, PublishingRecord
from tests.make.publishing import FIRST_DAY, folder

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector


def records(sector: Sector) -> list[tuple[int | None, str]]:
    rows = DeploymentRecord.unscoped.filter(site=sector.site).order_by("pk")
    return [(row.version, row.status) for row in rows]


def live_revisions(sector: Sector) -> dict[int, int]:
    rows = PublishingRecord.unscoped.filter(
        site=sector.site, status="published", retired_at__isnull=True
    )
    return {row.content_id: row.revision for row in rows}


def read(sector: Sector, path: str) -> str:
    releases = folder(sector)
    return releases.file(releases.live_version() or 0, path).read_text()


def change(content: Content, **fields: object) -> None:
    """A published text changes, as an accepted edit leaves it."""
    version = content.version + 1
    Content.unscoped.filter(pk=content.pk).update(
        version=version, revised_at=FIRST_DAY + timedelta(days=version), **fields
    )
    content.refresh_from_db()
