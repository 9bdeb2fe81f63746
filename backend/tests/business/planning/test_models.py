from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from igny8_core.auth.models import SeedKeyword
from igny8_core.business.planning.models import (
    Clusters,
    ContentIdeaKeyword,
    ContentIdeas,
    KeywordImportIssue,
    Keywords,
)
from igny8_core.business.planning.states import (
    CLUSTER,
    IDEA,
    KEYWORD,
    KEYWORD_IMPORT,
    ClusterStatus,
    IdeaStatus,
    ImportStatus,
    KeywordStatus,
)
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import planning as make_planning
from tests.make.planning import NOW, csv_bytes, imported

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db


def refused(sql: str, *values: int) -> str:
    """The name of the constraint that refuses a statement."""
    with (
        pytest.raises(IntegrityError) as error,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, list(values))
    cause: Any = error.value.__cause__
    return str(cause.diag.constraint_name)


def other_sector(sector: Sector, name: str = "Sofas") -> Sector:
    return make.sector(sector.site, name)


def test_raw_sql_cannot_link_a_cluster_of_another_sector() -> None:
    sector = make_planning.sector()
    row = make_planning.keyword(sector)
    statement = "UPDATE planning_keywords SET cluster_id = %s, status = 'mapped' WHERE id = %s"
    neighbours = make_planning.cluster(other_sector(sector))
    strangers = make_planning.cluster(make_planning.sector())

    assert refused(statement, neighbours.pk, row.pk) == "keywords_cluster"
    assert refused(statement, strangers.pk, row.pk) == "keywords_cluster"


def test_raw_sql_cannot_align_a_seed_of_another_industry_sector() -> None:
    sector = make_planning.sector()
    row = make_planning.keyword(sector)
    lamps = make.industry_sector("Lamps")
    seed = SeedKeyword.objects.create(industry_sector=lamps, keyword="lamp", keyword_norm="lamp")

    assert (
        refused("UPDATE planning_keywords SET seed_keyword_id = %s WHERE id = %s", seed.pk, row.pk)
        == "keywords_seed"
    )
    both = (
        "UPDATE planning_keywords SET seed_keyword_id = %s, industry_sector_id = %s WHERE id = %s"
    )
    assert refused(both, seed.pk, lamps.pk, row.pk) == "planning_keywords_sector"


def test_raw_sql_cannot_move_children_to_another_sector() -> None:
    sector = make_planning.sector()
    found = imported(sector, csv_bytes(("Keyword",), ("sofa",), ("",)))
    issue = KeywordImportIssue.unscoped.get(keyword_import=found)
    idea = make_planning.idea(make_planning.cluster(sector))
    link = ContentIdeaKeyword.unscoped.create(idea=idea, keyword=make_planning.keyword(sector))
    elsewhere = other_sector(sector).pk

    for table, pk, names in (
        ("planning_contentideas", idea.pk, {"contentideas_cluster", "contentideakeyword_idea"}),
        ("planning_contentideakeyword", link.pk, {"contentideakeyword_idea"}),
        ("planning_keywordimportissue", issue.pk, {"keywordimportissue_import"}),
    ):
        statement = f"UPDATE {table} SET sector_id = %s WHERE id = %s"
        assert refused(statement, elsewhere, pk) in names


def test_misalignment_is_said_in_words_before_the_database_is_asked() -> None:
    sector = make_planning.sector()
    foreign = make_planning.cluster(other_sector(sector))
    lamps = make.industry_sector("Lamps")
    seed = SeedKeyword.objects.create(industry_sector=lamps, keyword="lamp", keyword_norm="lamp")

    with pytest.raises(ValidationError) as wrong_cluster:
        make_planning.keyword(sector, cluster=foreign)
    with pytest.raises(ValidationError) as wrong_seed:
        Keywords.unscoped.create(sector=sector, seed_keyword=seed)
    with pytest.raises(ValidationError) as wrong_idea:
        ContentIdeas.unscoped.create(
            sector=sector, cluster=foreign, title="x", target_keyword="x", estimated_words=1
        )

    in_words = f"Cluster is in another sector: sector {sector.pk} here, {foreign.sector_id} there."
    assert wrong_cluster.value.message_dict == {"cluster": [in_words]}
    own = sector.industry_sector_id
    assert wrong_seed.value.message_dict == {
        "seed_keyword": [
            "Seed keyword is of another industry sector:"
            f" industry_sector {own} here, {lamps.pk} there."
        ]
    }
    assert wrong_idea.value.message_dict == {"cluster": [in_words]}


def test_the_words_show_nothing_of_another_account() -> None:
    sector = make_planning.sector()
    foreign = make_planning.cluster(make_planning.sector())

    with pytest.raises(ValidationError) as wrong:
        make_planning.keyword(sector, cluster=foreign)

    assert wrong.value.message_dict["cluster"] == [
        f"Cluster is in another sector. There is no cluster {foreign.pk} in this account."
    ]


def test_a_keyword_takes_text_site_and_account_from_its_parents() -> None:
    sector = make_planning.sector()
    seed = SeedKeyword.objects.create(
        industry_sector_id=sector.industry_sector_id, keyword="Grey Sofa", keyword_norm="grey sofa"
    )

    row = Keywords.unscoped.create(sector=sector, seed_keyword=seed)

    assert (row.keyword, row.keyword_norm, row.site_id, row.account_id) == (
        "Grey Sofa",
        "grey sofa",
        sector.site_id,
        sector.account_id,
    )
    assert str(row) == "Grey Sofa"


def test_a_live_keyword_and_a_live_name_are_unique_in_their_sector() -> None:
    sector = make_planning.sector()
    row = make_planning.keyword(sector, "sofa")
    cluster = make_planning.cluster(sector, "Sofas")

    with pytest.raises(IntegrityError, match="keywords_once"), transaction.atomic():
        make_planning.keyword(sector, "SOFA")
    with pytest.raises(IntegrityError, match="clusters_name"), transaction.atomic():
        make_planning.cluster(sector, "sofas")
    make_planning.cluster(other_sector(sector), "sofas")
    row.soft_delete(now=NOW)
    cluster.soft_delete(now=NOW)

    assert make_planning.keyword(sector, "sofa").pk != row.pk
    assert str(make_planning.cluster(sector, "sofas")) == "sofas"


def test_one_idea_for_a_page_and_one_target_for_an_idea() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector)
    idea = make_planning.idea(cluster, page=0)
    one, two = make_planning.keyword(sector), make_planning.keyword(sector)
    ContentIdeaKeyword.unscoped.create(idea=idea, keyword=one, is_target=True)

    with pytest.raises(IntegrityError, match="contentideas_once_per_page"), transaction.atomic():
        make_planning.idea(cluster, page=0)
    with pytest.raises(IntegrityError, match="contentideakeyword_one_target"), transaction.atomic():
        ContentIdeaKeyword.unscoped.create(idea=idea, keyword=two, is_target=True)

    assert make_planning.idea(cluster).page is None
    assert list(idea.keywords.all()) == [one]
    assert str(idea) == idea.title


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("status = 'mapped'", "keywords_mapped_has_cluster"),
        ("page = 1", "keywords_mapped_has_cluster"),
        ("volume = 5", "keywords_volume_known"),
        ("volume = -1, volume_kind = 'exact'", "keywords_volume_known"),
        ("volume_kind = 'exact'", "keywords_volume_known"),
        ("volume = 5, volume_kind = 'range', volume_max = 4", "keywords_volume_range"),
        ("volume = 5, volume_kind = 'exact', volume_max = 9", "keywords_volume_range"),
        ("difficulty = 101, difficulty_kind = 'exact'", "keywords_difficulty_known"),
        ("difficulty = 5", "keywords_difficulty_known"),
        ("cpc_minor = -1", "keywords_cpc"),
        ("intent = 'curious'", "keywords_intent"),
        ("intent_source = 'nobody'", "keywords_intent_source"),
        ("role = 'boss'", "keywords_role"),
    ],
)
def test_impossible_keywords_are_refused(change: str, constraint: str) -> None:
    row = make_planning.keyword(make_planning.sector())

    assert refused(f"UPDATE planning_keywords SET {change} WHERE id = %s", row.pk) == constraint


def test_a_cluster_with_keywords_is_not_deleted_from_under_them() -> None:
    cluster = make_planning.cluster(make_planning.sector())
    make_planning.keyword(cluster.sector, cluster=cluster)

    assert refused("DELETE FROM planning_clusters WHERE id = %s", cluster.pk) == "keywords_cluster"


def test_an_idea_says_when_it_was_queued_and_completed() -> None:
    idea = make_planning.idea(make_planning.cluster(make_planning.sector()))
    statement = "UPDATE planning_contentideas SET {} WHERE id = %s"

    assert refused(statement.format("status = 'queued'"), idea.pk) == "contentideas_queued_at"
    assert (
        refused(statement.format("status = 'completed', queued_at = now()"), idea.pk)
        == "contentideas_completed_at"
    )
    assert refused(statement.format("estimated_words = 0"), idea.pk) == "contentideas_has_words"


def test_rows_of_another_account_are_invisible() -> None:
    sector = make_planning.sector()
    make_planning.idea(make_planning.cluster(sector))
    make_planning.keyword(sector)
    with tenant(make.account().pk):
        for model in (Clusters, Keywords, ContentIdeas):
            assert not model.unscoped.exists()


@pytest.mark.parametrize(("source", "target"), list(product(KeywordStatus, repeat=2)))
def test_keywords_are_mapped_and_unmapped(source: KeywordStatus, target: KeywordStatus) -> None:
    assert KEYWORD.allows(source, target) is (source != target)


@pytest.mark.parametrize(("source", "target"), list(product(ClusterStatus, repeat=2)))
def test_clusters_are_mapped_and_unmapped(source: ClusterStatus, target: ClusterStatus) -> None:
    assert CLUSTER.allows(source, target) is (source != target)


@pytest.mark.parametrize(("source", "target"), list(product(IdeaStatus, repeat=2)))
def test_ideas_go_forward_and_back_until_they_are_written(
    source: IdeaStatus, target: IdeaStatus
) -> None:
    edges = {("new", "queued"), ("queued", "new"), ("queued", "completed")}

    assert IDEA.allows(source, target) is ((source.value, target.value) in edges)


@pytest.mark.parametrize(("source", "target"), list(product(ImportStatus, repeat=2)))
def test_imports_end_in_one_of_three_ways_and_can_be_undone(
    source: ImportStatus, target: ImportStatus
) -> None:
    edges = {
        ("uploaded", "analysed"), ("uploaded", "failed"), ("uploaded", "cancelled"),
        ("analysed", "importing"), ("analysed", "cancelled"),
        ("importing", "completed"), ("importing", "failed"), ("importing", "cancelled"),
        ("importing", "analysed"),
        ("completed", "undone"), ("failed", "undone"), ("cancelled", "undone"),
    }  # fmt: skip

    assert KEYWORD_IMPORT.allows(source, target) is ((source.value, target.value) in edges)
