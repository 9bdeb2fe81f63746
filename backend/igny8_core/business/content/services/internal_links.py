"""Links between articles of a site: only to candidates of the brief, by id. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from igny8_core.business.content.services.article_blocks import (
    ArticleLink,
    Block,
    ParagraphBlock,
    blocks_word_count,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from igny8_core.business.content.services.brief import LinkCandidate

WORDS_PER_LINK: Final = 100
MAX_LINKS: Final = 10


def with_links(blocks: Sequence[Block], candidates: Sequence[LinkCandidate]) -> tuple[Block, ...]:
    """Link the first mention of each candidate's keyword; hubs first, one link a paragraph.

    At most one link for every hundred words. A candidate that is not mentioned gets none.
    """
    room = min(MAX_LINKS, blocks_word_count(blocks) // WORDS_PER_LINK)
    linked = list(blocks)
    for candidate in sorted(candidates, key=lambda c: c.role != "hub"):
        if room <= 0:
            break
        for place, block in enumerate(linked):
            anchor = _mention(block, candidate)
            if isinstance(block, ParagraphBlock) and anchor:
                link = ArticleLink(content_id=candidate.content_id, anchor=anchor)
                linked[place] = block.model_copy(update={"links": (link,)})
                room -= 1
                break
    return tuple(linked)


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
