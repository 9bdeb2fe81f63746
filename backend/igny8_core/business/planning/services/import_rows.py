"""A batch of keywords into the database: COPY into a temporary table, then set-based statements.

COPY straight into a table with row-level security is refused by PostgreSQL; through the temporary
table every policy, key and CHECK applies. Which keywords exist is read once for an import, and rows
are then found by primary key: right after a large import the planner's statistics know nothing of
it, and what it chooses for a lookup by seed or by text reads the whole sector for each keyword.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection

from igny8_core.business.planning.models import Keywords
from igny8_core.business.planning.services.cluster_counts import recount_clusters
from igny8_core.business.planning.services.keyword_intents import brand_words, rule_intent
from igny8_core.business.planning.services.keyword_merge import (
    figures,
    imported_intent,
    merge_attributes,
)
from igny8_core.business.planning.states import IntentSource
from igny8_core.common.errors import StaleState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector, Site
    from igny8_core.business.planning.services.keyword_rows import KeywordRow

READ_ROWS = 5_000
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

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

_FIND_SEEDS = """
SELECT t.norm, s.id
  FROM unnest(%(norms)s::text[]) AS t (norm)
 CROSS JOIN LATERAL (
       SELECT id FROM igny8_auth_seedkeyword
        WHERE industry_sector_id = %(industry_sector)s AND language = %(language)s
          AND keyword_norm = t.norm
        LIMIT 1) s
"""
_ADD_SEEDS = """
INSERT INTO igny8_auth_seedkeyword (industry_sector_id, language, keyword, keyword_norm, created_at)
SELECT %(industry_sector)s, %(language)s, t.keyword, t.norm, %(now)s
  FROM unnest(%(keywords)s::text[], %(norms)s::text[]) AS t (keyword, norm)
 ORDER BY t.norm
    ON CONFLICT DO NOTHING
RETURNING keyword_norm, id
"""
_KNOWN = """
SELECT k.*
  FROM unnest(%(ids)s::bigint[]) AS t (id)
 CROSS JOIN LATERAL (
       SELECT id, deleted_at IS NOT NULL, attributes, intent, intent_source, intent_confidence
         FROM planning_keywords WHERE id = t.id
        LIMIT 1) k
"""
_CREATE_INCOMING = (
    "CREATE TEMP TABLE incoming (seed bigint, keyword text, keyword_norm text, "
    f"{_COLUMNS}) ON COMMIT DROP"
)
_COPY_INCOMING = f"COPY incoming (seed, keyword, keyword_norm, {_NAMES}) FROM STDIN"
_INSERT = f"""
INSERT INTO planning_keywords (
       account_id, site_id, sector_id, industry_sector_id, seed_keyword_id, created_at, updated_at,
       keyword, keyword_norm, status, role, page_place, is_disabled, is_pinned, {_NAMES})
SELECT %(account)s, %(site)s, %(sector)s, %(industry_sector)s, seed, %(now)s, %(now)s,
       keyword, keyword_norm, 'new', '', 0, false, false, {_NAMES}
  FROM incoming
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants of this module
_CREATE_CHANGED = f"CREATE TEMP TABLE changed (id bigint PRIMARY KEY, {_COLUMNS}) ON COMMIT DROP"
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


@dataclass(slots=True)
class KnownKeywords:
    """The keywords of a file that the sector has.

    :ivar live: id of each by normal form.
    :ivar deleted: normal forms that a person deleted and that have no live row.
    """

    live: dict[str, int]
    deleted: set[str]


@dataclass(frozen=True, slots=True)
class _Stored:
    """A keyword's row as far as a file can change it."""

    keyword_id: int
    attributes: dict[str, Any]
    intent: tuple[str, str, float]


def known_keywords(*, account: Account, sector_id: int, norms: Collection[str]) -> KnownKeywords:
    """Which of these normal forms the sector has; reads the sector once, in an open block."""
    rows = Keywords.objects.for_account(account).filter(sector_id=sector_id)
    live = rows.filter(deleted_at=None).values_list("keyword_norm", "pk")
    found = {norm: pk for norm, pk in live.iterator(READ_ROWS) if norm in norms}
    deleted = rows.exclude(deleted_at=None).values_list("keyword_norm", flat=True)
    gone = {norm for norm in deleted.iterator(READ_ROWS) if norm in norms and norm not in found}
    return KnownKeywords(found, gone)


def write_keywords(
    *,
    account: Account,
    sector: Sector,
    rows: Sequence[KeywordRow],
    known: KnownKeywords,
    tool: str,
    import_id: int,
    keeps_deleted: bool,
    now: datetime,
) -> BatchCounts:
    """Write one batch in the open transaction, whose sector is locked.

    :param rows: distinct by normal form.
    :param known: at least of these rows.
    :raises StaleState: ``known`` is out of date; read it again.
    """
    scope = {
        "account": account.pk,
        "site": sector.site_id,
        "sector": sector.pk,
        "industry_sector": sector.industry_sector_id,
        "language": sector.site.language,
        "now": now,
    }
    ids = {row.keyword_norm: known.live.get(row.keyword_norm) for row in rows}
    gone = {norm for norm in ids if keeps_deleted and norm in known.deleted}
    new = [row for row in rows if ids[row.keyword_norm] is None and row.keyword_norm not in gone]
    with connection.cursor() as cursor:
        stored = _stored(cursor, [pk for pk in ids.values() if pk is not None])
        seeds = _seeds(cursor, scope, {row.keyword_norm: row.keyword for row in new})
        created = _insert(
            cursor, scope, new, seeds, site=sector.site, tool=tool, import_id=import_id
        )
        if created != len(new) or created + len(stored) + len(gone) != len(rows):
            raise StaleState("keywords of this sector were written meanwhile")
        changed = [(row, stored[pk]) for row in rows if (pk := ids[row.keyword_norm]) is not None]
        updated = _update(cursor, changed, sector=sector, tool=tool, import_id=import_id, now=now)
    return BatchCounts(created, updated, len(stored) - updated, sorted(gone))


def _stored(cursor: Any, ids: list[int]) -> dict[int, _Stored]:
    """The live rows of these ids."""
    if not ids:
        return {}
    cursor.execute(_KNOWN, {"ids": ids})
    found = {}
    for keyword_id, is_deleted, stored, *intent in cursor.fetchall():
        if not is_deleted:
            attributes = json.loads(stored) if isinstance(stored, str) else stored
            attributes.setdefault("sources", [])
            found[keyword_id] = _Stored(keyword_id, attributes, tuple(intent))
    return found


def _seeds(cursor: Any, scope: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, int]:
    """The seed keyword of each normal form; those that are new to everybody are added."""
    found: dict[str, int] = {}
    missing = sorted(texts)
    for statement in (_ADD_SEEDS, _FIND_SEEDS):
        if missing:
            keywords = [texts[norm] for norm in missing]
            cursor.execute(statement, {**scope, "norms": missing, "keywords": keywords})
            found.update(cursor.fetchall())
            missing = [norm for norm in missing if norm not in found]
    if missing:
        raise StaleState("seed keywords were changed meanwhile")
    return found


def _insert(
    cursor: Any,
    scope: Mapping[str, Any],
    rows: Sequence[KeywordRow],
    seeds: Mapping[str, int],
    *,
    site: Site,
    tool: str,
    import_id: int,
) -> int:
    if not rows:
        return 0
    brands = brand_words(name=site.name, domain=site.domain)

    def wording(norm: str) -> tuple[str, str, float]:
        found = rule_intent(norm, language=site.language, brands=brands)
        return found.intent, found.source, found.confidence

    cursor.execute(_CREATE_INCOMING)
    _copy(
        cursor,
        _COPY_INCOMING,
        (
            (
                seeds[row.keyword_norm],
                row.keyword,
                row.keyword_norm,
                *_values(row.attributes(tool=tool, import_id=import_id), wording(row.keyword_norm)),
            )
            for row in rows
        ),
    )
    cursor.execute(_INSERT, scope)
    created: int = cursor.rowcount
    cursor.execute("DROP TABLE incoming")
    return created


def _update(
    cursor: Any,
    rows: Iterable[tuple[KeywordRow, _Stored]],
    *,
    sector: Sector,
    tool: str,
    import_id: int,
    now: datetime,
) -> int:
    """Merge what the file says into rows that exist; returns how many changed."""
    changed = []
    for row, known in rows:
        more = row.attributes(tool=tool, import_id=import_id)
        after = merge_attributes(known.attributes, more)
        if after != known.attributes:
            changed.append((known.keyword_id, *_values(after, known.intent)))
    if not changed:
        return 0
    cursor.execute(_CREATE_CHANGED)
    _copy(cursor, _COPY_CHANGED, changed)
    cursor.execute("ANALYZE changed")
    cursor.execute(_UPDATE, {"account": sector.account_id, "now": now})
    clusters = {cluster_id for (cluster_id,) in cursor.fetchall() if cluster_id is not None}
    cursor.execute("DROP TABLE changed")
    recount_clusters(account=sector.account, sector_id=sector.pk, cluster_ids=clusters, now=now)
    return len(changed)


def _values(attributes: dict[str, Any], intent: tuple[str, str, float]) -> list[Any]:
    """The columns of :data:`_FIGURES` that follow from a keyword's attributes.

    :param intent: what to take when the file has no label, or may not replace it.
    """
    figured = figures(attributes["sources"])
    name, source, confidence = intent
    if source != IntentSource.TYPED and attributes.get("intents"):
        name, source, confidence = imported_intent(attributes["intents"])
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
        _encode(attributes),
    ]


def _copy(cursor: Any, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
