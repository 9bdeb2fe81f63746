"""Written sections made into one article: blocks, HTML, fields and provenance. Pure.

The same sections give the same article.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.content.services.article_blocks import (
    Block,
    FaqBlock,
    HeadingBlock,
    ImageBlock,
    ListBlock,
    ParagraphBlock,
    Question,
    blocks_word_count,
    render_html,
    stored_blocks,
    texts,
)
from igny8_core.business.content.services.internal_links import with_hub, with_links
from igny8_core.business.content.services.outline import as_heading
from igny8_core.business.content.services.section_words import section_words
from igny8_core.business.content.services.seo_fields import (
    excerpt,
    make_slug,
    meta_description,
    meta_title,
)
from igny8_core.business.content.services.text_measures import word_count
from igny8_core.business.content.snapshots import DEMO_LABEL
from igny8_core.business.planning.states import ClusterRole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from igny8_core.business.content.services.brief import Brief
    from igny8_core.business.content.services.write_sections import Origin, WrittenSection

PROVENANCE_VERSION: Final = 1
TAGS_MAX: Final = 4
READ_MORE: Final = "Read more:"


@dataclass(frozen=True)
class Article:
    """An article before it is stored.

    :ivar slug: wanted; whether it is free is seen when it is stored.
    :ivar provenance: where each block comes from, and what made the fields.
    """

    title: str
    blocks: tuple[Block, ...]
    html: str
    word_count: int
    slug: str
    meta_title: str
    meta_description: str
    excerpt: str
    primary_keyword: str
    secondary_keywords: tuple[str, ...]
    language: str
    provenance: dict[str, Any]

    @property
    def stored_blocks(self) -> list[dict[str, Any]]:
        """The blocks as JSON."""
        return stored_blocks(self.blocks)


def assemble(brief: Brief, written: Sequence[WrittenSection], *, site_name: str) -> Article:
    """Put the sections together, link them, and fill in what search engines are told."""
    drafted = [pair for section in written for pair in _blocks_of(section)]
    named = [
        (block.model_copy(update={"id": f"b{place}"}), origins)
        for place, (block, origins) in enumerate(drafted, start=1)
    ]
    named = with_image_places(named, brief.images)
    blocks = with_links([block for block, _ in named], brief.links)
    if brief.role == ClusterRole.SUPPORTING:
        words = section_words(brief.language)
        read_more = words.read_more if words else READ_MORE
        blocks = with_hub(blocks, brief.links, read_more=read_more)
    named += [(block, ()) for block in blocks[len(named) :]]
    paragraphs = [block.text for block in blocks if isinstance(block, ParagraphBlock)]
    headings = [s.section.heading for s in written if s.section.kind == "body"]
    return Article(
        title=brief.title,
        blocks=blocks,
        html=render_html(blocks),
        word_count=blocks_word_count(blocks),
        slug=make_slug(brief.title, brief.primary, brief.cluster_name),
        meta_title=meta_title(brief, site_name=site_name),
        meta_description=meta_description(
            brief, headings=headings, opening=paragraphs[0] if paragraphs else brief.title
        ),
        excerpt=excerpt(paragraphs[:1]),
        primary_keyword=brief.primary,
        secondary_keywords=brief.secondary,
        language=brief.language,
        provenance=_provenance(brief, named),
    )


def with_image_places(
    named: Sequence[tuple[Block, tuple[Origin, ...]]], count: int
) -> list[tuple[Block, tuple[Origin, ...]]]:
    """Places for pictures, spread over the sections: each stands at the end of one.

    Not in the introduction, and not behind the last section.
    """
    starts = [n for n, (block, _) in enumerate(named) if isinstance(block, HeadingBlock)][1:]
    count = min(count, len(starts))
    chosen = {starts[len(starts) * turn // count]: turn for turn in range(count)}
    found: list[tuple[Block, tuple[Origin, ...]]] = []
    for number, pair in enumerate(named):
        if number in chosen:
            position = chosen[number]
            found.append((ImageBlock(id=f"image-{position}", position=position), ()))
        found.append(pair)
    return found


def _blocks_of(written: WrittenSection) -> list[tuple[Block, tuple[Origin, ...]]]:
    """The blocks of one section, unnumbered, each with its origins."""
    section, parts = written.section, written.parts
    if section.kind == "faq" and not section.items:
        return []
    found: list[tuple[Block, tuple[Origin, ...]]] = []
    if section.heading:
        found.append((HeadingBlock(id="b", text=section.heading), ()))
    if section.kind == "faq":
        items = tuple(
            Question(question=question, answer=part.text)
            for question, part in zip(section.items, parts, strict=True)
        )
        origins = tuple(part.origin for part in parts)
        return [*found, (FaqBlock(id="b", items=items), origins)]
    found += [(ParagraphBlock(id="b", text=part.text), (part.origin,)) for part in parts]
    if section.kind == "list":
        items_ = tuple(as_heading(item) for item in section.items)
        found.append((ListBlock(id="b", items=items_), ()))
    return found


def _provenance(brief: Brief, named: Sequence[tuple[Block, tuple[Origin, ...]]]) -> dict[str, Any]:
    by_block: dict[str, Any] = {}
    spoken: Counter[str] = Counter()
    models: dict[tuple[str, str], None] = {}
    prompts: dict[str, None] = {}
    is_demo = False
    for block, origins in named:
        for text, origin in zip(_spoken(block), origins, strict=False):
            spoken[origin.kind] += word_count(text)
        for origin in origins:
            if origin.kind == "model":
                models[origin.provider, origin.model] = None
                prompts[origin.prompt] = None
                is_demo = is_demo or origin.is_demo
        stored = [origin.as_json() for origin in origins] or [{"origin": "rules"}]
        by_block[block.id] = stored[0] if len(set(map(str, stored))) == 1 else {"parts": stored}
    return {
        "version": PROVENANCE_VERSION,
        "origin": "model" if models else "rules",
        "is_demo": is_demo,
        "label": DEMO_LABEL if is_demo else "",
        "models": [{"provider": provider, "model": model} for provider, model in models],
        "prompts": list(prompts),
        "words": dict(sorted(spoken.items())),
        "blocks": by_block,
        "fields": {"origin": "rules"},
        "suggestions": {
            "category": as_heading(brief.cluster_name),
            "tags": [as_heading(text) for text in brief.secondary[:TAGS_MAX]],
        },
    }


def _spoken(block: Block) -> list[str]:
    """A text for each origin of a block: an answer counts with its question."""
    if isinstance(block, FaqBlock):
        return [f"{item.question} {item.answer}" for item in block.items]
    return [" ".join(texts(block))]
