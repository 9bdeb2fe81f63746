"""A list takes the same number of queries whatever its length."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from igny8_core.auth.models import Account
from tests.common.isolation import make_row, privileges, tenant_models
from tests.routes.addresses import api_routes
from tests.routes.permissions import API, PUBLIC
from tests.routes.test_matrix import values_for
from tests.routes.world import MINE, World, make_world, whole

if TYPE_CHECKING:
    from django.test import Client

    from tests.routes.addresses import Route

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

MORE = 4
QUERIES_MAX = 16


def add_rows(world: World) -> None:
    """More of everything that an account may have several of."""
    for _ in range(MORE):
        made = {Account: world.mine[Account]}
        for model in tenant_models():
            if model is not Account and "INSERT" in privileges(model):
                with suppress(IntegrityError), transaction.atomic():  # one for an account, say
                    make_row(model, MINE, made)


def queries(client: Client, route: Route, world: World) -> tuple[int, int]:
    """(queries, rows) of a list."""
    with CaptureQueriesContext(connection) as seen:
        answer = whole(client.get(route.address(values_for(route, world.mine))))
    if answer["Content-Type"].startswith("text/csv"):
        return len(seen), answer.content.count(b"\n")
    if not answer["Content-Type"].startswith("application/json"):
        return len(seen), 1
    body = answer.json()
    rows = body.get("results", body) if isinstance(body, dict) else body
    return len(seen), len(rows)


def test_lists_take_the_same_number_of_queries_whatever_the_rows() -> None:
    world = make_world()
    client = world.caller("owner")
    gets = [r for r in api_routes() if API[r.path].get("GET") not in {None, PUBLIC}]
    lists = [r for r in gets if not r.path.endswith(("/pdf/", "/archive/"))]  # files, one by one
    few = {route.path: queries(client, route, world) for route in lists}
    add_rows(world)
    many = {route.path: queries(client, route, world) for route in lists}

    grown = {p: (few[p], many[p]) for p in few if many[p][0] != few[p][0]}
    assert grown == {}
    pages = {p: count for p, (count, _) in many.items() if not p.endswith(("/export/", "/brief/"))}
    assert {path: count for path, count in pages.items() if count > QUERIES_MAX} == {}
    assert sum(many[path][1] > few[path][1] for path in few) >= len(few) // 3
