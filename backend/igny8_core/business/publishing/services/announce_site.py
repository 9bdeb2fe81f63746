"""Tell search engines which pages of a site changed, after a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import structlog

from igny8_core.business.publishing import selectors
from igny8_core.business.publishing.errors import ReleaseDamaged
from igny8_core.business.publishing.models import DeploymentRecord
from igny8_core.business.publishing.services.release_store import release_store
from igny8_core.business.publishing.services.site_checks import WITHOUT_CANONICAL
from igny8_core.business.publishing.services.site_options import options_of
from igny8_core.business.publishing.states import DeploymentStatus
from igny8_core.clients.indexnow import URLS_MAX, IndexNowClient
from igny8_core.common.errors import ProviderRejected
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.publishing.services.release_manifest import Manifest
    from igny8_core.business.publishing.services.release_store import ReleaseStore

NOTE: Final = "indexnow"

log = structlog.get_logger(__name__)


def announce_site(
    *, account: Account, deployment_id: int, now: datetime, client: IndexNowClient | None = None
) -> int:
    """Hand the pages that changed since the last announcement to IndexNow.

    Nothing happens for a site that has no key, for a version that is not live any more, and on a
    repeat. A refusal is noted on the deployment and is no error: publishing never hangs on it.

    :returns: how many addresses were handed over.
    :raises NotFound: no such deployment in this account.
    :raises Transient: the service is away; a repeat hands over the same.
    """
    with tenant(account.pk, read_only=True):
        record = selectors.deployment(account=account, deployment_id=deployment_id)
        key = options_of(record.site).indexnow_key
        told = _last_told(account, record)
    is_live = record.status == DeploymentStatus.DEPLOYED
    if not key or not is_live or NOTE in record.metadata:
        return 0
    store = release_store(account_id=account.pk, site_id=record.site_id)
    manifest = store.manifest(record.version or 0)
    urls = _changed(manifest, _manifest_of(store, told))
    note: dict[str, Any] = {"urls": len(urls)}
    sender = client or IndexNowClient()
    try:
        for start in range(0, len(urls), URLS_MAX):
            note["status"] = sender.submit(
                host=urlsplit(manifest.base_url).hostname or "",
                key=key,
                key_location=f"{manifest.base_url}/{key}.txt",
                urls=urls[start : start + URLS_MAX],
            )
    except ProviderRejected as exc:
        log.warning("publishing.announce.refused", deployment_id=deployment_id, code=exc.code)
        note = {"urls": 0, "refused": exc.code, "status": exc.data.get("status")}
    _note(account=account, deployment_id=record.pk, note=note, now=now)
    return int(note["urls"])


def _last_told(account: Account, record: DeploymentRecord) -> int | None:
    """The newest version below this one that was announced, else the one that was live before."""
    rows = DeploymentRecord.objects.for_account(account).filter(
        site=record.site_id, version__lt=record.version, deployed_at__isnull=False
    )
    told = rows.filter(metadata__indexnow__status__in=[200, 202]).order_by("-version").first()
    before = told or rows.order_by("-version").first()
    return before.version if before else None


def _manifest_of(store: ReleaseStore, version: int | None) -> Manifest | None:
    try:
        return None if version is None else store.manifest(version)
    except ReleaseDamaged:  # pruned: everything counts as changed
        return None


def _changed(now: Manifest, before: Manifest | None) -> list[str]:
    """Addresses of pages that are new, different or gone."""
    old = before.files if before else {}
    paths = {path for path, entry in now.files.items() if old.get(path) != entry}
    paths |= {path for path in old if path not in now.files}
    pages = sorted(p for p in paths if p.endswith("index.html") and p not in WITHOUT_CANONICAL)
    return [f"{now.base_url}/{quote(path.removesuffix('index.html'))}" for path in pages]


@tenant_atomic()
def _note(*, account: Account, deployment_id: int, note: dict[str, Any], now: datetime) -> None:
    rows = DeploymentRecord.objects.for_account(account).select_for_update()
    record = rows.get(pk=deployment_id)
    rows.filter(pk=record.pk).update(metadata=record.metadata | {NOTE: note}, updated_at=now)
