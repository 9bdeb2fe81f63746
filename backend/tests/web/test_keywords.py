"""The keyword list, without a browser: what it shows, what its fragments are, what its acts do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from lxml import html

from igny8_core.auth.states import Role
from igny8_core.business.planning.models import Keywords, SavedView
from igny8_core.business.planning.states import KeywordStatus
from tests.make import planning as make_planning
from tests.web.screens import HTMX, client_of

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


def address(sector: Sector, name: str = "keywords", **more: Any) -> str:
    return reverse(name, kwargs={"site_id": sector.site_id, "sector_id": sector.pk, **more})


def names(answer: Any) -> list[str]:
    found = html.fromstring(answer.content).xpath("//tbody//th[@scope='row']")
    return [str(cell.text_content()).strip() for cell in found]


def ids(*rows: Keywords) -> str:
    return ",".join(str(row.pk) for row in rows)


def test_a_list_shows_its_sector_alone_the_largest_volumes_first(sector: Sector) -> None:
    make_planning.keyword(sector, "small sofa", volume=10)
    make_planning.keyword(sector, "large sofa", volume=900)
    make_planning.keyword(sector, "unknown sofa")
    make_planning.keyword(make_planning.sector(sector.account), "elsewhere")

    answer = client_of(sector).get(address(sector))

    assert names(answer) == ["large sofa", "small sofa", "unknown sofa"]
    (sorted_by,) = html.fromstring(answer.content).xpath("//th[@aria-sort='descending']")
    assert sorted_by.text_content().strip() == "Volume"


def test_filters_and_order_are_the_addresses(sector: Sector) -> None:
    make_planning.keyword(sector, "red sofa", volume=100, difficulty=20)
    make_planning.keyword(sector, "blue sofa", volume=200, difficulty=70)
    make_planning.keyword(sector, "red chair", volume=300, difficulty=10)
    client = client_of(sector)

    found = {
        query: names(client.get(f"{address(sector)}?{query}"))
        for query in (
            "q=sofa&sort=keyword",
            "q=red+sofa",
            "volume_min=150",
            "difficulty_max=50&sort=-difficulty",
            "view=quick&volume_min=100&difficulty_max=30&sort=volume",
            "view=mapped",
            "volume_min=abc&sort=nothing&intent=%00&page=9999999999999999999",
        )
    }

    assert list(found.values()) == [
        ["blue sofa", "red sofa"],
        ["red sofa"],
        ["red chair", "blue sofa"],
        ["red sofa", "red chair"],
        ["red sofa", "red chair"],
        [],
        ["red chair", "blue sofa", "red sofa"],
    ]


def test_htmx_gets_the_table_alone_and_caches_are_told(sector: Sector) -> None:
    make_planning.keyword(sector, "sofa", volume=10)
    client = client_of(sector)

    part = client.get(address(sector), headers=HTMX)
    restored = client.get(address(sector), headers=HTMX | {"HX-History-Restore-Request": "true"})

    assert part.content.decode().strip().startswith('<section id="keywords"')
    assert names(part) == ["sofa"]
    assert "HX-Request" in part["Vary"]
    assert b"<html" in restored.content


def test_queries_do_not_grow_with_the_rows(sector: Sector) -> None:
    client = client_of(sector)
    make_planning.keyword(sector, "first")
    client.get(address(sector))
    with CaptureQueriesContext(connection) as few:
        client.get(address(sector), headers=HTMX)
    make_planning.keywords(sector, [f"sofa {n}" for n in range(60)])
    with CaptureQueriesContext(connection) as many:
        client.get(address(sector), headers=HTMX)

    assert len(few) == len(many) <= 16


def test_a_page_goes_on_where_the_last_one_ended(sector: Sector) -> None:
    make_planning.many_keywords([sector], 120)
    client = client_of(sector)
    rows = Keywords.unscoped.filter(sector=sector, deleted_at=None).count()

    pages = [names(client.get(f"{address(sector)}?page={n}")) for n in (1, 2, 3, 4)]

    assert [len(page) for page in pages] == [50, 50, rows - 100, rows - 100]
    assert len({name for page in pages[:3] for name in page}) == rows
    assert pages[2] == pages[3]


def test_viewers_see_no_control_that_they_may_not_use(sector: Sector) -> None:
    make_planning.keyword(sector, "sofa")

    page = html.fromstring(client_of(sector, Role.VIEWER).get(address(sector)).content)

    assert page.xpath("//main//form[@method='post']") == []
    assert page.xpath("//tbody//input") == []


def test_a_bulk_act_is_asked_first_with_its_count(sector: Sector) -> None:
    rows = make_planning.keywords(sector, ["a", "b", "c"])
    client = client_of(sector)
    data = {"action": "disable", "scope": "ids", "ids": ids(*rows[:2])}

    asked = client.post(address(sector, "keyword_bulk"), data, headers=HTMX)

    assert asked["HX-Retarget"] == "#dialog"
    assert "Disable 2 keywords?" in asked.content.decode()
    assert Keywords.unscoped.filter(is_disabled=True).count() == 0


def test_a_bulk_act_is_done_for_ticked_rows_or_for_the_whole_filter(sector: Sector) -> None:
    rows = make_planning.keywords(sector, ["red sofa", "blue sofa", "lamp"])
    client = client_of(sector)
    url = address(sector, "keyword_bulk")
    confirmed = {"confirmed": "1", "action": "disable"}

    ticked = client.post(
        url, confirmed | {"scope": "ids", "ids": ids(rows[2]), "expected": "1"}, headers=HTMX
    )
    filtered = client.post(
        url,
        confirmed | {"scope": "matching", "query": "q=sofa", "ids": "", "expected": "2"},
        headers=HTMX,
    )

    assert (ticked.status_code, filtered.status_code) == (204, 204)
    assert '"2 keywords are disabled."' in filtered["HX-Trigger"]
    assert "keywords-changed" in filtered["HX-Trigger"]
    assert Keywords.unscoped.filter(is_disabled=True).count() == 3


def test_a_bulk_act_on_another_number_of_rows_is_refused(sector: Sector) -> None:
    make_planning.keywords(sector, ["red sofa", "blue sofa"])
    data = {"confirmed": "1", "action": "delete", "scope": "matching", "query": "q=sofa",
            "expected": "7"}  # fmt: skip

    answer = client_of(sector).post(address(sector, "keyword_bulk"), data, headers=HTMX)

    assert answer.status_code == 409
    assert "2 keywords match now, not 7" in answer.content.decode()
    assert Keywords.unscoped.filter(deleted_at=None).count() == 2


def test_deleted_keywords_are_taken_back_by_the_toast(sector: Sector) -> None:
    import json

    row = make_planning.keyword(sector, "sofa")
    client = client_of(sector)
    data = {"confirmed": "1", "action": "delete", "scope": "ids", "ids": str(row.pk),
            "expected": "1"}  # fmt: skip
    gone = client.post(address(sector, "keyword_bulk"), data, headers=HTMX)
    undo = json.loads(gone["HX-Trigger"])["toast"]["undo"]
    there = Keywords.unscoped.filter(deleted_at=None).count()

    back = client.post(undo["url"], undo["values"], headers=HTMX)

    assert (there, back.status_code) == (0, 204)
    assert Keywords.unscoped.filter(deleted_at=None).count() == 1


@pytest.mark.parametrize("given", ["", "yesterday", "2026-11-02T09:00:00"])
def test_nothing_is_taken_back_without_a_moment(given: str, sector: Sector) -> None:
    answer = client_of(sector).post(address(sector, "keyword_undelete"), {"deleted_at": given})

    assert answer.status_code == 422


def test_keywords_move_to_a_cluster_and_out_of_it(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "Sofas")
    row = make_planning.keyword(sector, "sofa")
    client, url = client_of(sector), address(sector, "keyword_bulk")
    data = {"confirmed": "1", "action": "move", "scope": "ids", "ids": str(row.pk),
            "expected": "1"}  # fmt: skip

    client.post(url, data | {"cluster": str(cluster.pk)}, headers=HTMX)
    row.refresh_from_db()
    placed = (row.cluster_id, row.status)
    client.post(url, data | {"cluster": "0"}, headers=HTMX)
    row.refresh_from_db()

    assert placed == (cluster.pk, KeywordStatus.MAPPED)
    assert (row.cluster_id, row.status) == (None, KeywordStatus.NEW)


def test_anothers_cluster_takes_no_keyword(sector: Sector) -> None:
    theirs = make_planning.cluster(make_planning.sector(), "Theirs")
    row = make_planning.keyword(sector, "sofa")
    data = {"confirmed": "1", "action": "move", "scope": "ids", "ids": str(row.pk),
            "expected": "1", "cluster": str(theirs.pk)}  # fmt: skip

    answer = client_of(sector).post(address(sector, "keyword_bulk"), data, headers=HTMX)
    seen = client_of(sector).get(f"{address(sector)}?cluster={theirs.pk}")

    row.refresh_from_db()
    assert (answer.status_code, seen.status_code, row.cluster_id) == (404, 404, None)


def test_an_intent_is_set_for_many(sector: Sector) -> None:
    rows = make_planning.keywords(sector, ["a", "b"])
    data = {"confirmed": "1", "action": "intent", "scope": "ids", "ids": ids(*rows),
            "expected": "2", "intent": "commercial"}  # fmt: skip

    client_of(sector).post(address(sector, "keyword_bulk"), data, headers=HTMX)

    assert Keywords.unscoped.filter(intent="commercial", intent_source="typed").count() == 2


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"action": "explode", "scope": "ids", "ids": "1"}, 422),
        ({"action": "delete", "scope": "ids", "ids": ""}, 422),
        ({"action": "delete", "scope": "ids", "ids": "999999"}, 409),
    ],
)
def test_acts_that_cannot_be_meant_are_refused(
    data: dict[str, str], status: int, sector: Sector
) -> None:
    answer = client_of(sector).post(address(sector, "keyword_bulk"), data, headers=HTMX)

    assert answer.status_code == status


def test_a_keyword_is_shown_with_its_sources_and_changed(sector: Sector) -> None:
    data = make_planning.csv_bytes(["keyword", "volume"], ["sofa", "320"])
    make_planning.imported(sector, data)
    row = Keywords.unscoped.get(keyword_norm="sofa")
    client = client_of(sector)

    shown = client.get(address(sector, "keyword", keyword_id=row.pk), headers=HTMX)
    saved = client.post(
        address(sector, "keyword_change", keyword_id=row.pk),
        {"volume": "500", "volume_was": "320", "difficulty": "", "difficulty_was": "",
         "intent": "transactional"},
        headers=HTMX,
    )  # fmt: skip

    row.refresh_from_db()
    assert "320" in shown.content.decode()
    assert saved.status_code == 204
    assert (row.volume, row.volume_kind, row.intent) == (500, "typed", "transactional")


def test_a_figure_that_is_none_is_said_in_the_dialog(sector: Sector) -> None:
    row = make_planning.keyword(sector, "sofa", volume=10)

    answer = client_of(sector).post(
        address(sector, "keyword_change", keyword_id=row.pk),
        {"volume": "many", "volume_was": "10"},
        headers=HTMX,
    )

    row.refresh_from_db()
    assert (answer.status_code, row.volume) == (422, 10)
    assert "Type a whole number." in answer.content.decode()


def test_an_intent_that_is_none_is_refused(sector: Sector) -> None:
    row = make_planning.keyword(sector, "sofa")

    answer = client_of(sector).post(
        address(sector, "keyword_change", keyword_id=row.pk), {"intent": "admin"}, headers=HTMX
    )

    row.refresh_from_db()
    assert (answer.status_code, row.intent == "admin") == (422, False)


def test_a_keyword_is_added_by_hand_once(sector: Sector) -> None:
    client, url = client_of(sector), address(sector, "keyword_add")

    first = client.post(url, {"keyword": "Corner  Sofa"})
    again = client.post(url, {"keyword": "corner sofa"}, headers=HTMX)

    assert (first.status_code, again.status_code) == (303, 409)
    assert Keywords.unscoped.filter(keyword_norm="corner sofa").count() == 1


def test_a_view_keeps_filters_and_order_and_goes_again(sector: Sector) -> None:
    make_planning.keyword(sector, "cheap sofa", volume=50)
    make_planning.keyword(sector, "sofa", volume=5_000)
    client = client_of(sector)

    made = client.post(
        f"{address(sector, 'keyword_view_save')}?view=new&volume_max=100&sort=volume",
        {"name": "Small ones"},
    )
    view = SavedView.unscoped.get()
    seen = client.get(made["Location"])
    gone = client.post(address(sector, "keyword_view_delete", view_id=view.pk))

    assert (view.filters, view.sort) == (
        {"status": "new", "volume_max": 100, "is_disabled": False},
        "volume",
    )
    assert names(seen) == ["cheap sofa"]
    assert "Small ones" in seen.content.decode()
    assert (gone.status_code, SavedView.unscoped.count()) == (303, 0)


def test_clustering_says_its_price_before_it_is_queued(sector: Sector) -> None:
    from igny8_core.business.automation.models import WorkItem

    make_planning.keywords(sector, [f"sofa {n}" for n in range(25)])
    client, url = client_of(sector), address(sector, "keyword_cluster")

    asked = client.post(url, headers=HTMX)
    before = WorkItem.unscoped.count()
    done = client.post(url, {"confirmed": "1"}, headers=HTMX)

    page = asked.content.decode()
    assert "Cluster 25 new keywords?" in page
    assert "of 100 available" in page
    assert (before, done.status_code, WorkItem.unscoped.count()) == (0, 204, 1)


def test_nothing_to_cluster_is_said(sector: Sector) -> None:
    answer = client_of(sector).post(address(sector, "keyword_cluster"), headers=HTMX)

    assert answer.status_code == 409
    assert "has its place already" in answer.content.decode()


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [
        ("csv", "text/csv; charset=utf-8"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ],
)
def test_what_the_filters_find_is_exported(kind: str, media_type: str, sector: Sector) -> None:
    make_planning.keywords(sector, ["red sofa", "lamp"])

    answer: Any = client_of(sector, Role.VIEWER).get(
        f"{address(sector, 'keyword_export')}?q=sofa&format={kind}"
    )
    data = answer.getvalue()

    assert answer["Content-Type"] == media_type
    assert kind in answer["Content-Disposition"]
    assert (b"red sofa" in data, b"lamp" in data) == ((kind == "csv"), False)


def test_an_unknown_format_is_refused(sector: Sector) -> None:
    answer = client_of(sector).get(f"{address(sector, 'keyword_export')}?format=pdf")

    assert answer.status_code == 422


def test_a_sector_of_another_site_is_not_there(sector: Sector) -> None:
    other = make_planning.sector(sector.account)
    crossed = reverse("keywords", args=[sector.site_id, other.pk])

    assert client_of(sector).get(crossed).status_code == 404


def test_who_is_signed_out_meanwhile_is_sent_to_sign_in(sector: Sector) -> None:
    answer = Client().get(
        address(sector),
        headers=HTMX | {"HX-Current-URL": f"http://testserver{address(sector)}?q=sofa"},
    )

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["HX-Redirect"].startswith("/sign-in/?next=")


def test_a_role_that_is_too_weak_gets_a_dialog(sector: Sector) -> None:
    answer = client_of(sector, Role.VIEWER).post(address(sector, "keyword_bulk"), headers=HTMX)

    assert (answer.status_code, answer["HX-Retarget"]) == (403, "#dialog")
    assert "This needs the role Editor." in answer.content.decode()


def test_hostile_text_is_shown_as_text(sector: Sector) -> None:
    make_planning.keyword(sector, "<script>alert(1)</script>")

    page = client_of(sector).get(f"{address(sector)}?q=<script>").content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
