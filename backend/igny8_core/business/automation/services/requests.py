"""Work that a person asks for outside a run: the same items, kinds and services, served first.

An item is asked for once. While one waits or runs, or failed, for the same row, asking again
returns that one; one that failed is made ready again. Nothing is called and nothing is charged
here: the worker reserves the credits.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services import items
from igny8_core.business.automation.states import IN_FLIGHT, OPEN_ITEM, WorkClass, WorkItemStatus
from igny8_core.business.billing import selectors as billing
from igny8_core.business.billing.services.estimates import WORKS_MAX, Work, estimate
from igny8_core.business.billing.services.prices import quote
from igny8_core.business.content import selectors as content
from igny8_core.business.content.services.generation import words_at_most
from igny8_core.business.content.services.images import retry_image
from igny8_core.business.content.states import ImageStatus, TaskStatus
from igny8_core.business.optimization import selectors as optimizations
from igny8_core.business.optimization.services.optimize_content import GROWTH
from igny8_core.business.optimization.services.requests import (
    create_optimization_task,
    retry_optimization_task,
    take_up_optimization_task,
)
from igny8_core.business.optimization.states import OPEN
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.services.cluster_links import SHARE
from igny8_core.business.planning.services.recluster import check_granularity
from igny8_core.business.planning.states import KeywordStatus
from igny8_core.common.errors import (
    Conflict,
    InsufficientCredits,
    NotFound,
    TransitionNotAllowed,
)
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.optimization.selectors import OptimizationTask

SERVED_FIRST = 1
AGAIN = (WorkItemStatus.FAILED, WorkItemStatus.DEAD)


class NothingToDo(Conflict):
    """No row waits for this work. Nothing was asked for."""

    code = "nothing_to_do"


class OtherOptions(Conflict):
    """The same work waits or runs with other options; ``data['item_id']`` names it."""

    code = "other_options"


@tenant_atomic()
def request_clustering(*, account: Account, sector: Sector, now: datetime) -> WorkItem:
    """Have the keywords of a sector clustered that have no place. Safe to repeat while it waits.

    Whether the credits suffice is looked at here and decided by the worker.

    :raises NothingToDo: every keyword has its place.
    :raises InsufficientCredits: fewer credits are free than it costs.
    """
    wanted = planning.KeywordFilters(status=KeywordStatus.NEW, is_disabled=False)
    keywords = planning.keywords(account=account, sector=sector, filters=wanted)
    count = keywords.filter(is_pinned=False).order_by().count()
    if not count:
        raise NothingToDo("Every keyword of the sector has its place.", sector_id=sector.pk)
    needed = quote(operation="clustering", quantities={"per_items": count}, now=now)
    _check_credits(account, needed)
    return _ask_for_sector(account, sector, "planning.cluster", WorkClass.PLANNING_HEAVY, now)


@tenant_atomic()
def request_rebuild(
    *,
    account: Account,
    sector: Sector,
    topic_tau: float | None = None,
    serp_share: float | None = SHARE,
    now: datetime,
) -> WorkItem:
    """Have a sector clustered anew as a proposal, free of charge. Safe to repeat while it waits.

    The item's ``result_id`` is the proposal.

    :raises InvalidInput: no such granularity or share.
    :raises NothingToDo: no keyword of the sector is in a cluster.
    :raises OtherOptions: one with other options waits.
    """
    check_granularity(topic_tau=topic_tau, serp_share=serp_share)
    mapped = planning.KeywordFilters(status=KeywordStatus.MAPPED, is_disabled=False)
    if not planning.keywords(account=account, sector=sector, filters=mapped).exists():
        raise NothingToDo("There is no cluster yet: cluster the keywords.", sector_id=sector.pk)
    return _ask_for_sector(
        account,
        sector,
        "planning.rebuild",
        WorkClass.PLANNING_HEAVY,
        now,
        options={"topic_tau": topic_tau, "serp_share": serp_share},
    )


@tenant_atomic()
def request_ideas(
    *,
    account: Account,
    sector: Sector,
    cluster_ids: Sequence[int] = (),
    limit: int | None = None,
    by_rules: bool = False,
    now: datetime,
) -> WorkItem:
    """Have ideas made for the pages of a sector's clusters. Safe to repeat while it waits.

    Whether the credits suffice is decided by the worker, which knows how many ideas it makes.

    :param cluster_ids: of these alone; none: of all.
    :param limit: at most so many, of the largest clusters first.
    :param by_rules: worded by rules, whatever model the account has.
    :raises NothingToDo: the sector has no such enabled cluster.
    :raises InsufficientCredits: the credits do not suffice for one idea.
    :raises OtherOptions: one with other options waits.
    """
    clusters = planning.clusters(account=account, sector=sector, is_disabled=False)
    if cluster_ids:
        clusters = clusters.filter(pk__in=cluster_ids)
    if not clusters.exists():
        raise NothingToDo("The sector has no clusters: cluster its keywords.", sector_id=sector.pk)
    _check_credits(account, _cost(account, [Work("idea", {"per_items": 1})], now=now))
    asked = {"cluster_ids": sorted(cluster_ids), "limit": limit, "by_rules": by_rules}
    return _ask_for_sector(
        account,
        sector,
        "planning.ideas",
        WorkClass.AI_TEXT,
        now,
        options={name: value for name, value in asked.items() if value},
    )


@tenant_atomic()
def request_articles(
    *, account: Account, writing_task_ids: Sequence[int], now: datetime
) -> list[WorkItem]:
    """Have the articles of writing tasks written: all of them are asked for, or none.

    Safe to repeat. Whether the credits suffice is looked at here and decided by the worker.

    :returns: the items in the order of ``writing_task_ids``.
    :raises NotFound: a writing task is unknown, deleted, or another account's.
    :raises TransitionNotAllowed: one is written already.
    :raises InsufficientCredits: fewer credits are free than all of them may cost.
    """
    wanted = list(dict.fromkeys(writing_task_ids))
    tasks = content.writing_tasks(account=account).in_bulk(wanted)
    if missing := [pk for pk in wanted if pk not in tasks]:
        raise NotFound("no such writing task", writing_task_id=missing[0])
    for task in tasks.values():
        if task.status != TaskStatus.QUEUED:
            raise TransitionNotAllowed(
                "The article is written already.", writing_task_id=task.pk, source=task.status
            )
    words = Counter(words_at_most(task.target_word_count) for task in tasks.values())
    works = [Work("content", {"per_words": most}, runs) for most, runs in words.items()]
    _check_credits(account, _cost(account, works, now=now))
    return _ask(
        account,
        kind="content.generate",
        related_type="writing_task",
        related_ids=wanted,
        now=now,
    )


@tenant_atomic()
def request_optimization(
    *,
    account: Account,
    content_id: int,
    is_automatic: bool = False,
    is_by_rules: bool = False,
    now: datetime,
) -> int:
    """Have an article made better; a worker does it.

    Whether the credits suffice is looked at here and decided by the worker.

    :param is_automatic: what wins points and loses nothing is accepted without a person.
    :param is_by_rules: no model is asked; it costs nothing.
    :returns: the id of the optimisation: of an earlier one that nobody works on any more, or a
        new one.
    :raises NotFound: no such article.
    :raises Conflict: an earlier one of the article has not ended; ``optimization_task_id`` is it.
    :raises InsufficientCredits: fewer credits are free than it may cost.
    """
    row = optimization_to_do(
        account=account,
        content_id=content_id,
        is_automatic=is_automatic,
        is_by_rules=is_by_rules,
    )
    words = 0 if is_by_rules else row.content.word_count
    _ask_to_optimize(account, int(row.pk), words=words, now=now)
    return int(row.pk)


@tenant_atomic()
def optimization_to_do(
    *, account: Account, content_id: int, is_automatic: bool, is_by_rules: bool
) -> OptimizationTask:
    """An optimisation of the article that waits: one that was left open, or a new one.

    What ended without an item of its own, or whose item gave up, would else be open for ever.

    :raises NotFound: no such article.
    :raises Conflict: an earlier one waits for a worker or has one.
    """
    wanted: dict[str, Any] = {"is_automatic": is_automatic, "is_by_rules": is_by_rules}
    opened = optimizations.optimization_tasks(account=account, content=content_id, status__in=OPEN)
    task_id = opened.values_list("pk", flat=True).first()
    if task_id is not None:
        busy = WorkItem.objects.for_account(account).filter(
            related_type="optimization_task", related_id=task_id, status__in=OPEN_ITEM
        )
        left = (
            None
            if busy.exists()
            else take_up_optimization_task(account=account, optimization_task_id=task_id, **wanted)
        )
        if left is not None:
            return left
    return create_optimization_task(account=account, content_id=content_id, **wanted)


@tenant_atomic()
def request_optimization_again(
    *, account: Account, optimization_task_id: int, now: datetime
) -> None:
    """Have one that failed done again.

    :raises NotFound: no such optimisation.
    :raises TransitionNotAllowed: it has not failed.
    :raises Conflict: another one of the article has not ended.
    :raises InsufficientCredits: fewer credits are free than it may cost.
    """
    row = retry_optimization_task(
        account=account, optimization_task_id=optimization_task_id, now=now
    )
    words = 0 if row.is_by_rules else row.content.word_count
    _ask_to_optimize(account, int(row.pk), words=words, now=now)


def _ask_to_optimize(account: Account, task_id: int, *, words: int, now: datetime) -> None:
    """:param words: of the article; 0: no model is asked, and it costs nothing."""
    if words:
        most = math.ceil(words * GROWTH)
        _check_credits(
            account, _cost(account, [Work("optimization", {"per_words": most})], now=now)
        )
    _ask(
        account,
        kind="content.optimize",
        related_type="optimization_task",
        related_ids=[task_id],
        now=now,
    )


@tenant_atomic()
def request_image(*, account: Account, image_id: int, now: datetime) -> WorkItem:
    """Have an image made: one that is planned, one that failed, or another in its place.

    Safe to repeat while it waits.

    :raises NotFound: no such image.
    :raises TransitionNotAllowed: a person brought the image; drawing would replace it.
    :raises InsufficientCredits: fewer credits are free than it costs.
    """
    image = content.image(account=account, image_id=image_id)
    if image.provenance.get("origin") == "person":
        raise TransitionNotAllowed(
            "The image was uploaded: upload another one.", image_id=image.pk, source=image.status
        )
    _check_credits(account, _cost(account, [Work("image", {"per_images": 1})], now=now))
    if image.status != ImageStatus.PENDING:
        retry_image(account=account, image_id=image.pk, now=now)
    (item,) = _ask(
        account, kind="image.generate", related_type="image", related_ids=[image.pk], now=now
    )
    return item


def _ask_for_sector(  # noqa: PLR0917
    account: Account,
    sector: Sector,
    kind: str,
    work_class: WorkClass,
    now: datetime,
    options: Mapping[str, Any] | None = None,
) -> WorkItem:
    (item,) = _ask(
        account,
        kind=kind,
        related_type="sector",
        related_ids=[sector.pk],
        work_class=work_class,
        options=options or {},
        now=now,
    )
    if item.options != (options or {}):
        raise OtherOptions(
            "The same was asked for with other options: wait for it, or cancel it.",
            item_id=item.pk,
        )
    return item


def _cost(account: Account, works: Sequence[Work], *, now: datetime) -> int:
    """Credits, as the door will reserve them; with a key of its own an account pays a fee alone."""
    return sum(
        estimate(account=account, works=works[start : start + WORKS_MAX], now=now).credits
        for start in range(0, len(works), WORKS_MAX)
    )


def _check_credits(account: Account, needed: int) -> None:
    available = billing.credit_wallet(account=account)
    free = int(available.balance - available.held)
    if free < needed:
        raise InsufficientCredits("not enough credits", available=free, needed=needed)


def _ask(
    account: Account,
    *,
    kind: str,
    related_type: str,
    related_ids: Sequence[int],
    work_class: WorkClass = WorkClass.INTERACTIVE,
    options: Mapping[str, Any] | None = None,
    now: datetime,
) -> list[WorkItem]:
    """An item for each row: the one that is open, the last one again, or a new one.

    One that failed is not done again with other options.
    """
    rows = WorkItem.objects.for_account(account).filter(
        kind=kind, related_type=related_type, related_id__in=related_ids
    )
    last = {item.related_id: item for item in rows.filter(run=None).order_by("pk")}
    of_runs = rows.filter(run__isnull=False, status__in=IN_FLIGHT)
    underway = {item.related_id: item for item in of_runs.order_by("pk")}
    found: dict[int, int] = {}
    new: dict[str, list[int]] = {}
    for related_id in related_ids:
        item = last.get(related_id)
        is_again = item is not None and item.status in AGAIN and item.options == (options or {})
        if item is not None and (is_again or item.status in OPEN_ITEM):
            found[related_id] = item.pk
        elif related_id in underway:
            found[related_id] = underway[related_id].pk
        else:  # two requests at once see the same last item, so they make the same key
            new.setdefault(f"after{item.pk}" if item else "", []).append(related_id)
    for key, ids in new.items():
        made = items.create_items(
            account=account,
            kind=kind,
            related_type=related_type,
            related_ids=ids,
            work_class=work_class,
            priority=SERVED_FIRST,
            idempotency_key=key,
            options=options,
            now=now,
        )
        found |= dict(zip(ids, made, strict=True))
    items.hint_dispatch()
    failed = {item.pk for item in last.values() if item.status in AGAIN}
    items.retry_items(account=account, item_ids=failed & set(found.values()))
    by_id = WorkItem.objects.for_account(account).in_bulk(list(found.values()))
    return [by_id[found[related_id]] for related_id in related_ids]
