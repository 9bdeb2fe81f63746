"""Ideas follow the keywords that they were made for, and serve those that are there.

Everything here runs in the caller's transaction, with the sector locked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import F, Q, Sum

from igny8_core.business.planning.models import ContentIdeaKeyword, ContentIdeas, Keywords
from igny8_core.business.planning.services.cluster_moves import write_ideas
from igny8_core.business.planning.services.idea_rules import IdeaKeyword, page_groups
from igny8_core.business.planning.states import IdeaSource, IdeaStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector

Place = tuple[int, int]

KEYWORD_COLUMNS = (
    "pk", "keyword", "keyword_norm", "volume", "difficulty", "intent", "intent_source", "page",
    "page_place", "role", "variant",
)  # fmt: skip


class Moved(NamedTuple):
    """A keyword that changed its page: (cluster, page) before and after."""

    before: Place
    after: Place


def keywords_by_cluster(
    *, account: Account, sector_id: int, cluster_ids: Collection[int] | None = None
) -> dict[int, list[IdeaKeyword]]:
    """The live, enabled keywords of clusters, as ideas see them; one query."""
    rows = Keywords.objects.for_account(account).filter(
        sector_id=sector_id, deleted_at=None, is_disabled=False, cluster__isnull=False
    )
    if cluster_ids is not None:
        rows = rows.filter(cluster_id__in=cluster_ids)
    found: dict[int, list[IdeaKeyword]] = {}
    for cluster_id, *values in rows.values_list("cluster_id", *KEYWORD_COLUMNS).iterator():
        found.setdefault(cluster_id, []).append(IdeaKeyword(*values))
    return found


def follow_keywords(
    *,
    account: Account,
    sector: Sector,
    moved: Iterable[Moved],
    takes_all: bool = False,
    now: datetime,
) -> None:
    """Take ideas along when every keyword of their page has left it.

    An idea goes where most of them went. Where another idea serves that page already, one that
    rules or a model made goes into the bin, and a person's own stays in the cluster without a page.

    :param takes_all: queued, written and deleted ideas too: their cluster is about to go.
    """
    went: dict[Place, Counter[Place]] = defaultdict(Counter)
    for one in moved:
        if one.before != one.after:
            went[one.before][one.after] += 1
    left = _left_for_good(account, sector, went)
    rows = ContentIdeas.objects.for_account(account).filter(
        sector=sector, cluster_id__in={cluster_id for cluster_id, _ in left}, page__isnull=False
    )
    if not takes_all:
        rows = rows.filter(status=IdeaStatus.NEW)
    ideas = [
        idea
        for idea in rows.order_by("deleted_at", F("volume").desc(nulls_last=True), "pk")
        if (idea.cluster_id, idea.page) in left
    ]
    targets = {place: _most(went[place]) for place in left}
    taken = _places_with_ideas(account, sector, targets.values(), [idea.pk for idea in ideas])
    wanted: list[list[Any]] = []
    for idea in sorted(ideas, key=lambda i: (i.deleted_at is not None, i.status == IdeaStatus.NEW)):
        cluster_id, page = targets[idea.cluster_id, idea.page]
        is_live = idea.deleted_at is None
        if is_live and (cluster_id, page) in taken:
            is_made = idea.source != IdeaSource.PERSON and idea.status == IdeaStatus.NEW
            wanted.append([idea.pk, cluster_id, None, None, not is_made])
            continue
        if is_live:
            taken.add((cluster_id, page))
        wanted.append([idea.pk, cluster_id, page, None, is_live])
    write_ideas(account=account, rows=wanted, now=now)


def _left_for_good(account: Account, sector: Sector, places: Collection[Place]) -> set[Place]:
    """Those pages that hold no live keyword any more."""
    if not places:
        return set()
    rows = Keywords.objects.for_account(account).filter(
        sector=sector, deleted_at=None, cluster_id__in={cluster_id for cluster_id, _ in places}
    )
    held = set(rows.values_list("cluster_id", "page").distinct())
    return set(places) - held


def _most(places: Counter[Place]) -> Place:
    return min(places, key=lambda place: (-places[place], place))


def _places_with_ideas(
    account: Account, sector: Sector, places: Iterable[Place], but: Collection[int]
) -> set[Place]:
    rows = ContentIdeas.objects.for_account(account).filter(
        sector=sector,
        deleted_at=None,
        cluster_id__in={cluster_id for cluster_id, _ in places},
        page__isnull=False,
    )
    return set(rows.exclude(pk__in=but).values_list("cluster_id", "page"))


@dataclass
class _Fit:
    """What new ideas should serve.

    :ivar wanted: keywords of each idea, its target's candidates first; ``texts`` are theirs.
    :ivar surplus: (idea, cluster, page) of those whose page the hub serves now.
    """

    ideas: dict[int, ContentIdeas]
    wanted: dict[int, list[int]]
    texts: dict[int, str]
    surplus: list[tuple[int, int, int]]


def _fit(
    account: Account,
    sector: Sector,
    cluster_ids: Collection[int],
    keywords: Mapping[int, list[IdeaKeyword]] | None = None,
) -> _Fit:
    rows = ContentIdeas.objects.for_account(account).filter(
        sector=sector,
        cluster_id__in=cluster_ids,
        deleted_at=None,
        status=IdeaStatus.NEW,
        page__isnull=False,
    )
    ideas = {(i.cluster_id, i.page): i for i in rows.exclude(source=IdeaSource.PERSON)}
    if keywords is None:
        keywords = keywords_by_cluster(
            account=account, sector_id=sector.pk, cluster_ids={place[0] for place in ideas}
        )
    fit = _Fit({i.pk: i for i in ideas.values()}, {i.pk: [] for i in ideas.values()}, {}, [])
    for cluster_id in {place[0] for place in ideas}:
        groups = {group.page: group for group in page_groups(keywords.get(cluster_id, []))}
        for page in {k.page for k in keywords.get(cluster_id, [])} - groups.keys():
            if page is not None and (idea := ideas.get((cluster_id, page))):
                fit.surplus.append((idea.pk, cluster_id, page))
                del fit.wanted[idea.pk]
        for page, group in groups.items():
            if idea := ideas.get((cluster_id, page)):
                fit.wanted[idea.pk] = [keyword.pk for keyword in group.keywords]
                fit.texts |= {keyword.pk: keyword.keyword for keyword in group.keywords}
    return fit


def stale_links(
    *,
    account: Account,
    sector: Sector,
    keywords: Mapping[int, list[IdeaKeyword]],
    clusters: Collection[int],
) -> int:
    """How many links :func:`reconcile_ideas` would make or remove."""
    fit = _fit(account, sector, clusters, keywords)
    joining, leaving = _links(account, sector, fit.wanted)
    return len(joining) + len(leaving) + len(fit.surplus)


def reconcile_ideas(
    *, account: Account, sector: Sector, cluster_ids: Collection[int], now: datetime
) -> int:
    """Make new ideas of clusters serve the keywords of their page: some join, some leave. A
    person's own ideas keep the keywords that the person chose.

    A keyword that another live idea serves stays with that one. An idea whose target left takes
    the best keyword that is left; without any it keeps its text. The idea of a page that the hub
    serves now goes into the bin. Repeatable; free of charge.

    :returns: how many ideas changed.
    """
    fit = _fit(account, sector, cluster_ids)
    write_ideas(
        account=account,
        rows=[[pk, cluster_id, page, None, False] for pk, cluster_id, page in fit.surplus],
        now=now,
    )
    joining, leaving = _links(account, sector, fit.wanted)
    ContentIdeaKeyword.objects.for_account(account).filter(pk__in=leaving.values()).delete()
    scope = {"account_id": account.pk, "site_id": sector.site_id, "sector_id": sector.pk}
    ContentIdeaKeyword.unscoped.bulk_create(
        ContentIdeaKeyword(**scope, idea_id=idea_id, keyword_id=keyword_id)
        for idea_id, keyword_id in joining
    )
    changed = {idea_id for idea_id, _ in (*joining, *leaving)}
    _retarget(account, {pk: fit.ideas[pk] for pk in changed}, fit.wanted, fit.texts)
    refresh_volumes(account=account, idea_ids=changed, now=now)
    return len(changed) + len(fit.surplus)


def _links(
    account: Account, sector: Sector, wanted: Mapping[int, list[int]]
) -> tuple[list[tuple[int, int]], dict[tuple[int, int], int]]:
    """((idea, keyword) to be linked, (idea, keyword) -> link to be removed)."""
    keyword_ids = [pk for pks in wanted.values() for pk in pks]
    links = ContentIdeaKeyword.objects.for_account(account).filter(
        Q(idea_id__in=wanted) | Q(keyword_id__in=keyword_ids), sector=sector, idea__deleted_at=None
    )
    held: dict[int, dict[int, int]] = defaultdict(dict)
    served: dict[int, int] = {}
    for pk, idea_id, keyword_id in links.order_by("pk").values_list("pk", "idea_id", "keyword_id"):
        held[idea_id][keyword_id] = pk
        served.setdefault(keyword_id, idea_id)
    leaving = {
        (idea_id, keyword_id): held[idea_id][keyword_id]
        for idea_id in wanted
        for keyword_id in set(held[idea_id]) - set(wanted[idea_id])
    }
    for idea_id, keyword_id in leaving:
        if served.get(keyword_id) == idea_id:
            del served[keyword_id]
    joining = [
        (idea_id, keyword_id)
        for idea_id, pks in wanted.items()
        for keyword_id in pks
        if served.setdefault(keyword_id, idea_id) == idea_id and keyword_id not in held[idea_id]
    ]
    return joining, leaving


def _retarget(
    account: Account,
    ideas: Mapping[int, ContentIdeas],
    wanted: Mapping[int, list[int]],
    texts: Mapping[int, str],
) -> None:
    links = ContentIdeaKeyword.objects.for_account(account).filter(idea_id__in=ideas)
    aimed = set(links.filter(is_target=True).values_list("idea_id", flat=True))
    present = set(links.values_list("idea_id", "keyword_id"))
    for idea_id, idea in sorted(ideas.items()):
        best = next((pk for pk in wanted[idea_id] if (idea_id, pk) in present), None)
        if idea_id in aimed or best is None:
            continue
        links.filter(idea_id=idea_id, keyword_id=best).update(is_target=True)
        idea.target_keyword = texts[best]
        idea.save(update_fields=["target_keyword"])


def retarget_ideas(*, account: Account, targets: Mapping[int, int], now: datetime) -> None:
    """Give ideas the targets that they had, as far as they still serve these keywords."""
    links = ContentIdeaKeyword.objects.for_account(account)
    for idea_id, keyword_id in sorted(targets.items()):
        link = links.filter(idea_id=idea_id, keyword_id=keyword_id, is_target=False).first()
        if link is None:
            continue
        links.filter(idea_id=idea_id, is_target=True).update(is_target=False)
        links.filter(pk=link.pk).update(is_target=True)
        text = Keywords.objects.for_account(account).get(pk=keyword_id).keyword
        ContentIdeas.objects.for_account(account).filter(pk=idea_id).update(
            target_keyword=text, updated_at=now
        )


def refresh_volumes(*, account: Account, idea_ids: Collection[int], now: datetime) -> None:
    """Make the volumes of ideas the sums of their keywords' again."""
    if not idea_ids:
        return
    links = ContentIdeaKeyword.objects.for_account(account).filter(
        idea_id__in=idea_ids, keyword__deleted_at=None
    )
    sums = dict(links.order_by().values_list("idea_id").annotate(total=Sum("keyword__volume")))
    rows = ContentIdeas.objects.for_account(account).filter(pk__in=idea_ids)
    for idea in rows.order_by("pk"):
        if idea.volume != sums.get(idea.pk):
            idea.volume, idea.updated_at = sums.get(idea.pk), now
            idea.save(update_fields=["volume", "updated_at"])
