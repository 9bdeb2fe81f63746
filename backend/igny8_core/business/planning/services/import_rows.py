"""A batch of keywords into the database: COPY into a temporary table, then set-based statements.

COPY straight into a table with row-level security is refused by PostgreSQL; through the temporary
table every policy, key and CHECK applies.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection

from igny8_core.business.planning.services.cluster_counts import recount_clusters
from igny8_core.business.planning.services.keyword_merge import (
    figures,
    imported_intent,
    merge_attributes,
)
from igny8_core.business.planning.states import IntentSource
from igny8_core.common.errors import StaleState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.planning.services.keyword_rows import KeywordRow

_FIGURES = {
    "volume": "bigint",
    "volume_max": "bigint",
    "volume_kind": "text",
    "volume_observed_on": "date",
    "difficulty": "float8",
    "difficulty_kind": "text",
    "difficulty_observed_on": "date",
    "cpc_minor": "bigint",
    "cpc_currency": "text",
    "intent": "text",
    "intent_source": "text",
    "intent_confidence": "float8",
    "attributes": "jsonb",
}
_NAMES = ", ".join(_FIGURES)
_COLUMNS = ", ".join(f"{name} {kind}" for name, kind in _FIGURES.items())

_CREATE_INCOMING = (
    f"CREATE TEMP TABLE incoming (keyword_norm text, keyword text, {_COLUMNS}) ON COMMIT DROP"
)
_COPY_INCOMING = f"COPY incoming (keyword_norm, keyword, {_NAMES}) FROM STDIN"
_SEEDS = """
INSERT INTO igny8_auth_seedkeyword (industry_sector_id, language, keyword, keyword_norm, created_at)
SELECT %(industry_sector)s, %(language)s, i.keyword, i.keyword_norm, %(now)s
  FROM incoming i
 WHERE NOT EXISTS (
       SELECT 1 FROM igny8_auth_seedkeyword s
        WHERE s.industry_sector_id = %(industry_sector)s AND s.language = %(language)s
          AND s.keyword_norm = i.keyword_norm)
 ORDER BY i.keyword_norm
    ON CONFLICT DO NOTHING
"""
_SEEDED = """
  FROM incoming i
  JOIN igny8_auth_seedkeyword s
    ON s.industry_sector_id = %(industry_sector)s AND s.language = %(language)s
   AND s.keyword_norm = i.keyword_norm
"""
_SCOPED = """
  JOIN planning_keywords k
    ON k.account_id = %(account)s AND k.site_id = %(site)s AND k.sector_id = %(sector)s
   AND k.seed_keyword_id = s.id
"""
_KNOWN = f"""
SELECT i.keyword_norm, k.id, k.attributes, k.intent, k.intent_source, k.intent_confidence
{_SEEDED}{_SCOPED} WHERE k.deleted_at IS NULL ORDER BY k.id FOR UPDATE OF k
"""
_DELETED = f"""
SELECT DISTINCT i.keyword_norm {_SEEDED}{_SCOPED} WHERE k.deleted_at IS NOT NULL
   AND NOT EXISTS (
       SELECT 1 FROM planning_keywords l
        WHERE l.account_id = %(account)s AND l.site_id = %(site)s AND l.sector_id = %(sector)s
          AND l.seed_keyword_id = s.id AND l.deleted_at IS NULL)
"""  # noqa: S608 - constants of this module
_INSERT = f"""
INSERT INTO planning_keywords (
       account_id, site_id, sector_id, industry_sector_id, seed_keyword_id, created_at, updated_at,
       keyword, keyword_norm, status, role, page_place, is_disabled, is_pinned, {_NAMES})
SELECT %(account)s, %(site)s, %(sector)s, %(industry_sector)s, s.id, %(now)s, %(now)s,
       i.keyword, i.keyword_norm, 'new', '', 0, false, false, {_NAMES}
{_SEEDED}
 WHERE NOT (i.keyword_norm = ANY(%(left_out)s))
    ON CONFLICT DO NOTHING
"""
_CREATE_CHANGED = f"CREATE TEMP TABLE changed (id bigint, {_COLUMNS}) ON COMMIT DROP"
_COPY_CHANGED = f"COPY changed (id, {_NAMES}) FROM STDIN"
_UPDATE = f"""
UPDATE planning_keywords k
   SET ({_NAMES}, updated_at) = ({", ".join(f"c.{name}" for name in _FIGURES)}, %(now)s)
  FROM changed c
 WHERE k.id = c.id AND k.account_id = %(account)s
RETURNING k.cluster_id
"""  # noqa: S608 - constants of this module


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """What became of the distinct keywords of a batch.

    :ivar deleted: normal forms that a person deleted before and that stay deleted.
    """

    created: int
    updated: int
    unchanged: int
    deleted: list[str]


def write_keywords(
    *,
    account: Account,
    sector: Sector,
    language: str,
    rows: Sequence[KeywordRow],
    tool: str,
    import_id: int,
    keeps_deleted: bool,
    now: datetime,
) -> BatchCounts:
    """Write one batch in the open transaction, whose sector is locked.

    :param rows: distinct by normal form.
    :raises StaleState: somebody wrote one of these keywords without the sector's lock.
    """
    scope = {
        "account": account.pk,
        "site": sector.site_id,
        "sector": sector.pk,
        "industry_sector": sector.industry_sector_id,
        "language": language,
        "now": now,
    }
    found = {row.keyword_norm: row.attributes(tool=tool, import_id=import_id) for row in rows}
    with connection.cursor() as cursor:
        cursor.execute(_CREATE_INCOMING)
        _copy(
            cursor,
            _COPY_INCOMING,
            ((row.keyword_norm, row.keyword, *_values(found[row.keyword_norm])) for row in rows),
        )
        cursor.execute("ANALYZE incoming")
        cursor.execute(_SEEDS, scope)
        cursor.execute(_KNOWN, scope)
        known = cursor.fetchall()
        deleted: list[str] = []
        if keeps_deleted:
            cursor.execute(_DELETED, scope)
            deleted = sorted(norm for (norm,) in cursor.fetchall())
        left_out = [norm for norm, *_rest in known] + deleted
        cursor.execute(_INSERT, {**scope, "left_out": left_out})
        created = cursor.rowcount
        cursor.execute("DROP TABLE incoming")
        updated = _update(cursor, known, found, account=account, now=now)
    if created + len(known) + len(deleted) != len(rows):
        raise StaleState("keywords of this sector were written meanwhile")
    return BatchCounts(created, updated, len(known) - updated, deleted)


def _values(attributes: dict[str, Any], intent: tuple[str, str, float] | None = None) -> list[Any]:
    """The columns of :data:`_FIGURES` that follow from a keyword's attributes."""
    figured = figures(attributes["sources"])
    name, source, confidence = intent or imported_intent(attributes.get("intents", []))
    return [
        figured.volume,
        figured.volume_max,
        figured.volume_kind,
        figured.volume_observed_on,
        figured.difficulty,
        figured.difficulty_kind,
        figured.difficulty_observed_on,
        figured.cpc_minor,
        figured.cpc_currency,
        name,
        source,
        confidence,
        json.dumps(attributes, ensure_ascii=False, separators=(",", ":")),
    ]


def _update(
    cursor: Any,
    known: Iterable[tuple[Any, ...]],
    found: dict[str, dict[str, Any]],
    *,
    account: Account,
    now: datetime,
) -> int:
    """Merge what the file says into rows that exist; returns how many changed."""
    changed = []
    for norm, keyword_id, stored, *intent in known:
        before = json.loads(stored) if isinstance(stored, str) else stored
        before.setdefault("sources", [])
        after = merge_attributes(before, found[norm])
        if after == before:
            continue
        keeps_intent = intent[1] == IntentSource.TYPED or not after.get("intents")
        changed.append((keyword_id, *_values(after, tuple(intent) if keeps_intent else None)))
    if not changed:
        return 0
    cursor.execute(_CREATE_CHANGED)
    _copy(cursor, _COPY_CHANGED, changed)
    cursor.execute("ANALYZE changed")
    cursor.execute(_UPDATE, {"account": account.pk, "now": now})
    clusters = {cluster_id for (cluster_id,) in cursor.fetchall() if cluster_id is not None}
    cursor.execute("DROP TABLE changed")
    recount_clusters(account=account, cluster_ids=clusters, now=now)
    return len(changed)


def _copy(cursor: Any, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
