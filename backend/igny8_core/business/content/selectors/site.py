"""A site's published articles, for its renderer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, cast

from django.db.models import F

from igny8_core.business.content.models import (
    Content,
    ContentClusterMap,
    ContentTaxonomyLink,
    Images,
    SitePage,
)
from igny8_core.business.content.snapshots import (
    SOURCE_TYPES,
    TRAINED_MEDIA,
    ArticleSnapshot,
    AuthorSnapshot,
    ImageSnapshot,
    ImageVariant,
    TermSnapshot,
    beside,
    disclosure_of,
    faq_of,
    reading_minutes,
    resolve_links,
)
from igny8_core.business.content.states import ContentSource, ContentStatus, ImageStatus
from igny8_core.business.planning.states import ClusterRole
from igny8_core.common.html import sanitize_html
from igny8_core.common.soft_delete import LIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from django.db.models import QuerySet

    from igny8_core.auth.models import Account, Site


def site_snapshot(
    *,
    account: Account,
    site: Site,
    href: Callable[[str], str] = beside,
    with_drafts: bool = False,
) -> list[ArticleSnapshot]:
    """The published articles of a site, newest first, with all that a page shows. Four queries.

    Those that another platform brought live there, and are not copied.

    :param href: the address of an article by its slug, as the other articles link to it.
    :param with_drafts: drafts and articles in review too, where they have a slug and a text; they
        come first, and their day is that of their last change.
    """
    found = (
        Content.objects.for_account(account)
        .filter(LIVE, site=site, source=ContentSource.IGNY8)
        .select_related("cluster")
        .order_by(F("published_at").desc(nulls_first=True), "-pk")
    )
    if with_drafts:
        rows = list(found.exclude(slug="").exclude(html=""))
    else:
        rows = list(found.filter(status=ContentStatus.PUBLISHED))
    ids = [row.pk for row in rows]
    parts = _Parts(
        images=_images_of(account, ids),
        terms=_terms_of(account, ids),
        roles=_roles_of(account, ids),
        hrefs={row.pk: href(row.slug) for row in rows},
        author=author_of(site),
        label_settings=site.settings.get("disclosure") or {},
    )
    related = _related(rows)
    return [_snapshot(row, parts, related[row.pk]) for row in rows]


def author_of(site: Site) -> AuthorSnapshot:
    """The author that the site names; else the site itself, as an organisation."""
    named = site.settings.get("author") or {}
    kind = "Person" if str(named.get("kind", "")).lower() == "person" else "Organization"
    if not named.get("name"):
        return AuthorSnapshot(name=site.name, kind="Organization", url="")
    return AuthorSnapshot(name=str(named["name"]), kind=kind, url=str(named.get("url") or ""))


@dataclass(frozen=True)
class _Parts:
    images: Mapping[int, list[ImageSnapshot]]
    terms: Mapping[int, list[TermSnapshot]]
    roles: Mapping[tuple[int, int | None], str]
    hrefs: Mapping[int, str]
    author: AuthorSnapshot
    label_settings: Mapping[str, Any]


def _snapshot(row: Content, parts: _Parts, related_ids: tuple[int, ...]) -> ArticleSnapshot:
    published_at = row.published_at or row.updated_at  # a CHECK: published implies a date
    made_by_model = row.provenance.get("origin") == "model"
    return ArticleSnapshot(
        id=row.pk,
        revision=row.version,
        title=row.title,
        slug=row.slug,
        html=resolve_links(sanitize_html(row.html), parts.hrefs),
        meta_title=row.meta_title or row.title,
        meta_description=row.meta_description,
        excerpt=row.excerpt,
        language=row.language,
        content_type=row.content_type,
        content_structure=row.content_structure,
        sector_id=row.sector_id,
        cluster_id=row.cluster_id,
        cluster_name=row.cluster.name if row.cluster else "",
        role=parts.roles.get((row.pk, row.cluster_id), ""),
        keywords=tuple(k for k in (row.primary_keyword, *row.secondary_keywords) if k),
        terms=tuple(parts.terms.get(row.pk, ())),
        published_at=published_at,
        updated_at=max(published_at, row.revised_at or published_at),
        word_count=row.word_count,
        reading_minutes=reading_minutes(row.word_count),
        images=tuple(parts.images.get(row.pk, ())),
        faq=faq_of(row.blocks),
        author=parts.author,
        disclosure=disclosure_of(row.provenance, parts.label_settings),
        digital_source_type=TRAINED_MEDIA if made_by_model else "",
        is_demo_text=bool(row.provenance.get("is_demo")),
        related_ids=related_ids,
    )


def _related(rows: Collection[Content], limit: int = 5) -> dict[int, tuple[int, ...]]:
    """Others of the same cluster, then of the same sector, in the order given."""
    by_cluster: dict[int, list[int]] = defaultdict(list)
    by_sector: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        by_sector[row.sector_id].append(row.pk)
        if row.cluster_id is not None:
            by_cluster[row.cluster_id].append(row.pk)
    found = {}
    for row in rows:
        same_cluster = by_cluster[row.cluster_id][: limit + 1] if row.cluster_id else []
        same_sector = by_sector[row.sector_id][: 2 * limit + 1]
        near = dict.fromkeys(chain(same_cluster, same_sector))
        found[row.pk] = tuple(islice((pk for pk in near if pk != row.pk), limit))
    return found


def _images_of(account: Account, ids: Collection[int]) -> dict[int, list[ImageSnapshot]]:
    rows = Images.objects.for_account(account).filter(
        LIVE, content_id__in=ids, status=ImageStatus.GENERATED
    )
    found: dict[int, list[ImageSnapshot]] = defaultdict(list)
    for row in rows.order_by("content_id", "image_type", "position", "pk"):
        found[cast("int", row.content_id)].append(image_snapshot(row))
    return found


def image_snapshot(row: Images) -> ImageSnapshot:
    """What a page shows of a generated image."""
    variants = [ImageVariant(**variant) for variant in row.variants]
    return ImageSnapshot(
        id=row.pk,
        image_type=row.image_type,
        position=row.position,
        alt=row.alt,
        caption=row.caption,
        width=row.width or 0,
        height=row.height or 0,
        variants=tuple(sorted(variants, key=lambda v: (-v.width, v.format))),
        digital_source_type=SOURCE_TYPES + row.digital_source_type
        if row.digital_source_type
        else "",
    )


def _terms_of(account: Account, ids: Collection[int]) -> dict[int, list[TermSnapshot]]:
    rows = ContentTaxonomyLink.objects.for_account(account).filter(content_id__in=ids)
    found: dict[int, list[TermSnapshot]] = defaultdict(list)
    for link in rows.select_related("taxonomy").order_by(
        "content_id", "taxonomy__taxonomy_type", "taxonomy__name", "pk"
    ):
        term = link.taxonomy
        found[link.content_id].append(
            TermSnapshot(taxonomy_type=term.taxonomy_type, name=term.name, slug=term.slug)
        )
    return found


def _roles_of(account: Account, ids: Collection[int]) -> dict[tuple[int, int | None], str]:
    """The strongest role of each article in each cluster."""
    order = [role.value for role in ClusterRole]
    found: dict[tuple[int, int | None], str] = {}
    rows = ContentClusterMap.objects.for_account(account).filter(content_id__in=ids)
    for content_id, cluster_id, role in rows.values_list("content_id", "cluster_id", "role"):
        key = (content_id, cluster_id)
        if key not in found or order.index(role) < order.index(found[key]):
            found[key] = role
    return found


def site_pages(
    *,
    account: Account,
    site: Site | None = None,
    source: str = "",
    is_indexable: bool | None = None,
    has_content: bool | None = None,
) -> QuerySet[SitePage]:
    """Pages that sites have, wherever we know them from, in the order in which they came."""
    rows = SitePage.objects.for_account(account).order_by("pk")
    wanted = {"site": site, "source": source}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    if is_indexable is not None:
        rows = rows.filter(is_indexable=is_indexable)
    if has_content is not None:
        rows = rows.filter(content__isnull=not has_content)
    return rows
