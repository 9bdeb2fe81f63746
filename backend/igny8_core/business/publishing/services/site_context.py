"""The values that templates show, as plain JSON: the site, its topics, cards and pictures."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.formats import date_format
from django.utils.text import slugify

from igny8_core.business.publishing.services.site_look import accents, initial
from igny8_core.business.publishing.services.site_markup import plain_text
from igny8_core.business.publishing.services.site_source import SiteSource, article_path
from igny8_core.business.publishing.services.site_words import counted, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from igny8_core.business.content.snapshots import ArticleSnapshot, ImageSnapshot, ImageVariant

Json = dict[str, Any]

HUB: Final = "hub"
TITLE_LENGTH: Final = 65
DESCRIPTION_LENGTH: Final = 156
EXCERPT_LENGTH: Final = 170
NAV_TOPICS: Final = 4
SHARE_WIDTH: Final = 1200
"""Open Graph's recommended width of a preview image."""

EXTENSIONS: Final = {"webp": "webp", "jpeg": "jpg", "jpg": "jpg", "png": "png", "avif": "avif"}
MODERN: Final = ("avif", "webp")
"""Offered before what every browser reads, the smallest first."""


class MediaFile(NamedTuple):
    """An image file of the release, copied from media.

    :ivar source: its path below MEDIA_ROOT.
    """

    source: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Topic:
    """A cluster as visitors see it; its articles, newest first."""

    cluster_id: int
    name: str
    slug: str
    path: str
    articles: tuple[ArticleSnapshot, ...]


@dataclass
class SiteContext:
    """A site's values, made once for all pages. Collects the image files that pages name."""

    source: SiteSource
    css: str
    icon: str
    prints: Mapping[int, str] = field(default_factory=dict, repr=False)
    media: dict[str, MediaFile] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.words = words_of(self.source.identity.language)
        self.topics = topics(self.source.articles, self.words)
        self._cards: dict[int, Json] = {}
        self.topic_of = {a.id: topic for topic in self.topics for a in topic.articles}
        self.site = self._site()

    def href(self, path: str) -> str:
        """Where a page of the site is, as its other pages link to it."""
        return self.source.identity.href(path)

    def url(self, path: str) -> str:
        """The absolute address of a page."""
        return self.source.identity.url(path)

    def card(self, article: ArticleSnapshot) -> Json:
        """An article as others list it; made once."""
        if article.id not in self._cards:
            self._cards[article.id] = self._card(article)
        return self._cards[article.id]

    def _card(self, article: ArticleSnapshot) -> Json:
        topic = self.topic_of.get(article.id)
        return {
            "title": article.title,
            "href": self.href(article_path(article.slug)),
            "url": self.url(article_path(article.slug)),
            "excerpt": excerpt(article),
            "published": stamp(article.published_at),
            "date": self.date(article.published_at),
            "minutes": self.words["minutes"].format(n=article.reading_minutes),
            "topic": self.topic_name(topic) if topic else None,
            "is_hub": article.role == HUB,
            "cover": self.cover(article),
            "initial": initial(article.title),
        }

    def topic_name(self, topic: Topic) -> Json:
        """A topic as pages name it that do not change with its articles."""
        return {
            "name": topic.name,
            "href": self.href(topic.path),
            "url": self.url(topic.path),
        }

    def topic_link(self, topic: Topic) -> Json:
        """A topic with the number of its articles."""
        return self.topic_name(topic) | {
            "count": len(topic.articles),
            "counted": self.counted(len(topic.articles)),
        }

    def counted(self, count: int) -> str:
        """So many articles, in the site's language."""
        return counted(self.words, count, "article_one", "article_many")

    def cover(self, article: ArticleSnapshot) -> Json | None:
        """The image that stands for an article, if it has one."""
        kinds = ("featured", "cover")
        found = [i for kind in kinds for i in article.images if i.image_type == kind]
        return next((p for i in found if (p := self.picture(i, article.slug))), None)

    def pictures(self, article: ArticleSnapshot) -> list[Json]:
        """The images inside an article, in their order."""
        inside = [i for i in article.images if i.image_type == "in_article"]
        inside.sort(key=lambda i: (i.position, i.id))
        return [p for i in inside if (p := self.picture(i, article.slug))]

    def assets_of(self, article: ArticleSnapshot) -> dict[str, MediaFile]:
        """The image files that pages with this article, or its card, name."""
        others, self.media = self.media, {}
        self.cover(article)
        self.pictures(article)
        found, self.media = self.media, others
        return found

    def picture(self, image: ImageSnapshot, slug: str) -> Json | None:
        """An image with its sizes as files of the release; None if it has no usable file."""
        usable = [v for v in image.variants if v.format in EXTENSIONS]
        if not usable:
            return None
        share = _share_variant(usable)
        modern = {name: sizes for name in MODERN if (sizes := _sizes(usable, name))}
        if share.format in modern:  # nothing else to fall back on: its sizes go to the image
            shown = modern.pop(share.format)
            largest, srcset = shown[-1], self._srcset(shown, slug)
        elif modern:
            largest, srcset = share, ""
        else:
            shown = _sizes(usable, share.format)
            largest, srcset = shown[-1], self._srcset(shown, slug)
        return {
            "position": image.position,
            "sources": [
                {"type": f"image/{name}", "srcset": self._srcset(sizes, slug)}
                for name, sizes in modern.items()
            ],
            "src": self.href(self._asset(largest, slug)),
            "srcset": srcset,
            "width": largest.width,
            "height": largest.height,
            "alt": image.alt,
            "caption": image.caption,
            "share_url": self.url(self._asset(share, slug)),
            "share_width": share.width,
            "share_height": share.height,
            "digital_source_type": image.digital_source_type,
        }

    def date(self, when: datetime) -> str:
        """A day in words, in the site's language and time zone."""
        identity = self.source.identity
        return _day(when.astimezone(ZoneInfo(identity.timezone)).date(), identity.language)

    def _srcset(self, sizes: Sequence[ImageVariant], slug: str) -> str:
        return ", ".join(f"{self.href(self._asset(v, slug))} {v.width}w" for v in sizes)

    def _asset(self, variant: ImageVariant, slug: str) -> str:
        digest = self.source.media[variant.path]
        extension = EXTENSIONS[variant.format]
        path = f"assets/{slug}-{variant.width}-{digest[:12]}.{extension}"
        self.media[path] = MediaFile(variant.path, digest, variant.size_bytes)
        return path

    def _site(self) -> Json:
        identity = self.source.identity
        light, dark = accents(identity.accent, identity.name)
        return {
            "name": identity.name,
            "tagline": identity.tagline or tagline(self.topics, self.words),
            "language": identity.language,
            "direction": identity.direction,
            "words": dict(self.words),
            "theme": identity.theme,
            "scheme": identity.colour_scheme,
            "is_preview": identity.is_preview,
            "ai_crawlers": identity.ai_crawlers,
            "search_href": self.href("search/") if identity.has_search else "",
            "locale": identity.locale,
            "url": self.url(""),
            "path": self.href(""),
            "accent": light,
            "accent_dark": dark,
            "initial": initial(identity.name),
            "css": self.href(self.css),
            "icon": self.href(self.icon),
            "icon_url": self.url(self.icon),
            "feed_url": self.url("feed.xml"),
            "rss_url": self.url("rss.xml"),
            "sitemap_url": self.url("sitemap.xml"),
            "topics_href": self.href("topics/"),
            "articles_href": self.href("articles/"),
            "nav": [self.topic_name(topic) for topic in self.topics[:NAV_TOPICS]],
            "has_topics": bool(self.topics),
        }


def topics(articles: Iterable[ArticleSnapshot], words: Mapping[str, str]) -> tuple[Topic, ...]:
    """The clusters that have articles, largest first; each with an address of its own."""
    members: dict[int, list[ArticleSnapshot]] = defaultdict(list)
    for article in articles:
        if article.cluster_id is not None:
            members[article.cluster_id].append(article)
    taken: set[str] = set()
    found = []
    for cluster_id in sorted(members):
        named = members[cluster_id][0].cluster_name.strip()
        name = named or words["topic_number"].format(n=cluster_id)
        slug = slugify(named, allow_unicode=True) or f"topic-{cluster_id}"
        if slug in taken:
            slug = f"{slug}-{cluster_id}"
        taken.add(slug)
        shown = name[:1].upper() + name[1:]
        found.append(Topic(cluster_id, shown, slug, f"topics/{slug}/", tuple(members[cluster_id])))
    return tuple(sorted(found, key=lambda t: (-len(t.articles), t.name, t.slug)))


def tagline(found: Sequence[Topic], words: Mapping[str, str]) -> str:
    """What a site is about, for one that does not say so itself."""
    names = [in_sentence(topic.name, words) for topic in found[:3]]
    if not names:
        return words["tagline_plain"]
    last = f" {words['and']} ".join([", ".join(names[:-1]), names[-1]])
    return words["tagline_about"].format(names=names[0] if len(names) == 1 else last)


def in_sentence(name: str, words: Mapping[str, str]) -> str:
    """A topic's name inside a sentence: nouns of some languages keep their capital."""
    return name[:1].lower() + name[1:] if words is words_of("en") else name


def description(article: ArticleSnapshot) -> str:
    """What search engines show below the title."""
    return article.meta_description or shortened(excerpt(article))


def shortened(text: str) -> str:
    """A description that search engines show whole: cut after a word."""
    if len(text) <= DESCRIPTION_LENGTH:
        return text
    return text[: DESCRIPTION_LENGTH - 1].rsplit(" ", 1)[0].rstrip(",;:.") + "…"


def excerpt(article: ArticleSnapshot) -> str:
    """The text of a card."""
    given = article.excerpt or article.meta_description
    return plain_text(given or article.html, EXCERPT_LENGTH)


def page_title(text: str, site_name: str) -> str:
    """A page's title, with the site's name where it fits."""
    whole = f"{text} · {site_name}"
    return whole if len(whole) <= TITLE_LENGTH and site_name not in text else text


def stamp(when: datetime) -> str:
    """A moment with its offset, to the second, as feeds and search engines read it."""
    return when.replace(microsecond=0).isoformat()


def _sizes(variants: Sequence[ImageVariant], wanted: str) -> list[ImageVariant]:
    """One file of a format for each width, narrowest first."""
    widths = {v.width: v for v in variants if v.format == wanted}
    return [widths[width] for width in sorted(widths)]


def _share_variant(variants: Sequence[ImageVariant]) -> ImageVariant:
    """The file for previews elsewhere: a format that all can read, wide enough, not wider."""
    order = ("jpeg", "jpg", "png", "webp", "avif")
    ranked = sorted(variants, key=lambda v: (order.index(v.format), v.width))
    best = [v for v in ranked if v.format == ranked[0].format]
    return next((v for v in best if v.width >= SHARE_WIDTH), best[-1])


@lru_cache(maxsize=4096)
def _day(day: Any, language: str) -> str:
    with translation.override(language):
        return date_format(day, "j F Y" if language.startswith("en") else "DATE_FORMAT")
