"""Pages of a site that list others: the home page, topics, hubs, the archive."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.publishing.services.site_context import (
    HUB,
    TITLE_LENGTH,
    Json,
    SiteContext,
    Topic,
    in_sentence,
    page_title,
    shortened,
    stamp,
)
from igny8_core.business.publishing.services.site_look import theme_digest
from igny8_core.business.publishing.services.site_source import article_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from igny8_core.business.content.snapshots import ArticleSnapshot

HOME_SECTIONS: Final = 12
HOME_SINGLES: Final = 24
SECTION_CARDS: Final = 3
SECTION_MIN: Final = 3
"""A topic with fewer articles shares the common grid of the home page."""

HUB_CARDS: Final = 48
ARCHIVE_ROWS: Final = 250
TOPIC_TITLES_UP_TO: Final = 100


@dataclass(frozen=True)
class Page:
    """A file that is rendered.

    :ivar path: below the release's folder.
    :ivar key: changes whenever the file's bytes may change.
    :ivar url: its canonical address; empty for files that search engines do not list.
    :ivar make: its values; called only when it is rendered.
    """

    path: str
    template: str
    key: str
    url: str
    lastmod: str
    make: Callable[[], Json] = field(repr=False, compare=False)

    @property
    def context(self) -> Json:
        """What its template shows, made anew."""
        return self.make()


class Listings:
    """Makes the pages that list articles, and is what the others stand on."""

    def __init__(self, context: SiteContext) -> None:
        self.context = context
        self.words = context.words
        self.site = context.site
        self.articles = context.source.articles
        self._whole_lastmod = self.newest(self.articles)
        parts = json.dumps(self.site, sort_keys=True) + theme_digest(self.site["theme"])
        self.common = hashlib.sha256(parts.encode())

    def home(self) -> Page:
        card = self.context.card
        lead = next((a for a in self.articles if a.role == HUB), None) or next(
            iter(self.articles), None
        )
        sections, singles = self._home_groups(lead)
        name, tagline = self.site["name"], self.site["tagline"]
        whole = f"{name}: {tagline.rstrip('.')}"
        page = self.listing("", name, tagline)
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
        return self.page("index.html", "index.html.j2", shown, "", self.newest(self.articles))

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

    def topic_pages(self) -> Iterator[Page]:
        found = self.context.topics
        if not found:
            return
        inputs = [(t.name, t.path, len(t.articles), light(t.articles[:3])) for t in found]
        yield self.lazy(
            "topics/index.html", "topics.html.j2", inputs, lambda: self._topics(found), "topics/"
        )
        for topic in found:
            yield from self._hub(topic)

    def _topics(self, found: Sequence[Topic]) -> Json:
        text = self.words["topics_text"].format(n=len(found), name=self.site["name"])
        with_titles = len(found) <= TOPIC_TITLES_UP_TO
        rows = [
            self.context.topic_link(topic)
            | {"cards": [link(self.context, a) for a in topic.articles[:3]] if with_titles else []}
            for topic in found
        ]
        page = self.listing("topics/", self.words["all_topics"], text)
        return {"page": page, "topics": rows}

    def _hub(self, topic: Topic) -> Iterator[Page]:
        lead = next((a for a in topic.articles if a.role == HUB), None)
        others = [a for a in topic.articles if a is not lead]
        chunks = groups_of(others, HUB_CARDS)
        for number, chunk in enumerate(chunks, start=1):
            path = numbered(topic.path, number)
            first = lead if number == 1 else None
            shown = [*([first] if first else []), *chunk]
            inputs = [topic.name, topic.path, len(topic.articles), len(chunks), first is None]
            yield self.lazy(
                f"{path}index.html",
                "hub.html.j2",
                [*inputs, *self.prints(shown)],
                partial(self._hub_page, topic, number, len(chunks), first, chunk),
                path,
                self.newest(shown),
            )

    def _hub_page(
        self,
        topic: Topic,
        number: int,
        total: int,
        lead: ArticleSnapshot | None,
        chunk: Sequence[ArticleSnapshot],
    ) -> Json:
        shown = [*([lead] if lead else []), *chunk]
        heading, text = self._heading(topic.name, number), self._hub_text(topic, shown)
        path = numbered(topic.path, number)
        return {
            "page": self.listing(path, heading, text, parent="topics"),
            "topic": self.context.topic_link(topic),
            "lead": self.context.card(lead) if lead else None,
            "cards": [self.context.card(a) for a in chunk],
            "pager": self._pager(topic.path, number, total),
        }

    def archive(self) -> Iterator[Page]:
        chunks = groups_of(self.articles, ARCHIVE_ROWS)
        for number, chunk in enumerate(chunks, start=1):
            path = numbered("articles/", number)
            yield self.lazy(
                f"{path}index.html",
                "archive.html.j2",
                [len(self.articles), len(chunks), *light(chunk)],
                partial(self._archive_page, number, len(chunks), chunk),
                path,
                self.newest(chunk),
            )

    def _archive_page(self, number: int, total: int, chunk: Sequence[ArticleSnapshot]) -> Json:
        heading = self._heading(self.words["all_articles"], number)
        text = self.words["archive_text"].format(name=self.site["name"], n=len(self.articles))
        return {
            "page": self.listing(numbered("articles/", number), heading, text),
            "rows": [link(self.context, a) for a in chunk],
            "pager": self._pager("articles/", number, total),
        }

    def listing(self, path: str, heading: str, text: str, parent: str = "") -> Json:
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
            "crumbs": self.crumbs([*middle, *last]),
            "cover": None,
        }

    def crumbs(self, steps: Sequence[Json]) -> list[Json]:
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
            "newer": href(numbered(path, number - 1)) if number > 1 else "",
            "older": href(numbered(path, number + 1)) if number < total else "",
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

    def newest(self, articles: Sequence[ArticleSnapshot]) -> str:
        return stamp(max(a.updated_at for a in articles)) if articles else ""

    def prints(self, articles: Sequence[ArticleSnapshot]) -> list[str]:
        return [self.context.prints[article.id] for article in articles]

    def page(
        self,
        path: str,
        template: str,
        context: Json,
        address: str | None = None,
        lastmod: str | None = None,
    ) -> Page:
        """A page whose values are there already."""
        inputs = json.dumps(context, sort_keys=True)
        return self.lazy(path, template, inputs, lambda: context, address, lastmod)

    def lazy(  # noqa: PLR0917 - the first of them read as a sentence
        self,
        path: str,
        template: str,
        inputs: Any,
        make: Callable[[], Json],
        address: str | None = None,
        lastmod: str | None = None,
    ) -> Page:
        """A page whose values are made when it is rendered.

        :param inputs: all that decides about them, beside the site itself.
        """
        digest = self.common.copy()
        digest.update(f"\0{template}\0{inputs!r}".encode("utf-8", "backslashreplace"))
        return Page(
            path=path,
            template=template,
            key=digest.hexdigest()[:32],
            url="" if address is None else self.context.url(address),
            lastmod=self._whole_lastmod if lastmod is None else lastmod,
            make=lambda: make() | {"site": self.site},
        )


def light(articles: Sequence[ArticleSnapshot]) -> list[tuple[str, str, str]]:
    """What a bare link to an article shows."""
    return [(a.title, a.slug, a.published_at.isoformat()) for a in articles]


def link(context: SiteContext, article: ArticleSnapshot) -> Json:
    return {
        "title": article.title,
        "href": context.href(article_path(article.slug)),
        "published": stamp(article.published_at),
        "date": context.date(article.published_at),
    }


def numbered(path: str, number: int) -> str:
    return path if number == 1 else f"{path}page/{number}/"


def groups_of(rows: Sequence[Any], size: int) -> list[list[Any]]:
    """The rows in groups; one empty group when there are none."""
    return [list(rows[i : i + size]) for i in range(0, len(rows), size)] or [[]]
