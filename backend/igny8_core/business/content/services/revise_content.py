"""A better text takes an article's place: against the version it was made of, and as a version.

For the domains above: what they found better is stored here, and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.content import selectors
from igny8_core.business.content.errors import VersionConflict
from igny8_core.business.content.models import Content, ContentVersion
from igny8_core.business.content.services.article_blocks import (
    blocks_word_count,
    parse_blocks,
    render_html,
)
from igny8_core.business.content.services.gate_verdicts import failing_gates, require_no_worse
from igny8_core.business.content.services.gather_target import page_of
from igny8_core.business.content.services.scoring_document import PageInput, read_page
from igny8_core.business.content.services.versions import keep_version
from igny8_core.business.content.states import ContentStatus, VersionReason
from igny8_core.common.errors import InvalidInput, StaleState
from igny8_core.common.html import sanitize_html
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account

REVISED_FIELDS: Final = frozenset({"meta_title", "meta_description"})


@dataclass(frozen=True)
class RevisedText:
    """A text in the form that the article is kept in.

    :ivar blocks: as JSON; empty for an article that is kept as HTML.
    :ivar fields: of ``REVISED_FIELDS``. Slug, status and dates stay whatever happens.
    :ivar origins: of changed blocks, where they come from now.
    :ivar source: the model that had a part in it, if one did.
    """

    blocks: Sequence[Mapping[str, Any]]
    html: str
    fields: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)


@tenant_atomic()
def revise_content(
    *,
    account: Account,
    content_id: int,
    version: int,
    content_hash: str,
    text: RevisedText,
    user_id: int | None = None,
    now: datetime,
) -> Content:
    """Store a better text as the next version. The approval ends; the status stays.

    :param version, content_hash: what the text was made of: it must still be stored.
    :raises NotFound: no such article.
    :raises VersionConflict: somebody saved another version first; nothing was written.
    :raises StaleState: what the page shows is another one by now, or it was published or taken
        down meanwhile; nothing was written.
    :raises InvalidInput: unknown blocks or fields.
    :raises GatesFailed: it is published, and would not have been like this; nothing was written.
    """
    if unknown := set(text.fields) - REVISED_FIELDS:
        raise InvalidInput("these fields stay", fields=sorted(unknown))
    row = selectors.content(account=account, content_id=content_id)
    if row.version != version:
        raise VersionConflict("another version is stored", version=row.version)
    if page_of(account, row).hash != content_hash:
        raise StaleState("the page shows something else by now", content_id=content_id)
    kept = ContentVersion.objects.for_account(account).filter(content=row, version=version)
    if not kept.exists():  # what it was can always come back
        keep_version(row, reason=VersionReason.EDITED)
    is_live = row.status == ContentStatus.PUBLISHED
    known = failing_gates(account, row) if is_live else frozenset[str]()
    columns = _columns(row, text)
    changed = (
        Content.objects.for_account(account)
        .filter(LIVE, pk=row.pk, version=version, status=row.status)
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
        raise StaleState("the article was changed meanwhile", content_id=content_id)
    row = selectors.content(account=account, content_id=content_id)
    keep_version(row, reason=VersionReason.OPTIMIZED, editor_id=user_id)
    if is_live:
        require_no_worse(account, row, known=known)
    return row


def _columns(row: Content, text: RevisedText) -> dict[str, Any]:
    """The columns of the text; HTML is made here once more, whoever sends it."""
    columns: dict[str, Any] = dict(text.fields)
    if row.blocks:
        blocks = parse_blocks(text.blocks)
        columns["blocks"] = [block.model_dump(mode="json") for block in blocks]
        columns["html"] = render_html(blocks)
        columns["word_count"] = blocks_word_count(blocks)
    else:
        columns["html"] = html = sanitize_html(text.html)
        columns["word_count"] = read_page(PageInput(row.title, html, row.language)).word_count
    columns["provenance"] = _provenance(row, text)
    return columns


def _provenance(row: Content, text: RevisedText) -> dict[str, Any]:
    """Where it comes from: everything that was known stays, what is new is added."""
    known = dict(row.provenance)
    blocks = dict(known.get("blocks") or {})
    for block_id, origin in text.origins.items():
        blocks[block_id] = {**blocks.get(block_id, {}), **origin}
    revisions = [*known.get("revisions", []), dict(text.source)] if text.source else None
    changed = {**known, "blocks": blocks}
    if revisions is not None:
        changed |= {"revisions": revisions[-20:], "origin": "model"}
    return changed
