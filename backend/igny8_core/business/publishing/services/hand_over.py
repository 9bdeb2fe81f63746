"""From a finished draft to visitors: review, approval, and what a site's rule does by itself.

Runs and people use these alike. A connection's ``config.auto_publish`` is the rule: ``approved``
sends what somebody approved, ``submitted`` approves by rule what is handed over and passes its
gates; without it nothing goes out before somebody asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from igny8_core.business.content.services import review
from igny8_core.business.integration import selectors as integrations
from igny8_core.business.publishing.services.ask import request_publishing
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.content.selectors import Content
    from igny8_core.business.integration.selectors import SiteIntegration

RULE: Final = "auto_publish"
APPROVED, SUBMITTED = "approved", "submitted"


@tenant_atomic()
def submit_content(*, account: Account, content_id: int, now: datetime) -> Content:
    """Hand a draft over to the reviewers, or past them where the site's rule says so.

    A rule lets pass only what passes every gate. The rest stays in review, with the reasons.

    :raises InvalidInput: it has no text, no title or no slug; nothing was written.
    :raises TransitionNotAllowed: it is not a draft.
    """
    row = review.submit_for_review(account=account, content_id=content_id, now=now)
    wanted = _connections(account, row.site_id, SUBMITTED)
    if wanted:
        row = review.approve_by_rule(account=account, content_id=content_id, now=now)
        if row.approved_version == row.version:
            _send(account, wanted, [row.pk], now)
    return row


@tenant_atomic()
def approve_content(
    *,
    account: Account,
    content_id: int,
    version: int | None = None,
    user_id: int | None = None,
    reason: str = "",
    now: datetime,
) -> Content:
    """Approve an article in review; where the site's rule says so, it goes out at once.

    :param reason: why it may go out although soft gates failed.
    :raises VersionConflict: another version is stored.
    :raises NotApproved: it is not in review.
    :raises GatesFailed: a hard gate failed, or a soft one without a reason; nothing was written.
    """
    row = review.approve_content(
        account=account,
        content_id=content_id,
        version=version,
        user_id=user_id,
        reason=reason,
        now=now,
    )
    _send(account, _connections(account, row.site_id, APPROVED, SUBMITTED), [row.pk], now)
    return row


@tenant_atomic()
def approve_contents(
    *,
    account: Account,
    content_ids: Sequence[int],
    user_id: int | None = None,
    reason: str = "",
    now: datetime,
) -> int:
    """Approve articles in review, all of them or none; each goes where its site's rule says.

    :param reason: why they may go out although soft gates failed.
    :returns: how many were not approved before.
    :raises NotFound: an article is unknown or deleted.
    :raises NotApproved: one is not in review; ``content_id`` says which.
    :raises GatesFailed: one does not pass its gates; ``content_id`` says which.
    """
    changed = review.approve_contents(
        account=account, content_ids=content_ids, user_id=user_id, reason=reason, now=now
    )
    by_site = review.sites_of(account=account, content_ids=content_ids)
    for site_id, ids in by_site.items():
        _send(account, _connections(account, site_id, APPROVED, SUBMITTED), ids, now)
    return changed


def _connections(account: Account, site_id: int, *rules: str) -> list[SiteIntegration]:
    """Connections of a site that are on, with one of these rules."""
    rows = integrations.integrations(account=account, is_active=True).filter(site_id=site_id)
    return [row for row in rows if row.config.get(RULE) in rules and row.credentials]


def _send(
    account: Account, wanted: Sequence[SiteIntegration], content_ids: Sequence[int], now: datetime
) -> None:
    for row in wanted:
        request_publishing(account=account, integration_id=row.pk, content_ids=content_ids, now=now)
