"""Categories and tags that fit an article: those that the site has first, then new ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from igny8_core.business.content import selectors
from igny8_core.business.content.models import ContentTaxonomy
from igny8_core.business.content.services.brief import keyword_key
from igny8_core.business.content.services.outline import as_heading
from igny8_core.business.content.services.seo_fields import make_slug
from igny8_core.business.content.states import TaxonomyType
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from igny8_core.auth.models import Account
    from igny8_core.business.content.models import Content

KNOWN_MAX: Final = 5_000
"""Categories and tags of a site that are looked through."""

TAGS_MAX: Final = 8
NEW_TAGS_MAX: Final = 4


@dataclass(frozen=True)
class SuggestedTaxonomy:
    """A category or tag for an article.

    :ivar taxonomy_id: None for one that the site does not have yet.
    :ivar reason: cluster, keyword or heading: where its name comes from.
    """

    taxonomy_id: int | None
    taxonomy_type: str
    name: str
    slug: str
    reason: str


@tenant_atomic()
def suggest_taxonomies(*, account: Account, content_id: int) -> list[SuggestedTaxonomy]:
    """Categories and tags that fit and that the article does not have; writes nothing.

    :raises NotFound: no such article.
    """
    row = selectors.content(account=account, content_id=content_id)
    has = set(
        selectors.content_taxonomies(account=account, content=row).values_list("pk", flat=True)
    )
    return [one for one in fitting(account, row) if one.taxonomy_id not in has]


def fitting(account: Account, row: Content) -> list[SuggestedTaxonomy]:
    """What fits an article, whether it has it or not; in the open block.

    A category by the name of its cluster; tags by its keywords. What the site has under nearly
    the same name (plural, order of words) comes before a new one.
    """
    rows = ContentTaxonomy.objects.for_account(account).filter(site_id=row.site_id)
    known = _Known(rows.order_by("taxonomy_type", "name", "pk")[:KNOWN_MAX])
    found: list[SuggestedTaxonomy] = []
    if row.cluster is not None:
        found.append(_one(known, TaxonomyType.CATEGORY, row.cluster.name, "cluster"))
    keywords = [row.primary_keyword, *(str(text) for text in row.secondary_keywords)]
    tags = [_one(known, TaxonomyType.TAG, text, "keyword") for text in keywords if text]
    headings = [str(b.get("text", "")) for b in row.blocks if b.get("type") == "heading"]
    tags += _named_in(known, headings)
    old = [tag for tag in tags if tag.taxonomy_id is not None]
    new = [tag for tag in tags if tag.taxonomy_id is None][:NEW_TAGS_MAX]
    return [*found, *_distinct([*old, *new])[:TAGS_MAX]]


class _Known:
    """The categories and tags of a site, by slug and by what their names say."""

    def __init__(self, rows: Iterable[ContentTaxonomy]) -> None:
        self.tags: list[tuple[frozenset[str], ContentTaxonomy]] = []
        self._by_slug: dict[tuple[str, str], ContentTaxonomy] = {}
        self._by_key: dict[tuple[str, frozenset[str]], ContentTaxonomy] = {}
        for row in rows:
            key = keyword_key(row.name)
            self._by_slug.setdefault((row.taxonomy_type, row.slug), row)
            self._by_key.setdefault((row.taxonomy_type, key), row)
            if row.taxonomy_type == TaxonomyType.TAG and key:
                self.tags.append((key, row))

    def find(self, taxonomy_type: str, *, slug: str, key: frozenset[str]) -> ContentTaxonomy | None:
        """The one with the slug, else the first whose name says the same."""
        by_slug = self._by_slug.get((taxonomy_type, slug))
        return by_slug or self._by_key.get((taxonomy_type, key))


def _one(known: _Known, taxonomy_type: TaxonomyType, text: str, reason: str) -> SuggestedTaxonomy:
    slug = make_slug(text)
    row = known.find(taxonomy_type, slug=slug, key=keyword_key(text))
    if row is not None:
        return _known(row, reason)
    return SuggestedTaxonomy(None, taxonomy_type, as_heading(text)[:200], slug, reason)


def _named_in(known: _Known, headings: Iterable[str]) -> list[SuggestedTaxonomy]:
    """Tags of the site whose words all stand in one heading."""
    keys = [keyword_key(heading) for heading in headings]
    return [_known(row, "heading") for own, row in known.tags if any(own <= key for key in keys)]


def _known(row: ContentTaxonomy, reason: str) -> SuggestedTaxonomy:
    return SuggestedTaxonomy(row.pk, row.taxonomy_type, row.name, row.slug, reason)


def _distinct(found: Iterable[SuggestedTaxonomy]) -> list[SuggestedTaxonomy]:
    seen: dict[tuple[str, str], SuggestedTaxonomy] = {}
    for one in found:
        seen.setdefault((one.taxonomy_type, one.slug), one)
    return list(seen.values())
