"""What a person makes of clusters: merge, split, move, gather.

Every later run respects it: keywords that a person placed are pinned. Each edit can be undone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from igny8_core.business.planning.cluster_selectors import base_build
from igny8_core.business.planning.services.cluster_build import run_settings
from igny8_core.business.planning.services.cluster_names import MAX_NAME_LENGTH
from igny8_core.business.planning.services.cluster_pages import arrive, whole_pages
from igny8_core.business.planning.services.editing import (
    Editing,
    check_name,
    editing,
    is_in_use,
    live_clusters,
    locked_clusters,
    next_page,
    unused_name,
)
from igny8_core.business.planning.services.page_rows import live_keywords
from igny8_core.business.planning.services.sector_locks import lock_sector
from igny8_core.business.planning.states import ClusterSource, EditKind
from igny8_core.common.errors import InvalidInput
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.planning.models import ClusterEdit, Clusters
    from igny8_core.business.planning.services.cluster_pages import PageKeyword

MAX_CLUSTERS_AT_ONCE = 500
MAX_KEYWORDS_AT_ONCE = 20_000
MAX_PARTS = 50


@dataclass(frozen=True)
class Part:
    """A new cluster that some keywords of another become.

    :ivar name: empty: the best keyword's.
    """

    keyword_ids: Sequence[int]
    name: str = ""


@tenant_atomic()
def merge_clusters(
    *,
    account: Account,
    cluster_id: int,
    other_ids: Collection[int],
    name: str = "",
    carry: Callable[[Mapping[int, int]], Mapping[str, Any]],
    now: datetime,
) -> ClusterEdit:
    """Put the keywords, pages and ideas of other clusters into one; the others go into the bin.

    The pages stay pages, behind those of the cluster. All its keywords are pinned, so that no
    rebuild takes the merger apart. ``content.services.carry_clusters`` calls this.

    :param carry: moves what other domains hang on the clusters, called inside the transaction with
        the new cluster of each old one; returns what an undo needs, as JSON.
    :raises NotFound: a cluster is unknown, deleted or another account's.
    :raises InvalidInput: nothing to merge, too many, or clusters of two sectors.
    :raises ClusterLocked: one of them is locked.
    :raises ClusterNameTaken: another cluster has that name.
    """
    others = sorted(set(other_ids) - {cluster_id})
    if not 1 <= len(others) <= MAX_CLUSTERS_AT_ONCE:
        raise InvalidInput(f"between 1 and {MAX_CLUSTERS_AT_ONCE} other clusters", other_ids=[])
    target, *merged = locked_clusters(account=account, cluster_ids=[cluster_id, *others])
    with editing(
        account=account,
        sector=target.sector,
        kind=EditKind.MERGE,
        clusters=[target, *merged],
        now=now,
    ) as edit:
        keywords = live_keywords(account=account, cluster_ids=[cluster_id, *others])
        present = [k for k in keywords if k.cluster_id == cluster_id]
        coming = [k for k in keywords if k.cluster_id != cluster_id]
        edit.place([*present, *_arriving(edit, target, present, coming, ())], is_pinned=True)
        replaced = dict.fromkeys(others, cluster_id)
        edit.follow(replaced=replaced)
        edit.carried = carry(replaced)
        for cluster in merged:
            edit.bin(cluster)
        if name:
            edit.rename(target, check_name(name))
        edit.summary = f"Merged {_listed(merged)} into {_quoted(target.name)}"
    return edit.saved


@tenant_atomic()
def split_cluster(
    *,
    account: Account,
    cluster_id: int,
    parts: Sequence[Part],
    now: datetime,
) -> ClusterEdit:
    """Make new clusters of some of a cluster's keywords; the rest stays, and so do its contents.

    Whole pages take their new ideas along. All keywords concerned are pinned, so that no rebuild
    puts them together again.

    :raises NotFound: unknown cluster.
    :raises InvalidInput: no part, too many, an empty one, a keyword in two, one of another cluster,
        or nothing left in the cluster.
    :raises ClusterLocked: it is locked.
    :raises ClusterNameTaken: another cluster has the name of a part.
    """
    (source,) = locked_clusters(account=account, cluster_ids=[cluster_id])
    keywords = {k.pk: k for k in live_keywords(account=account, cluster_ids=[cluster_id])}
    _check_parts(parts, keywords)
    with editing(
        account=account,
        sector=source.sector,
        kind=EditKind.SPLIT,
        clusters=[source],
        now=now,
    ) as edit:
        going = {pk for part in parts for pk in part.keyword_ids}
        left = [k for pk, k in keywords.items() if pk not in going]
        placed: list[PageKeyword] = [*left]
        made = []
        for part in parts:
            members = [keywords[pk] for pk in dict.fromkeys(part.keyword_ids)]
            cluster = _create(edit, part.name, members)
            placed += _arriving(edit, cluster, (), members, _but(keywords, part.keyword_ids))
            made.append(cluster)
        edit.place(placed, is_pinned=True)
        edit.follow()
        edit.summary = f"Split {_listed(made)} from {_quoted(source.name)}"
    return edit.saved


@tenant_atomic()
def move_keywords_to(
    *,
    account: Account,
    sector: Sector,
    keyword_ids: Collection[int],
    cluster_id: int | None,
    holds_out: bool = True,
    now: datetime,
) -> ClusterEdit:
    """Move keywords into a cluster, or out of every cluster. They are pinned where they are put.

    In the cluster they join the page that they read like, or make pages of their own. A cluster
    that is left without keywords, ideas and contents goes into the bin.

    :param cluster_id: None takes them out.
    :param holds_out: of those taken out: no run will place them; False: the next one may.
    :raises NotFound: a keyword or the cluster is unknown, deleted, or of another sector.
    :raises InvalidInput: no keyword, or too many.
    :raises ClusterLocked: a cluster concerned is locked.
    """
    if not 1 <= len(keyword_ids) <= MAX_KEYWORDS_AT_ONCE:
        raise InvalidInput(f"between 1 and {MAX_KEYWORDS_AT_ONCE:,} keywords", keyword_ids=[])
    lock_sector(account=account, sector_id=sector.pk)
    target: Clusters | None = None
    if cluster_id is not None:
        (target,) = live_clusters(account=account, cluster_ids=[cluster_id], sector=sector)
    coming = live_keywords(account=account, keyword_ids=keyword_ids, sector=sector)
    sources = sorted({k.cluster_id for k in coming if k.cluster_id and k.cluster_id != cluster_id})
    clusters = live_clusters(account=account, cluster_ids=sources) if sources else []
    with editing(
        account=account,
        sector=sector,
        kind=EditKind.MOVE,
        clusters=[*clusters, *([target] if target else [])],
        keyword_ids=[k.pk for k in coming],
        now=now,
    ) as edit:
        arrivals = [k for k in coming if k.cluster_id != cluster_id]
        stays = [k for k in coming if k.cluster_id == cluster_id]
        if target is None:
            edit.take_out(arrivals + stays, is_pinned=holds_out)
        else:
            held = live_keywords(account=account, cluster_ids=[*sources, target.pk])
            present = [k for k in held if k.cluster_id == target.pk]
            rest = _but({k.pk: k for k in held}, [k.pk for k in arrivals])
            placed = _arriving(edit, target, present, arrivals, rest, takes_pages=False)
            edit.place([*placed, *stays], is_pinned=True)
        edit.follow()
        for cluster in clusters:
            if edit.is_empty(cluster) and not is_in_use(account, cluster):
                edit.bin(cluster)
        where = f"to {_quoted(target.name)}" if target else "out of their clusters"
        what = _quoted(coming[0].keyword) if len(coming) == 1 else f"{len(coming):,} keywords"
        edit.summary = f"Moved {what} {where}"
    return edit.saved


@tenant_atomic()
def gather_cluster(
    *, account: Account, sector: Sector, name: str, keyword_ids: Collection[int], now: datetime
) -> Clusters:
    """A cluster of a person's own, of keywords that are pinned to it.

    :raises InvalidInput: no name, no keyword, or too many.
    :raises ClusterNameTaken: another cluster has that name.
    :raises NotFound: a keyword is unknown, deleted, or of another sector.
    :raises ClusterLocked: a keyword's cluster is locked.
    """
    if not 1 <= len(keyword_ids) <= MAX_KEYWORDS_AT_ONCE:
        raise InvalidInput(f"between 1 and {MAX_KEYWORDS_AT_ONCE:,} keywords", keyword_ids=[])
    lock_sector(account=account, sector_id=sector.pk)
    coming = live_keywords(account=account, keyword_ids=keyword_ids, sector=sector)
    sources = sorted({k.cluster_id for k in coming if k.cluster_id})
    clusters = live_clusters(account=account, cluster_ids=sources) if sources else []
    with editing(
        account=account,
        sector=sector,
        kind=EditKind.CREATE,
        clusters=clusters,
        keyword_ids=[k.pk for k in coming],
        now=now,
    ) as edit:
        made = _create(edit, check_name(name), coming)
        held = live_keywords(account=account, cluster_ids=sources) if sources else []
        rest = _but({k.pk: k for k in held}, [k.pk for k in coming])
        edit.place(_arriving(edit, made, (), coming, rest), is_pinned=True)
        edit.follow()
        edit.summary = f"Created {_quoted(made.name)}"
    made.refresh_from_db()
    return made


def _check_parts(parts: Sequence[Part], keywords: Mapping[int, PageKeyword]) -> None:
    if not 1 <= len(parts) <= MAX_PARTS:
        raise InvalidInput(f"between 1 and {MAX_PARTS} parts", parts=[])
    chosen = [pk for part in parts for pk in dict.fromkeys(part.keyword_ids)]
    if any(not part.keyword_ids for part in parts):
        raise InvalidInput("a part without keywords", parts=["each part needs a keyword"])
    if len(set(chosen)) != len(chosen):
        raise InvalidInput("a keyword is in two parts", parts=["name each keyword once"])
    if foreign := [pk for pk in chosen if pk not in keywords]:
        raise InvalidInput("a keyword is not in this cluster", parts=[f"not in it: {foreign[0]}"])
    if len(chosen) == len(keywords):
        raise InvalidInput(
            "nothing would be left", parts=["leave a keyword in the cluster, or rename it"]
        )


def _create(edit: Editing, name: str, members: Sequence[PageKeyword]) -> Clusters:
    """A new cluster under its own name, or that of its best keyword."""
    best = [k.keyword for k in sorted(members, key=lambda k: k.order)]
    chosen = check_name(name) if name else unused_name(edit.account, edit.sector, best)
    return edit.create(chosen[:MAX_NAME_LENGTH], source=ClusterSource.PERSON)


def _arriving(
    edit: Editing,
    target: Clusters,
    present: Sequence[PageKeyword],
    coming: Sequence[PageKeyword],
    left_behind: Collection[PageKeyword],
    *,
    takes_pages: bool = True,
) -> list[PageKeyword]:
    """Newcomers with their places in the target.

    :param takes_pages: a page of one keyword stays one, however it reads.
    """
    pages, single = whole_pages(coming, left_behind)
    if not takes_pages:
        single += [keyword for page in pages for keyword in page if len(page) == 1]
        pages = [page for page in pages if len(page) > 1]
    build = base_build(account=edit.account, sector_id=edit.sector.pk) if single else None
    settings = run_settings(site=edit.sector.site, build=build, serp_share=None)
    return arrive(
        present,
        pages,
        single,
        cluster_id=target.pk,
        next_page=next_page(edit.account, target),
        language=settings.language,
        known=settings.known,
    )


def _but(keywords: Mapping[int, PageKeyword], keyword_ids: Collection[int]) -> list[PageKeyword]:
    gone = set(keyword_ids)
    return [keyword for pk, keyword in keywords.items() if pk not in gone]


def _quoted(name: str) -> str:
    return f"\u201c{name}\u201d"


def _listed(clusters: Sequence[Clusters]) -> str:
    shown = ", ".join(_quoted(cluster.name) for cluster in clusters[:3])
    return shown + (f" and {len(clusters) - 3} more" if len(clusters) > len("abc") else "")
