"""Rows of many accounts, one of them big, by statements over sets: seconds for a million."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.backends.utils import CursorWrapper

SITES, SECTORS = 4, 4
"""Of each account, and of each site."""

BIG_SHARE, MEDIUM_SHARE, MEDIUMS = 0.2, 0.02, 10
"""One account has a fifth of all rows, ten have a fiftieth each, the rest shares what is left."""

CLUSTERS_OF_SECTOR = 10
PART = 20
"""One row of every other kind for so many keywords."""

KEYWORD_PLACES = f"""
(SELECT account_id, k FROM bench_share, generate_series(0, rows - 1) AS k ORDER BY random()) AS a
  JOIN bench_sector s ON s.account_id = a.account_id AND s.place = mod(a.k, {SITES * SECTORS})
  JOIN bench_seed w ON w.place = a.k / {SITES * SECTORS}
"""  # noqa: S608 - constants
SOME_KEYWORDS = f"""
CREATE TABLE bench_keyword AS
SELECT k.account_id, k.site_id, k.sector_id, k.id, s.first_cluster AS cluster_id
  FROM planning_keywords k JOIN bench_sector s ON s.id = k.sector_id WHERE mod(k.id, {PART}) = 0
"""  # noqa: S608 - constants


def shares(rows: int, accounts: int) -> list[int]:
    """How many keywords each account has, the biggest first."""
    big = [int(rows * BIG_SHARE), *[int(rows * MEDIUM_SHARE)] * min(MEDIUMS, accounts - 2)]
    small = accounts - len(big)
    left = rows - sum(big)
    return [*big, *[left // small + (n < left % small) for n in range(small)]]


def fill(rows: int, accounts: int) -> list[int]:
    """Make the rows as the owner; account ids, the biggest first."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        ids = _accounts(cursor, shares(rows, accounts))
        _keywords(cursor, max(shares(rows, accounts)))
        _others(cursor)
        cursor.execute("DROP TABLE bench_share, bench_sector, bench_seed, bench_keyword")
        cursor.execute("VACUUM (ANALYZE)")
    return ids


def _accounts(cursor: CursorWrapper, counts: list[int]) -> list[int]:
    """Accounts with sites and sectors, and tables that say where the rows go."""
    _insert(cursor, "igny8_auth.Industry", "(SELECT 1) AS one", name="'Bench'", slug="'bench'")
    _insert(
        cursor,
        "igny8_auth.IndustrySector",
        "igny8_auth_industry i WHERE i.slug = 'bench'",
        industry="i.id",
        name="'Bench'",
        slug="'bench'",
    )
    cursor.execute(
        "CREATE TABLE bench_share AS SELECT 0::bigint AS account_id, n, rows FROM"
        " unnest(%s::bigint[]) WITH ORDINALITY AS t (rows, n)",
        [counts],
    )
    _insert(
        cursor,
        "igny8_auth.Account",
        "bench_share s",
        name="'Bench ' || s.n",
        slug="'bench-' || s.n",
    )
    cursor.execute(
        "UPDATE bench_share s SET account_id = a.id FROM igny8_auth_account a"
        " WHERE a.slug = 'bench-' || s.n"
    )
    _insert(
        cursor,
        "igny8_auth.Site",
        f"bench_share s CROSS JOIN generate_series(1, {SITES}) AS k, igny8_auth_industry i"
        " WHERE i.slug = 'bench'",
        account="s.account_id",
        industry="i.id",
        name="'Site ' || k",
        slug="'site-' || k",
    )
    _insert(
        cursor,
        "igny8_auth.Sector",
        f"igny8_auth_site x CROSS JOIN generate_series(1, {SECTORS}) AS k,"
        " igny8_auth_industrysector i WHERE i.slug = 'bench'",
        account="x.account_id",
        site="x.id",
        industry="i.industry_id",
        industry_sector="i.id",
        name="'Sector ' || k",
        slug="'sector-' || k",
    )
    cursor.execute(
        "CREATE TABLE bench_sector AS SELECT account_id, site_id, id, industry_sector_id,"
        " row_number() OVER (PARTITION BY account_id ORDER BY id) - 1 AS place"
        " FROM igny8_auth_sector"
    )
    cursor.execute("SELECT account_id FROM bench_share ORDER BY rows DESC, n")
    return [row[0] for row in cursor.fetchall()]


def _keywords(cursor: CursorWrapper, most: int) -> None:
    """Seed keywords, clusters and keywords, accounts in random order, as they come in life."""
    _insert(
        cursor,
        "igny8_auth.SeedKeyword",
        f"igny8_auth_industrysector i, generate_series(0, {most // (SITES * SECTORS)}) AS k"
        " WHERE i.slug = 'bench'",
        industry_sector="i.id",
        keyword="'keyword ' || k",
        keyword_norm="'keyword ' || k",
    )
    cursor.execute(
        "CREATE TABLE bench_seed AS SELECT id, keyword, substr(keyword, 9)::bigint AS place"
        " FROM igny8_auth_seedkeyword"
    )
    _insert(
        cursor,
        "planning.Clusters",
        f"bench_sector s CROSS JOIN generate_series(0, {CLUSTERS_OF_SECTOR - 1}) AS k"
        " ORDER BY s.id, k",
        account="s.account_id",
        site="s.site_id",
        sector="s.id",
        name="'cluster ' || k",
        name_norm="'cluster ' || k",
        volume="k * 100",
    )
    cursor.execute("ALTER TABLE bench_sector ADD first_cluster bigint")
    cursor.execute(
        "UPDATE bench_sector s SET first_cluster = c.id FROM (SELECT sector_id, min(id) AS id"
        " FROM planning_clusters GROUP BY sector_id) c WHERE c.sector_id = s.id"
    )
    _insert(
        cursor,
        "planning.Keywords",
        KEYWORD_PLACES,
        account="a.account_id",
        site="s.site_id",
        sector="s.id",
        industry_sector="s.industry_sector_id",
        seed_keyword="w.id",
        keyword="w.keyword",
        keyword_norm="w.keyword",
        volume="mod(w.place * 37, 90000)",
        volume_kind="'exact'",
        difficulty="mod(w.place, 100)",
        difficulty_kind="'exact'",
        cluster="CASE WHEN mod(w.place, 2) = 0 THEN s.first_cluster + mod(w.place / 2, 10) END",
        status="CASE WHEN mod(w.place, 2) = 0 THEN 'mapped' ELSE 'new' END",
        page="CASE WHEN mod(w.place, 2) = 0 THEN 0 END",
    )
    cursor.execute(SOME_KEYWORDS)


def _others(cursor: CursorWrapper) -> None:
    """A part as many rows of what else the API lists."""
    place = {"account": "k.account_id", "site": "k.site_id", "sector": "k.sector_id"}
    text = "'row ' || k.id"
    source = "bench_keyword k"
    _insert(
        cursor,
        "planning.ContentIdeas",
        source,
        **place,
        cluster="k.cluster_id",
        title=text,
        target_keyword=text,
        estimated_words="1200",
        volume="mod(k.id, 90000)",
    )
    _insert(cursor, "content.Tasks", source, **place, cluster="k.cluster_id", title=text)
    _insert(cursor, "content.Content", source, **place, title=text, slug="'row-' || k.id")
    content = "content_content c"
    of = {"account": "c.account_id", "site": "c.site_id", "sector": "c.sector_id"}
    _insert(cursor, "content.Images", content, **of, content="c.id", alt="c.title")
    _insert(
        cursor,
        "integration.SiteIntegration",
        "igny8_auth_site x",
        account="x.account_id",
        site="x.id",
        platform="'wordpress'",
        platform_type="'cms'",
        hook_id="gen_random_uuid()",
    )
    _exchanged(cursor)
    _insert(
        cursor,
        "automation.WorkItem",
        source,
        account="k.account_id",
        kind="'bench'",
        work_class="'control'",
        related_type="'row'",
        related_id="k.id",
        idempotency_key=text,
        status="'done'",
    )
    _insert(
        cursor,
        "automation.RunEvent",
        source,
        account="k.account_id",
        code="'bench'",
        item_id="k.id",
    )


def _exchanged(cursor: CursorWrapper) -> None:
    """What went to sites outside."""
    source = "content_content c JOIN integration_siteintegration i ON i.site_id = c.site_id"
    _insert(
        cursor,
        "integration.SyncEvent",
        source,
        account="c.account_id",
        site="c.site_id",
        integration="i.id",
        content="c.id",
        event_type="'publish'",
        action="'create'",
        success="true",
    )
    _insert(
        cursor,
        "publishing.PublishingRecord",
        source,
        account="c.account_id",
        site="c.site_id",
        sector="c.sector_id",
        content="c.id",
        integration="i.id",
        destination="'wordpress'",
        idempotency_key="'record-' || c.id",
    )


def _insert(cursor: CursorWrapper, label: str, source: str, **columns: str) -> None:
    """``INSERT … SELECT``; columns that are not named take the model's defaults.

    :param source: what stands after FROM.
    :param columns: SQL by field name.
    """
    from django.apps import apps

    model: Any = apps.get_model(label)
    values: dict[str, str] = {}
    parameters: list[Any] = []
    for field in model._meta.concrete_fields:
        if field.name in columns:
            values[field.column] = columns[field.name]
        elif (
            not field.primary_key
            and not field.generated
            and not (field.null and not field.has_default())
        ):
            is_clock = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
            values[field.column] = "now()" if is_clock else "%s"
            if not is_clock:
                value = field.get_default() if field.has_default() else ""
                parameters.append(field.get_db_prep_save(value, cursor.db))
    _execute(cursor, model._meta.db_table, values, source, parameters)


def _execute(
    cursor: CursorWrapper,
    table: str,
    values: Mapping[str, str],
    source: str,
    parameters: list[Any],
) -> None:
    names, expressions = ", ".join(f'"{name}"' for name in values), ", ".join(values.values())
    cursor.execute(
        f'INSERT INTO "{table}" ({names}) SELECT {expressions} FROM {source}',  # noqa: S608 - ours
        parameters,
    )
