"""What PostgreSQL would do with a query where an index may serve it."""

from __future__ import annotations

from typing import Any

from django.db import connection

from igny8_core.common.tenancy.context import tenant

# The tables of a test are small: a sort of a hundred rows, or a look at all of them, may well be
# cheaper than a walk along an index, and which is chosen hangs on statistics that are taken or not
# taken meanwhile. Without these ways an index is walked if there is one that can serve.
OTHER_WAYS = ("enable_sort", "enable_incremental_sort", "enable_bitmapscan", "enable_seqscan")


def by_index(account_id: int, sql: str) -> tuple[str, int]:
    """(names of the plan's nodes, the most rows that one node looked at), as this account."""
    with tenant(account_id), connection.cursor() as cursor:
        for way in OTHER_WAYS:
            cursor.execute(f"SET LOCAL {way} = off")
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}")
        (found,) = cursor.fetchone()
        for way in OTHER_WAYS:
            cursor.execute(f"SET LOCAL {way} = on")
    (plan,) = found
    return _names(plan["Plan"]), _rows_read(plan["Plan"])


def _names(node: Any) -> str:
    """The kinds of nodes, from the top."""
    of = node.get("Index Name") or node.get("Relation Name", "")
    own = f"{node['Node Type']} {of}".strip()
    return " > ".join([own, *(_names(inner) for inner in node.get("Plans", []))])


def _rows_read(node: Any) -> int:
    own = int(node.get("Rows Removed by Filter", 0) + node["Actual Rows"])
    return max([own, *(_rows_read(inner) for inner in node.get("Plans", []))])
