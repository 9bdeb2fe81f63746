"""One act on many keywords, and the number that a person has seen."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.planning import cluster_selectors
from igny8_core.business.planning.errors import BulkInvalid, CountChanged
from igny8_core.business.planning.models import Clusters, Keywords
from igny8_core.business.planning.selectors import KeywordFilters
from igny8_core.business.planning.services import bulk_keywords as bulk
from igny8_core.business.planning.services.bulk_keywords import BulkResult, Target
from igny8_core.common.errors import NotFound
from tests.make import planning as make_planning
from tests.make.planning import NOW, csv_bytes, imported

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db

SOFAS = Target(KeywordFilters(q="sofa"))


@pytest.fixture
def sector() -> Sector:
    sector = make_planning.sector()
    make_planning.keywords(sector, ["grey sofa", "blue sofa", "desk"], volume=10)
    return sector


def act(name: str, sector: Sector, target: Target = SOFAS, **options: Any) -> BulkResult:
    done: BulkResult = getattr(bulk, name)(
        account=sector.account, sector=sector, target=target, now=NOW, **options
    )
    return done


def texts(sector: Sector, **conditions: Any) -> list[str]:
    rows = Keywords.unscoped.filter(sector=sector, **conditions).order_by("keyword_norm")
    return list(rows.values_list("keyword", flat=True))


def test_the_dry_run_counts_what_the_act_meets(sector: Sector) -> None:
    found = bulk.matching_keywords(account=sector.account, sector=sector, target=SOFAS)

    assert found == 2
    assert act("set_keywords_disabled", sector, is_disabled=True, expected=2) == BulkResult(2, 2)
    assert act("set_keywords_disabled", sector, is_disabled=True, expected=2) == BulkResult(2, 0)
    assert texts(sector, is_disabled=True) == ["blue sofa", "grey sofa"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("set_keywords_disabled", {"is_disabled": True}),
        ("delete_keywords", {}),
        ("move_keywords", {"cluster_id": None}),
        ("set_keywords_intent", {"intent": "commercial"}),
        ("set_keywords_pinned", {"is_pinned": True}),
    ],
)
def test_another_number_than_the_person_saw_is_refused(
    sector: Sector, name: str, options: dict[str, Any]
) -> None:
    before = list(Keywords.unscoped.filter(sector=sector).order_by("pk").values())
    make_planning.keyword(sector, "new sofa")
    before += list(Keywords.unscoped.filter(sector=sector, keyword="new sofa").values())

    with pytest.raises(CountChanged) as refused:
        act(name, sector, expected=2, **options)

    assert refused.value.data == {"matched": 3, "expected": 2}
    assert list(Keywords.unscoped.filter(sector=sector).order_by("pk").values()) == before


def test_ticked_keywords_of_another_sector_are_not_met(sector: Sector) -> None:
    mine = Keywords.unscoped.get(sector=sector, keyword="desk")
    theirs = make_planning.keyword(make_planning.sector(), "desk")

    done = act("delete_keywords", sector, Target(ids=(mine.pk, theirs.pk)))

    assert done == BulkResult(1, 1)
    theirs.refresh_from_db()
    assert theirs.deleted_at is None


def test_a_deletion_is_taken_back_as_a_whole(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, keywords_count=1, volume=5)
    make_planning.keyword(sector, "old sofa", cluster=cluster, volume=5)
    gone = make_planning.cluster(sector, deleted_at=NOW)
    make_planning.keyword(sector, "lost sofa", cluster=gone, volume=5)
    act("delete_keywords", sector)
    cluster.refresh_from_db()
    assert (cluster.keywords_count, cluster.volume) == (0, 0)
    make_planning.keyword(sector, "grey sofa")
    later = NOW + timedelta(hours=1)

    back = bulk.restore_keywords(account=sector.account, sector=sector, deleted_at=NOW, now=later)

    assert back == BulkResult(4, 3)
    assert texts(sector, deleted_at=None) == [
        "blue sofa", "desk", "grey sofa", "lost sofa", "old sofa",
    ]  # fmt: skip
    cluster.refresh_from_db()
    assert (cluster.keywords_count, cluster.volume) == (1, 5)
    assert Keywords.unscoped.get(sector=sector, keyword="lost sofa").cluster_id is None


def test_moved_keywords_are_pinned_in_the_cluster_and_the_move_can_be_undone(
    sector: Sector,
) -> None:
    old = make_planning.cluster(sector, keywords_count=1, volume=7)
    cluster = make_planning.cluster(sector)
    make_planning.keyword(sector, "sofa in blue", cluster=cluster, page=0, page_place=3)
    make_planning.keyword(sector, "best sofa", cluster=old, volume=70)

    done = act("move_keywords", sector, cluster_id=cluster.pk, expected=4)
    again = act("move_keywords", sector, cluster_id=cluster.pk)

    assert (done, again) == (BulkResult(4, 3), BulkResult(4, 0))
    placed = Keywords.unscoped.filter(cluster=cluster, is_pinned=True).order_by("page")
    assert list(placed.values_list("keyword", "page", "page_place", "status")) == [
        ("blue sofa", 0, 4, "mapped"),
        ("best sofa", 1, 0, "mapped"),
        ("grey sofa", 2, 0, "mapped"),
    ]
    counts = dict(Clusters.unscoped.filter(sector=sector).values_list("pk", "keywords_count"))
    assert counts == {old.pk: 0, cluster.pk: 4}
    [edit] = cluster_selectors.cluster_edits(account=sector.account, sector=sector)
    assert edit.summary.startswith("Moved 3 keywords to")


def test_keywords_taken_out_of_their_cluster_are_new_again(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, keywords_count=1, volume=5)
    make_planning.keyword(sector, "old sofa", cluster=cluster, volume=5, is_pinned=True)

    done = act("move_keywords", sector, cluster_id=None)

    row = Keywords.unscoped.get(sector=sector, keyword="old sofa")
    assert done == BulkResult(3, 1)
    assert (row.status, row.cluster_id, row.page, row.is_pinned) == ("new", None, None, False)


def test_a_cluster_of_another_sector_takes_nothing(sector: Sector) -> None:
    elsewhere = make_planning.cluster(make_planning.sector(sector.account))

    with pytest.raises(NotFound):
        act("move_keywords", sector, cluster_id=elsewhere.pk)


def test_an_intent_that_a_person_said_survives_imports(sector: Sector) -> None:
    act("set_keywords_intent", sector, intent="navigational")
    imported(sector, csv_bytes(("Keyword", "Intent"), ("grey sofa", "Commercial")))

    row = Keywords.unscoped.get(sector=sector, keyword="grey sofa")
    assert (row.intent, row.intent_source, row.intent_confidence) == ("navigational", "typed", 1)
    assert act("set_keywords_intent", sector, intent="") == BulkResult(2, 2)
    with pytest.raises(BulkInvalid):
        act("set_keywords_intent", sector, intent="dreamy")


def test_only_keywords_in_a_cluster_can_be_held(sector: Sector) -> None:
    make_planning.keyword(sector, "old sofa", cluster=make_planning.cluster(sector))

    assert act("set_keywords_pinned", sector, is_pinned=True) == BulkResult(3, 1)
    assert act("set_keywords_pinned", sector, is_pinned=False) == BulkResult(3, 1)


def test_something_has_to_be_meant() -> None:
    with pytest.raises(BulkInvalid):
        Target()
    with pytest.raises(BulkInvalid):
        Target(ids=tuple(range(5_001)))
