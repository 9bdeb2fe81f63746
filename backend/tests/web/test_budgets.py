"""What a page may ask of the database and send to the browser: the same for every screen."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.browser.screens import SCREENS
from tests.browser.seeding import Seeded, seed

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

QUERIES_MAX = 15
COLD_MORE = 6
"""What a page asks once a minute besides: counts, pace and notices of the frame around it."""

FRAGMENT_BYTES_MAX = 15_000
TRANSACTION = ("SAVEPOINT", "RELEASE SAVEPOINT", "SELECT set_config('igny8.account_id', ''")
"""What begins and ends transactions; the last of them is a test's own."""


@pytest.fixture
def seeded(tmp_path: Path, settings: Any) -> Seeded:
    cache.clear()
    settings.MEDIA_ROOT = tmp_path
    return seed("", tmp_path)


def client_of(seeded: Seeded) -> Client:
    client = Client()
    client.cookies["sessionid"] = seeded.session
    return client


def statements(client: Client, address: str) -> int:
    """How many a page sends, without those that begin and end transactions."""
    with CaptureQueriesContext(connection) as seen:
        answer: Any = client.get(address)
    assert answer.status_code in {200, 404}, address
    return sum(not query["sql"].startswith(TRANSACTION) for query in seen.captured_queries)


def test_every_screen_keeps_to_its_budget_of_queries(seeded: Seeded) -> None:
    client = client_of(seeded)
    cold, warm = {}, {}

    for name in sorted(SCREENS):
        address = SCREENS[name].address(seeded)
        cache.clear()
        cold[name] = statements(client, address)
        warm[name] = statements(client, address)

    assert {name: n for name, n in warm.items() if n > QUERIES_MAX} == {}
    assert {name: n for name, n in cold.items() if n > QUERIES_MAX + COLD_MORE} == {}


def test_a_fragment_of_fifty_rows_is_small(seeded: Seeded) -> None:
    address = seeded.path("planning/keywords/")

    answer = client_of(seeded).get(address, headers={"HX-Request": "true"})

    assert answer.content.count(b'<tr id="k') == 50
    assert len(gzip.compress(answer.content)) <= FRAGMENT_BYTES_MAX
