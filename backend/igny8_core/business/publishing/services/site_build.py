"""Render a planned site to files; a page whose inputs are those of an earlier build is reused."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from markupsafe import Markup

from igny8_core.business.publishing.errors import BuildBroken
from igny8_core.business.publishing.services import structured_data
from igny8_core.business.publishing.services.site_checks import (
    PageFacts,
    SiteChecks,
    facts_of,
    facts_to_json,
)
from igny8_core.business.publishing.services.site_look import theme
from igny8_core.business.publishing.services.site_markup import (
    absolute_body,
    article_body,
    begins_with,
)
from igny8_core.business.publishing.services.site_plan import plan_site

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from igny8_core.business.publishing.services.site_context import Json, MediaFile
    from igny8_core.business.publishing.services.site_listings import Page
    from igny8_core.business.publishing.services.site_plan import ArticlePlan
    from igny8_core.business.publishing.services.site_source import SiteSource

CONTENT_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "svg": "image/svg+xml",
    "webp": "image/webp",
    "jpg": "image/jpeg",
    "png": "image/png",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "avif": "image/avif",
}
XML_TYPES: Final = {
    "feed.xml": "application/atom+xml; charset=utf-8",
    "rss.xml": "application/rss+xml; charset=utf-8",
}
IMMUTABLE: Final = "immutable"
SHORT: Final = "short"
PROBLEMS_SHOWN: Final = 20


class Entry(NamedTuple):
    """A file of a release, as its manifest lists it.

    :ivar cache: ``immutable`` for files named by their bytes, else ``short``.
    """

    sha256: str
    size: int
    content_type: str
    cache: str


class Built(NamedTuple):
    """A page of an earlier build: what it was made from, and its facts as JSON."""

    key: str
    entry: Entry
    facts: str


@dataclass(frozen=True)
class Earlier:
    """What a build may take over from the one before.

    :ivar files: every path of it.
    :ivar anchors: places inside pages that other pages of it point to.
    """

    pages: Mapping[str, Built] = field(default_factory=dict, repr=False)
    files: Collection[str] = field(default=(), repr=False)
    articles: Mapping[str, ArticlePlan] = field(default_factory=dict, repr=False)
    anchors: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True)
class Build:
    """A site as files, checked.

    :ivar texts: bytes of every file that was rendered now.
    :ivar media: image files to copy.
    :ivar reused: paths whose bytes are those of the earlier build.
    :ivar pages: what a later build needs to reuse the pages of this one; and ``articles`` and
        ``anchors``, likewise.
    :ivar topics: the address of each topic by its number.
    :ivar redirects: addresses that were, and where they lead now.
    """

    entries: dict[str, Entry]
    texts: dict[str, bytes]
    media: dict[str, MediaFile]
    reused: frozenset[str]
    pages: dict[str, Built] = field(repr=False)
    articles: dict[str, ArticlePlan] = field(default_factory=dict, repr=False)
    anchors: frozenset[str] = field(default=frozenset(), repr=False)
    topics: dict[str, str] = field(default_factory=dict, repr=False)
    redirects: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def size_bytes(self) -> int:
        return sum(entry.size for entry in self.entries.values())

    def earlier(self) -> Earlier:
        """What the next build may take over."""
        return Earlier(self.pages, self.entries.keys(), self.articles, self.anchors)


def render_site(source: SiteSource, *, earlier: Earlier | None = None) -> Build:
    """Every file of the site. The same source gives the same bytes, whatever is reused.

    :param earlier: an earlier build; its pages with the same inputs are reused.
    :raises BuildBroken: a check failed; ``data["problems"]`` names each.
    """
    before = earlier or Earlier()
    plan = plan_site(source, kept=before.articles)
    base_url = source.identity.base_url
    pages: dict[str, Built] = {}
    fresh: dict[str, PageFacts] = {}
    texts = dict(plan.texts)
    entries = {path: _entry(path, data) for path, data in plan.texts.items()}
    for path, media in plan.media.items():
        entries[path] = Entry(media.sha256, media.size, _type(path), IMMUTABLE)
    for page in plan.pages:
        known = before.pages.get(page.path)
        if known is None or known.key != page.key:
            data = texts[page.path] = render_page(page)
            facts = fresh[page.path] = facts_of(page.path, data, base_url=base_url)
            known = Built(page.key, _entry(page.path, data), facts_to_json(facts))
        pages[page.path] = known
        entries[page.path] = known.entry
    counted = Counter(page.path for page in plan.pages)
    problems = [f"{path}: {n} pages of this address" for path, n in counted.items() if n > 1]
    checks = SiteChecks(
        facts={path: built.facts for path, built in pages.items()},
        fresh=fresh,
        canonical=[page.url for page in plan.pages if page.url],
        files=entries.keys(),
        base_url=base_url,
    )
    problems += checks.problems(before.files, before.anchors)
    if problems:
        raise BuildBroken(
            f"the built site has {len(problems)} problems", problems=problems[:PROBLEMS_SHOWN]
        )
    return Build(
        entries=dict(sorted(entries.items())),
        texts=texts,
        media=plan.media,
        reused=frozenset(pages.keys() - texts.keys()),
        pages=pages,
        articles=plan.articles,
        anchors=before.anchors | checks.foreign_anchors(),
        topics=plan.topics,
        redirects=plan.redirects,
    )


def render_page(page: Page) -> bytes:
    """One page's bytes."""
    context = page.context
    environment = theme(context["site"]["theme"])
    environment.filters.setdefault("rfc822", rfc822)
    values = context | _prepared(page.template, context, has_address=bool(page.url))
    return environment.get_template(page.template).render(values).encode()


def rfc822(stamp: str) -> str:
    """A moment as RSS writes it."""
    return format_datetime(datetime.fromisoformat(stamp))


def build_hash(entries: Mapping[str, Entry], contents: Mapping[str, Any]) -> str:
    """The identity of a release: its files and the contents that it holds."""
    listed = {path: entry.sha256 for path, entry in entries.items()}
    text = json.dumps([1, listed, contents], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _prepared(template: str, values: Json, *, has_address: bool) -> Json:
    """What is made of the values right before a template shows them."""
    if "feed" in values:
        entries = [
            e | {"body": absolute_body(e["html"], e["url"])} for e in values["feed"]["entries"]
        ]
        return {"feed": values["feed"] | {"entries": entries}}
    if not template.endswith(".html.j2"):
        return {}
    shown = values["page"]
    if shown["kind"] == "article":
        label = values["site"]["words"]["table"]
        body = article_body(shown["html"], shown["pictures"], table_label=label)
        return {
            "body": Markup(body.html),  # noqa: S704 - sanitised where it was stored and read
            "contents": body.contents,
            "lede": "" if begins_with(shown["html"], shown["lede"]) else shown["lede"],
            "jsonld": _article_data(values),
        }
    return {"jsonld": _listing_data(values) if has_address else ""}


def _article_data(values: Json) -> Markup:
    site, page = values["site"], values["page"]
    return structured_data.graph(
        structured_data.website(site),
        structured_data.organization(site),
        structured_data.article(site, page),
        structured_data.breadcrumbs(page["crumbs"]),
    )


def _listing_data(values: Json) -> Markup:
    site, page = values["site"], values["page"]
    nodes = [
        structured_data.website(site),
        structured_data.organization(site),
        structured_data.collection(page, site),
    ]
    if len(page["crumbs"]) > 1:
        nodes.append(structured_data.breadcrumbs(page["crumbs"]))
    return structured_data.graph(*nodes)


def _entry(path: str, data: bytes) -> Entry:
    cache = IMMUTABLE if path.startswith("assets/") else SHORT
    return Entry(hashlib.sha256(data).hexdigest(), len(data), _type(path), cache)


def _type(path: str) -> str:
    return XML_TYPES.get(path) or CONTENT_TYPES.get(
        path.rpartition(".")[2], "application/xml; charset=utf-8"
    )
