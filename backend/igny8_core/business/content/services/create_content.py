"""Articles that no model wrote: by a person from nothing, or brought from another platform."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from igny8_core.auth import selectors as identity
from igny8_core.business.content import selectors
from igny8_core.business.content.models import Content
from igny8_core.business.content.services.content_fields import (
    ContentChanges,
    check_fields,
    plain_columns,
    text_columns,
)
from igny8_core.business.content.services.edit_taxonomies import set_content_taxonomies
from igny8_core.business.content.services.seo_fields import make_slug
from igny8_core.business.content.services.slugs import check_slug, lock_slugs, unused_slug
from igny8_core.business.content.services.versions import keep_version
from igny8_core.business.content.states import ContentSource, SyncStatus, VersionReason
from igny8_core.business.planning.services.sector_locks import hold_cluster
from igny8_core.common.errors import Conflict, InvalidInput
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account


@dataclass(frozen=True)
class Origin:
    """Where an article comes from; ours when nothing is said."""

    source: str = ContentSource.IGNY8
    external_id: str = ""
    external_url: str = ""
    external_type: str = ""
    external_metadata: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def names(cls) -> list[str]:
        """The names of its fields."""
        return [column.name for column in fields(cls)]

    @property
    def is_elsewhere(self) -> bool:
        """Whether another platform had it first."""
        return self.source != ContentSource.IGNY8 or bool(self.external_id)


@tenant_atomic()
def create_content(
    *,
    account: Account,
    sector_id: int,
    changes: ContentChanges,
    origin: Origin | None = None,
    taxonomy_ids: Sequence[int] = (),
    user_id: int | None = None,
    now: datetime,
) -> Content:
    """Make a draft. Its text is blocks, or HTML from elsewhere, sanitised; or still empty.

    :param changes: its title at least; without a slug one is made from the title, and numbered
        where it is taken.
    :raises NotFound: no such sector, cluster or taxonomy.
    :raises Conflict: another article of the site has the slug, or stands for the external row.
    :raises InvalidInput: by field; nothing was written.
    """
    origin = origin or Origin()
    columns = plain_columns(changes)
    if not columns.get("title"):
        raise InvalidInput("an article has a title", title=["is missing"])
    sector = identity.sector(account=account, sector_id=sector_id)
    row = Content(account_id=account.pk, site=sector.site, sector=sector, revised_at=now)
    row.language = sector.site.language
    row.provenance = {
        "origin": "import" if origin.is_elsewhere else "person",
        "by": user_id,
        "made_at": now.isoformat(),
    }
    columns |= asdict(origin) | text_columns(row, changes, user_id=user_id)
    columns["sync_status"] = SyncStatus.SYNCED if origin.external_id else SyncStatus.NATIVE
    if changes.cluster_id:
        row.cluster = hold_cluster(account=account, cluster_id=changes.cluster_id)
    if "slug" in columns:
        check_slug(account, row.site_id, columns["slug"])
    else:
        lock_slugs(account, row.site_id)
        wanted = make_slug(columns["title"], "article")
        columns["slug"] = unused_slug(account, row.site_id, wanted)
    check_fields(row, columns)
    _check_external(account, row)
    row.save()
    reason = VersionReason.IMPORTED if origin.is_elsewhere else VersionReason.EDITED
    keep_version(row, reason=reason, editor_id=user_id)
    if taxonomy_ids:
        set_content_taxonomies(account=account, content_id=row.pk, taxonomy_ids=taxonomy_ids)
    return row


def _check_external(account: Account, row: Content) -> None:
    """Say which article stands for the external row already."""
    if not row.external_id:
        return
    others = selectors.contents(
        account=account,
        site=row.site,
        external_type=row.external_type,
        external_id=row.external_id,
    )
    if (other := others.values_list("pk", flat=True).first()) is not None:
        raise Conflict(
            "The external row is taken.",
            content_id=other,
            external_id=["Another article of the site stands for it."],
        )
