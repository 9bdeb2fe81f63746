"""Into the bin and out of it, alike for writing tasks, articles and images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.content.models import (
    Content,
    Images,
    Tasks,
)
from igny8_core.business.content.services.bin import (
    delete_contents,
    delete_images,
    delete_writing_tasks,
    restore_contents,
    restore_images,
    restore_writing_tasks,
)
from igny8_core.business.content.services.writing_tasks import create_writing_tasks
from igny8_core.business.planning.models import ContentIdeas
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from igny8_core.business.planning.models import Clusters


DELETE: dict[Any, Any] = {
    Tasks: delete_writing_tasks,
    Content: delete_contents,
    Images: delete_images,
}
RESTORE: dict[Any, Any] = {
    Tasks: restore_writing_tasks,
    Content: restore_contents,
    Images: restore_images,
}
PATHS: dict[Any, str] = {Tasks: "writing-tasks", Content: "contents", Images: "images"}


def row_of(model: Any, cluster: Clusters) -> Any:
    if model is Tasks:
        return make_content.writing_task(cluster)
    article = make_content.article(cluster.sector, cluster=cluster)
    return article if model is Content else make_content.image(article)


def delete(*rows: Any) -> int:
    ids = [row.pk for row in rows]
    return int(DELETE[type(rows[0])](account=rows[0].account, ids=ids, now=NOW))


def restore(*rows: Any) -> int:
    ids = [row.pk for row in rows]
    return int(RESTORE[type(rows[0])](account=rows[0].account, ids=ids, now=NOW))


def live(*rows: Any) -> list[bool]:
    return [type(row).unscoped.get(pk=row.pk).deleted_at is None for row in rows]


def accepted(cluster: Clusters, **fields: Any) -> tuple[ContentIdeas, Tasks]:
    """An idea that was accepted, and its task."""
    idea = make_planning.idea(cluster, **fields)
    (task,) = create_writing_tasks(account=cluster.account, idea_ids=[idea.pk], now=NOW)
    return idea, task


def status(idea: ContentIdeas) -> str:
    return str(ContentIdeas.unscoped.get(pk=idea.pk).status)


def deleting(row: Any) -> Callable[[], datetime]:
    """A clock: somebody deletes the row between the start of the work and its end."""

    def clock() -> datetime:
        row.soft_delete(now=NOW)
        return NOW

    return clock
