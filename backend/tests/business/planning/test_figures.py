"""What clusters count is right whatever is done to keywords, ideas and contents."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from igny8_core.auth.models import StatusChange
from igny8_core.business.content.models import Content
from igny8_core.business.content.services.carry_clusters import merge_clusters, undo_cluster_edit
from igny8_core.business.planning import cluster_selectors
from igny8_core.business.planning.models import ClusterEdit, Clusters, ContentIdeas, Keywords
from igny8_core.business.planning.services.bin_clusters import delete_clusters, restore_clusters
from igny8_core.business.planning.services.bin_ideas import delete_ideas, restore_ideas
from igny8_core.business.planning.services.bin_keywords import delete_keywords, restore_keywords
from igny8_core.business.planning.services.cluster_keywords import cluster_keywords
from igny8_core.business.planning.services.edit_clusters import (
    Part,
    gather_cluster,
    move_keywords_to,
    split_cluster,
)
from igny8_core.business.planning.services.edit_keywords import update_keywords
from igny8_core.business.planning.services.make_ideas import make_ideas
from igny8_core.business.planning.services.mark_clusters import flag_clusters
from igny8_core.business.planning.services.recluster import accept_proposal, propose_rebuild
from igny8_core.common.errors import DomainError
from igny8_core.common.soft_delete import take_out_of_bin
from tests.make import planning as make_planning
from tests.make.planning import NOW, csv_bytes, imported

pytestmark = pytest.mark.django_db

WORDS = st.sampled_from(
    ["sofa", "sofas", "grey", "leather", "lamp", "desk", "garden", "hose", "best", "how", "to"]
)
TEXTS = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)

START = [
    "grey sofa", "grey sofas", "sofa grey", "leather sofa", "how to clean a leather sofa",
    "best leather sofa", "desk lamp", "led desk lamp", "garden hose", "garden hose reel",
    "cheap garden hose", "desk lamp for office",
]  # fmt: skip

RECOUNT = """
SELECT c.id, c.keywords_count, c.volume, c.volume_distinct, c.mapped_pages, c.status,
       (SELECT count(*) FROM planning_keywords k WHERE k.cluster_id = c.id
           AND k.deleted_at IS NULL AND NOT k.is_disabled),
       (SELECT coalesce(sum(k.volume), 0) FROM planning_keywords k WHERE k.cluster_id = c.id
           AND k.deleted_at IS NULL AND NOT k.is_disabled),
       (SELECT coalesce(sum(v.best), 0) FROM (
           SELECT max(k.volume) AS best FROM planning_keywords k WHERE k.cluster_id = c.id
              AND k.deleted_at IS NULL AND NOT k.is_disabled
            GROUP BY coalesce('v' || k.variant, 'k' || k.id)) v),
       (SELECT count(*) FROM content_content t WHERE t.cluster_id = c.id AND t.deleted_at IS NULL),
       CASE WHEN EXISTS (SELECT 1 FROM content_content t
                          WHERE t.cluster_id = c.id AND t.deleted_at IS NULL)
              OR EXISTS (SELECT 1 FROM planning_contentideas i
                          WHERE i.cluster_id = c.id AND i.deleted_at IS NULL)
            THEN 'mapped' ELSE 'new' END
  FROM planning_clusters c WHERE c.sector_id = %s
"""


def assert_figures_are_right(sector_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(RECOUNT, [sector_id])
        for row in cursor.fetchall():
            assert row[1:6] == row[6:], row


class Histories(RuleBasedStateMachine):
    """Anything that people, files and runs do to a sector, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.sector = make_planning.sector()
        self.account, self.site = self.sector.account, self.sector.site
        self.number = 0
        for at, text in enumerate(START):
            make_planning.keyword(self.sector, text, volume=at)
        self.cluster()

    @rule(texts=st.lists(TEXTS, min_size=1, max_size=8), volume=st.integers(0, 90))
    def import_file(self, texts: list[str], volume: int) -> None:
        self.number += 1
        rows = [(text, volume + at) for at, text in enumerate(texts)]
        data = csv_bytes(("Keyword", "Volume"), *rows)
        imported(self.sector, data, file_name=f"{self.number}.csv")

    @rule()
    def cluster(self) -> None:
        cluster_keywords(
            account=self.account,
            site=self.site,
            sector=self.sector,
            clock=lambda: NOW,
            credits=None,
        )

    @rule(pick=st.randoms(use_true_random=False), share=st.sampled_from([0.4, 0.5, 0.6]))
    def rebuild(self, pick: Any, share: float) -> None:
        try:
            found = propose_rebuild(
                account=self.account,
                site=self.site,
                sector=self.sector,
                topic_tau=share,
                clock=lambda: NOW,
            )
        except DomainError:
            return
        changes = cluster_selectors.cluster_changes(account=self.account, proposal_id=found.pk)
        numbers = [change.number for change in changes]
        chosen = pick.sample(numbers, pick.randint(0, len(numbers)))
        for wanted in (chosen, None):
            try:
                accept_proposal(
                    account=self.account,
                    proposal_id=found.pk,
                    numbers=wanted,
                    clock=lambda: NOW,
                    credits=None,
                )
            except DomainError:
                continue

    @rule(pick=st.randoms(use_true_random=False))
    def merge(self, pick: Any) -> None:
        live = self._clusters()
        if len(live) > 1:
            one, *others = pick.sample(live, min(len(live), 3))
            self._try(merge_clusters, cluster_id=one, other_ids=others)

    @rule(pick=st.randoms(use_true_random=False))
    def split(self, pick: Any) -> None:
        keyword = self._keyword(pick, cluster__isnull=False)
        if keyword is not None:
            part = Part([keyword.pk])
            self._try(split_cluster, cluster_id=keyword.cluster_id, parts=[part])

    @rule(pick=st.randoms(use_true_random=False), is_out=st.booleans())
    def move(self, pick: Any, is_out: bool) -> None:  # noqa: FBT001 - hypothesis
        keyword, live = self._keyword(pick), self._clusters()
        if keyword is not None and live:
            cluster_id = None if is_out else pick.choice(live)
            self._try(
                move_keywords_to,
                sector=self.sector,
                keyword_ids=[keyword.pk],
                cluster_id=cluster_id,
            )

    @rule(pick=st.randoms(use_true_random=False))
    def create(self, pick: Any) -> None:
        keyword = self._keyword(pick)
        self.number += 1
        ids = [keyword.pk] if keyword else []
        self._try(gather_cluster, sector=self.sector, name=f"own {self.number}", keyword_ids=ids)

    @rule(pick=st.randoms(use_true_random=False))
    def bin_cluster(self, pick: Any) -> None:
        if live := self._clusters():
            self._try(delete_clusters, ids=[pick.choice(live)])

    @rule(pick=st.randoms(use_true_random=False))
    def restore_cluster(self, pick: Any) -> None:
        rows = Clusters.unscoped.filter(sector=self.sector, deleted_at__isnull=False)
        if found := list(rows.order_by("pk").values_list("pk", flat=True)):
            self._try(restore_clusters, ids=[pick.choice(found)])

    @rule(pick=st.randoms(use_true_random=False), locked=st.booleans(), disabled=st.booleans())
    def flag(self, pick: Any, locked: bool, disabled: bool) -> None:  # noqa: FBT001 - hypothesis
        if live := self._clusters():
            self._try(
                flag_clusters,
                cluster_ids=[pick.choice(live)],
                is_locked=locked,
                is_disabled=disabled,
            )

    @rule(pick=st.randoms(use_true_random=False))
    def undo(self, pick: Any) -> None:
        edits = list(ClusterEdit.unscoped.filter(sector=self.sector).order_by("-pk")[:4])
        if edits:
            self._try(undo_cluster_edit, edit_id=pick.choice(edits).pk)

    @rule(
        pick=st.randoms(use_true_random=False), word=st.sampled_from(["bin", "back", "off", "on"])
    )
    def change_keyword(self, pick: Any, word: str) -> None:
        rows = Keywords.unscoped.filter(sector=self.sector)
        if found := list(rows.order_by("pk")):
            keyword = pick.choice(found)
            if word in {"bin", "back"}:
                self._try(delete_keywords if word == "bin" else restore_keywords, ids=[keyword.pk])
            else:
                changes = {"is_disabled": word == "off"}
                self._try(update_keywords, ids=[keyword.pk], changes=changes)

    @rule(pick=st.randoms(use_true_random=False), word=st.sampled_from(["write", "bin", "erase"]))
    def change_content(self, pick: Any, word: str) -> None:
        rows = Content.unscoped.filter(sector=self.sector)
        if word == "write" and (live := self._clusters()):
            Content.unscoped.create(sector=self.sector, cluster_id=pick.choice(live), title="A")
        elif (content := rows.order_by("pk").first()) is not None:
            content.soft_delete(now=NOW) if word == "bin" else content.delete()

    @rule(pick=st.randoms(use_true_random=False), word=st.sampled_from(["make", "bin", "back"]))
    def change_ideas(self, pick: Any, word: str) -> None:
        if word == "make":
            make_ideas(
                account=self.account,
                site=self.site,
                sector=self.sector,
                clock=lambda: NOW,
                credits=None,
            )
        elif found := list(ContentIdeas.unscoped.filter(sector=self.sector).order_by("pk")):
            ids = [pick.choice(found).pk]
            self._try(delete_ideas if word == "bin" else restore_ideas, ids=ids)

    @invariant()
    def figures_are_right(self) -> None:
        assert_figures_are_right(self.sector.pk)

    @invariant()
    def each_cluster_with_pages_has_one_hub(self) -> None:
        rows = Keywords.unscoped.filter(
            sector=self.sector, deleted_at=None, cluster__isnull=False, page__isnull=False
        )
        pages: dict[int, dict[int, set[str]]] = {}
        for cluster_id, page, role in rows.values_list("cluster_id", "page", "role"):
            pages.setdefault(cluster_id or 0, {}).setdefault(page or 0, set()).add(role)
        for held in pages.values():
            assert all(len(roles) == 1 for roles in held.values()), held
            assert sum(roles == {"hub"} for roles in held.values()) <= 1, held

    @invariant()
    def no_live_keyword_is_in_a_deleted_cluster(self) -> None:
        rows = Keywords.unscoped.filter(sector=self.sector, deleted_at=None)
        assert not rows.filter(cluster__deleted_at__isnull=False).exists()

    def _clusters(self) -> list[int]:
        rows = Clusters.unscoped.filter(sector=self.sector, deleted_at=None)
        return list(rows.order_by("pk").values_list("pk", flat=True))

    def _keyword(self, pick: Any, **fields: Any) -> Keywords | None:
        rows = Keywords.unscoped.filter(sector=self.sector, deleted_at=None, **fields)
        found = list(rows.order_by("pk"))
        return pick.choice(found) if found else None

    def _try(self, service: Any, **arguments: Any) -> None:
        try:
            service(account=self.account, now=NOW, **arguments)
        except DomainError:
            return


def test_figures_equal_a_recount_after_any_history() -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=16,
            stateful_step_count=16,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_figures_follow_raw_statements_too() -> None:
    sector = make_planning.sector()
    one, other = make_planning.cluster(sector), make_planning.cluster(sector)
    rows = [
        make_planning.keyword(sector, f"sofa {n}", cluster=one, volume=10 * n) for n in range(1, 4)
    ]

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE planning_keywords SET cluster_id = %s WHERE id = %s", [other.pk, rows[0].pk]
        )
        cursor.execute("UPDATE planning_keywords SET volume = 7 WHERE id = %s", [rows[1].pk])
        cursor.execute("DELETE FROM planning_keywords WHERE id = %s", [rows[2].pk])

    one.refresh_from_db()
    other.refresh_from_db()
    assert (one.keywords_count, one.volume) == (1, 7)
    assert (other.keywords_count, other.volume) == (1, 10)


def test_close_variants_count_once_in_the_distinct_volume() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector)
    for text, volume, variant in (
        ("grey sofa", 90, 5), ("grey sofas", 90, 5), ("sofa grey", 40, 5), ("sofa", 10, None),
        ("couch", 3, None), ("settee", None, None),
    ):  # fmt: skip
        make_planning.keyword(sector, text, cluster=cluster, volume=volume, variant=variant)

    cluster.refresh_from_db()
    assert (cluster.keywords_count, cluster.volume, cluster.volume_distinct) == (6, 233, 103)


def test_nobody_can_write_a_figure() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector, keywords_count=5, volume=50, mapped_pages=2)
    cluster.refresh_from_db()
    assert (cluster.keywords_count, cluster.volume, cluster.mapped_pages) == (0, 0, 0)
    make_planning.keyword(sector, "sofa", cluster=cluster, volume=9)

    cluster.save()  # with the figures of before
    Clusters.unscoped.filter(pk=cluster.pk).update(volume=1, mapped_pages=7, name="sofas")

    cluster.refresh_from_db()
    assert (cluster.keywords_count, cluster.volume, cluster.mapped_pages) == (1, 9, 0)
    assert cluster.name == "sofas"


def test_a_cluster_is_mapped_while_it_has_an_idea_or_a_page_and_the_trail_says_so() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector)
    said: list[tuple[str, int]] = []

    def look() -> None:
        cluster.refresh_from_db()
        said.append((cluster.status, cluster.mapped_pages))

    idea = make_planning.idea(cluster)
    look()
    idea.soft_delete(now=NOW)
    look()
    content = Content.unscoped.create(sector=sector, cluster=cluster, title="Sofas")
    look()
    content.soft_delete(now=NOW)
    look()
    take_out_of_bin(Content, account=sector.account, ids=[content.pk], now=NOW)
    content.delete()
    look()

    assert said == [("mapped", 0), ("new", 0), ("mapped", 1), ("new", 0), ("new", 0)]
    trail = StatusChange.unscoped.filter(label="planning.Clusters", row_id=cluster.pk)
    assert trail.count() == 6


def test_an_article_that_changes_its_cluster_counts_where_it_is() -> None:
    sector = make_planning.sector()
    one, other = make_planning.cluster(sector), make_planning.cluster(sector)
    content = Content.unscoped.create(sector=sector, cluster=one, title="Sofas")

    content.cluster = other
    content.save()

    pages = dict(Clusters.unscoped.filter(sector=sector).values_list("pk", "mapped_pages"))
    assert pages == {one.pk: 0, other.pk: 1}


def test_many_clusters_in_one_statement() -> None:
    sector = make_planning.sector()
    clusters = [make_planning.cluster(sector) for _ in range(150)]
    for at, cluster in enumerate(clusters):
        make_planning.keyword(sector, f"word {at}", cluster=cluster, volume=at)

    with transaction.atomic():
        Keywords.unscoped.filter(sector=sector).update(volume=3, updated_at=NOW + timedelta(1))

    assert set(Clusters.unscoped.filter(sector=sector).values_list("keywords_count", "volume")) == {
        (1, 3)
    }
    assert_figures_are_right(sector.pk)
