"""Do the books agree with themselves, with the usage logs, and with what the log said of them?"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog
from django.conf import settings
from django.db import connections, transaction

from igny8_core.business.billing.models import CreditWallet
from igny8_core.business.billing.services.audit_results import keep_result
from igny8_core.business.billing.services.money_audit import money_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from igny8_core.business.billing.services.audit_results import AuditResult

log = structlog.get_logger(__name__)

MAX_FINDINGS = 1_000
TOUCHED = timedelta(minutes=70)  # the job runs every hour
TOUCHED_MAX = 2_000
"""Beyond so many accounts one look at all of them is quicker than one at each."""

TIMEOUT = "15min"  # of a look at all rows; a single account takes milliseconds

DIGEST_EVENT = "billing.ledger.digest"

# Every charge is explained by one usage log, and every usage log says what was charged. Rows that
# an earlier system left have no reservation.
USAGE = """
SELECT r.account_id, 'captured without a usage log', r.id, r.captured, 0
  FROM billing_creditreservation r
 WHERE r.status = 'captured' AND NOT EXISTS (
       SELECT 1 FROM billing_creditusagelog u
        WHERE u.account_id = r.account_id AND u.reservation_id = r.id)
UNION ALL
SELECT u.account_id, 'usage log is not its charge', u.id, u.credits_used, coalesce(r.captured, 0)
  FROM billing_creditusagelog u
  JOIN billing_creditreservation r ON r.account_id = u.account_id AND r.id = u.reservation_id
 WHERE r.status <> 'captured' OR u.credits_used <> r.captured
    OR u.transaction_id IS DISTINCT FROM (
       SELECT t.id FROM billing_credittransaction t
        WHERE t.account_id = r.account_id AND t.reservation_id = r.id AND t.type = 'deduction')
UNION ALL
SELECT u.account_id, 'reservation with several usage logs', min(u.id), 1, count(*)
  FROM billing_creditusagelog u WHERE u.reservation_id IS NOT NULL
 GROUP BY u.account_id, u.reservation_id HAVING count(*) > 1
 ORDER BY 1, 2, 3 LIMIT %s
"""
DIGESTS = """
SELECT account_id, min(seq), max(seq), sum(amount)::bigint,
       encode(sha256(convert_to(string_agg(
           concat_ws('|', seq, type, amount, balance_after, idempotency_key,
                     extract(epoch FROM created_at)), E'\\n' ORDER BY seq), 'UTF8')), 'hex')
  FROM billing_credittransaction
 WHERE created_at >= %s AND created_at < %s
 GROUP BY account_id ORDER BY account_id
"""


@dataclass(frozen=True)
class Digest:
    """One account's ledger rows of a day in a few figures, to be kept outside the database."""

    account_id: int
    day: str
    first_seq: int
    last_seq: int
    total: int
    sha256: str


def ledger_problems(*, account_id: int | None = None) -> list[str]:
    """Every broken invariant of the ledger in words; empty when the books agree.

    Reads all accounts as the staff role; at most ``MAX_FINDINGS`` are listed.

    :param account_id: look at this account only: its rows are found by their indexes.
    """
    sql = "SELECT account_id, finding, subject, expected, found FROM ledger.audit"
    arguments: list[int] = []
    if account_id is not None:
        sql += " WHERE account_id = %s"
        arguments.append(account_id)
    sql += " ORDER BY account_id, finding, subject LIMIT %s"
    return _findings(sql, *arguments, MAX_FINDINGS)


def usage_problems() -> list[str]:
    """Charges that no usage log explains, and the reverse; over all accounts."""
    return _findings(USAGE, MAX_FINDINGS)


def audit_touched(*, now: datetime) -> int:
    """Look at the accounts whose wallets changed in the last hour; log what is wrong.

    :returns: how many problems there are.
    """
    wallets = CreditWallet.objects.across_accounts(reason="audit of touched accounts")
    touched = wallets.filter(updated_at__gte=now - TOUCHED).order_by("pk")
    account_ids = list(touched.values_list("pk", flat=True)[: TOUCHED_MAX + 1])
    if len(account_ids) > TOUCHED_MAX:
        return _report(ledger_problems())
    return _report(
        problem for account_id in account_ids for problem in ledger_problems(account_id=account_id)
    )


def audit_all(*, now: datetime) -> int:
    """Look at all books; log what is wrong, and the digests of yesterday's rows.

    :returns: how many problems there are.
    """
    for digest in ledger_digests(day=now.astimezone(UTC).date() - timedelta(days=1)):
        log.info(DIGEST_EVENT, **asdict(digest))
    return _report(problem for name in SEARCHES for problem in look(name=name, now=now).problems)


def look(*, name: str, now: datetime) -> AuditResult:
    """One of the searches, over all accounts; what it finds is kept for operators' pages.

    :param name: of ``SEARCHES``.
    """
    return keep_result(name=name, problems=SEARCHES[name](), now=now)


def ledger_digests(*, day: date) -> list[Digest]:
    """What the ledger rows of a day (in UTC) amount to, by account."""
    begin = datetime.combine(day, time.min, UTC)
    rows = _rows(DIGESTS, begin, begin + timedelta(days=1))
    return [Digest(row[0], day.isoformat(), *row[1:]) for row in rows]


def digest_problems(lines: Iterable[str]) -> list[str]:
    """Accounts whose ledger rows are no longer what the log said of them.

    :param lines: of the log, a JSON object each; others are passed by.
    """
    told: dict[str, dict[int, dict[str, Any]]] = {}
    for line in lines:
        if DIGEST_EVENT in line and (entry := _entry(line)) is not None:
            told.setdefault(entry["day"], {})[entry["account_id"]] = entry
    problems = []
    for day, accounts in sorted(told.items()):
        now = {each.account_id: each for each in ledger_digests(day=date.fromisoformat(day))}
        for account_id, entry in sorted(accounts.items()):
            found = asdict(now[account_id]) if account_id in now else {}
            if any(found.get(name) != value for name, value in entry.items()):
                problems.append(f"account {account_id}: the rows of {day} are not what they were")
    return problems


SEARCHES: Final[dict[str, Callable[[], list[str]]]] = {
    "ledger": ledger_problems,
    "usage": usage_problems,
    "money": money_problems,
}


def _entry(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
        return {name: found[name] for name in Digest.__dataclass_fields__}
    except (ValueError, KeyError, TypeError):  # cut, or of another kind
        return None


def _report(problems: Iterable[str]) -> int:
    found = list(problems)
    for problem in found:
        log.error("billing.audit.finding", problem=problem)
    return len(found)


def _findings(sql: str, *arguments: Any) -> list[str]:
    return [
        f"account {account}: {finding} (row {subject}: {expected} against {found})"
        for account, finding, subject, expected, found in _rows(sql, *arguments)
    ]


def _rows(sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
    using = settings.TENANCY_STAFF_ALIAS
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [TIMEOUT])
        cursor.execute(sql, arguments)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
