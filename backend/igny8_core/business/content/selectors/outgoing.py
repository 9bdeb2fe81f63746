"""One article at one version, with all that a site outside is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from igny8_core.business.content.models import (
    Content,
    ContentTaxonomy,
    ContentTaxonomyLink,
    ContentVersion,
    Images,
)
from igny8_core.business.content.selectors.site import image_snapshot
from igny8_core.business.content.snapshots import INTERNAL_LINK, disclosure_of
from igny8_core.business.content.states import ImageStatus
from igny8_core.common.errors import NotFound
from igny8_core.common.soft_delete import LIVE

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.content.snapshots import ImageSnapshot


@dataclass(frozen=True)
class OutgoingTerm:
    """A category or tag, with what it is outside."""

    id: int
    taxonomy_type: str
    name: str
    slug: str
    external_taxonomy: str
    external_id: str


@dataclass(frozen=True)
class OutgoingArticle:
    """What a delivery needs of one version.

    :ivar html: as it is stored; links to articles are ``#content-<id>``.
    :ivar links: ids of the articles that it names.
    """

    id: int
    site_id: int
    revision: int
    title: str
    slug: str
    html: str
    excerpt: str
    meta_title: str
    meta_description: str
    primary_keyword: str
    language: str
    content_type: str
    source: str
    published_at: datetime | None
    disclosure: str
    links: tuple[int, ...]
    terms: tuple[OutgoingTerm, ...]
    images: tuple[ImageSnapshot, ...]


def outgoing_article(*, account: Account, content_id: int, revision: int) -> OutgoingArticle:
    """An article as it was at a version; images and terms are today's.

    :raises NotFound: no such article, or that version was not kept.
    """
    rows = Content.objects.for_account(account).filter(LIVE, pk=content_id)
    row: Content | None = rows.select_related("site").first()
    if row is None:
        raise NotFound("no such content", content_id=content_id)
    text: dict[str, Any] = _text_of(account, row, revision)
    label = row.site.settings.get("disclosure") or {}
    return OutgoingArticle(
        id=row.pk,
        site_id=row.site_id,
        revision=revision,
        content_type=row.content_type,
        source=row.source,
        published_at=row.published_at,
        disclosure=disclosure_of(text.pop("provenance"), label),
        links=tuple(sorted({int(found[1]) for found in INTERNAL_LINK.finditer(text["html"])})),
        terms=_terms(account, row),
        images=_images(account, row),
        **text,
    )


def _text_of(account: Account, row: Content, revision: int) -> dict[str, Any]:
    names = ("slug", "meta_title", "meta_description", "excerpt", "primary_keyword", "language")
    if row.version == revision:
        values: dict[str, Any] = {name: getattr(row, name) for name in names}
        return values | {"title": row.title, "html": row.html, "provenance": row.provenance}
    kept = ContentVersion.objects.for_account(account).filter(content=row, version=revision).first()
    if kept is None:
        raise NotFound("that version was not kept", content_id=row.pk, version=revision)
    values = {name: kept.fields.get(name, "") for name in names}
    return values | {"title": kept.title, "html": kept.html, "provenance": kept.provenance}


def _terms(account: Account, row: Content) -> tuple[OutgoingTerm, ...]:
    links = ContentTaxonomyLink.objects.for_account(account).filter(content=row)
    rows = ContentTaxonomy.objects.for_account(account).filter(pk__in=links.values("taxonomy_id"))
    return tuple(
        OutgoingTerm(t.pk, t.taxonomy_type, t.name, t.slug, t.external_taxonomy, t.external_id)
        for t in rows.order_by("taxonomy_type", "name", "pk")
    )


def _images(account: Account, row: Content) -> tuple[ImageSnapshot, ...]:
    rows = Images.objects.for_account(account).filter(
        LIVE, content=row, status=ImageStatus.GENERATED
    )
    ordered = rows.order_by("image_type", "position", "pk")
    return tuple(image_snapshot(image) for image in ordered)
