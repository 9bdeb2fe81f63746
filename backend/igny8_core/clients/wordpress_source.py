"""WordPress as a place to import from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any, Final

from igny8_core.clients.guarded_http import OutcomeUnknown
from igny8_core.clients.sources import Glimpse, SourceItem, SourceTerm, Sweep
from igny8_core.clients.wordpress import WordPressRefused
from igny8_core.clients.wordpress_post import (
    ROUTES,
    SEO_FIELD,
    TERM_FIELDS,
    plain_slug,
    raw_of,
    site_time,
)
from igny8_core.common.moments import mail_date

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from igny8_core.clients.wordpress import Page, WordPressClient
    from igny8_core.clients.wordpress_post import PostReader

PER_PAGE: Final = 100
PER_FETCH: Final = 50
PAGES_MAX: Final = 1_000
PASSES_MAX: Final = 2
STATUSES: Final = "publish,future,draft,pending,private"
GLIMPSE_FIELDS: Final = "id,modified_gmt,status,slug"
OVERLAP: Final = timedelta(seconds=5)
TAXONOMIES: Final = {"categories": "category", "tags": "post_tag"}


class WordPressSource:
    """Reads of one WordPress; mixed into the adapter, which has its client and its reader."""

    external_types: Sequence[str] = ("post", "page")
    client: WordPressClient
    posts: PostReader

    def source_terms(self) -> Iterator[SourceTerm]:
        """Categories, then tags."""
        for route, taxonomy in TAXONOMIES.items():
            params = {"_fields": "id,name,slug,description,count", "orderby": "id"}
            for page in self._pages(f"wp/v2/{route}", params):
                for term in page.items:
                    yield SourceTerm(
                        external_taxonomy=taxonomy,
                        external_id=str(term["id"]),
                        name=unescape(str(term["name"]))[:200],
                        slug=str(term["slug"]),
                        description=unescape(str(term.get("description", "")))[:2000],
                        count=int(term.get("count", 0)),
                    )

    def sweep_items(self, external_type: str) -> Sweep:
        """One pass over the list; one more when it grew or shrank on the way."""
        for _pass in range(PASSES_MAX):
            pages = list(self._pages(ROUTES[external_type], self._light({"orderby": "id"})))
            totals = {page.total for page in pages}
            if len(totals) <= 1:
                break
        return _sweep(pages)

    def changed_items(self, external_type: str, since: datetime) -> Sweep:
        """Those that changed since; the seconds before are asked for again."""
        after = (since - OVERLAP).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        params = self._light({"orderby": "modified", "modified_after": after})
        return _sweep(list(self._pages(ROUTES[external_type], params)))

    def fetch_items(self, external_type: str, ids: Sequence[str]) -> list[SourceItem]:
        """Posts whole, fifty at a time."""
        found = []
        for start in range(0, len(ids), PER_FETCH):
            some = ids[start : start + PER_FETCH]
            params = {
                "include": ",".join(some),
                "per_page": PER_FETCH,
                "status": STATUSES,
                "_fields": self.posts.fields(external_type)
                + ",date_gmt,author,content.protected,_links,_embedded",
                "_embed": "wp:featuredmedia,author",
            }
            page = self.client.page(ROUTES[external_type], params)
            found += [self._item(post, external_type) for post in page.items]
        return found

    def _light(self, params: Mapping[str, str]) -> dict[str, str]:
        return {"_fields": GLIMPSE_FIELDS, "order": "asc", "status": STATUSES, **params}

    def _pages(self, route: str, params: Mapping[str, str]) -> Iterator[Page]:
        number = 1
        while number <= PAGES_MAX:
            try:
                page = self.client.page(route, {**params, "per_page": PER_PAGE, "page": number})
            except WordPressRefused as exc:
                if number > 1 and exc.reason == "rest_post_invalid_page_number":
                    return  # it shrank on the way
                raise
            yield page
            if number >= page.pages:
                return
            number += 1
        raise OutcomeUnknown("more pages than there can be", pages=number)

    def _item(self, post: Mapping[str, Any], external_type: str) -> SourceItem:
        remote = self.posts.remote(post, external_type)
        embedded = post.get("_embedded") or {}
        picture = _first(embedded.get("wp:featuredmedia"))
        author = _first(embedded.get("author"))
        terms = [
            (TAXONOMIES[name], str(term_id))
            for name in TERM_FIELDS
            for term_id in post.get(name) or []
        ]
        content = post.get("content")
        return SourceItem(
            external_id=remote.external_id,
            external_type=external_type,
            url=remote.url,
            slug=plain_slug(str(post.get("slug", ""))),
            site_status=remote.site_status,
            title=unescape(raw_of(post.get("title"))),
            html=raw_of(content),
            excerpt=raw_of(post.get("excerpt")),
            watched=remote.watched,
            modified_at=remote.modified_at,
            published_at=site_time(post.get("date_gmt")),
            author=str(author.get("name", ""))[:200],
            seo={k: str(v) for k, v in (post.get(SEO_FIELD) or {}).items()},
            terms=tuple(terms),
            picture_id=str(post.get("featured_media") or ""),
            picture_url=str(picture.get("source_url", ""))[:500],
            picture_alt=str(picture.get("alt_text", ""))[:125],
            picture_width=_size(picture, "width"),
            picture_height=_size(picture, "height"),
            is_protected=bool(isinstance(content, dict) and content.get("protected")),
        )


def _sweep(pages: Sequence[Page]) -> Sweep:
    glimpses = {
        str(post["id"]): Glimpse(
            str(post["id"]),
            site_time(post.get("modified_gmt")),
            str(post.get("status", "")),
            plain_slug(str(post.get("slug", ""))),
        )
        for page in pages
        for post in page.items
    }
    total = pages[-1].total if pages else 0
    return Sweep(tuple(glimpses.values()), total, mail_date(pages[0].date) if pages else None)


def _first(found: Any) -> Mapping[str, Any]:
    return found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}


def _size(picture: Mapping[str, Any], name: str) -> int:
    found = (picture.get("media_details") or {}).get(name)
    return found if isinstance(found, int) else 0
