"""Scores of articles, read. Those of deleted articles are hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.content.models import ContentScore, SerpSample
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


def serp_samples(*, account: Account, **wanted: Any) -> QuerySet[SerpSample]:
    """Search results of clusters that are there, the newest first.

    :param wanted: ``cluster``, a row or its id, or ``market``.
    """
    rows = SerpSample.objects.for_account(account).filter(cluster__deleted_at=None, **wanted)
    return rows.order_by("-taken_on", "-pk")


def serp_sample(*, account: Account, serp_sample_id: int) -> SerpSample:
    """Search results of one search.

    :raises NotFound: unknown, of a deleted cluster, or another account's.
    """
    found: SerpSample | None = serp_samples(account=account).filter(pk=serp_sample_id).first()
    if found is None:
        raise NotFound("no such search results", serp_sample_id=serp_sample_id)
    return found
