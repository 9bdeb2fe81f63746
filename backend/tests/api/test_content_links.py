"""Taxonomies, cluster maps and attributes through the API."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from igny8_core.auth.states import Role
from igny8_core.business.content.models import (
    ContentAttribute,
    ContentClusterMap,
    ContentTaxonomy,
    ContentTaxonomyLink,
    Tasks,
)
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.api.callers import Api, api
from tests.api.test_writing_tasks import category
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Site
    from igny8_core.business.content.models import Content
    from igny8_core.business.planning.models import Clusters

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def cluster() -> Clusters:
    return make_planning.cluster(make_planning.sector(), "sofas")


@pytest.fixture
def site(cluster: Clusters) -> Site:
    found: Site = cluster.site
    return found


@pytest.fixture
def article(cluster: Clusters) -> Content:
    return make_content.article(cluster.sector)


@pytest.fixture
def editor(cluster: Clusters) -> Api:
    return api(cluster.account)


# --- taxonomies


def test_a_taxonomy_is_made_changed_and_removed(editor: Api, site: Site) -> None:
    body = {
        "site": site.pk,
        "taxonomy_type": "tag",
        "name": " Leather  sofas ",
        "metadata": {"a": 1},
    }

    made = editor.post("taxonomies/", body)
    path = f"taxonomies/{made.json()['id']}/"
    changed = editor.patch(path, {"name": "Sofas", "description": "All of them."})
    removed = editor.delete(path)

    assert made.status_code == 201
    assert (made.json()["name"], made.json()["slug"]) == ("Leather sofas", "leather-sofas")
    assert (made.json()["sync_status"], made.json()["metadata"]) == ("native", {"a": 1})
    assert (changed.json()["name"], changed.json()["slug"]) == ("Sofas", "leather-sofas")
    assert (removed.status_code, editor.get(path).status_code) == (204, 404)


def test_articles_and_tasks_lose_a_removed_taxonomy_and_stay(
    editor: Api, cluster: Clusters, article: Content
) -> None:
    tag = category(cluster)
    task = make_content.writing_task(cluster, taxonomy=tag)
    editor.post(f"contents/{article.pk}/set-taxonomies/", {"taxonomies": [tag.pk]})

    editor.delete(f"taxonomies/{tag.pk}/")

    assert Tasks.unscoped.get(pk=task.pk).taxonomy_id is None
    assert not ContentTaxonomyLink.unscoped.exists()
    assert editor.get(f"contents/{article.pk}/").json()["taxonomies"] == []


def test_a_slug_is_of_one_taxonomy_of_a_site_and_type(editor: Api, site: Site) -> None:
    body = {"site": site.pk, "taxonomy_type": "tag", "name": "Sofas"}
    other = make.site(editor.account)
    first = editor.post("taxonomies/", body).json()

    again = editor.post("taxonomies/", body)
    category = editor.post("taxonomies/", body | {"taxonomy_type": "category"})
    elsewhere = editor.post("taxonomies/", body | {"site": other.pk})
    beds = editor.post("taxonomies/", body | {"name": "Beds"}).json()
    renamed = editor.patch(f"taxonomies/{beds['id']}/", {"slug": "sofas"})

    for answer in (again, renamed):
        assert (answer.status_code, answer.json()["data"]) == (409, {"taxonomy_id": first["id"]})
        assert answer.json()["errors"] == {"slug": ["Another tag of the site has it."]}
    assert [category.status_code, elsewhere.status_code] == [201, 201]


def test_an_external_row_has_one_taxonomy(editor: Api, site: Site) -> None:
    body = {
        "site": site.pk,
        "taxonomy_type": "tag",
        "name": "A",
        "external_taxonomy": "post_tag",
        "external_id": "7",
    }
    first = editor.post("taxonomies/", body).json()

    again = editor.post("taxonomies/", body | {"name": "B"})
    other = editor.post("taxonomies/", body | {"name": "B", "external_taxonomy": "label"})

    assert first["sync_status"] == "synced"
    assert (again.status_code, list(again.json()["errors"])) == (409, ["external_id"])
    assert again.json()["data"] == {"taxonomy_id": first["id"]}
    assert other.status_code == 201


def test_a_counterpart_that_comes_waits_for_the_sync_and_one_that_goes_is_forgotten(
    editor: Api, cluster: Clusters
) -> None:
    path = f"taxonomies/{category(cluster).pk}/"

    states = [
        editor.patch(path, {"external_id": value}).json()["sync_status"]
        for value in ("7", "8", "", "")
    ]

    assert states == ["pending", "pending", "native", "native"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"slug": "not a slug!"}, "slug"),
        ({"name": "!!!"}, "slug"),
        ({"taxonomy_type": "shelf"}, "taxonomy_type"),
        ({"description": "x" * 5_001}, "description"),
        ({"metadata": {"a": "\x00"}}, "metadata"),
        ({"metadata": {"\ud800": 1}}, "metadata"),
        ({"metadata": {"a": "x" * 20_000}}, "metadata"),
        ({"metadata": [1]}, "metadata"),
        ({"site": 0}, "site"),
    ],
)
def test_what_cannot_be_a_taxonomy_is_refused_by_field(
    changes: dict[str, Any], field: str, editor: Api, site: Site
) -> None:
    body = {"site": site.pk, "taxonomy_type": "tag", "name": "Sofas"}

    answer = editor.post("taxonomies/", body | changes)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert not ContentTaxonomy.unscoped.exists()


def test_taxonomies_are_narrowed_and_ordered(editor: Api, cluster: Clusters) -> None:
    b, a = category(cluster, "b"), category(cluster, "a")
    other = make_planning.cluster(make_planning.sector(editor.account))
    tag: ContentTaxonomy = ContentTaxonomy.unscoped.create(
        account=editor.account,
        site=other.site,
        taxonomy_type="tag",
        name="Corner",
        slug="c",
        external_taxonomy="post_tag",
        external_id="7",
    )

    found = {
        "all": editor.ids("taxonomies/"),
        "-name": editor.ids("taxonomies/", order="-name"),
        "site": editor.ids("taxonomies/", site=cluster.site_id),
        "type": editor.ids("taxonomies/", taxonomy_type="tag"),
        "slug": editor.ids("taxonomies/", slug="b"),
        "external": editor.ids("taxonomies/", external_taxonomy="post_tag", external_id="7"),
        "q": editor.ids("taxonomies/", q="corn"),
    }

    assert found == {
        "all": [tag.pk, a.pk, b.pk],
        "-name": [b.pk, a.pk, tag.pk],
        "site": [a.pk, b.pk],
        "type": [tag.pk],
        "slug": [b.pk],
        "external": [tag.pk],
        "q": [tag.pk],
    }


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_of_two_taxonomies_of_one_name_at_once_one_is_made() -> None:
    site = make.site(make.account())
    callers = [api(site.account) for _ in range(3)]
    start = threading.Barrier(len(callers), timeout=30)
    answers: list[Any] = []

    def create(caller: Api) -> None:
        start.wait()
        body = {"site": site.pk, "taxonomy_type": "tag", "name": "Sofas"}
        answers.append(caller.post("taxonomies/", body))
        connection.close()

    threads = [threading.Thread(target=create, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert {tuple(a.json()["errors"]) for a in answers if a.status_code == 409} == {("slug",)}
    assert ContentTaxonomy.unscoped.count() == 1


# --- cluster maps


def test_a_map_takes_its_place_from_what_it_hangs_on(
    editor: Api, cluster: Clusters, article: Content
) -> None:
    task = make_content.writing_task(cluster)

    of_article = editor.post("cluster-maps/", {"cluster": cluster.pk, "content": article.pk})
    of_task = editor.post(
        "cluster-maps/",
        {"cluster": cluster.pk, "task": task.pk, "role": "hub", "source": "import"},
    )

    found = of_article.json()
    assert of_article.status_code == 201
    assert (found["site"], found["sector"]) == (cluster.site_id, cluster.sector_id)
    assert (found["role"], found["source"], found["task"]) == ("supporting", "manual", None)
    assert (of_task.json()["task"], of_task.json()["role"]) == (task.pk, "hub")


def test_a_map_is_said_once_for_each_role(editor: Api, cluster: Clusters, article: Content) -> None:
    body = {"cluster": cluster.pk, "content": article.pk}
    first = editor.post("cluster-maps/", body).json()
    hub = editor.post("cluster-maps/", body | {"role": "hub"}).json()

    again = editor.post("cluster-maps/", body)
    changed = editor.patch(f"cluster-maps/{hub['id']}/", {"role": "supporting"})
    attribute = editor.patch(f"cluster-maps/{hub['id']}/", {"role": "attribute"})

    for answer in (again, changed):
        assert (answer.status_code, list(answer.json()["errors"])) == (409, ["role"])
        assert answer.json()["data"] == {"cluster_map_id": first["id"]}
    assert attribute.json()["role"] == "attribute"


def test_a_map_hangs_on_something_of_the_same_sector(
    editor: Api, cluster: Clusters, article: Content
) -> None:
    other = make_planning.cluster(make.sector(cluster.site, "Beds"))
    theirs = make_content.article(make_planning.sector())

    nothing = editor.post("cluster-maps/", {"cluster": cluster.pk})
    astray = editor.post("cluster-maps/", {"cluster": other.pk, "content": article.pk})
    foreign = editor.post("cluster-maps/", {"cluster": cluster.pk, "content": theirs.pk})

    assert (nothing.status_code, nothing.json()["errors"]) == (
        422,
        {"content": ["Name content or task."]},
    )
    assert (astray.status_code, list(astray.json()["errors"])) == (422, ["cluster"])
    assert foreign.status_code == 404
    assert not ContentClusterMap.unscoped.exists()


def test_maps_are_narrowed_and_removed(editor: Api, cluster: Clusters, article: Content) -> None:
    task = make_content.writing_task(cluster)
    other = make_planning.cluster(make_planning.sector(editor.account))
    a = ContentClusterMap.unscoped.create(content=article, cluster=cluster, role="hub")
    b = ContentClusterMap.unscoped.create(task=task, cluster=cluster, source="manual")
    c = ContentClusterMap.unscoped.create(content=make_content.article(other.sector), cluster=other)

    found = {
        "all": editor.ids("cluster-maps/"),
        "site": editor.ids("cluster-maps/", site=c.site_id),
        "sector": editor.ids("cluster-maps/", sector=a.sector_id),
        "content": editor.ids("cluster-maps/", content=article.pk),
        "task": editor.ids("cluster-maps/", task=task.pk),
        "cluster": editor.ids("cluster-maps/", cluster=other.pk),
        "role": editor.ids("cluster-maps/", role="hub"),
        "source": editor.ids("cluster-maps/", source="manual"),
    }
    removed = editor.delete(f"cluster-maps/{a.pk}/")

    assert found == {
        "all": [c.pk, b.pk, a.pk],
        "site": [c.pk],
        "sector": [b.pk, a.pk],
        "content": [a.pk],
        "task": [b.pk],
        "cluster": [c.pk],
        "role": [a.pk],
        "source": [b.pk],
    }
    assert (removed.status_code, editor.get(f"cluster-maps/{a.pk}/").status_code) == (204, 404)


# --- attributes

WIDTH = {"attribute_type": "product_spec", "name": "Width"}


@pytest.mark.parametrize("relation", ["content", "task", "cluster"])
def test_an_attribute_takes_its_place_from_what_it_hangs_on(
    relation: str, editor: Api, cluster: Clusters, article: Content
) -> None:
    parents = {
        "content": article,
        "task": make_content.writing_task(cluster),
        "cluster": cluster,
    }

    answer = editor.post(
        "attributes/",
        {
            **WIDTH,
            relation: parents[relation].pk,
            "value": "80",
            "unit": "cm",
            "source": "data sheet",
            "metadata": {"page": 2},
        },
    )

    found = answer.json()
    assert answer.status_code == 201
    assert (found["site"], found["sector"]) == (cluster.site_id, cluster.sector_id)
    assert found[relation] == parents[relation].pk
    assert (found["value"], found["unit"], found["metadata"]) == ("80", "cm", {"page": 2})


def test_an_attribute_changes_but_not_its_place(
    editor: Api, cluster: Clusters, article: Content
) -> None:
    made = editor.post("attributes/", {**WIDTH, "content": article.pk}).json()
    path = f"attributes/{made['id']}/"

    changed = editor.patch(path, {"name": " Seat  width ", "value": "60", "cluster": cluster.pk})
    removed = editor.delete(path)

    assert (changed.json()["name"], changed.json()["value"]) == ("Seat width", "60")
    assert changed.json()["cluster"] is None
    assert (removed.status_code, ContentAttribute.unscoped.count()) == (204, 0)


def test_an_attribute_hangs_on_something_of_one_sector(
    editor: Api, cluster: Clusters, article: Content
) -> None:
    other = make_planning.cluster(make.sector(cluster.site, "Beds"))

    nothing = editor.post("attributes/", WIDTH)
    astray = editor.post("attributes/", {**WIDTH, "content": article.pk, "cluster": other.pk})

    assert (nothing.status_code, nothing.json()["errors"]) == (
        422,
        {"content": ["Name content or task or cluster."]},
    )
    assert (astray.status_code, list(astray.json()["errors"])) == (422, ["cluster"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"attribute_type": "colour"}, "attribute_type"),
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"value": "x" * 2_001}, "value"),
        ({"unit": "x" * 33}, "unit"),
        (
            {"metadata": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}},
            "metadata",
        ),
        ({"cluster": True}, "cluster"),
    ],
)
def test_what_cannot_be_an_attribute_is_refused_by_field(
    changes: dict[str, Any], field: str, editor: Api, article: Content
) -> None:
    answer = editor.post("attributes/", {**WIDTH, "content": article.pk} | changes)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert not ContentAttribute.unscoped.exists()


def test_attributes_are_narrowed_and_ordered(
    editor: Api, cluster: Clusters, article: Content
) -> None:
    task = make_content.writing_task(cluster)
    a = ContentAttribute.unscoped.create(content=article, **WIDTH)
    b = ContentAttribute.unscoped.create(task=task, attribute_type="semantic_facet", name="Style")
    c = ContentAttribute.unscoped.create(
        cluster=make_planning.cluster(make_planning.sector(editor.account)),
        attribute_type="service_modifier",
        name="Delivery",
    )

    found = {
        "all": editor.ids("attributes/"),
        "name": editor.ids("attributes/", order="name"),
        "site": editor.ids("attributes/", site=c.site_id),
        "sector": editor.ids("attributes/", sector=a.sector_id),
        "content": editor.ids("attributes/", content=article.pk),
        "task": editor.ids("attributes/", task=task.pk),
        "cluster": editor.ids("attributes/", cluster=c.cluster_id),
        "type": editor.ids("attributes/", attribute_type="semantic_facet"),
        "q": editor.ids("attributes/", q="DELI"),
    }

    assert found == {
        "all": [c.pk, b.pk, a.pk],
        "name": [c.pk, b.pk, a.pk],
        "site": [c.pk],
        "sector": [b.pk, a.pk],
        "content": [a.pk],
        "task": [b.pk],
        "cluster": [c.pk],
        "type": [b.pk],
        "q": [c.pk],
    }


# --- all of them


def test_what_hangs_on_deleted_rows_is_hidden_with_them(
    editor: Api, cluster: Clusters, article: Content
) -> None:
    task = make_content.writing_task(cluster)
    both = ContentClusterMap.unscoped.create(content=article, task=task, cluster=cluster)
    of_task = ContentClusterMap.unscoped.create(task=task, cluster=cluster, role="hub")
    fact = ContentAttribute.unscoped.create(task=task, cluster=cluster, **WIDTH)
    of_cluster = ContentAttribute.unscoped.create(cluster=cluster, **WIDTH)

    task.soft_delete(now=NOW)
    without_task = editor.ids("cluster-maps/"), editor.ids("attributes/")
    article.soft_delete(now=NOW)
    without_article = editor.ids("cluster-maps/"), editor.ids("attributes/")

    assert without_task == ([both.pk], [of_cluster.pk])
    assert without_article == ([], [of_cluster.pk])
    assert editor.get(f"cluster-maps/{of_task.pk}/").status_code == 404
    assert editor.patch(f"attributes/{fact.pk}/", {"value": "1"}).status_code == 404
    assert editor.delete(f"cluster-maps/{both.pk}/").status_code == 404


@pytest.mark.parametrize("name", ["taxonomies", "cluster-maps", "attributes"])
def test_who_may_do_what(name: str, editor: Api, cluster: Clusters, article: Content) -> None:
    rows = {
        "taxonomies": category(cluster),
        "cluster-maps": ContentClusterMap.unscoped.create(content=article, cluster=cluster),
        "attributes": ContentAttribute.unscoped.create(content=article, **WIDTH),
    }
    path = f"{name}/{rows[name].pk}/"
    viewer, stranger = api(editor.account, Role.VIEWER), api(make.account(), Role.OWNER)

    assert [viewer.get(path).status_code, viewer.get(f"{name}/").status_code] == [200, 200]
    assert viewer.patch(path, {}).status_code == 403
    assert viewer.post(f"{name}/", {}).status_code == 403
    assert viewer.delete(path).status_code == 403
    assert [stranger.get(path).status_code, stranger.delete(path).status_code] == [404, 404]
    assert stranger.patch(path, {}).status_code == 404
    with tenant(editor.account.pk):
        assert type(rows[name]).objects.filter(pk=rows[name].pk).exists()


@pytest.mark.parametrize("name", ["taxonomies", "cluster-maps", "attributes"])
def test_lists_take_the_same_queries_whatever_their_length(
    name: str, editor: Api, cluster: Clusters
) -> None:
    editor.get(f"{name}/")

    counts = []
    for number in range(2):
        for place in range(3):
            category(cluster, f"c{number}-{place}")
            row = make_content.article(cluster.sector)
            ContentClusterMap.unscoped.create(content=row, cluster=cluster)
            ContentAttribute.unscoped.create(content=row, **WIDTH)
        with CaptureQueriesContext(connection) as seen:
            assert len(editor.get(f"{name}/").json()["results"]) == 3 * (number + 1)
        counts.append(len(seen))

    assert counts[0] == counts[1]
