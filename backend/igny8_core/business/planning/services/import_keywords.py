"""A keyword file on its way in: uploaded, analysed, imported, and nothing twice."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

import structlog
from django.db import connection

from igny8_core.auth.errors import PlanLimitReached
from igny8_core.auth.selectors import sector as sector_of
from igny8_core.business.planning import selectors
from igny8_core.business.planning.errors import (
    ImportKeptFailing,
    ImportRowsGone,
    KeywordFileInvalid,
    LeaseLost,
)
from igny8_core.business.planning.services import import_records as records
from igny8_core.business.planning.services import import_store as store
from igny8_core.business.planning.services.import_groups import link_groups
from igny8_core.business.planning.services.import_preview import (
    issue_counts,
    plan_room,
    stage_rows,
)
from igny8_core.business.planning.services.import_records import LEASE
from igny8_core.business.planning.services.import_rows import (
    KnownKeywords,
    known_keywords,
    write_staged,
)
from igny8_core.business.planning.services.import_staging import (
    StagedRow,
    staged_batches,
    staged_norms,
)
from igny8_core.business.planning.services.keyword_limit import (
    refuse_too_many_keywords,
    take_keyword_room,
)
from igny8_core.business.planning.services.keyword_options import ReadOptions
from igny8_core.business.planning.services.keyword_rows import ParsedFile, parse_keyword_file
from igny8_core.business.planning.services.sector_locks import lock_sector
from igny8_core.business.planning.states import KEYWORD_IMPORT, ImportStatus
from igny8_core.common.errors import StaleState
from igny8_core.common.failpoints import failpoint
from igny8_core.common.idempotency import fingerprint
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector, Site
    from igny8_core.business.planning.models import KeywordImport

__all__ = ["LEASE", "analyse_keyword_file", "cancel_keyword_import", "import_keywords"]

log = structlog.get_logger(__name__)

BATCH_ROWS = 5_000
MAX_BATCH_TRIES = 5
_VERSION = 2


def analyse_keyword_file(
    *,
    account: Account,
    site: Site,
    sector: Sector,
    file_name: str,
    data: bytes | BinaryIO,
    options: ReadOptions,
    now: datetime,
) -> KeywordImport:
    """Store a file, read it, and say what importing it would do. No keyword is written.

    Safe to repeat: the same bytes with the same options return the first import, whatever has
    become of it, unless it failed, was cancelled or undone.

    :param data: the bytes, or a seekable file that is read in blocks.
    :raises FileTooLarge: it is larger than an import takes; nothing is on record.
    :raises KeywordFileInvalid: one of its subclasses; the import stays on record as failed.
    """
    found = upload_keyword_file(
        account=account,
        site=site,
        sector=sector,
        file_name=file_name,
        data=data,
        options=options,
    )
    return analyse_upload(account=account, import_id=found.pk, now=now)


def upload_keyword_file(
    *,
    account: Account,
    site: Site,
    sector: Sector,
    file_name: str,
    data: bytes | BinaryIO,
    options: ReadOptions,
) -> KeywordImport:
    """Store a file for :func:`analyse_upload`, without looking into it.

    Safe to repeat, like :func:`analyse_keyword_file`.

    :raises FileTooLarge: it is larger than an import takes; nothing is on record.
    """
    upload = store.measure(io.BytesIO(data) if isinstance(data, bytes) else data)
    key = fingerprint(_VERSION, sha256=upload.sha256, options=options.as_json())
    found, _is_new = records.find_or_add(
        account=account,
        site=site,
        sector=sector,
        key=key,
        values={
            "file_name": file_name[-255:],
            "sha256": upload.sha256,
            "size_bytes": upload.size_bytes,
            "storage_path": store.keep(upload, account=account),
            "options": options.as_json(),
        },
    )
    return found


def repeat_keyword_import(
    *,
    account: Account,
    import_id: int,
    sector: Sector,
    options: ReadOptions,
    now: datetime,
) -> KeywordImport:
    """Analyse a stored file again, with other options or for another sector; no upload.

    :raises NotFound: no such import of this account.
    :raises ImportRowsGone: its bytes are kept no longer.
    :raises KeywordFileInvalid: one of its subclasses; the new import is on record as failed.
    """
    found = repeat_upload(account=account, import_id=import_id, sector=sector, options=options)
    return analyse_upload(account=account, import_id=found.pk, now=now)


def repeat_upload(
    *, account: Account, import_id: int, sector: Sector, options: ReadOptions
) -> KeywordImport:
    """A stored file as a new import, for :func:`analyse_upload`; the bytes are not sent again.

    :raises NotFound: no such import of this account.
    :raises ImportRowsGone: its bytes are kept no longer.
    """
    earlier = stored_import(account=account, import_id=import_id)
    if not store.is_kept(earlier.storage_path):
        raise ImportRowsGone("The file is no longer kept; upload it again.", import_id=import_id)
    with store.opened(earlier.storage_path) as file:
        return upload_keyword_file(
            account=account,
            site=sector.site,
            sector=sector,
            file_name=earlier.file_name,
            data=file,
            options=options,
        )


@tenant_atomic()
def stored_import(*, account: Account, import_id: int) -> KeywordImport:
    """An import with its sector and site.

    :raises NotFound: no such import of this account.
    """
    found = selectors.keyword_import(account=account, import_id=import_id)
    found.sector = sector_of(account=account, sector_id=found.sector_id)
    return found


def analyse_upload(*, account: Account, import_id: int, now: datetime) -> KeywordImport:
    """Read an uploaded file, and say what importing it would do. No keyword is written.

    A repeat returns the import as it is.

    :raises NotFound: no such import of this account.
    :raises KeywordFileInvalid: one of its subclasses; the import stays on record as failed.
    """
    with tenant(account.pk):
        found = records.locked_import(account=account, import_id=import_id)
        sector = sector_of(account=account, sector_id=found.sector_id)
        if found.status == ImportStatus.UPLOADED:
            records.count_attempt(found, now=now)
    if found.status != ImportStatus.UPLOADED:
        return found
    if found.attempts > records.MAX_ATTEMPTS:
        lost = ImportKeptFailing(f"{records.MAX_ATTEMPTS} workers were lost over this file.")
        records.fail(account=account, found=found, error=lost, now=now)
        raise lost
    options = ReadOptions.from_json(found.options)
    remembered = records.remembered_mappings(account=account)
    try:
        with store.opened(found.storage_path) as file:
            parsed = parse_keyword_file(
                file, file_name=found.file_name, options=options, remembered=remembered
            )
    except KeywordFileInvalid as exc:
        records.fail(account=account, found=found, error=exc, now=now)
        raise
    _stage(account=account, sector=sector, found=found, parsed=parsed, options=options)
    _settle_analysis(account=account, found=found, parsed=parsed, options=options, now=now)
    return found


def _stage(
    *,
    account: Account,
    sector: Sector,
    found: KeywordImport,
    parsed: ParsedFile,
    options: ReadOptions,
) -> None:
    """Keep the rows as they will be written, and add what that would do to the report."""
    with store.scratch() as out:
        with tenant(account.pk, read_only=True):
            consequences = stage_rows(
                account=account,
                sector=sector,
                found=found,
                parsed=parsed,
                options=options,
                out=out,
            )
            room = plan_room(account=account, created=consequences.created)
        found.rows_path = store.keep_rows(out, account=account, import_id=found.pk)
    parsed.report |= {
        "file": found.file_name,
        "keywords": len(parsed.rows),
        "known_keywords": consequences.updated + consequences.unchanged,
        "consequences": consequences.as_json(),
        "plan": room,
        "issues": issue_counts(parsed),
    }


@tenant_atomic(durable=True)
def _settle_analysis(
    *,
    account: Account,
    found: KeywordImport,
    parsed: ParsedFile,
    options: ReadOptions,
    now: datetime,
) -> None:
    """Store the report and the issues."""
    advance(
        found,
        ImportStatus.ANALYSED,
        table=KEYWORD_IMPORT,
        now=now,
        profile=parsed.profile.name,
        encoding=parsed.encoding,
        delimiter=parsed.delimiter,
        header_row=parsed.header_row,
        header_hash=parsed.header_hash,
        mapping=parsed.mapping,
        report=parsed.report,
        rows_path=found.rows_path,
        attempts=0,
        requested_at=None,
        keywords_total=len(parsed.rows),
        rows_read=parsed.rows_read,
        merged=parsed.merged,
        skipped=parsed.skipped,
    )
    records.save_issues(found, parsed.issues)
    if options.columns:
        records.remember_mapping(
            account=account, header_hash=parsed.header_hash, columns=options.columns, now=now
        )


def run_keyword_import(
    *, account: Account, import_id: int, clock: Callable[[], datetime]
) -> KeywordImport:
    """The next step of an import that somebody asked for: the call of a worker.

    Raises what :func:`analyse_upload` and :func:`import_keywords` raise.
    """
    with tenant(account.pk, read_only=True):
        found = selectors.keyword_import(account=account, import_id=import_id)
    if found.status == ImportStatus.UPLOADED:
        return analyse_upload(account=account, import_id=import_id, now=clock())
    return import_keywords(account=account, import_id=import_id, clock=clock)


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
    :raises ImportRowsGone: its rows are kept no longer; it is failed.
    :raises ImportKeptFailing: too many workers were lost over it; it is failed.
    :raises StaleState: the lease was lost to another worker, which goes on.
    """
    found, is_claimed = records.claim(account=account, import_id=import_id, now=clock())
    if not is_claimed:
        return found
    _check_possible(account=account, found=found, clock=clock)
    try:
        _write_rest(account=account, found=found, clock=clock)
    except PlanLimitReached:
        records.hand_back(account=account, found=found, now=clock())
        raise
    records.complete(account=account, found=found, now=clock())
    return found


def _write_rest(*, account: Account, found: KeywordImport, clock: Callable[[], datetime]) -> None:
    """What is left of the file, batch by batch."""
    with store.opened(found.rows_path) as rows:
        known = _known(account=account, found=found, norms=staged_norms(rows))
        _check_plan(account=account, found=found, known=known)
        rows.seek(0)
        for batch in staged_batches(rows, after=found.keywords_done, batch_rows=BATCH_ROWS):
            known = _write(account=account, found=found, rows=batch, known=known, clock=clock)
            failpoint("planning.import_after_batch")


def _check_possible(
    *, account: Account, found: KeywordImport, clock: Callable[[], datetime]
) -> None:
    error: ImportKeptFailing | ImportRowsGone | None = None
    if found.attempts > records.MAX_ATTEMPTS:
        error = ImportKeptFailing(f"{records.MAX_ATTEMPTS} workers were lost over this import.")
    elif not store.is_kept(found.rows_path):
        error = ImportRowsGone("The rows are no longer there; import the file again.")
    if error is not None:
        records.fail(account=account, found=found, error=error, now=clock())
        raise error


def _write(
    *,
    account: Account,
    found: KeywordImport,
    rows: Sequence[StagedRow],
    known: KnownKeywords,
    clock: Callable[[], datetime],
) -> KnownKeywords:
    """One batch; when somebody wrote the same keywords meanwhile, with what is known by then."""
    for attempt in range(1, MAX_BATCH_TRIES + 1):
        try:
            _write_batch(account=account, found=found, rows=rows, known=known, now=clock())
        except StaleState as exc:
            if attempt == MAX_BATCH_TRIES or isinstance(exc, LeaseLost):
                raise
            log.info("planning.import.batch_repeated", import_id=found.pk, attempt=attempt)
            with store.opened(found.rows_path) as file:
                known = _known(account=account, found=found, norms=staged_norms(file))
        else:
            break
    found.keywords_done += len(rows)
    return known


@tenant_atomic(durable=True)
def _known(*, account: Account, found: KeywordImport, norms: set[str]) -> KnownKeywords:
    return known_keywords(account=account, sector_id=found.sector_id, norms=norms)


@tenant_atomic(durable=True)
def _check_plan(*, account: Account, found: KeywordImport, known: KnownKeywords) -> None:
    gone = known.deleted if found.options["keeps_deleted"] else ()
    written = found.created + found.updated + found.unchanged
    new = found.keywords_total - len(gone) - max(len(known.live), written)
    refuse_too_many_keywords(account=account, wanted=new)


def _new(found: KeywordImport, rows: Sequence[StagedRow], known: KnownKeywords) -> int:
    """How many of the rows are going to be new keywords."""
    gone = known.deleted if found.options["keeps_deleted"] else ()
    return sum(row.norm not in known.live and row.norm not in gone for row in rows)


@tenant_atomic(durable=True)
def _write_batch(
    *,
    account: Account,
    found: KeywordImport,
    rows: Sequence[StagedRow],
    known: KnownKeywords,
    now: datetime,
) -> None:
    """One batch, whole or not at all.

    Its commit does not wait for the disk: after a crash of the server the import goes on from what
    the rows say, and the commit that completes it waits for all of them.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
    take_keyword_room(account=account, wanted=_new(found, rows, known))
    lock_sector(account=account, sector_id=found.sector_id)
    sector = sector_of(account=account, sector_id=found.sector_id)
    counts = write_staged(
        account=account,
        sector=sector,
        rows=rows,
        known=known,
        import_id=found.pk,
        keeps_deleted=found.options["keeps_deleted"],
        now=now,
    )
    if counts.deleted:
        records.save_row_issues(found, "deleted_before", counts.deleted)
    if found.options.get("keeps_groups"):
        linked = link_groups(account=account, sector=sector, rows=rows, import_id=found.pk, now=now)
        records.save_row_issues(found, "cluster_kept", linked.kept)
    failpoint("planning.import_in_batch")
    records.save_progress(account=account, found=found, rows=len(rows), counts=counts, now=now)


@tenant_atomic()
def cancel_keyword_import(*, account: Account, import_id: int, now: datetime) -> KeywordImport:
    """Stop an import; a running one ends within its batch. What is in stays in.

    A repeat returns the cancelled import.

    :raises TransitionNotAllowed: it is completed, failed or undone.
    """
    found = records.locked_import(account=account, import_id=import_id)
    if found.status != ImportStatus.CANCELLED:
        records.cancel(found, now=now)
    return found
