from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from igny8_core.business.content import selectors
from igny8_core.business.content.models import (
    ContentClusterMap,
    ContentTaxonomy,
    ContentTaxonomyLink,
)
from igny8_core.business.content.selectors import ContentCounts
from igny8_core.business.content.snapshots import (
    TermSnapshot,
    disclosure_of,
    reading_minutes,
    resolve_links,
)
from igny8_core.business.content.states import ContentStatus, ImageStatus, TaskStatus
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import tenant
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector
    from igny8_core.business.content.models import Content
    from igny8_core.business.content.snapshots import ArticleSnapshot

pytestmark = pytest.mark.django_db

VARIANTS = [
    {"path": "1/1/a.webp", "format": "webp", "width": 400, "height": 210, "size_bytes": 3},
    {"path": "1/1/b.jpg", "format": "jpeg", "width": 1200, "height": 630, "size_bytes": 9},
]


def published(sector: Sector, **fields: Any) -> Content:
    return make_content.article(sector, status=ContentStatus.PUBLISHED, **fields)


def snapshot(sector: Sector, **fields: Any) -> list[ArticleSnapshot]:
    with tenant(sector.account_id, read_only=True):
        return selectors.site_snapshot(account=sector.account, site=sector.site, **fields)


def test_a_snapshot_holds_what_a_page_shows() -> None:
    sector = make_planning.sector(language="en")
    site = sector.site
    site.settings = {"author": {"name": "Ada", "kind": "person", "url": "https://ada.example"}}
    site.save()
    cluster = make_planning.cluster(sector, "sofas")
    content = published(
        sector,
        cluster=cluster,
        title="Sofas",
        slug="sofas",
        excerpt="Short.",
        meta_description="Longer.",
        primary_keyword="sofa",
        secondary_keywords=["couch"],
        version=3,
        word_count=441,
        revised_at=NOW + timedelta(days=1),
        provenance={"origin": "model", "is_demo": True},
        blocks=[
            {"id": "f", "type": "faq", "items": [{"question": "Why?", "answer": "So."}]},
        ],
    )
    for role in ("supporting", "hub"):
        ContentClusterMap.unscoped.create(content=content, cluster=cluster, role=role)
    term = ContentTaxonomy.unscoped.create(
        account=site.account, site=site, taxonomy_type="category", name="Seats", slug="seats"
    )
    ContentTaxonomyLink.unscoped.create(
        account=site.account, site=site, content=content, taxonomy=term
    )
    make_content.image(
        content,
        status=ImageStatus.GENERATED,
        path="1/1/b.jpg",
        width=1200,
        height=630,
        variants=VARIANTS,
        digital_source_type="algorithmicMedia",
    )
    make_content.image(content, position=1)

    (found,) = snapshot(sector)

    assert (found.id, found.revision, found.title, found.slug) == (content.pk, 3, "Sofas", "sofas")
    assert (found.meta_title, found.meta_description, found.excerpt) == (
        "Sofas",
        "Longer.",
        "Short.",
    )
    assert (found.cluster_name, found.role, found.keywords) == ("sofas", "hub", ("sofa", "couch"))
    assert (found.published_at, found.updated_at) == (NOW, NOW + timedelta(days=1))
    assert (found.word_count, found.reading_minutes) == (441, 3)
    assert found.terms == (TermSnapshot("category", "Seats", "seats"),)
    assert found.faq == (("Why?", "So."),)
    assert (found.author.name, found.author.kind) == ("Ada", "Person")
    assert found.disclosure == "Written by the built-in demo model"
    assert found.is_demo_text
    assert found.digital_source_type.endswith("/trainedAlgorithmicMedia")
    (image,) = found.images
    assert [variant.width for variant in image.variants] == [1200, 400]
    assert image.digital_source_type.endswith("/algorithmicMedia")


def test_only_what_is_published_on_the_site_is_in_it_newest_first() -> None:
    sector = make_planning.sector()
    old = published(sector, published_at=NOW - timedelta(days=2))
    new = published(sector)
    make_content.article(sector)
    make_content.article(sector, status=ContentStatus.REVIEW)
    make_content.article(sector, status=ContentStatus.REVIEW, deleted_at=NOW)
    published(make_planning.sector(sector.account))
    published(make_planning.sector())

    assert [article.id for article in snapshot(sector)] == [new.pk, old.pk]


def test_links_and_neighbours_are_published_articles() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector)
    target = published(sector, slug="target", cluster=cluster)
    draft = make_content.article(sector)
    other = published(sector)
    text = "One and two."
    links = [
        {"content_id": target.pk, "anchor": "One"},
        {"content_id": draft.pk, "anchor": "two"},
    ]
    source = published(
        sector,
        cluster=cluster,
        blocks=[{"id": "a", "type": "paragraph", "text": text, "links": links}],
    )

    by_id = {article.id: article for article in snapshot(sector, href=lambda slug: f"/a/{slug}/")}

    assert by_id[source.pk].html == '<p><a href="/a/target/">One</a> and two.</p>'
    assert by_id[source.pk].related_ids == (target.pk, other.pk)
    assert by_id[other.pk].related_ids == (source.pk, target.pk)
    assert by_id[other.pk].html.startswith("<p>A sofa")
    assert '<a href="../target/">' in {a.id: a for a in snapshot(sector)}[source.pk].html


def test_stored_html_is_sanitised_again_before_it_is_rendered() -> None:
    sector = make_planning.sector()
    row = published(sector)
    type(row).unscoped.filter(pk=row.pk).update(html="<p onclick=x>Hi<script>x</script></p>")

    assert snapshot(sector)[0].html == "<p>Hi</p>"


def test_a_snapshot_takes_the_same_queries_however_many_articles_there_are() -> None:
    sector = make_planning.sector()
    counts = []
    for _ in range(2):
        for _ in range(4):
            published(sector, cluster=make_planning.cluster(sector))
        with CaptureQueriesContext(connection) as queries:
            snapshot(sector)
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("provenance", "label", "line"),
    [
        ({"origin": "model"}, {}, "Written with the help of a language model"),
        (
            {"origin": "model", "reviewed_by": 7},
            {},
            "Written with the help of a language model, reviewed by a person",
        ),
        ({"origin": "model"}, {"text": "Made with care."}, "Made with care."),
        ({"origin": "model"}, {"is_shown": False}, ""),
        (
            {"origin": "model", "is_demo": True},
            {"is_shown": False},
            "Written by the built-in demo model",
        ),
        ({"origin": "person"}, {}, ""),
        ({"origin": "rules"}, {"text": "x"}, ""),
        ({}, {}, ""),
    ],
)
def test_disclosure(provenance: dict[str, Any], label: dict[str, Any], line: str) -> None:
    assert disclosure_of(provenance, label) == line


def test_without_an_author_the_site_stands_for_its_texts() -> None:
    site = make_planning.sector().site

    author = selectors.author_of(site)

    assert (author.name, author.kind, author.url) == (site.name, "Organization", "")


@pytest.mark.parametrize(("words", "minutes"), [(0, 1), (220, 1), (221, 2), (2_200, 10)])
def test_reading_minutes(words: int, minutes: int) -> None:
    assert reading_minutes(words) == minutes


def test_only_our_own_form_of_a_link_is_resolved() -> None:
    html = '<a href="#content-x">a</a><a class="is-b" href="#content-1">b</a>'

    assert resolve_links(html, {1: "/x/"}) == html


def test_counts() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector)
    account, site = sector.account, sector.site
    make_content.writing_task(cluster)
    make_content.writing_task(cluster, status=TaskStatus.COMPLETED)
    make_content.writing_task(cluster, deleted_at=NOW)
    draft = make_content.article(sector)
    make_content.article(sector, status=ContentStatus.REVIEW)
    published(sector)
    make_content.image(draft)
    make_content.image(draft, position=1, status=ImageStatus.FAILED)
    elsewhere = make_planning.sector(account)
    make_content.article(elsewhere)

    with tenant(account.pk):
        found = selectors.content_counts(account=account, site=site)
        whole = selectors.content_counts(account=account)

    assert found == ContentCounts(
        tasks_queued=1,
        tasks_completed=1,
        drafts=1,
        in_review=1,
        published=1,
        words=3 * draft.word_count,
        images_pending=1,
        images_generated=0,
        images_failed=1,
    )
    assert (found.articles, whole.articles) == (3, 4)


def test_lists_are_of_one_site_one_status_and_newest_first() -> None:
    sector = make_planning.sector()
    account, site = sector.account, sector.site
    cluster = make_planning.cluster(sector)
    tasks = [make_content.writing_task(cluster) for _ in range(2)]
    first, second = make_content.article(sector, cluster=cluster), make_content.article(sector)
    done = make_content.article(sector, status=ContentStatus.REVIEW, approved_version=1)
    pictures = [make_content.image(first), make_content.image(second)]
    make_content.article(make_planning.sector(account))

    with tenant(account.pk):
        lists = {
            "tasks": selectors.writing_tasks(account=account, site=site, status=TaskStatus.QUEUED),
            "drafts": selectors.contents(account=account, site=site, status=ContentStatus.DRAFT),
            "images": selectors.images(account=account, site=site, status=ImageStatus.PENDING),
        }
        found = {name: [row.pk for row in rows] for name, rows in lists.items()}
        own = [row.pk for row in selectors.content_images(account=account, content=first)]
        approved = selectors.approved_content_ids(account=account, site=site)

    assert found == {
        "tasks": [tasks[1].pk, tasks[0].pk],
        "drafts": [second.pk, first.pk],
        "images": [pictures[1].pk, pictures[0].pk],
    }
    assert own == [pictures[0].pk]
    assert approved == [done.pk]


def test_single_rows_of_others_and_deleted_ones_are_unknown() -> None:
    sector, other = make_planning.sector(), make_planning.sector()
    foreign = make_content.article(other)
    gone = make_content.article(sector, deleted_at=NOW)
    task = make_content.writing_task(make_planning.cluster(other))
    image = make_content.image(foreign)

    with tenant(sector.account_id):
        for content_id in (foreign.pk, gone.pk, 0):
            with pytest.raises(NotFound):
                selectors.content(account=sector.account, content_id=content_id)
        with pytest.raises(NotFound):
            selectors.writing_task(account=sector.account, writing_task_id=task.pk)
        with pytest.raises(NotFound):
            selectors.image(account=sector.account, image_id=image.pk)
        assert selectors.content_of_task(account=sector.account, writing_task_id=task.pk) is None
