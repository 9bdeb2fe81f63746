"""A stored article as the scorer takes it: its page, and the target that it is scored against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db.models import Q

from igny8_core.business.content import selectors
from igny8_core.business.content.models import (
    Content,
    ContentAttribute,
    ContentClusterMap,
    SitePage,
)
from igny8_core.business.content.services.scoring_document import PageImage, PageInput
from igny8_core.business.content.services.scoring_links import ARTICLE_LINK
from igny8_core.business.content.services.scoring_target import (
    Target,
    TargetAttribute,
    TargetKeyword,
    most_used,
)
from igny8_core.business.content.services.serp_samples import profile_of, serp_of
from igny8_core.business.content.states import ImageStatus
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.states import ClusterRole
from igny8_core.common.soft_delete import LIVE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from igny8_core.auth.models import Account

MAX_KEYWORDS: Final = 500
MAX_ATTRIBUTES: Final = 60
MAX_HUBS: Final = 20
MAX_LINKS: Final = 500


@dataclass(frozen=True)
class Scorable:
    """An article with all that its score depends on."""

    row: Content
    page: PageInput
    target: Target


def gather_scorable(*, account: Account, content_id: int) -> Scorable:
    """Read an article and its target; nothing is written.

    :raises NotFound: no such article.
    """
    row = selectors.content(account=account, content_id=content_id)
    return Scorable(row, page_of(account, row), target_of(account, row))


def page_of(account: Account, row: Content) -> PageInput:
    """What the page of an article shows."""
    images = selectors.content_images(account=account, content=row)
    made = images.filter(status=ImageStatus.GENERATED)
    return PageInput(
        title=row.title,
        html=row.html,
        language=row.language,
        meta_title=row.meta_title,
        meta_description=row.meta_description,
        slug=row.slug,
        images=tuple(PageImage(alt) for alt in made.values_list("alt", flat=True)),
    )


def target_of(account: Account, row: Content) -> Target:
    """What an article is to reach: keywords of its page, facts, role, and its place on the site."""
    role = _role(account, row)
    known = _cluster_keywords(account, row)
    primary, keywords = _choose(row, known, is_hub=role == ClusterRole.HUB)
    linked = {int(found) for found in ARTICLE_LINK.findall(row.html)}
    articles = Content.objects.for_account(account).filter(LIVE, site_id=row.site_id)
    task = row.task
    serp_terms, serp_documents = serp_of(account, row.cluster_id)
    return Target(
        primary=primary.text if primary else "",
        primary_volume=primary.volume if primary else None,
        keywords=tuple(keywords),
        attributes=_attributes(account, row),
        role=role,
        content_type=row.content_type,
        target_words=task.target_word_count if task is not None else None,
        own_hosts=tuple(sorted({row.site.domain.lower().removeprefix("www.")} - {""})),
        hub_ids=_hubs(account, row),
        known_ids=tuple(
            articles.filter(pk__in=sorted(linked)[:MAX_LINKS])
            .exclude(pk=row.pk)
            .order_by("pk")
            .values_list("pk", flat=True)
        ),
        same_keyphrase=_same_keyphrase(account, row, primary.text) if primary else 0,
        serp_terms=serp_terms,
        serp_documents=serp_documents,
        profile=profile_of(row.site.settings),
    )


@dataclass(frozen=True)
class _Known:
    """A keyword of the cluster."""

    keyword: TargetKeyword
    page: int | None
    is_head: bool


def _role(account: Account, row: Content) -> str:
    maps = ContentClusterMap.objects.for_account(account).filter(
        content=row, cluster_id=row.cluster_id
    )
    return maps.order_by("pk").values_list("role", flat=True).first() or ""


def _cluster_keywords(account: Account, row: Content) -> list[_Known]:
    if row.cluster_id is None:
        return []
    rows = planning.cluster_keywords(account=account, cluster_id=row.cluster_id)
    found = rows.filter(is_disabled=False).values_list("keyword", "volume", "page", "page_place")
    return [
        _Known(TargetKeyword(text, volume), page, page is not None and place == 0)
        for text, volume, page, place in found[:MAX_KEYWORDS]
    ]


def _choose(
    row: Content, known: list[_Known], *, is_hub: bool
) -> tuple[TargetKeyword | None, list[TargetKeyword]]:
    """The primary keyword, and the others: those of its page of the cluster.

    A hub page takes the heads of the other pages too. An article outside of a cluster has the
    keywords that it names itself.
    """
    by_text = {one.keyword.text.casefold(): one for one in known}
    wanted = row.primary_keyword.strip() or _first_line(row)
    if wanted:
        own = by_text.get(wanted.strip("\"'").casefold())
        primary: TargetKeyword | None = TargetKeyword(wanted, own.keyword.volume if own else None)
    else:
        primary = most_used(one.keyword for one in known)
        own = by_text.get(primary.text.casefold()) if primary else None
    if primary is None:
        return None, []
    page = own.page if own else None
    kept: Iterable[_Known] = known
    if page is not None:
        kept = [one for one in known if one.page == page or (is_hub and one.is_head)]
    others = [one.keyword for one in kept if one is not own]
    if not known:
        others = [TargetKeyword(str(text)) for text in row.secondary_keywords]
    return primary, others


def _first_line(row: Content) -> str:
    if row.task is None:
        return ""
    return next((line.strip() for line in row.task.keywords.splitlines() if line.strip()), "")


def _attributes(account: Account, row: Content) -> tuple[TargetAttribute, ...]:
    """Of the article, its writing task and its cluster; the nearest of one name holds."""
    hangs = Q(content=row)
    if row.task_id is not None:
        hangs |= Q(content=None, task_id=row.task_id)
    if row.cluster_id is not None:
        hangs |= Q(content=None, task=None, cluster_id=row.cluster_id)
    rows = ContentAttribute.objects.for_account(account).filter(hangs).exclude(value="")
    ranked = sorted(
        rows.order_by("pk")[:MAX_ATTRIBUTES],
        key=lambda a: (a.content_id is None, a.task_id is None, a.pk),
    )
    nearest: dict[str, TargetAttribute] = {}
    for a in ranked:
        nearest.setdefault(
            a.name.casefold(), TargetAttribute(a.attribute_type, a.name, a.value, a.unit)
        )
    return tuple(nearest.values())


def _hubs(account: Account, row: Content) -> tuple[int, ...]:
    if row.cluster_id is None:
        return ()
    maps = ContentClusterMap.objects.for_account(account).filter(
        cluster_id=row.cluster_id,
        role=ClusterRole.HUB,
        content__isnull=False,
        content__deleted_at=None,
    )
    ids = maps.exclude(content=row).order_by("content_id").values_list("content_id", flat=True)
    return tuple(dict.fromkeys(ids[:MAX_HUBS]))


def _same_keyphrase(account: Account, row: Content, primary: str) -> int:
    """Other articles of the site, and pages that are none of them, that aim at the keyword."""
    articles = Content.objects.for_account(account).filter(
        LIVE, site_id=row.site_id, primary_keyword__iexact=primary
    )
    pages = SitePage.objects.for_account(account).filter(
        site_id=row.site_id, focus_keyword__iexact=primary, content=None, is_canonical=True
    )
    return articles.exclude(pk=row.pk).count() + pages.count()
