"""A keyword file on its way in: uploaded, analysed, imported, and nothing twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import IntegrityError, transaction
from django.db.models import F

from igny8_core.auth.errors import PlanLimitReached
from igny8_core.auth.selectors import sector as sector_of
from igny8_core.business.planning.errors import KeywordFileInvalid, LeaseLost
from igny8_core.business.planning.models import KeywordImport, KeywordImportIssue
from igny8_core.business.planning.services.cluster_counts import lock_sector
from igny8_core.business.planning.services.import_rows import (
    BatchCounts,
    KnownKeywords,
    known_keywords,
    write_keywords,
)
from igny8_core.business.planning.services.keyword_limit import (
    refuse_too_many_keywords,
    take_keyword_room,
)
from igny8_core.business.planning.services.keyword_rows import (
    KeywordRow,
    ParsedFile,
    ReadOptions,
    parse_keyword_file,
)
from igny8_core.business.planning.states import KEYWORD_IMPORT, ImportStatus, IssueSeverity
from igny8_core.common.errors import NotFound, StaleState
from igny8_core.common.idempotency import fingerprint
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector, Site
    from igny8_core.business.planning.services.keyword_files import Issue

log = structlog.get_logger(__name__)

BATCH_ROWS = 5_000
ISSUES_BATCH_ROWS = 5_000
MAX_BATCH_TRIES = 5
LEASE = timedelta(minutes=2)
_VERSION = 1
_OPEN = [ImportStatus.UPLOADED, ImportStatus.ANALYSED, ImportStatus.IMPORTING]


def analyse_keyword_file(
    *,
    account: Account,
    site: Site,
    sector: Sector,
    file_name: str,
    data: bytes,
    options: ReadOptions,
    now: datetime,
) -> KeywordImport:
    """Store a file, read it, and say what importing it would do. No keyword is written.

    Safe to repeat: the same bytes with the same options return the first import, whatever has
    become of it, unless it failed or was cancelled.

    :raises KeywordFileInvalid: one of its subclasses; the import stays on record as failed.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    found = _upload(
        account=account,
        site=site,
        sector=sector,
        file_name=file_name,
        data=data,
        sha256=sha256,
        options=options,
    )
    if found.status != ImportStatus.UPLOADED:
        return found
    try:
        parsed = parse_keyword_file(data, file_name=file_name, options=options)
    except KeywordFileInvalid as exc:
        _fail(account=account, found=found, error=exc, now=now)
        raise
    _settle_analysis(account=account, found=found, parsed=parsed, now=now)
    return found


@tenant_atomic(durable=True)
def _upload(
    *,
    account: Account,
    site: Site,
    sector: Sector,
    file_name: str,
    data: bytes,
    sha256: str,
    options: ReadOptions,
) -> KeywordImport:
    """The import's row: the first one of these bytes and options, or a new one."""
    key = fingerprint(_VERSION, sha256=sha256, options=options.as_json())
    rows = KeywordImport.objects.for_account(account).filter(sector=sector, idempotency_key=key)
    alive = rows.exclude(status__in=[ImportStatus.FAILED, ImportStatus.CANCELLED])
    earlier: KeywordImport | None = alive.first()
    if earlier is not None:
        return earlier
    path = f"{account.pk}/{sha256}"
    if not storages["imports"].exists(path):
        path = storages["imports"].save(path, ContentFile(data))
    try:
        with transaction.atomic():
            return KeywordImport.unscoped.create(
                account=account,
                site=site,
                sector=sector,
                file_name=file_name[-255:],
                sha256=sha256,
                size_bytes=len(data),
                storage_path=path,
                idempotency_key=key,
                options=options.as_json(),
            )
    except IntegrityError:  # the same file at the same time: theirs is the first
        theirs: KeywordImport | None = alive.first()
        if theirs is None:
            raise
        return theirs


@tenant_atomic(durable=True)
def _fail(
    *,
    account: Account,  # noqa: ARG001 - the block's
    found: KeywordImport,
    error: KeywordFileInvalid,
    now: datetime,
) -> None:
    advance(
        found,
        ImportStatus.FAILED,
        table=KEYWORD_IMPORT,
        now=now,
        error_code=error.code,
        error=error.message,
        lease_expires_at=None,
    )


@tenant_atomic(durable=True)
def _settle_analysis(
    *, account: Account, found: KeywordImport, parsed: ParsedFile, now: datetime
) -> None:
    """Store the report and the issues; the rows themselves are read again from the bytes."""
    norms = {row.keyword_norm for row in parsed.rows}
    known = known_keywords(account=account, sector_id=found.sector_id, norms=norms)
    report = {
        **parsed.report,
        "file": found.file_name,
        "keywords": len(parsed.rows),
        "known_keywords": len(known.live),
        "issues": dict(sorted(Counter(issue.code for issue in parsed.issues).items())),
    }
    advance(
        found,
        ImportStatus.ANALYSED,
        table=KEYWORD_IMPORT,
        now=now,
        profile=parsed.profile.name,
        encoding=parsed.encoding,
        delimiter=parsed.delimiter,
        header_row=parsed.header_row,
        mapping=parsed.mapping,
        report=report,
        keywords_total=len(parsed.rows),
        rows_read=parsed.rows_read,
        merged=parsed.merged,
        skipped=parsed.skipped,
    )
    _save_issues(found, parsed.issues)


def import_keywords(
    *, account: Account, import_id: int, clock: Callable[[], datetime]
) -> KeywordImport:
    """Write an analysed file's keywords, batch by batch: claim, write, settle.

    A crash leaves the import leased; whoever calls next after the lease goes on behind the last
    batch and ends with the same rows and counts. A repeat of a completed import returns it.

    :raises NotFound: no such import of this account.
    :raises TransitionNotAllowed: it failed, was cancelled, or somebody is importing it now.
    :raises PlanLimitReached: the plan allows fewer keywords; nothing was written, or, when
        others filled the plan meanwhile, the batches before. It can go on from there.
    :raises StaleState: the lease was lost to another worker, which goes on.
    """
    found, is_done = _claim(account=account, import_id=import_id, now=clock())
    if is_done:
        return found
    with storages["imports"].open(found.storage_path) as file:
        data: bytes = file.read()
    parsed = parse_keyword_file(
        data, file_name=found.file_name, options=ReadOptions(**found.options)
    )
    del data
    try:
        _write(account=account, found=found, parsed=parsed, clock=clock)
    except PlanLimitReached:
        _hand_back(account=account, found=found, now=clock())
        raise
    _complete(account=account, found=found, now=clock())
    return found


def _write(
    *,
    account: Account,
    found: KeywordImport,
    parsed: ParsedFile,
    clock: Callable[[], datetime],
) -> None:
    """What is left of the file, batch by batch."""
    known = _known(account=account, found=found, parsed=parsed)
    _check_plan(account=account, found=found, parsed=parsed, known=known)
    for batch in _batches(parsed.rows[found.keywords_done :]):
        for attempt in range(1, MAX_BATCH_TRIES + 1):
            try:
                _write_batch(
                    account=account,
                    found=found,
                    parsed=parsed,
                    rows=batch,
                    known=known,
                    now=clock(),
                )
            except StaleState as exc:  # somebody wrote the same keywords meanwhile
                if attempt == MAX_BATCH_TRIES or isinstance(exc, LeaseLost):
                    raise
                log.info("planning.import.batch_repeated", import_id=found.pk, attempt=attempt)
                known = _known(account=account, found=found, parsed=parsed)
            else:
                found.keywords_done += len(batch)
                break


@tenant_atomic(durable=True)
def _claim(*, account: Account, import_id: int, now: datetime) -> tuple[KeywordImport, bool]:
    """(the import under a fresh lease, False), or (a completed one, True)."""
    found = keyword_import(account=account, import_id=import_id)
    if found.status == ImportStatus.COMPLETED:
        return found, True
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
        lease_token=found.lease_token + 1,
        lease_expires_at=now + LEASE,
    )
    return found, False


@tenant_atomic(durable=True)
def _known(*, account: Account, found: KeywordImport, parsed: ParsedFile) -> KnownKeywords:
    norms = {row.keyword_norm for row in parsed.rows[found.keywords_done :]}
    return known_keywords(account=account, sector_id=found.sector_id, norms=norms)


@tenant_atomic(durable=True)
def _check_plan(
    *, account: Account, found: KeywordImport, parsed: ParsedFile, known: KnownKeywords
) -> None:
    left = parsed.rows[found.keywords_done :]
    refuse_too_many_keywords(account=account, wanted=_new(found, left, known))


def _new(found: KeywordImport, rows: Sequence[KeywordRow], known: KnownKeywords) -> int:
    """How many of the rows are going to be new keywords."""
    gone = known.deleted if found.options["keeps_deleted"] else ()
    norms = (row.keyword_norm for row in rows)
    return sum(norm not in known.live and norm not in gone for norm in norms)


@tenant_atomic(durable=True)
def _hand_back(
    *,
    account: Account,  # noqa: ARG001 - the block's
    found: KeywordImport,
    now: datetime,
) -> None:
    advance(
        found,
        ImportStatus.ANALYSED,
        table=KEYWORD_IMPORT,
        now=now,
        expect={"lease_token": found.lease_token},
        lease_expires_at=None,
    )


@tenant_atomic(durable=True)
def _write_batch(
    *,
    account: Account,
    found: KeywordImport,
    parsed: ParsedFile,
    rows: Sequence[KeywordRow],
    known: KnownKeywords,
    now: datetime,
) -> None:
    """One batch, whole or not at all."""
    take_keyword_room(account=account, wanted=_new(found, rows, known))
    lock_sector(account=account, sector_id=found.sector_id)
    sector = sector_of(account=account, sector_id=found.sector_id)
    counts = write_keywords(
        account=account,
        sector=sector,
        rows=rows,
        known=known,
        tool=parsed.profile.name,
        import_id=found.pk,
        keeps_deleted=found.options["keeps_deleted"],
        now=now,
    )
    _save_deleted(found, rows, counts)
    _save_progress(account=account, found=found, rows=rows, counts=counts, now=now)


def _save_deleted(found: KeywordImport, rows: Iterable[KeywordRow], counts: BatchCounts) -> None:
    gone = set(counts.deleted)
    KeywordImportIssue.unscoped.bulk_create(
        _issue_row(found, row.row, "deleted_before", row.keyword)
        for row in rows
        if row.keyword_norm in gone
    )


def _save_progress(
    *,
    account: Account,
    found: KeywordImport,
    rows: Sequence[KeywordRow],
    counts: BatchCounts,
    now: datetime,
) -> None:
    """Counts go with the batch, under the lease: a worker that outlived it writes nothing."""
    gone = len(counts.deleted)
    held = KeywordImport.objects.for_account(account).filter(
        pk=found.pk,
        lease_token=found.lease_token,
        lease_expires_at__isnull=False,
        keywords_done=found.keywords_done,
    )
    changed = held.update(
        keywords_done=F("keywords_done") + len(rows),
        created=F("created") + counts.created,
        updated=F("updated") + counts.updated,
        unchanged=F("unchanged") + counts.unchanged,
        skipped=F("skipped") + gone,
        lease_expires_at=now + LEASE,
        updated_at=now,
    )
    if changed != 1:
        raise LeaseLost("another worker has taken this import", import_id=found.pk)


@tenant_atomic(durable=True)
def _complete(
    *,
    account: Account,  # noqa: ARG001 - the block's
    found: KeywordImport,
    now: datetime,
) -> None:
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


@tenant_atomic()
def cancel_keyword_import(*, account: Account, import_id: int, now: datetime) -> KeywordImport:
    """Stop an import; a running one ends within its batch. What is in stays in.

    A repeat returns the cancelled import.

    :raises TransitionNotAllowed: it is completed or failed.
    """
    found = keyword_import(account=account, import_id=import_id)
    if found.status != ImportStatus.CANCELLED:
        advance(found, ImportStatus.CANCELLED, table=KEYWORD_IMPORT, now=now, lease_expires_at=None)
    return found


def keyword_import(*, account: Account, import_id: int) -> KeywordImport:
    """One import of the account, locked.

    :raises NotFound: unknown, or another account's.
    """
    rows = KeywordImport.objects.for_account(account).select_for_update()
    found: KeywordImport | None = rows.filter(pk=import_id).first()
    if found is None:
        raise NotFound("no such import", import_id=import_id)
    return found


def _save_issues(found: KeywordImport, issues: Iterable[Issue]) -> None:
    KeywordImportIssue.unscoped.bulk_create(
        (
            _issue_row(
                found,
                issue.row,
                issue.code,
                issue.text,
                column=issue.column,
                severity=issue.severity,
                row_end=issue.row_end,
            )
            for issue in issues
        ),
        batch_size=ISSUES_BATCH_ROWS,
    )


def _issue_row(
    found: KeywordImport,
    row: int,
    code: str,
    text: str,
    *,
    column: str = "",
    severity: str = IssueSeverity.WARNING.value,
    row_end: int | None = None,
) -> KeywordImportIssue:
    return KeywordImportIssue(
        account_id=found.account_id,
        site_id=found.site_id,
        sector_id=found.sector_id,
        keyword_import_id=found.pk,
        row=row,
        row_end=row_end,
        column=column,
        code=code,
        text=text.replace("\x00", "")[:255],
        severity=severity,
    )


def _batches(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(rows), BATCH_ROWS):
        yield rows[start : start + BATCH_ROWS]
