"""Mergers of clusters take tasks, articles, attributes and maps along, and bring them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from igny8_core.business.content.models import ContentAttribute, ContentClusterMap, SerpSample
from igny8_core.business.content.services.carry_clusters import merge_clusters, undo_cluster_edit
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db


def maps(sector: Sector) -> set[tuple[int | None, int | None, int, str, str]]:
    rows = ContentClusterMap.unscoped.filter(sector=sector)
    return set(rows.values_list("content_id", "task_id", "cluster_id", "role", "source"))


def test_what_hangs_on_a_cluster_goes_with_it_and_comes_back() -> None:
    sector = make_planning.sector()
    into, gone = make_planning.cluster(sector, "sofas"), make_planning.cluster(sector, "couches")
    task = make_content.writing_task(gone)
    article = make_content.article(sector, cluster=gone)
    attribute = ContentAttribute.unscoped.create(
        cluster=gone, attribute_type="semantic_facet", name="depth"
    )
    results = SerpSample.unscoped.create(
        sector=sector, cluster=gone, market="GB", taken_on=NOW.date(), documents=3
    )
    for cluster, role in ((gone, "supporting"), (gone, "hub"), (into, "hub")):
        ContentClusterMap(content=article, cluster=cluster, role=role).save()
    ContentClusterMap(task=task, cluster=gone, role="hub").save()
    before = maps(sector)

    edit = merge_clusters(account=sector.account, cluster_id=into.pk, other_ids=[gone.pk], now=NOW)

    for row in (task, article, attribute, results):
        row.refresh_from_db()
        assert row.cluster_id == into.pk
    into.refresh_from_db()
    gone.refresh_from_db()
    assert (into.mapped_pages, into.status, gone.mapped_pages) == (1, "mapped", 0)
    assert {row[2] for row in maps(sector)} == {into.pk}
    assert len(maps(sector)) == 3
    undo_cluster_edit(account=sector.account, edit_id=edit.pk, now=NOW)
    for row in (task, article, attribute, results):
        row.refresh_from_db()
        assert row.cluster_id == gone.pk
    into.refresh_from_db()
    gone.refresh_from_db()
    assert (into.mapped_pages, gone.mapped_pages, gone.deleted_at) == (0, 1, None)
    assert maps(sector) == before


def test_an_article_deleted_since_is_not_mapped_again() -> None:
    sector = make_planning.sector()
    into, gone = make_planning.cluster(sector), make_planning.cluster(sector)
    article = make_content.article(sector, cluster=gone)
    for cluster in (gone, into):
        ContentClusterMap(content=article, cluster=cluster, role="hub").save()
    edit = merge_clusters(account=sector.account, cluster_id=into.pk, other_ids=[gone.pk], now=NOW)
    article.delete()

    undo_cluster_edit(account=sector.account, edit_id=edit.pk, now=NOW)

    assert maps(sector) == set()
