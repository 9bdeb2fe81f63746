"""Do the books agree with themselves?"""

from __future__ import annotations

from django.conf import settings
from django.db import connections

MAX_FINDINGS = 1_000


def ledger_problems(*, account_id: int | None = None) -> list[str]:
    """Every broken invariant of the ledger in words; empty when the books agree.

    Reads all accounts as the staff role; at most ``MAX_FINDINGS`` are listed.

    :param account_id: look at this account only.
    """
    sql = "SELECT account_id, finding, subject, expected, found FROM ledger.audit"
    arguments: list[int] = []
    if account_id is not None:
        sql += " WHERE account_id = %s"
        arguments.append(account_id)
    sql += " ORDER BY account_id, finding, subject LIMIT %s"
    with connections[settings.TENANCY_STAFF_ALIAS].cursor() as cursor:
        cursor.execute(sql, [*arguments, MAX_FINDINGS])
        return [
            f"account {account}: {finding} (row {subject}: {expected} against {found})"
            for account, finding, subject, expected, found in cursor.fetchall()
        ]
