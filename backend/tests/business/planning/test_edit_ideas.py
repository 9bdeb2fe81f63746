"""What a person makes of ideas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.planning.models import ContentIdeas, Keywords
from igny8_core.business.planning.services.bin_clusters import delete_clusters, restore_clusters
from igny8_core.business.planning.services.bin_ideas import delete_ideas, restore_ideas
from igny8_core.business.planning.services.edit_clusters import move_keywords_to
from igny8_core.business.planning.services.edit_ideas import create_idea, update_idea
from igny8_core.business.planning.services.make_ideas import make_ideas
from igny8_core.business.planning.services.queue_ideas import queue_ideas
from igny8_core.business.planning.services.topic_map import topic_map
from igny8_core.common.errors import Conflict, InvalidInput
from tests.make import billing as make_billing
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db


@pytest.fixture
def sector() -> Sector:
    """A topic of three pages, with their ideas."""
    made = make_planning.sector()
    cluster = make_planning.cluster(made, "sofas")
    for text, page, role, place, volume in (
        ("sofa", 0, "hub", 0, 900), ("sofas", 0, "hub", 1, 900),
        ("sofa cleaning", 1, "supporting", 0, 90), ("clean a sofa", 1, "supporting", 1, 40),
        ("sofa legs", 2, "supporting", 0, 300),
    ):  # fmt: skip
        make_planning.keyword(
            made, text, cluster=cluster, page=page, role=role, page_place=place, volume=volume,
            variant=7 if text in {"sofa", "sofas"} else None,
        )  # fmt: skip
    ideas(made)
    return made


def ideas(sector: Sector) -> list[ContentIdeas]:
    return make_ideas(
        account=sector.account, site=sector.site, sector=sector, clock=lambda: NOW, credits=None
    )


def idea(sector: Sector, target: str) -> ContentIdeas:
    return ContentIdeas.unscoped.get(sector=sector, target_keyword=target)


def served(idea: ContentIdeas) -> set[str]:
    return {keyword.keyword for keyword in idea.keywords.all()}


def ids(sector: Sector, *texts: str) -> list[int]:
    rows = Keywords.unscoped.filter(sector=sector)
    return [rows.get(keyword=text).pk for text in texts]


def test_a_changed_idea_has_a_new_estimate_and_is_judged_again(sector: Sector) -> None:
    make_billing.prices()
    subject = idea(sector, "sofa cleaning")
    assert subject.overlap == "fine"

    changed = update_idea(
        account=sector.account,
        idea_id=subject.pk,
        changes={"title": "  Clean  a sofa ", "estimated_words": 800},
        now=NOW,
    )

    changed.refresh_from_db()
    assert (changed.title, changed.estimated_words) == ("Clean a sofa", 800)
    assert changed.estimated_credits is not None
    assert (changed.overlap, changed.overlap_checked_at) == ("", None)


@pytest.mark.parametrize(
    "changes",
    [
        {"title": " "},
        {"title": "x" * 256},
        {"target_keyword": ""},
        {"description": "x" * 10_001},
        {"estimated_words": 49},
        {"estimated_words": 10_001},
    ],
)
def test_what_makes_no_sense_is_refused(sector: Sector, changes: Any) -> None:
    subject = idea(sector, "sofa")
    with pytest.raises(InvalidInput):
        update_idea(account=sector.account, idea_id=subject.pk, changes=changes, now=NOW)


def test_an_idea_of_ones_own_takes_keywords_over_and_is_left_alone(sector: Sector) -> None:
    cleaning = idea(sector, "sofa cleaning")

    made = create_idea(
        account=sector.account,
        cluster_id=cleaning.cluster_id,
        changes={
            "title": "Cleaning by steam",
            "keyword_ids": ids(sector, "sofa cleaning", "sofa legs"),
            "content_structure": "how_to",
        },
        now=NOW,
    )

    cleaning.refresh_from_db()
    assert (made.source, made.page, made.estimated_words) == ("person", None, 1460)
    assert (served(made), made.target_keyword, made.volume) == (
        {"sofa cleaning", "sofa legs"}, "sofa cleaning", 390,
    )  # fmt: skip
    assert (served(cleaning), cleaning.target_keyword, cleaning.volume) == (
        {"clean a sofa"}, "clean a sofa", 40,
    )  # fmt: skip
    assert ideas(sector) == []
    assert served(made) == {"sofa cleaning", "sofa legs"}


def test_keywords_of_an_article_are_not_taken_over(sector: Sector) -> None:
    subject = idea(sector, "sofa")
    queue_ideas(account=sector.account, idea_ids=[subject.pk], now=NOW)

    with pytest.raises(Conflict) as refused:
        update_idea(
            account=sector.account,
            idea_id=idea(sector, "sofa legs").pk,
            changes={"keyword_ids": ids(sector, "sofas")},
            now=NOW,
        )

    assert refused.value.data["idea_id"] == subject.pk


def test_the_keywords_of_an_idea_can_be_chosen(sector: Sector) -> None:
    legs = idea(sector, "sofa legs")

    chosen = update_idea(
        account=sector.account,
        idea_id=legs.pk,
        changes={"keyword_ids": ids(sector, "clean a sofa", "sofa legs")},
        now=NOW,
    )

    assert (chosen.target_keyword, served(chosen)) == (
        "clean a sofa",
        {"clean a sofa", "sofa legs"},
    )
    assert (chosen.source, chosen.overlap) == ("person", "")
    ideas(sector)
    chosen.refresh_from_db()
    assert served(chosen) == {"clean a sofa", "sofa legs"}


def test_an_idea_that_comes_back_is_judged_again_without_what_others_serve_by_now(
    sector: Sector,
) -> None:
    cleaning, legs = idea(sector, "sofa cleaning"), idea(sector, "sofa legs")
    delete_ideas(account=sector.account, ids=[cleaning.pk], now=NOW)
    assert ideas(sector) == []
    update_idea(
        account=sector.account,
        idea_id=legs.pk,
        changes={"keyword_ids": ids(sector, "sofa legs", "sofa cleaning")},
        now=NOW,
    )

    assert restore_ideas(account=sector.account, ids=[cleaning.pk], now=NOW) == 1

    cleaning.refresh_from_db()
    assert (served(cleaning), cleaning.target_keyword, cleaning.volume) == (
        {"clean a sofa"}, "clean a sofa", 40,
    )  # fmt: skip
    assert (cleaning.overlap, cleaning.overlap_checked_at) == ("", None)


def test_the_ideas_of_a_cluster_that_comes_back_are_judged_again(sector: Sector) -> None:
    subject = idea(sector, "sofa legs")
    delete_clusters(account=sector.account, ids=[subject.cluster_id], now=NOW)
    subject.refresh_from_db()
    assert (subject.deleted_at, subject.overlap) == (NOW, "fine")

    restore_clusters(account=sector.account, ids=[subject.cluster_id], now=NOW)

    subject.refresh_from_db()
    assert (subject.deleted_at, subject.overlap, served(subject)) == (None, "", {"sofa legs"})


def test_a_page_that_reads_like_one_that_has_its_idea_loses_its_own(sector: Sector) -> None:
    other = make_planning.cluster(sector, "care")
    twin = make_planning.keyword(sector, "cleaning sofas", cluster=other, role="hub")
    (made,) = ideas(sector)
    assert made.target_keyword == "cleaning sofas"

    move_keywords_to(
        account=sector.account,
        sector=sector,
        keyword_ids=[twin.pk],
        cluster_id=idea(sector, "sofa").cluster_id,
        now=NOW,
    )

    made.refresh_from_db()
    assert made.deleted_at == NOW
    assert "cleaning sofas" in served(idea(sector, "sofa cleaning"))


def test_the_topic_map_shows_hub_pages_links_and_what_comes_next(sector: Sector) -> None:
    queue_ideas(account=sector.account, idea_ids=[idea(sector, "sofa").pk], now=NOW)
    delete_ideas(account=sector.account, ids=[idea(sector, "sofa cleaning").pk], now=NOW)
    legs = idea(sector, "sofa legs")
    ContentIdeas.unscoped.filter(pk=legs.pk).update(overlap="merge")

    (topic,) = topic_map(account=sector.account, sector=sector)

    assert (topic.name, topic.volume, topic.volume_distinct, topic.done) == ("sofas", 2230, 1330, 0)
    assert [(page.target, page.role, page.next_step) for page in topic.pages] == [
        ("sofa", "hub", "write"),
        ("sofa legs", "supporting", "decide"),
        ("sofa cleaning", "supporting", "make an idea"),
    ]
    hub, legs_page, _cleaning = topic.pages
    assert (hub.variants, hub.volume, hub.volume_distinct) == (1, 1800, 900)
    assert hub.links_to == ("sofa legs", "sofa cleaning")
    assert (legs_page.links_to, legs_page.overlap) == (("sofa",), "merge")
    assert topic_map(account=sector.account, sector=sector, cluster_ids=[]) == []
    assert topic_map(account=sector.account, sector=sector, limit=0) == []
