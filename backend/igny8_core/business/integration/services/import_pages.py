"""A file of pages on its way in: stored, shown, written in batches, and nothing twice."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from django.db import IntegrityError, transaction
from django.db.models import F

from igny8_core.auth.selectors import sector as sector_of
from igny8_core.auth.selectors import site as site_of
from igny8_core.business.content.services.imported_posts import PostCounts, save_posts
from igny8_core.business.content.services.site_pages import (
    PageCounts,
    count_known_pages,
    save_pages,
)
from igny8_core.business.integration import selectors
from igny8_core.business.integration.errors import (
    PageFileGone,
    PageFileInvalid,
    PageImportKeptFailing,
    PageLeaseLost,
)
from igny8_core.business.integration.models import ContentImport, ContentImportIssue
from igny8_core.business.integration.services.page_files import MAX_FILE_BYTES, read_pages
from igny8_core.business.integration.services.page_rows import PageFile, PageIssue, PageRow
from igny8_core.business.integration.states import PAGE_IMPORT, PageImportStatus
from igny8_core.business.planning.services import import_store as store
from igny8_core.common.errors import DomainError, NotFound
from igny8_core.common.failpoints import failpoint
from igny8_core.common.idempotency import fingerprint
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant, tenant_atomic
from igny8_core.common.url_keys import url_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector, Site

BATCH_PAGES = 500
CHECKED_PAGES = 5_000
MAX_ISSUES = 10_000
LEASE = timedelta(minutes=2)
MAX_ATTEMPTS = 5
_VERSION = 1
_SAMPLES = 5
_DEAD = [PageImportStatus.FAILED, PageImportStatus.CANCELLED]


def analyse_page_file(
    *,
    account: Account,
    site: Site,
    sector: Sector,
    file_name: str,
    data: BinaryIO,
    with_posts: bool = True,
    now: datetime,
) -> ContentImport:
    """Store a file, read it, and say what is in it. No page is written.

    Safe to repeat: the same bytes with the same options are the first import, whatever has become
    of it, unless it failed or was cancelled.

    :param data: seekable; read in blocks.
    :param with_posts: posts of a WordPress export become content too, in ``sector``.
    :raises FileTooLarge: it is larger than an import takes; nothing is on record.
    :raises PageFileInvalid: it holds no pages; the import stays on record as failed.
    """
    found = upload_page_file(
        account=account,
        site=site,
        sector=sector,
        file_name=file_name,
        data=data,
        with_posts=with_posts,
    )
    return analyse_page_upload(account=account, import_id=found.pk, now=now)


def upload_page_file(
    *,
    account: Account,
    site: Site,
    sector: Sector,
    file_name: str,
    data: BinaryIO,
    with_posts: bool = True,
) -> ContentImport:
    """Store a file for :func:`analyse_page_upload`, without looking into it.

    Safe to repeat, like :func:`analyse_page_file`.

    :raises FileTooLarge: it is larger than an import takes; nothing is on record.
    """
    upload = store.measure(data, limit=MAX_FILE_BYTES)
    options = {"with_posts": with_posts, "domain": site.domain}
    return _find_or_add(
        account=account,
        site=site,
        sector=sector,
        key=fingerprint(_VERSION, sha256=upload.sha256, options=options),
        values={
            "file_name": file_name[-255:],
            "sha256": upload.sha256,
            "size_bytes": upload.size_bytes,
            "storage_path": store.keep(upload, account=account),
            "options": options,
        },
    )


def analyse_page_upload(*, account: Account, import_id: int, now: datetime) -> ContentImport:
    """Read an uploaded file, and say what is in it. A repeat returns the import as it is.

    :raises NotFound: no such import of this account.
    :raises PageFileInvalid: it holds no pages; the import stays on record as failed.
    """
    with tenant(account.pk, read_only=True):
        found = selectors.page_import(account=account, import_id=import_id)
        site = site_of(account=account, site_id=found.site_id)
    if found.status != PageImportStatus.UPLOADED:
        return found
    about = PageFile()
    try:
        with store.opened(found.storage_path) as file:
            survey = _survey(
                read_pages(file, about, domain=found.options["domain"]), account=account, site=site
            )
    except PageFileInvalid as exc:
        _fail(account=account, found=found, error=exc, now=now)
        raise
    _settle_analysis(account=account, found=found, about=about, survey=survey, now=now)
    return found


class _Survey:
    """What is in a file, counted while it streams by."""

    def __init__(self) -> None:
        self.pages = self.posts = self.known = 0
        self.codes: Counter[str] = Counter()
        self.issues: list[PageIssue] = []
        self.samples: list[dict[str, Any]] = []


def _survey(found: Iterable[PageRow | PageIssue], *, account: Account, site: Site) -> _Survey:
    survey = _Survey()
    waiting: list[str] = []
    for one in found:
        if isinstance(one, PageIssue):
            survey.codes[one.code] += one.count
            if len(survey.issues) < MAX_ISSUES:
                survey.issues.append(one)
            continue
        survey.pages += 1
        survey.posts += one.post is not None
        if len(survey.samples) < _SAMPLES:
            survey.samples.append({"url": one.url, "title": one.title, "h1": one.h1})
        key = url_key(one.url)
        waiting.append(key.digest if key else "")
        if len(waiting) == CHECKED_PAGES:
            survey.known += _known(account, site, waiting)
            waiting.clear()
    survey.known += _known(account, site, waiting)
    return survey


def _known(account: Account, site: Site, digests: list[str]) -> int:
    with tenant(account.pk, read_only=True):
        return count_known_pages(account=account, site=site, digests=digests)


@tenant_atomic(durable=True)
def _find_or_add(
    *, account: Account, site: Site, sector: Sector, key: str, values: dict[str, Any]
) -> ContentImport:
    rows = ContentImport.objects.for_account(account).filter(sector=sector, idempotency_key=key)
    alive = rows.exclude(status__in=_DEAD)
    earlier: ContentImport | None = alive.first()
    if earlier is not None:
        return earlier
    made = ContentImport(account=account, site=site, sector=sector, idempotency_key=key, **values)
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError:  # the same file at the same time: theirs is the first
        theirs: ContentImport | None = alive.first()
        if theirs is None:
            raise
        return theirs
    return made


@tenant_atomic(durable=True)
def _fail(
    *,
    account: Account,  # noqa: ARG001 - the block's
    found: ContentImport,
    error: DomainError,
    now: datetime,
) -> None:
    advance(
        found,
        PageImportStatus.FAILED,
        table=PAGE_IMPORT,
        now=now,
        error_code=error.code,
        error=error.message,
        lease_expires_at=None,
    )


@tenant_atomic(durable=True)
def _settle_analysis(
    *,
    account: Account,  # noqa: ARG001 - the block's
    found: ContentImport,
    about: PageFile,
    survey: _Survey,
    now: datetime,
) -> None:
    advance(
        found,
        PageImportStatus.ANALYSED,
        table=PAGE_IMPORT,
        now=now,
        kind=about.kind,
        pages_total=survey.pages,
        requested_at=None,
        attempts=0,
        report={
            **about.report,
            "file": found.file_name,
            "kind": about.kind,
            "title": about.title,
            "pages": survey.pages,
            "posts": survey.posts,
            "known_pages": survey.known,
            "samples": survey.samples,
            "issues": dict(sorted(survey.codes.items())),
        },
    )
    _save_issues(found, survey.issues)


def _save_issues(found: ContentImport, issues: Iterable[PageIssue]) -> None:
    ContentImportIssue.unscoped.bulk_create(
        (
            ContentImportIssue(
                account_id=found.account_id,
                site_id=found.site_id,
                sector_id=found.sector_id,
                content_import_id=found.pk,
                row=issue.row,
                code=issue.code[:64],
                text=issue.text.replace("\x00", "")[:255],
                severity=issue.severity,
                count=issue.count,
            )
            for issue in issues
        ),
        batch_size=2_000,
    )


def import_pages(
    *, account: Account, import_id: int, clock: Callable[[], datetime]
) -> ContentImport:
    """Write an analysed file's pages, batch by batch: claim, write, settle.

    A crash leaves the import leased; whoever calls next after the lease goes on behind the last
    batch. A repeat of a completed import returns it.

    :raises NotFound: no such import of this account.
    :raises TransitionNotAllowed: it failed, was cancelled, or somebody is importing it now.
    :raises PageLeaseLost: another worker has it.
    :raises PageFileGone: its bytes are kept no longer; it is failed.
    :raises PageImportKeptFailing: too many workers were lost over it; it is failed.
    """
    found = _claim(account=account, import_id=import_id, now=clock())
    if found.status == PageImportStatus.COMPLETED:
        return found
    _check_possible(account=account, found=found, clock=clock)
    with tenant(account.pk, read_only=True):
        sector = sector_of(account=account, sector_id=found.sector_id)
    with store.opened(found.storage_path) as file:
        rows = _pages(read_pages(file, PageFile(), domain=found.options["domain"]))
        for batch in _batches(rows, after=found.pages_done):
            _write_batch(account=account, sector=sector, found=found, pages=batch, now=clock())
            failpoint("integration.pages_after_batch")
    _complete(account=account, found=found, now=clock())
    return found


def _check_possible(
    *, account: Account, found: ContentImport, clock: Callable[[], datetime]
) -> None:
    error: PageImportKeptFailing | PageFileGone | None = None
    if found.attempts > MAX_ATTEMPTS:
        error = PageImportKeptFailing(f"{MAX_ATTEMPTS} workers were lost over this import.")
    elif not store.is_kept(found.storage_path):
        error = PageFileGone("The file is no longer kept; upload it again.", import_id=found.pk)
    if error is not None:
        _fail(account=account, found=found, error=error, now=clock())
        raise error


def _pages(found: Iterable[PageRow | PageIssue]) -> Iterator[PageRow]:
    return (one for one in found if isinstance(one, PageRow))


def _batches(rows: Iterator[PageRow], *, after: int) -> Iterator[list[PageRow]]:
    rest = islice(rows, after, None)
    while batch := list(islice(rest, BATCH_PAGES)):
        yield batch


@tenant_atomic(durable=True)
def _claim(*, account: Account, import_id: int, now: datetime) -> ContentImport:
    rows = ContentImport.objects.for_account(account).select_for_update()
    found: ContentImport | None = rows.filter(pk=import_id).first()
    if found is None:
        raise NotFound("no such import", import_id=import_id)
    if found.status == PageImportStatus.COMPLETED:
        return found
    ends_at = found.lease_expires_at
    if found.status == PageImportStatus.IMPORTING and ends_at is not None and ends_at <= now:
        advance(
            found,
            PageImportStatus.ANALYSED,
            table=PAGE_IMPORT,
            now=now,
            expect={"lease_token": found.lease_token},
            lease_expires_at=None,
        )
    advance(
        found,
        PageImportStatus.IMPORTING,
        table=PAGE_IMPORT,
        now=now,
        lease_token=found.lease_token + 1,
        lease_expires_at=now + LEASE,
        attempts=found.attempts + 1,
    )
    return found


@tenant_atomic(durable=True)
def _write_batch(
    *,
    account: Account,
    sector: Sector,
    found: ContentImport,
    pages: Sequence[PageRow],
    now: datetime,
) -> None:
    """One batch, whole or not at all."""
    posts = PostCounts()
    if found.options["with_posts"]:
        posts = save_posts(account=account, sector=sector, pages=pages, now=now)
    written = save_pages(
        account=account,
        site=sector.site,
        pages=pages,
        source=found.kind,
        now=now,
        contents=posts.contents,
    )
    _save_issues(
        found, (PageIssue(row, "conflict", "changed there and here") for row in posts.conflicts)
    )
    _save_progress(account, found, len(pages), written, posts, now=now)
    found.pages_done += len(pages)


def _save_progress(
    account: Account,
    found: ContentImport,
    rows: int,
    written: PageCounts,
    posts: PostCounts,
    *,
    now: datetime,
) -> None:
    held = ContentImport.objects.for_account(account).filter(
        pk=found.pk,
        lease_token=found.lease_token,
        lease_expires_at__isnull=False,
        pages_done=found.pages_done,
    )
    changed = held.update(
        pages_done=F("pages_done") + rows,
        created=F("created") + written.created,
        updated=F("updated") + written.updated,
        unchanged=F("unchanged") + written.unchanged,
        posts_created=F("posts_created") + posts.created,
        posts_updated=F("posts_updated") + posts.updated,
        posts_unchanged=F("posts_unchanged") + posts.unchanged + len(posts.conflicts),
        lease_expires_at=now + LEASE,
        updated_at=now,
    )
    if changed != 1:
        raise PageLeaseLost("another worker has taken this import", import_id=found.pk)


@tenant_atomic(durable=True)
def _complete(
    *,
    account: Account,  # noqa: ARG001 - the block's
    found: ContentImport,
    now: datetime,
) -> None:
    advance(
        found,
        PageImportStatus.COMPLETED,
        table=PAGE_IMPORT,
        now=now,
        expect={"lease_token": found.lease_token},
        lease_expires_at=None,
        requested_at=None,
        completed_at=now,
    )
    found.refresh_from_db()


@tenant_atomic()
def cancel_page_import(*, account: Account, import_id: int, now: datetime) -> ContentImport:
    """Stop an import; a running one ends within its batch. What is in stays in.

    :raises NotFound: no such import of this account.
    :raises TransitionNotAllowed: it is completed or failed.
    """
    rows = ContentImport.objects.for_account(account).select_for_update()
    found: ContentImport | None = rows.filter(pk=import_id).first()
    if found is None:
        raise NotFound("no such import", import_id=import_id)
    if found.status != PageImportStatus.CANCELLED:
        advance(
            found, PageImportStatus.CANCELLED, table=PAGE_IMPORT, now=now, lease_expires_at=None
        )
    return found
