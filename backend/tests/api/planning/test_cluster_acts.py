"""Clusters merged, split, filled and marked by their addresses; edits and their undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth.states import Role
from igny8_core.business.planning.models import Clusters, Keywords
from tests import make
from tests.api.planning.asking import Asker
from tests.make import content as make_content
from tests.make import planning as make_planning

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector()


def filled(sector: Sector, name: str, *texts: str) -> Clusters:
    """A cluster with a page for each keyword."""
    cluster = make_planning.cluster(sector, name)
    for page, text in enumerate(texts):
        role = "supporting" if page else "hub"
        make_planning.keyword(sector, text, cluster=cluster, page=page, role=role, volume=9 - page)
    return cluster


def places() -> dict[str, set[str]]:
    """Keywords by the names of live clusters."""
    found: dict[str, set[str]] = {}
    for row in Keywords.unscoped.filter(deleted_at=None).select_related("cluster"):
        name = row.cluster.name if row.cluster else ""
        found.setdefault(name, set()).add(row.keyword)
    return found


def pk(text: str) -> int:
    return Keywords.unscoped.get(keyword=text).pk


def test_clusters_are_merged_with_their_articles_and_the_merger_is_undone(sector: Sector) -> None:
    one, two = filled(sector, "Sofas", "sofa", "grey sofa"), filled(sector, "Couches", "couch")
    article = make_content.article(sector, cluster=two)
    asker = Asker(sector.account)

    merged = asker.post(f"clusters/{one.pk}/merge/", {"clusters": [two.pk], "name": "All sofas"})
    together = places()
    article.refresh_from_db()
    moved = article.cluster_id
    edits = asker.ids("cluster-edits/", sector=sector.pk)
    undone = asker.post(f"cluster-edits/{merged.json()['id']}/undo/")
    again = asker.post(f"cluster-edits/{merged.json()['id']}/undo/")

    assert merged.status_code == 200, merged.content
    assert (merged.json()["kind"], merged.json()["undone_at"]) == ("merge", None)
    assert merged.json()["summary"] == "Merged “Couches” into “All sofas”"
    assert merged.json()["actor"].startswith("user:")
    assert (together, moved) == ({"All sofas": {"sofa", "grey sofa", "couch"}}, one.pk)
    assert edits == [merged.json()["id"]]
    assert (undone.status_code, again.json()) == (200, undone.json())
    assert places() == {"Sofas": {"sofa", "grey sofa"}, "Couches": {"couch"}}
    article.refresh_from_db()
    assert article.cluster_id == two.pk


def test_a_cluster_is_split_and_keywords_move(sector: Sector) -> None:
    cluster = filled(sector, "Sofas", "sofa", "grey sofa", "bed")
    asker = Asker(sector.account)

    split = asker.post(
        f"clusters/{cluster.pk}/split/", {"parts": [{"keywords": [pk("bed")], "name": "Beds"}]}
    )
    after_split = places()
    beds = Clusters.unscoped.get(name="Beds")
    moved = asker.post(
        "clusters/move/",
        {"sector": sector.pk, "keywords": [pk("grey sofa")], "cluster": beds.pk},
    )
    after_move = places()
    out = asker.post(
        "clusters/move/",
        {"sector": sector.pk, "keywords": [pk("bed")], "cluster": None, "holds_out": False},
    )

    assert [answer.status_code for answer in (split, moved, out)] == [200] * 3
    assert after_split == {"Sofas": {"sofa", "grey sofa"}, "Beds": {"bed"}}
    assert after_move == {"Sofas": {"sofa"}, "Beds": {"bed", "grey sofa"}}
    assert places() == {"Sofas": {"sofa"}, "Beds": {"grey sofa"}, "": {"bed"}}
    assert Keywords.unscoped.get(keyword="bed").is_pinned is False
    first = asker.post(f"cluster-edits/{split.json()['id']}/undo/")
    assert (first.status_code, first.json()["code"]) == (409, "undo_not_possible")


def test_keywords_are_gathered_into_a_cluster(sector: Sector) -> None:
    make_planning.keywords(sector, ["sofa", "grey sofa"])
    body = {"sector": sector.pk, "name": "Sofas", "keywords": [pk("sofa"), pk("grey sofa")]}
    asker = Asker(sector.account)

    made = asker.post("clusters/gather/", body)
    taken = asker.post("clusters/gather/", body)

    assert (made.status_code, made.json()["keywords_count"]) == (201, 2)
    assert (made.json()["source"], places()) == ("person", {"Sofas": {"sofa", "grey sofa"}})
    assert (taken.status_code, taken.json()["code"]) == (409, "cluster_name_taken")


def test_locked_clusters_are_left_alone_until_they_are_unlocked(sector: Sector) -> None:
    one, two = filled(sector, "Sofas", "sofa"), filled(sector, "Beds", "bed")
    asker = Asker(sector.account)

    locked = asker.post("clusters/flag/", {"clusters": [one.pk, two.pk], "is_locked": True})
    refused = asker.post(f"clusters/{one.pk}/merge/", {"clusters": [two.pk]})
    asker.post("clusters/flag/", {"clusters": [one.pk, two.pk], "is_locked": False})
    merged = asker.post(f"clusters/{one.pk}/merge/", {"clusters": [two.pk]})

    assert (locked.status_code, locked.json()["summary"]) == (200, "Locked 2 clusters")
    assert (refused.status_code, refused.json()["code"]) == (409, "cluster_locked")
    assert merged.status_code == 200


def test_a_page_becomes_the_hub(sector: Sector) -> None:
    cluster = filled(sector, "Sofas", "sofa", "grey sofa")
    asker, url = Asker(sector.account), f"clusters/{cluster.pk}/set-role/"

    done = asker.post(url, {"page": 1, "role": "hub"})
    no_hub = asker.post(url, {"page": 1, "role": "attribute"})
    no_page = asker.post(url, {"page": 7, "role": "hub"})

    assert done.status_code == 200, done.content
    roles = dict(Keywords.unscoped.values_list("keyword", "role"))
    assert roles == {"sofa": "supporting", "grey sofa": "hub"}
    assert (no_hub.status_code, list(no_hub.json()["errors"])) == (422, ["role"])
    assert no_page.status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("clusters/{0}/merge/", {}, "clusters"),
        ("clusters/{0}/merge/", {"clusters": []}, "clusters"),
        ("clusters/{0}/split/", {"parts": []}, "parts"),
        ("clusters/{0}/split/", {"parts": [{"keywords": []}]}, "parts.0.keywords"),
        ("clusters/flag/", {"clusters": ["{0}"]}, "is_locked"),
        ("clusters/move/", {"sector": "{1}", "keywords": ["{2}"]}, "cluster"),
        ("clusters/{0}/set-role/", {"page": 0, "role": "queen"}, "role"),
    ],
)
def test_what_cannot_be_is_refused_by_field(
    sector: Sector, path: str, body: Any, field: str
) -> None:
    cluster = filled(sector, "Sofas", "sofa")
    known = (cluster.pk, sector.pk, pk("sofa"))

    def shown(value: Any) -> Any:
        if isinstance(value, list):
            return [shown(one) for one in value]
        is_place = isinstance(value, str) and value.startswith("{")
        return known[int(value[1])] if is_place else value

    answer = Asker(sector.account).post(
        path.format(*known), {name: shown(value) for name, value in body.items()}
    )

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field]), answer.content


def test_rows_of_others_are_not_found_and_viewers_only_look(sector: Sector) -> None:
    cluster, other = filled(sector, "Sofas", "sofa"), make_planning.sector()
    foreign, stranger = filled(other, "Beds", "bed"), pk("bed")
    asker = Asker(sector.account)
    bodies: list[tuple[str, Any]] = [
        (f"clusters/{cluster.pk}/merge/", {"clusters": [foreign.pk]}),
        (f"clusters/{cluster.pk}/split/", {"parts": [{"keywords": [stranger]}]}),
        ("clusters/move/", {"sector": sector.pk, "keywords": [stranger], "cluster": None}),
        ("clusters/move/", {"sector": sector.pk, "keywords": [pk("sofa")], "cluster": foreign.pk}),
        ("clusters/gather/", {"sector": sector.pk, "name": "x", "keywords": [stranger]}),
        ("clusters/flag/", {"clusters": [foreign.pk], "is_locked": True}),
    ]

    assert [asker.post(*body).status_code for body in bodies] == [404] * len(bodies)
    viewer = Asker(sector.account, Role.VIEWER)
    assert [viewer.post(*body).status_code for body in bodies] == [403] * len(bodies)
    assert viewer.get("cluster-edits/").status_code == 200


def test_edits_are_listed_by_place_kind_and_whether_they_stand(sector: Sector) -> None:
    one = filled(sector, "Sofas", "sofa")
    other = make.sector(sector.site, "Beds")
    two = filled(other, "Beds", "bed")
    asker = Asker(sector.account)
    found = [
        asker.post("clusters/flag/", {"clusters": [row.pk], "is_locked": True}).json()["id"]
        for row in (one, two)
    ]
    asker.post(f"cluster-edits/{found[0]}/undo/")

    assert asker.ids("cluster-edits/") == found[::-1]
    assert asker.ids("cluster-edits/", sector=other.pk) == [found[1]]
    assert asker.ids("cluster-edits/", site=sector.site_id) == found[::-1]
    assert asker.ids("cluster-edits/", is_undone="true") == [found[0]]
    assert asker.ids("cluster-edits/", kind="merge") == []
    one.refresh_from_db()
    assert one.is_locked is False
