"""Which pages a site has, and what each of them shows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from igny8_core.business.publishing.services.site_context import (
    HUB,
    TITLE_LENGTH,
    Json,
    MediaFile,
    SiteContext,
    Topic,
    description,
    in_sentence,
    page_title,
    shortened,
    stamp,
)
from igny8_core.business.publishing.services.site_extras import (
    SEARCH,
    asset_texts,
    extra_texts,
    redirects_of,
    search_index,
)
from igny8_core.business.publishing.services.site_look import theme_digest
from igny8_core.business.publishing.services.site_source import (
    SiteSource,
    article_path,
    without_controls,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from igny8_core.business.content.snapshots import ArticleSnapshot

HOME_SECTIONS: Final = 12
HOME_SINGLES: Final = 24
SECTION_CARDS: Final = 3
SECTION_MIN: Final = 3
"""A topic with fewer articles shares the common grid of the home page."""

HUB_CARDS: Final = 48
ARCHIVE_ROWS: Final = 250
FEED_ENTRIES: Final = 50
RELATED: Final = 3
SITEMAP_URLS: Final = 50_000
TOPIC_TITLES_UP_TO: Final = 100


@dataclass(frozen=True)
class Page:
    """A file that is rendered.

    :ivar path: below the release's folder.
    :ivar key: changes whenever the file's bytes may change.
    :ivar url: its canonical address; empty for files that search engines do not list.
    """

    path: str
    template: str
    context: Json
    key: str
    url: str
    lastmod: str


@dataclass(frozen=True)
class Plan:
    """All files of a site: pages to render, texts that are ready, images to copy.

    :ivar topics: the address of each topic by its number.
    :ivar redirects: addresses that were, and where they lead now.
    """

    pages: tuple[Page, ...]
    texts: dict[str, bytes]
    media: dict[str, MediaFile]
    topics: dict[str, str]
    redirects: dict[str, str]


def plan_site(source: SiteSource) -> Plan:
    """What the site consists of. Nothing is rendered yet but small files beside the pages."""
    assets = asset_texts(source.identity)
    context = SiteContext(without_controls(source), css=assets.css, icon=assets.icon)
    texts = dict(assets.texts)
    index = ""
    if source.identity.has_search:
        index, data = search_index(context)
        texts[index] = data
    planner = _Planner(context, script=assets.script, index=index)
    pages = tuple(planner.pages())
    redirects = redirects_of(source.moved, context, {page.path for page in pages})
    texts |= extra_texts(context, redirects)
    return Plan(
        pages=pages,
        texts=texts,
        media=dict(sorted(context.media.items())),
        topics={str(topic.cluster_id): topic.path for topic in context.topics},
        redirects=redirects,
    )


class _Planner:
    def __init__(self, context: SiteContext, *, script: str, index: str) -> None:
        self.context = context
        self.words = context.words
        self.site = context.site
        self._script, self._index = script, index
        self.articles = context.source.articles
        self._by_id = {a.id: a for a in self.articles}
        self._order = {a.id: n for n, a in enumerate(self.articles)}
        self._place = {a.id: n for t in context.topics for n, a in enumerate(t.articles)}
        self._hub_of = {
            a.cluster_id: a for a in reversed(self.articles) if a.role == HUB and a.cluster_id
        }
        parts = json.dumps(self.site, sort_keys=True) + theme_digest(self.site["theme"])
        self._common = hashlib.sha256(parts.encode())

    def pages(self) -> Iterator[Page]:
        listed = [
            self._home(),
            *self._topic_pages(),
            *self._archive(),
            *(self._article(article) for article in self.articles),
        ]
        yield from listed
        lost = self._listing("", self.words["lost_title"], "")
        yield self._page("404.html", "404.html.j2", {"page": lost})
        if self._index:
            yield self._search()
        entries = [self._entry(a) for a in self.articles[:FEED_ENTRIES]]
        updated = max((entry["updated"] for entry in entries), default="")
        feed = {"entries": entries, "updated": updated}
        yield self._page("feed.xml", "feed.xml.j2", {"feed": feed})
        yield self._page("rss.xml", "rss.xml.j2", {"feed": feed})
        yield from self._sitemaps([p for p in listed if p.url])
        yield self._page("robots.txt", "robots.txt.j2", {})

    def _search(self) -> Page:
        """The one page with a script; search engines need no list of searches."""
        name, href = self.site["name"], self.context.href
        text = self.words["search_text"].format(name=name)
        shown = {
            "page": self._listing(SEARCH, self.words["search"], text),
            "script": href(self._script),
            "index": href(self._index),
            "base": href(""),
        }
        return self._page(f"{SEARCH}index.html", "search.html.j2", shown)

    def _home(self) -> Page:
        card = self.context.card
        lead = next((a for a in self.articles if a.role == HUB), None) or next(
            iter(self.articles), None
        )
        sections, singles = self._home_groups(lead)
        name, tagline = self.site["name"], self.site["tagline"]
        whole = f"{name}: {tagline.rstrip('.')}"
        page = self._listing("", name, tagline)
        page["title"] = whole if len(whole) <= TITLE_LENGTH else name
        shown = {
            "page": page,
            "lead": card(lead) if lead else None,
            "sections": [
                {
                    "topic": self.context.topic_link(topic),
                    "cards": [card(a) for a in chosen],
                }
                for topic, chosen in sections
            ],
            "singles": [card(a) for a in singles],
            "topics": [self.context.topic_link(t) for t in self.context.topics[:HOME_SINGLES]],
        }
        return self._page("index.html", "index.html.j2", shown, "", self._newest(self.articles))

    def _home_groups(
        self, lead: ArticleSnapshot | None
    ) -> tuple[list[tuple[Topic, list[ArticleSnapshot]]], list[ArticleSnapshot]]:
        """Sections of the larger topics; the articles of small ones, kept together by topic."""
        sections: list[tuple[Topic, list[ArticleSnapshot]]] = []
        singles: list[ArticleSnapshot] = []
        grouped = {a.id for topic in self.context.topics for a in topic.articles}
        for topic in self.context.topics:
            others = [a for a in topic.articles if a is not lead]
            if len(others) >= SECTION_MIN and len(sections) < HOME_SECTIONS:
                sections.append((topic, others[:SECTION_CARDS]))
            elif len(others) < SECTION_MIN:
                singles += others
        singles += [a for a in self.articles if a.id not in grouped and a is not lead]
        return sections, singles[:HOME_SINGLES]

    def _topic_pages(self) -> Iterator[Page]:
        found = self.context.topics
        if not found:
            return
        text = self.words["topics_text"].format(n=len(found), name=self.site["name"])
        with_titles = len(found) <= TOPIC_TITLES_UP_TO
        rows = [
            self.context.topic_link(topic)
            | {"cards": [_link(self.context, a) for a in topic.articles[:3]] if with_titles else []}
            for topic in found
        ]
        page = self._listing("topics/", self.words["all_topics"], text)
        yield self._page(
            "topics/index.html", "topics.html.j2", {"page": page, "topics": rows}, "topics/"
        )
        for topic in found:
            yield from self._hub(topic)

    def _hub(self, topic: Topic) -> Iterator[Page]:
        lead = next((a for a in topic.articles if a.role == HUB), None)
        others = [a for a in topic.articles if a is not lead]
        chunks = _chunks(others, HUB_CARDS)
        for number, chunk in enumerate(chunks, start=1):
            path = _numbered(topic.path, number)
            first = lead if number == 1 else None
            shown = [*([first] if first else []), *chunk]
            heading = self._heading(topic.name, number)
            page = self._listing(path, heading, self._hub_text(topic, shown), parent="topics")
            context = {
                "page": page,
                "topic": self.context.topic_link(topic),
                "lead": self.context.card(first) if first else None,
                "cards": [self.context.card(a) for a in chunk],
                "pager": self._pager(topic.path, number, len(chunks)),
            }
            lastmod = self._newest(shown)
            yield self._page(f"{path}index.html", "hub.html.j2", context, path, lastmod)

    def _archive(self) -> Iterator[Page]:
        chunks = _chunks(self.articles, ARCHIVE_ROWS)
        for number, chunk in enumerate(chunks, start=1):
            path = _numbered("articles/", number)
            heading = self._heading(self.words["all_articles"], number)
            text = self.words["archive_text"].format(name=self.site["name"], n=len(self.articles))
            context = {
                "page": self._listing(path, heading, text),
                "rows": [_link(self.context, a) for a in chunk],
                "pager": self._pager("articles/", number, len(chunks)),
            }
            lastmod = self._newest(chunk)
            yield self._page(f"{path}index.html", "archive.html.j2", context, path, lastmod)

    def _article(self, article: ArticleSnapshot) -> Page:
        context = self.context
        path = article_path(article.slug)
        topic = context.topic_of.get(article.id)
        related, hub = self._related(article, topic)
        revised = article.updated_at.date() > article.published_at.date()
        middle = [context.topic_link(topic)] if topic else []
        page = {
            "kind": "article",
            "url": context.url(path),
            "title": page_title(article.meta_title or article.title, self.site["name"]),
            "heading": article.title,
            "description": description(article),
            "lede": article.excerpt or article.meta_description,
            "language": article.language,
            "published": stamp(article.published_at),
            "modified": stamp(article.updated_at),
            "date": context.date(article.published_at),
            "modified_date": context.date(article.updated_at) if revised else "",
            "minutes": self.words["minutes"].format(n=article.reading_minutes),
            "words": article.word_count,
            "author": {
                "name": article.author.name,
                "kind": article.author.kind,
                "url": article.author.url,
            },
            "keywords": list(article.keywords),
            "topic": middle[0] if middle else None,
            "crumbs": self._crumbs([*middle, {"name": article.title, "url": context.url(path)}]),
            "cover": context.cover(article),
            "pictures": context.pictures(article),
            "html": article.html,
            "disclosure": article.disclosure,
            "digital_source_type": article.digital_source_type,
        }
        values = {
            "page": page,
            "related": [context.card(a) for a in related],
            "hub": _link(context, hub) if hub else None,
        }
        return self._page(
            f"{path}index.html", "article.html.j2", values, path, stamp(article.updated_at)
        )

    def _related(
        self, article: ArticleSnapshot, topic: Topic | None
    ) -> tuple[list[ArticleSnapshot], ArticleSnapshot | None]:
        """The next ones of the topic, round and round, so that every article is linked from others.

        :returns: those, and the topic's hub unless it is this article.
        """
        ring = topic.articles if topic else ()
        start = self._place.get(article.id, 0) + 1
        after = [ring[(start + n) % len(ring)] for n in range(min(RELATED, len(ring) - 1))]
        near = {a.id: a for a in after}
        for pk in article.related_ids:
            if len(near) < RELATED and pk in self._by_id and pk != article.id:
                near[pk] = self._by_id[pk]
        if len(near) < RELATED:
            near |= self._further(article, near, RELATED - len(near))
        hub = self._hub_of.get(article.cluster_id or 0)
        if hub is None or hub.id == article.id:
            return list(near.values()), None
        return [a for a in near.values() if a.id != hub.id], hub

    def _further(
        self, article: ArticleSnapshot, near: dict[int, ArticleSnapshot], count: int
    ) -> dict[int, ArticleSnapshot]:
        """The next ones of the whole site, round and round."""
        start, total = self._order[article.id], len(self.articles)
        after = (self.articles[(start + n) % total] for n in range(1, total))
        found = (a for a in after if a.id not in near)
        return {a.id: a for a in islice(found, count)}

    def _entry(self, article: ArticleSnapshot) -> Json:
        """An article as feeds carry it; its id outlives changes of text and address."""
        url = self.context.url(article_path(article.slug))
        host = urlsplit(url).hostname or "localhost"
        return {
            "id": f"tag:{host},{article.published_at.date().isoformat()}:article-{article.id}",
            "title": article.title,
            "url": url,
            "published": stamp(article.published_at),
            "updated": stamp(article.updated_at),
            "summary": description(article),
            "html": article.html,
            "author": article.author.name,
            "topic": article.cluster_name,
        }

    def _sitemaps(self, pages: Sequence[Page]) -> Iterator[Page]:
        """One sitemap; above the limit, an index of several."""
        chunks = _chunks([{"url": p.url, "lastmod": p.lastmod} for p in pages], SITEMAP_URLS)
        if len(chunks) == 1:
            yield self._page("sitemap.xml", "sitemap.xml.j2", {"urls": chunks[0]})
            return
        parts = []
        for number, chunk in enumerate(chunks, start=1):
            path = f"sitemap-{number}.xml"
            parts.append(
                {"url": self.context.url(path), "lastmod": max(u["lastmod"] for u in chunk)}
            )
            yield self._page(path, "sitemap.xml.j2", {"urls": chunk})
        yield self._page("sitemap.xml", "sitemap_index.xml.j2", {"parts": parts})

    def _listing(self, path: str, heading: str, text: str, parent: str = "") -> Json:
        """The values that every page without an article of its own has."""
        url = self.context.url(path)
        middle = []
        if parent:
            middle.append({"name": self.words["topics"], "url": self.context.url("topics/")})
        last = [{"name": heading, "url": url}] if path else []
        return {
            "kind": "website",
            "url": url,
            "title": page_title(heading, self.site["name"]),
            "heading": heading,
            "description": shortened(text),
            "crumbs": self._crumbs([*middle, *last]),
            "cover": None,
        }

    def _crumbs(self, steps: Sequence[Json]) -> list[Json]:
        home, base = self.context.url(""), self.context.href("")
        crumbs = [{"name": self.words["home"], "url": home}, *steps]
        return [
            {"name": c["name"], "url": c["url"], "href": base + c["url"].removeprefix(home)}
            for c in crumbs
        ]

    def _pager(self, path: str, number: int, total: int) -> Json | None:
        if total == 1:
            return None
        href = self.context.href
        return {
            "text": self.words["page_of"].format(n=number, total=total),
            "newer": href(_numbered(path, number - 1)) if number > 1 else "",
            "older": href(_numbered(path, number + 1)) if number < total else "",
        }

    def _heading(self, text: str, number: int) -> str:
        if number == 1:
            return text
        return self.words["heading_page"].format(heading=text, n=number)

    def _hub_text(self, topic: Topic, articles: Sequence[ArticleSnapshot]) -> str:
        return self.words["hub_text"].format(
            count=self.context.counted(len(topic.articles)),
            topic=in_sentence(topic.name, self.words),
            titles="; ".join(a.title for a in articles[:2]),
        )

    def _newest(self, articles: Sequence[ArticleSnapshot]) -> str:
        return stamp(max(a.updated_at for a in articles)) if articles else ""

    def _page(
        self,
        path: str,
        template: str,
        context: Json,
        address: str | None = None,
        lastmod: str | None = None,
    ) -> Page:
        digest = self._common.copy()
        digest.update(f"\0{template}\0".encode())
        digest.update(json.dumps(context, sort_keys=True).encode())
        return Page(
            path=path,
            template=template,
            context=context | {"site": self.site},
            key=digest.hexdigest(),
            url="" if address is None else self.context.url(address),
            lastmod=self._newest(self.articles) if lastmod is None else lastmod,
        )


def _link(context: SiteContext, article: ArticleSnapshot) -> Json:
    return {
        "title": article.title,
        "href": context.href(article_path(article.slug)),
        "published": stamp(article.published_at),
        "date": context.date(article.published_at),
    }


def _numbered(path: str, number: int) -> str:
    return path if number == 1 else f"{path}page/{number}/"


def _chunks(rows: Sequence[Any], size: int) -> list[list[Any]]:
    """The rows in groups; one empty group when there are none."""
    return [list(rows[i : i + size]) for i in range(0, len(rows), size)] or [[]]
