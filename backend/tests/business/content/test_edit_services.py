"""What the services refuse by themselves: other callers than the API have no forms before them."""

from __future__ import annotations

from typing import Any

import pytest

from igny8_core.business.content.models import (
    Content,
    ContentAttribute,
    ContentClusterMap,
    ContentTaxonomy,
    Images,
    Tasks,
)
from igny8_core.business.content.services.create_content import create_content
from igny8_core.business.content.services.edit_links import create_attribute, edit_attribute
from igny8_core.business.content.services.edit_tasks import (
    create_writing_task,
    edit_writing_task,
)
from igny8_core.business.content.services.edit_taxonomies import (
    create_taxonomy,
    edit_taxonomy,
    set_content_taxonomies,
)
from igny8_core.business.content.services.editing import ContentChanges
from igny8_core.business.content.services.upload_image import edit_image, upload_image
from igny8_core.common.errors import InvalidInput, NotFound
from tests.api.test_images import picture
from tests.api.test_writing_tasks import category
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

pytestmark = pytest.mark.django_db


def cluster() -> Any:
    return make_planning.cluster(make_planning.sector())


def refused(service: Any, **arguments: Any) -> dict[str, Any]:
    with pytest.raises(InvalidInput) as found:
        service(**arguments)
    return found.value.data


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"title": " "}, "title"),
        ({"description": "x" * 5_001}, "description"),
        ({"target_word_count": 10}, "target_word_count"),
        ({"keywords": ["x"] * 50 + [f"k{n}" for n in range(100)]}, "keywords"),
        ({"keywords": ["x" * 256]}, "keywords"),
        ({"status": "completed"}, "status"),
        ({"site_id": 1}, "site_id"),
    ],
)
def test_a_writing_task(fields: dict[str, Any], field: str) -> None:
    of = cluster()
    task = make_content.writing_task(of)

    made = refused(
        create_writing_task, **{"account": of.account, "cluster_id": of.pk, "title": "T"} | fields
    )
    changed = refused(
        edit_writing_task, account=of.account, writing_task_id=task.pk, changes=fields
    )

    assert list(made) == list(changed) == [field]
    assert Tasks.unscoped.get().title == task.title


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (ContentChanges(), "title"),
        (ContentChanges(title=" "), "title"),
        (ContentChanges(title="T", slug="No slug"), "slug"),
        (ContentChanges(title="T", secondary_keywords=[f"k{n}" for n in range(51)]), "secondary"),
        (ContentChanges(title="T", secondary_keywords=["x" * 256]), "secondary"),
        (ContentChanges(title="T", html="x" * 2_000_001), "html"),
        (ContentChanges(title="T", html="", blocks=[]), "html"),
    ],
)
def test_an_article(changes: ContentChanges, field: str) -> None:
    of = cluster()

    found = refused(
        create_content, account=of.account, sector_id=of.sector_id, changes=changes, now=NOW
    )

    assert [name.startswith(field) for name in found] == [True]
    assert not Content.unscoped.exists()


def test_a_taxonomy() -> None:
    of = cluster()
    row = category(of)
    arguments: dict[str, Any] = {"account": of.account, "site_id": of.site_id, "name": "N"}
    edit: dict[str, Any] = {"account": of.account, "taxonomy_id": row.pk, "now": NOW}

    assert list(refused(create_taxonomy, taxonomy_type="tag", **arguments, count=3)) == ["count"]
    assert list(refused(edit_taxonomy, **edit, changes={"sync_status": "synced"})) == [
        "sync_status"
    ]
    assert list(refused(edit_taxonomy, **edit, changes={"description": "x" * 5_001})) == [
        "description"
    ]
    assert ContentTaxonomy.unscoped.count() == 1


def test_the_taxonomies_of_an_article() -> None:
    of = cluster()
    article = make_content.article(of.sector)
    arguments: dict[str, Any] = {"account": of.account, "content_id": article.pk}

    assert list(refused(set_content_taxonomies, **arguments, taxonomy_ids=range(1, 102))) == [
        "taxonomies"
    ]
    with pytest.raises(NotFound):
        set_content_taxonomies(**arguments, taxonomy_ids=[2**40])


def test_an_attribute() -> None:
    of = cluster()
    fields: dict[str, Any] = {"attribute_type": "product_spec", "name": "Width"}
    row = create_attribute(account=of.account, cluster_id=of.pk, **fields)
    edit: dict[str, Any] = {"account": of.account, "attribute_id": row.pk}

    assert list(refused(edit_attribute, **edit, changes={"cluster_id": 1})) == ["cluster_id"]
    assert list(refused(edit_attribute, **edit, changes={"value": "x" * 2_001})) == ["value"]
    assert list(refused(create_attribute, account=of.account, **fields)) == ["content"]
    assert ContentAttribute.unscoped.get().value == ""
    assert not ContentClusterMap.unscoped.exists()


def test_an_image(tmp_path: Any, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    article = make_content.article(make_planning.sector())
    image = make_content.image(article)
    edit: dict[str, Any] = {"account": article.account, "image_id": image.pk}
    upload: dict[str, Any] = {"account": article.account, "data": picture(), "now": NOW}
    of_article = {"content_id": article.pk}
    article_gone = make_content.article(article.sector, deleted_at=NOW)

    assert list(refused(edit_image, **edit, changes={"status": "generated"})) == ["status"]
    assert list(refused(edit_image, **edit, changes={"alt": "x" * 126})) == ["alt"]
    assert list(refused(edit_image, **edit, changes={"position": 1_001})) == ["position"]
    assert list(refused(upload_image, **upload, **of_article, alt=" ")) == ["alt"]
    assert list(refused(upload_image, **upload, alt="x")) == ["content"]
    with pytest.raises(NotFound):
        upload_image(**upload, alt="x", content_id=article_gone.pk)
    assert Images.unscoped.count() == 1
