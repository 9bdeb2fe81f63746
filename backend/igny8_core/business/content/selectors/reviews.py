"""What reviewers left with articles. What hangs on deleted articles is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.content.models import Content, ContentComment, ContentVerdict
from igny8_core.business.content.states import ContentStatus
from igny8_core.common.errors import NotFound
from igny8_core.common.soft_delete import LIVE

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from igny8_core.auth.models import Account


def comments(
    *, account: Account, is_resolved: bool | None = None, **wanted: Any
) -> QuerySet[ContentComment]:
    """Comments on articles, newest first.

    :param wanted: ``content``, ``block_id``, ``kind`` or ``author_id``.
    """
    rows = ContentComment.objects.for_account(account).filter(content__deleted_at=None, **wanted)
    if is_resolved is not None:
        rows = rows.filter(resolved_at__isnull=not is_resolved)
    return rows.order_by("-pk")


def comment(*, account: Account, comment_id: int) -> ContentComment:
    """One comment.

    :raises NotFound: unknown, of a deleted article, or another account's.
    """
    found: ContentComment | None = comments(account=account).filter(pk=comment_id).first()
    if found is None:
        raise NotFound("no such comment", comment_id=comment_id)
    return found


def verdicts(*, account: Account, content_id: int) -> QuerySet[ContentVerdict]:
    """What the gates said of an article so far, newest first."""
    rows = ContentVerdict.objects.for_account(account).filter(content_id=content_id)
    return rows.order_by("-pk")


def due_sites(*, now: datetime, limit: int) -> list[tuple[int, int]]:
    """Account and site of approved articles whose time has come, the longest due first.

    Over all accounts, for a sweep.
    """
    rows = Content.objects.across_accounts(reason="articles whose time to go live has come")
    due = rows.filter(LIVE, status=ContentStatus.REVIEW, publish_at__lte=now)
    approved = due.filter(approved_version__isnull=False).order_by("publish_at", "pk")
    pairs = approved.values_list("account_id", "site_id")[: 10 * limit]
    return list(dict.fromkeys(pairs))[:limit]
