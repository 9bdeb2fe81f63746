"""Send one record to its site: claim, call, settle.

A lost answer means *unknown*, never *failed*: the next attempt reads before it writes. What the
platforms differ in is behind :class:`igny8_core.clients.destinations.Destination`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from igny8_core.business.content import selectors as contents
from igny8_core.business.content.services.external import link_taxonomy
from igny8_core.business.integration.services import items
from igny8_core.business.integration.services.adapters import connected
from igny8_core.business.integration.services.items import hash_of
from igny8_core.business.integration.states import ConflictPolicy, ItemState
from igny8_core.business.publishing.errors import ChangedAtSite
from igny8_core.business.publishing.services.claims import (
    Claim,
    claim_record,
    hold,
    record_row,
    renew,
)
from igny8_core.business.publishing.services.outgoing import (
    article_for,
    external_taxonomy,
    external_type_of,
)
from igny8_core.business.publishing.services.settle import settle_done, settle_error
from igny8_core.business.publishing.states import PublishingStage
from igny8_core.clients.destinations import (
    Article,
    Placed,
    PlacedPicture,
    RemoteGone,
    SiteRefused,
    Visibility,
)
from igny8_core.common.errors import NotFound
from igny8_core.common.failpoints import failpoint
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.content.selectors import OutgoingTerm
    from igny8_core.business.publishing.models import PublishingRecord
    from igny8_core.clients.destinations import Body, Destination, Remote, Watched

log = structlog.get_logger(__name__)

PAST: Final = timedelta(minutes=1)
"""A date nearer than this is left to the site: its clock may be behind ours."""


@dataclass
class Sent:
    """What a delivery did.

    :ivar remote: the item as it is now; None when there was nothing to withdraw.
    :ivar drift: what the site changed or dropped.
    """

    remote: Remote | None = None
    desired_hash: str = ""
    is_written: bool = False
    is_new: bool = False
    drift: list[str] = field(default_factory=list)
    swept: list[str] = field(default_factory=list)
    slug: dict[str, str] | None = None


def deliver(*, account: Account, record_id: int, clock: Callable[[], datetime]) -> PublishingRecord:
    """Deliver one record. A crash leaves it leased; the sweep hands it on.

    :raises NotFound: no such record.
    :raises TransitionNotAllowed: it is done, or another worker has it.
    :raises NotDue: nothing to do now; nothing was written.
    :raises DomainError: what went wrong; the record says it, and whether it is tried again.
    """
    with tenant(account.pk, read_only=True):
        content_id = record_row(account, record_id).content_id
        external_type = _external_type(account, content_id)
    claim = claim_record(
        account=account, record_id=record_id, external_type=external_type, now=clock()
    )
    failpoint("publishing.delivery.after_claim")
    started = time.monotonic()
    try:
        with connected(claim.integration) as site:
            sent = _send(claim, site, clock)
    except Exception as exc:
        settle_error(account=account, claim=claim, exc=exc, now=clock(), ms=_ms(started))
        raise
    settle_done(account=account, claim=claim, sent=sent, now=clock(), ms=_ms(started))
    return claim.record


def _external_type(account: Account, content_id: int) -> str:
    """The article's; of a deleted one, whose item is known, it does not matter."""
    try:
        row = contents.content(account=account, content_id=content_id)
    except NotFound:
        return "post"
    return external_type_of(row.content_type)


def _send(claim: Claim, site: Destination, clock: Callable[[], datetime]) -> Sent:
    """Every request of one delivery; each step is committed before the next one."""
    sent = _withdraw(claim, site, clock) if claim.is_withdrawing else _publish(claim, site, clock)
    if _may_clear_up(claim, clock()):
        item = claim.item
        known = sent.remote.external_id if sent.remote else item.external_id
        sent.swept = site.sweep(item.external_key, known, item.external_type)
    return sent


def _publish(claim: Claim, site: Destination, clock: Callable[[], datetime]) -> Sent:
    """Terms, pictures, a place, and the text onto it."""
    article, placed, missing = _prepared(claim, site, clock)
    if claim.item.state == ItemState.GONE and not claim.record.metadata.get("again"):
        raise RemoteGone("It was deleted at the site.", item_id=claim.item.pk)
    if not claim.item.external_id:
        external_id = site.reserve(claim.item.external_key, claim.item.external_type)
        failpoint("publishing.delivery.after_reserve")
        if external_id:
            _commit_reserved(claim, external_id, clock())
    sent = _put(claim, site, article, placed, clock)
    sent.drift += missing
    return sent


def _withdraw(claim: Claim, site: Destination, clock: Callable[[], datetime]) -> Sent:
    """Hide the item; what is not there is hidden."""
    item = claim.item
    if not item.external_id or item.state == ItemState.GONE:
        if item.outcome_unknown_at is None:
            return Sent()
        if found := site.reserve(item.external_key, item.external_type):
            _commit_reserved(claim, found, clock())
    hidden = Article(claim.record.revision, "", "", "", visibility=Visibility.HIDDEN)
    try:
        return _put(claim, site, hidden, Placed(), clock)
    except RemoteGone:
        _commit_gone(claim, clock())
        return Sent()


def _prepared(
    claim: Claim, site: Destination, clock: Callable[[], datetime]
) -> tuple[Article, Placed, list[str]]:
    """The article, with its terms and pictures at the site; names of pictures it does not take."""
    now = clock()
    article, rows = article_for(
        account=claim.account,
        integration=claim.integration,
        item=claim.item,
        content_id=claim.record.content_id,
        revision=claim.record.revision,
        visibility=Visibility.LIVE,
        published_at=_date_of(claim, now),
    )
    terms = {term.key: site.place_term(term) for term in article.terms}
    _commit_terms(claim, rows, terms, clock())
    pictures: dict[str, PlacedPicture] = {}
    missing = []
    for picture in article.pictures:
        try:
            pictures[picture.sha256] = site.place_picture(picture)
        except SiteRefused as exc:
            log.warning("publishing.picture.refused", code=exc.data.get("reason"))
            missing.append(f"picture {picture.file_name}")
            continue
        renew(claim, now=clock())
    return article, Placed(terms, pictures), missing


def _date_of(claim: Claim, now: datetime) -> datetime | None:
    """When visitors first saw the article elsewhere; None for one that goes out now."""
    with tenant(claim.account.pk, read_only=True):
        row = contents.content(account=claim.account, content_id=claim.record.content_id)
    return row.published_at if row.published_at and row.published_at < now - PAST else None


def _put(
    claim: Claim,
    site: Destination,
    article: Article,
    placed: Placed,
    clock: Callable[[], datetime],
) -> Sent:
    """Read, decide, and write unless it stands there already."""
    item = claim.item
    before = site.read(item.external_id, item.external_key, item.external_type)
    if article.visibility is Visibility.HIDDEN and not before.external_id:
        return Sent()
    body = site.body(article, placed, before)
    wanted = site.watched(body, before)
    desired = _desired_hash(body, wanted)
    seen = hash_of(before.watched)
    is_ours = before.is_untouched or before.watched == wanted or items.is_ours(item, before.watched)
    if not is_ours and not _may_overwrite(claim, seen):
        if claim.is_check:  # somebody went on writing there, and that is well
            return Sent(before, item.desired_hash)
        _commit_conflict(claim, before, clock())
        raise ChangedAtSite("It was changed at the site.", external_id=item.external_id, seen=seen)
    is_repeat = desired == item.desired_hash
    is_there = before.watched == wanted and (not body.unread or is_repeat)
    if is_there or (is_repeat and items.is_unchanged(item, before.watched)):
        return Sent(before, desired, drift=list(site.drift(wanted, before.watched)))
    _commit_sent(claim, hash_of(wanted), site.way, clock())
    after = site.write(body, before=before, key=item.external_key, revision=claim.record.revision)
    failpoint("publishing.delivery.after_write")
    return Sent(
        after,
        desired,
        is_written=True,
        is_new=before.is_untouched,
        drift=[*site.drift(wanted, after.watched), *after.unwritten],
        slug=_agreed_slug(article, after),
    )


def _desired_hash(body: Body, wanted: Watched) -> str:
    """Of what we want alone, without what people have added where we say nothing."""
    fields = {name: wanted.get(name, value) for name, value in body.fields.items()}
    return hash_of(fields | {"unread": body.unread})


def _agreed_slug(article: Article, after: Remote) -> dict[str, str] | None:
    """A suffix that the site gave: from then on the slug is sent with it."""
    if article.visibility is Visibility.HIDDEN or not after.slug or after.slug == article.slug:
        return None
    return {"sent": article.slug, "got": after.slug}


def _may_overwrite(claim: Claim, seen: str) -> bool:
    """The site's policy, or a person who saw exactly what stands there."""
    if claim.is_check:
        return False
    policy = claim.integration.config.get("conflict_policy")
    is_decided = claim.record.metadata.get("overwrite") == seen
    return bool(is_decided or policy == ConflictPolicy.OVERWRITE.value)


def _may_clear_up(claim: Claim, now: datetime) -> bool:
    """Whether nothing that was sent before can arrive any more."""
    item = claim.item
    return item.verify_at is not None and item.verify_at <= now


def _commit_terms(
    claim: Claim, rows: Sequence[OutgoingTerm], ids: dict[tuple[str, str], str], now: datetime
) -> None:
    with tenant(claim.account.pk, durable=True):
        hold(claim, now=now, stage=_stage(claim, PublishingStage.RESERVE))
        for row in rows:
            external_id = ids.get((row.taxonomy_type, row.slug), "")
            if external_id and external_id != row.external_id:
                link_taxonomy(
                    account=claim.account,
                    taxonomy_id=row.id,
                    external_taxonomy=external_taxonomy(claim.integration, row.taxonomy_type),
                    external_id=external_id,
                    now=now,
                )


def _commit_reserved(claim: Claim, external_id: str, now: datetime) -> None:
    with tenant(claim.account.pk, durable=True):
        hold(claim, now=now)
        items.note_reserved(claim.item, external_id, now=now)


def _commit_sent(claim: Claim, sent_hash: str, way: str, now: datetime) -> None:
    with tenant(claim.account.pk, durable=True):
        hold(claim, now=now, stage=_stage(claim, PublishingStage.FILL))
        items.note_sent(claim.item, sent_hash=sent_hash, way=way)


def _commit_conflict(claim: Claim, remote: Remote, now: datetime) -> None:
    with tenant(claim.account.pk, durable=True):
        hold(claim, now=now)
        items.note_conflict(claim.item, remote, now=now)


def _commit_gone(claim: Claim, now: datetime) -> None:
    with tenant(claim.account.pk, durable=True):
        hold(claim, now=now)
        items.note_gone(claim.item, now=now)


def _stage(claim: Claim, reached: PublishingStage) -> PublishingStage:
    """A check stays one, however far it comes."""
    return PublishingStage.VERIFY if claim.is_check else reached


def _ms(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
