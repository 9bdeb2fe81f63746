"""Ideas against the site's own articles, tasks and ideas; and what that stops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.content.errors import IdeaOverlaps
from igny8_core.business.content.models import Content, Tasks
from igny8_core.business.content.services.guard_ideas import check_ideas, make_guarded_ideas
from igny8_core.business.content.services.writing_tasks import create_writing_tasks
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.services.cluster_keywords import cluster_keywords
from igny8_core.business.planning.services.guard_ideas import override_overlap, withdraw_override
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.common.tenancy.context import acting
from tests import make
from tests.business.planning.test_cluster_keywords import Ledger
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector
    from igny8_core.business.planning.models import ContentIdeas

pytestmark = pytest.mark.django_db


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector()


def idea(sector: Sector, keyword: str, **fields: Any) -> ContentIdeas:
    cluster = make_planning.cluster(sector)
    return make_planning.idea(cluster, title=keyword.title(), target_keyword=keyword, **fields)


def check(sector: Sector, *ideas: ContentIdeas) -> list[ContentIdeas]:
    return check_ideas(
        account=sector.account,
        site=sector.site,
        idea_ids=[one.pk for one in ideas] or None,
        now=NOW,
    )


def verdict(idea: ContentIdeas) -> str:
    idea.refresh_from_db()
    return idea.overlap


def test_articles_of_any_source_tasks_and_ideas_count(sector: Sector) -> None:
    make_content.article(sector, title="Corner Sofas", primary_keyword="corner sofa")
    make_content.article(
        sector, title="Pruning Roses", source="wordpress", external_id="7", external_type="post",
        external_url="https://example.com/roses",
    )  # fmt: skip
    Tasks.unscoped.create(
        sector=sector, cluster=make_planning.cluster(sector), title="Hoses", keywords="garden hose"
    )
    ideas = [
        idea(sector, keyword)
        for keyword in ("sofa corner", "how to prune roses", "garden hoses", "desk lamp")
    ]
    later = idea(sector, "desk lamps")

    judged = check(sector)

    assert [verdict(one) for one in [*ideas, later]] == ["skip", "skip", "skip", "fine", "skip"]
    assert len(judged) == 5
    assert ideas[1].overlap_matches[0]["url"] == "https://example.com/roses"
    assert ideas[1].overlap_checked_at == NOW
    assert later.overlap_matches[0]["id"] == ideas[3].pk


def test_deleted_articles_and_other_sites_do_not_count(sector: Sector) -> None:
    make_content.article(sector, title="Corner Sofas").soft_delete(now=NOW)
    make_content.article(make_planning.sector(sector.account), title="Corner Sofas")
    make_content.article(make_planning.sector(), title="Corner Sofas")
    subject = idea(sector, "corner sofa")

    check(sector)

    assert verdict(subject) == "fine"


def test_another_sector_of_the_site_counts(sector: Sector) -> None:
    other = make.sector(sector.site, "Lamps")
    make_content.article(other, title="Corner Sofas")
    subject = idea(sector, "corner sofa")

    check(sector)

    assert verdict(subject) == "skip"


def test_an_idea_that_overlaps_is_not_queued_and_keeps_its_verdict(sector: Sector) -> None:
    article = make_content.article(sector, title="Corner Sofas", primary_keyword="corner sofa")
    fine, covered = idea(sector, "desk lamp"), idea(sector, "corner sofas")
    ids = [fine.pk, covered.pk]

    with pytest.raises(IdeaOverlaps) as refused:
        create_writing_tasks(account=sector.account, idea_ids=ids, now=NOW)

    assert refused.value.data == {"idea_id": covered.pk, "verdict": "skip", "held_back": 1}
    assert "\u201cCorner Sofas\u201d" in refused.value.message
    assert not Tasks.unscoped.filter(sector=sector).exists()
    assert (verdict(covered), verdict(fine)) == ("skip", "fine")
    assert covered.overlap_matches[0]["id"] == article.pk


def test_a_person_may_overrule_with_a_reason_and_change_their_mind(sector: Sector) -> None:
    make_content.article(sector, title="Corner Sofas")
    subject = idea(sector, "corner sofa")
    check(sector)
    override: dict[str, Any] = {"account": sector.account, "idea_id": subject.pk, "now": NOW}

    with pytest.raises(InvalidInput):
        override_overlap(**override, reason="  ")
    with acting("user:4"):
        overruled = override_overlap(**override, reason=" another   audience ")

    assert (overruled.override_reason, overruled.overridden_by) == ("another audience", "user:4")
    assert not overruled.is_blocked
    withdrawn = withdraw_override(**override)
    assert (withdrawn.is_blocked, withdrawn.override_reason) == (True, "")
    override_overlap(**override, reason="another audience")
    (task,) = create_writing_tasks(account=sector.account, idea_ids=[subject.pk], now=NOW)
    assert task.idea_id == subject.pk
    assert verdict(subject) == "skip"
    with pytest.raises(NotFound):
        override_overlap(**override | {"account": make.account()}, reason="mine")


def test_only_what_is_held_back_is_overruled(sector: Sector) -> None:
    subject = idea(sector, "corner sofa")

    with pytest.raises(Conflict):
        override_overlap(account=sector.account, idea_id=subject.pk, reason="why not", now=NOW)


def test_ideas_held_back_are_not_among_the_best(sector: Sector) -> None:
    make_content.article(sector, title="Corner Sofas")
    ideas = [idea(sector, "corner sofa", volume=900), idea(sector, "desk lamp", volume=5)]
    check(sector)

    best = planning.best_ideas(account=sector.account, sector=sector, limit=5)

    assert [one.pk for one in best] == [ideas[1].pk]


def test_one_idea_is_checked_against_the_others_without_judging_them(sector: Sector) -> None:
    first, second = idea(sector, "corner sofa"), idea(sector, "corner sofas")

    judged = check(sector, second)

    assert [one.pk for one in judged] == [second.pk]
    assert (verdict(first), verdict(second)) == ("", "skip")


def test_of_two_ideas_asked_for_the_later_is_held_back(sector: Sector) -> None:
    first, second = idea(sector, "corner sofa"), idea(sector, "corner sofas")

    create_writing_tasks(account=sector.account, idea_ids=[first.pk], now=NOW)

    with pytest.raises(IdeaOverlaps):
        create_writing_tasks(account=sector.account, idea_ids=[second.pk], now=NOW)
    repeated = create_writing_tasks(account=sector.account, idea_ids=[first.pk], now=NOW)
    assert [task.idea_id for task in repeated] == [first.pk]


def test_what_an_idea_became_does_not_hold_it_back(sector: Sector) -> None:
    subject = idea(sector, "corner sofa")
    (task,) = create_writing_tasks(account=sector.account, idea_ids=[subject.pk], now=NOW)
    Content.unscoped.create(sector=sector, task=task, title="Corner Sofas", cluster=task.cluster)

    (again,) = create_writing_tasks(account=sector.account, idea_ids=[subject.pk], now=NOW)

    assert again.pk == task.pk


def test_ideas_that_repeat_an_article_are_made_free_of_charge(sector: Sector) -> None:
    make_content.article(sector, title="Garden Hose Guide", primary_keyword="garden hose")
    for text in ("garden hose", "garden hoses", "desk lamp", "led desk lamp"):
        make_planning.keyword(sector, text, volume=9)
    cluster_keywords(
        account=sector.account, site=sector.site, sector=sector, clock=lambda: NOW, credits=None
    )
    ledger = Ledger()

    ideas = make_guarded_ideas(
        account=sector.account,
        site=sector.site,
        sector=sector,
        clock=lambda: NOW,
        credits=ledger,
    )

    verdicts = {one.target_keyword: one.overlap for one in ideas}
    assert verdicts == {"garden hose": "skip", "desk lamp": "fine"}
    assert ledger.calls == [("reserve", {"per_items": 1}), ("capture", {"per_items": 1})]


def test_when_everything_is_covered_nothing_is_reserved(sector: Sector) -> None:
    make_content.article(sector, title="Garden Hoses")
    make_planning.keyword(sector, "garden hose", cluster=make_planning.cluster(sector), role="hub")
    ledger = Ledger()

    (only,) = make_guarded_ideas(
        account=sector.account,
        site=sector.site,
        sector=sector,
        clock=lambda: NOW,
        credits=ledger,
    )

    assert (only.overlap, ledger.calls) == ("skip", [])
