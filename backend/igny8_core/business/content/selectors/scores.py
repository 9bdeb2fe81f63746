"""Scores of articles, read. Those of deleted articles are hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.business.content.models import ContentScore
from igny8_core.common.errors import NotFound

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from igny8_core.auth.models import Account
    from igny8_core.business.content.models import Content


def content_scores(
    *, account: Account, content: Content | None = None, scorer_version: str | None = None
) -> QuerySet[ContentScore]:
    """Kept scores, newest first, without their checks."""
    rows = ContentScore.objects.for_account(account).filter(content__deleted_at=None)
    if content is not None:
        rows = rows.filter(content=content)
    if scorer_version is not None:
        rows = rows.filter(scorer_version=scorer_version)
    return rows.defer("checks", "caps", "target").order_by("-pk")


def content_score(*, account: Account, score_id: int) -> ContentScore:
    """One kept score with its checks.

    :raises NotFound: unknown, of a deleted article, or another account's.
    """
    found: ContentScore | None = (
        content_scores(account=account).defer(None).filter(pk=score_id).first()
    )
    if found is None:
        raise NotFound("no such score", score_id=score_id)
    return found
