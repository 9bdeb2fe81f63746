"""Keyword files: dropped, looked at, imported while one watches, taken back."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth import reference
from igny8_core.auth.states import Role
from igny8_core.business.planning import selectors
from igny8_core.business.planning.errors import KeywordFileInvalid
from igny8_core.business.planning.services import (
    import_jobs,
    import_keywords,
    sample_keywords,
    undo_import,
)
from igny8_core.business.planning.services.import_report import (
    advice_for,
    import_report,
    write_issues,
)
from igny8_core.business.planning.services.keyword_formats import CODE_PAGES
from igny8_core.business.planning.states import ImportStatus
from igny8_core.common.errors import InvalidInput
from igny8_core.common.tenancy.context import tenant
from igny8_core.web.downloads import download
from igny8_core.web.forms.planning import read_options
from igny8_core.web.lists import page_number, page_of
from igny8_core.web.screens import (
    SectorRequest,
    dialog,
    go_to,
    render_screen,
    screen,
)

if TYPE_CHECKING:
    from django.http import HttpResponse, HttpResponseBase


READ_AT_ONCE_BYTES: Final = 1024 * 1024
"""A file up to this size is read while the person waits: a few thousand rows, below a second."""

PAGE_ROWS: Final = 20
WORKING: Final = (ImportStatus.UPLOADED, ImportStatus.IMPORTING)
TONES: Final = {
    ImportStatus.COMPLETED: "ok",
    ImportStatus.FAILED: "bad",
    ImportStatus.IMPORTING: "accent",
    ImportStatus.ANALYSED: "info",
}
WORDS: Final = {
    ImportStatus.UPLOADED: "Being read",
    ImportStatus.ANALYSED: "Waits for you",
    ImportStatus.IMPORTING: "Importing",
    ImportStatus.COMPLETED: "Imported",
    ImportStatus.FAILED: "Failed",
    ImportStatus.CANCELLED: "Cancelled",
    ImportStatus.UNDONE: "Undone",
}
FIELDS: Final = {
    "keyword": "Keyword",
    "volume": "Searches a month",
    "volume_min": "Searches, from",
    "volume_max": "Searches, to",
    "difficulty": "Difficulty",
    "cpc": "CPC",
    "currency": "Currency",
    "country": "Market",
    "language": "Language",
    "intents": "Intent",
    "observed_on": "Date of the figures",
    "parent_keyword": "Parent keyword",
    "position": "Position",
    "ranking_url": "Ranking page",
    "clicks": "Clicks",
    "impressions": "Impressions",
    "serp_features": "SERP features",
    "trend": "Trend",
    "trend_end": "Last month of the trend",
    "serp_urls": "Ranking pages of others",
    "group": "Group",
    "page": "Page",
    "volume_sources": "Sources",
    "volume_kind": "Kind of figure",
    "is_disabled": "Disabled",
}
CAUSES: Final = {
    "blank": "blank rows",
    "totals_row": "rows with totals",
    "repeated_header": "repeated headers",
    "keyword_empty": "rows without a keyword",
    "keyword_too_long": "keywords of more than 255 characters",
    "keyword_unreadable": "keywords with damaged characters",
    "keyword_is_date": "keywords that a spreadsheet made a date",
    "keyword_is_number": "keywords that are numbers",
    "other_market": "rows of another market",
    "other_language": "rows of another language",
    "column_count": "rows with too few or too many cells",
    "unbalanced_quote": "quotation marks that do not close",
    "deleted_before": "keywords that you deleted before",
    "excluded": "rows that your own filter leaves out",
    "merged": "rows of a keyword that is there already",
    "value_invalid": "figures that cannot be read",
    "value_rounded": "figures that are rounded",
    "label_unknown": "labels that are kept as text",
    "cluster_kept": "keywords that stay in their cluster",
    "encoding_guessed": "guesses of the encoding",
    "possibly_truncated": "signs that the tool cut its export",
    "market_from_default": "rows that name no market",
}


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def imports(request: SectorRequest) -> HttpResponse:
    """Earlier imports, and where to drop the next file."""
    rows = selectors.keyword_imports(account=request.account, sector=request.sector)
    page = page_of(rows, page_number(request.GET), page_rows=PAGE_ROWS)
    context = {
        "page": page,
        "rows": [
            (row, _word(row), _tone(row), sample_keywords.is_sample(row)) for row in page.rows
        ],
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return render_screen(request, "planning/imports.html", part="list", context=context)


@require_POST
@screen(role=Role.EDITOR, in_sector=True, opens_block=False)
def upload(request: SectorRequest) -> HttpResponse:
    """Take a file. A small one is read at once, a large one by a worker."""
    file, account, now = request.FILES.get("file"), request.account, timezone.now()
    if file is None or file.file is None:
        raise InvalidInput("Choose a file.", file=["Choose a file."])
    found = import_keywords.upload_keyword_file(
        account=account,
        site=request.site,
        sector=request.sector,
        file_name=file.name or "keywords",
        data=cast("BinaryIO", file.file),
        options=read_options(request.POST, request.site),
    )
    if found.status == ImportStatus.UPLOADED:
        if found.size_bytes > READ_AT_ONCE_BYTES:
            import_jobs.start_keyword_import(account=account, import_id=found.pk, now=now)
        else:
            with suppress(KeywordFileInvalid):  # it is on record as failed; its page says why
                import_keywords.analyse_upload(account=account, import_id=found.pk, now=now)
    return go_to(request, _address(request, found.pk))


@require_POST
@screen(role=Role.EDITOR, in_sector=True, opens_block=False)
def start_with_samples(request: SectorRequest) -> HttpResponse:
    """Bring the packaged list to a site without keywords, and lead to its import."""
    found = sample_keywords.import_sample_keywords(
        account=request.account, site=request.site, sector=request.sector, now=timezone.now()
    )
    return go_to(request, _address(request, found.pk))


def _is_asked_for(row: Any) -> bool:
    """A person has said *Import*, and no worker has taken it yet."""
    return row.status == ImportStatus.ANALYSED and row.requested_at is not None


def _word(row: Any) -> str:
    return "Waits for a worker" if _is_asked_for(row) else WORDS[ImportStatus(row.status)]


def _tone(row: Any) -> str:
    return TONES.get(ImportStatus(row.status), "")


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def keyword_import(request: SectorRequest, import_id: int) -> HttpResponse:
    """One import: read, looked at, under way or done."""
    found = selectors.keyword_import(account=request.account, import_id=import_id)
    report = import_report(account=request.account, import_id=import_id)
    consequences = report.get("consequences") or {}
    counts = report["issue_counts"]
    is_asked_for = _is_asked_for(found)
    context: dict[str, Any] = {
        "found": found,
        "report": report,
        "word": _word(found),
        "tone": _tone(found),
        "is_sample": sample_keywords.is_sample(found),
        "is_working": is_asked_for or found.status in WORKING,
        "waits_for_person": found.status == ImportStatus.ANALYSED and not is_asked_for,
        "waits_for_worker": is_asked_for,
        "consequences": consequences,
        "mapping": _mapping(report),
        "ignored": report.get("ignored_columns", []),
        "causes": [(CAUSES.get(code.partition(":")[0], code), n, advice_for(code))
                   for code, n in counts.items()],
        "issues": [issue for issue in report["issues"] if issue["severity"] != "info"][:8],
        "countries": sorted(reference.countries().items(), key=lambda one: one[1]),
        "code_pages": CODE_PAGES,
        "fields": FIELDS,
        "options": found.options,
        "left_seconds": _left(found),
        "may_edit": request.role.includes(Role.EDITOR),
    }  # fmt: skip
    return render_screen(request, "planning/import.html", part="live", context=context)


def _mapping(report: dict[str, Any]) -> list[dict[str, Any]]:
    mapping = report.get("mapping", {})
    return [
        {"field": name, "label": FIELDS.get(name, name), **mapping[name]}
        for name in report.get("mapping_order", [])
        if name in mapping
    ]


def _left(found: Any) -> float | None:
    """Seconds until it is done, at the pace so far; None while nothing is known."""
    if found.status != ImportStatus.IMPORTING or not found.keywords_done or not found.requested_at:
        return None
    taken: float = (found.updated_at - found.requested_at).total_seconds()
    share: float = found.keywords_total / found.keywords_done
    return max(0.0, taken * (share - 1))


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def start(request: SectorRequest, import_id: int) -> HttpResponse:
    """Let a worker write what was looked at."""
    import_jobs.start_keyword_import(
        account=request.account, import_id=import_id, now=timezone.now()
    )
    return go_to(request, _address(request, import_id))


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def cancel(request: SectorRequest, import_id: int) -> HttpResponse:
    """Stop; what is in stays in."""
    found = import_keywords.cancel_keyword_import(
        account=request.account, import_id=import_id, now=timezone.now()
    )
    text = f"Cancelled. {found.keywords_done:,} keywords are in and stay."
    return go_to(request, _address(request, import_id), text)


@require_POST
@screen(role=Role.EDITOR, in_sector=True, opens_block=False)
def undo(request: SectorRequest, import_id: int) -> HttpResponse:
    """Ask, then take back what an import did and nobody has worked with since."""
    if request.POST.get("confirmed") != "1":
        with tenant(request.account.pk, read_only=True):
            found = selectors.keyword_import(account=request.account, import_id=import_id)
            return dialog(request, "planning/import_undo_dialog.html", context={"found": found})
    undo_import.undo_keyword_import(
        account=request.account,
        import_id=import_id,
        includes_clustered=request.POST.get("includes_clustered") == "1",
        now=timezone.now(),
    )
    return go_to(request, _address(request, import_id))


@require_POST
@screen(role=Role.EDITOR, in_sector=True, opens_block=False)
def repeat(request: SectorRequest, import_id: int) -> HttpResponse:
    """Read the stored file again, with other options."""
    account = request.account
    with tenant(account.pk, read_only=True):
        earlier = selectors.keyword_import(account=account, import_id=import_id)
    try:
        found = import_keywords.repeat_keyword_import(
            account=account,
            import_id=import_id,
            sector=request.sector,
            options=read_options(request.POST, request.site),
            now=timezone.now(),
        )
    except KeywordFileInvalid as exc:
        return _newest(request, exc)
    if found.pk != import_id and earlier.status == ImportStatus.ANALYSED:
        import_keywords.cancel_keyword_import(
            account=account, import_id=import_id, now=timezone.now()
        )
    return go_to(request, _address(request, found.pk))


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def issues(request: SectorRequest, import_id: int) -> HttpResponseBase:
    """Every row and cell that was not simply imported, as CSV."""

    def write(out: BinaryIO) -> tuple[str, str]:
        write_issues(account=request.account, import_id=import_id, out=out)
        return f"import-{import_id}-issues.csv", "text/csv; charset=utf-8"

    return download(write)


def _newest(request: SectorRequest, error: KeywordFileInvalid) -> HttpResponse:
    """A file that cannot be read stays on record as failed: its page says why."""
    with tenant(request.account.pk, read_only=True):
        rows = selectors.keyword_imports(account=request.account, sector=request.sector)
        failed = rows.filter(status=ImportStatus.FAILED).order_by("-updated_at", "-pk").first()
    if failed is None:
        raise error
    return go_to(request, _address(request, failed.pk))


def _address(request: SectorRequest, import_id: int) -> str:
    return reverse("keyword_import", args=[request.site.pk, request.sector.pk, import_id])
