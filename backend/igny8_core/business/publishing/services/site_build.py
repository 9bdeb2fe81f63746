"""Render a planned site to files; a page whose inputs are those of an earlier build is reused."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from igny8_core.business.publishing.errors import BuildBroken
from igny8_core.business.publishing.services import structured_data
from igny8_core.business.publishing.services.site_checks import (
    PageFacts,
    facts_of,
    problems_of,
)
from igny8_core.business.publishing.services.site_look import theme
from igny8_core.business.publishing.services.site_markup import (
    absolute_body,
    article_body,
    begins_with,
)
from igny8_core.business.publishing.services.site_plan import Page, plan_site

if TYPE_CHECKING:
    from collections.abc import Mapping

    from igny8_core.business.publishing.services.site_context import Json, MediaFile
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


@dataclass(frozen=True)
class Entry:
    """A file of a release, as its manifest lists it.

    :ivar cache: ``immutable`` for files named by their bytes, else ``short``.
    """

    sha256: str
    size: int
    content_type: str
    cache: str


@dataclass(frozen=True)
class Built:
    """A page of an earlier build: what it was made from and what the checks need of it."""

    key: str
    entry: Entry
    facts: PageFacts


@dataclass(frozen=True)
class Build:
    """A site as files, checked.

    :ivar texts: bytes of every file that was rendered now.
    :ivar media: image files to copy.
    :ivar reused: paths whose bytes are those of the earlier build.
    :ivar pages: what a later build needs to reuse the pages of this one.
    :ivar topics: the address of each topic by its number.
    :ivar redirects: addresses that were, and where they lead now.
    """

    entries: dict[str, Entry]
    texts: dict[str, bytes]
    media: dict[str, MediaFile]
    reused: frozenset[str]
    pages: dict[str, Built] = field(repr=False)
    topics: dict[str, str] = field(default_factory=dict, repr=False)
    redirects: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def size_bytes(self) -> int:
        return sum(entry.size for entry in self.entries.values())


def render_site(source: SiteSource, *, earlier: Mapping[str, Built] | None = None) -> Build:
    """Every file of the site. The same source gives the same bytes, whatever is reused.

    :param earlier: pages of an earlier build by path; those with the same inputs are reused.
    :raises BuildBroken: a check failed; ``data["problems"]`` names each.
    """
    plan = plan_site(source)
    pages: dict[str, Built] = {}
    texts = dict(plan.texts)
    entries = {path: _entry(path, data) for path, data in plan.texts.items()}
    for path, media in plan.media.items():
        entries[path] = Entry(media.sha256, media.size, _type(path), IMMUTABLE)
    for page in plan.pages:
        known = (earlier or {}).get(page.path)
        if known is not None and known.key == page.key:
            pages[page.path] = known
        else:
            data = render_page(page)
            texts[page.path] = data
            facts = facts_of(page.path, data, base_url=source.identity.base_url)
            pages[page.path] = Built(page.key, _entry(page.path, data), facts)
        entries[page.path] = pages[page.path].entry
    counted = Counter(page.path for page in plan.pages)
    problems = [f"{path}: {n} pages of this address" for path, n in counted.items() if n > 1]
    problems += problems_of(
        {path: built.facts for path, built in pages.items()},
        files=entries.keys(),
        base_url=source.identity.base_url,
    )
    if problems:
        raise BuildBroken(
            f"the built site has {len(problems)} problems", problems=problems[:PROBLEMS_SHOWN]
        )
    reused = frozenset(pages.keys() - texts.keys())
    return Build(
        entries=dict(sorted(entries.items())),
        texts=texts,
        media=plan.media,
        reused=reused,
        pages=pages,
        topics=plan.topics,
        redirects=plan.redirects,
    )


def render_page(page: Page) -> bytes:
    """One page's bytes."""
    environment = theme(page.context["site"]["theme"])
    environment.filters.setdefault("rfc822", rfc822)
    values = page.context | _prepared(page)
    return environment.get_template(page.template).render(values).encode()


def rfc822(stamp: str) -> str:
    """A moment as RSS writes it."""
    return format_datetime(datetime.fromisoformat(stamp))


def build_hash(entries: Mapping[str, Entry], contents: Mapping[str, Any]) -> str:
    """The identity of a release: its files and the contents that it holds."""
    listed = {path: entry.sha256 for path, entry in entries.items()}
    text = json.dumps([1, listed, contents], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def pages_to_json(pages: Mapping[str, Built]) -> Json:
    """Built pages as JSON, for the next build."""
    return {
        path: {"key": built.key, "entry": vars(built.entry), "facts": vars(built.facts)}
        for path, built in pages.items()
    }


def pages_from_json(value: Json) -> dict[str, Built]:
    """The inverse of :func:`pages_to_json`."""

    def facts(kept: Json) -> PageFacts:
        return PageFacts(
            canonical=kept.pop("canonical"),
            **{name: tuple(values) for name, values in kept.items()},
        )

    return {
        path: Built(built["key"], Entry(**built["entry"]), facts(built["facts"]))
        for path, built in value.items()
    }


def _prepared(page: Page) -> Json:
    """What is made of the values right before a template shows them."""
    values = page.context
    if "feed" in values:
        entries = [
            e | {"body": absolute_body(e["html"], e["url"])} for e in values["feed"]["entries"]
        ]
        return {"feed": values["feed"] | {"entries": entries}}
    if not page.template.endswith(".html.j2"):
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
    return {"jsonld": _listing_data(values) if page.url else ""}


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
