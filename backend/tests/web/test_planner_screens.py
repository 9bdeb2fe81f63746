"""Clusters, the topic map and the board of ideas, without a browser."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from lxml import html

from igny8_core.auth.states import Role
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.content.models import Tasks
from igny8_core.business.planning.models import Clusters, ContentIdeas, Keywords
from igny8_core.business.planning.states import IdeaStatus, OverlapVerdict
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.web.screens import HTMX, address, client_of

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


def cluster(
    sector: Sector, name: str, count: int = 3, *, articles: int = 0, **fields: Any
) -> Clusters:
    """A cluster with its keywords, each on a page of its own; the database counts them."""
    found = make_planning.cluster(sector, name, **fields)
    for place in range(count):
        make_planning.keyword(
            sector, f"{name} {place}", cluster=found, page=place, volume=100 * (place + 1)
        )
    for _ in range(articles):
        make_content.article(sector, cluster=found)
    return Clusters.unscoped.get(pk=found.pk)


def names(answer: Any) -> list[str]:
    rows = html.fromstring(answer.content).xpath("//tbody//th[@scope='row']/a")
    return [str(row.text_content()).strip() for row in rows]


def toast(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer["HX-Trigger"])["toast"]
    return found


def test_clusters_are_listed_largest_first_and_found_by_view(sector: Sector) -> None:
    cluster(sector, "Small")
    cluster(sector, "Large", 9)
    cluster(sector, "Covered", 1, articles=1)
    cluster(sector, "Held", 1, is_locked=True)
    client = client_of(sector)
    url = address(sector, "clusters")

    found = {
        query: sorted(names(client.get(f"{url}?{query}")))
        for query in ("", "view=gap", "view=covered", "view=locked", "q=lar", "intent=commercial")
    }

    assert names(client.get(url))[0] == "Large"
    assert found == {
        "": ["Covered", "Held", "Large", "Small"],
        "view=gap": ["Held", "Large", "Small"],
        "view=covered": ["Covered"],
        "view=locked": ["Held"],
        "q=lar": ["Large"],
        "intent=commercial": [],
    }


def test_queries_of_the_list_do_not_grow(sector: Sector) -> None:
    client, url = client_of(sector), address(sector, "clusters")
    cluster(sector, "One")
    client.get(url)
    with CaptureQueriesContext(connection) as few:
        client.get(url, headers=HTMX)
    for number in range(12):
        cluster(sector, f"More {number}")
    with CaptureQueriesContext(connection) as many:
        client.get(url, headers=HTMX)

    assert len(few) == len(many) <= 15


def test_the_map_draws_clusters_with_their_keywords(sector: Sector) -> None:
    cluster(sector, "Sofas")
    cluster(sector, "Off", is_disabled=True)

    page = html.fromstring(
        client_of(sector, Role.VIEWER).get(address(sector, "cluster_map")).content
    )

    topics = json.loads(page.get_element_by_id("topics").text or "")
    assert [topic["name"] for topic in topics["children"]] == ["Sofas"]
    assert [dot["volume"] for dot in topics["children"][0]["children"]] == [300, 200, 100]
    assert topics["children"][0]["covered"] is False


def test_an_empty_map_says_what_to_do(sector: Sector) -> None:
    page = client_of(sector).get(address(sector, "cluster_map")).content.decode()

    assert "Nothing to draw yet" in page


def test_a_cluster_is_shown_as_a_plan_and_renamed(sector: Sector) -> None:
    found = cluster(sector, "Sofas")
    client = client_of(sector)

    page = client.get(address(sector, "cluster", cluster_id=found.pk)).content.decode()
    saved = client.post(
        address(sector, "cluster_change", cluster_id=found.pk),
        {"name": "Couches", "description": "To sit on."},
    )

    found.refresh_from_db()
    assert "Sofas 0" in page
    assert "Make an idea" in page
    assert (saved.status_code, found.name, found.is_named) == (303, "Couches", True)


def test_clusters_are_merged_after_a_question_and_unmerged(sector: Sector) -> None:
    one, two = cluster(sector, "Sofas"), cluster(sector, "Couches")
    client, url = client_of(sector), address(sector, "cluster_bulk")
    data = {"action": "merge", "ids": f"{one.pk},{two.pk}"}

    asked = client.post(url, data, headers=HTMX)
    done = client.post(
        url, data | {"confirmed": "1", "into": str(two.pk), "name": "Seats"}, headers=HTMX
    )
    together = Keywords.unscoped.filter(cluster=two).count()
    back = client.post(toast(done)["undo"]["url"], headers=HTMX)

    assert "Merge 2 clusters?" in asked.content.decode()
    assert (done.status_code, together) == (204, 6)
    assert (back.status_code, Keywords.unscoped.filter(cluster=one).count()) == (204, 3)


@pytest.mark.parametrize(
    ("action", "field", "value"),
    [
        ("lock", "is_locked", True),
        ("unlock", "is_locked", False),
        ("disable", "is_disabled", True),
        ("enable", "is_disabled", False),
    ],
)
def test_clusters_are_flagged(action: str, field: str, value: bool, sector: Sector) -> None:  # noqa: FBT001 - of the parameters
    found = cluster(sector, "Sofas", **{field: not value})

    client_of(sector).post(
        address(sector, "cluster_bulk"),
        {"action": action, "ids": str(found.pk), "confirmed": "1"},
        headers=HTMX,
    )

    found.refresh_from_db()
    assert getattr(found, field) is value


def test_clusters_are_deleted_and_taken_back(sector: Sector) -> None:
    found = cluster(sector, "Sofas")
    client = client_of(sector)
    data = {"action": "delete", "ids": str(found.pk), "confirmed": "1"}

    gone = client.post(address(sector, "cluster_bulk"), data, headers=HTMX)
    there = Clusters.unscoped.filter(deleted_at=None).count()
    undo = toast(gone)["undo"]
    client.post(undo["url"], undo["values"], headers=HTMX)

    assert (there, Clusters.unscoped.filter(deleted_at=None).count()) == (0, 1)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"action": "lock", "ids": ""}, 422),
        ({"action": "melt", "ids": "1"}, 422),
        ({"action": "lock", "ids": "99999999"}, 409),
    ],
)
def test_acts_on_clusters_that_cannot_be_meant_are_refused(
    data: dict[str, str], status: int, sector: Sector
) -> None:
    answer = client_of(sector).post(address(sector, "cluster_bulk"), data, headers=HTMX)

    assert answer.status_code == status


def test_one_cluster_is_not_merged(sector: Sector) -> None:
    found = cluster(sector, "Sofas")

    answer = client_of(sector).post(
        address(sector, "cluster_bulk"), {"action": "merge", "ids": str(found.pk)}, headers=HTMX
    )

    assert answer.status_code == 422


def test_ideas_say_their_price_before_they_are_made(sector: Sector) -> None:
    found = cluster(sector, "Sofas")
    client, url = client_of(sector), address(sector, "cluster_ideas")

    asked = client.post(url, {"ids": str(found.pk)}, headers=HTMX).content.decode()
    before = WorkItem.unscoped.count()
    done = client.post(url, {"ids": str(found.pk), "confirmed": "1"}, headers=HTMX)

    item = WorkItem.unscoped.get()
    assert "Make 3 ideas?" in asked
    assert (before, done.status_code, item.kind) == (0, 204, "planning.ideas")
    assert item.options["cluster_ids"] == [found.pk]


def test_no_idea_is_made_where_every_page_has_one(sector: Sector) -> None:
    answer = client_of(sector).post(address(sector, "cluster_ideas"), headers=HTMX)

    assert answer.status_code == 409


def board(answer: Any) -> dict[str, list[str]]:
    """The titles of each column."""
    page = html.fromstring(answer.content)
    return {
        column.get("data-status"): [
            str(title.text_content()).strip() for title in column.xpath(".//h3")
        ]
        for column in page.xpath("//*[@data-board-target='column']")
    }


def test_ideas_stand_in_their_columns(sector: Sector) -> None:
    found = cluster(sector, "Sofas")
    make_planning.idea(found, title="Big", volume=900)
    make_planning.idea(found, title="Unknown")
    make_planning.idea(found, title="Waits", status=IdeaStatus.QUEUED, queued_at=timezone.now())
    client = client_of(sector, Role.VIEWER)
    url = address(sector, "ideas")

    assert board(client.get(url)) == {
        "new": ["Big", "Unknown"],
        "queued": ["Waits"],
        "completed": [],
    }
    assert board(client.get(f"{url}?status=queued")) == {"queued": ["Waits"]}
    assert board(client.get(f"{url}?q=big"))["new"] == ["Big"]
    assert board(client.get(f"{url}?cluster={found.pk}"))["queued"] == ["Waits"]


def test_an_idea_says_why_and_what_it_costs(sector: Sector) -> None:
    idea = make_planning.idea(
        cluster(sector, "Sofas"), title="Big", reason="Because.", outline=["One", "Two"]
    )

    page = client_of(sector).get(address(sector, "idea", idea_id=idea.pk), headers=HTMX)

    assert "Because." in page.content.decode()
    assert "credits to write it" in page.content.decode().lower()


def test_ideas_are_accepted_after_a_question(sector: Sector) -> None:
    found = cluster(sector, "Sofas")
    ideas = [make_planning.idea(found, title=title) for title in ("Legs of sofas", "Dust covers")]
    client, url = client_of(sector), address(sector, "idea_accept")
    data = {"ids": ",".join(str(idea.pk) for idea in ideas)}

    asked = client.post(url, data, headers=HTMX).content.decode()
    before = Tasks.unscoped.count()
    done = client.post(url, data | {"confirmed": "1"}, headers=HTMX)

    assert "Accept 2 ideas?" in asked
    assert "Accepting costs nothing" in asked
    assert (before, done.status_code, Tasks.unscoped.count()) == (0, 204, 2)


def test_an_idea_that_repeats_a_page_is_held_back_until_somebody_says_why(sector: Sector) -> None:
    found = cluster(sector, "Sofas")
    make_content.article(sector, title="How to clean a sofa", primary_keyword="clean a sofa")
    idea = make_planning.idea(found, title="How to clean a sofa", target_keyword="clean a sofa")
    client = client_of(sector)
    data = {"ids": str(idea.pk)}

    asked = client.post(address(sector, "idea_accept"), data, headers=HTMX).content.decode()
    idea.refresh_from_db()
    client.post(address(sector, "idea_override", idea_id=idea.pk), {"reason": "Another angle."})
    done = client.post(address(sector, "idea_accept"), data | {"confirmed": "1"}, headers=HTMX)

    assert "Held back" in asked
    assert idea.overlap in {OverlapVerdict.SKIP, OverlapVerdict.MERGE}
    assert done.status_code == 204


def test_a_queued_idea_is_taken_back(sector: Sector) -> None:
    idea = make_planning.idea(cluster(sector, "Sofas"), title="Legs of sofas")
    client, data = client_of(sector), {"ids": str(idea.pk)}
    client.post(address(sector, "idea_accept"), data | {"confirmed": "1"}, headers=HTMX)

    done = client.post(address(sector, "idea_take_back"), data, headers=HTMX)
    again = client.post(address(sector, "idea_take_back"), data, headers=HTMX)

    idea.refresh_from_db()
    assert (done.status_code, idea.status, again.status_code) == (204, IdeaStatus.NEW, 409)


def test_ideas_are_deleted_and_taken_back(sector: Sector) -> None:
    idea = make_planning.idea(cluster(sector, "Sofas"))
    client = client_of(sector)

    gone = client.post(address(sector, "idea_delete"), {"ids": str(idea.pk)}, headers=HTMX)
    there = ContentIdeas.unscoped.filter(deleted_at=None).count()
    undo = toast(gone)["undo"]
    client.post(undo["url"], undo["values"], headers=HTMX)

    assert (there, ContentIdeas.unscoped.filter(deleted_at=None).count()) == (0, 1)


@pytest.mark.parametrize("name", ["idea_accept", "idea_delete", "idea_restore", "cluster_restore"])
def test_nothing_chosen_is_said(name: str, sector: Sector) -> None:
    answer = client_of(sector).post(address(sector, name), headers=HTMX)

    assert answer.status_code == 422


def test_a_row_of_another_sector_is_not_worked_on_here(sector: Sector) -> None:
    elsewhere = cluster(make_planning.sector(sector.account), "Elsewhere")
    idea = make_planning.idea(elsewhere)
    client = client_of(sector)

    shown = client.get(address(sector, "cluster", cluster_id=elsewhere.pk))
    accepted = client.post(address(sector, "idea_accept"), {"ids": str(idea.pk)}, headers=HTMX)

    assert (shown.status_code, accepted.status_code) == (409, 409)
