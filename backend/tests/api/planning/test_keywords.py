"""Keywords by their addresses: exact answers, refusals by field, pages, races."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from igny8_core.auth.states import Role
from igny8_core.business.planning.models import Keywords
from tests import make
from tests.api.planning.asking import Asker
from tests.make import planning as make_planning
from tests.make.planning import NOW, csv_bytes, imported

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector()


def test_a_keyword_shows_everything_that_is_known_of_it(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "Sofas")
    row = make_planning.keyword(
        sector, "Grey Sofa", cluster=cluster, volume=480, difficulty=12.5, page_place=3
    )

    answer = Asker(sector.account, Role.VIEWER).get(f"keywords/{row.pk}/")

    assert answer.status_code == 200
    assert {
        "id": row.pk,
        "site": sector.site_id,
        "sector": sector.pk,
        "keyword": "Grey Sofa",
        "status": "mapped",
        "cluster": cluster.pk,
        "cluster_name": "Sofas",
        "page": 0,
        "page_place": 3,
        "volume": 480,
        "volume_max": None,
        "volume_kind": "exact",
        "difficulty": 12.5,
        "cpc_minor": None,
        "intent": None,
        "is_disabled": False,
        "is_pinned": False,
        "deleted_at": None,
        "attributes": {},
        "facts": {},
        "sources": [],
    }.items() <= answer.json().items()


def test_a_list_leaves_out_what_only_one_keyword_needs(sector: Sector) -> None:
    make_planning.keyword(sector)

    (row,) = Asker(sector.account).get("keywords/").json()["results"]

    assert {"attributes", "facts", "sources"}.isdisjoint(row)
    assert row["cluster_name"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "abcd"),
        ({"status": "mapped"}, "a"),
        ({"status": "new"}, "bcd"),
        ({"q": "sofa"}, "abc"),
        ({"q": "grey sofa"}, "a"),
        ({"q": "so*"}, "b"),
        ({"intent": "commercial"}, "b"),
        ({"intent": "unknown"}, "acd"),
        ({"volume_min": 100}, "ab"),
        ({"volume_min": 100, "volume_max": 200}, "b"),
        ({"difficulty_max": 20}, "b"),
        ({"is_disabled": "true"}, "d"),
        ({"is_disabled": "false"}, "abc"),
    ],
)
def test_filters_narrow_the_list_down(sector: Sector, query: Any, expected: str) -> None:
    rows = [
        make_planning.keyword(
            sector, "grey sofa", cluster=make_planning.cluster(sector), volume=500, difficulty=40
        ),
        make_planning.keyword(
            sector,
            "sofa bed",
            volume=150,
            difficulty=10,
            intent="commercial",
            intent_source="rules",
        ),
        make_planning.keyword(sector, "corner sofa", volume=20),
        make_planning.keyword(sector, "armchair", is_disabled=True),
    ]
    wanted = ["abcd".index(letter) for letter in expected]

    found = Asker(sector.account).ids("keywords/", **query)

    assert found == [rows[place].pk for place in wanted]


def test_rows_are_listed_by_site_sector_and_cluster() -> None:
    account = make.account()
    one, two = make_planning.sector(account), make_planning.sector(account)
    other = make.sector(one.site, "Beds")
    cluster = make_planning.cluster(one)
    rows = [
        make_planning.keyword(one, cluster=cluster),
        make_planning.keyword(one),
        make_planning.keyword(other),
        make_planning.keyword(two),
    ]
    asker = Asker(account)

    found = {
        "account": asker.ids("keywords/"),
        "site": asker.ids("keywords/", site=one.site_id),
        "sector": asker.ids("keywords/", sector=one.pk),
        "cluster": asker.ids("keywords/", cluster=cluster.pk),
        "neither": asker.ids("keywords/", sector=two.pk, cluster=cluster.pk),
    }

    ids = [row.pk for row in rows]
    assert found == {
        "account": ids,
        "site": ids[:3],
        "sector": ids[:2],
        "cluster": ids[:1],
        "neither": [],
    }


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("id", "abcdefg"),
        ("-id", "gfedcba"),
        ("keyword", "gfedcba"),
        ("-keyword", "abcdefg"),
        ("volume", "dbeacfg"),
        ("-volume", "caebdfg"),
        ("difficulty", "gfabcde"),
        ("-difficulty", "bafgcde"),
    ],
)
def test_pages_hold_every_row_once_known_values_first(
    sector: Sector, order: str, expected: str
) -> None:
    volumes = [70, 10, 900, 10, 70, None, None]
    difficulties = [30, 30, None, None, None, 20, 5]
    letters = "abcdefg"
    rows = [
        make_planning.keyword(sector, text, volume=volume, difficulty=difficulty)
        for text, volume, difficulty in zip(reversed(letters), volumes, difficulties, strict=True)
    ]

    found = Asker(sector.account).ids("keywords/", sector=sector.pk, order=order)

    assert "".join(letters[[row.pk for row in rows].index(pk)] for pk in found) == expected


def test_pages_by_page_of_a_cluster(sector: Sector) -> None:
    cluster = make_planning.cluster(sector)
    rows = [make_planning.keyword(sector, cluster=cluster, page=p) for p in (2, 0, 1, 0, None)]
    make_planning.keyword(sector)
    asker = Asker(sector.account)

    listed = asker.ids("keywords/", cluster=cluster.pk, order="page")
    below = asker.ids(f"clusters/{cluster.pk}/keywords/")

    assert listed == below == [rows[place].pk for place in (1, 3, 2, 0, 4)]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"order": "volume"}, "Name a sector to order by volume."),
        ({"order": "page"}, "Name a cluster to order by page."),
        ({"order": "deleted_at"}, "Only the bin is ordered by deleted_at."),
        ({"order": "-keyword", "deleted": "true"}, "The bin is ordered by id or deleted_at."),
        ({"order": "attributes"}, "Choose one of"),
    ],
)
def test_an_order_without_an_index_is_refused(sector: Sector, query: Any, message: str) -> None:
    answer = Asker(sector.account).get("keywords/", **query)

    assert answer.status_code == 422
    assert answer.json()["errors"]["order"][0].startswith(message)


# --- adding


def test_a_keyword_is_added_with_what_a_person_knows(sector: Sector) -> None:
    body = {
        "sector": sector.pk,
        "keyword": "  Buy  grey sofa ",
        "volume": 90,
        "difficulty": 7.5,
        "attributes": {"season": "spring"},
    }

    answer = Asker(sector.account).post("keywords/", body)

    assert answer.status_code == 201, answer.content
    row = answer.json()
    assert (row["keyword"], row["status"], row["cluster"]) == ("Buy grey sofa", "new", None)
    assert (row["volume"], row["volume_kind"], row["difficulty"]) == (90, "typed", 7.5)
    assert (row["intent"], row["intent_source"]) == ("transactional", "rules")
    assert row["attributes"] == {"season": "spring"}
    stored = Keywords.unscoped.get(pk=row["id"])
    assert (stored.keyword_norm, stored.seed_keyword.keyword_norm) == ("buy grey sofa",) * 2


def test_a_keyword_that_is_there_is_named(sector: Sector) -> None:
    live, gone = make_planning.keyword(sector, "sofa"), make_planning.keyword(sector, "bed")
    gone.soft_delete(now=NOW)
    asker = Asker(sector.account)

    taken = asker.post("keywords/", {"sector": sector.pk, "keyword": "SOFA"})
    deleted = asker.post("keywords/", {"sector": sector.pk, "keyword": "Bed"})

    assert (taken.status_code, taken.json()["code"]) == (409, "place_taken")
    assert taken.json()["errors"] == {
        "keyword": [f"The keyword {live.pk} is in the sector already."]
    }
    assert taken.json()["data"] == {"in_the_way": live.pk}
    assert deleted.status_code == 409
    assert deleted.json()["errors"] == {
        "keyword": [f"The keyword {gone.pk} is in the bin: restore it."]
    }
    assert Keywords.unscoped.count() == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"keyword": ""}, "keyword"),
        ({"keyword": " \u00ad "}, "keyword"),
        ({"keyword": "x" * 256}, "keyword"),
        ({"keyword": "so\u202efa"}, "keyword"),
        ({"keyword": 5}, "keyword"),
        ({"volume": -1}, "volume"),
        ({"volume": "many"}, "volume"),
        ({"volume": 10**13}, "volume"),
        ({"difficulty": 100.5}, "difficulty"),
        ({"intent": "curious"}, "intent"),
        ({"attributes": ["a"]}, "attributes"),
        ({"attributes": {"a": "\x00"}}, "attributes"),
        ({"attributes": {"a": "x" * 20_000}}, "attributes"),
        ({"sector": "one"}, "sector"),
        ({"sector": 0}, "sector"),
    ],
)
def test_what_cannot_be_is_refused_by_field(sector: Sector, changes: Any, field: str) -> None:
    body = {"sector": sector.pk, "keyword": "sofa"} | changes

    answer = Asker(sector.account).post("keywords/", body)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert not Keywords.unscoped.exists()


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_of_two_who_add_the_same_keyword_one_makes_it() -> None:
    sector = make_planning.sector()
    askers = [Asker(sector.account) for _ in range(3)]
    start = Barrier(len(askers))

    def add(asker: Asker) -> Any:
        start.wait(timeout=30)
        try:
            return asker.post("keywords/", {"sector": sector.pk, "keyword": "sofa"})
        finally:
            connection.close()

    with ThreadPoolExecutor(len(askers)) as pool:
        answers = list(pool.map(add, askers))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    (row,) = Keywords.unscoped.all()
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["data"] == {"in_the_way": row.pk}


# --- changing


def test_a_persons_figure_goes_before_the_files_and_can_be_taken_back(sector: Sector) -> None:
    imported(sector, csv_bytes(("Keyword", "Volume", "KD"), ("sofa", "480", "30")))
    (row,) = Keywords.unscoped.all()
    asker, url = Asker(sector.account), f"keywords/{row.pk}/"

    def figures(body: Any) -> tuple[Any, ...]:
        answer = asker.patch(url, body)
        assert answer.status_code == 200, answer.content
        found = answer.json()
        return (
            found["volume"],
            found["volume_kind"],
            found["difficulty"],
            found["difficulty_kind"],
            len(found["sources"]),
        )

    assert figures({"volume": 90}) == (90, "typed", 30, "exact", 2)
    assert figures({"difficulty": 1}) == (90, "typed", 1, "typed", 2)
    assert figures({"volume": 95}) == (95, "typed", 1, "typed", 2)
    assert figures({"volume": None}) == (480, "exact", 1, "typed", 2)
    assert figures({"difficulty": None}) == (480, "exact", 30, "exact", 1)
    assert figures({}) == (480, "exact", 30, "exact", 1)


def test_an_intent_is_typed_and_given_back_to_the_wording(sector: Sector) -> None:
    row = make_planning.keyword(sector, "how to clean a sofa")
    asker, url = Asker(sector.account), f"keywords/{row.pk}/"

    typed = asker.patch(url, {"intent": "commercial"}).json()
    back = asker.patch(url, {"intent": None}).json()

    assert (typed["intent"], typed["intent_source"], typed["intent_confidence"]) == (
        "commercial",
        "typed",
        1,
    )
    assert (back["intent"], back["intent_source"]) == ("informational", "rules")


def test_the_label_of_a_file_comes_back_before_the_wording(sector: Sector) -> None:
    imported(sector, csv_bytes(("Keyword", "Intent"), ("how to clean a sofa", "Transactional")))
    (row,) = Keywords.unscoped.all()
    asker, url = Asker(sector.account), f"keywords/{row.pk}/"
    asker.patch(url, {"intent": "commercial"})

    back = asker.patch(url, {"intent": None}).json()

    assert (back["intent"], back["intent_source"]) == ("transactional", "import")


def test_a_disabled_keyword_leaves_the_counts_of_its_cluster(sector: Sector) -> None:
    cluster = make_planning.cluster(sector)
    row = make_planning.keyword(sector, cluster=cluster, volume=70)
    make_planning.keyword(sector, cluster=cluster, volume=5)

    answer = Asker(sector.account).patch(f"keywords/{row.pk}/", {"is_disabled": True})

    cluster.refresh_from_db()
    assert answer.json()["is_disabled"] is True
    assert (cluster.keywords_count, cluster.volume) == (1, 5)


def test_several_keywords_change_alike_or_none(sector: Sector) -> None:
    rows = make_planning.keywords(sector, ["a sofa", "b sofa"], volume=10)
    gone = make_planning.keyword(sector, "c sofa")
    gone.soft_delete(now=NOW)
    ids, asker = [row.pk for row in rows], Asker(sector.account)

    done = asker.post("keywords/bulk-update/", {"ids": [*ids, ids[0]], "is_pinned": True})
    refused = asker.post("keywords/bulk-update/", {"ids": [*ids, gone.pk], "volume": 1})

    assert (done.status_code, done.json()) == (200, {"changed": 2})
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    found = Keywords.unscoped.filter(pk__in=ids).values_list("is_pinned", "volume")
    assert list(found) == [(True, 10)] * 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "ids"),
        ({"ids": []}, "ids"),
        ({"ids": list(range(1, 502))}, "ids"),
        ({"ids": ["1"]}, "ids.0"),
    ],
)
def test_ids_are_one_to_five_hundred(sector: Sector, body: Any, field: str) -> None:
    answer = Asker(sector.account).post("keywords/bulk-update/", body)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])


# --- the bin


def test_keywords_go_into_the_bin_and_come_back(sector: Sector) -> None:
    rows = [make_planning.keyword(sector) for _ in range(3)]
    ids, asker = [row.pk for row in rows], Asker(sector.account)

    one = asker.delete(f"keywords/{ids[0]}/")
    many = asker.post("keywords/bulk-delete/", {"ids": ids})
    in_bin = asker.ids("keywords/", deleted="true", order="-deleted_at")
    hidden = asker.get(f"keywords/{ids[0]}/")
    back = asker.post(f"keywords/{ids[1]}/restore/")
    rest = asker.post("keywords/bulk-restore/", {"ids": ids})

    assert (one.status_code, many.json()) == (204, {"changed": 2})
    assert (sorted(in_bin), in_bin[-1]) == (ids, ids[0])
    assert hidden.status_code == 404
    assert (back.status_code, rest.json()) == (204, {"changed": 2})
    assert asker.ids("keywords/") == ids


def test_a_restore_conflict_names_the_row_in_the_way(sector: Sector) -> None:
    gone = make_planning.keyword(sector, "sofa")
    gone.soft_delete(now=NOW)
    new = make_planning.keyword(sector, "sofa")

    answer = Asker(sector.account).post(f"keywords/{gone.pk}/restore/")

    assert (answer.status_code, answer.json()["code"]) == (409, "place_taken")
    assert answer.json()["errors"] == {"keyword": [f"The keyword {new.pk} has the same keyword."]}
    assert answer.json()["data"] == {"row_id": gone.pk, "in_the_way": new.pk}
