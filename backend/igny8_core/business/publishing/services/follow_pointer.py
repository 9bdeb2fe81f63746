"""The pointer decides what is live; records and contents follow it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog

from igny8_core.auth.models import Site
from igny8_core.business.content import selectors as contents
from igny8_core.business.publishing.models import LIVE, DeploymentRecord, PublishingRecord
from igny8_core.business.publishing.states import (
    DEPLOYMENT,
    PUBLISHING,
    DeploymentStatus,
    Destination,
    PublishingStatus,
)
from igny8_core.common.errors import NotFound
from igny8_core.common.states import advance

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.publishing.services.release_manifest import Manifest
    from igny8_core.business.publishing.services.release_store import ReleaseStore

BATCH: Final = 1_000

log = structlog.get_logger(__name__)


def locked_site(*, account: Account, site_id: int) -> Site:
    """The site, locked: deployments and rollbacks of one site take turns.

    :raises NotFound: unknown, or another account's.
    """
    rows = Site.objects.for_account(account).select_for_update(no_key=True)
    found: Site | None = rows.filter(pk=site_id).first()
    if found is None:
        raise NotFound("no such site", site_id=site_id)
    return found


def follow_pointer(*, account: Account, site: Site, store: ReleaseStore, now: datetime) -> None:
    """Bring the records of a site in line with its pointer, after a crash or by hand.

    A deployment whose lease ran out is deployed if the pointer names its version, else it waits
    again; deployed versions above the pointer were rolled back. Call it with the site locked.
    """
    live = store.live_version()
    rows = DeploymentRecord.objects.for_account(account).filter(site=site)
    if live is None:
        _release_expired(rows, now)
        return
    running = rows.filter(status=DeploymentStatus.DEPLOYING, version=live).first()
    if running is not None:
        log.warning("publishing.deployment.found_live", site_id=site.pk, version=live)
        manifest = store.manifest(live)
        mark_deployed(account=account, record=running, manifest=manifest, now=now)
    _release_expired(rows, now)
    newer = rows.filter(status=DeploymentStatus.DEPLOYED, version__gt=live)
    if newer.exists():
        mark_rolled_back(account=account, site=site, manifest=store.manifest(live), now=now)


def mark_deployed(
    *, account: Account, record: DeploymentRecord, manifest: Manifest, now: datetime
) -> None:
    """Write down that the record's version is live, and which contents with it."""
    advance(
        record,
        DeploymentStatus.DEPLOYED,
        table=DEPLOYMENT,
        now=now,
        lease_expires_at=None,
        deployed_version=manifest.version,
        deployed_at=now,
        deployment_url=f"{manifest.base_url}/",
        build_hash=manifest.build_hash,
        manifest={
            "files": len(manifest.files),
            "size_bytes": manifest.size_bytes,
            "contents": {key: held["revision"] for key, held in manifest.contents.items()},
        },
        error_code="",
        error="",
    )
    settle_contents(account=account, site=record.site, manifest=manifest, now=now)


def mark_rolled_back(
    *, account: Account, site: Site, manifest: Manifest, now: datetime
) -> list[DeploymentRecord]:
    """Write down that a version is live again, and which newer ones are not any more."""
    rows = DeploymentRecord.objects.for_account(account).select_for_update()
    newer = rows.filter(
        site=site, status=DeploymentStatus.DEPLOYED, version__gt=manifest.version
    ).order_by("version")
    left = list(newer)
    for record in left:
        advance(
            record,
            DeploymentStatus.ROLLED_BACK,
            table=DEPLOYMENT,
            now=now,
            deployed_version=manifest.version,
            rolled_back_at=now,
        )
    settle_contents(account=account, site=site, manifest=manifest, now=now)
    return left


def settle_contents(*, account: Account, site: Site, manifest: Manifest, now: datetime) -> None:
    """Of each content that the release holds exactly that revision is live; of others none."""
    rows = PublishingRecord.objects.for_account(account).filter(
        site=site, destination=Destination.SITES
    )
    wanted = {int(key): held for key, held in manifest.contents.items()}
    live = {row.content_id: row for row in rows.filter(LIVE)}
    retired = [
        row.pk
        for content_id, row in live.items()
        if content_id not in wanted or wanted[content_id]["revision"] != row.revision
    ]
    if retired:
        rows.filter(pk__in=retired).update(retired_at=now, updated_at=now)
    moved = {
        content_id: held
        for content_id, held in wanted.items()
        if content_id not in live or live[content_id].pk in retired
    }
    for content_id, row in live.items():
        if row.pk not in retired and row.destination_url != wanted[content_id]["url"]:
            rows.filter(pk=row.pk).update(
                destination_url=wanted[content_id]["url"],
                destination_id=wanted[content_id]["path"],
                updated_at=now,
            )
    if moved:
        _publish(account, site, moved, manifest.version, now)


def _publish(
    account: Account,
    site: Site,
    moved: Mapping[int, dict[str, Any]],
    version: int,
    now: datetime,
) -> None:
    rows = PublishingRecord.objects.for_account(account).filter(
        site=site, destination=Destination.SITES, content_id__in=moved
    )
    before = {(row.content_id, row.revision): row for row in rows if row.published_at}
    pending = {row.content_id: row for row in rows.filter(status=PublishingStatus.PENDING)}
    known = contents.contents(account=account, site=site).filter(pk__in=moved)
    still_there = set(known.values_list("pk", flat=True))
    made: list[PublishingRecord] = []
    taken: list[PublishingRecord] = []
    for content_id, held in sorted(moved.items()):
        earlier = before.get((content_id, held["revision"]))
        if earlier is not None:  # a rollback brought it back
            rows.filter(pk=earlier.pk).update(
                retired_at=None, destination_url=held["url"], updated_at=now
            )
        elif content_id in still_there:
            waiting = pending.get(content_id)
            if waiting is None:
                made.append(_new_record(account, site, content_id, held))
            elif waiting.revision <= held["revision"]:
                taken.append(waiting)
            else:  # only after a rollback: what waits is newer than what is live again
                log.warning("publishing.record.newer_waits", record_id=waiting.pk)
    taken += PublishingRecord.unscoped.bulk_create(made, batch_size=BATCH)
    for record in taken:
        _go_live(record, moved[record.content_id], version, now)


def _new_record(
    account: Account, site: Site, content_id: int, held: Mapping[str, Any]
) -> PublishingRecord:
    return PublishingRecord(
        account=account,
        site=site,
        sector_id=held["sector"],
        content_id=content_id,
        destination=Destination.SITES,
        revision=held["revision"],
        idempotency_key=f"sites:{content_id}:{held['revision']}",
    )


def _go_live(
    record: PublishingRecord, held: Mapping[str, Any], version: int, now: datetime
) -> None:
    advance(
        record,
        PublishingStatus.PUBLISHING,
        table=PUBLISHING,
        now=now,
        revision=held["revision"],
        lease_token=record.lease_token + 1,
        lease_expires_at=now,
        attempts=record.attempts + 1,
    )
    advance(
        record,
        PublishingStatus.PUBLISHED,
        table=PUBLISHING,
        now=now,
        expect={"lease_token": record.lease_token},
        lease_expires_at=None,
        published_at=now,
        destination_id=held["path"],
        destination_url=held["url"],
        metadata={**record.metadata, "version": version},
    )


def _release_expired(rows: Any, now: datetime) -> None:
    """Give back the claim of a worker that died; its version was never live."""
    expired = rows.select_for_update().filter(
        status=DeploymentStatus.DEPLOYING, lease_expires_at__lte=now
    )
    for record in expired:
        log.warning("publishing.deployment.expired", deployment_id=record.pk)
        advance(record, DeploymentStatus.PENDING, table=DEPLOYMENT, now=now, lease_expires_at=None)
