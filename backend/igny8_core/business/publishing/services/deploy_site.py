"""Put a site live: claim, build beside what is live, move the pointer, settle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.db.models import Max

from igny8_core.business.content import selectors as contents
from igny8_core.business.content.services.review import judge_approved, publish_approved
from igny8_core.business.publishing.errors import (
    DeploymentLost,
    DeploymentRunning,
    NothingToDeploy,
    ReleaseDamaged,
)
from igny8_core.business.publishing.models import DeploymentRecord
from igny8_core.business.publishing.selectors import site_sector_id, site_url
from igny8_core.business.publishing.services.follow_pointer import (
    follow_pointer,
    locked_site,
    mark_deployed,
    settle_contents,
)
from igny8_core.business.publishing.services.prune_releases import prune_releases
from igny8_core.business.publishing.services.release_manifest import Media, Release
from igny8_core.business.publishing.services.release_store import release_store
from igny8_core.business.publishing.services.site_build import build_hash, render_site
from igny8_core.business.publishing.services.site_reading import contents_of, read_site
from igny8_core.business.publishing.states import DEPLOYMENT, DeploymentStatus
from igny8_core.common.errors import DomainError, Transient
from igny8_core.common.failpoints import failpoint
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account, Site
    from igny8_core.business.publishing.services.release_manifest import Manifest, Pointer
    from igny8_core.business.publishing.services.release_store import ReleaseStore

log = structlog.get_logger(__name__)

LEASE: Final = timedelta(seconds=120)
"""How long a silent worker keeps others waiting; renewed after each step."""

ERROR_LENGTH: Final = 2_000


@dataclass(frozen=True)
class _Claim:
    account: Account
    site: Site
    record: DeploymentRecord
    store: ReleaseStore
    pointer: Pointer
    live: DeploymentRecord | None
    base_url: str

    @property
    def version(self) -> int:
        return self.record.version or 0

    @property
    def live_version(self) -> int | None:
        return self.live.version if self.live else None


def deploy_site(
    *, account: Account, site_id: int, fence: Callable[[], None], clock: Callable[[], datetime]
) -> DeploymentRecord:
    """Publish what was approved and put the site live as a new version.

    Safe to repeat: the same contents make the same build, and a build that equals the live one
    is no new version; then the live one's record is returned. A crash leaves the live version as
    it was; the next call finds out from the pointer how far this one came.

    :param fence: called first inside the transaction that moves the pointer.
    :raises NotFound: no such site in this account.
    :raises NothingToDeploy: nothing is published or approved; nothing was written.
    :raises DeploymentRunning: another worker builds this site; nothing was written.
    :raises InvalidInput: the site's own address is none.
    :raises BuildBroken: the built site fails its checks; the live version stays.
    :raises ReleaseDamaged: an image file is missing; the live version stays.
    """
    judged = judge_approved(account=account, site_id=site_id, now=clock())
    claim = _claim(account=account, site_id=site_id, judged=judged, now=clock())
    failpoint("publishing.after_claim")
    try:
        built = _build(claim, clock)
        failpoint("publishing.after_build")
        if isinstance(built, DeploymentRecord):
            return _keep_live(account=account, claim=claim, live=built, fence=fence, now=clock())
        record = _settle(account=account, claim=claim, manifest=built, fence=fence, now=clock())
    except Exception as exc:
        _give_back(account=account, claim=claim, exc=exc, now=clock())
        raise
    log.info("publishing.site.deployed", site_id=site_id, version=record.version)
    _prune(account=account, site_id=site_id, now=clock())
    return record


def _prune(*, account: Account, site_id: int, now: datetime) -> None:
    """Remove old versions; what fails now is done after the next deployment."""
    try:
        prune_releases(account=account, site_id=site_id, now=now)
    except (DatabaseError, DomainError, OSError) as exc:
        log.warning("publishing.prune.failed", site_id=site_id, error=type(exc).__name__)


@tenant_atomic(durable=True)
def _claim(*, account: Account, site_id: int, judged: Mapping[int, int], now: datetime) -> _Claim:
    site = locked_site(account=account, site_id=site_id)
    store = release_store(account_id=account.pk, site_id=site_id)
    follow_pointer(account=account, site=site, store=store, now=now)
    pointer = store.pointer()
    rows = DeploymentRecord.objects.for_account(account).filter(site=site)
    if rows.filter(status=DeploymentStatus.DEPLOYING).exists():
        raise DeploymentRunning("this site is being deployed", site_id=site_id)
    publish_approved(account=account, site=site, judged=judged, now=now)
    live = rows.filter(status=DeploymentStatus.DEPLOYED, version=pointer.version).first()
    if live is None and not contents.content_counts(account=account, site=site).published:
        raise NothingToDeploy("the site has no content that may go live", site_id=site_id)
    record = rows.filter(status=DeploymentStatus.PENDING).first() or DeploymentRecord(
        account=account, site=site, sector_id=site_sector_id(account=account, site=site)
    )
    if record.pk is None:
        record.save()
    known = [rows.aggregate(last=Max("version"))["last"] or 0, *store.versions()]
    advance(
        record,
        DeploymentStatus.DEPLOYING,
        table=DEPLOYMENT,
        now=now,
        version=max(known) + 1,
        lease_token=record.lease_token + 1,
        lease_expires_at=now + LEASE,
        attempts=record.attempts + 1,
        error_code="",
        error="",
    )
    base_url = site_url(site=site).rstrip("/")
    return _Claim(account, site, record, store, pointer, live, base_url)


def _build(claim: _Claim, clock: Callable[[], datetime]) -> Manifest | DeploymentRecord:
    """Render and write the version; the live one's record when it would be the same again."""
    store = claim.store
    store.remove_leftovers()
    earlier = claim.live_version if _is_sound(claim) else None
    reusable = store.reusable(earlier)
    media = Media(Path(settings.MEDIA_ROOT), reusable.digests)
    source = read_site(
        account=claim.account,
        site=claim.site,
        base_url=claim.base_url,
        media=media,
        live=store.manifest(earlier) if earlier else None,
    )
    _renew(account=claim.account, record=claim.record, now=clock())
    build = render_site(source, earlier=reusable.earlier)
    held = contents_of(source)
    if (
        earlier is not None
        and claim.live is not None
        and claim.live.build_hash == build_hash(build.entries, held)
    ):
        return claim.live
    _renew(account=claim.account, record=claim.record, now=clock())
    failpoint("publishing.before_write")
    manifest = store.write(
        Release(
            build=build,
            version=claim.version,
            base_url=claim.base_url,
            contents=held,
            media=media,
            earlier=earlier,
        )
    )
    _renew(account=claim.account, record=claim.record, now=clock())
    return manifest


def _is_sound(claim: _Claim) -> bool:
    """Whether the live version's files are what they were, and may be taken over."""
    try:
        return claim.live_version is not None and claim.store.is_sound(claim.live_version)
    except (ReleaseDamaged, OSError):
        return False


@tenant_atomic(durable=True)
def _renew(*, account: Account, record: DeploymentRecord, now: datetime) -> None:
    """Extend the lease.

    :raises DeploymentLost: another worker has it.
    """
    mine = DeploymentRecord.objects.for_account(account).filter(
        pk=record.pk, status=DeploymentStatus.DEPLOYING, lease_token=record.lease_token
    )
    if mine.update(lease_expires_at=now + LEASE) != 1:
        raise DeploymentLost("another worker deploys this site", deployment_id=record.pk)


@tenant_atomic(durable=True)
def _settle(
    *,
    account: Account,
    claim: _Claim,
    manifest: Manifest,
    fence: Callable[[], None],
    now: datetime,
) -> DeploymentRecord:
    """Move the pointer and the records in one transaction; while it is open nobody else can."""
    fence()
    locked_site(account=account, site_id=claim.site.pk)
    record = _own(account, claim)
    claim.store.switch(claim.version, expected=claim.pointer)
    failpoint("publishing.after_activate")
    mark_deployed(account=account, record=record, manifest=manifest, now=now)
    return record


@tenant_atomic(durable=True)
def _keep_live(
    *,
    account: Account,
    claim: _Claim,
    live: DeploymentRecord,
    fence: Callable[[], None],
    now: datetime,
) -> DeploymentRecord:
    """There is nothing new: drop the claim, keep what is live."""
    fence()
    locked_site(account=account, site_id=claim.site.pk)
    _own(account, claim).delete()
    manifest = claim.store.manifest(live.version or 0)
    settle_contents(account=account, site=claim.site, manifest=manifest, now=now)
    return live


@tenant_atomic(durable=True)
def _give_back(*, account: Account, claim: _Claim, exc: Exception, now: datetime) -> None:
    """End a failed attempt, unless the pointer says that it got through."""
    locked_site(account=account, site_id=claim.site.pk)
    rows = DeploymentRecord.objects.for_account(account).select_for_update()
    record = rows.filter(
        pk=claim.record.pk,
        status=DeploymentStatus.DEPLOYING,
        lease_token=claim.record.lease_token,
    ).first()
    if record is None:
        return
    if claim.store.live_version() == claim.version:
        manifest = claim.store.manifest(claim.version)
        mark_deployed(account=account, record=record, manifest=manifest, now=now)
        return
    claim.store.remove(claim.version)
    code = exc.code if isinstance(exc, DomainError) else "unexpected"
    text = exc.message if isinstance(exc, DomainError) else repr(exc)
    if isinstance(exc, DomainError) and exc.data.get("problems"):
        text = "\n".join([text, *map(str, exc.data["problems"])])  # type: ignore[arg-type]
    to = DeploymentStatus.PENDING if isinstance(exc, Transient) else DeploymentStatus.FAILED
    advance(
        record,
        to,
        table=DEPLOYMENT,
        now=now,
        lease_expires_at=None,
        deployed_version=claim.live_version,
        error_code=code,
        error=text[:ERROR_LENGTH],
    )


def _own(account: Account, claim: _Claim) -> DeploymentRecord:
    """The claimed record, locked.

    :raises DeploymentLost: another worker has it by now.
    """
    rows = DeploymentRecord.objects.for_account(account).select_for_update()
    record: DeploymentRecord | None = rows.filter(
        pk=claim.record.pk,
        status=DeploymentStatus.DEPLOYING,
        lease_token=claim.record.lease_token,
    ).first()
    if record is None:
        raise DeploymentLost("another worker deploys this site", site_id=claim.site.pk)
    return record
