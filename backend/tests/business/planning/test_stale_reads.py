"""Two people at the same clusters: whoever waits for the other sees what the other has done."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from igny8_core.business.planning.models import Clusters, Keywords
from igny8_core.business.planning.services.edit_clusters import (
    Part,
    merge_clusters,
    move_keywords_to,
    split_cluster,
)
from igny8_core.business.planning.services.mark_clusters import pin_keywords, set_page_role
from igny8_core.business.planning.services.sector_locks import lock_sector
from igny8_core.business.planning.states import ClusterRole
from igny8_core.common.errors import DomainError
from igny8_core.common.tenancy.context import tenant
from tests.business.planning.edited import cluster_of, clustered_sector, keyword, merge, texts_of
from tests.business.planning.test_figures import assert_figures_are_right
from tests.make.planning import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
SECONDS = 30


def behind(sector: Sector, first: Callable[[], Any], second: Callable[[], Any]) -> Any:
    """Do ``first`` while ``second`` waits for it; what ``second`` returned or refused."""

    def waiting() -> Any:
        try:
            return second()
        except DomainError as exc:
            return exc
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with tenant(sector.account_id):
            lock_sector(account=sector.account, sector_id=sector.pk)
            later = pool.submit(waiting)
            wait_for_one()
            first()
        return later.result(timeout=SECONDS)


def wait_for_one() -> None:
    """Until somebody waits for a lock."""
    ends = time.monotonic() + SECONDS
    with connection.cursor() as cursor:
        while time.monotonic() < ends:
            cursor.execute(WAITING)
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")


def test_an_edit_that_waited_writes_over_nothing() -> None:
    sector = clustered_sector()
    account = sector.account
    hose, lamp = cluster_of(sector, "garden hose"), cluster_of(sector, "desk lamp")

    def move(text: str, to: Clusters) -> Callable[[], Any]:
        return lambda: move_keywords_to(
            account=account,
            sector=sector,
            keyword_ids=[keyword(sector, text).pk],
            cluster_id=to.pk,
            now=NOW,
        )

    moving = [keyword(sector, text) for text in ("garden hose reel", "expandable garden hose")]
    pages = {row.keyword: row.page for row in moving}
    behind(
        sector,
        move("garden hose reel", lamp),
        lambda: pin_keywords(
            account=account,
            sector=sector,
            keyword_ids=[moving[0].pk],
            is_pinned=True,
            now=NOW,
        ),
    )
    after_pin = keyword(sector, "garden hose reel")
    behind(
        sector,
        move("grey sofa bed", hose),
        lambda: split_cluster(
            account=account,
            cluster_id=cluster_of(sector, "grey sofa").pk,
            parts=[Part([keyword(sector, "dark grey sofa").pk])],
            now=NOW,
        ),
    )
    refused = behind(
        sector,
        move("expandable garden hose", lamp),
        lambda: set_page_role(
            account=account,
            cluster_id=hose.pk,
            page=pages["expandable garden hose"] or 0,
            role=ClusterRole.HUB,
            now=NOW,
        ),
    )

    assert (after_pin.cluster_id, after_pin.is_pinned) == (lamp.pk, True)
    assert keyword(sector, "grey sofa bed").cluster_id == hose.pk
    assert keyword(sector, "expandable garden hose").cluster_id == lamp.pk
    assert getattr(refused, "code", "") == "not_found"
    assert_figures_are_right(sector.pk)


def test_nothing_is_merged_into_a_cluster_that_went_meanwhile() -> None:
    sector = clustered_sector()
    hose, lamp = cluster_of(sector, "garden hose"), cluster_of(sector, "desk lamp")
    lamps = texts_of(lamp)

    refused = behind(
        sector,
        lambda: merge(sector, "grey sofa", "garden hose"),
        lambda: merge_into(sector, hose, lamp),
    )

    lamp.refresh_from_db()
    hose.refresh_from_db()
    assert getattr(refused, "code", "") == "not_found"
    assert hose.is_deleted
    assert not lamp.is_deleted
    assert texts_of(lamp) == lamps
    assert not Keywords.unscoped.filter(cluster__deleted_at__isnull=False, deleted_at=None).exists()


def merge_into(sector: Sector, into: Clusters, other: Clusters) -> Any:
    return merge_clusters(
        account=sector.account,
        cluster_id=into.pk,
        other_ids=[other.pk],
        carry=lambda _replaced: {},
        now=NOW,
    )
