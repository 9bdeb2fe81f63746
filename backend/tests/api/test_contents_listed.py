"""Lists of articles through the API: narrowed, ordered, and for whom."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from igny8_core.auth.states import Role
from igny8_core.business.content.models import Content, ContentTaxonomyLink
from igny8_core.business.content.states import ContentStatus
from tests import make
from tests.api.callers import Api, api
from tests.api.test_writing_tasks import category
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import BLOCKS, NOW

if TYPE_CHECKING:
    from igny8_core.business.planning.models import Clusters

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def editor() -> Api:
    return api(make.account())


@pytest.fixture
def cluster(editor: Api) -> Clusters:
    return make_planning.cluster(make_planning.sector(editor.account), "sofas")


def test_lists_are_narrowed_and_ordered(editor: Api, cluster: Clusters) -> None:
    sector, task = cluster.sector, make_content.writing_task(cluster)
    a = make_content.article(
        sector,
        title="A blue sofa",
        cluster=cluster,
        task=task,
        status=ContentStatus.REVIEW,
        content_type="page",
    )
    b = make_content.article(
        make_planning.sector(editor.account),
        title="Beds",
        primary_keyword="sofa bed",
        source="wordpress",
        external_id="9",
        sync_status="synced",
    )
    gone = make_content.article(sector, deleted_at=NOW)
    tag = category(cluster)
    ContentTaxonomyLink.unscoped.create(
        account=sector.account, site=sector.site, content=a, taxonomy=tag
    )
    Content.unscoped.filter(pk=a.pk).update(updated_at=NOW + timedelta(days=400))

    found = {
        "all": editor.ids("contents/"),
        "title": editor.ids("contents/", order="title"),
        "-updated_at": editor.ids("contents/", order="-updated_at"),
        "site": editor.ids("contents/", site=b.site_id),
        "sector": editor.ids("contents/", sector=a.sector_id),
        "cluster": editor.ids("contents/", cluster=cluster.pk),
        "task": editor.ids("contents/", task=task.pk),
        "taxonomy": editor.ids("contents/", taxonomy=tag.pk),
        "status": editor.ids("contents/", status="review"),
        "source": editor.ids("contents/", source="wordpress"),
        "sync_status": editor.ids("contents/", sync_status="synced"),
        "content_type": editor.ids("contents/", content_type="page"),
        "external_id": editor.ids("contents/", external_id="9"),
        "q": editor.ids("contents/", q="SOFA"),
        "q title": editor.ids("contents/", q="blue"),
        "bin": editor.ids("contents/", deleted="true"),
    }

    assert found == {
        "all": [b.pk, a.pk],
        "title": [a.pk, b.pk],
        "-updated_at": [a.pk, b.pk],
        "site": [b.pk],
        "sector": [a.pk],
        "cluster": [a.pk],
        "task": [a.pk],
        "taxonomy": [a.pk],
        "status": [a.pk],
        "source": [b.pk],
        "sync_status": [b.pk],
        "content_type": [a.pk],
        "external_id": [b.pk],
        "q": [b.pk, a.pk],
        "q title": [a.pk],
        "bin": [gone.pk],
    }


def test_the_list_has_no_texts_and_the_detail_has(editor: Api, cluster: Clusters) -> None:
    article = make_content.article(cluster.sector)

    (listed,) = editor.get("contents/").json()["results"]
    shown = editor.get(f"contents/{article.pk}/").json()

    assert {"html", "blocks", "provenance", "meta_title"} & set(listed) == set()
    assert set(listed) < set(shown)
    assert shown["html"] == article.html


def test_who_may_do_what(editor: Api, cluster: Clusters) -> None:
    article = make_content.article(cluster.sector)
    viewer, stranger = api(editor.account, Role.VIEWER), api(make.account(), Role.OWNER)
    path = f"contents/{article.pk}/"

    assert viewer.get(path).status_code == 200
    assert viewer.patch(path, {"version": 1, "title": "x"}).status_code == 403
    assert viewer.post(f"{path}approve/").status_code == 403
    assert stranger.get(path).status_code == 404
    assert stranger.patch(path, {"version": 1, "title": "x"}).status_code == 404
    assert stranger.post("contents/bulk-approve/", {"ids": [article.pk]}).status_code == 404
    assert Content.unscoped.get(pk=article.pk).version == 1


@pytest.mark.parametrize("name", ["contents", "content-versions"])
def test_lists_take_the_same_queries_whatever_their_length(
    name: str, editor: Api, cluster: Clusters
) -> None:
    editor.get(f"{name}/")

    counts = []
    for _ in range(2):
        for number in range(3):
            body = {"sector": cluster.sector_id, "title": f"Title {number}", "blocks": BLOCKS}
            editor.post("contents/", body)
        with CaptureQueriesContext(connection) as seen:
            assert len(editor.get(f"{name}/").json()["results"]) >= 3
        counts.append(len(seen))

    assert counts[0] == counts[1]
