"""From an article of ours to what an adapter sends: links, terms, pictures, how it was made."""

from __future__ import annotations

import mimetypes
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from django.conf import settings

from igny8_core.business.content import selectors as contents
from igny8_core.business.content.snapshots import resolve_links
from igny8_core.business.integration.services.items import addresses_of
from igny8_core.business.planning.states import ContentType
from igny8_core.clients.destinations import Article, Picture, Seo, Term, Visibility
from igny8_core.common.html import escape, sanitize_html
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.content.selectors import OutgoingArticle, OutgoingTerm
    from igny8_core.business.content.snapshots import ImageSnapshot, ImageVariant
    from igny8_core.business.integration.selectors import ExternalItem, SiteIntegration

FEATURED: Final = ("featured", "cover")
IN_ARTICLE: Final = "in_article"
FORMATS: Final = ("webp", "jpeg", "jpg", "png", "gif")
"""What every platform takes; AVIF is refused by older ones."""


def article_for(
    *,
    account: Account,
    integration: SiteIntegration,
    item: ExternalItem,
    content_id: int,
    revision: int,
    visibility: Visibility,
    published_at: datetime | None,
) -> tuple[Article, tuple[OutgoingTerm, ...]]:
    """One revision as it is to stand at the connection's site, and the rows of its terms.

    :param published_at: a date in the past that the site is to show; None lets it take its own.
    :raises NotFound: the article was deleted, or the version was not kept.
    """
    with tenant(account.pk, read_only=True):
        source = contents.outgoing_article(
            account=account, content_id=content_id, revision=revision
        )
        addresses = addresses_of(account=account, integration=integration, content_ids=source.links)
        author = contents.author_of(integration.site).name
    html = resolve_links(sanitize_html(source.html), addresses)
    if source.disclosure:
        html += f"\n<p><em>{escape(source.disclosure)}</em></p>"
    article = Article(
        revision=revision,
        title=source.title,
        slug=_slug(source, item),
        html=html,
        excerpt=source.excerpt.strip(),
        language=source.language,
        visibility=visibility,
        published_at=published_at,
        external_type=item.external_type,
        author=author,
        seo=Seo(source.meta_title, source.meta_description, source.primary_keyword),
        terms=tuple(_term(term, integration) for term in source.terms),
        pictures=_pictures(source.images),
    )
    return article, source.terms


def external_type_of(content_type: str) -> str:
    """What an article becomes at a site that knows posts and pages."""
    return "page" if content_type == ContentType.PAGE else "post"


def external_taxonomy(integration: SiteIntegration, kind: str) -> str:
    """The platform's word under which a term's id is kept; ids of two platforms never meet."""
    words = {"category": "category", "tag": "post_tag"}
    prefix = "" if integration.platform == "wordpress" else f"{integration.platform}:"
    return f"{prefix}{words[kind]}"


def _slug(source: OutgoingArticle, item: ExternalItem) -> str:
    """The slug that we want; once the site has given it a suffix, the one with the suffix."""
    agreed = item.metadata.get("slug") or {}
    return str(agreed["got"]) if agreed.get("wanted") == source.slug else source.slug


def _term(term: OutgoingTerm, integration: SiteIntegration) -> Term:
    is_known = term.external_taxonomy == external_taxonomy(integration, term.taxonomy_type)
    return Term(term.taxonomy_type, term.name, term.slug, term.external_id if is_known else "")


def _pictures(images: tuple[ImageSnapshot, ...]) -> tuple[Picture, ...]:
    """The images that have a file, the featured one first and once."""
    featured = [image for kind in FEATURED for image in images if image.image_type == kind][:1]
    inside = [image for image in images if image.image_type == IN_ARTICLE]
    made = [_picture(image, is_featured=True) for image in featured]
    made += [_picture(image, is_featured=False) for image in inside]
    return tuple(picture for picture in made if picture is not None)


def _picture(image: ImageSnapshot, *, is_featured: bool) -> Picture | None:
    usable = [v for v in image.variants if v.format.lower() in FORMATS]
    if not usable:
        return None
    variant = max(usable, key=lambda v: (v.width, -FORMATS.index(v.format.lower())))
    load = _loader(variant)
    try:
        digest = sha256(load()).hexdigest()
    except OSError:
        return None
    name = PurePosixPath(variant.path).name
    return Picture(
        sha256=digest,
        file_name=name,
        mime_type=mimetypes.guess_type(name)[0] or f"image/{variant.format.lower()}",
        alt=image.alt,
        caption=image.caption,
        width=variant.width,
        height=variant.height,
        load=load,
        is_featured=is_featured,
        marker="" if is_featured else f"image-{image.position}",
    )


def _loader(variant: ImageVariant) -> Callable[[], bytes]:
    file = Path(settings.MEDIA_ROOT) / variant.path
    return file.read_bytes
