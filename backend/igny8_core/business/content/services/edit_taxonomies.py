"""Categories and tags of a site: made, changed and removed by people, put onto articles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from igny8_core.auth import selectors as identity
from igny8_core.business.content import selectors
from igny8_core.business.content.models import Content, ContentTaxonomy, ContentTaxonomyLink
from igny8_core.business.content.services.seo_fields import make_slug
from igny8_core.business.content.states import CONTENT_SYNC, SyncStatus
from igny8_core.common.errors import Conflict, InvalidInput, NotFound
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic
from igny8_core.common.validation import check_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account

EDITABLE: Final = frozenset(
    {"name", "slug", "description", "external_taxonomy", "external_id", "metadata"}
)
DESCRIPTION_LENGTH: Final = 5_000
TAXONOMIES_MAX: Final = 100


@tenant_atomic()
def create_taxonomy(
    *, account: Account, site_id: int, taxonomy_type: str, name: str, **fields: Any
) -> ContentTaxonomy:
    """Make a category or tag. Without ``slug`` it is made from the name.

    :param fields: of :data:`EDITABLE`.
    :raises NotFound: no such site.
    :raises Conflict: the site has one with this slug, or from this external row; ``taxonomy_id``
        says which.
    :raises InvalidInput: by field.
    """
    site = identity.site(account=account, site_id=site_id)
    row = ContentTaxonomy(
        account_id=account.pk,
        site=site,
        taxonomy_type=taxonomy_type,
        sync_status=SyncStatus.SYNCED if fields.get("external_id") else SyncStatus.NATIVE,
    )
    fields.setdefault("slug", make_slug(name))
    _assign(account, row, {"name": name, **fields})
    row.save()
    return row


@tenant_atomic()
def edit_taxonomy(
    *, account: Account, taxonomy_id: int, changes: Mapping[str, Any], now: datetime
) -> ContentTaxonomy:
    """Change a category or tag; its site and its type stay.

    One that gets a counterpart on another platform waits for the next sync; one that loses it is
    ours alone.

    :param changes: of :data:`EDITABLE`.
    :raises NotFound: no such taxonomy.
    :raises Conflict: another one of the site has the slug, or the external row.
    :raises InvalidInput: by field.
    """
    rows = ContentTaxonomy.objects.for_account(account).filter(pk=taxonomy_id)
    row: ContentTaxonomy | None = rows.select_for_update(no_key=True).first()
    if row is None:
        raise NotFound("no such taxonomy", taxonomy_id=taxonomy_id)
    _assign(account, row, changes)
    row.save()
    if row.external_id and row.sync_status == SyncStatus.NATIVE:
        advance(row, SyncStatus.PENDING, table=CONTENT_SYNC, now=now, field="sync_status")
    elif not row.external_id and row.sync_status != SyncStatus.NATIVE:
        advance(row, SyncStatus.NATIVE, table=CONTENT_SYNC, now=now, field="sync_status")
    return row


@tenant_atomic()
def delete_taxonomy(*, account: Account, taxonomy_id: int) -> None:
    """Remove a category or tag for good; articles and writing tasks lose it and stay.

    :raises NotFound: no such taxonomy.
    """
    selectors.taxonomy(account=account, taxonomy_id=taxonomy_id).delete()


@tenant_atomic()
def set_content_taxonomies(
    *, account: Account, content_id: int, taxonomy_ids: Sequence[int]
) -> list[ContentTaxonomy]:
    """Give an article exactly these categories and tags. Its version stays: the text is the same.

    :returns: them, by type and name.
    :raises NotFound: no such article, or a taxonomy is unknown.
    :raises InvalidInput: a taxonomy is of another site, or there are too many.
    """
    wanted = set(taxonomy_ids)
    if len(wanted) > TAXONOMIES_MAX:
        raise InvalidInput("too many", taxonomies=[f"at most {TAXONOMIES_MAX}"])
    articles = Content.objects.for_account(account).filter(LIVE, pk=content_id)
    content: Content | None = articles.select_for_update(no_key=True).first()
    if content is None:
        raise NotFound("no such content", content_id=content_id)
    found = {t.pk: t for t in selectors.taxonomies(account=account, pk__in=wanted)}
    if missing := sorted(wanted - set(found)):
        raise NotFound("no such taxonomy", taxonomy_id=missing[0])
    if astray := [t.name for t in found.values() if t.site_id != content.site_id]:
        raise InvalidInput(
            "taxonomies of another site",
            taxonomies=[f"{name} is of another site" for name in astray],
        )
    links = ContentTaxonomyLink.objects.for_account(account).filter(content=content)
    links.exclude(taxonomy_id__in=wanted).delete()
    known = set(links.values_list("taxonomy_id", flat=True))
    ContentTaxonomyLink.unscoped.bulk_create(
        ContentTaxonomyLink(
            account_id=account.pk,
            site_id=content.site_id,
            content=content,
            taxonomy_id=taxonomy_id,
        )
        for taxonomy_id in found
        if taxonomy_id not in known
    )
    return list(found.values())


def _assign(account: Account, row: ContentTaxonomy, changes: Mapping[str, Any]) -> None:
    """Put values onto the row, checked by field and against the other rows of the site."""
    if unknown := sorted(set(changes) - EDITABLE):
        raise InvalidInput(
            "these fields cannot be set", **{n: ["is not editable"] for n in unknown}
        )
    for name, value in changes.items():
        setattr(row, name, " ".join(value.split()) if name == "name" else value)
    if len(row.description) > DESCRIPTION_LENGTH:
        raise InvalidInput(
            "the description is too long",
            description=[f"has more than {DESCRIPTION_LENGTH} characters"],
        )
    check_row(row, exclude=["account", "site"])
    _check_unique(account, row)


def _check_unique(account: Account, row: ContentTaxonomy) -> None:
    """Say which row is in the way; the constraints hold it against a race."""
    others = selectors.taxonomies(account=account, site=row.site_id).exclude(pk=row.pk)
    same = others.filter(taxonomy_type=row.taxonomy_type, slug=row.slug).first()
    if same is not None:
        raise Conflict(
            "The slug is taken.",
            taxonomy_id=same.pk,
            slug=[f"Another {row.get_taxonomy_type_display().lower()} of the site has it."],
        )
    if not row.external_id:
        return
    same = others.filter(
        external_taxonomy=row.external_taxonomy, external_id=row.external_id
    ).first()
    if same is not None:
        raise Conflict(
            "The external row is taken.",
            taxonomy_id=same.pk,
            external_id=["Another taxonomy of the site stands for it."],
        )
