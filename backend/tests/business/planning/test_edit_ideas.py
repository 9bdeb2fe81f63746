"""What a person makes of ideas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.planning.errors import IdeaTaken
from igny8_core.business.planning.models import ContentIdeas, Keywords
from igny8_core.business.planning.services.edit_clusters import move_keywords_to
from igny8_core.business.planning.services.edit_ideas import (
    IdeaChanges,
    create_idea,
    delete_ideas,
    edit_idea,
    restore_ideas,
    set_idea_keywords,
)
from igny8_core.business.planning.services.make_ideas import make_ideas
from igny8_core.business.planning.services.queue_ideas import queue_ideas
from igny8_core.business.planning.services.topic_map import topic_map
from igny8_core.business.planning.states import ClusterRole, ContentStructure, ContentType
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from tests import make
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

    changed = edit_idea(
        account=sector.account,
        idea_id=subject.pk,
        changes=IdeaChanges(
            title="  Clean  a sofa ",
            description=" All of it. ",
            content_type=ContentType.PAGE,
            content_structure=ContentStructure.HOW_TO,
            role=ClusterRole.HUB,
            estimated_words=800,
        ),
        now=NOW,
    )

    changed.refresh_from_db()
    assert (changed.title, changed.description) == ("Clean a sofa", "All of it.")
    assert (changed.content_type, changed.content_structure) == ("page", "how_to")
    assert (changed.role, changed.estimated_words) == ("hub", 800)
    assert changed.estimated_credits is not None
    assert (changed.overlap, changed.overlap_checked_at) == ("", None)
    again = edit_idea(account=sector.account, idea_id=subject.pk, changes=IdeaChanges(), now=NOW)
    assert again.title == "Clean a sofa"


@pytest.mark.parametrize(
    "changes",
    [
        IdeaChanges(title=" "),
        IdeaChanges(title="x" * 256),
        IdeaChanges(description="x" * 2_001),
        IdeaChanges(estimated_words=49),
        IdeaChanges(estimated_words=10_001),
    ],
)
def test_what_makes_no_sense_is_refused(sector: Sector, changes: IdeaChanges) -> None:
    with pytest.raises(InvalidInput):
        edit_idea(account=sector.account, idea_id=idea(sector, "sofa").pk, changes=changes, now=NOW)


def test_a_queued_idea_and_a_strangers_are_not_changed(sector: Sector) -> None:
    subject = idea(sector, "sofa")
    changes = IdeaChanges(title="New")
    with pytest.raises(NotFound):
        edit_idea(account=make.account(), idea_id=subject.pk, changes=changes, now=NOW)
    queue_ideas(account=sector.account, idea_ids=[subject.pk], now=NOW)

    for refused in (
        lambda: edit_idea(account=sector.account, idea_id=subject.pk, changes=changes, now=NOW),
        lambda: delete_ideas(account=sector.account, idea_ids=[subject.pk], now=NOW),
        lambda: set_idea_keywords(
            account=sector.account, idea_id=subject.pk, keyword_ids=ids(sector, "sofa"), now=NOW
        ),
    ):
        with pytest.raises(Conflict):
            refused()


def test_an_idea_of_ones_own_takes_keywords_over_and_is_left_alone(sector: Sector) -> None:
    cleaning = idea(sector, "sofa cleaning")

    made = create_idea(
        account=sector.account,
        sector=sector,
        cluster_id=cleaning.cluster_id,
        title="Cleaning by steam",
        keyword_ids=ids(sector, "sofa cleaning", "sofa legs"),
        content_structure=ContentStructure.HOW_TO,
        now=NOW,
    )

    cleaning.refresh_from_db()
    assert (made.source, made.page, made.estimated_words) == ("person", None, 1400)
    assert (served(made), made.target_keyword, made.volume) == (
        {"sofa cleaning", "sofa legs"}, "sofa cleaning", 390,
    )  # fmt: skip
    assert (served(cleaning), cleaning.target_keyword, cleaning.volume) == (
        {"clean a sofa"}, "clean a sofa", 40,
    )  # fmt: skip
    assert ideas(sector) == []
    assert served(made) == {"sofa cleaning", "sofa legs"}


def test_an_idea_needs_a_title_and_a_target(sector: Sector) -> None:
    cluster_id = idea(sector, "sofa").cluster_id
    other = make_planning.cluster(make.sector(sector.site, "Lamps"))
    create: dict[str, Any] = {
        "account": sector.account, "sector": sector, "cluster_id": cluster_id, "title": "T",
        "target_keyword": "steam", "now": NOW,
    }  # fmt: skip

    made = create_idea(**create)
    assert (made.target_keyword, made.volume, served(made)) == ("steam", None, set())
    for change, error in (
        ({"title": ""}, InvalidInput),
        ({"target_keyword": ""}, InvalidInput),
        ({"keyword_ids": range(1, 300)}, InvalidInput),
        ({"keyword_ids": [0]}, NotFound),
        ({"cluster_id": other.pk}, NotFound),
        ({"estimated_words": 5}, InvalidInput),
    ):
        with pytest.raises(error):
            create_idea(**create | change)


def test_keywords_of_an_article_are_not_taken_over(sector: Sector) -> None:
    subject = idea(sector, "sofa")
    queue_ideas(account=sector.account, idea_ids=[subject.pk], now=NOW)

    with pytest.raises(Conflict) as refused:
        set_idea_keywords(
            account=sector.account,
            idea_id=idea(sector, "sofa legs").pk,
            keyword_ids=ids(sector, "sofas"),
            now=NOW,
        )

    assert refused.value.data["idea_id"] == subject.pk


def test_the_keywords_of_an_idea_can_be_chosen(sector: Sector) -> None:
    legs = idea(sector, "sofa legs")

    chosen = set_idea_keywords(
        account=sector.account,
        idea_id=legs.pk,
        keyword_ids=ids(sector, "clean a sofa", "sofa legs"),
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
    with pytest.raises(InvalidInput):
        set_idea_keywords(account=sector.account, idea_id=legs.pk, keyword_ids=[], now=NOW)


def test_dismissed_ideas_are_not_made_again_and_come_back_when_asked(sector: Sector) -> None:
    subject = idea(sector, "sofa legs")

    assert delete_ideas(account=sector.account, idea_ids=[subject.pk], now=NOW) == 1

    assert ideas(sector) == []
    with pytest.raises(NotFound):
        delete_ideas(account=sector.account, idea_ids=[subject.pk], now=NOW)
    with pytest.raises(InvalidInput):
        delete_ideas(account=sector.account, idea_ids=[], now=NOW)
    (back,) = restore_ideas(account=sector.account, idea_ids=[subject.pk], now=NOW)
    assert (back.deleted_at, served(back)) == (None, {"sofa legs"})
    assert restore_ideas(account=sector.account, idea_ids=[subject.pk], now=NOW) == [back]


def test_an_idea_whose_place_is_taken_stays_in_the_bin(sector: Sector) -> None:
    subject = idea(sector, "sofa legs")
    delete_ideas(account=sector.account, idea_ids=[subject.pk], now=NOW)
    make_planning.idea(subject.cluster, page=subject.page)
    lost = make_planning.idea(make_planning.cluster(sector))
    lost.soft_delete(now=NOW)
    lost.cluster.soft_delete(now=NOW)

    for pk in (subject.pk, lost.pk):
        with pytest.raises(IdeaTaken):
            restore_ideas(account=sector.account, idea_ids=[pk], now=NOW)
    with pytest.raises(NotFound):
        restore_ideas(account=make.account(), idea_ids=[subject.pk], now=NOW)


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
    delete_ideas(account=sector.account, idea_ids=[idea(sector, "sofa cleaning").pk], now=NOW)
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
