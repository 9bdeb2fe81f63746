"""Articles and the bin: what hangs on them goes along, and what stands in the way."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from igny8_core.business.content import selectors
from igny8_core.business.content.errors import StillPublished
from igny8_core.business.content.models import (
    Content,
    ContentAttribute,
    ContentClusterMap,
    ContentTaxonomy,
    ContentTaxonomyLink,
)
from igny8_core.business.content.services.editing import ContentChanges, edit_content
from igny8_core.business.content.services.images import generate_image
from igny8_core.business.content.services.review import mark_published
from igny8_core.business.content.services.versions import keep_version
from igny8_core.business.content.states import (
    ContentStatus,
    VersionReason,
)
from igny8_core.common.errors import Conflict, NotFound, StaleState
from igny8_core.common.tenancy.context import tenant
from tests.api.callers import api
from tests.business.content.bins import (
    delete,
    live,
    restore,
)
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.planning.models import Clusters

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def cluster() -> Clusters:
    return make_planning.cluster(make_planning.sector(), "sofas")


def hanging(article: Content, cluster: Clusters) -> dict[str, Any]:
    """A row of everything that hangs on an article."""
    tag = ContentTaxonomy.unscoped.create(
        account=article.account,
        site=article.site,
        taxonomy_type="tag",
        name="t",
        slug=f"t-{article.pk}",
    )
    return {
        "image": make_content.image(article),
        "version": keep_version(article, reason=VersionReason.EDITED),
        "map": ContentClusterMap.unscoped.create(content=article, cluster=cluster),
        "attribute": ContentAttribute.unscoped.create(
            content=article, attribute_type="product_spec", name="Width"
        ),
        "link": ContentTaxonomyLink.unscoped.create(
            account=article.account, site=article.site, content=article, taxonomy=tag
        ),
    }


def visible(account: Account) -> dict[str, list[int]]:
    with tenant(account.pk):
        found = {
            "image": selectors.images(account=account),
            "version": selectors.content_versions(account=account),
            "map": selectors.cluster_maps(account=account),
            "attribute": selectors.content_attributes(account=account),
        }
        return {name: list(rows.values_list("pk", flat=True)) for name, rows in found.items()}


def test_what_hangs_on_an_article_is_hidden_and_comes_back_with_it(cluster: Clusters) -> None:
    article = make_content.article(cluster.sector, cluster=cluster)
    rows = hanging(article, cluster)
    kept = {name: row for name, row in rows.items() if name != "link"}
    before = visible(cluster.account)

    delete(article)
    hidden = visible(cluster.account)
    with pytest.raises(NotFound):
        generate_image(
            account=cluster.account,
            image_id=rows["image"].pk,
            fence=lambda: None,
            clock=lambda: NOW,
        )
    restore(article)

    assert before == {name: [row.pk] for name, row in kept.items()}
    assert hidden == {name: [] for name in kept}
    assert visible(cluster.account) == before
    with tenant(article.account_id):
        found = selectors.content_taxonomies(account=article.account, content=article)
        assert [term.pk for term in found] == [rows["link"].taxonomy_id]
    assert ContentTaxonomyLink.unscoped.count() == 1


def test_a_published_article_is_taken_down_first(cluster: Clusters) -> None:
    draft = make_content.article(cluster.sector)
    shown = make_content.article(cluster.sector, status=ContentStatus.PUBLISHED)

    with pytest.raises(StillPublished) as refused:
        delete(draft, shown)
    answer = api(cluster.account).delete(f"contents/{shown.pk}/")

    assert refused.value.data == {"content_id": shown.pk, "ids": [f"{shown.pk} is published"]}
    assert (answer.status_code, answer.json()["code"]) == (409, "still_published")
    assert live(draft, shown) == [True, True]


def test_an_article_whose_slug_or_external_row_is_taken_cannot_come_back(
    cluster: Clusters,
) -> None:
    a = make_content.article(cluster.sector, slug="sofas")
    b = make_content.article(cluster.sector, external_type="post", external_id="7")
    delete(a, b)
    slug = make_content.article(cluster.sector, slug="sofas")
    external = make_content.article(cluster.sector, external_type="post", external_id="7")
    editor = api(cluster.account)

    answers = [editor.post(f"contents/{row.pk}/restore/") for row in (a, b)]
    both = editor.post("contents/bulk-restore/", {"ids": [b.pk, a.pk]})

    assert [answer.status_code for answer in (*answers, both)] == [409, 409, 409]
    assert [answer.json()["code"] for answer in answers] == ["place_taken", "place_taken"]
    assert [answer.json()["data"] for answer in answers] == [
        {"row_id": a.pk, "in_the_way": slug.pk},
        {"row_id": b.pk, "in_the_way": external.pk},
    ]
    assert [list(answer.json()["errors"]) for answer in answers] == [["slug"], ["external_id"]]
    assert live(a, b) == [False, False]


def test_an_article_waits_for_its_cluster(cluster: Clusters) -> None:
    article = make_content.article(cluster.sector, cluster=cluster)
    delete(article)
    cluster.soft_delete(now=NOW)

    with pytest.raises(Conflict) as refused:
        restore(article)

    assert refused.value.data["cluster_id"] == cluster.pk
    assert live(article) == [False]


def test_a_deleted_article_is_unknown_to_everybody(cluster: Clusters) -> None:
    article = make_content.article(cluster.sector)
    delete(article)
    editor, path = api(cluster.account), f"contents/{article.pk}/"

    asked = [
        editor.get(path),
        editor.patch(path, {"version": 1, "title": "x"}),
        editor.post(f"{path}submit-for-review/"),
        editor.post(f"{path}set-taxonomies/", {"taxonomies": []}),
        editor.post("optimization-tasks/", {"content": article.pk}),
        editor.post("cluster-maps/", {"content": article.pk, "cluster": cluster.pk}),
        editor.get("images/", content=article.pk),
    ]

    assert {answer.status_code for answer in asked} == {404}


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_an_article_is_never_both_published_and_in_the_bin() -> None:
    cluster = make_planning.cluster(make_planning.sector())
    rows = [
        make_content.article(cluster.sector, status=ContentStatus.REVIEW, approved_version=1)
        for _ in range(6)
    ]
    start = threading.Barrier(2, timeout=30)
    refused: list[str] = []

    def run(work: Any) -> None:
        start.wait()
        for row in rows:
            try:
                work(row)
            except (StillPublished, NotFound, StaleState) as exc:
                refused.append(exc.code)
        connection.close()

    def publish(row: Content) -> None:
        mark_published(account=row.account, content_id=row.pk, now=NOW)

    threads = [threading.Thread(target=run, args=(work,)) for work in (publish, delete)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = list(Content.unscoped.values_list("status", "deleted_at"))
    assert len(refused) == len(rows)
    assert {(state, deleted is None) for state, deleted in found} <= {
        ("published", True),
        ("review", False),
    }


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_an_edit_that_meets_a_deletion_is_whole_or_not_at_all() -> None:
    row = make_content.article(make_planning.sector())
    start = threading.Barrier(2, timeout=30)
    results: list[Any] = []

    def edit() -> None:
        start.wait()
        try:
            changes = ContentChanges(title="New")
            results.append(
                edit_content(
                    account=row.account, content_id=row.pk, version=1, changes=changes, now=NOW
                ).version
            )
        except NotFound:
            results.append(None)
        connection.close()

    def put() -> None:
        start.wait()
        delete(row)
        connection.close()

    threads = [threading.Thread(target=work) for work in (edit, put)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (version,) = results
    row.refresh_from_db()
    assert row.deleted_at == NOW
    assert (row.version, row.title == "New") == ((2, True) if version else (1, False))
