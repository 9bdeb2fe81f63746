"""Imports of pages in the background: asked for, found again after a crash, forgotten, told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Q

from igny8_core.business.integration import selectors
from igny8_core.business.integration.models import ContentImport
from igny8_core.business.integration.services.import_pages import (
    analyse_page_upload,
    cancel_page_import,
    import_pages,
)
from igny8_core.business.integration.states import PAGE_IMPORT, PageImportStatus
from igny8_core.business.planning.services import import_store as store
from igny8_core.common.csv_write import write_csv
from igny8_core.common.errors import NotFound, TransitionNotAllowed
from igny8_core.common.queue import enqueue_on_commit, publish
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from typing import BinaryIO

    from igny8_core.auth.models import Account

RUN_IMPORT, QUEUE = "integration.run_page_import", "planning_heavy"
FORGOTTEN_AFTER = timedelta(minutes=1)
KEPT_FOR = timedelta(days=30)
BATCH = 200
ISSUE_HEADER = ("File", "Row", "Code", "Text", "How often")
_WAITING = [PageImportStatus.UPLOADED, PageImportStatus.ANALYSED]
_READ_ROWS = 2_000


@tenant_atomic()
def start_page_import(*, account: Account, import_id: int, now: datetime) -> ContentImport:
    """Let a worker do the next step: look into an upload, or write an analysed file.

    Progress is in the row. A repeat is harmless; an import that runs or is over is returned.

    :raises NotFound: no such import of this account.
    :raises TransitionNotAllowed: it failed or was cancelled.
    """
    rows = ContentImport.objects.for_account(account)
    found: ContentImport | None = rows.select_for_update().filter(pk=import_id).first()
    if found is None:
        raise NotFound("no such import", import_id=import_id)
    if found.status in {PageImportStatus.IMPORTING, PageImportStatus.COMPLETED}:
        return found
    if found.status not in _WAITING:
        raise TransitionNotAllowed(
            f"The import is {found.status}.",
            source=found.status,
            target=PageImportStatus.IMPORTING,
        )
    rows.filter(pk=found.pk).update(requested_at=now, updated_at=now)
    found.requested_at = now
    enqueue_on_commit(RUN_IMPORT, queue=QUEUE, account_id=account.pk, page_import_id=found.pk)
    return found


def run_page_import(
    *, account: Account, import_id: int, clock: Callable[[], datetime]
) -> ContentImport:
    """The next step of an import that somebody asked for: the call of a worker.

    Raises what :func:`~.import_pages.analyse_page_upload` and :func:`~.import_pages.import_pages`
    raise.
    """
    with tenant(account.pk, read_only=True):
        found = selectors.page_import(account=account, import_id=import_id)
    if found.status == PageImportStatus.UPLOADED:
        return analyse_page_upload(account=account, import_id=import_id, now=clock())
    return import_pages(account=account, import_id=import_id, clock=clock)


def resume_page_imports(*, now: datetime, limit: int = BATCH) -> int:
    """Send a hint for imports that were asked for and that nobody works on; returns how many."""
    rows = ContentImport.objects.across_accounts(reason="imports that wait or lost their worker")
    waits = Q(status__in=_WAITING, requested_at__lte=now - FORGOTTEN_AFTER)
    lost = Q(
        status=PageImportStatus.IMPORTING, lease_expires_at__lte=now, requested_at__isnull=False
    )
    due = rows.filter(waits | lost).order_by("requested_at", "pk")
    sent = 0
    for account_id, import_id in due.values_list("account_id", "pk")[:limit]:
        if not publish(RUN_IMPORT, queue=QUEUE, account_id=account_id, page_import_id=import_id):
            break
        sent += 1
    return sent


@dataclass(frozen=True)
class _AccountKey:
    """An account by its key alone: a sweep needs no more."""

    pk: int


def prune_page_imports(*, now: datetime, limit: int = BATCH) -> int:
    """Forget the bytes of imports that are a month old; returns how many.

    The record, its counts and its issues stay. One that nobody has started is cancelled.
    """
    rows = ContentImport.objects.across_accounts(reason="files that are kept no longer")
    old = rows.filter(created_at__lte=now - KEPT_FOR).exclude(storage_path="")
    old = old.exclude(status=PageImportStatus.IMPORTING)
    found = list(old.order_by("pk").values_list("account_id", "pk")[:limit])
    for account_id, import_id in found:
        _forget(_AccountKey(account_id), import_id, now=now)
    return len(found)


def _forget(account: Any, import_id: int, *, now: datetime) -> None:
    with tenant(account.pk):
        rows = ContentImport.objects.for_account(account)
        found = rows.filter(pk=import_id).first()
        if found is None:
            return
        same = rows.filter(storage_path=found.storage_path, created_at__gt=now - KEPT_FOR)
        is_shared = same.exists()
        if PAGE_IMPORT.allows(found.status, PageImportStatus.CANCELLED):
            cancel_page_import(account=account, import_id=import_id, now=now)
        rows.filter(pk=import_id).update(storage_path="")
    if not is_shared:
        store.discard(found.storage_path)


def write_page_issues(*, account: Account, import_id: int, out: BinaryIO) -> int:
    """Write every issue of an import as CSV; returns how many there are.

    :raises NotFound: no such import of this account.
    """
    with tenant(account.pk, read_only=True):
        found = selectors.page_import(account=account, import_id=import_id)

        def rows() -> Iterator[list[Any]]:
            issues = selectors.page_issues(account=account, import_id=found.pk)
            for issue in issues.iterator(_READ_ROWS):
                row = issue.row or None
                yield [found.file_name, row, issue.code, issue.text, issue.count]

        return write_csv(out, ISSUE_HEADER, rows())
