"""Posts and pages that another platform brings, as content; the site's own text stays there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from django.db.models import F
from django.utils.text import slugify

from igny8_core.business.content.models import Content, ContentTaxonomy, ContentTaxonomyLink
from igny8_core.business.content.services.slugs import lock_slugs, unused_slug
from igny8_core.business.content.services.versions import keep_version
from igny8_core.business.content.states import (
    ContentSource,
    ContentStatus,
    SyncStatus,
    TaxonomyType,
    VersionReason,
)
from igny8_core.business.planning.states import ContentType
from igny8_core.common.html import sanitize_html
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.url_keys import web_address

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.content.services.page_rows import PageRow

_TAXONOMIES = {"category": TaxonomyType.CATEGORY, "post_tag": TaxonomyType.TAG}
_TYPES = {"post": ContentType.POST, "page": ContentType.PAGE}
_UNTITLED = "(no title)"


@dataclass(slots=True)
class PostCounts:
    """What became of the posts of a batch.

    :ivar contents: id of each post's content by ``PageRow.row``.
    :ivar conflicts: rows of posts that were changed there and here; they stay as they are here.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    contents: dict[int, int] = field(default_factory=dict)
    conflicts: list[int] = field(default_factory=list)


def save_posts(
    *, account: Account, sector: Sector, pages: Sequence[PageRow], now: datetime
) -> PostCounts:
    """Write the posts behind pages, in the open block.

    A post that is known is written again only when it was changed there since, and not here.
    """
    counts = PostCounts()
    posts = [page for page in pages if page.post is not None]
    if not posts:
        return counts
    lock_slugs(account, sector.site_id)
    known = _known(account, sector, posts)
    terms = PostTerms(account, sector)
    for page in posts:
        post: dict[str, Any] = page.post or {}
        row = known.get((post["external_type"], post["external_id"]))
        if row is None:
            row = create_post(account, sector, page, post, now)
            counts.created += 1
        elif not _is_newer(page, row):
            counts.unchanged += 1
            counts.contents[page.row] = row.pk
            continue
        elif row.version != row.external_metadata.get("version"):
            counts.conflicts.append(page.row)
            counts.contents[page.row] = row.pk
            continue
        else:
            update_post(row, page, post, now)
            counts.updated += 1
        terms.link(row, post["terms"])
        counts.contents[page.row] = row.pk
    return counts


def _known(
    account: Account, sector: Sector, posts: Sequence[PageRow]
) -> dict[tuple[str, str], Content]:
    """Contents of the site by their place there; deleted ones too: they are not brought back."""
    ids = [(page.post or {})["external_id"] for page in posts]
    rows = Content.objects.for_account(account).filter(
        site_id=sector.site_id, source=ContentSource.WORDPRESS, external_id__in=ids
    )
    # Locked: what a person says of them meanwhile waits, and is not written over.
    locked = rows.select_for_update(no_key=True, of=("self",))
    ordered = locked.order_by(F("deleted_at").asc(nulls_last=True), "pk")  # a live one last
    return {(row.external_type, row.external_id): row for row in ordered}


def _is_newer(page: PageRow, row: Content) -> bool:
    if row.deleted_at is not None:
        return False
    known = row.external_metadata.get("modified_at") or ""
    there = page.last_modified_at.isoformat() if page.last_modified_at else ""
    return there > known


def create_post(
    account: Account, sector: Sector, page: PageRow, post: dict[str, Any], now: datetime
) -> Content:
    """A post as content, in the open block, with the slugs held."""
    status = ContentStatus(post["status"])
    wanted = slugify(unquote(post["slug"]) or page.title, allow_unicode=True)[:90]
    row = Content(
        account=account,
        site_id=sector.site_id,
        sector=sector,
        status=status,
        source=ContentSource.WORDPRESS,
        sync_status=SyncStatus.SYNCED,
        external_id=post["external_id"],
        external_type=post["external_type"],
        slug=unused_slug(account, sector.site_id, wanted or f"post-{post['external_id']}"),
        published_at=(post["published_at"] or now) if status == ContentStatus.PUBLISHED else None,
        provenance={"origin": "wordpress"},
    )
    _fill(row, page, post)
    row.save()
    keep_version(row, reason=VersionReason.IMPORTED)
    return row


def update_post(row: Content, page: PageRow, post: dict[str, Any], now: datetime) -> None:
    """What the post says now, as the next version."""
    row.version += 1
    row.revised_at = row.updated_at = now
    _fill(row, page, post)
    row.save()
    keep_version(row, reason=VersionReason.IMPORTED)


def _fill(row: Content, page: PageRow, post: dict[str, Any]) -> None:
    """The text as it may be shown; what it was there is kept beside it."""
    row.title = page.title[:255] or _UNTITLED
    row.html = sanitize_html(post["html"])
    row.word_count = page.word_count or 0
    row.content_type = _TYPES[post["external_type"]]
    row.language = page.language.partition("-")[0][:8] or row.language
    row.meta_title = "" if "%" in post["seo_title"] else post["seo_title"][:255]
    row.meta_description = page.meta_description[:500]
    row.excerpt = post["excerpt"]
    row.primary_keyword = page.focus_keyword
    row.external_url = web_address(page.url)[:500]
    row.external_metadata = {
        "modified_at": page.last_modified_at.isoformat() if page.last_modified_at else "",
        "status": post["site_status"],
        "author": post["author"],
        "html": post["html"],
        "seo_title": post["seo_title"],
        "seo_description": post["seo_description"],
        "is_protected": post["is_protected"],
        "picture": post.get("picture") or {},
        "version": row.version,
    }


class PostTerms:
    """Categories and tags of a site, found by their slug or made."""

    def __init__(self, account: Account, sector: Sector) -> None:
        self._account, self._sector = account, sector
        self._known: dict[tuple[str, str], int] = {}

    def link(self, row: Content, terms: Sequence[Sequence[str]]) -> None:
        """Give an article the terms of its post; those it has otherwise stay."""
        ids = {
            self._term(domain, slug, name)
            for domain, slug, name in terms
            if domain in _TAXONOMIES and name
        }
        ContentTaxonomyLink.unscoped.bulk_create(
            (
                ContentTaxonomyLink(
                    account=self._account,
                    site_id=self._sector.site_id,
                    content=row,
                    taxonomy_id=term_id,
                )
                for term_id in sorted(ids)
            ),
            ignore_conflicts=True,
        )

    def _term(self, domain: str, slug: str, name: str) -> int:
        shown = slugify(unquote(slug) or name, allow_unicode=True)[:200] or "term"
        key = (_TAXONOMIES[domain].value, shown)
        if key not in self._known:
            rows = ContentTaxonomy.objects.for_account(self._account).filter(
                site_id=self._sector.site_id, taxonomy_type=key[0], slug=shown
            )
            found = rows.values_list("pk", flat=True).first()
            self._known[key] = found or self._make(domain, key, name)
        return self._known[key]

    def _make(self, domain: str, key: tuple[str, str], name: str) -> int:
        made = ContentTaxonomy(
            account=self._account,
            site_id=self._sector.site_id,
            taxonomy_type=key[0],
            slug=key[1],
            name=name[:200],
            external_taxonomy=domain,
            sync_status=SyncStatus.SYNCED,
        )
        made.save()
        return int(made.pk)


def live_posts(*, account: Account, sector: Sector) -> int:
    """How many imported posts the site has, in the open block."""
    rows = Content.objects.for_account(account).filter(
        LIVE, site_id=sector.site_id, source=ContentSource.WORDPRESS
    )
    return rows.count()
