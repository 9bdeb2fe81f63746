from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.planning import selectors
from igny8_core.business.planning.models import ContentIdeaKeyword
from igny8_core.business.planning.selectors import KeywordFilters, PipelineCounts
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import planning as make_planning
from tests.make.planning import NOW, csv_bytes, imported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import DjangoAssertNumQueries

    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db


@pytest.fixture
def sector() -> Iterator[Sector]:
    made = make_planning.sector()
    cluster = make_planning.cluster(made, "sofas", volume=9)
    make_planning.keyword(
        made, "Grey Sofa", volume=90, difficulty=10, cluster=cluster, role="hub",
        intent="commercial", intent_source="rules",
    )  # fmt: skip
    make_planning.keyword(
        made, "sofa bed", volume=500, difficulty=60, intent="informational", intent_source="unknown"
    )
    make_planning.keyword(made, "women's chair")
    make_planning.keyword(made, "desk", volume=0, is_disabled=True)
    make_planning.keyword(made, "deleted sofa", volume=1).soft_delete(now=NOW)
    make_planning.keyword(make_planning.sector(made.account), "other sofa", volume=1)
    with tenant(made.account_id):
        yield made


def found(sector: Sector, **filters: Any) -> list[str]:
    rows = selectors.keywords(
        account=sector.account, sector=sector, filters=KeywordFilters(**filters)
    )
    return [row.keyword for row in rows]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["sofa bed", "Grey Sofa", "desk", "women's chair"]),
        ({"sort": "volume"}, ["desk", "Grey Sofa", "sofa bed", "women's chair"]),
        ({"sort": "keyword"}, ["desk", "Grey Sofa", "sofa bed", "women's chair"]),
        ({"sort": "-keyword"}, ["women's chair", "sofa bed", "Grey Sofa", "desk"]),
        ({"sort": "difficulty"}, ["Grey Sofa", "sofa bed", "women's chair", "desk"]),
        ({"sort": "-difficulty"}, ["sofa bed", "Grey Sofa", "desk", "women's chair"]),
        ({"sort": "-added"}, ["desk", "women's chair", "sofa bed", "Grey Sofa"]),
        ({"sort": "nonsense"}, ["sofa bed", "Grey Sofa", "desk", "women's chair"]),
        ({"q": "SOFA"}, ["sofa bed", "Grey Sofa"]),
        ({"q": "sofa grey"}, ["Grey Sofa"]),
        ({"q": "sofa*"}, ["sofa bed"]),
        ({"q": "women\u2019s"}, ["women's chair"]),
        ({"q": "100%"}, []),
        ({"status": "mapped"}, ["Grey Sofa"]),
        ({"status": "new"}, ["sofa bed", "desk", "women's chair"]),
        ({"intent": "commercial"}, ["Grey Sofa"]),
        ({"intent": "informational"}, []),
        ({"intent": "unknown"}, ["sofa bed", "desk", "women's chair"]),
        ({"volume_min": 90}, ["sofa bed", "Grey Sofa"]),
        ({"volume_max": 90}, ["Grey Sofa", "desk"]),
        ({"difficulty_min": 11.0}, ["sofa bed"]),
        ({"difficulty_max": 11.0}, ["Grey Sofa"]),
        ({"cluster_id": 0}, ["sofa bed", "desk", "women's chair"]),
        ({"is_disabled": True}, ["desk"]),
    ],
)
def test_filters_and_orders(sector: Sector, filters: dict[str, Any], expected: list[str]) -> None:
    assert found(sector, **filters) == expected


def test_keywords_of_one_cluster(sector: Sector) -> None:
    cluster = selectors.clusters(account=sector.account, sector=sector).get()

    assert found(sector, cluster_id=cluster.pk) == ["Grey Sofa"]
    rows = selectors.cluster_keywords(account=sector.account, cluster_id=cluster.pk)
    assert [row.keyword for row in rows] == ["Grey Sofa"]
    figures = selectors.cluster_figures(account=sector.account, cluster_ids=[cluster.pk])
    assert figures[cluster.pk] == selectors.ClusterFigures(10.0, {"commercial": 1}, 1, "Grey Sofa")


def test_a_page_has_rows_totals_and_a_constant_number_of_queries(
    sector: Sector, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(3):
        page = selectors.keyword_page(account=sector.account, sector=sector, page_rows=3)
        names = [row.cluster.name if row.cluster else "" for row in page.rows]

    assert names == ["", "sofas", ""]
    assert (page.number, page.total, page.volume, page.pages) == (1, 4, 590, 2)
    with django_assert_num_queries(3):
        last = selectors.keyword_page(account=sector.account, sector=sector, number=9, page_rows=3)
    assert (last.number, [row.keyword for row in last.rows]) == (2, ["women's chair"])


def test_an_empty_page(sector: Sector) -> None:
    page = selectors.keyword_page(
        account=sector.account, sector=sector, filters=KeywordFilters(q="nothing"), page_rows=0
    )

    assert (page.rows, page.number, page.total, page.volume, page.pages) == ([], 1, 0, 0, 1)


def test_the_pipeline_is_counted_by_site(sector: Sector) -> None:
    cluster = selectors.clusters(account=sector.account, sector=sector, status="new").get()
    make_planning.idea(cluster)
    make_planning.idea(cluster).soft_delete(now=NOW)

    assert selectors.pipeline_counts(account=sector.account, site=sector.site) == PipelineCounts(
        keywords=4, keywords_new=3, clusters=1, clusters_new=0, ideas=1, ideas_new=1, volume=590
    )


def test_the_best_ideas_come_first_and_taken_ones_not_at_all(sector: Sector) -> None:
    cluster = selectors.clusters(account=sector.account, sector=sector).get()
    small, unknown, large, served = (
        make_planning.idea(cluster, volume=volume) for volume in (5, None, 70, None)
    )
    make_planning.idea(cluster, volume=999, status="queued", queued_at=NOW)
    row = selectors.cluster_keywords(account=sector.account, cluster_id=cluster.pk).get()
    ContentIdeaKeyword.unscoped.create(idea=served, keyword=row, is_target=True)

    best = selectors.best_ideas(account=sector.account, sector=sector, limit=9)

    assert [idea.pk for idea in best] == [large.pk, small.pk, served.pk, unknown.pk]
    assert selectors.best_ideas(account=sector.account, sector=sector, limit=0) == []
    texts = selectors.idea_keywords(account=sector.account, idea_ids=[served.pk, small.pk])
    assert {pk: [k.keyword for k in rows] for pk, rows in texts.items()} == {
        served.pk: ["Grey Sofa"],
        small.pk: [],
    }
    queued = selectors.ideas(
        account=sector.account, sector=sector, status="queued", cluster_id=cluster.pk
    )
    assert [idea.volume for idea in queued] == [999]


def test_single_rows_are_unknown_when_deleted_or_anothers() -> None:
    sector, stranger = make_planning.sector(), make_planning.sector()
    account = sector.account
    gone = make_planning.cluster(sector)
    gone.soft_delete(now=NOW)
    theirs = make_planning.idea(make_planning.cluster(stranger))

    for ask in (
        lambda: selectors.keyword(account=account, keyword_id=0),
        lambda: selectors.cluster(account=account, cluster_id=gone.pk),
        lambda: selectors.idea(account=account, idea_id=theirs.pk),
        lambda: selectors.keyword_import(account=account, import_id=0),
    ):
        with pytest.raises(NotFound), tenant(account.pk):
            ask()


def test_single_rows_are_found() -> None:
    sector = make_planning.sector()
    found_import = imported(sector, csv_bytes(("Keyword",), ("sofa",), ("",)))
    idea = make_planning.idea(make_planning.cluster(sector))
    with tenant(sector.account_id):
        account = sector.account
        row = selectors.keywords(account=account, sector=sector).get()
        assert selectors.keyword(account=account, keyword_id=row.pk) == row
        assert selectors.cluster(account=account, cluster_id=idea.cluster_id) == idea.cluster
        assert selectors.idea(account=account, idea_id=idea.pk) == idea
        assert list(selectors.keyword_imports(account=account, sector=sector)) == [found_import]
        assert selectors.keyword_import(account=account, import_id=found_import.pk) == found_import
        issues = selectors.import_issues(account=account, import_id=found_import.pk)
        assert [(issue.row, issue.code) for issue in issues] == [(3, "blank")]


def test_another_account_sees_nothing() -> None:
    sector = make_planning.sector()
    make_planning.keyword(sector, "sofa")
    stranger = make.account()
    with tenant(stranger.pk):
        assert not selectors.keywords(account=stranger, sector=sector).exists()
