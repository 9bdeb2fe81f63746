"""Links between articles of a site: suggested where one mentions another, and put in.

A new article changes what older ones can link to. Suggestions run both ways: from the article to
others, and from others to it. Only the words that are there become links; nothing is rewritten.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from igny8_core.business.content import selectors
from igny8_core.business.content.errors import VersionConflict
from igny8_core.business.content.models import Content, ContentClusterMap
from igny8_core.business.content.services.article_blocks import (
    article_links,
    parse_blocks,
    render_html,
    stored_blocks,
)
from igny8_core.business.content.services.brief import LinkCandidate
from igny8_core.business.content.services.editing import save_version
from igny8_core.business.content.services.internal_links import FoundLink, find_links, with_found
from igny8_core.business.content.states import ContentSource, ContentStatus, VersionReason
from igny8_core.business.planning.states import ClusterRole
from igny8_core.common.errors import InvalidInput, NotFound, StaleState
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account

RELATED_MAX: Final = 200
"""Other articles that are looked at: of the cluster first, then of the sector, newest first."""

SUGGESTED_MAX: Final = 50


@dataclass(frozen=True)
class SuggestedLink:
    """One link that could be set.

    :ivar source_id: the article that would link; ``target_id`` the one that it would lead to.
    :ivar source_version: of the article that would link, when this was found.
    :ivar block_id: the block with the mention.
    :ivar text: the paragraph as it stands.
    :ivar reason: to_hub, from_hub, same_cluster or same_sector.
    """

    source_id: int
    source_title: str
    source_version: int
    target_id: int
    target_title: str
    block_id: str
    anchor: str
    text: str
    reason: str


@tenant_atomic()
def suggest_links(*, account: Account, content_id: int) -> list[SuggestedLink]:
    """Where an article could link to others of its sector, and others to it. Writes nothing.

    Only articles of blocks can link: HTML is turned into them first (``reparse_content``).

    :raises NotFound: no such article.
    """
    return links_of(account, selectors.content(account=account, content_id=content_id))


def links_of(account: Account, row: Content) -> list[SuggestedLink]:
    """The same for an article that was read already; in the open block."""
    related = _related(account, row)
    hubs = _hubs(account, [row.pk, *(other.pk for other in related)])
    found = _from_one(row, related, hubs)
    for other in related:
        if len(found) >= SUGGESTED_MAX:
            break
        found += _from_one(other, [row], hubs)
    found.sort(key=lambda one: (_ORDER.index(one.reason), one.source_id != row.pk, one.target_id))
    return found[:SUGGESTED_MAX]


@tenant_atomic()
def insert_links(
    *,
    account: Account,
    content_id: int,
    target_ids: Collection[int] | None = None,
    version: int | None = None,
    user_id: int | None = None,
    now: datetime,
) -> Content:
    """Set the links that an article could have, as its next version. Its words stay.

    So does its approval: what a reviewer read is what it says. Safe to repeat: a link that is
    there is not set again, and without a new one there is no new version.

    :param target_ids: of the articles to link to; None for all that are suggested.
    :param version: the version that the editor read; None means the stored one.
    :raises NotFound: no such article, or a target is unknown or deleted.
    :raises InvalidInput: a target is of another site, or is the article itself.
    :raises VersionConflict: another version is stored; nothing was written.
    """
    row = selectors.content(account=account, content_id=content_id)
    if version is not None and row.version != version:
        raise VersionConflict("another version is stored", version=row.version)
    targets = _related(account, row)
    if target_ids is not None:
        targets = _chosen(account, row, target_ids)
    if not row.blocks:
        return row
    hubs = _hubs(account, [target.pk for target in targets])
    blocks = parse_blocks(row.blocks)
    found = find_links(blocks, _candidates(targets, hubs))
    if not found:
        return row
    linked = with_found(blocks, found)
    return save_version(
        account,
        row,
        version=row.version,
        columns={"blocks": stored_blocks(linked), "html": render_html(linked)},
        reason=VersionReason.LINKED,
        user_id=user_id,
        now=now,
        keeps_approval=True,
    )


@tenant_atomic()
def link_to_new(*, account: Account, content_id: int, now: datetime) -> list[int]:
    """Let published articles that mention a new one link to it: related content has appeared.

    Articles from elsewhere and those of HTML stay as they are, and so does one that somebody
    changes at this moment: a link is no reason to fail a deployment.

    :returns: the articles that have a new version, with the link.
    :raises NotFound: no such article.
    """
    row = selectors.content(account=account, content_id=content_id)
    changed = []
    for other in _related(account, row):
        if other.status != ContentStatus.PUBLISHED or other.source != ContentSource.IGNY8:
            continue
        if not _may_mention(other, row):
            continue
        with suppress(VersionConflict, StaleState, NotFound):  # a person is at it: theirs goes
            before = other.version
            after = insert_links(account=account, content_id=other.pk, target_ids=[row.pk], now=now)
            if after.version != before:
                changed.append(after.pk)
    return changed


def _may_mention(other: Content, row: Content) -> bool:
    """A quick look before blocks are read."""
    phrases = [row.primary_keyword.casefold(), row.title.casefold()]
    texts = (str(block.get("text", "")).casefold() for block in other.blocks)
    return any(phrase in text for text in texts for phrase in phrases if phrase)


_ORDER: Final = ("to_hub", "from_hub", "same_cluster", "same_sector")


def _related(account: Account, row: Content) -> list[Content]:
    """Other articles of the sector, of the same cluster first."""
    rows = Content.objects.for_account(account).filter(LIVE, sector_id=row.sector_id)
    rows = rows.exclude(pk=row.pk).exclude(primary_keyword="").order_by("-pk")
    columns = (
        "title", "primary_keyword", "cluster_id", "status", "source", "version", "blocks",
        "sector_id", "site_id",
    )  # fmt: skip
    rows = rows.only("account_id", *columns)
    same = list(rows.filter(cluster_id=row.cluster_id)[:RELATED_MAX]) if row.cluster_id else []
    room = RELATED_MAX - len(same)
    others = rows.exclude(pk__in=[other.pk for other in same])[:room] if room else ()
    return [*same, *others]


def _chosen(account: Account, row: Content, target_ids: Collection[int]) -> list[Content]:
    wanted = list(dict.fromkeys(target_ids))
    live = Content.objects.for_account(account).filter(LIVE, pk__in=wanted)
    found = {target.pk: target for target in live.defer("html", "blocks", "provenance")}
    if missing := [pk for pk in wanted if pk not in found]:
        raise NotFound("no such content", content_id=missing[0])
    strange = [t.title for t in found.values() if t.site_id != row.site_id or t.pk == row.pk]
    if strange:
        raise InvalidInput(
            "an article links to others of its site",
            targets=[f"{title} is no other article of the site" for title in strange],
        )
    return [found[pk] for pk in wanted]


def _hubs(account: Account, ids: Sequence[int]) -> set[int]:
    maps = ContentClusterMap.objects.for_account(account).filter(
        content_id__in=ids, role=ClusterRole.HUB
    )
    return {pk for pk in maps.values_list("content_id", flat=True) if pk is not None}


def _candidates(targets: Sequence[Content], hubs: Collection[int]) -> list[LinkCandidate]:
    return [
        LinkCandidate(
            content_id=target.pk,
            title=target.title,
            keyword=target.primary_keyword,
            role=ClusterRole.HUB.value if target.pk in hubs else "",
            is_published=target.status == ContentStatus.PUBLISHED,
        )
        for target in targets
    ]


def _from_one(
    source: Content, targets: Sequence[Content], hubs: Collection[int]
) -> list[SuggestedLink]:
    """The links that one article could set."""
    if not source.blocks:
        return []
    blocks = parse_blocks(source.blocks)
    by_id = {target.pk: target for target in targets}
    linked = {link.content_id for block in blocks for link in article_links(block)}
    open_ones = [target for target in targets if target.pk not in linked]
    return [
        _suggested(source, by_id[link.content_id], link, hubs)
        for link in find_links(blocks, _candidates(open_ones, hubs))
    ]


def _suggested(
    source: Content, target: Content, link: FoundLink, hubs: Collection[int]
) -> SuggestedLink:
    block = source.blocks[link.block]
    is_same = source.cluster_id is not None and source.cluster_id == target.cluster_id
    if target.pk in hubs:
        reason = "to_hub"
    elif source.pk in hubs:
        reason = "from_hub"
    else:
        reason = "same_cluster" if is_same else "same_sector"
    return SuggestedLink(
        source_id=source.pk,
        source_title=source.title,
        source_version=source.version,
        target_id=target.pk,
        target_title=target.title,
        block_id=str(block["id"]),
        anchor=link.anchor,
        text=str(block.get("text", "")),
        reason=reason,
    )
