"""Scores through the API: an explanation of every point, and lists that sort by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from igny8_core.auth.states import Role
from igny8_core.business.content.models import Content, ContentScore
from tests import make
from tests.api.callers import Api, api
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from igny8_core.business.planning.models import Clusters

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

HTML = "<p>A salon chair is a long decision. Measure first, then choose.</p><h4>Barber chair</h4>"


@pytest.fixture
def cluster() -> Clusters:
    return make_content.cluster(make.account(), "salon chair", "barber chair")


@pytest.fixture
def article(cluster: Clusters) -> Content:
    return make_content.article(
        cluster.sector, cluster=cluster, html=HTML, primary_keyword="salon chair", slug="x"
    )


@pytest.fixture
def editor(article: Content) -> Api:
    return api(article.account)


def test_every_lost_point_has_its_check_place_and_fix(editor: Api, article: Content) -> None:
    found = editor.get(f"contents/{article.pk}/score/").json()

    lost = [check for check in found["checks"] if check["lost"]]
    assert found["max"] - found["earned"] == sum(check["lost"] for check in lost)
    assert all(check["spans"] and check["fix"]["code"] and check["advice"] for check in lost)
    assert sum(group["max"] for group in found["groups"]) == found["max"]
    assert [group["group"] for group in found["groups"]][:2] == [
        "Topic coverage",
        "Placement of the keyphrase",
    ]
    order = next(check for check in lost if check["check"] == "structure.heading_order")
    assert order["spans"] == [{"field": "body", "block": 1, "start": 0, "end": 12}]
    assert order["advice"] == "Begin at level 2, and go down one level at a time."
    assert found["caps"][0]["most"] == 39
    assert (found["score"], found["band"], found["version"]) == (
        min(39, found["uncapped"]),
        "weak",
        1,
    )
    assert not ContentScore.unscoped.exists()


def test_a_post_keeps_it_for_lists(editor: Api, article: Content) -> None:
    found = editor.post(f"contents/{article.pk}/score/").json()
    (listed,) = editor.get("contents/").json()["results"]
    (kept,) = editor.get("content-scores/", content=article.pk).json()["results"]
    shown = editor.get(f"content-scores/{kept['id']}/").json()

    assert (listed["score"], listed["scored_version"]) == (found["score"], 1)
    assert editor.get(f"contents/{article.pk}/").json()["score"] == found["score"]
    assert kept["score"] == found["score"]
    assert "checks" not in kept
    assert shown["checks"] == found["checks"]
    assert shown["target"]["primary"] == "salon chair"
    assert editor.ids("content-scores/", scorer_version="0.0.1") == []


def test_lists_are_narrowed_and_sorted_by_score(editor: Api, article: Content) -> None:
    rows: dict[int | None, int] = {None: article.pk}
    for score in (70, 20, 90):
        made = make_content.article(article.sector)
        Content.unscoped.filter(pk=made.pk).update(score=score, scored_version=1, scored_at=NOW)
        rows[score] = made.pk

    assert editor.ids("contents/", order="score") == [rows[s] for s in (20, 70, 90, None)]
    assert editor.ids("contents/", order="-score") == [rows[s] for s in (90, 70, 20, None)]
    assert set(editor.ids("contents/", score_min=70)) == {rows[70], rows[90]}
    assert editor.ids("contents/", score_max=20) == [rows[20]]
    assert editor.get("contents/", score_min=101).status_code == 422


def test_without_a_keyword_there_is_a_reason(editor: Api, article: Content) -> None:
    bare = make_content.article(make_planning.sector(article.account))

    found = editor.get(f"contents/{bare.pk}/score/").json()

    assert (found["score"], found["band"], found["reason"], found["checks"]) == (
        None,
        "",
        "no_primary_keyword",
        [],
    )
    assert found["explanation"] == "It has no primary keyword."
    assert editor.post(f"contents/{bare.pk}/score/").status_code == 200


def test_who_may_do_what(editor: Api, article: Content) -> None:
    editor.post(f"contents/{article.pk}/score/")
    kept = ContentScore.unscoped.get()
    viewer, stranger = api(article.account, Role.VIEWER), api(make.account(), Role.OWNER)

    assert viewer.get(f"contents/{article.pk}/score/").status_code == 200
    assert viewer.post(f"contents/{article.pk}/score/").status_code == 403
    assert viewer.get(f"content-scores/{kept.pk}/").status_code == 200
    assert stranger.get(f"contents/{article.pk}/score/").status_code == 404
    assert stranger.get(f"content-scores/{kept.pk}/").status_code == 404
    assert stranger.get("content-scores/", content=article.pk).status_code == 404
    assert stranger.ids("content-scores/") == []


def test_scores_of_deleted_articles_are_hidden(editor: Api, article: Content) -> None:
    editor.post(f"contents/{article.pk}/score/")
    kept = ContentScore.unscoped.get()
    editor.delete(f"contents/{article.pk}/")

    assert editor.ids("content-scores/") == []
    assert editor.get(f"content-scores/{kept.pk}/").status_code == 404
    assert editor.get(f"contents/{article.pk}/score/").status_code == 404


def test_the_list_takes_the_same_queries_whatever_its_length(editor: Api, article: Content) -> None:
    editor.get("content-scores/")
    counts = []
    for number in range(2):
        for _ in range(3):
            made = make_content.article(article.sector, html=HTML, primary_keyword="sofa")
            editor.post(f"contents/{made.pk}/score/")
        with CaptureQueriesContext(connection) as seen:
            assert len(editor.ids("content-scores/")) == 3 * (number + 1)
        counts.append(len(seen))

    assert counts[0] == counts[1]
