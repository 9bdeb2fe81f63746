"""Read what a site is built from: its articles, its images, the addresses it had before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.content import selectors as contents
from igny8_core.business.publishing.models import PublishingRecord
from igny8_core.business.publishing.services.site_options import identity_of
from igny8_core.business.publishing.services.site_source import SiteSource, article_path
from igny8_core.business.publishing.states import Destination
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Site
    from igny8_core.business.publishing.services.release_manifest import Manifest, Media


def read_site(
    *,
    account: Account,
    site: Site,
    base_url: str,
    media: Media,
    live: Manifest | None,
    with_drafts: bool = False,
) -> SiteSource:
    """One snapshot of a site; five queries.

    :param live: the version that visitors see: addresses of it that are elsewhere now lead there.
    :param with_drafts: a preview: articles on their way are in it too.
    :raises InvalidInput: ``base_url`` is no web address.
    :raises ReleaseDamaged: an image file is missing.
    """
    identity = identity_of(site, base_url=base_url, is_preview=with_drafts)
    with tenant(account.pk, read_only=True):
        articles = contents.site_snapshot(
            account=account,
            site=site,
            href=lambda slug: identity.href(article_path(slug)),
            with_drafts=with_drafts,
        )
        published = set(
            PublishingRecord.objects.for_account(account)
            .filter(site=site, destination=Destination.SITES, published_at__isnull=False)
            .exclude(destination_id="")
            .values_list("destination_id", "content_id")
        )
    moved = {(path, f"content:{content_id}") for path, content_id in published}
    paths = {v.path for a in articles for i in a.images for v in i.variants}
    return SiteSource(
        identity=identity,
        articles=tuple(articles),
        media={path: media.sha256(path) for path in paths},
        moved=tuple(sorted(moved | _moved_since(live))),
    )


def contents_of(source: SiteSource) -> dict[str, dict[str, Any]]:
    """Which contents a build of the source holds, as its manifest lists them."""
    return {
        str(article.id): {
            "revision": article.revision,
            "sector": article.sector_id,
            "url": source.identity.url(article_path(article.slug)),
            "path": article_path(article.slug),
        }
        for article in source.articles
    }


def _moved_since(live: Manifest | None) -> set[tuple[str, str]]:
    """Every address that the live version has or leads on, with what is there."""
    if live is None:
        return set()
    places = {held["path"]: f"content:{key}" for key, held in live.contents.items()}
    places |= {path: f"topic:{key}" for key, path in live.topics.items()}
    before = {(old, places[new]) for old, new in live.redirects.items() if new in places}
    return before | set(places.items())
