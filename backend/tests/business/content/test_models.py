from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from igny8_core.business.content.models import (
    Content,
    ContentAttribute,
    ContentAttributeMap,
    ContentClusterMap,
    ContentTaxonomy,
    ContentTaxonomyLink,
    ContentVersion,
    Images,
    Tasks,
)
from igny8_core.business.content.services.versions import keep_version
from igny8_core.business.content.states import (
    CONTENT,
    CONTENT_SYNC,
    IMAGE,
    TASK,
    ContentStatus,
    ImageStatus,
    SyncStatus,
    TaskStatus,
    VersionReason,
)
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.auth.models import Sector
    from igny8_core.business.planning.models import Clusters

pytestmark = pytest.mark.django_db


def refused(table: str, pk: int, **columns: Any) -> str:
    """The name of the constraint that refuses an UPDATE, whoever tries it."""
    assignments = ", ".join(f"{name} = %s" for name in columns)
    sql = f"UPDATE {table} SET {assignments} WHERE id = %s"
    with (
        pytest.raises(IntegrityError) as error,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, [*columns.values(), pk])
    return str(error.value.__cause__.diag.constraint_name)  # type: ignore[union-attr]


def two_sectors() -> tuple[Sector, Sector]:
    """Two sectors of one site."""
    site = make.site(make.account())
    return make.sector(site), make.sector(site, "Beds")


def clusters() -> tuple[Clusters, Clusters]:
    """A cluster in each of two sectors of one site."""
    one, other = two_sectors()
    return make_planning.cluster(one), make_planning.cluster(other)


def test_a_writing_task_stays_in_the_sector_of_its_cluster_and_idea() -> None:
    own, other = clusters()
    task = make_content.writing_task(own)
    foreign_idea = make_planning.idea(other)

    assert refused("content_tasks", task.pk, cluster_id=other.pk) == "tasks_cluster"
    assert refused("content_tasks", task.pk, idea_id=foreign_idea.pk) == "tasks_idea"
    assert refused("content_tasks", task.pk, target_word_count=10) == "tasks_target_word_count"
    with pytest.raises(ValidationError, match="Cluster is in another sector"):
        Tasks.unscoped.create(sector=own.sector, cluster=other, title="Astray")


def test_content_stays_in_the_sector_of_its_cluster_and_task() -> None:
    own, other = clusters()
    content = make_content.article(own.sector, cluster=own)
    foreign = make_content.writing_task(other)

    assert refused("content_content", content.pk, cluster_id=other.pk) == "content_cluster"
    assert refused("content_content", content.pk, task_id=foreign.pk) == "content_task"


def test_children_stay_with_their_parents() -> None:
    own, other = clusters()
    content = make_content.article(own.sector)
    foreign = make_content.article(other.sector)
    image = make_content.image(content)
    mapped = ContentClusterMap.unscoped.create(content=content, cluster=own)
    attribute = ContentAttribute.unscoped.create(
        content=content, attribute_type="product_spec", name="Width", value="80"
    )

    assert refused("content_images", image.pk, content_id=foreign.pk) == "images_content"
    table = "content_contentclustermap"
    assert refused(table, mapped.pk, content_id=foreign.pk) == "contentclustermap_content"
    assert refused(table, mapped.pk, cluster_id=other.pk) == "contentclustermap_cluster"
    table = "content_contentattribute"
    assert refused(table, attribute.pk, content_id=foreign.pk) == "contentattribute_content"


def test_taxonomies_stay_on_their_site() -> None:
    account = make.account()
    here, there = make.sector(make.site(account)), make.sector(make.site(account))
    content = make_content.article(here)
    category, foreign = (
        ContentTaxonomy.unscoped.create(
            account=account, site=sector.site, taxonomy_type="category", name="Sofas", slug="sofas"
        )
        for sector in (here, there)
    )
    link = ContentTaxonomyLink.unscoped.create(
        account=account, site=here.site, content=content, taxonomy=category
    )

    found = refused("content_contenttaxonomylink", link.pk, taxonomy_id=foreign.pk)

    assert found == "contenttaxonomylink_taxonomy"
    assert list(content.taxonomies.all()) == [category]


@pytest.mark.parametrize("relation", ["content", "task"])
@pytest.mark.parametrize("model", [Images, ContentClusterMap, ContentAttribute])
def test_linked_rows_take_their_context_from_what_they_hang_on(model: Any, relation: str) -> None:
    cluster = make_planning.cluster(make_planning.sector())
    parent = (
        make_content.article(cluster.sector)
        if relation == "content"
        else make_content.writing_task(cluster)
    )
    extra: dict[Any, dict[str, Any]] = {
        Images: {},
        ContentClusterMap: {"cluster": cluster},
        ContentAttribute: {"attribute_type": "semantic_facet", "name": "Style"},
    }

    row = model(**{f"{relation}_id": parent.pk}, **extra[model])
    row.save()

    assert (row.account_id, row.site_id, row.sector_id) == (
        cluster.account_id,
        cluster.site_id,
        cluster.sector_id,
    )


def test_an_attribute_of_a_cluster_takes_its_context_from_there() -> None:
    cluster = make_planning.cluster(make_planning.sector())

    row = ContentAttribute.unscoped.create(
        cluster=cluster, attribute_type="service_modifier", name="Delivery"
    )

    assert row.sector_id == cluster.sector_id
    assert ContentAttributeMap is ContentAttribute


@pytest.mark.parametrize(
    ("table", "constraint", "columns"),
    [
        ("content_images", "images_linked", {"content_id": None}),
        ("content_contentclustermap", "contentclustermap_linked", {"content_id": None}),
        ("content_contentattribute", "contentattribute_linked", {"content_id": None}),
        ("content_images", "images_generated_is_complete", {"status": "generated"}),
        ("content_images", "images_status", {"status": "ready"}),
    ],
)
def test_a_linked_row_hangs_on_something(
    table: str, constraint: str, columns: dict[str, Any]
) -> None:
    cluster = make_planning.cluster(make_planning.sector())
    content = make_content.article(cluster.sector)
    builders: dict[str, Callable[[], Any]] = {
        "content_images": lambda: make_content.image(content),
        "content_contentclustermap": lambda: ContentClusterMap.unscoped.create(
            content=content, cluster=cluster
        ),
        "content_contentattribute": lambda: ContentAttribute.unscoped.create(
            content=content, attribute_type="product_spec", name="Width"
        ),
    }
    row = builders[table]()

    assert refused(table, row.pk, **columns) == constraint


def test_published_implies_a_date_and_a_slug() -> None:
    draft = make_content.article(make_planning.sector(), slug="")
    live = make_content.article(make_planning.sector(), status=ContentStatus.PUBLISHED)

    found = refused("content_content", draft.pk, status="published", published_at=NOW)

    assert found == "content_published_has_a_slug"
    assert refused("content_content", live.pk, published_at=None) == "content_published_has_a_date"


def test_what_is_unique_among_live_rows() -> None:
    sector = make_planning.sector()
    first = make_content.article(sector, slug="sofas", external_type="post", external_id="7")
    second = make_content.article(sector, slug="beds")
    cover = make_content.image(first)
    extra = make_content.image(first, position=1)

    assert refused("content_content", second.pk, slug="sofas") == "content_slug"
    again = {"external_type": "post", "external_id": "7"}
    assert refused("content_content", second.pk, **again) == "content_external"
    assert refused("content_images", extra.pk, position=0) == "images_position_in_content"
    cover.soft_delete(now=NOW)
    first.soft_delete(now=NOW)
    assert make_content.article(sector, slug="sofas").slug == "sofas"


def test_one_article_for_a_task_and_one_live_task_for_an_idea() -> None:
    cluster = make_planning.cluster(make_planning.sector())
    idea = make_planning.idea(cluster)
    task, other = make_content.writing_task(cluster, idea=idea), make_content.writing_task(cluster)
    written = make_content.article(cluster.sector, task=task)
    more = make_content.article(cluster.sector)

    assert refused("content_tasks", other.pk, idea_id=idea.pk) == "tasks_once_per_idea"
    assert refused("content_content", more.pk, task_id=task.pk) == "content_once_per_task"
    written.soft_delete(now=NOW)
    assert refused("content_content", more.pk, task_id=task.pk) == "content_once_per_task"


def test_the_runtime_role_cannot_rewrite_a_kept_version() -> None:
    content = make_content.article(make_planning.sector())
    kept = keep_version(content, reason=VersionReason.GENERATED)

    with tenant(content.account_id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_table_privilege(current_user, 'content_contentversion', 'UPDATE'),"
            " has_table_privilege(current_user, 'content_contentversion', 'INSERT')"
        )
        assert cursor.fetchone() == (False, True)
    assert ContentVersion.unscoped.get(pk=kept.pk).version == 1


def test_raw_sql_of_another_account_sees_nothing() -> None:
    content = make_content.article(make_planning.sector())
    stranger = make.account()

    with tenant(stranger.pk), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM content_content WHERE id = %s", [content.pk])
        assert cursor.fetchone() == (0,)
        cursor.execute("DELETE FROM content_content WHERE id = %s", [content.pk])
        assert cursor.rowcount == 0
    assert Content.unscoped.filter(pk=content.pk).exists()


@pytest.mark.parametrize(("source", "target"), list(product(TaskStatus, repeat=2)))
def test_a_task_is_written_once(source: TaskStatus, target: TaskStatus) -> None:
    assert TASK.allows(source, target) is (
        (source, target) == (TaskStatus.QUEUED, TaskStatus.COMPLETED)
    )


@pytest.mark.parametrize(("source", "target"), list(product(ContentStatus, repeat=2)))
def test_content_moves_only_through_review(source: ContentStatus, target: ContentStatus) -> None:
    assert CONTENT.allows(source, target) is (
        (source, target)
        in {
            (ContentStatus.DRAFT, ContentStatus.REVIEW),
            (ContentStatus.REVIEW, ContentStatus.DRAFT),
            (ContentStatus.REVIEW, ContentStatus.PUBLISHED),
            (ContentStatus.PUBLISHED, ContentStatus.REVIEW),
        }
    )


@pytest.mark.parametrize(("source", "target"), list(product(ImageStatus, repeat=2)))
def test_an_image_is_made_from_pending(source: ImageStatus, target: ImageStatus) -> None:
    made = {ImageStatus.GENERATED, ImageStatus.FAILED}
    expected = (source == ImageStatus.PENDING and target in made) or (
        source in made and target == ImageStatus.PENDING
    )
    assert IMAGE.allows(source, target) is expected


@pytest.mark.parametrize(("source", "target"), list(product(SyncStatus, repeat=2)))
def test_a_counterpart_is_reached_through_pending(source: SyncStatus, target: SyncStatus) -> None:
    assert CONTENT_SYNC.allows(source, target) is (
        (source.value, target.value)
        in {
            ("native", "pending"),
            ("pending", "synced"),
            ("pending", "failed"),
            ("pending", "native"),
            ("synced", "pending"),
            ("synced", "native"),
            ("failed", "pending"),
            ("failed", "native"),
        }
    )


def test_rows_show_their_names() -> None:
    cluster = make_planning.cluster(make_planning.sector())

    assert str(make_content.writing_task(cluster, title="Sofas")) == "Sofas"
    assert str(make_content.article(cluster.sector, title="Beds")) == "Beds"
    assert str(ContentTaxonomy(name="Chairs")) == "Chairs"
    assert Tasks.unscoped.count() == 1
