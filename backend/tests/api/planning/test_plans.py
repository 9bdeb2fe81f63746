"""What PostgreSQL does for the planner's lists: it walks an index and stops at the page's end."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from igny8_core.auth.states import Role
from tests import make
from tests.api.planning.asking import Asker
from tests.make import planning as make_planning
from tests.plans import by_index

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

ROWS = 2_500
PAGE = 50


def explained(asker: Asker, account_id: int, **query: Any) -> list[tuple[str, int]]:
    """(plan, rows that were read) of each query for keywords that a page takes."""
    with CaptureQueriesContext(connection) as seen:
        answer = asker.get("keywords/", page_size=PAGE, **query)
    assert len(answer.json()["results"]) == PAGE
    lists = [q["sql"] for q in seen.captured_queries if 'FROM "planning_keywords"' in q["sql"]]
    return [by_index(account_id, sql) for sql in lists]


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
