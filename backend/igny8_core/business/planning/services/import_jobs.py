"""Imports in the background: asked for, found again after a crash, forgotten after a month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from django.db.models import Q

from igny8_core.business.planning.models import KeywordImport, KeywordImportChange
from igny8_core.business.planning.services import import_records as records
from igny8_core.business.planning.services import import_store as store
from igny8_core.business.planning.services.undo_import import KEPT_FOR
from igny8_core.business.planning.states import KEYWORD_IMPORT, ImportStatus
from igny8_core.common.errors import TransitionNotAllowed
from igny8_core.common.queue import enqueue_on_commit, publish
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account

log = structlog.get_logger(__name__)

RUN_IMPORT, QUEUE = "planning.run_import", "planning_heavy"
FORGOTTEN_AFTER = timedelta(minutes=1)
BATCH = 200
_WAITING = [ImportStatus.UPLOADED, ImportStatus.ANALYSED]


@tenant_atomic()
def start_keyword_import(*, account: Account, import_id: int, now: datetime) -> KeywordImport:
    """Let a worker do the next step of an import: analyse an upload, or write an analysed file.

    Progress is in the row. A repeat is harmless; an import that runs or is over is returned.

    :raises NotFound: no such import of this account.
    :raises TransitionNotAllowed: it failed, was cancelled or undone.
    """
    found = records.locked_import(account=account, import_id=import_id)
    if found.status in {ImportStatus.IMPORTING, ImportStatus.COMPLETED}:
        return found
    if found.status not in _WAITING:
        raise TransitionNotAllowed(
            f"The import is {found.status}.", source=found.status, target=ImportStatus.IMPORTING
        )
    rows = KeywordImport.objects.for_account(account).filter(pk=found.pk)
    rows.update(requested_at=now, updated_at=now)
    found.requested_at = now
    enqueue_on_commit(RUN_IMPORT, queue=QUEUE, account_id=account.pk, import_id=found.pk)
    return found


def resume_imports(*, now: datetime, limit: int = BATCH) -> int:
    """Send a hint for imports that were asked for and that nobody works on; returns how many.

    A worker that died lost its lease, a message may be lost: the rows say what is to be done.
    """
    rows = KeywordImport.objects.across_accounts(reason="imports that wait or lost their worker")
    waits = Q(status__in=_WAITING, requested_at__lte=now - FORGOTTEN_AFTER)
    lost = Q(status=ImportStatus.IMPORTING, lease_expires_at__lte=now, requested_at__isnull=False)
    due = rows.filter(waits | lost).order_by("requested_at", "pk")
    sent = 0
    for account_id, import_id in due.values_list("account_id", "pk")[:limit]:
        if not publish(RUN_IMPORT, queue=QUEUE, account_id=account_id, import_id=import_id):
            break
        sent += 1
    return sent


@dataclass(frozen=True)
class AccountKey:
    """An account by its key alone: a sweep needs no more."""

    pk: int


def prune_imports(*, now: datetime, limit: int = BATCH) -> int:
    """Forget bytes, rows and former values of imports that are a month old; returns how many.

    The record, its counts and its issues stay.
    """
    rows = KeywordImport.objects.across_accounts(reason="files that are kept no longer")
    old = rows.filter(created_at__lte=now - KEPT_FOR).exclude(storage_path="", rows_path="")
    old = old.exclude(status=ImportStatus.IMPORTING)
    found = list(old.order_by("pk").values_list("account_id", "pk")[:limit])
    for account_id, import_id in found:
        _forget(AccountKey(account_id), import_id, now=now)
    if found:
        log.info("planning.imports.pruned", imports=len(found))
    return len(found)


def _forget(account: AccountKey, import_id: int, *, now: datetime) -> None:
    with tenant(account.pk):
        rows = KeywordImport.objects.for_account(account)
        found = rows.filter(pk=import_id).first()
        if found is None:
            return
        same_bytes = rows.filter(storage_path=found.storage_path, created_at__gt=now - KEPT_FOR)
        is_shared = same_bytes.exists()
        if found.status in _WAITING and KEYWORD_IMPORT.allows(found.status, ImportStatus.CANCELLED):
            records.cancel(found, now=now)
        KeywordImportChange.objects.for_account(account).filter(
            keyword_import_id=import_id
        ).delete()
        rows.filter(pk=import_id).update(storage_path="", rows_path="")
    store.discard(found.rows_path)
    if not is_shared:
        store.discard(found.storage_path)
