"""Kept versions of an article: every change of its text leaves one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from igny8_core.business.content.models import Content, ContentVersion

if TYPE_CHECKING:
    from igny8_core.business.content.states import VersionReason

FIELDS: Final = (
    "slug",
    "meta_title",
    "meta_description",
    "excerpt",
    "primary_keyword",
    "secondary_keywords",
    "language",
)
"""What belongs to a version beside its title and its text."""


def keep_version(
    content: Content, *, reason: VersionReason, editor_id: int | None = None
) -> ContentVersion:
    """Write down an article as it stands; inside the transaction that changed it."""
    kept = ContentVersion(
        account_id=content.account_id,
        content=content,
        version=content.version,
        reason=reason,
        editor_id=editor_id,
        title=content.title,
        html=content.html,
        blocks=content.blocks,
        word_count=content.word_count,
        fields={name: getattr(content, name) for name in FIELDS},
        provenance=content.provenance,
    )
    kept.save()
    return kept
