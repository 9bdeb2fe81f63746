"""How a delivery ends: live, hidden, waiting again, or failed with a reason."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog

from igny8_core.business.content.errors import NotApproved
from igny8_core.business.content.services.external import mark_sync, mirror_external
from igny8_core.business.content.services.review import mark_published
from igny8_core.business.content.states import SyncStatus
from igny8_core.business.integration.services import items
from igny8_core.business.integration.services.events import record_event, without_secrets
from igny8_core.business.integration.states import EventAction, EventType, ItemState
from igny8_core.business.publishing.errors import ChangedAtSite, DeliveryLost
from igny8_core.business.publishing.models import LIVE, PublishingRecord
from igny8_core.business.publishing.services.claims import hold
from igny8_core.business.publishing.states import (
    PUBLISHING,
    PublishingStage,
    PublishingStatus,
)
from igny8_core.clients.destinations import (
    AuthRefused,
    RemoteGone,
    RemoteStale,
    SiteBlocked,
    SiteBusy,
    bounded_wait,
)
from igny8_core.clients.guarded_http import NotSent, OutcomeUnknown
from igny8_core.common.errors import DomainError, NotFound, StaleState, Transient
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.publishing.services.claims import Claim
    from igny8_core.business.publishing.services.deliver import Sent

log = structlog.get_logger(__name__)

WAITS: Final = tuple(timedelta(minutes=m) for m in (1, 5, 15, 60))
"""After the first, second … attempt that did not get through."""

UNKNOWN_WAIT: Final = timedelta(seconds=60)
NOT_SENT_MAX: Final = 12
BLOCKED_MAX: Final = 2
TEXT_LENGTH: Final = 2_000
UNEXPECTED: Final = "unexpected"


@tenant_atomic(durable=True)
def settle_done(*, account: Account, claim: Claim, sent: Sent, now: datetime, ms: int) -> None:
    """Write down what visitors see now, in one transaction.

    :raises DeliveryLost: another worker has the record; it decides.
    """
    hold(claim, now=now)
    item, remote = claim.item, sent.remote
    if remote is not None:
        _agree_on_slug(item, sent)
        items.note_seen(
            item,
            remote,
            revision=claim.record.revision,
            desired_hash=sent.desired_hash or item.desired_hash,
            now=now,
        )
    if _is_final(claim, sent, now):
        items.note_verified(item)
    elif remote is None and item.state != ItemState.GONE:
        items.note_look_later(item, now=now)
    items.note_answered(account=account, integration_id=claim.integration.pk)
    _log_done(account, claim, sent, ms)
    if claim.is_check and not sent.is_written:
        _forget(claim)
        return
    _retire_older(account, claim, now)
    _advance(
        claim,
        PublishingStatus.PUBLISHED,
        now,
        published_at=now,
        retired_at=now if claim.is_withdrawing else None,
        stage=PublishingStage.NONE,
        destination_id=item.external_id,
        destination_url=item.external_url,
        error_code="",
        error="",
        metadata=claim.record.metadata | _facts(sent),
    )
    if not claim.is_withdrawing:
        _tell_content(account, claim, now)


@tenant_atomic(durable=True)
def settle_error(*, account: Account, claim: Claim, exc: Exception, now: datetime, ms: int) -> None:
    """Let the record wait for another attempt, or fail and say why."""
    try:
        hold(claim, now=now)
    except DeliveryLost:
        return
    integration_id = claim.integration.pk
    if isinstance(exc, OutcomeUnknown | StaleState) or not isinstance(exc, DomainError):
        items.note_unknown(claim.item, now=now)
    if isinstance(exc, OutcomeUnknown):
        items.note_no_answer(
            account=account, integration_id=integration_id, error=_text(exc), now=now
        )
    elif isinstance(exc, AuthRefused):
        items.note_auth_failed(
            account=account, integration_id=integration_id, error=_text(exc), now=now
        )
    elif isinstance(exc, RemoteGone):
        items.note_gone(claim.item, now=now)
    _log_failed(account, claim, exc, ms)
    if claim.is_check and isinstance(exc, RemoteGone | ChangedAtSite | NotFound):
        items.note_verified(claim.item)
        _forget(claim)
        return
    wait = _wait_after(claim.record, exc)
    if wait is not None and not _newer_waits(account, claim):
        _wait_again(claim, exc, wait, now)
    elif wait is not None:
        _fail(account, claim, "superseded", "A newer revision takes its place.", now)
    elif isinstance(exc, RemoteStale):
        _fail(account, claim, "superseded", exc.message, now)
    else:
        code = exc.code if isinstance(exc, DomainError) else UNEXPECTED
        _fail(account, claim, code, _text(exc), now)


def _wait_after(record: PublishingRecord, exc: Exception) -> timedelta | None:
    """How long to wait before the next attempt; None when none would help."""
    attempts = record.attempts
    if isinstance(exc, SiteBusy):
        return timedelta(seconds=exc.retry_after_seconds)
    if isinstance(exc, OutcomeUnknown):
        asked = timedelta(seconds=bounded_wait(exc.data.get("retry_after_seconds")))
        return max(UNKNOWN_WAIT, asked, WAITS[min(attempts, len(WAITS)) - 1])
    if isinstance(exc, NotSent):
        return WAITS[min(attempts, len(WAITS)) - 1] if attempts < NOT_SENT_MAX else None
    if isinstance(exc, AuthRefused):
        return UNKNOWN_WAIT  # the queue stands until there are new credentials
    if isinstance(exc, SiteBlocked):
        return WAITS[0] if attempts < BLOCKED_MAX else None
    if isinstance(exc, Transient):
        return UNKNOWN_WAIT if attempts < NOT_SENT_MAX else None
    return None


def _wait_again(claim: Claim, exc: Exception, wait: timedelta, now: datetime) -> None:
    is_counted = not isinstance(exc, SiteBusy | AuthRefused)
    _advance(
        claim,
        PublishingStatus.PENDING,
        now,
        next_attempt_at=now + wait,
        attempts=claim.record.attempts - (0 if is_counted else 1),
        error_code=exc.code if isinstance(exc, DomainError) else UNEXPECTED,
        error=_text(exc),
    )


def _fail(account: Account, claim: Claim, code: str, text: str, now: datetime) -> None:
    _advance(claim, PublishingStatus.FAILED, now, error_code=code[:40], error=text)
    if code != "superseded":
        mark_sync(
            account=account, content_id=claim.record.content_id, to=SyncStatus.FAILED, now=now
        )


def _newer_waits(account: Account, claim: Claim) -> bool:
    return (
        PublishingRecord.objects.for_account(account)
        .filter(
            content_id=claim.record.content_id,
            destination=claim.record.destination,
            status=PublishingStatus.PENDING,
        )
        .exists()
    )


def _retire_older(account: Account, claim: Claim, now: datetime) -> None:
    """What was live of this article at this destination is not any more."""
    rows = PublishingRecord.objects.for_account(account).filter(
        LIVE, content_id=claim.record.content_id, destination=claim.record.destination
    )
    rows.update(retired_at=now, updated_at=now)


def _tell_content(account: Account, claim: Claim, now: datetime) -> None:
    content_id, item = claim.record.content_id, claim.item
    try:
        mark_published(account=account, content_id=content_id, now=now)
    except (NotApproved, NotFound, StaleState):  # edited or deleted meanwhile: a person goes on
        log.info("publishing.content.not_marked", content_id=content_id)
    mirror_external(
        account=account,
        content_id=content_id,
        external_type=item.external_type,
        external_id=item.external_id,
        external_url=item.external_url,
        now=now,
    )
    mark_sync(account=account, content_id=content_id, to=SyncStatus.SYNCED, now=now)


def _is_final(claim: Claim, sent: Sent, now: datetime) -> bool:
    """Whether nothing that was sent can arrive any more."""
    unknown_at = claim.item.outcome_unknown_at
    if unknown_at is None:
        return True
    return (claim.is_check or sent.remote is None) and unknown_at <= now - items.VERIFY_AFTER


def _agree_on_slug(item: Any, sent: Sent) -> None:
    """Remember the suffix that the site gave, and for which slug of ours."""
    if sent.slug is None:
        return
    earlier = item.metadata.get("slug") or {}
    wanted = earlier["wanted"] if earlier.get("got") == sent.slug["sent"] else sent.slug["sent"]
    item.metadata = item.metadata | {"slug": {"wanted": wanted, "got": sent.slug["got"]}}
    item.save(update_fields=["metadata", "updated_at"])


def _forget(claim: Claim) -> None:
    """A check that had nothing to repair leaves no record."""
    PublishingRecord.objects.for_account(claim.account).filter(pk=claim.record.pk).delete()


def _facts(sent: Sent) -> dict[str, Any]:
    return {"drift": sent.drift, "is_written": sent.is_written, "swept": sent.swept}


def _advance(claim: Claim, to: PublishingStatus, now: datetime, **columns: Any) -> None:
    advance(
        claim.record,
        to,
        table=PUBLISHING,
        now=now,
        expect={"lease_token": claim.record.lease_token},
        lease_expires_at=None,
        **columns,
    )


def _log_done(account: Account, claim: Claim, sent: Sent, ms: int) -> None:
    if not sent.is_written:
        action = EventAction.READ
    elif claim.is_withdrawing:
        action = EventAction.DELETE
    else:
        action = EventAction.CREATE if sent.is_new else EventAction.UPDATE
    record_event(
        account=account,
        integration=claim.integration,
        event_type=EventType.PUBLISH,
        action=action,
        content_id=claim.record.content_id,
        external_id=claim.item.external_id,
        details={
            "record": claim.record.pk,
            "revision": claim.record.revision,
            "attempt": claim.record.attempts,
            "is_check": claim.is_check,
            **_facts(sent),
        },
        duration_ms=ms,
    )


def _log_failed(account: Account, claim: Claim, exc: Exception, ms: int) -> None:
    known = exc if isinstance(exc, DomainError) else DomainError(type(exc).__name__)
    record_event(
        account=account,
        integration=claim.integration,
        event_type=EventType.PUBLISH,
        action=EventAction.DELETE if claim.is_withdrawing else EventAction.UPDATE,
        error=known,
        content_id=claim.record.content_id,
        external_id=claim.item.external_id,
        details={
            "record": claim.record.pk,
            "revision": claim.record.revision,
            "attempt": claim.record.attempts,
            "is_outcome_unknown": isinstance(exc, OutcomeUnknown),
        },
        duration_ms=ms,
    )


def _text(exc: Exception) -> str:
    if not isinstance(exc, DomainError):
        return type(exc).__name__
    return without_secrets(" ".join([exc.message, *exc.texts]))[:TEXT_LENGTH]
