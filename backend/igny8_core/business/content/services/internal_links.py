"""Links between articles of a site: only to candidates of the brief, by id. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from igny8_core.business.content.services.article_blocks import (
    ArticleLink,
    Block,
    ParagraphBlock,
    article_links,
    blocks_word_count,
    links_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from igny8_core.business.content.services.brief import LinkCandidate

WORDS_PER_LINK: Final = 100
MAX_LINKS: Final = 10


@dataclass(frozen=True)
class FoundLink:
    """Where a block could link to another article.

    :ivar block: place of the block in the text, from 0.
    :ivar anchor: as the text writes it.
    """

    content_id: int
    block: int
    anchor: str
    role: str


def find_links(
    blocks: Sequence[Block], candidates: Sequence[LinkCandidate], *, room: int | None = None
) -> list[FoundLink]:
    """The first mention of each candidate that may become a link; hubs first, one a paragraph.

    At most one link for every hundred words of the article, those that it has included. What is
    linked already is not linked again.

    :param room: how many at most; by default what the article's length allows.
    """
    has = [link for block in blocks for link in article_links(block)]
    if room is None:
        room = min(MAX_LINKS, blocks_word_count(blocks) // WORDS_PER_LINK) - len(has)
    linked = {link.content_id for link in has}
    taken = {place for place, block in enumerate(blocks) if links_of(block)}
    found: list[FoundLink] = []
    for candidate in sorted(candidates, key=lambda c: c.role != "hub"):
        if len(found) >= room:
            break
        if candidate.content_id in linked:
            continue
        for place, block in enumerate(blocks):
            anchor = _mention(block, candidate) if place not in taken else ""
            if anchor:
                found.append(FoundLink(candidate.content_id, place, anchor, candidate.role))
                taken.add(place)
                break
    return found


def with_found(blocks: Sequence[Block], found: Iterable[FoundLink]) -> tuple[Block, ...]:
    """The blocks with these links."""
    linked = list(blocks)
    for one in found:
        block = linked[one.block]
        if isinstance(block, ParagraphBlock):
            link = ArticleLink(content_id=one.content_id, anchor=one.anchor)
            linked[one.block] = block.model_copy(update={"links": (*block.links, link)})
    return tuple(linked)


def with_links(blocks: Sequence[Block], candidates: Sequence[LinkCandidate]) -> tuple[Block, ...]:
    """Link the first mention of each candidate's keyword; hubs first, one link a paragraph.

    At most one link for every hundred words. A candidate that is not mentioned gets none.
    """
    return with_found(blocks, find_links(blocks, candidates))


def with_hub(
    blocks: Sequence[Block], candidates: Sequence[LinkCandidate], *, read_more: str
) -> tuple[Block, ...]:
    """A last paragraph that leads to the topic's hub, where the text does not link to it yet.

    Only to a hub that readers can open: its address is known.

    :param read_more: what stands before its title.
    """
    hub = next((c for c in candidates if c.role == "hub" and c.is_published), None)
    linked = {link.content_id for block in blocks for link in article_links(block)}
    if hub is None or hub.content_id in linked:
        return tuple(blocks)
    ending = "" if hub.title.endswith(("?", "!", ".")) else "."
    link = ArticleLink(content_id=hub.content_id, anchor=hub.title)
    text = f"{read_more} {hub.title}{ending}"
    return (*blocks, ParagraphBlock(id=f"b{len(blocks) + 1}", text=text, links=(link,)))


def _mention(block: Block, candidate: LinkCandidate) -> str:
    """The candidate's keyword as the paragraph writes it; empty when it does not, or has a link."""
    if not isinstance(block, ParagraphBlock) or block.links:
        return ""
    for phrase in (candidate.keyword, candidate.title):
        found = phrase and re.search(
            rf"(?<!\w){re.escape(phrase)}(?!\w)", block.text, re.IGNORECASE
        )
        if found:
            return found[0]
    return ""
