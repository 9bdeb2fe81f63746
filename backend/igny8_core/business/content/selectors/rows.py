"""Writing tasks, articles with their versions, and images. Deleted rows only where asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Count, OuterRef, Q, Subquery, Sum

from igny8_core.business.content.models import (
    Content,
    ContentTaxonomy,
    ContentTaxonomyLink,
    ContentVersion,
    Images,
    Tasks,
)
from igny8_core.business.content.states import ContentStatus, ImageStatus, TaskStatus
from igny8_core.common.aggregates import together
from igny8_core.common.errors import NotFound
from igny8_core.common.soft_delete import IN_BIN, LIVE

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from igny8_core.auth.models import Account, Site

OWNER_LIVE = Q(content__isnull=False, content__deleted_at=None) | Q(
    content=None, task__deleted_at=None
)
"""Of a row that hangs on an article or a writing task: what it hangs on is not in the bin.

The article comes first: a row of both stays when the task goes.
"""


@dataclass(frozen=True)
class ContentCounts:
    """How much there is of everything on a site, or in an account."""

    tasks_queued: int
    tasks_completed: int
    drafts: int
    in_review: int
    published: int
    words: int
    images_pending: int
    images_generated: int
    images_failed: int

    @property
    def articles(self) -> int:
        """Articles in any state."""
        return self.drafts + self.in_review + self.published


def writing_tasks(
    *,
    account: Account,
    site: Site | None = None,
    status: TaskStatus | None = None,
    deleted: bool = False,
    q: str = "",
    **relations: Any,
) -> QuerySet[Tasks]:
    """Writing tasks, newest first, with their clusters and the ids of their articles.

    :param deleted: the bin instead of the live rows.
    :param q: a part of the title.
    :param relations: ``sector``, ``cluster``, ``idea`` or ``taxonomy``, a row or its id.
    """
    rows: QuerySet[Tasks] = Tasks.objects.for_account(account).select_related("cluster")
    written = Content.objects.for_account(account).filter(task_id=OuterRef("pk"), deleted_at=None)
    rows = _narrowed(rows, site=site, status=status, deleted=deleted, **relations)
    if q:
        rows = rows.filter(title__icontains=q)
    rows = rows.annotate(content_id=Subquery(written.values("pk")[:1]))
    return rows.order_by("-created_at", "-pk")


def writing_task(*, account: Account, writing_task_id: int) -> Tasks:
    """One writing task with its cluster and site.

    :raises NotFound: unknown, deleted, or another account's.
    """
    rows = writing_tasks(account=account).select_related("cluster", "site")
    found: Tasks | None = rows.filter(pk=writing_task_id).first()
    if found is None:
        raise NotFound("no such writing task", writing_task_id=writing_task_id)
    return found


def contents(
    *,
    account: Account,
    site: Site | None = None,
    status: ContentStatus | None = None,
    deleted: bool = False,
    is_scheduled: bool | None = None,
    q: str = "",
    score_min: int | None = None,
    score_max: int | None = None,
    **relations: Any,
) -> QuerySet[Content]:
    """Articles, newest first, with their clusters, without their bodies.

    :param deleted: the bin instead of the live rows.
    :param is_scheduled: whether a time is set at which they go live.
    :param q: a part of the title or of the primary keyword.
    :param score_min, score_max: of their last score; those without one are left out.
    :param relations: ``sector``, ``cluster``, ``task`` or ``taxonomy``, a row or its id; or a
        value of ``source``, ``content_type``, ``sync_status`` or ``external_id``.
    """
    rows = Content.objects.for_account(account).select_related("cluster")
    taxonomy = relations.pop("taxonomy", None)
    rows = _narrowed(rows, site=site, status=status, deleted=deleted, **relations)
    if taxonomy is not None:
        links = ContentTaxonomyLink.objects.for_account(account).filter(taxonomy=taxonomy)
        rows = rows.filter(pk__in=links.values("content_id"))
    if is_scheduled is not None:
        rows = rows.filter(publish_at__isnull=not is_scheduled)
    if q:
        rows = rows.filter(Q(title__icontains=q) | Q(primary_keyword__icontains=q))
    if score_min is not None:
        rows = rows.filter(score__gte=score_min)
    if score_max is not None:
        rows = rows.filter(score__lte=score_max)
    return rows.defer("html", "blocks", "provenance", "external_metadata").order_by(
        "-created_at", "-pk"
    )


def content(*, account: Account, content_id: int) -> Content:
    """One article with its cluster, site and writing task.

    :raises NotFound: unknown, deleted, or another account's.
    """
    rows = Content.objects.for_account(account).filter(LIVE)
    rows = rows.select_related("cluster", "site", "task")
    found: Content | None = rows.filter(pk=content_id).first()
    if found is None:
        raise NotFound("no such content", content_id=content_id)
    return found


def content_of_task(*, account: Account, writing_task_id: int) -> Content | None:
    """The article that a writing task became, deleted or not; None while it waits."""
    return Content.objects.for_account(account).filter(task_id=writing_task_id).first()


def content_taxonomies(*, account: Account, content: Content) -> QuerySet[ContentTaxonomy]:
    """The categories and tags of an article, by type and name."""
    links = ContentTaxonomyLink.objects.for_account(account).filter(content=content)
    rows = ContentTaxonomy.objects.for_account(account).filter(pk__in=links.values("taxonomy_id"))
    return rows.order_by("taxonomy_type", "name", "pk")


def content_versions(
    *, account: Account, content: Content | None = None
) -> QuerySet[ContentVersion]:
    """Kept versions, of one article or of all that are not deleted, newest first.

    Without their texts, which are loaded when they are asked for.
    """
    rows = ContentVersion.objects.for_account(account).filter(content__deleted_at=None)
    if content is not None:
        rows = rows.filter(content=content)
    return rows.defer("html", "blocks", "provenance", "fields").order_by("-version", "-pk")


def content_version(*, account: Account, version_id: int) -> ContentVersion:
    """One kept version with its text.

    :raises NotFound: unknown, of a deleted article, or another account's.
    """
    rows = content_versions(account=account).defer(None)
    found: ContentVersion | None = rows.filter(pk=version_id).first()
    if found is None:
        raise NotFound("no such version", version_id=version_id)
    return found


def content_images(*, account: Account, content: Content) -> QuerySet[Images]:
    """The images of an article that are not deleted, by type and place."""
    rows = Images.objects.for_account(account).filter(LIVE, content=content)
    return rows.order_by("image_type", "position", "pk")


def images(
    *,
    account: Account,
    site: Site | None = None,
    status: ImageStatus | None = None,
    deleted: bool = False,
    **relations: Any,
) -> QuerySet[Images]:
    """Images, newest first; those of deleted articles and writing tasks are hidden with them.

    :param deleted: the bin instead of the live rows, whatever became of their articles.
    :param relations: ``sector``, ``content`` or ``task``, a row or its id; or a value of
        ``image_type``.
    """
    rows = Images.objects.for_account(account)
    rows = _narrowed(rows, site=site, status=status, deleted=deleted, **relations)
    if not deleted:
        rows = rows.filter(OWNER_LIVE)
    return rows.order_by("-created_at", "-pk")


def image(*, account: Account, image_id: int) -> Images:
    """One image with its content, its cluster, and its writing task.

    :raises NotFound: unknown, deleted or hidden, or another account's.
    """
    rows = images(account=account).select_related("content__cluster", "task", "site")
    found: Images | None = rows.filter(pk=image_id).first()
    if found is None:
        raise NotFound("no such image", image_id=image_id)
    return found


def approved_content_ids(*, account: Account, site: Site, now: datetime | None = None) -> list[int]:
    """Articles in review whose stored version was approved: what may be published.

    :param now: leaves those out whose time comes later.
    """
    rows = Content.objects.for_account(account).filter(LIVE, site=site, status=ContentStatus.REVIEW)
    if now is not None:
        rows = rows.filter(Q(publish_at=None) | Q(publish_at__lte=now))
    return [
        pk
        for pk, version, approved in rows.order_by("pk").values_list(
            "pk", "version", "approved_version"
        )
        if version == approved
    ]


def content_counts(*, account: Account, site: Site | None = None) -> ContentCounts:
    """Writing tasks, articles and images that are not deleted; one query."""
    scope = LIVE if site is None else LIVE & Q(site=site)
    found = together(
        (
            Tasks.objects.for_account(account).filter(scope),
            {
                "tasks_queued": Count("pk", filter=Q(status=TaskStatus.QUEUED)),
                "tasks_completed": Count("pk", filter=Q(status=TaskStatus.COMPLETED)),
            },
        ),
        (
            Content.objects.for_account(account).filter(scope),
            {
                "drafts": Count("pk", filter=Q(status=ContentStatus.DRAFT)),
                "in_review": Count("pk", filter=Q(status=ContentStatus.REVIEW)),
                "published": Count("pk", filter=Q(status=ContentStatus.PUBLISHED)),
                "words": Sum("word_count"),
            },
        ),
        (
            images(account=account, site=site),
            {
                "images_pending": Count("pk", filter=Q(status=ImageStatus.PENDING)),
                "images_generated": Count("pk", filter=Q(status=ImageStatus.GENERATED)),
                "images_failed": Count("pk", filter=Q(status=ImageStatus.FAILED)),
            },
        ),
    )
    return ContentCounts(**found)


def _narrowed(rows: QuerySet[Any], *, deleted: bool, **wanted: Any) -> QuerySet[Any]:
    """Live or deleted rows; of the wanted values those that are given."""
    given = {name: value for name, value in wanted.items() if value is not None}
    return rows.filter(IN_BIN if deleted else LIVE, **given)
