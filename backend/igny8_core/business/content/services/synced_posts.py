"""What a connected site says of its articles, taken over: texts, status, terms, pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.content import selectors
from igny8_core.business.content.models import Content, ContentTaxonomy
from igny8_core.business.content.services.content_fields import ContentChanges
from igny8_core.business.content.services.editing import edit_content
from igny8_core.business.content.services.imported_posts import (
    PostTerms,
    create_post,
    update_post,
)
from igny8_core.business.content.services.seo_fields import make_slug
from igny8_core.business.content.services.slugs import lock_slugs
from igny8_core.business.content.states import (
    CONTENT,
    ContentSource,
    ContentStatus,
    SyncStatus,
    TaxonomyType,
)
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.soft_delete import LIVE, move_to_bin
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import because, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.content.services.page_rows import PageRow

TYPES: Final = {"category": TaxonomyType.CATEGORY, "post_tag": TaxonomyType.TAG}
_PATHS: Final[dict[tuple[str, str], tuple[ContentStatus, ...]]] = {
    (ContentStatus.DRAFT, ContentStatus.REVIEW): (ContentStatus.REVIEW,),
    (ContentStatus.DRAFT, ContentStatus.PUBLISHED): (
        ContentStatus.REVIEW,
        ContentStatus.PUBLISHED,
    ),
    (ContentStatus.REVIEW, ContentStatus.DRAFT): (ContentStatus.DRAFT,),
    (ContentStatus.REVIEW, ContentStatus.PUBLISHED): (ContentStatus.PUBLISHED,),
    (ContentStatus.PUBLISHED, ContentStatus.REVIEW): (ContentStatus.REVIEW,),
    (ContentStatus.PUBLISHED, ContentStatus.DRAFT): (ContentStatus.REVIEW, ContentStatus.DRAFT),
}


@tenant_atomic()
def import_post(
    *, account: Account, sector: Sector, page: PageRow, content_id: int | None, now: datetime
) -> Content:
    """Write what a site says of one post: as new content, or as the next version.

    Of an article of ours the text, the title and the excerpt are taken over, as an edit; its
    status is left to who publishes it.

    :param content_id: the article that the post is; None makes one.
    :raises NotFound: that article was deleted.
    """
    post: dict[str, Any] = page.post or {}
    lock_slugs(account, sector.site_id)
    if content_id is None:
        row = create_post(account, sector, page, post, now)
    else:
        own = Content.objects.for_account(account).filter(pk=content_id)
        list(own.select_for_update(no_key=True).values_list("pk"))  # nobody edits it meanwhile
        row = selectors.content(account=account, content_id=content_id)
        if row.source != ContentSource.WORDPRESS:
            return _edit_own(account, row, page, post, now)
        update_post(row, page, post, now)
        _follow_status(row, ContentStatus(post["status"]), post["published_at"] or now, now)
    PostTerms(account, sector).link(row, post["terms"])
    return row


@tenant_atomic()
def follow_site_status(
    *, account: Account, content_id: int, status: str, note: str, now: datetime
) -> bool:
    """Let an article be published, in review or a draft as its site says; whether it moved.

    :raises NotFound: it was deleted.
    """
    row = selectors.content(account=account, content_id=content_id)
    with because(note):
        return _follow_status(row, ContentStatus(status), row.published_at or now, now)


@tenant_atomic()
def bin_imported(*, account: Account, content_id: int, note: str, now: datetime) -> bool:
    """Put an article into the bin that its site has deleted; one of ours stays."""
    rows = Content.objects.for_account(account).filter(
        LIVE, pk=content_id, source=ContentSource.WORDPRESS
    )
    row: Content | None = rows.select_for_update(no_key=True).first()
    if row is None:
        return False
    with because(note):
        _follow_status(row, ContentStatus.DRAFT, now, now)
    return bool(move_to_bin(Content, account=account, ids=[row.pk], now=now))


@tenant_atomic()
def save_site_terms(*, account: Account, site_id: int, terms: Iterable[Any]) -> dict[str, int]:
    """Keep a site's categories and tags; how many were created and updated.

    :param terms: of :class:`igny8_core.clients.sources.SourceTerm`.
    """
    counts = {"created": 0, "updated": 0}
    rows = ContentTaxonomy.objects.for_account(account).filter(site_id=site_id)
    for term in terms:
        kind = TYPES.get(term.external_taxonomy)
        if kind is None:
            continue
        slug = make_slug(term.slug) or make_slug(term.name) or f"term-{term.external_id}"
        known = rows.filter(
            external_taxonomy=term.external_taxonomy, external_id=term.external_id
        ).first()
        row = known or rows.filter(taxonomy_type=kind, slug=slug).first()
        if row is None:
            row = ContentTaxonomy(
                account=account,
                site_id=site_id,
                taxonomy_type=kind,
                slug=slug,
                sync_status=SyncStatus.SYNCED,
            )
            counts["created"] += 1
        elif row.external_id not in {"", term.external_id}:
            continue  # another term of the site has this slug here
        elif (row.name, row.description, row.count, row.external_id) == (
            term.name,
            term.description,
            term.count,
            term.external_id,
        ):
            continue
        else:
            counts["updated"] += 1
        row.name, row.description, row.count = term.name, term.description, term.count
        row.external_taxonomy, row.external_id = term.external_taxonomy, term.external_id
        row.save()
    return counts


def term_names(*, account: Account, site_id: int) -> dict[tuple[str, str], tuple[str, str]]:
    """Slug and name of each category and tag by its taxonomy and id at the site."""
    rows = ContentTaxonomy.objects.for_account(account).filter(site_id=site_id)
    known = rows.exclude(external_id="").values_list(
        "external_taxonomy", "external_id", "slug", "name"
    )
    return {(taxonomy, external_id): (slug, name) for taxonomy, external_id, slug, name in known}


def content_of_post(
    *, account: Account, site_id: int, external_type: str, external_id: str
) -> int | None:
    """The article that was imported of a post, from a file or before it was connected."""
    rows = Content.objects.for_account(account).filter(
        LIVE,
        site_id=site_id,
        source=ContentSource.WORDPRESS,
        external_type=external_type,
        external_id=external_id,
    )
    return rows.values_list("pk", flat=True).first()


def version_of(*, account: Account, content_id: int) -> int | None:
    """The stored version of an article; None when it was deleted."""
    try:
        return selectors.content(account=account, content_id=content_id).version
    except NotFound:
        return None


def _edit_own(
    account: Account, row: Content, page: PageRow, post: dict[str, Any], now: datetime
) -> Content:
    changes = ContentChanges(
        title=(page.title or row.title)[:255], html=post["html"], excerpt=post["excerpt"]
    )
    try:
        return edit_content(
            account=account,
            content_id=row.pk,
            version=row.version,
            changes=changes,
            is_live_already=True,
            now=now,
        )
    except InvalidInput as exc:
        raise InvalidInput("The site's text cannot be taken over.", **exc.data) from exc


def _follow_status(row: Content, to: ContentStatus, published_at: datetime, now: datetime) -> bool:
    steps = _PATHS.get((ContentStatus(row.status), to), ())
    for step in steps:
        columns: dict[str, Any] = {}
        if step == ContentStatus.PUBLISHED:
            columns["published_at"] = row.published_at or published_at
        advance(row, step, table=CONTENT, now=now, **columns)
    return bool(steps)
