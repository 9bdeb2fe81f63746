"""Acts on many keywords, and what is said of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth.states import Role
from igny8_core.business.planning.models import ClusterEdit, Keywords
from tests import make
from tests.api.planning.asking import Asker
from tests.make import planning as make_planning

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector()


def state(*names: str) -> list[Any]:
    return list(Keywords.unscoped.order_by("pk").values_list(*names, flat=len(names) == 1))


@pytest.mark.parametrize(
    ("body", "column", "expected"),
    [
        ({"act": "disable"}, "is_disabled", [True, True, False]),
        ({"act": "set_intent", "intent": "commercial"}, "intent", ["commercial"] * 2 + [""]),
        ({"act": "move", "cluster": None}, "cluster", [None, None, None]),
    ],
)
def test_an_act_meets_what_the_filter_finds(
    sector: Sector, body: Any, column: str, expected: list[Any]
) -> None:
    make_planning.keywords(sector, ["grey sofa", "sofa"], volume=90)
    make_planning.keyword(sector, "bed", volume=5)
    asker = Asker(sector.account)
    dry = asker.get(f"sectors/{sector.pk}/keywords/count/", q="sofa", volume_min=50).json()

    answer = asker.post(
        "keywords/act/",
        {
            "sector": sector.pk,
            "filters": {"q": "sofa", "volume_min": 50},
            "expected": dry["matched"],
            **body,
        },
    )

    assert (dry, answer.status_code) == ({"matched": 2}, 200), answer.content
    assert answer.json()["matched"] == 2
    assert state(column) == expected


def test_ticked_keywords_move_pin_and_go(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "Sofas")
    rows = make_planning.keywords(sector, ["sofa", "bed"])
    asker = Asker(sector.account)

    def act(name: str, **more: Any) -> Any:
        body = {"sector": sector.pk, "act": name, "ids": [rows[0].pk], **more}
        return asker.post("keywords/act/", body).json()

    assert act("move", cluster=cluster.pk) == {"matched": 1, "changed": 1, "deleted_at": None}
    assert state("cluster", "is_pinned") == [(cluster.pk, True), (None, False)]
    assert act("unpin")["changed"] == 1
    assert act("pin")["changed"] == 1
    gone = act("delete")
    assert [row.keyword for row in Keywords.unscoped.filter(deleted_at=None)] == ["bed"]
    back = asker.post(
        "keywords/restore-deleted/", {"sector": sector.pk, "deleted_at": gone["deleted_at"]}
    )
    assert back.json() == {"matched": 1, "changed": 1, "deleted_at": None}
    assert state("deleted_at") == [None, None]


def test_another_number_than_was_shown_is_refused(sector: Sector) -> None:
    make_planning.keyword(sector, "sofa")

    answer = Asker(sector.account).post(
        "keywords/act/", {"sector": sector.pk, "act": "delete", "filters": {}, "expected": 2}
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "count_changed")
    assert answer.json()["data"] == {"matched": 1, "expected": 2}
    assert state("deleted_at") == [None]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"act": "delete"}, "ids"),
        ({"act": "delete", "filters": {}, "ids": [1]}, "ids"),
        ({"act": "explode", "filters": {}}, "act"),
        ({"act": "delete", "filters": {"colour": "red"}}, "filters.colour"),
        ({"act": "delete", "filters": {"volume_min": "5"}}, "filters.volume_min"),
        ({"act": "move", "filters": {}}, "cluster"),
        ({"act": "delete", "filters": {}, "cluster": None}, "cluster"),
        ({"act": "set_intent", "filters": {}}, "intent"),
    ],
)
def test_what_cannot_be_meant_is_refused(sector: Sector, body: Any, field: str) -> None:
    if "ids" in body:
        body = {**body, "ids": [make_planning.keyword(sector).pk]}

    answer = Asker(sector.account).post("keywords/act/", {"sector": sector.pk, **body})

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field]), answer.content


def test_rows_of_others_are_not_found_anywhere_in_an_act(sector: Sector) -> None:
    other = make_planning.sector()
    cluster, keyword = make_planning.cluster(other), make_planning.keyword(other)
    base = {"sector": sector.pk, "act": "move", "cluster": None}
    asker = Asker(sector.account)

    for body in (
        {**base, "ids": [keyword.pk]},
        {**base, "filters": {}, "sector": other.pk},
        {**base, "filters": {}, "cluster": cluster.pk},
        {**base, "filters": {"cluster": cluster.pk}},
    ):
        assert asker.post("keywords/act/", body).status_code == 404
    assert Asker(sector.account, Role.VIEWER).post("keywords/act/", base).status_code == 403


def test_keywords_are_pinned_and_made_targets_and_both_is_undone(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "Sofas")
    one = make_planning.keyword(sector, "sofa", cluster=cluster, role="hub")
    two = make_planning.keyword(sector, "sofas", cluster=cluster, role="hub", page_place=1)
    asker = Asker(sector.account)

    target = asker.post(f"keywords/{two.pk}/make-target/")
    first = state("page_place")
    pinned = asker.post(
        "keywords/pin/", {"sector": sector.pk, "keywords": [one.pk, two.pk], "is_pinned": True}
    )
    pins = state("is_pinned")
    for edit in (pinned, target):
        assert asker.post(f"cluster-edits/{edit.json()['id']}/undo/").status_code == 200

    assert (first, pins) == ([1, 0], [True, True])
    assert target.json()["summary"] == "Made “sofas” the target of its page"
    assert pinned.json()["summary"] == "Pinned 2 keywords"
    assert (state("page_place"), state("is_pinned")) == ([0, 1], [False, False])
    assert ClusterEdit.unscoped.filter(undone_at=None).count() == 0


def test_why_a_keyword_is_where_it_is(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "Sofas")
    hub = make_planning.keyword(sector, "grey sofa", cluster=cluster, role="hub")
    close = make_planning.keyword(sector, "grey sofas", cluster=cluster, role="hub", page_place=1)
    alone = make_planning.keyword(sector, "garden hose")
    asker = Asker(sector.account, Role.VIEWER)

    near = asker.get(f"keywords/{close.pk}/why/").json()
    far = asker.get(f"keywords/{close.pk}/why/", other=alone.pk).json()
    none = asker.get(f"keywords/{alone.pk}/why/").json()

    assert near["keyword"] == {"id": close.pk, "keyword": "grey sofas"}
    assert near["other"] == {"id": hub.pk, "keyword": "grey sofa"}
    assert (near["is_same_cluster"], near["is_same_page"]) == (True, True)
    assert {reason["code"]: reason["is_for"] for reason in near["reasons"]} == {
        "variant": True, "wording": True,
    }  # fmt: skip
    assert (far["is_same_cluster"], far["reasons"][0]["is_for"]) == (False, False)
    assert far["similarity"] < 0.4 <= near["similarity"]
    assert (none["other"], none["similarity"]) == (None, None)
    assert [reason["code"] for reason in none["reasons"]] == ["waiting"]
    assert (
        asker.get(
            f"keywords/{close.pk}/why/", other=make_planning.keyword(make_planning.sector()).pk
        ).status_code
        == 404
    )


def test_a_keyword_alone_or_taken_out_says_so(sector: Sector) -> None:
    single = make_planning.keyword(sector, cluster=make_planning.cluster(sector), role="hub")
    out = make_planning.keyword(sector, is_pinned=True)
    asker = Asker(sector.account)

    codes = [
        asker.get(f"keywords/{row.pk}/why/").json()["reasons"][0]["code"] for row in (single, out)
    ]

    assert codes == ["alone", "person"]
    assert make.account().pk  # another account changes nothing
