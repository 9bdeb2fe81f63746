"""Go back to an older version: one move of the pointer, nothing is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from igny8_core.business.publishing import selectors
from igny8_core.business.publishing.errors import (
    DeploymentRunning,
    ReleaseDamaged,
    VersionNotAvailable,
)
from igny8_core.business.publishing.models import DeploymentRecord
from igny8_core.business.publishing.services.follow_pointer import (
    follow_pointer,
    locked_site,
    mark_rolled_back,
)
from igny8_core.business.publishing.services.release_store import release_store
from igny8_core.business.publishing.states import DeploymentStatus
from igny8_core.common.failpoints import failpoint
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.publishing.services.release_store import ReleaseStore

log = structlog.get_logger(__name__)

DAMAGE_SHOWN: Final = 3
WAY_OUT: Final = (
    "`igny8 site releases` lists the versions that can; a deployment builds what is published now."
)


def rollback_site(
    *, account: Account, site_id: int, version: int, clock: Callable[[], datetime]
) -> DeploymentRecord:
    """Make an older version live again; the newer ones become ``rolled_back``.

    The contents stay as they are: the next deployment builds them anew. Safe to repeat.

    :raises NotFound: no such site in this account.
    :raises VersionNotAvailable: never live, rolled back itself, or its files are gone or changed.
    :raises DeploymentRunning: a deployment is on its way and would undo this. Nothing moved.
    """
    damage = _damage(account, site_id, version)
    record = _roll_back(
        account=account, site_id=site_id, version=version, damage=damage, now=clock()
    )
    log.info("publishing.site.rolled_back", site_id=site_id, version=version)
    return record


def roll_back_to(*, account: Account, deployment_id: int, now: datetime) -> DeploymentRecord:
    """Make the version of an older deployment live again. Safe to repeat.

    :raises NotFound: no such deployment in this account.
    :raises VersionNotAvailable: as in :func:`rollback_site`.
    :raises DeploymentRunning: likewise. Nothing moved.
    """
    with tenant(account.pk, read_only=True):
        target = selectors.rollback_target(account=account, deployment_id=deployment_id)
    return rollback_site(
        account=account, site_id=target.site_id, version=target.version or 0, clock=lambda: now
    )


@tenant_atomic(durable=True)
def _roll_back(
    *, account: Account, site_id: int, version: int, damage: str, now: datetime
) -> DeploymentRecord:
    site = locked_site(account=account, site_id=site_id)
    store = release_store(account_id=account.pk, site_id=site_id)
    follow_pointer(account=account, site=site, store=store, now=now)
    pointer = store.pointer()
    rows = DeploymentRecord.objects.for_account(account).filter(site=site)
    if rows.filter(status=DeploymentStatus.DEPLOYING).exists():
        raise DeploymentRunning("this site is being deployed", site_id=site_id)
    record: DeploymentRecord | None = rows.filter(version=version).first()
    problem = _problem(store, record, version) or damage
    if record is None or problem:
        raise VersionNotAvailable(f"{problem} {WAY_OUT}", version=version)
    if pointer.version == version:
        return record
    store.switch(version, expected=pointer)
    failpoint("publishing.after_rollback_activate")
    mark_rolled_back(account=account, site=site, manifest=store.manifest(version), now=now)
    return record


def _problem(store: ReleaseStore, record: DeploymentRecord | None, version: int) -> str:
    """Why a version cannot come back; empty if it can."""
    if record is None:
        return f"There is no version {version}."
    if record.status == DeploymentStatus.ROLLED_BACK:
        return f"Version {version} was rolled back itself."
    if record.status != DeploymentStatus.DEPLOYED:
        return f"Version {version} was never live."
    if record.pruned_at is not None or version not in store.versions():
        return f"The files of version {version} were removed: only the newest stay."
    return ""


def _damage(account: Account, site_id: int, version: int) -> str:
    """What is wrong with the files of a version; empty if nothing.

    Every one is read, which takes a while at a large site: no transaction is open. They are never
    changed, so what is found holds later.
    """
    try:
        damage = release_store(account_id=account.pk, site_id=site_id).damage(version)
    except ReleaseDamaged:
        return f"The manifest of version {version} cannot be read."
    if damage:
        shown = "; ".join(damage[:DAMAGE_SHOWN])
        return f"Version {version} is not what it was ({len(damage)} files: {shown})."
    return ""
