"""Bring the reference data of an installation up to what the package ships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from igny8_core.auth import reference
from igny8_core.auth.models import Industry, IndustrySector, Plan, SeedKeyword
from igny8_core.auth.states import SeedSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from igny8_core.auth.reference import IndustryData, SectorData


_RETIRE = (SeedSource.PACKAGED, SeedSource.RETIRED)


def load_reference_data(*, industries: Sequence[IndustryData] | None = None) -> dict[str, int]:
    """Bring industries, their sectors, seed keywords and plans up to date; repeatable.

    Names follow the files, found by slug. Nothing is removed: what the files mark as inactive or
    retired is switched off, and what an operator switched off stays off. A plan is made once and
    belongs to the operators from then on. Runs as the staff role; a repeat writes nothing.

    :param industries: other ones than the package's.
    :returns: how many rows of each kind there are now.
    :raises ReferenceDataInvalid: a file is wrong; nothing was written.
    """
    staff = settings.TENANCY_STAFF_ALIAS
    wanted = reference.industries() if industries is None else industries
    with transaction.atomic(using=staff):
        for data in wanted:
            _load_industry(data, using=staff)
        for plan in reference.PLANS:
            Plan.objects.using(staff).get_or_create(code=plan["code"], defaults=dict(plan))
    return {
        "industries": Industry.objects.using(staff).count(),
        "industry_sectors": IndustrySector.objects.using(staff).count(),
        "seed_keywords": SeedKeyword.objects.using(staff)
        .filter(source=SeedSource.PACKAGED)
        .count(),
        "plans": Plan.objects.using(staff).count(),
    }


def _load_industry(data: IndustryData, *, using: str) -> None:
    industry = Industry.objects.using(using).filter(slug=data.slug).first()
    industry = _save(industry or Industry(slug=data.slug), data, using=using)
    known = {row.slug: row for row in IndustrySector.objects.using(using).filter(industry=industry)}
    for sector in data.sectors:
        row = known.get(sector.slug) or IndustrySector(industry=industry, slug=sector.slug)
        known[sector.slug] = _save(row, sector, using=using)
    _load_keywords(data, {slug: row.pk for slug, row in known.items()}, using=using)


def _save(row: Any, data: IndustryData | SectorData, *, using: str) -> Any:
    """The row with the name of the data, and inactive if the data says so; saved if it differs."""
    is_active = row.is_active and data.is_active
    if row.pk is None or (row.name, row.is_active) != (data.name, is_active):
        row.name, row.is_active = data.name, is_active
        row.save(using=using)
    return row


def _load_keywords(data: IndustryData, ids: dict[str, int], *, using: str) -> None:
    """The industry's seed keywords, in at most four statements."""
    rows = SeedKeyword.objects.using(using).filter(
        industry_sector__in=ids.values(), language=data.language
    )
    shown = {(ids[sector.slug], text) for sector in data.sectors for text in sector.keywords}
    retired = {(ids[sector.slug], text) for sector in data.sectors for text in sector.retired}
    known = {
        (sector_id, norm): (pk, source)
        for pk, sector_id, norm, source in rows.filter(
            keyword_norm__in={text for _, text in shown | retired}
        ).values_list("pk", "industry_sector_id", "keyword_norm", "source")
    }
    SeedKeyword.objects.using(using).bulk_create(
        (
            SeedKeyword(
                industry_sector_id=sector_id,
                keyword=text,
                keyword_norm=text,
                language=data.language,
                source=SeedSource.PACKAGED,
            )
            for sector_id, text in sorted(shown - set(known))
        ),
        ignore_conflicts=True,  # an account may bring the same text at this moment
    )
    moves = ((shown, SeedSource.ACCOUNT, SeedSource.PACKAGED), (retired, *_RETIRE))
    for keys, before, after in moves:
        ids_of = [known[key][0] for key in keys & set(known) if known[key][1] == before]
        if ids_of:
            rows.filter(pk__in=ids_of).update(source=after, keyword=F("keyword_norm"))
