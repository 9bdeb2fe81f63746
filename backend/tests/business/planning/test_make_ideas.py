from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.billing.services.prices import quote
from igny8_core.business.planning.models import ContentIdeaKeyword, ContentIdeas, Keywords
from igny8_core.business.planning.services.cluster_keywords import cluster_keywords
from igny8_core.business.planning.services.make_ideas import make_ideas
from igny8_core.business.planning.services.queue_ideas import (
    MAX_IDEAS_AT_ONCE,
    complete_idea,
    queue_idea,
    queue_ideas,
    release_idea,
)
from igny8_core.common.errors import (
    InsufficientCredits,
    InvalidInput,
    NotFound,
    StaleState,
    TransitionNotAllowed,
)
from tests import make
from tests.make import billing as make_billing
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from igny8_core.ai.ports import CreditPort, Hold
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db

WORDS = [
    "grey sofa", "grey sofas", "dark grey sofa", "leather sofa", "how to clean a leather sofa",
    "best leather sofa", "desk lamp", "led desk lamp", "garden hose", "garden hose reel",
]  # fmt: skip


def run(
    sector: Sector,
    credits: CreditPort | None = None,  # noqa: A002
    limit: int | None = None,
) -> list[ContentIdeas]:
    return make_ideas(
        account=sector.account,
        site=sector.site,
        sector=sector,
        limit=limit,
        clock=lambda: NOW,
        credits=credits,
    )


def clustered() -> Sector:
    sector = make_planning.sector(make_billing.account_with(100))
    for place, text in enumerate(WORDS):
        make_planning.keyword(sector, text, volume=1000 - place)
    cluster_keywords(
        account=sector.account, site=sector.site, sector=sector, clock=lambda: NOW, credits=None
    )
    return sector


def state(sector: Sector) -> list[tuple[object, ...]]:
    rows = ContentIdeas.unscoped.filter(sector=sector).order_by("target_keyword")
    return list(
        rows.values_list("title", "target_keyword", "content_structure", "volume", "reason")
    )


def test_every_keyword_is_served_by_exactly_one_idea_and_each_idea_is_charged() -> None:
    sector = clustered()

    ideas = run(sector, AccountCredits(sector.account))

    links = ContentIdeaKeyword.unscoped.filter(sector=sector)
    assert sorted(links.values_list("keyword__keyword", flat=True)) == sorted(WORDS)
    assert links.filter(is_target=True).count() == len(ideas) > 3
    for link in links.filter(is_target=True).select_related("idea", "keyword"):
        assert link.keyword.keyword == link.idea.target_keyword
    cost = quote(operation="idea", quantities={"per_items": len(ideas)}, now=NOW)
    assert accounts.account(sector.account_id).credits == 100 - cost < 100
    assert {idea.cluster.status for idea in ContentIdeas.unscoped.select_related("cluster")} == {
        "mapped"
    }


def test_an_idea_says_what_it_will_cost_and_why() -> None:
    sector = make_planning.sector(make_billing.account_with(1))
    cluster = make_planning.cluster(sector, "sofa")
    make_planning.keyword(
        sector, "best leather sofa", cluster=cluster, volume=900, difficulty=12, role="hub",
        intent="commercial", intent_source="rules",
    )  # fmt: skip

    (idea,) = run(sector)

    assert (idea.content_structure, idea.content_type, idea.intent) == (
        "best_of",
        "post",
        "commercial",
    )
    cost = quote(operation="content", quantities={"per_words": 1800}, now=NOW)
    assert (idea.estimated_words, idea.estimated_credits) == (1800, cost)
    assert idea.title.startswith("Best Leather Sofa")
    assert idea.reason == (
        "1 keyword with 900 searches a month; difficulty 12, easy; commercial intent. "
        "Main page of the topic \u201csofa\u201d."
    )


def test_two_sectors_with_the_same_keywords_get_the_same_ideas() -> None:
    one, other = clustered(), clustered()

    run(one)
    run(other)

    assert state(one) == state(other)


def test_a_repeat_makes_nothing_and_charges_nothing() -> None:
    sector = clustered()
    run(sector)
    before = state(sector)

    again = run(sector, AccountCredits(sector.account))

    assert (again, state(sector)) == ([], before)
    assert accounts.account(sector.account_id).credits == 100


def test_a_limit_takes_the_largest_clusters_first_and_the_next_run_goes_on() -> None:
    sector = clustered()

    first = run(sector, limit=1)
    rest = run(sector)

    assert [idea.target_keyword for idea in first] == ["grey sofa"]
    assert {idea.pk for idea in first}.isdisjoint(idea.pk for idea in rest)
    served = ContentIdeaKeyword.unscoped.filter(sector=sector)
    assert served.count() == served.values("keyword").distinct().count() == len(WORDS)


def test_a_deleted_idea_is_not_made_again() -> None:
    sector = clustered()
    idea = run(sector)[0]
    idea.soft_delete(now=NOW)

    assert run(sector) == []


def test_a_keyword_that_comes_later_joins_a_new_idea_free_of_charge() -> None:
    sector = clustered()
    idea = next(i for i in run(sector) if i.target_keyword == "grey sofa")
    late = make_planning.keyword(sector, "sofa grey", cluster=idea.cluster, page=0, page_place=9)

    assert run(sector, AccountCredits(sector.account)) == []

    assert ContentIdeaKeyword.unscoped.filter(idea=idea, keyword=late, is_target=False).exists()
    assert accounts.account(sector.account_id).credits == 100


def test_a_keyword_that_comes_later_leaves_a_queued_idea_alone() -> None:
    sector = clustered()
    idea = next(i for i in run(sector) if i.target_keyword == "grey sofa")
    queue_idea(account=sector.account, idea_id=idea.pk, now=NOW)
    late = make_planning.keyword(sector, "sofa grey", cluster=idea.cluster, page=0, page_place=9)

    assert run(sector) == []

    assert not ContentIdeaKeyword.unscoped.filter(keyword=late).exists()


def test_disabled_clusters_and_keywords_get_no_ideas() -> None:
    sector = make_planning.sector()
    off = make_planning.cluster(sector, is_disabled=True)
    make_planning.keyword(sector, cluster=off)
    make_planning.keyword(sector, cluster=make_planning.cluster(sector), is_disabled=True)

    assert run(sector) == []


def test_too_few_credits_leave_nothing_behind() -> None:
    make_billing.prices()
    sector = make_planning.sector()
    make_planning.keyword(sector, cluster=make_planning.cluster(sector))

    with pytest.raises(InsufficientCredits):
        run(sector, AccountCredits(sector.account))

    assert not ContentIdeas.unscoped.filter(sector=sector).exists()


def test_a_change_meanwhile_is_stale_and_gives_the_credits_back() -> None:
    sector = clustered()

    class Slow(AccountCredits):
        def reserve(self, **work: Any) -> Hold:
            hold = super().reserve(**work)
            make_planning.keyword(sector, cluster=make_planning.cluster(sector))
            return hold

    with pytest.raises(StaleState):
        run(sector, Slow(sector.account))

    account = accounts.account(sector.account_id)
    assert (account.credits, account.credits_held) == (100, 0)
    assert not ContentIdeas.unscoped.filter(sector=sector).exists()


def test_limits_are_said() -> None:
    sector = make_planning.sector()

    with pytest.raises(InvalidInput):
        run(sector, limit=0)
    with pytest.raises(InvalidInput):
        queue_ideas(account=sector.account, idea_ids=range(MAX_IDEAS_AT_ONCE + 1), now=NOW)


def test_queueing_is_all_or_nothing_and_repeatable() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector)
    one, two, done = (make_planning.idea(cluster) for _ in range(3))
    queue_idea(account=sector.account, idea_id=done.pk, now=NOW)
    complete_idea(account=sector.account, idea_id=done.pk, now=NOW)
    complete_idea(account=sector.account, idea_id=done.pk, now=NOW)

    with pytest.raises(TransitionNotAllowed):
        queue_ideas(account=sector.account, idea_ids=[one.pk, done.pk], now=NOW)
    one.refresh_from_db()
    assert one.status == "new"

    found = queue_ideas(account=sector.account, idea_ids=[two.pk, one.pk, two.pk], now=NOW)
    again = queue_ideas(account=sector.account, idea_ids=[two.pk], now=NOW)

    assert [(idea.pk, idea.status, idea.queued_at) for idea in found] == [
        (two.pk, "queued", NOW),
        (one.pk, "queued", NOW),
    ]
    assert [idea.pk for idea in again] == [two.pk]


def test_an_idea_can_be_taken_back_until_it_is_written() -> None:
    sector = make_planning.sector()
    idea = make_planning.idea(make_planning.cluster(sector))
    queue_idea(account=sector.account, idea_id=idea.pk, now=NOW)

    taken = release_idea(account=sector.account, idea_id=idea.pk, now=NOW)
    assert (taken.status, taken.queued_at) == ("new", None)
    with pytest.raises(TransitionNotAllowed):
        complete_idea(account=sector.account, idea_id=idea.pk, now=NOW)
    queue_idea(account=sector.account, idea_id=idea.pk, now=NOW)
    complete_idea(account=sector.account, idea_id=idea.pk, now=NOW)
    with pytest.raises(TransitionNotAllowed):
        release_idea(account=sector.account, idea_id=idea.pk, now=NOW)


def test_another_accounts_idea_is_unknown() -> None:
    idea = make_planning.idea(make_planning.cluster(make_planning.sector()))

    with pytest.raises(NotFound):
        queue_ideas(account=make.account(), idea_ids=[idea.pk], now=NOW)


def test_ideas_of_some_clusters_only() -> None:
    sector = clustered()
    cluster = Keywords.unscoped.get(sector=sector, keyword="desk lamp").cluster
    assert cluster is not None

    ideas = make_ideas(
        account=sector.account,
        site=sector.site,
        sector=sector,
        cluster_ids=[cluster.pk],
        clock=lambda: NOW,
        credits=None,
    )

    assert {idea.cluster_id for idea in ideas} == {cluster.pk}
