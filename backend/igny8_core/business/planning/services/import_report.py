"""What an import found, for people and for programs: a report, and a line for each issue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.planning import selectors
from igny8_core.common.csv_write import write_csv
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from igny8_core.auth.models import Account
    from igny8_core.business.planning.models import KeywordImport, KeywordImportIssue

SHOWN_ISSUES = 100
_READ_ROWS = 2_000
COUNTS = ("rows_read", "created", "updated", "unchanged", "merged", "skipped")
ISSUE_HEADER = ("File", "Sheet", "Row", "Last row", "Column", "Code", "Text", "What to do")

ADVICE = {
    "blank": "Nothing.",
    "totals_row": "Nothing: the sum of a list is no keyword.",
    "repeated_header": "Nothing.",
    "keyword_empty": "Fill in the keyword, or remove the row.",
    "keyword_too_long": "Shorten it to 255 characters.",
    "keyword_unreadable": "Remove damaged or invisible characters.",
    "keyword_is_date": "A spreadsheet made a date of it: format the column as text and type it "
    "again.",
    "keyword_is_number": "Check that a number is meant.",
    "other_market": "Import the file into a sector of a site of that market.",
    "column_count": "Quote cells that hold the delimiter.",
    "unbalanced_quote": "Close or double the quotation mark in this row; what follows was not "
    "read.",
    "deleted_before": "Import again and ask for deleted keywords too.",
    "excluded": "Your own filter left it out.",
    "merged": "Nothing: the keyword was there already.",
    "value_invalid": "Correct the cell; the value is unknown now.",
    "value_rounded": "Nothing, if the rounded value is meant.",
    "label_unknown": "Nothing: the label is kept as text.",
    "cluster_kept": "Move the keyword by hand if the file's group is right.",
    "encoding_guessed": "If letters look wrong, save the file as UTF-8 or name its code page.",
    "possibly_truncated": "The tool cuts its export here: export in parts.",
    "market_from_default": "Say which market the figures are of if it is another one.",
}
"""By code, or by what stands before its colon."""


def advice_for(code: str) -> str:
    """What a person can do about an issue."""
    return ADVICE.get(code.partition(":")[0], "")


def import_report(*, account: Account, import_id: int) -> dict[str, Any]:
    """Everything about an import, as one JSON object; of its issues the first ones.

    :raises NotFound: no such import of this account.
    """
    with tenant(account.pk, read_only=True):
        found = selectors.keyword_import(account=account, import_id=import_id)
        issues = list(selectors.import_issues(account=account, import_id=import_id)[:SHOWN_ISSUES])
    return {
        **found.report,
        "import_id": found.pk,
        "status": found.status,
        "error": {"code": found.error_code, "message": found.error} if found.error_code else None,
        "progress": {"done": found.keywords_done, "total": found.keywords_total},
        "counts": {name: getattr(found, name) for name in COUNTS},
        "issue_counts": found.report.get("issues", {}),
        "issues": [_issue(issue) for issue in issues],
        "undo": found.undo or None,
    }


def _issue(issue: KeywordImportIssue) -> dict[str, Any]:
    return {
        "sheet": issue.sheet,
        "row": issue.row,
        "row_end": issue.row_end,
        "column": issue.column,
        "code": issue.code,
        "severity": issue.severity,
        "text": issue.text,
        "advice": advice_for(issue.code),
    }


def write_issues(*, account: Account, import_id: int, out: BinaryIO) -> int:
    """Write every issue of an import as CSV; returns how many there are.

    :raises NotFound: no such import of this account.
    """
    with tenant(account.pk, read_only=True):
        found = selectors.keyword_import(account=account, import_id=import_id)
        return write_csv(out, ISSUE_HEADER, _issue_rows(account, found))


def _issue_rows(account: Account, found: KeywordImport) -> Iterator[list[Any]]:
    rows = selectors.import_issues(account=account, import_id=found.pk)
    for issue in rows.iterator(_READ_ROWS):
        yield [
            found.file_name,
            issue.sheet,
            issue.row or None,
            issue.row_end,
            issue.column,
            issue.code,
            issue.text,
            advice_for(issue.code),
        ]
