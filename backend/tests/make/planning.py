"""Keyword files, keywords, clusters and ideas."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from igny8_core.auth.models import SeedKeyword
from igny8_core.business.planning.models import Clusters, ContentIdeas, Keywords
from igny8_core.business.planning.services.import_keywords import (
    analyse_keyword_file,
    import_keywords,
)
from igny8_core.business.planning.services.keyword_rows import ReadOptions
from igny8_core.business.planning.states import FigureKind, KeywordStatus
from igny8_core.common.text_forms import normal_form
from tests.make.tenancy import account as make_account
from tests.make.tenancy import sector as make_sector
from tests.make.tenancy import site as make_site
from tests.make.tenancy import unique

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.planning.models import KeywordImport

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def csv_bytes(
    *rows: Sequence[object], delimiter: str = ",", encoding: str = "utf-8", newline: str = "\r\n"
) -> bytes:
    """A file as a tool writes it; the first row is its header."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=newline).writerows(rows)
    return text.getvalue().encode(encoding)


def sector(account: Account | None = None, **site: Any) -> Sector:
    """A sector of a new site."""
    return make_sector(make_site(account or make_account(), **site))


def imported(sector: Sector, data: bytes, **options: Any) -> KeywordImport:
    """A file, imported."""
    account = sector.account
    found = analyse_keyword_file(
        account=account,
        site=sector.site,
        sector=sector,
        file_name=options.pop("file_name", "keywords.csv"),
        data=data,
        options=ReadOptions(**options),
        now=NOW,
    )
    return import_keywords(account=account, import_id=found.pk, clock=lambda: NOW)


def keyword(sector: Sector, text: str | None = None, **fields: Any) -> Keywords:
    """A keyword of the sector; with ``cluster`` it is mapped."""
    shown = text or unique("keyword")
    seed, _ = SeedKeyword.objects.get_or_create(
        industry_sector_id=sector.industry_sector_id,
        language=sector.site.language,
        keyword_norm=normal_form(shown),
        defaults={"keyword": shown},
    )
    if fields.get("volume") is not None:
        fields.setdefault("volume_kind", FigureKind.EXACT)
    if fields.get("difficulty") is not None:
        fields.setdefault("difficulty_kind", FigureKind.EXACT)
    if fields.get("cluster") is not None:
        fields.setdefault("status", KeywordStatus.MAPPED)
        fields.setdefault("page", 0)
    return Keywords.unscoped.create(sector=sector, seed_keyword=seed, keyword=shown, **fields)


def keywords(sector: Sector, texts: Iterable[str], **fields: Any) -> list[Keywords]:
    """Several keywords of the sector."""
    return [keyword(sector, text, **fields) for text in texts]


def cluster(sector: Sector, name: str | None = None, **fields: Any) -> Clusters:
    """A cluster of the sector, without keywords."""
    return Clusters.unscoped.create(sector=sector, name=name or unique("cluster"), **fields)


def idea(cluster: Clusters, **fields: Any) -> ContentIdeas:
    """An idea of the cluster."""
    fields.setdefault("title", unique("Idea"))
    fields.setdefault("target_keyword", cluster.name)
    fields.setdefault("estimated_words", 1200)
    return ContentIdeas.unscoped.create(sector=cluster.sector, cluster=cluster, **fields)
