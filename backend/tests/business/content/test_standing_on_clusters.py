"""What a person asked to be written keeps its cluster, and what is written stands on a live one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.content.services.carry_clusters import merge_clusters, undo_cluster_edit
from igny8_core.business.content.services.edit_tasks import create_writing_task
from igny8_core.business.content.services.generation import generate_content
from igny8_core.business.planning.errors import UndoNotPossible
from igny8_core.business.planning.models import ClusterEdit, Clusters
from igny8_core.business.planning.services.cluster_keywords import cluster_keywords
from igny8_core.business.planning.services.edit_clusters import gather_cluster, move_keywords_to
from igny8_core.business.planning.services.undo_import import undo_keyword_import
from igny8_core.common.soft_delete import stranded_rows
from tests.business.planning.edited import cluster_of, clustered_sector, ids, keyword, rebuild
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.planning import NOW, csv_bytes, imported

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


def asked_for(sector: Sector, text: str) -> Clusters:
    """The cluster of a keyword, on which a person's own writing task stands."""
    found = cluster_of(sector, text)
    create_writing_task(account=sector.account, cluster_id=found.pk, title="A guide of our own")
    return found


def is_live(cluster: Clusters) -> bool:
    cluster.refresh_from_db()
    return not cluster.is_deleted


def test_a_cluster_that_loses_its_keywords_stays_while_something_is_to_be_written() -> None:
    sector = clustered_sector()
    lamps, account = asked_for(sector, "desk lamp"), sector.account
    texts = ["desk lamp", "led desk lamp", "desk lamp for office"]

    move_keywords_to(
        account=account,
        sector=sector,
        keyword_ids=ids(sector, texts),
        cluster_id=cluster_of(sector, "grey sofa").pk,
        now=NOW,
    )

    assert is_live(lamps)
    assert stranded_rows() == []


def test_a_rebuild_leaves_it_too() -> None:
    sector = clustered_sector()
    alone = make_planning.cluster(sector, "odd one")
    make_planning.keyword(sector, "grey sofas bed", cluster=alone, volume=3)
    odd = asked_for(sector, "grey sofas bed")

    rebuild(sector)

    assert keyword(sector, "grey sofas bed").cluster_id != odd.pk
    assert is_live(odd)
    assert stranded_rows() == []


def test_what_an_edit_made_does_not_go_with_its_undo() -> None:
    sector = clustered_sector()
    made = gather_cluster(
        account=sector.account,
        sector=sector,
        name="Lamps of ours",
        keyword_ids=ids(sector, ["led desk lamp"]),
        now=NOW,
    )
    asked_for(sector, "led desk lamp")
    edit = ClusterEdit.unscoped.filter(sector=sector).latest("pk")

    with pytest.raises(UndoNotPossible):
        undo_cluster_edit(account=sector.account, edit_id=edit.pk, now=NOW)

    assert is_live(made)
    assert cluster_of(sector, "led desk lamp") == made


def test_an_import_that_is_undone_leaves_it_too() -> None:
    sector = make_planning.sector()
    found = imported(sector, csv_bytes(("Keyword", "Volume"), ("sofa", 10), ("sofas", 20)))
    cluster_keywords(
        account=sector.account, site=sector.site, sector=sector, clock=lambda: NOW, credits=None
    )
    cluster = asked_for(sector, "sofa")

    back = undo_keyword_import(
        account=sector.account, import_id=found.pk, includes_clustered=True, now=NOW
    )

    assert (back.undo["removed"], back.undo["clusters_removed"]) == (2, 0)
    assert is_live(cluster)
    assert stranded_rows() == []


class Merging(make_content.Writer):
    """A model; while it answers, a person merges the cluster into another one."""

    into: Clusters
    gone: Clusters

    def generate(self, request: Any) -> Any:
        if is_live(self.gone):
            merge_clusters(
                account=self.into.account,
                cluster_id=self.into.pk,
                other_ids=[self.gone.pk],
                now=NOW,
            )
        return super().generate(request)


def test_an_article_whose_cluster_is_merged_while_it_is_written_goes_along() -> None:
    account = make_content.rich_account()
    gone = make_content.cluster(account)
    task = make_content.writing_task(gone)
    model = Merging(capabilities=make_content.writer().capabilities)
    model.gone, model.into = gone, make_planning.cluster(gone.sector, "chairs")

    content = generate_content(
        account=account,
        writing_task_id=task.pk,
        fence=lambda: None,
        clock=lambda: NOW,
        providers=[model],
    )

    assert not is_live(gone)
    assert content.cluster_id == model.into.pk
    assert stranded_rows() == []
