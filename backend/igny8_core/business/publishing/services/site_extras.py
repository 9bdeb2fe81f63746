"""What a site carries beside its pages: style, script, search index, llms.txt, addresses moved."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lxml import html

from igny8_core.business.publishing.services.site_context import SiteContext, description, excerpt
from igny8_core.business.publishing.services.site_look import accents, initial, theme
from igny8_core.business.publishing.services.site_source import article_path

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from igny8_core.business.content.snapshots import ArticleSnapshot
    from igny8_core.business.publishing.services.site_source import SiteIdentity

SEARCH: Final = "search/"
"""The address of the search page, the only one that runs a script."""

INDEX_TEXT: Final = 150
INDEX_HEADINGS: Final = 8
SHORT_INDEX_FROM: Final = 3_000
"""Above so many articles the index leaves headings and excerpts out: visitors have to load it."""


@dataclass(frozen=True)
class Assets:
    """Files named by their own bytes, and where the important ones are."""

    texts: dict[str, bytes]
    css: str
    icon: str
    script: str


def asset_texts(identity: SiteIdentity) -> Assets:
    """Style sheet, icon and, where the site has a search, its script."""
    light, dark = accents(identity.accent, identity.name)
    values = {
        "accent": light,
        "accent_dark": dark,
        "initial": initial(identity.name),
        "scheme": identity.colour_scheme,
    }
    wanted = [("site.css.j2", "css"), ("icon.svg.j2", "svg")]
    if identity.has_search:
        wanted.append(("search.js.j2", "js"))
    made, places = {}, {"js": ""}
    environment = theme(identity.theme)
    for template, extension in wanted:
        data = environment.get_template(template).render(values).encode()
        stem = template.partition(".")[0]
        places[extension] = f"assets/{stem}-{_short(data)}.{extension}"
        made[places[extension]] = data
    return Assets(made, css=places["css"], icon=places["svg"], script=places["js"])


def search_index(rows: Sequence[Sequence[str]]) -> tuple[str, bytes]:
    """What the search page searches in: where it is, and its bytes."""
    if len(rows) > SHORT_INDEX_FROM:
        rows = [[title, path, "", topic, "", day] for title, path, _, topic, _, day in rows]
    data = json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()
    return f"assets/search-index-{_short(data)}.json", data


def index_row(context: SiteContext, article: ArticleSnapshot) -> list[str]:
    """Title, address below the home page, excerpt, topic, further words, day in words."""
    topic = context.topic_of.get(article.id)
    more = [*article.keywords, *(term.name for term in article.terms), *_headings(article.html)]
    known = article.title.lower()
    words = dict.fromkeys(w for text in more for w in text.split() if w.lower() not in known)
    return [
        article.title,
        context.source.identity.href(article_path(article.slug)).removeprefix(context.href("")),
        excerpt(article)[:INDEX_TEXT],
        topic.name if topic else "",
        " ".join(words),
        context.date(article.published_at),
    ]


def _headings(body: str) -> list[str]:
    if "<h2" not in body:
        return []
    root = html.fragment_fromstring(body, create_parent="div")
    found = [" ".join(str(heading.text_content()).split()) for heading in root.iter("h2")]
    return found[:INDEX_HEADINGS]


def extra_texts(context: SiteContext, redirects: dict[str, str]) -> dict[str, bytes]:
    """Files that are no pages of their own: for search engines, and at addresses that moved."""
    identity = context.source.identity
    made = {}
    if identity.indexnow_key:
        made[f"{identity.indexnow_key}.txt"] = identity.indexnow_key.encode()
    if identity.has_llms_txt:
        made["llms.txt"] = _llms_txt(context).encode()
    template = theme(identity.theme).get_template("moved.html.j2")
    for old, new in redirects.items():
        values = {"site": context.site, "href": context.href(new), "url": context.url(new)}
        made[f"{old}index.html"] = template.render(values).encode()
    return made


def redirects_of(
    moved: Sequence[tuple[str, str]], context: SiteContext, taken: Collection[str]
) -> dict[str, str]:
    """Where addresses lead that the site had once, and that no page of it has now.

    :param moved: addresses with what was there, ``content:<number>`` or ``topic:<number>``.
    :param taken: paths of the site's pages.
    """
    places = {f"content:{a.id}": article_path(a.slug) for a in context.source.articles}
    places |= {f"topic:{topic.cluster_id}": topic.path for topic in context.topics}
    return {
        old: places[key]
        for old, key in sorted(moved)
        if key in places and places[key] != old and f"{old}index.html" not in taken
    }


def _llms_txt(context: SiteContext) -> str:
    """The list of pages as llmstxt.org describes it: a heading, a quote, lists of links."""
    site = context.site
    lines = [f"# {_line(site['name'])}", "", f"> {_line(site['tagline'])}"]
    listed: set[int] = set()
    for topic in context.topics:
        lines += ["", f"## {_line(topic.name)}", ""]
        lines += [_llms_link(context, article) for article in topic.articles]
        listed |= {article.id for article in topic.articles}
    others = [a for a in context.source.articles if a.id not in listed]
    if others:
        lines += ["", f"## {context.words['articles']}", ""]
        lines += [_llms_link(context, article) for article in others]
    return "\n".join(lines) + "\n"


def _llms_link(context: SiteContext, article: ArticleSnapshot) -> str:
    title = _line(article.title).replace("[", "(").replace("]", ")")
    address = context.url(article_path(article.slug))
    return f"- [{title}]({address}): {_line(description(article))}"


def _line(text: str) -> str:
    return " ".join(text.split())


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
