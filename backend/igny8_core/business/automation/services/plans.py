"""The seven stages: which rows of a site wait for each, and which kind of item does them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from igny8_core.auth import selectors as accounts
from igny8_core.business.automation.states import WorkClass
from igny8_core.business.content import selectors as content
from igny8_core.business.content.states import ContentStatus, ImageStatus, TaskStatus
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.states import ClusterStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from django.db.models import QuerySet

    from igny8_core.auth.models import Account, Sector, Site


@dataclass(frozen=True, slots=True)
class Plan:
    """One stage.

    :param waiting: ids of the site's rows that wait, above a cursor, in order, up to a limit.
        Called inside the account's block.
    """

    name: str
    kind: str
    work_class: str
    related_type: str
    waiting: Callable[[Account, int, int, int], list[int]]


def _next(rows: QuerySet[Any], after: int, limit: int) -> list[int]:
    above = rows.filter(pk__gt=after).order_by("pk")
    return list(above.values_list("pk", flat=True)[:limit])


def _sectors(
    has_work: Callable[[Account, Sector], QuerySet[Any]],
) -> Callable[[Account, int, int, int], list[int]]:
    """Sectors in which something waits."""

    def waiting(account: Account, site_id: int, after: int, limit: int) -> list[int]:
        site = accounts.site(account=account, site_id=site_id)
        sectors = accounts.sectors(account=account, site=site).filter(pk__gt=after, is_active=True)
        found = (
            sector.pk
            for sector in sectors.order_by("pk")
            if has_work(account, sector).order_by().exists()
        )
        return list(islice(found, limit))

    return waiting


def _of_site(
    rows: Callable[[Account, Site], QuerySet[Any]],
) -> Callable[[Account, int, int, int], list[int]]:
    """Rows of the site itself."""

    def waiting(account: Account, site_id: int, after: int, limit: int) -> list[int]:
        site = accounts.site(account=account, site_id=site_id)
        return _next(rows(account, site), after, limit)

    return waiting


def _new_keywords(account: Account, sector: Sector) -> QuerySet[Any]:
    return planning.unclustered_keywords(account=account, sector=sector)


def _new_clusters(account: Account, sector: Sector) -> QuerySet[Any]:
    return planning.clusters(account=account, sector=sector, status=ClusterStatus.NEW)


def _new_ideas(account: Account, site_id: int, after: int, limit: int) -> list[int]:
    site = accounts.site(account=account, site_id=site_id)
    found: list[int] = []
    for sector in accounts.sectors(account=account, site=site).filter(is_active=True):
        ideas = planning.open_ideas(account=account, sector=sector)
        found += _next(ideas, after, limit)
    return sorted(found)[:limit]


def _queued_tasks(account: Account, site: Site) -> QuerySet[Any]:
    return content.writing_tasks(account=account, site=site, status=TaskStatus.QUEUED)


def _drafts(account: Account, site: Site) -> QuerySet[Any]:
    return content.contents(account=account, site=site, status=ContentStatus.DRAFT)


def _planned_images(account: Account, site: Site) -> QuerySet[Any]:
    return content.images(account=account, site=site, status=ImageStatus.PENDING)


PLANS: dict[int, Plan] = {
    1: Plan(
        "keywords to clusters",
        "planning.cluster",
        WorkClass.PLANNING_HEAVY,
        "sector",
        _sectors(_new_keywords),
    ),
    2: Plan(
        "clusters to ideas", "planning.ideas", WorkClass.AI_TEXT, "sector", _sectors(_new_clusters)
    ),
    3: Plan("ideas to tasks", "content.plan", WorkClass.CONTROL, "idea", _new_ideas),
    4: Plan(
        "tasks to content",
        "content.generate",
        WorkClass.AI_TEXT,
        "writing_task",
        _of_site(_queued_tasks),
    ),
    5: Plan(
        "content to image prompts",
        "content.plan_images",
        WorkClass.CONTROL,
        "content",
        _of_site(_drafts),
    ),
    6: Plan(
        "prompts to images",
        "image.generate",
        WorkClass.AI_IMAGE,
        "image",
        _of_site(_planned_images),
    ),
    7: Plan(
        "hand over to review", "content.submit", WorkClass.CONTROL, "content", _of_site(_drafts)
    ),
}
"""By stage number."""
