"""An import's own rows: its record, its issues, its lease. Every function is one transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import F

from igny8_core.business.planning.errors import LeaseLost
from igny8_core.business.planning.models import KeywordImport, KeywordImportIssue, KeywordMapping
from igny8_core.business.planning.states import (
    DEAD_IMPORTS,
    KEYWORD_IMPORT,
    ImportStatus,
    IssueSeverity,
)
from igny8_core.common.errors import NotFound
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector, Site
    from igny8_core.business.planning.services.import_rows import BatchCounts
    from igny8_core.business.planning.services.import_staging import StagedRow
    from igny8_core.business.planning.services.keyword_files import Issue
    from igny8_core.common.errors import DomainError

LEASE = timedelta(minutes=2)
MAX_ATTEMPTS = 5
ISSUES_BATCH_ROWS = 5_000
MAX_REMEMBERED = 1_000


def locked_import(*, account: Account, import_id: int) -> KeywordImport:
    """One import of the account, locked.

    :raises NotFound: unknown, or another account's.
    """
    rows = KeywordImport.objects.for_account(account).select_for_update()
    found: KeywordImport | None = rows.filter(pk=import_id).first()
    if found is None:
        raise NotFound("no such import", import_id=import_id)
    return found


@tenant_atomic(durable=True)
def find_or_add(
    *, account: Account, site: Site, sector: Sector, key: str, values: Mapping[str, object]
) -> tuple[KeywordImport, bool]:
    """(the import of these bytes and options, whether it is new)."""
    rows = KeywordImport.objects.for_account(account).filter(sector=sector, idempotency_key=key)
    alive = rows.exclude(status__in=DEAD_IMPORTS)
    earlier: KeywordImport | None = alive.first()
    if earlier is not None:
        return earlier, False
    made = KeywordImport(account=account, site=site, sector=sector, idempotency_key=key, **values)
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError:  # the same file at the same time: theirs is the first
        theirs: KeywordImport | None = alive.first()
        if theirs is None:
            raise
        return theirs, False
    return made, True


@tenant_atomic(durable=True)
def fail(
    *,
    account: Account,  # noqa: ARG001 - the block's
    found: KeywordImport,
    error: DomainError,
    now: datetime,
) -> None:
    """The import ends here, and says why."""
    expect = {"lease_token": found.lease_token}
    advance(
        found,
        ImportStatus.FAILED,
        table=KEYWORD_IMPORT,
        now=now,
        expect=expect,
        error_code=error.code,
        error=error.message,
        lease_expires_at=None,
    )


def cancel(found: KeywordImport, *, now: datetime) -> None:
    """Stop it, in the open transaction."""
    advance(found, ImportStatus.CANCELLED, table=KEYWORD_IMPORT, now=now, lease_expires_at=None)


@tenant_atomic(durable=True)
def claim(*, account: Account, import_id: int, now: datetime) -> tuple[KeywordImport, bool]:
    """(the import under a fresh lease, True), or (one that is over, False).

    :raises TransitionNotAllowed: it failed, was cancelled, or somebody is importing it now.
    """
    found = locked_import(account=account, import_id=import_id)
    if found.status == ImportStatus.COMPLETED:
        return found, False
    ends_at = found.lease_expires_at
    if found.status == ImportStatus.IMPORTING and ends_at is not None and ends_at <= now:
        advance(
            found,
            ImportStatus.ANALYSED,
            table=KEYWORD_IMPORT,
            now=now,
            expect={"lease_token": found.lease_token},
            lease_expires_at=None,
        )
    advance(
        found,
        ImportStatus.IMPORTING,
        table=KEYWORD_IMPORT,
        now=now,
        attempts=found.attempts + 1,
        lease_token=found.lease_token + 1,
        lease_expires_at=now + LEASE,
    )
    return found, True


@tenant_atomic(durable=True)
def hand_back(
    *,
    account: Account,  # noqa: ARG001 - the block's
    found: KeywordImport,
    now: datetime,
) -> None:
    """The import waits for a person again."""
    advance(
        found,
        ImportStatus.ANALYSED,
        table=KEYWORD_IMPORT,
        now=now,
        expect={"lease_token": found.lease_token},
        lease_expires_at=None,
        requested_at=None,
    )


def count_attempt(found: KeywordImport, *, now: datetime) -> None:
    """Remember, before the work, that somebody took it; in the open transaction."""
    rows = KeywordImport.unscoped.filter(pk=found.pk, account_id=found.account_id)
    rows.update(attempts=F("attempts") + 1, updated_at=now)
    found.attempts += 1


def save_progress(
    *, account: Account, found: KeywordImport, rows: int, counts: BatchCounts, now: datetime
) -> None:
    """Counts go with the batch, under the lease: a worker that outlived it writes nothing.

    :raises LeaseLost: another worker has the import.
    """
    held = KeywordImport.objects.for_account(account).filter(
        pk=found.pk,
        lease_token=found.lease_token,
        lease_expires_at__isnull=False,
        keywords_done=found.keywords_done,
    )
    changed = held.update(
        keywords_done=F("keywords_done") + rows,
        created=F("created") + counts.created,
        updated=F("updated") + counts.updated,
        unchanged=F("unchanged") + counts.unchanged,
        skipped=F("skipped") + len(counts.deleted),
        lease_expires_at=now + LEASE,
        updated_at=now,
    )
    if changed != 1:
        raise LeaseLost("another worker has taken this import", import_id=found.pk)


@tenant_atomic(durable=True)
def complete(
    *,
    account: Account,  # noqa: ARG001 - the block's
    found: KeywordImport,
    now: datetime,
) -> None:
    """All rows are in."""
    advance(
        found,
        ImportStatus.COMPLETED,
        table=KEYWORD_IMPORT,
        now=now,
        expect={"lease_token": found.lease_token},
        lease_expires_at=None,
        completed_at=now,
    )
    found.refresh_from_db()


def save_issues(found: KeywordImport, issues: Iterable[Issue]) -> None:
    """Store what a reading found."""
    KeywordImportIssue.unscoped.bulk_create(
        (
            _issue(
                found,
                issue.row,
                issue.code,
                issue.text,
                column=issue.column,
                severity=issue.severity,
                row_end=issue.row_end,
                sheet=issue.sheet,
            )
            for issue in issues
        ),
        batch_size=ISSUES_BATCH_ROWS,
    )


def save_row_issues(found: KeywordImport, code: str, rows: Iterable[StagedRow]) -> None:
    """Store what became of rows while they were written."""
    KeywordImportIssue.unscoped.bulk_create(
        _issue(found, number, code, keyword, sheet=sheet)
        for number, sheet, keyword in (row.row for row in rows)
    )


def _issue(
    found: KeywordImport,
    row: int,
    code: str,
    text: str,
    *,
    column: str = "",
    severity: str = IssueSeverity.WARNING.value,
    row_end: int | None = None,
    sheet: str = "",
) -> KeywordImportIssue:
    return KeywordImportIssue(
        account_id=found.account_id,
        site_id=found.site_id,
        sector_id=found.sector_id,
        keyword_import_id=found.pk,
        sheet=sheet.replace("\x00", "")[:64],
        row=row,
        row_end=row_end,
        column=column[:100],
        code=code[:64],
        text=text.replace("\x00", "")[:255],
        severity=severity,
    )


@tenant_atomic()
def remembered_mappings(*, account: Account) -> dict[str, dict[str, str]]:
    """By header hash, the columns that people of the account chose; the newest ones."""
    rows = KeywordMapping.objects.for_account(account).order_by("-updated_at", "-pk")
    return dict(rows.values_list("header_hash", "columns")[:MAX_REMEMBERED])


def remember_mapping(
    *, account: Account, header_hash: str, columns: Mapping[str, str], now: datetime
) -> None:
    """Take these columns again when a file has the same header; in the open transaction."""
    KeywordMapping.unscoped.bulk_create(
        [
            KeywordMapping(
                account_id=account.pk,
                header_hash=header_hash,
                columns=dict(columns),
                updated_at=now,
            )
        ],
        update_conflicts=True,
        unique_fields=["account", "header_hash"],
        update_fields=["columns", "updated_at"],
    )


@tenant_atomic()
def forget_mapping(*, account: Account, header_hash: str) -> bool:
    """Find columns by their names again; whether there was another choice."""
    rows = KeywordMapping.objects.for_account(account).filter(header_hash=header_hash)
    return bool(rows.delete()[0])
