"""The overview shows the site's own figures, in a constant number of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests import make
from tests.make import billing as make_billing
from tests.make import planning as make_planning

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector(make_billing.account_with(1_234))


def page_of(sector: Sector) -> tuple[str, int]:
    client = Client()
    client.force_login(make.member(sector.account))
    cache.clear()  # the shell's counts
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(reverse("overview", args=[sector.site_id]))
    return answer.content.decode(), len(queries)


def test_an_empty_site_says_what_comes_next(sector: Sector) -> None:
    page, _ = page_of(sector)

    assert "No article yet" in page
    assert "Not published yet" in page
    assert "1,234" in page


def test_figures_are_the_sites_own_and_queries_do_not_grow(sector: Sector) -> None:
    _, few = page_of(sector)
    make_planning.keywords(sector, [f"sofa {n}" for n in range(1_007)])
    make_planning.idea(make_planning.cluster(sector))
    make_planning.keywords(make_planning.sector(), ["not mine"])

    page, many = page_of(sector)

    assert '<dd class="stat-value">1,007</dd>' in page
    assert "1 to decide" in page
    assert many == few <= 29


def test_htmx_gets_the_part_and_the_cache_knows(sector: Sector) -> None:
    client = Client()
    client.force_login(make.member(sector.account))

    answer = client.get(reverse("overview", args=[sector.site_id]), headers={"HX-Request": "true"})

    assert "<html" not in answer.content.decode()
    assert "Keywords" in answer.content.decode()
    assert "HX-Request" in answer["Vary"]
