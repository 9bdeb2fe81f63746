"""The audit of the planner: each fault is found, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from igny8_core.business.content.services.audit import mapping_problems
from igny8_core.business.content.services.writing_tasks import create_writing_tasks
from igny8_core.business.planning.models import Clusters, ContentIdeaKeyword, Keywords
from igny8_core.business.planning.services.audit import planning_problems
from igny8_core.business.planning.services.cluster_keywords import cluster_keywords
from igny8_core.business.planning.services.make_ideas import make_ideas
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.planning import NOW

pytestmark = pytest.mark.django_db

TEXTS = ["grey sofa", "grey sofas", "dark grey sofa", "garden hose", "garden hose reel"]


def planned() -> Any:
    """A sector with clusters, ideas, a writing task and an article."""
    sector = make_planning.sector()
    for at, text in enumerate(TEXTS):
        make_planning.keyword(sector, text, volume=100 - at)
    options: dict[str, Any] = {
        "account": sector.account, "site": sector.site, "sector": sector, "clock": lambda: NOW,
        "credits": None,
    }  # fmt: skip
    cluster_keywords(**options)
    ideas = make_ideas(**options)
    create_writing_tasks(account=sector.account, idea_ids=[ideas[0].pk], now=NOW)
    make_content.article(sector, cluster=Clusters.unscoped.filter(sector=sector).first())
    return sector


def test_a_planned_sector_is_in_order() -> None:
    planned()

    assert (planning_problems(), mapping_problems()) == ([], [])


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "UPDATE planning_clusters SET keywords_count = 77 WHERE id = {cluster}",
            "cluster that miscounts its keywords",
        ),
        (
            "UPDATE planning_clusters SET volume = 77777 WHERE id = {cluster}",
            "cluster that miscounts its volume",
        ),
        (
            "UPDATE planning_clusters SET volume_distinct = 7 WHERE id = {cluster}",
            "cluster that miscounts its distinct volume",
        ),
        (
            "UPDATE planning_keywords SET role = 'supporting' WHERE cluster_id = {cluster}",
            "cluster with pages and not one hub",
        ),
        (
            "UPDATE planning_contentideas SET overlap = 'skip', overlap_checked_at = now()"
            " WHERE sector_id = {sector} AND status = 'queued'",
            "queued idea that is held back",
        ),
        (
            "UPDATE planning_contentideakeyword SET is_target = false WHERE idea_id = {idea}",
            "idea with keywords and no target",
        ),
    ],
)
def test_each_fault_is_found(statement: str, expected: str) -> None:
    sector, _other = planned(), planned()
    link = ContentIdeaKeyword.unscoped.filter(sector=sector, is_target=True).first()
    assert link is not None
    keyword = Keywords.unscoped.get(sector=sector, keyword="grey sofa")
    values = {"cluster": keyword.cluster_id, "sector": sector.pk, "idea": link.idea_id}

    make_billing.forge(statement.format(**values))

    found = planning_problems()
    assert len(found) == 1, found
    assert found[0].startswith(f"account {sector.account_id}: {expected} (")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "UPDATE planning_clusters SET mapped_pages = 7 WHERE id = {cluster}",
            "cluster that miscounts its articles",
        ),
        (
            "UPDATE planning_clusters SET status = 'new' WHERE id = {cluster}",
            "cluster that is mapped to nothing, or to something and new",
        ),
        (
            "UPDATE planning_contentideas SET status = 'new', queued_at = NULL"
            " WHERE sector_id = {sector} AND status = 'queued'",
            "writing task of an idea that is new",
        ),
    ],
)
def test_each_fault_about_what_is_written_is_found(statement: str, expected: str) -> None:
    sector, _other = planned(), planned()
    keyword = Keywords.unscoped.get(sector=sector, keyword="grey sofa")

    make_billing.forge(statement.format(cluster=keyword.cluster_id, sector=sector.pk))

    found = mapping_problems()
    assert len(found) == 1, found
    assert found[0].startswith(f"account {sector.account_id}: {expected} (")
