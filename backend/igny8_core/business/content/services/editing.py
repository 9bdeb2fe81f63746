"""Changes of an article by people: against the version they read, and back to an older one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from igny8_core.business.content import selectors
from igny8_core.business.content.errors import VersionConflict
from igny8_core.business.content.models import Content, ContentVersion
from igny8_core.business.content.services.article_blocks import (
    blocks_word_count,
    parse_blocks,
    render_html,
    stored_blocks,
)
from igny8_core.business.content.services.seo_fields import SLUG_MAX, make_slug
from igny8_core.business.content.services.slugs import lock_slugs
from igny8_core.business.content.services.versions import FIELDS, keep_version
from igny8_core.business.content.states import VersionReason
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.html import sanitize_html
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account

LIMITS = {
    "title": 255,
    "slug": SLUG_MAX,
    "meta_title": 255,
    "meta_description": 500,
    "excerpt": 2_000,
    "primary_keyword": 255,
}


@dataclass(frozen=True)
class ContentChanges:
    """What an editor changes; None leaves a field as it is.

    :ivar blocks: the whole text, as JSON blocks.
    """

    title: str | None = None
    slug: str | None = None
    meta_title: str | None = None
    meta_description: str | None = None
    excerpt: str | None = None
    primary_keyword: str | None = None
    blocks: Sequence[Mapping[str, Any]] | None = None


@tenant_atomic()
def edit_content(
    *,
    account: Account,
    content_id: int,
    version: int,
    changes: ContentChanges,
    user_id: int | None = None,
    now: datetime,
) -> Content:
    """Change an article, as the next version. Its approval ends; its status stays.

    :param version: the version that the editor read.
    :raises VersionConflict: somebody saved another version first; nothing was written.
    :raises InvalidInput: unknown blocks, a field too long or empty, or a slug that is taken.
    """
    row = selectors.content(account=account, content_id=content_id)
    columns = _columns(row, changes)
    if changes.slug is not None:
        _check_slug(account, row, columns["slug"])
    if changes.blocks is not None:
        columns |= _text_columns(row, changes.blocks, user_id=user_id)
    return _save(
        account,
        row,
        version=version,
        columns=columns,
        reason=VersionReason.EDITED,
        user_id=user_id,
        now=now,
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
    return _save(
        account,
        row,
        version=version,
        columns=columns,
        reason=VersionReason.RESTORED,
        user_id=user_id,
        now=now,
    )


def _columns(row: Content, changes: ContentChanges) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    problems: dict[str, list[str]] = {}
    for field in fields(changes):
        value = getattr(changes, field.name)
        if value is None or field.name == "blocks":
            continue
        text = " ".join(value.split())
        if len(text) > LIMITS[field.name]:
            problems[field.name] = [f"has more than {LIMITS[field.name]} characters"]
        if field.name in {"title", "slug"} and not text:
            problems[field.name] = ["is missing"]
        columns[field.name] = text
    if "slug" in columns and columns["slug"] != make_slug(columns["slug"]):
        problems["slug"] = ["lower-case letters, digits and single hyphens only"]
    if problems:
        raise InvalidInput(f"content {row.pk} cannot be changed like this", **problems)
    return columns


def _check_slug(account: Account, row: Content, slug: str) -> None:
    lock_slugs(account, row.site_id)
    others = Content.objects.for_account(account).filter(LIVE, site_id=row.site_id, slug=slug)
    if others.exclude(pk=row.pk).exists():
        raise InvalidInput("the slug is taken", slug=["Another article of the site has it."])


def _text_columns(
    row: Content, changed: Sequence[Mapping[str, Any]], *, user_id: int | None
) -> dict[str, Any]:
    """The text, and where each of its blocks comes from now."""
    blocks = parse_blocks(changed)
    stored = stored_blocks(blocks)
    before = {block["id"]: block for block in row.blocks}
    origins = dict(row.provenance.get("blocks") or {})
    now_from: dict[str, Any] = {}
    for block in stored:
        known = origins.get(block["id"])
        if known is None:
            now_from[block["id"]] = {"origin": "person", "by": user_id}
        elif block == before.get(block["id"]):
            now_from[block["id"]] = known
        else:
            now_from[block["id"]] = known | {"person_edited": True, "by": user_id}
    return {
        "blocks": stored,
        "html": render_html(blocks),
        "word_count": blocks_word_count(blocks),
        "provenance": row.provenance | {"blocks": now_from},
    }


def _save(
    account: Account,
    row: Content,
    *,
    version: int,
    columns: Mapping[str, Any],
    reason: VersionReason,
    user_id: int | None,
    now: datetime,
) -> Content:
    """One compare-and-set over the version, and the kept version with it."""
    changed = (
        Content.objects.for_account(account)
        .filter(LIVE, pk=row.pk, version=version)
        .update(
            **columns,
            version=version + 1,
            revised_at=now,
            updated_at=now,
            approved_version=None,
            approved_at=None,
            approved_by_id=None,
        )
    )
    if not changed:
        raise VersionConflict("another version is stored", version=row.version)
    row.refresh_from_db()
    keep_version(row, reason=reason, editor_id=user_id)
    return row
