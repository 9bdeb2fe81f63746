"""Writing tasks, articles and images into the bin, out of it, and for good.

What goes along, what stays and what stands in the way is a table in ``docs/domains/content.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from igny8_core.business.content.errors import StillPublished
from igny8_core.business.content.models import Content, Images, Tasks
from igny8_core.business.content.services.image_files import remove_files
from igny8_core.business.content.services.slugs import lock_slugs
from igny8_core.business.content.states import ContentStatus, TaskStatus
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.services.queue_ideas import queue_ideas, release_ideas
from igny8_core.business.planning.services.sector_locks import hold_cluster
from igny8_core.business.planning.states import IdeaStatus
from igny8_core.common.errors import Conflict, NotFound
from igny8_core.common.soft_delete import (
    IN_BIN,
    Bin,
    lock_rows,
    move_to_bin,
    purge_bins,
    take_out_of_bin,
)
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.common.tenancy.context import HasKey

TASK_COLUMNS = ("account_id", "status", "idea_id", "cluster_id")
CONTENT_COLUMNS = ("account_id", "site_id", "status", "cluster_id")


@tenant_atomic()
def delete_writing_tasks(*, account: Account, ids: Sequence[int], now: datetime) -> int:
    """Put writing tasks into the bin: all of them or none. Their articles stay.

    The idea of a task that was not written is new again, and can be accepted anew.

    :returns: how many went; those in the bin already do not count.
    :raises NotFound: an id is unknown; nothing was changed.
    """
    rows = lock_rows(Tasks, account=account, ids=ids, columns=TASK_COLUMNS)
    ideas = _ideas_of([row for row in rows if not row.is_deleted])
    release_ideas(account=account, idea_ids=ideas, now=now)
    return move_to_bin(Tasks, account=account, ids=ids, now=now)


@tenant_atomic()
def restore_writing_tasks(*, account: Account, ids: Sequence[int], now: datetime) -> int:
    """Take writing tasks out of the bin: all of them or none.

    A task that was not written takes its idea back.

    :returns: how many came back.
    :raises NotFound: an id is unknown; nothing was changed.
    :raises PlaceTaken: another task was made of the same idea; ``in_the_way`` is its id.
    :raises Conflict: its cluster or its idea is in the bin, or its idea was written otherwise.
    """
    rows = lock_rows(Tasks, account=account, ids=ids, columns=TASK_COLUMNS)
    back = [row for row in rows if row.is_deleted]
    _hold_clusters(account, back)
    ideas = _ideas_of(back)
    _check_ideas(account, ideas)
    restored = take_out_of_bin(Tasks, account=account, ids=ids, now=now)
    queue_ideas(account=account, idea_ids=list(ideas), now=now)
    return restored


@tenant_atomic()
def delete_contents(*, account: Account, ids: Sequence[int], now: datetime) -> int:
    """Put articles into the bin: all of them or none.

    Their images, versions, cluster maps, attributes, categories and tags stay attached to them:
    they are hidden, and come back with them. The writing task stays written.

    :returns: how many went; those in the bin already do not count.
    :raises NotFound: an id is unknown; nothing was changed.
    :raises StillPublished: visitors see one of them; nothing was changed.
    """
    rows = lock_rows(Content, account=account, ids=ids, columns=CONTENT_COLUMNS)
    if live := [row.pk for row in rows if row.status == ContentStatus.PUBLISHED]:
        raise StillPublished(
            "Take a published article down first: visitors see it.",
            content_id=live[0],
            ids=[f"{pk} is published" for pk in live],
        )
    return move_to_bin(Content, account=account, ids=ids, now=now)


@tenant_atomic()
def restore_contents(*, account: Account, ids: Sequence[int], now: datetime) -> int:
    """Take articles out of the bin with all that hangs on them: all of them or none.

    :returns: how many came back.
    :raises NotFound: an id is unknown; nothing was changed.
    :raises PlaceTaken: another article has the slug, or stands for the same external row;
        ``in_the_way`` is its id.
    :raises Conflict: its cluster is in the bin; ``cluster_id`` says which.
    """
    sites = Content.objects.for_account(account).filter(pk__in=ids).order_by("site_id")
    for site_id in sites.values_list("site_id", flat=True).distinct():
        lock_slugs(account, site_id)
    rows = lock_rows(Content, account=account, ids=ids, columns=CONTENT_COLUMNS)
    _hold_clusters(account, [row for row in rows if row.is_deleted and row.cluster_id])
    return take_out_of_bin(Content, account=account, ids=ids, now=now)


@tenant_atomic()
def delete_images(*, account: Account, ids: Sequence[int], now: datetime) -> int:
    """Put images into the bin: all of them or none. Their files stay until they are purged.

    :returns: how many went; those in the bin already do not count.
    :raises NotFound: an id is unknown; nothing was changed.
    """
    lock_rows(Images, account=account, ids=ids, columns=("account_id",))
    return move_to_bin(Images, account=account, ids=ids, now=now)


@tenant_atomic()
def restore_images(*, account: Account, ids: Sequence[int], now: datetime) -> int:
    """Take images out of the bin: all of them or none.

    :returns: how many came back.
    :raises NotFound: an id is unknown; nothing was changed.
    :raises PlaceTaken: another image of the type has the position; ``in_the_way`` is its id.
    :raises Conflict: what it hangs on is in the bin.
    """
    back = Images.objects.for_account(account).filter(IN_BIN, pk__in=ids)
    of_articles = back.filter(content__isnull=False).values_list("content_id", flat=True)
    of_tasks = back.filter(content=None).values_list("task_id", flat=True)
    for model, parents in ((Content, set(of_articles)), (Tasks, set(of_tasks))):
        held = lock_rows(model, account=account, ids=parents, columns=("account_id",))
        if deleted := [parent.pk for parent in held if parent.is_deleted]:
            raise Conflict(
                f"The {model.noun} of the image is in the bin: restore it first.",
                **{f"{model.noun.replace(' ', '_')}_id": deleted[0]},
            )
    lock_rows(Images, account=account, ids=ids, columns=("account_id",))
    return take_out_of_bin(Images, account=account, ids=ids, now=now)


def purge_deleted(*, now: datetime) -> dict[str, int]:
    """Remove for good what has been in the bin for longer than the account keeps it.

    An article goes with its versions, images, maps and attributes, once nothing that visitors see
    stands on it. Files go after the commit. Bounded; the next run goes on.

    :returns: how many rows of each model went.
    """
    return purge_bins(BINS, now=now)


def _hold_clusters(account: Account, rows: Sequence[Tasks | Content]) -> None:
    """What comes back stands on its cluster again: that must be live, and stay so."""
    needed = {row.cluster_id: row for row in rows}
    for cluster_id in sorted(pk for pk in needed if pk is not None):
        try:
            hold_cluster(account=account, cluster_id=cluster_id)
        except NotFound:
            row = needed[cluster_id]
            raise Conflict(
                f"The cluster of this {row.noun} is in the bin: restore it first.",
                row_id=row.pk,
                cluster_id=cluster_id,
                cluster=[f"The cluster {cluster_id} is in the bin."],
            ) from None


def _ideas_of(rows: Sequence[Tasks]) -> dict[int, Tasks]:
    """The tasks that wait to be written, by the ideas that they were made of."""
    waiting = (row for row in rows if row.status == TaskStatus.QUEUED)
    return {row.idea_id: row for row in waiting if row.idea_id is not None}


def _check_ideas(account: Account, wanted: Mapping[int, Tasks]) -> None:
    """Say why a task cannot have its idea back; whether another task has it is seen later."""
    found = planning.ideas(account=account, pk__in=list(wanted)).in_bulk() if wanted else {}
    for idea_id, row in wanted.items():
        if idea_id not in found:
            message = f"The idea {idea_id} is in the bin: restore it first."
        elif found[idea_id].status == IdeaStatus.COMPLETED:
            message = f"The idea {idea_id} was written meanwhile."
        else:
            continue
        raise Conflict(message, row_id=row.pk, idea_id=idea_id, idea=[message])


# --- Files of what goes for good


def _files_of_images(account: HasKey, ids: Sequence[int]) -> None:
    _remove_later(account, Images.objects.for_account(account).filter(pk__in=ids))


def _files_of_articles(account: HasKey, ids: Sequence[int]) -> None:
    _remove_later(account, Images.objects.for_account(account).filter(content_id__in=ids))


def _files_of_tasks(account: HasKey, ids: Sequence[int]) -> None:
    rows = Images.objects.for_account(account).filter(task_id__in=ids, content=None)
    _remove_later(account, rows)


def _remove_later(account: HasKey, rows: Any) -> None:
    """Once the rows are gone for sure. A file that another image names stays."""
    paths: set[str] = set()
    for path, variants in rows.values_list("path", "variants"):
        paths |= {path, *(str(file.get("path", "")) for file in variants)}
    if paths - {""}:
        account_id = account.pk
        transaction.on_commit(
            lambda: remove_files(account_id=account_id, paths=paths - {""}), robust=True
        )


BINS = (
    Bin(Images, before_delete=_files_of_images),
    Bin(Content, parts=(Images,), before_delete=_files_of_articles),
    Bin(Tasks, parts=(Images,), before_delete=_files_of_tasks),
)
"""In this order: images point at articles and tasks, articles at tasks."""
