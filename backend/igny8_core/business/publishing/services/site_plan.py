"""Which pages a site has, and what each of them shows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from igny8_core.business.publishing.services.site_context import (
    HUB,
    Json,
    MediaFile,
    SiteContext,
    Topic,
    description,
    page_title,
    stamp,
)
from igny8_core.business.publishing.services.site_extras import (
    SEARCH,
    asset_texts,
    extra_texts,
    index_row,
    redirects_of,
    search_index,
)
from igny8_core.business.publishing.services.site_listings import Listings, Page, groups_of, link
from igny8_core.business.publishing.services.site_source import (
    SiteSource,
    article_path,
    cleaned,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from igny8_core.business.content.snapshots import ArticleSnapshot

FEED_ENTRIES: Final = 50
RELATED: Final = 3
SITEMAP_URLS: Final = 50_000


class ArticlePlan(NamedTuple):
    """What every build needs of an article, and takes over while its key is the same.

    :ivar assets: the image files that it brings, by their paths.
    :ivar row: what the search knows of it.
    """

    key: str
    assets: dict[str, MediaFile]
    row: list[str]


@dataclass(frozen=True)
class Plan:
    """All files of a site: pages to render, texts that are ready, images to copy.

    :ivar articles: by number, for the next build.
    :ivar topics: the address of each topic by its number.
    :ivar redirects: addresses that were, and where they lead now.
    """

    pages: tuple[Page, ...]
    texts: dict[str, bytes]
    media: dict[str, MediaFile]
    articles: dict[str, ArticlePlan]
    topics: dict[str, str]
    redirects: dict[str, str]


def plan_site(source: SiteSource, *, kept: Mapping[str, ArticlePlan] | None = None) -> Plan:
    """What the site consists of. Nothing is rendered yet but small files beside the pages.

    :param kept: plans of an earlier build, by the articles' numbers.
    """
    assets = asset_texts(source.identity)
    clean, prints = cleaned(source)
    context = SiteContext(clean, css=assets.css, icon=assets.icon, prints=prints)
    texts = dict(assets.texts)
    planner = _Planner(context, script=assets.script)
    articles = planner.article_plans(kept or {})
    media = {path: file for plan in articles.values() for path, file in plan.assets.items()}
    if source.identity.has_search:
        planner.index, data = search_index([plan.row for plan in articles.values()])
        texts[planner.index] = data
    pages = tuple(planner.pages())
    redirects = redirects_of(source.moved, context, {page.path for page in pages})
    texts |= extra_texts(context, redirects)
    return Plan(
        pages=pages,
        texts=texts,
        media=dict(sorted(media.items())),
        articles=articles,
        topics={str(topic.cluster_id): topic.path for topic in context.topics},
        redirects=redirects,
    )


class _Planner(Listings):
    def __init__(self, context: SiteContext, *, script: str) -> None:
        super().__init__(context)
        self._script, self.index = script, ""
        self._by_id = {a.id: a for a in self.articles}
        self._order = {a.id: n for n, a in enumerate(self.articles)}
        self._place = {a.id: n for t in context.topics for n, a in enumerate(t.articles)}
        self._hub_of = {
            a.cluster_id: a for a in reversed(self.articles) if a.role == HUB and a.cluster_id
        }

    def article_plans(self, kept: Mapping[str, ArticlePlan]) -> dict[str, ArticlePlan]:
        """Of every article, in the site's order; what is the same as before is taken over."""
        common, found = self.common.hexdigest()[:16], {}
        for article in self.articles:
            topic = self.context.topic_of.get(article.id)
            place = f"{topic.name}|{topic.path}" if topic else ""
            key = f"{common}{self.context.prints[article.id]}{place}"
            known = kept.get(str(article.id))
            if known is None or known.key != key:
                assets = self.context.assets_of(article)
                known = ArticlePlan(key, assets, index_row(self.context, article))
            found[str(article.id)] = known
        return found

    def pages(self) -> Iterator[Page]:
        listed = [
            self.home(),
            *self.topic_pages(),
            *self.archive(),
            *(self._article(article) for article in self.articles),
        ]
        yield from listed
        lost = self.listing("", self.words["lost_title"], "")
        yield self.page("404.html", "404.html.j2", {"page": lost})
        if self.index:
            yield self._search()
        newest = self.articles[:FEED_ENTRIES]
        for path in ("feed.xml", "rss.xml"):
            yield self.lazy(path, f"{path}.j2", self.prints(newest), lambda: self._feed(newest))
        yield from self._sitemaps([p for p in listed if p.url])
        yield self.page("robots.txt", "robots.txt.j2", {})

    def _feed(self, articles: Sequence[ArticleSnapshot]) -> Json:
        entries = [self._entry(article) for article in articles]
        updated = max((entry["updated"] for entry in entries), default="")
        return {"feed": {"entries": entries, "updated": updated}}

    def _search(self) -> Page:
        """The one page with a script; search engines need no list of searches."""
        name, href = self.site["name"], self.context.href
        text = self.words["search_text"].format(name=name)
        shown = {
            "page": self.listing(SEARCH, self.words["search"], text),
            "script": href(self._script),
            "index": href(self.index),
            "base": href(""),
        }
        return self.page(f"{SEARCH}index.html", "search.html.j2", shown)

    def _article(self, article: ArticleSnapshot) -> Page:
        path = article_path(article.slug)
        topic = self.context.topic_of.get(article.id)
        related, hub = self._related(article, topic)
        shown = self.prints([article, *related, *([hub] if hub else [])])
        place = [topic.name, topic.path] if topic else []
        topics = [getattr(self.context.topic_of.get(a.id), "path", "") for a in related]
        return self.lazy(
            f"{path}index.html",
            "article.html.j2",
            [*shown, hub is None, *place, *topics],
            partial(self._article_page, article, topic, related, hub),
            path,
            stamp(article.updated_at),
        )

    def _article_page(
        self,
        article: ArticleSnapshot,
        topic: Topic | None,
        related: Sequence[ArticleSnapshot],
        hub: ArticleSnapshot | None,
    ) -> Json:
        context = self.context
        path = article_path(article.slug)
        revised = article.updated_at.date() > article.published_at.date()
        middle = [context.topic_name(topic)] if topic else []
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
            "crumbs": self.crumbs([*middle, {"name": article.title, "url": context.url(path)}]),
            "cover": context.cover(article),
            "pictures": context.pictures(article),
            "html": article.html,
            "disclosure": article.disclosure,
            "digital_source_type": article.digital_source_type,
        }
        return {
            "page": page,
            "related": [context.card(a) for a in related],
            "hub": link(context, hub) if hub else None,
        }

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
        chunks = groups_of([{"url": p.url, "lastmod": p.lastmod} for p in pages], SITEMAP_URLS)
        if len(chunks) == 1:
            yield self.page("sitemap.xml", "sitemap.xml.j2", {"urls": chunks[0]})
            return
        parts = []
        for number, chunk in enumerate(chunks, start=1):
            path = f"sitemap-{number}.xml"
            parts.append(
                {"url": self.context.url(path), "lastmod": max(u["lastmod"] for u in chunk)}
            )
            yield self.page(path, "sitemap.xml.j2", {"urls": chunk})
        yield self.page("sitemap.xml", "sitemap_index.xml.j2", {"parts": parts})
