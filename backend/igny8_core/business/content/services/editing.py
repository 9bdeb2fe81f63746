"""Changes of an article by people: against the version they read, and back to an older one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.content import selectors
from igny8_core.business.content.errors import VersionConflict
from igny8_core.business.content.models import Content, ContentVersion
from igny8_core.business.content.services.content_fields import (
    ContentChanges,
    check_fields,
    plain_columns,
    text_columns,
)
from igny8_core.business.content.services.gate_verdicts import failing_gates, require_no_worse
from igny8_core.business.content.services.slugs import check_slug
from igny8_core.business.content.services.versions import FIELDS, keep_version
from igny8_core.business.content.states import ContentStatus, VersionReason
from igny8_core.business.planning.services.sector_locks import hold_cluster
from igny8_core.common.errors import NotFound, StaleState
from igny8_core.common.html import sanitize_html
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account

__all__ = ["ContentChanges", "edit_content", "restore_version", "save_version"]


@tenant_atomic()
def edit_content(
    *,
    account: Account,
    content_id: int,
    version: int,
    changes: ContentChanges,
    user_id: int | None = None,
    is_live_already: bool = False,
    now: datetime,
) -> Content:
    """Change an article, as the next version. Its approval ends; its status stays.

    What is published has to pass the hard gates that it passed before.

    :param version: the version that the editor read.
    :param is_live_already: visitors of another platform see the change: no gate is asked.
    :raises VersionConflict: somebody saved another version first; nothing was written.
    :raises NotFound: no such article, or no such cluster.
    :raises Conflict: another article of the site has the slug; ``content_id`` says which.
    :raises InvalidInput: unknown blocks, a field too long or empty.
    :raises GatesFailed: it is published, and would not have been like this; nothing was written.
    """
    row = selectors.content(account=account, content_id=content_id)
    columns = plain_columns(changes) | text_columns(row, changes, user_id=user_id)
    if row.version != version:
        raise VersionConflict("another version is stored", version=row.version)
    if not columns:
        return row
    if changes.slug is not None:
        check_slug(account, row.site_id, columns["slug"], besides=row.pk)
    if changes.cluster_id:
        row.cluster = hold_cluster(account=account, cluster_id=changes.cluster_id)
        row.check_alignment()
    check_fields(row, columns)
    return save_version(
        account,
        row,
        version=version,
        columns=columns,
        reason=VersionReason.EDITED,
        user_id=user_id,
        now=now,
        is_gated=not is_live_already,
    )


@tenant_atomic()
def restore_version(
    *,
    account: Account,
    content_id: int,
    version: int,
    restored: int,
    user_id: int | None = None,
    now: datetime,
) -> Content:
    """Bring back what an article was at an older version, as a new version. The slug stays.

    :param version: the version that the editor read.
    :param restored: the version to bring back.
    :raises NotFound: that version was not kept.
    :raises VersionConflict: somebody saved another version first; nothing was written.
    """
    row = selectors.content(account=account, content_id=content_id)
    old = ContentVersion.objects.for_account(account).filter(content=row, version=restored).first()
    if old is None:
        raise NotFound("no such version", version=restored)
    kept = {name: value for name, value in old.fields.items() if name in FIELDS and name != "slug"}
    columns = {
        **kept,
        "title": old.title,
        "html": sanitize_html(old.html),
        "blocks": old.blocks,
        "word_count": old.word_count,
        "provenance": old.provenance | {"restored_from": restored},
    }
    return save_version(
        account,
        row,
        version=version,
        columns=columns,
        reason=VersionReason.RESTORED,
        user_id=user_id,
        now=now,
    )


def save_version(
    account: Account,
    row: Content,
    *,
    version: int,
    columns: Mapping[str, Any],
    reason: VersionReason,
    user_id: int | None,
    now: datetime,
    keeps_approval: bool = False,
    is_gated: bool = True,
) -> Content:
    """One compare-and-set over the version, and the kept version with it; in the open block.

    :param keeps_approval: the words are the same: what was approved still is.
    :param is_gated: whether hard gates stop what would break a published article.
    :raises VersionConflict: another version is stored; nothing was written.
    :raises StaleState: it was published or taken down meanwhile; nothing was written.
    :raises GatesFailed: it is published, and would not have been like this.
    """
    is_watched = row.status == ContentStatus.PUBLISHED and is_gated and not keeps_approval
    known = frozenset[str]()
    if is_watched:
        known = failing_gates(account, selectors.content(account=account, content_id=row.pk))
    approval: dict[str, Any] = {
        "approved_version": None, "approved_at": None, "approved_by_id": None,
    }  # fmt: skip
    if keeps_approval and row.approved_version == version:
        approval = {"approved_version": version + 1}
    changed = (
        Content.objects.for_account(account)
        .filter(LIVE, pk=row.pk, version=version, status=row.status)
        .update(
            **columns,
            version=version + 1,
            revised_at=now,
            updated_at=now,
            **approval,
        )
    )
    if not changed:
        stored = selectors.content(account=account, content_id=row.pk)
        if stored.version == version:  # published meanwhile: then the gates have a say
            raise StaleState("its status was changed meanwhile", content_id=row.pk)
        raise VersionConflict("another version is stored", version=stored.version)
    row.refresh_from_db()
    keep_version(row, reason=reason, editor_id=user_id)
    if is_watched:
        require_no_worse(account, row, known=known)
    return row
