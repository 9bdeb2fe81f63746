"""When articles go live: at a time that a person names, once they are approved."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from igny8_core.business.content import selectors
from igny8_core.business.content.models import Content
from igny8_core.business.content.states import ContentStatus
from igny8_core.common.errors import InvalidInput, NotFound, TransitionNotAllowed
from igny8_core.common.soft_delete import LIVE, lock_rows
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account

AHEAD_MAX: Final = timedelta(days=730)


@tenant_atomic()
def schedule_content(
    *, account: Account, content_id: int, publish_at: datetime | None, now: datetime
) -> Content:
    """Say when an article goes live, at the earliest. It must be approved by then.

    :param publish_at: None takes the time back: it goes live with the next deployment.
    :raises NotFound: no such article.
    :raises TransitionNotAllowed: it is published already.
    :raises InvalidInput: the time is over, or more than two years ahead.
    """
    schedule_contents(account=account, content_ids=[content_id], publish_at=publish_at, now=now)
    return selectors.content(account=account, content_id=content_id)


@tenant_atomic()
def schedule_contents(
    *,
    account: Account,
    content_ids: Sequence[int],
    publish_at: datetime | None,
    every_minutes: int = 0,
    now: datetime,
) -> int:
    """Say when articles go live: all of them or none.

    :param every_minutes: how long after the one before each goes live, in the order of
        ``content_ids``; 0 for all at once.
    :returns: how many have another time now.
    :raises NotFound: an article is unknown or deleted.
    :raises TransitionNotAllowed: one is published already.
    :raises InvalidInput: a time is over, or more than two years ahead.
    """
    wanted = list(dict.fromkeys(content_ids))
    rows = {
        row.pk: row
        for row in lock_rows(
            Content, account=account, ids=wanted, columns=["account_id", "status", "publish_at"]
        )
    }
    if deleted := [pk for pk in wanted if rows[pk].is_deleted]:
        raise NotFound("no such content", content_id=deleted[0])
    if live := [pk for pk in wanted if rows[pk].status == ContentStatus.PUBLISHED]:
        raise TransitionNotAllowed(
            "It is published already.", content_id=live[0], source=ContentStatus.PUBLISHED
        )
    changed = 0
    for place, pk in enumerate(wanted):
        when = publish_at and publish_at + timedelta(minutes=place * every_minutes)
        if when is not None and not now < when <= now + AHEAD_MAX:
            raise InvalidInput(
                "this is no time to go live",
                content_id=pk,
                publish_at=["After now, and within two years."],
            )
        if rows[pk].publish_at != when:
            live_rows = Content.objects.for_account(account).filter(LIVE, pk=pk)
            changed += live_rows.update(publish_at=when, updated_at=now)
    return changed
