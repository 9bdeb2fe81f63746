"""Two at a time, with real commits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from igny8_core.business.planning.models import Clusters, KeywordImport, Keywords
from igny8_core.business.planning.services import cluster_keywords as module
from igny8_core.business.planning.services.cluster_keywords import ClusterRun, cluster_keywords
from igny8_core.business.planning.services.cluster_plan import make_plan
from igny8_core.business.planning.services.import_keywords import (
    analyse_keyword_file,
    import_keywords,
)
from igny8_core.business.planning.services.keyword_rows import ReadOptions
from igny8_core.common.errors import StaleState, TransitionNotAllowed
from tests.make import planning as make_planning
from tests.make.planning import NOW, csv_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.auth.models import Sector
    from igny8_core.business.planning.services.cluster_plan import Plan

pytestmark = pytest.mark.django_db(transaction=True)


def together(*works: Callable[[], Any]) -> list[Any]:
    """What each returned or raised."""
    start = Barrier(len(works))

    def one(work: Callable[[], Any]) -> Any:
        start.wait(timeout=30)
        try:
            return work()
        except (StaleState, TransitionNotAllowed) as exc:
            return exc
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


def imports(sector: Sector, data: bytes) -> KeywordImport:
    found = analyse_keyword_file(
        account=sector.account,
        site=sector.site,
        sector=sector,
        file_name="k.csv",
        data=data,
        options=ReadOptions(),
        now=NOW,
    )
    return import_keywords(account=sector.account, import_id=found.pk, clock=lambda: NOW)


def test_of_two_clustering_runs_of_a_sector_one_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    sector = make_planning.sector()
    make_planning.keywords(sector, ["grey sofa", "grey sofas", "desk lamp", "garden hose"])
    both_computed = Barrier(2)

    def waiting(*args: Any, **kwargs: Any) -> Plan:
        plan = make_plan(*args, **kwargs)
        both_computed.wait(timeout=30)
        return plan

    monkeypatch.setattr(module, "make_plan", waiting)

    def work() -> ClusterRun:
        return cluster_keywords(
            account=sector.account, site=sector.site, sector=sector, clock=lambda: NOW, credits=None
        )

    found = together(work, work)

    assert sorted(type(one).__name__ for one in found) == ["ClusterRun", "StaleState"]
    assert Keywords.unscoped.filter(sector=sector, status="mapped").count() == 4
    names = Clusters.unscoped.filter(sector=sector).values_list("name", flat=True)
    assert len(set(names)) == len(names)


def test_two_accounts_import_one_file_at_once_and_share_only_the_seeds() -> None:
    one, other = make_planning.sector(), make_planning.sector()
    data = csv_bytes(("Keyword", "Volume"), *[(f"sofa {n}", n) for n in range(3000)])

    found = together(lambda: imports(one, data), lambda: imports(other, data))

    assert [(done.created, done.status) for done in found] == [(3000, "completed")] * 2
    seeds = [
        set(Keywords.unscoped.filter(sector=sector).values_list("seed_keyword_id", flat=True))
        for sector in (one, other)
    ]
    assert seeds[0] == seeds[1]


def test_two_imports_into_one_sector_lose_and_double_nothing() -> None:
    sector = make_planning.sector()
    files = [
        csv_bytes(("Keyword", "Volume"), *[(f"sofa {n}", n) for n in numbers])
        for numbers in (range(2000), range(1000, 3000))
    ]

    found = together(*[lambda data=data: imports(sector, data) for data in files])

    assert sum(done.created for done in found) == 3000
    assert all(
        done.rows_read == done.created + done.updated + done.unchanged == 2000 for done in found
    )
    rows = Keywords.unscoped.filter(sector=sector)
    assert rows.count() == rows.values("keyword_norm").distinct().count() == 3000


def test_the_same_file_twice_at_once_is_imported_once() -> None:
    sector = make_planning.sector()
    data = csv_bytes(("Keyword", "Volume"), *[(f"sofa {n}", n) for n in range(500)])

    together(lambda: imports(sector, data), lambda: imports(sector, data))

    assert Keywords.unscoped.filter(sector=sector).count() == 500
    assert KeywordImport.unscoped.filter(sector=sector).count() == 1
