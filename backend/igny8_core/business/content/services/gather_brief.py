"""The brief of a writing task, read from what the planner and the site know. One read block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import F, Q

from igny8_core.ai.errors import NoTextModel
from igny8_core.ai.registry import text_provider
from igny8_core.auth import selectors as identity
from igny8_core.business.content import selectors
from igny8_core.business.content.models import Content, ContentAttribute, ContentClusterMap, Tasks
from igny8_core.business.content.services.brief import (
    DEMO_MAX_WORDS,
    MAX_KEYWORDS,
    MAX_LINKS,
    Brief,
    BriefKeyword,
    LinkCandidate,
    make_brief,
    plain,
)
from igny8_core.business.content.services.image_settings import images_wanted
from igny8_core.business.content.services.outline import Section, make_outline
from igny8_core.business.content.states import ContentStatus, TaskStatus
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.states import ClusterRole
from igny8_core.common.errors import NotFound
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from igny8_core.auth.models import Account, Site

ATTRIBUTES_MAX = 12
VOICE_LENGTH = 1_000
RULE_LENGTH = 300


@dataclass(frozen=True)
class Assignment:
    """A writing task that waits, with its brief."""

    task: Tasks
    brief: Brief
    site_name: str


@tenant_atomic()
def gather_assignment(
    *, account: Account, writing_task_id: int, is_demo: bool
) -> Assignment | Content:
    """What is to be written; or the article, when it is written already.

    :param is_demo: the demo model will write: in English, and not too much.
    :raises NotFound: no such writing task, or its article was deleted.
    """
    task = selectors.writing_task(account=account, writing_task_id=writing_task_id)
    written = selectors.content_of_task(account=account, writing_task_id=task.pk)
    if written is not None:
        return written
    if task.status != TaskStatus.QUEUED:
        raise NotFound("the article of this writing task is gone", writing_task_id=task.pk)
    return _assignment(account, task, is_demo=is_demo)


def _assignment(account: Account, task: Tasks, *, is_demo: bool) -> Assignment:
    site = identity.site(account=account, site_id=task.site_id)
    sector = identity.sector(account=account, sector_id=task.sector_id)
    keywords = _keywords(account, task)
    lines = [line.strip() for line in task.keywords.splitlines() if line.strip()]
    known = {keyword.text.casefold() for keyword in keywords}
    keywords += [BriefKeyword(line) for line in lines if line.casefold() not in known]
    plan = _plan(account, task)
    keywords += [BriefKeyword(text) for text in plan.questions if text.casefold() not in known]
    target = min(task.target_word_count, DEMO_MAX_WORDS) if is_demo else task.target_word_count
    brief = make_brief(
        title=task.title,
        cluster_name=task.cluster.name,
        keywords=keywords,
        primary=lines[0] if lines else "",
        role=_role(account, task),
        content_type=task.content_type,
        structure=task.content_structure,
        industry=f"{site.industry.slug} {sector.industry_sector.slug}",
        target_words=target,
        language="en" if is_demo else site.language.partition("-")[0].lower(),
        voice=plain(str(site.settings.get("voice") or ""))[:VOICE_LENGTH],
        planned_headings=() if is_demo else plan.headings,
        attributes=_attributes(account, task),
        links=_links(account, task),
        rules=_lines(site.settings.get("rules")),
        avoid=_lines(site.settings.get("avoid")),
        notes=task.description,
        images=images_wanted(site.settings, words=target),
        category=task.taxonomy.name if task.taxonomy else "",
    )
    return Assignment(task=task, brief=brief, site_name=site.name)


@dataclass(frozen=True)
class ShownBrief:
    """What a writer would get now.

    :ivar is_demo: whether the built-in demo model would write.
    """

    brief: Brief
    outline: tuple[Section, ...]
    is_demo: bool


@tenant_atomic()
def show_brief(*, account: Account, writing_task_id: int) -> ShownBrief:
    """The brief and the outline of a writing task, as a writer would get them now.

    :raises NotFound: no such writing task.
    """
    try:
        is_demo = text_provider(account).capabilities.is_demo
    except NoTextModel:
        is_demo = False
    task = selectors.writing_task(account=account, writing_task_id=writing_task_id)
    found = _assignment(account, task, is_demo=is_demo)
    return ShownBrief(found.brief, make_outline(found.brief), is_demo)


def told_of(*, account: Account, site: Site, row: Content) -> Brief | None:
    """What the writer of an article is told, for those who review it; in the open block.

    Without what a writer needs beside it: outline, candidates for links, room for pictures.

    :param row: with its writing task and its cluster.
    :returns: None for an article that no writing task asked for.
    """
    task = row.task
    if task is None:
        return None
    keywords = _keywords(account, task)
    lines = [line.strip() for line in task.keywords.splitlines() if line.strip()]
    known = {keyword.text.casefold() for keyword in keywords}
    keywords += [BriefKeyword(line) for line in lines if line.casefold() not in known]
    return make_brief(
        title=task.title,
        cluster_name=row.cluster.name if row.cluster else task.title,
        keywords=keywords,
        primary=lines[0] if lines else "",
        role=_role(account, task),
        content_type=task.content_type,
        structure=task.content_structure,
        target_words=task.target_word_count,
        language=site.language.partition("-")[0].lower(),
        voice=plain(str(site.settings.get("voice") or ""))[:VOICE_LENGTH],
        attributes=_attributes(account, task),
        rules=_lines(site.settings.get("rules")),
        avoid=_lines(site.settings.get("avoid")),
        notes=task.description,
    )


def _lines(setting: Any) -> list[str]:
    """A list of texts, or a text with one a line; as people write settings."""
    lines = setting if isinstance(setting, list) else str(setting or "").splitlines()
    return [str(line)[:RULE_LENGTH] for line in lines]


def _role(account: Account, task: Tasks) -> str:
    """What people said that the task is to its cluster, the strongest; else its own role."""
    maps = ContentClusterMap.objects.for_account(account).filter(
        task=task, cluster_id=task.cluster_id
    )
    said = set(maps.values_list("role", flat=True))
    return next((role.value for role in ClusterRole if role in said), task.role)


def _keywords(account: Account, task: Tasks) -> list[BriefKeyword]:
    """The idea's keywords; of a task without an idea the cluster's."""
    found: Iterable[Any] = ()
    if task.idea_id is not None:
        found = planning.idea_keywords(account=account, idea_ids=[task.idea_id])[task.idea_id]
    if not found:
        found = planning.cluster_keywords(account=account, cluster_id=task.cluster_id).filter(
            is_disabled=False
        )[:MAX_KEYWORDS]
    return [BriefKeyword(row.keyword, row.volume, row.intent) for row in found]


@dataclass(frozen=True)
class _Plan:
    """What an idea's outline says: headings with their keyword, and questions."""

    headings: tuple[tuple[str, str], ...] = ()
    questions: tuple[str, ...] = ()


def _plan(account: Account, task: Tasks) -> _Plan:
    if task.idea_id is None:
        return _Plan()
    try:
        outline = planning.idea(account=account, idea_id=task.idea_id).outline
    except NotFound:  # deleted meanwhile: the task stands on its own
        return _Plan()
    headings: list[tuple[str, str]] = []
    questions: list[str] = []
    for entry in outline:
        questions += [str(question) for question in entry.get("questions", ())]
        if entry.get("heading") and not entry.get("questions"):
            keyword = next(iter(entry.get("keywords", ())), "")
            headings.append((str(entry["heading"]), str(keyword)))
    return _Plan(tuple(headings), tuple(questions))


def _attributes(account: Account, task: Tasks) -> list[tuple[str, str]]:
    of_cluster = Q(cluster_id=task.cluster_id, task=None, content=None)
    rows = ContentAttribute.objects.for_account(account).filter(Q(task=task) | of_cluster)
    both = rows.order_by(F("task").asc(nulls_last=True), "pk")[: 2 * ATTRIBUTES_MAX]
    stated = {row.name: f"{row.value} {row.unit}".strip() for row in reversed(list(both))}
    return list(stated.items())[:ATTRIBUTES_MAX]


def _links(account: Account, task: Tasks) -> list[LinkCandidate]:
    """Other articles of the sector, of the same cluster first."""
    rows = Content.objects.for_account(account).filter(LIVE, sector_id=task.sector_id)
    rows = rows.exclude(primary_keyword="")
    same = rows.filter(cluster_id=task.cluster_id).order_by("-pk")[:MAX_LINKS]
    others = rows.exclude(cluster_id=task.cluster_id).order_by("-pk")[:MAX_LINKS]
    found = [*same, *others][:MAX_LINKS]
    maps = ContentClusterMap.objects.for_account(account).filter(
        content_id__in=[row.pk for row in found], role=ClusterRole.HUB
    )
    hubs = set(maps.values_list("content_id", flat=True))
    return [
        LinkCandidate(
            content_id=row.pk,
            title=row.title,
            keyword=row.primary_keyword,
            role=ClusterRole.HUB.value if row.pk in hubs else "",
            is_published=row.status == ContentStatus.PUBLISHED,
        )
        for row in found
    ]
