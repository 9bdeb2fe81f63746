"""What PostgreSQL does for the writer's lists: it walks an index and stops at the page's end."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from igny8_core.auth.states import Role
from tests import make
from tests.api.callers import Api, api
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.plans import by_index

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

ACCOUNTS, ROWS, PAGE = 12, 300, 20
LISTS = {
    "writing-tasks": ("content_tasks", ("id", "title")),
    "contents": ("content_content", ("id", "title", "updated_at")),
    "images": ("content_images", ("id",)),
}


def explained(caller: Api, path: str, table: str, **query: Any) -> tuple[str, int]:
    """(plan, the most rows that one node looked at) of the page's own query."""
    with CaptureQueriesContext(connection) as seen:
        answer = caller.get(path, page_size=PAGE, **query)
    assert len(answer.json()["results"]) == PAGE
    (sql,) = [q["sql"] for q in seen.captured_queries if f'FROM "{table}"' in q["sql"]]
    return by_index(caller.account.pk, sql)


def test_every_order_is_walked_along_an_index_from_the_cursor_on() -> None:
    sectors = [make_planning.sector(make.account()) for _ in range(ACCOUNTS)]
    clusters = [make_planning.cluster(sector) for sector in sectors]
    make_content.many(clusters, ROWS)
    caller = api(sectors[2].account, Role.VIEWER)
    wrong = {}

    for path, (table, orders) in LISTS.items():
        for order, sign in product(orders, ("", "-")):
            query: dict[str, Any] = {"order": f"{sign}{order}"}
            for _page in range(3):
                plan, rows = explained(caller, f"{path}/", table, **query)
                # By id a small table's own key may do as well as the account's.
                too_many = order != "id" and rows > 2 * PAGE
                if "Sort" in plan or "Seq Scan" in plan or too_many:
                    wrong[f"{path} {sign}{order}"] = (plan, rows)
                answer = caller.get(f"{path}/", page_size=100, **query).json()
                query["cursor"] = answer["next_cursor"]

    assert wrong == {}
