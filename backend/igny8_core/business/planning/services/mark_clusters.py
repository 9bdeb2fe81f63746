"""What a person says of clusters, pages and keywords: locks, roles, targets, pins."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from igny8_core.business.planning.models import Keywords
from igny8_core.business.planning.services.cluster_pages import by_page
from igny8_core.business.planning.services.editing import editing, locked_clusters
from igny8_core.business.planning.services.manual_clusters import FLAGS
from igny8_core.business.planning.services.page_rows import live_keywords
from igny8_core.business.planning.services.sector_locks import lock_sector, lock_sectors_of
from igny8_core.business.planning.states import ClusterRole, EditKind
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.planning.models import ClusterEdit

MAX_CLUSTERS_AT_ONCE = 500
MAX_KEYWORDS_AT_ONCE = 20_000


@tenant_atomic()
def flag_clusters(
    *,
    account: Account,
    cluster_ids: Collection[int],
    is_locked: bool | None = None,
    is_disabled: bool | None = None,
    now: datetime,
) -> ClusterEdit:
    """Lock, unlock, disable or enable clusters of one sector.

    A locked cluster keeps its name, keywords and pages in every run; a rebuild may propose keywords
    that join it. A disabled one takes part in nothing.

    :param is_locked: None leaves it as it is; so does ``is_disabled``.
    :raises NotFound: a cluster is unknown.
    :raises InvalidInput: nothing to change, no cluster, too many, or of two sectors.
    """
    wanted = {"is_locked": is_locked, "is_disabled": is_disabled}
    changes = {name: value for name, value in wanted.items() if value is not None}
    if not changes or not 1 <= len(cluster_ids) <= MAX_CLUSTERS_AT_ONCE:
        raise InvalidInput(
            f"name a flag and between 1 and {MAX_CLUSTERS_AT_ONCE} clusters", cluster_ids=[]
        )
    clusters = locked_clusters(account=account, cluster_ids=sorted(set(cluster_ids)))
    with editing(
        account=account,
        sector=clusters[0].sector,
        kind=EditKind.FLAGS,
        clusters=clusters,
        is_deep=False,
        allows_locked=True,
        now=now,
    ) as edit:
        for cluster in clusters:
            for name, value in changes.items():
                setattr(cluster, name, value)
            cluster.updated_at = now
            cluster.save(update_fields=[*changes, "updated_at"])
        done = " and ".join(FLAGS[change] for change in changes.items()).capitalize()
        count = len(clusters)
        what = f"\u201c{clusters[0].name}\u201d" if count == 1 else f"{count} clusters"
        edit.summary = f"{done} {what}"
    return edit.saved


@tenant_atomic()
def set_page_role(
    *,
    account: Account,
    cluster_id: int,
    page: int,
    role: ClusterRole,
    now: datetime,
) -> ClusterEdit:
    """Say what part a page plays. A new hub takes the place of the old one, which supports it then.

    :raises NotFound: unknown cluster, or a page that it does not have.
    :raises InvalidInput: the hub cannot be made something else: choose another page as the hub.
    """
    (cluster,) = locked_clusters(account=account, cluster_ids=[cluster_id])
    pages = by_page(live_keywords(account=account, cluster_ids=[cluster_id]))
    if page not in pages:
        raise NotFound("no such page", cluster_id=cluster_id, page=page)
    was_hub = pages[page][0].role == ClusterRole.HUB
    if was_hub and role is not ClusterRole.HUB:
        raise InvalidInput(
            "A cluster needs a hub: choose another page as the hub.", role=["choose another hub"]
        )
    with editing(
        account=account,
        sector=cluster.sector,
        kind=EditKind.ROLE,
        clusters=[cluster],
        allows_locked=True,
        now=now,
    ) as edit:
        changed = [replace(k, role=role.value) for k in pages[page]]
        if role is ClusterRole.HUB:
            changed += [
                replace(k, role=ClusterRole.SUPPORTING.value)
                for number, members in pages.items()
                for k in members
                if number != page and k.role == ClusterRole.HUB
            ]
        edit.place(changed)
        target = pages[page][0].keyword
        edit.summary = f"Made \u201c{target}\u201d {role.value} in \u201c{cluster.name}\u201d"
    return edit.saved


@tenant_atomic()
def set_target_keyword(*, account: Account, keyword_id: int, now: datetime) -> ClusterEdit:
    """Make a keyword the target of its page.

    :raises NotFound: unknown keyword.
    :raises InvalidInput: it has no page.
    """
    lock_sectors_of(Keywords, account=account, ids=[keyword_id])
    (keyword,) = live_keywords(account=account, keyword_ids=[keyword_id])
    if keyword.cluster_id is None or keyword.page is None:
        raise InvalidInput("The keyword has no page yet.", keyword_id=["has no page"])
    (cluster,) = locked_clusters(account=account, cluster_ids=[keyword.cluster_id])
    members = by_page(live_keywords(account=account, cluster_ids=[cluster.pk]))[keyword.page]
    with editing(
        account=account,
        sector=cluster.sector,
        kind=EditKind.ROLE,
        clusters=[cluster],
        allows_locked=True,
        now=now,
    ) as edit:
        ordered = [keyword, *(k for k in members if k.pk != keyword.pk)]
        edit.place([replace(k, page_place=place) for place, k in enumerate(ordered)])
        edit.summary = f"Made \u201c{keyword.keyword}\u201d the target of its page"
    return edit.saved


@tenant_atomic()
def pin_keywords(
    *,
    account: Account,
    sector: Sector,
    keyword_ids: Collection[int],
    is_pinned: bool,
    now: datetime,
) -> ClusterEdit:
    """Pin keywords where they are, or let runs place them again.

    A pinned keyword stays in its cluster whatever is rebuilt; one without a cluster stays without.

    :raises NotFound: a keyword is unknown, deleted, or of another sector.
    :raises InvalidInput: none, or too many.
    """
    if not 1 <= len(keyword_ids) <= MAX_KEYWORDS_AT_ONCE:
        raise InvalidInput(f"between 1 and {MAX_KEYWORDS_AT_ONCE:,} keywords", keyword_ids=[])
    lock_sector(account=account, sector_id=sector.pk)
    keywords = live_keywords(account=account, keyword_ids=keyword_ids, sector=sector)
    with editing(
        account=account,
        sector=sector,
        kind=EditKind.PIN,
        clusters=[],
        keyword_ids=keyword_ids,
        is_deep=False,
        now=now,
    ) as edit:
        edit.place(keywords, is_pinned=is_pinned)
        word = "Pinned" if is_pinned else "Unpinned"
        count = len(keywords)
        what = f"\u201c{keywords[0].keyword}\u201d" if count == 1 else f"{count:,} keywords"
        edit.summary = f"{word} {what}"
    return edit.saved
