"""What an article has to be: the writing task and its cluster, as plain values. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from igny8_core.business.content.services.clean_text import has_residue
from igny8_core.business.content.services.text_measures import folded_words, word_set
from igny8_core.business.planning.states import ContentStructure, ContentType, Intent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_KEYWORDS: Final = 30
MAX_LINKS: Final = 12
MAX_RULES, MAX_AVOID = 20, 50
MAX_NOTES: Final = 1_000
MAX_IMAGES: Final = 10
DEMO_MAX_WORDS: Final = 520
"""What the built-in demo model is asked to carry: longer texts repeat themselves."""

_QUESTION_WORDS: Final = word_set(
    "how what why when where which who is are can do does should will"
    " wie was warum wann wo welche welcher welches wer ist sind kann"
    " comment pourquoi quand où quel quelle qui est-ce"
    " cómo qué por cuándo dónde cuál quién"
    " come cosa perché quando dove quale chi"
    " hoe wat waarom wanneer waar welke wie"
    " jak co dlaczego kiedy gdzie który kto czy"
    " como que porque quando onde qual quem"
)
_GOODS: Final = re.compile(
    r"apparel|automotive|baby|beauty|electronics|fashion|food|furniture|garden|home|jewel|pet|retail"
    r"|shop|sport|store|toys"
)
_MARKUP: Final = re.compile(r"[<>{}\[\]`|\x00-\x1f\x7f]")
_ADDRESS: Final = re.compile(r"https?:|www\.|\*\*|__|~~", re.IGNORECASE)
_HOME: Final = re.compile(r"decor|furniture|garden|home")
_PURCHASE_STRUCTURES: Final = frozenset(
    {
        ContentStructure.ALTERNATIVES,
        ContentStructure.BEST_OF,
        ContentStructure.BUYING_GUIDE,
        ContentStructure.COMPARISON,
        ContentStructure.PRICING,
        ContentStructure.PRODUCT_ROUNDUP,
        ContentStructure.REVIEW,
    }
)
_EXPLAINING_STRUCTURES: Final = frozenset(
    {ContentStructure.DEFINITION, ContentStructure.HOW_TO, ContentStructure.QUESTION}
)


@dataclass(frozen=True)
class BriefKeyword:
    """A keyword that the article should serve.

    :ivar volume: searches a month; None when unknown.
    """

    text: str
    volume: int | None = None
    intent: str = ""


@dataclass(frozen=True)
class LinkCandidate:
    """Another article of the site. A writer names it by its id and never by an address.

    :ivar is_published: readers can open it.
    """

    content_id: int
    title: str
    keyword: str
    role: str = ""
    is_published: bool = False


@dataclass(frozen=True)
class Brief:
    """All that writing an article needs to know.

    :ivar keywords: the primary one first, then by volume; each means something of its own.
    :ivar questions: keywords that are questions.
    :ivar topic_kind: home, product or topic: which rules of speech fit.
    :ivar planned_headings: of the sections, each with its keyword or nothing.
    :ivar attributes: name and value of the facts that the article should state.
    :ivar links: internal-link candidates, nearest first.
    :ivar rules: what the site asks of every text, a sentence each.
    :ivar avoid: case-folded words and phrases that the site never uses.
    :ivar notes: what a person wrote about this article.
    :ivar images: how many pictures the text has room for.
    :ivar category: what the article is filed under; empty when that is not said.
    """

    title: str
    cluster_name: str
    keywords: tuple[BriefKeyword, ...]
    questions: tuple[str, ...]
    role: str
    content_type: str
    structure: str
    topic_kind: str
    target_words: int
    language: str
    voice: str
    planned_headings: tuple[tuple[str, str], ...]
    attributes: tuple[tuple[str, str], ...]
    links: tuple[LinkCandidate, ...]
    rules: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    notes: str = ""
    images: int = 0
    category: str = ""

    @property
    def primary(self) -> str:
        """The keyword that the article is found by."""
        return self.keywords[0].text

    @property
    def secondary(self) -> tuple[str, ...]:
        """The other keywords."""
        return tuple(keyword.text for keyword in self.keywords[1:])

    @property
    def facts(self) -> tuple[str, ...]:
        """The attributes as lines."""
        return tuple(f"{name}: {value}" for name, value in self.attributes if value)


def make_brief(
    *,
    title: str,
    cluster_name: str,
    keywords: Sequence[BriefKeyword],
    primary: str = "",
    role: str = "supporting",
    content_type: str = ContentType.POST,
    structure: str = ContentStructure.ARTICLE,
    industry: str = "",
    target_words: int,
    language: str = "en",
    voice: str = "",
    planned_headings: Iterable[tuple[str, str]] = (),
    attributes: Iterable[tuple[str, str]] = (),
    links: Iterable[LinkCandidate] = (),
    rules: Iterable[str] = (),
    avoid: Iterable[str] = (),
    notes: str = "",
    images: int = 0,
    category: str = "",
) -> Brief:
    """Order and thin out what is known of a writing task.

    :param primary: the task's own keyword; without one, the keyword with the highest volume.
    :param industry: the slug of the site's industry and sector, for the kind of topic.
    """
    usable = [keyword for keyword in keywords if not _is_no_keyword(keyword.text)]
    known = _distinct(_ordered(usable, primary or "", fallback=cluster_name))
    questions = tuple(keyword.text for keyword in known if is_question(keyword.text))
    topics = [keyword for keyword in known if not is_question(keyword.text)] or known
    return Brief(
        title=title,
        cluster_name=cluster_name,
        keywords=tuple(topics[:MAX_KEYWORDS]),
        questions=questions[:MAX_KEYWORDS],
        role=role,
        content_type=content_type,
        structure=structure,
        topic_kind=_topic_kind(topics[0].intent, content_type, structure, industry.lower()),
        target_words=target_words,
        language=language,
        voice=voice,
        planned_headings=tuple(part for part in planned_headings if part[0].strip()),
        attributes=tuple((plain(name), plain(value)) for name, value in attributes),
        links=tuple(links)[:MAX_LINKS],
        rules=tuple(rule for rule in map(plain, rules) if rule)[:MAX_RULES],
        avoid=tuple(word for word in (plain(a).casefold() for a in avoid) if word)[:MAX_AVOID],
        notes=plain(notes)[:MAX_NOTES],
        images=max(0, min(images, MAX_IMAGES)),
        category=plain(category),
    )


def plain(text: str) -> str:
    """A text of a list in one line, without the marks of markup: what a prompt may hold of it."""
    return " ".join(_MARKUP.sub(" ", text).split())


def is_question(keyword: str) -> bool:
    """Whether a keyword asks something."""
    folded = folded_words(keyword)
    return keyword.rstrip().endswith("?") or (
        len(folded) > 2 and folded[0] in _QUESTION_WORDS  # noqa: PLR2004 - "what is x" is the shortest
    )


def _is_no_keyword(text: str) -> bool:
    """Whether a line of a keyword list is an address, markup or an order to a model."""
    return (
        _ADDRESS.search(text) is not None
        or plain(text) != " ".join(text.split())
        or (has_residue(text))
    )


def keyword_key(keyword: str) -> frozenset[str]:
    """Keywords with the same key say the same: plural, order and small words do not count."""
    return frozenset(_singular(word) for word in folded_words(keyword) if word not in _SMALL)


_SMALL: Final = word_set("a an and at by for from in of on or the to with")


def _singular(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):  # noqa: PLR2004
        return word[:-1]
    return word


def _ordered(
    keywords: Sequence[BriefKeyword], primary: str, *, fallback: str
) -> list[BriefKeyword]:
    ranked = sorted(keywords, key=lambda k: (-(k.volume or 0), k.text))
    if primary:
        named = [k for k in ranked if k.text.casefold() == primary.casefold()]
        first = named[0] if named else BriefKeyword(primary)
        return [first, *(k for k in ranked if k is not first)]
    if not any(not is_question(k.text) for k in ranked):
        return [BriefKeyword(fallback), *ranked]
    return ranked


def _distinct(keywords: Iterable[BriefKeyword]) -> list[BriefKeyword]:
    found: dict[frozenset[str], BriefKeyword] = {}
    for keyword in keywords:
        found.setdefault(keyword_key(keyword.text), keyword)
    return list(found.values())


def _topic_kind(intent: str, content_type: str, structure: str, industry: str) -> str:
    """Whether readers buy something; in a trade in goods they do, unless they ask how or what."""
    is_goods = _GOODS.search(industry) is not None
    is_purchase = (
        intent in {Intent.COMMERCIAL, Intent.TRANSACTIONAL}
        or content_type in {ContentType.PRODUCT, ContentType.CATEGORY}
        or structure in _PURCHASE_STRUCTURES
        or (is_goods and structure not in _EXPLAINING_STRUCTURES)
    )
    if not is_purchase:
        return "topic"
    return "home" if _HOME.search(industry) else "product"
