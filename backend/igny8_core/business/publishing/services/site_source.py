"""What a site is built from: plain values, read once, before anything is rendered."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from igny8_core.business.content.snapshots import ArticleSnapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

_values_of: Final = attrgetter(*(field.name for field in fields(ArticleSnapshot)))
RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ur"})
NOT_TEXT: Final = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f\\ud800-\\udfff\\ufffe\\uffff]")
"""Characters that neither XML nor HTML can hold."""

COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}\Z")


@dataclass(frozen=True)
class SiteIdentity:
    """How a site presents itself.

    :ivar base_url: absolute address of its home page, without the closing slash.
    :ivar accent: ``#rrggbb``; empty means one chosen by the name.
    :ivar indexnow_key: served as a text file; empty for a site that does not tell of changes.
    :ivar is_preview: drafts are in it, and it keeps search engines out.
    """

    name: str
    base_url: str
    tagline: str = ""
    language: str = "en"
    country_code: str = ""
    timezone: str = "UTC"
    accent: str = ""
    theme: str = "default"
    colour_scheme: str = "auto"
    has_search: bool = True
    has_llms_txt: bool = False
    ai_crawlers: bool = True
    indexnow_key: str = ""
    is_preview: bool = False

    @property
    def base_path(self) -> str:
        """The path part of :attr:`base_url`: what every internal link starts with."""
        return urlsplit(self.base_url).path.rstrip("/")

    def href(self, path: str) -> str:
        """Where a file of the site is, as its pages link to it."""
        return f"{self.base_path}/{quote(path)}"

    def url(self, path: str) -> str:
        """The absolute address of a file of the site."""
        return f"{self.base_url}/{quote(path)}"

    @property
    def direction(self) -> str:
        """Which way the language is written."""
        return "rtl" if self.language.split("-")[0] in RIGHT_TO_LEFT else "ltr"

    @property
    def locale(self) -> str:
        """``en_GB`` for Open Graph; empty when the country is not known."""
        language = self.language.split("-")[0]
        return f"{language}_{self.country_code.upper()}" if self.country_code else ""


@dataclass(frozen=True)
class SiteSource:
    """A site at one moment. The same source always builds the same bytes.

    :ivar articles: published, newest first.
    :ivar media: digest of every image file that an article names, by its path below MEDIA_ROOT.
    :ivar moved: addresses that were, with what was there: ``("articles/old/", "content:12")``.
    """

    identity: SiteIdentity
    articles: tuple[ArticleSnapshot, ...]
    media: Mapping[str, str]
    moved: tuple[tuple[str, str], ...] = ()


def article_path(slug: str) -> str:
    """Where an article is below the site's home page, not yet quoted."""
    return f"articles/{slug}/"


def cleaned(source: SiteSource) -> tuple[SiteSource, dict[int, str]]:
    """The same source without characters that would break its pages and feeds.

    :returns: it, and of each article what changes whenever anything of it or its images does.
    """
    articles, prints = [], {}
    for article in source.articles:
        text = _text_of(article)
        if "\\x" in text or "\\u" in text:  # how a control character is written there
            article = _without_controls(article)  # noqa: PLW2901
            text = _text_of(article)
        media = [source.media[v.path] for image in article.images for v in image.variants]
        found = blake2b("".join([text, *media]).encode("utf-8", "surrogatepass"), digest_size=16)
        prints[article.id] = found.hexdigest()
        articles.append(article)
    identity = _without_controls(source.identity)
    return replace(source, identity=identity, articles=tuple(articles)), prints


def _text_of(article: ArticleSnapshot) -> str:
    return repr(_values_of(article))


def _without_controls(value: Any) -> Any:
    """A text, a tuple or a dataclass, itself if there is nothing to take out."""
    if isinstance(value, str):
        return NOT_TEXT.sub("", value)
    if isinstance(value, tuple):
        return tuple(_without_controls(item) for item in value)
    if hasattr(value, "__dataclass_fields__"):
        held = {f.name: getattr(value, f.name) for f in fields(value)}
        clean = {name: _without_controls(item) for name, item in held.items()}
        changed = {name: item for name, item in clean.items() if item != held[name]}
        return replace(value, **changed) if changed else value
    return value
