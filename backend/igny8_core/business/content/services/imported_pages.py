"""Pages of a site that were imported, as the guard sees them: what each is about."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from django.db.models import Q

from igny8_core.business.content.models import SitePage
from igny8_core.business.planning.services.overlap_guard import PAGE, PageText
from igny8_core.common.url_keys import url_key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from igny8_core.auth.models import Account

MAX_PAGES: Final = 50_000
"""The newest of a site; beyond that its oldest pages are not looked at."""

NAME_PAGES, NAME_SHARE = 3, 0.2
"""A part that so many titles begin or end with is the site's name."""

_COUNTS = Q(is_canonical=True) & ~Q(is_indexable=False)
_ANSWERS = Q(status_code=None) | Q(status_code__range=(200, 299))
_PARTS = re.compile(r"\s+[|\u2013\u2014\u00b7\u00bb-]\s+")
_LISTING = re.compile(
    r"/(?:(?:tags?|authors?|search)(?:/[^/]*)?|feed|page/\d+|\d{4}/\d{2}(?:/\d{2})?)/?$",
    re.IGNORECASE,
)
"""Addresses that list other pages, and answer no search of their own."""

_ENDING = re.compile(r"\.(?:html?|php|aspx?|jsp)$", re.IGNORECASE)


def imported_pages(
    *, account: Account, site_id: int, known: Collection[str] = ()
) -> list[PageText]:
    """Pages that search engines may show, in the account's block.

    Left out: what is not indexable or names another address as the page, what did not answer with
    a page, the home page, lists of pages (tags, authors, dates, search), and pages of which neither
    title nor address says what they are about.

    :param known: addresses of articles, which stand for themselves.
    """
    keys = {key.digest for url in known if (key := url_key(url)) is not None}
    rows = SitePage.objects.for_account(account).filter(
        _COUNTS, _ANSWERS, site_id=site_id, content=None
    )
    columns = ("pk", "url", "url_hash", "title", "h1", "focus_keyword")
    found = list(rows.order_by("-pk").values_list(*columns)[:MAX_PAGES])
    names = _site_names(title for _, _, _, title, _, _ in found)
    pages = []
    for pk, url, digest, title, h1, keyword in found:
        slug = _slug(url)
        shown = _without(title, names) or h1
        if digest in keys or slug is None or not (keyword or shown or slug):
            continue
        pages.append(PageText(PAGE, pk, shown, keyword, slug=slug, url=url))
    return pages


def _slug(url: str) -> str | None:
    """The words of an address: its last part. None for the home page and for lists of pages."""
    path = urlsplit(url).path
    last = path.rstrip("/").rpartition("/")[2]
    if not last or _LISTING.search(path):
        return None
    words = _ENDING.sub("", unquote(last))
    return words if any(char.isalpha() for char in words) else ""


def _site_names(titles: Iterable[str]) -> set[str]:
    """What so many titles begin or end with that it is the name of the site."""
    counted: Counter[str] = Counter()
    total = 0
    for title in titles:
        parts = _PARTS.split(title.strip())
        total += bool(title)
        if len(parts) > 1:
            counted.update({parts[0].casefold(), parts[-1].casefold()})
    return {
        part
        for part, count in counted.items()
        if count >= NAME_PAGES and count >= NAME_SHARE * total
    }


def _without(title: str, names: set[str]) -> str:
    """A title without the site's name, unless nothing else is in it."""
    text = title.strip()
    kept = [part for part in _PARTS.split(text) if part.casefold() not in names]
    return " | ".join(kept) if kept and len(kept) < len(_PARTS.split(text)) else text
