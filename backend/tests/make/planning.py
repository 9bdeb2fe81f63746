"""Keyword files, keywords, clusters and ideas."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db import connection

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


def many_keywords(sectors: Iterable[Sector], count: int) -> None:
    """So many keywords in each of the sectors, all of one industry sector, with figures."""
    ids = [sector.pk for sector in sectors]
    with connection.cursor() as cursor:
        cursor.execute(_MANY_SEEDS, [count, ids])
        cursor.execute(_MANY_KEYWORDS, [ids])
        cursor.execute("ANALYZE planning_keywords")


_MANY_SEEDS = """
INSERT INTO igny8_auth_seedkeyword
       (industry_sector_id, keyword, keyword_norm, language, created_at)
SELECT DISTINCT industry_sector_id, 'sofa ' || n, 'sofa ' || n, 'en', now()
  FROM igny8_auth_sector CROSS JOIN generate_series(1, %s) n WHERE id = ANY(%s)
"""
_MANY_KEYWORDS = """
INSERT INTO planning_keywords (
       account_id, site_id, sector_id, industry_sector_id, seed_keyword_id, keyword, keyword_norm,
       volume, volume_kind, difficulty, difficulty_kind, deleted_at, status, role, page_place,
       is_disabled, is_pinned, cpc_currency, intent, intent_source, intent_confidence, attributes,
       created_at, updated_at)
SELECT s.account_id, s.site_id, s.id, s.industry_sector_id, k.id, k.keyword, k.keyword_norm,
       f.volume, CASE WHEN f.volume IS NULL THEN 'unknown' ELSE 'exact' END,
       f.difficulty, CASE WHEN f.difficulty IS NULL THEN 'unknown' ELSE 'exact' END,
       CASE WHEN k.id %% 50 = 0 THEN now() - k.id %% 100 * interval '1 hour' END, 'new', '', 0,
       false, false, '', '', 'unknown', 0, '{"sources": []}', now(), now()
  FROM igny8_auth_sector s
  JOIN igny8_auth_seedkeyword k ON k.industry_sector_id = s.industry_sector_id
 CROSS JOIN LATERAL (SELECT nullif(k.id * 7919 %% 100000, 0) AS volume,
                            nullif(k.id * 31 %% 100, 0) AS difficulty) f
 WHERE s.id = ANY(%s)
 ORDER BY s.id, k.id
"""


def cluster(sector: Sector, name: str | None = None, **fields: Any) -> Clusters:
    """A cluster of the sector, without keywords."""
    return Clusters.unscoped.create(sector=sector, name=name or unique("cluster"), **fields)


def idea(cluster: Clusters, **fields: Any) -> ContentIdeas:
    """An idea of the cluster."""
    fields.setdefault("title", unique("Idea"))
    fields.setdefault("target_keyword", fields["title"])  # unlike any other idea's
    fields.setdefault("estimated_words", 1200)
    return ContentIdeas.unscoped.create(sector=cluster.sector, cluster=cluster, **fields)
