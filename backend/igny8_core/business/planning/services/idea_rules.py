"""Ideas from what a cluster's keywords say, by rules alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from igny8_core.business.planning.services.idea_texts import (
    idea_title,
    is_question,
    outline,
    worded_structure,
)
from igny8_core.business.planning.services.language_words import language_words
from igny8_core.business.planning.states import (
    STRUCTURE_WORDS,
    ClusterRole,
    ContentStructure,
    ContentType,
    Intent,
    IntentSource,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

HUB_PAGES = 3
WORDS_PER_KEYWORD, MAX_KEYWORD_WORDS = 60, 600
WORDS_PER_PAGE, MAX_PAGE_WORDS = 100, 800
WORDS_STEP = 50
EASY, HARD = 30, 60

_TYPES = {
    ContentStructure.HUB: ContentType.PAGE,
    ContentStructure.LOCAL: ContentType.PAGE,
}


@dataclass(frozen=True, slots=True)
class IdeaKeyword:
    """A keyword of a page, as far as ideas go."""

    pk: int
    keyword: str
    norm: str
    volume: int | None
    difficulty: float | None
    intent: str
    intent_source: str
    page: int | None
    page_place: int
    role: str
    variant: int | None = None


@dataclass(frozen=True)
class IdeaDraft:
    """An idea before it is stored.

    :ivar keyword_ids: the target first; ``keywords`` are their texts.
    """

    cluster_id: int
    page: int
    role: str
    title: str
    description: str
    content_type: str
    content_structure: str
    target_keyword: str
    intent: str
    volume: int | None
    estimated_words: int
    reason: str
    outline: list[dict[str, Any]]
    keyword_ids: tuple[int, ...]
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True)
class PageGroup:
    """The keywords that one article serves: a page, and for the hub its attribute pages too."""

    page: int
    role: ClusterRole
    keywords: tuple[IdeaKeyword, ...]

    @property
    def target(self) -> IdeaKeyword:
        return self.keywords[0]


def page_groups(keywords: Sequence[IdeaKeyword]) -> list[PageGroup]:
    """A cluster's keywords, shared out among articles: every keyword in exactly one.

    Attribute pages, and keywords that came into the cluster without a page, go with the hub.
    Without a hub page the first page takes its place.
    """
    if not keywords:
        return []
    ordered = sorted(
        keywords, key=lambda k: (k.page is None, k.page or 0, k.page_place, k.norm, k.pk)
    )
    hubs = [k.page for k in ordered if k.role == ClusterRole.HUB and k.page is not None]
    first = ordered[0].page if ordered[0].page is not None else 0
    hub = hubs[0] if hubs else first
    by_page: dict[int, list[IdeaKeyword]] = {}
    for keyword in ordered:
        is_apart = keyword.page is not None and keyword.role != ClusterRole.ATTRIBUTE
        page = keyword.page if is_apart and keyword.page is not None else hub
        by_page.setdefault(page, []).append(keyword)
    by_page[hub].sort(key=lambda k: k.page != hub)  # the hub's own first: one is the target
    return [
        PageGroup(page, ClusterRole.HUB if page == hub else ClusterRole.SUPPORTING, tuple(members))
        for page, members in sorted(by_page.items(), key=lambda item: (item[0] != hub, item[0]))
    ]


def draft_idea(
    group: PageGroup,
    *,
    cluster_id: int,
    cluster_name: str,
    siblings: Sequence[PageGroup],
    language: str,
) -> IdeaDraft:
    """The idea of one group of a cluster.

    :param siblings: the cluster's other groups: what a hub leads to.
    """
    target = group.target
    structure = choose_structure(group, len(siblings), language)
    sub_pages = len(siblings) if structure is ContentStructure.HUB else 0
    others = [k.keyword for k in group.keywords[1:] if not is_question(k.norm, language)]
    if structure is ContentStructure.HUB:
        others = [sibling.target.keyword for sibling in siblings] + others
    questions = [k.keyword for k in group.keywords[1:] if is_question(k.norm, language)]
    return IdeaDraft(
        cluster_id=cluster_id,
        page=group.page,
        role=group.role.value,
        title=idea_title(target.keyword, target.norm, structure, language),
        description=_description(group),
        content_type=_TYPES.get(structure, ContentType.POST).value,
        content_structure=structure.value,
        target_keyword=target.keyword,
        intent=target.intent,
        volume=_volume(group),
        estimated_words=_words(structure, len(group.keywords), sub_pages),
        reason=_reason(group, cluster_name, len(siblings)),
        outline=outline(target.keyword, others, questions, structure, language),
        keyword_ids=tuple(keyword.pk for keyword in group.keywords),
        keywords=tuple(keyword.keyword for keyword in group.keywords),
    )


def choose_structure(group: PageGroup, siblings: int, language: str) -> ContentStructure:
    """What the wording asks for; else what the intent, the role and the words suggest."""
    target = group.target
    if worded := worded_structure(target.norm, language):
        return worded
    if group.role is ClusterRole.HUB and siblings >= HUB_PAGES:
        return ContentStructure.HUB
    is_product = names_product(target.norm, language)
    if target.intent == Intent.TRANSACTIONAL:
        return ContentStructure.PRODUCT_ROUNDUP
    if target.intent == Intent.COMMERCIAL:
        return ContentStructure.PRODUCT_ROUNDUP if is_product else ContentStructure.BUYING_GUIDE
    if target.intent_source == IntentSource.UNKNOWN and is_product:
        return ContentStructure.BUYING_GUIDE
    if target.intent == Intent.NAVIGATIONAL:
        return ContentStructure.ARTICLE
    has_several = len(group.keywords) > 1
    return ContentStructure.GUIDE if has_several else ContentStructure.ARTICLE


def names_product(norm: str, language: str) -> bool:
    """Whether a keyword names a thing to buy: "grey sofa for dogs" does, "sofa cleaning" not."""
    words = language_words(language)
    head: list[str] = []
    for word in norm.split():
        if head and word in words.filler:
            break
        head.append(word)
    while len(head) > 1 and (head[-1] in words.facets or head[-1].isdigit()):
        head.pop()
    return head[-1:] != [] and head[-1] in words.product


def _words(structure: ContentStructure, keywords: int, sub_pages: int) -> int:
    words = STRUCTURE_WORDS[structure]
    words += min(WORDS_PER_KEYWORD * (keywords - 1), MAX_KEYWORD_WORDS)
    words += min(WORDS_PER_PAGE * sub_pages, MAX_PAGE_WORDS)
    return -(-words // WORDS_STEP) * WORDS_STEP


def _volume(group: PageGroup) -> int | None:
    known = [k.volume for k in group.keywords if k.volume is not None]
    return sum(known) if known else None


def _description(group: PageGroup) -> str:
    texts = [k.keyword for k in group.keywords]
    if len(texts) == 1:
        return f"Serves searches for \u201c{texts[0]}\u201d."
    shown = ", ".join(f"\u201c{text}\u201d" for text in texts[1:4])
    more = f" and {len(texts) - 4} more" if len(texts) > len("four") else ""
    return f"Serves searches for \u201c{texts[0]}\u201d, and with it {shown}{more}."


def _reason(group: PageGroup, cluster_name: str, siblings: int) -> str:
    """Why this is worth writing: figures first, unknown said as unknown."""
    target, count = group.target, len(group.keywords)
    keywords = "1 keyword" if count == 1 else f"{count} keywords"
    volume = _volume(group)
    if volume is None:
        first = f"{keywords}; the volume is not known"
    elif count == 1:
        first = f"{keywords} with {volume:,} searches a month"
    else:
        own = "an unknown number" if target.volume is None else f"{target.volume:,}"
        first = f"{keywords} with {volume:,} known searches a month, {own} of them for the target"
    parts = [first]
    if target.difficulty is not None:
        word = _difficulty_word(target.difficulty)
        parts.append(f"difficulty {target.difficulty:g}, {word}")
    if target.intent and target.intent_source != IntentSource.UNKNOWN:
        parts.append(f"{target.intent} intent")
    place = f"Main page of the topic \u201c{cluster_name}\u201d"
    if group.role is not ClusterRole.HUB:
        place = f"Supports the topic \u201c{cluster_name}\u201d"
    elif siblings:
        place += f" with {siblings} supporting page{'s' if siblings > 1 else ''}"
    return f"{'; '.join(parts)}. {place}."


def _difficulty_word(difficulty: float) -> str:
    if difficulty < EASY:
        return "easy"
    return "hard" if difficulty >= HARD else "medium"
