"""A sector as a whole: files, counts, close variants, the topic map."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth.states import Role
from igny8_core.business.planning.models import ContentIdeaKeyword
from tests.api.asking import api_of, assert_constant
from tests.api.planning.asking import Asker
from tests.make import planning as make_planning

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector()


def lines(asker: Asker, path: str, **query: Any) -> list[str]:
    return asker.download(path, **query)[0].decode("utf-8-sig").splitlines()


def test_keywords_go_out_as_a_table_of_what_the_filter_finds(sector: Sector) -> None:
    make_planning.keyword(sector, "sofa", volume=10)
    make_planning.keyword(sector, "=grey sofa", volume=90, difficulty=12)
    make_planning.keyword(sector, "bed", volume=50)
    asker, url = Asker(sector.account, Role.VIEWER), f"sectors/{sector.pk}/keywords/export/"

    some = lines(asker, url, q="sofa", columns="keyword,volume", sort="volume")
    every = lines(asker, url)
    _data, answer = asker.download(url)

    assert some == ["Keyword,Volume", "sofa,10", "'=grey sofa,90"]
    assert (len(every), every[0].split(",")[:3]) == (4, ["Keyword", "Country", "Language"])
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="igny8_keywords-1_')
    assert answer["Cache-Control"] == "no-store"


def test_a_workbook_goes_out_too(sector: Sector) -> None:
    make_planning.keyword(sector, "sofa")
    url = f"sectors/{sector.pk}/keywords/export/"

    data, answer = Asker(sector.account).download(url, file_format="xlsx")

    assert answer["Content-Type"].startswith("application/vnd.openxmlformats")
    assert int(answer["Content-Length"]) == len(data)
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        assert "xl/workbook.xml" in book.namelist()
        assert b"sofa" in book.read("xl/worksheets/sheet1.xml")


def test_clusters_and_ideas_go_out(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "Sofas")
    keyword = make_planning.keyword(sector, "sofa", cluster=cluster, volume=9)
    idea = make_planning.idea(cluster, title="All sofas")
    make_planning.idea(cluster, title="Written", status="queued", queued_at=make_planning.NOW)
    ContentIdeaKeyword.unscoped.create(idea=idea, keyword=keyword, is_target=True)
    asker, url = Asker(sector.account), f"sectors/{sector.pk}/"

    clusters = lines(asker, f"{url}clusters/export/")
    ideas = lines(asker, f"{url}ideas/export/", status="new")
    none = lines(asker, f"{url}clusters/export/", status="new")

    assert clusters[1].startswith(f"{cluster.pk},Sofas,")
    assert [line.split(",")[1] for line in ideas[1:]] == ["All sofas"]
    assert len(none) == 1


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("keywords/export/", {"columns": "keyword,colour"}, "columns"),
        ("keywords/export/", {"file_format": "pdf"}, "file_format"),
        ("keywords/export/", {"sort": "colour"}, "sort"),
        ("keywords/export/", {"colour": "red"}, "colour"),
        ("keywords/count/", {"volume_min": "-1"}, "volume_min"),
        ("near-duplicates/", {"limit": "0"}, "limit"),
        ("topic-map/", {"order": "name"}, "order"),
    ],
)
def test_a_query_that_cannot_be_is_refused(
    sector: Sector, path: str, query: Any, field: str
) -> None:
    answer = Asker(sector.account).get(f"sectors/{sector.pk}/{path}", **query)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])


def test_close_variants_are_grouped_with_what_they_say_together(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "Sofas")
    other = make_planning.cluster(sector, "Beds")
    fields: dict[str, Any] = {"cluster": cluster, "variant": 7}
    make_planning.keyword(sector, "grey sofas", volume=90, **fields)
    make_planning.keyword(sector, "grey sofa", volume=90, page_place=1, **fields)
    make_planning.keyword(sector, "sofas grey", page_place=2, **fields)
    make_planning.keyword(sector, "sofa", cluster=cluster, variant=8)
    make_planning.keyword(sector, "bed", cluster=other, variant=9, volume=500)
    make_planning.keyword(sector, "beds", cluster=other, variant=9, volume=400)
    asker, url = Asker(sector.account), f"sectors/{sector.pk}/near-duplicates/"

    found = asker.get(url).json()
    largest = asker.get(url, limit=1).json()
    of_one = asker.get(url, cluster=cluster.pk).json()

    assert (found["groups_total"], found["keywords_total"]) == (2, 5)
    shown = [(g["volume"], g["volume_distinct"]) for g in found["groups"]]
    assert shown == [(900, 500), (180, 90)]
    assert [k["keyword"] for k in found["groups"][1]["keywords"]] == [
        "grey sofa", "grey sofas", "sofas grey",
    ]  # fmt: skip
    assert found["groups"][1]["keywords"][0]["cluster_name"] == "Sofas"
    assert (len(largest["groups"]), largest["groups_total"]) == (1, 2)
    assert (of_one["groups_total"], of_one["keywords_total"]) == (1, 3)


def test_a_sector_without_variants_has_no_group(sector: Sector) -> None:
    answer = Asker(sector.account).get(f"sectors/{sector.pk}/near-duplicates/")

    assert answer.json() == {"groups_total": 0, "keywords_total": 0, "groups": []}


def test_the_topic_map_says_what_to_do_next_page_by_page(sector: Sector) -> None:
    small, large = (make_planning.cluster(sector, name) for name in ("Beds", "Sofas"))
    make_planning.keyword(sector, "bed", cluster=small, role="hub", volume=5)
    make_planning.keyword(sector, "sofa", cluster=large, role="hub", volume=90)
    make_planning.keyword(sector, "grey sofa", cluster=large, page=1, role="supporting", volume=9)
    idea = make_planning.idea(large, title="All sofas", page=0)
    asker, url = Asker(sector.account, Role.VIEWER), f"sectors/{sector.pk}/topic-map/"

    first = asker.get(url, page_size=1).json()
    second = asker.get(url, page_size=1, cursor=first["next_cursor"]).json()

    (topic,) = first["results"]
    assert (topic["cluster_id"], topic["name"], topic["volume"], topic["done"]) == (
        large.pk, "Sofas", 99, 0,
    )  # fmt: skip
    assert [(p["target"], p["role"], p["next_step"], p["idea_id"]) for p in topic["pages"]] == [
        ("sofa", "hub", "queue", idea.pk),
        ("grey sofa", "supporting", "make an idea", None),
    ]
    assert [p["links_to"] for p in topic["pages"]] == [["grey sofa"], ["sofa"]]
    assert [row["name"] for row in second["results"]] == ["Beds"]
    assert second["next_cursor"] is None


def test_the_topic_map_takes_the_same_queries_for_many_topics(sector: Sector) -> None:
    def add() -> None:
        cluster = make_planning.cluster(sector)
        make_planning.keyword(sector, cluster=cluster, role="hub")

    assert_constant(api_of(sector.account), f"sectors/{sector.pk}/topic-map/", add)


def test_sectors_of_others_are_not_found(sector: Sector) -> None:
    other = make_planning.sector()
    asker = Asker(sector.account)

    for path in ("keywords/count/", "keywords/export/", "clusters/export/", "ideas/export/",
                 "near-duplicates/", "topic-map/", "granularities/"):  # fmt: skip
        assert asker.get(f"sectors/{other.pk}/{path}").status_code == 404
