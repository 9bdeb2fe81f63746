"""What PostgreSQL does for the planner's lists: it walks an index and stops at the page's end."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from igny8_core.auth.states import Role
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.api.planning.asking import Asker
from tests.make import planning as make_planning

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

ROWS = 2_500
PAGE = 50


def explained(asker: Asker, account_id: int, **query: Any) -> list[tuple[str, int]]:
    """(plan, rows that were read) of each query for keywords that a page takes."""
    with CaptureQueriesContext(connection) as seen:
        answer = asker.get("keywords/", page_size=PAGE, **query)
    assert len(answer.json()["results"]) == PAGE
    lists = [q["sql"] for q in seen.captured_queries if 'FROM "planning_keywords"' in q["sql"]]
    found = []
    for sql in lists:
        with tenant(account_id), connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}")
            (plan,) = cursor.fetchone()[0]
        found.append((names(plan["Plan"]), rows_read(plan["Plan"])))
    return found


def names(node: Any) -> str:
    """The kinds of nodes, from the top."""
    of = node.get("Index Name") or node.get("Relation Name", "")
    own = f"{node['Node Type']} {of}".strip()
    return " > ".join([own, *(names(inner) for inner in node.get("Plans", []))])


def rows_read(node: Any) -> int:
    """The most that one node looked at."""
    own = int(node.get("Rows Removed by Filter", 0) + node["Actual Rows"])
    return max([own, *(rows_read(inner) for inner in node.get("Plans", []))])


def test_every_order_is_walked_along_an_index_from_the_cursor_on() -> None:
    accounts = [make.account() for _ in range(4)]
    sites = [make.site(account) for account in accounts]
    sectors = [make.sector(site) for site, _ in product(sites, range(2))]
    make_planning.many_keywords(sectors, ROWS)
    sector, account = sectors[2], sectors[2].account
    asker = Asker(account, Role.VIEWER)
    wrong = {}

    for order, sign in product(("keyword", "volume", "difficulty"), ("", "-")):
        query: dict[str, Any] = {"sector": sector.pk, "order": f"{sign}{order}"}
        for _page in range(4):
            for plan, rows in explained(asker, account.pk, **query):
                if "Sort" in plan or "Seq Scan planning_keywords" in plan or rows > 2 * PAGE:
                    wrong[sign + order] = (plan, rows)
            answer = asker.get("keywords/", page_size=200, **query).json()
            query["cursor"] = answer["next_cursor"]

    assert wrong == {}
