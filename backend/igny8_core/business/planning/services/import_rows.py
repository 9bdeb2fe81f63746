"""A batch of keywords into the database: COPY into a temporary table, then set-based statements.

COPY straight into a table with row-level security is refused by PostgreSQL; through the temporary
table every policy, key and CHECK applies. Which keywords exist is read once for an import, and rows
are then found by primary key: right after a large import the planner's statistics know nothing of
it, and what it chooses for a lookup by seed or by text reads the whole sector for each keyword.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection
from psycopg.errors import UniqueViolation

from igny8_core.business.planning.models import Keywords
from igny8_core.business.planning.services.import_staging import (
    FIGURES,
    STAGED,
    StagedRow,
    Stager,
    encode_line,
    figure_values,
)
from igny8_core.business.planning.services.keyword_merge import merge_attributes
from igny8_core.common.errors import StaleState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.planning.services.keyword_row import KeywordRow

READ_ROWS = 5_000

_NAMES = ", ".join(FIGURES)
_COLUMNS = ", ".join(f"{name} {kind}" for name, kind in FIGURES.items())
_STAGED_NAMES = ", ".join(STAGED)
_CREATE_INCOMING = (
    "CREATE TEMP TABLE incoming ("
    + ", ".join(f"{name} {kind}" for name, kind in STAGED.items())
    + ") ON COMMIT DROP"
)
_CREATE_SEEDS = "CREATE TEMP TABLE seeds (norm text, seed bigint) ON COMMIT DROP"
_COPY_INCOMING = f"COPY incoming ({_STAGED_NAMES}) FROM STDIN"
_ADD_SEEDS = """
WITH added AS (
    INSERT INTO igny8_auth_seedkeyword
           (industry_sector_id, language, keyword, keyword_norm, created_at)
    SELECT %(industry_sector)s, %(language)s, keyword, keyword_norm, %(now)s
      FROM incoming
     ORDER BY keyword_norm COLLATE "C"
        ON CONFLICT (industry_sector_id, language, keyword_norm) DO NOTHING
    RETURNING keyword_norm, id)
INSERT INTO seeds SELECT keyword_norm, id FROM added
"""
_FIND_SEEDS = """
INSERT INTO seeds
SELECT i.keyword_norm, s.id
  FROM incoming i
 CROSS JOIN LATERAL (
       SELECT id FROM igny8_auth_seedkeyword
        WHERE industry_sector_id = %(industry_sector)s AND language = %(language)s
          AND keyword_norm = i.keyword_norm
        LIMIT 1) s
 WHERE NOT EXISTS (SELECT 1 FROM seeds k WHERE k.norm = i.keyword_norm)
"""
_KNOWN = """
SELECT k.*
  FROM unnest(%(ids)s::bigint[]) AS t (id)
 CROSS JOIN LATERAL (
       SELECT id, deleted_at IS NOT NULL, attributes, intent, intent_source, intent_confidence
         FROM planning_keywords WHERE id = t.id
        LIMIT 1) k
"""
_INSERT = f"""
INSERT INTO planning_keywords (
       account_id, site_id, sector_id, industry_sector_id, seed_keyword_id, created_at, updated_at,
       first_import_id, keyword, keyword_norm, status, role, page_place, is_disabled, is_pinned,
       {_NAMES})
SELECT %(account)s, %(site)s, %(sector)s, %(industry_sector)s, seed, %(now)s, %(now)s,
       %(import)s, keyword, keyword_norm, 'new', '', 0, is_disabled, false, {_NAMES}
  FROM incoming JOIN seeds ON seeds.norm = incoming.keyword_norm
"""  # noqa: S608 - constants of this module
_CREATE_CHANGED = f"CREATE TEMP TABLE changed (id bigint PRIMARY KEY, {_COLUMNS}) ON COMMIT DROP"
_COPY_CHANGED = f"COPY changed (id, {_NAMES}) FROM STDIN"
_KEEP_BEFORE = f"""
INSERT INTO planning_keywordimportchange (
       account_id, site_id, sector_id, keyword_import_id, keyword_id, created_at, updated_at,
       before, after_digest)
SELECT k.account_id, k.site_id, k.sector_id, %(import)s, k.id, %(now)s, %(now)s,
       jsonb_build_object({", ".join(f"'{name}', k.{name}" for name in FIGURES)}),
       md5(c.attributes::text)
  FROM changed c JOIN planning_keywords k ON k.id = c.id AND k.account_id = %(account)s
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants of this module
_UPDATE = f"""
UPDATE planning_keywords k
   SET ({_NAMES}, updated_at) = ({", ".join(f"c.{name}" for name in FIGURES)}, %(now)s)
  FROM changed c
 WHERE k.id = c.id AND k.account_id = %(account)s
"""  # noqa: S608 - constants of this module


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """What became of the distinct keywords of a batch.

    :ivar deleted: rows whose keyword a person deleted before and that stays deleted.
    """

    created: int
    updated: int
    unchanged: int
    deleted: list[StagedRow]


@dataclass(slots=True)
class KnownKeywords:
    """The keywords of a file that the sector has.

    :ivar live: id of each by normal form.
    :ivar deleted: normal forms that a person deleted and that have no live row.
    """

    live: dict[str, int] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Stored:
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
    """Write rows that no file holds, in the open transaction, whose sector is locked.

    :param rows: distinct by normal form.
    :param known: at least of these rows.
    :param import_id: 0 when they come from a person.
    :raises StaleState: ``known`` is out of date; read it again.
    """
    stager = Stager(site=sector.site, tool=tool, import_id=import_id, places={})
    staged = [StagedRow(row.keyword_norm, stager.line(row, stager.attributes(row))) for row in rows]
    return write_staged(
        account=account,
        sector=sector,
        rows=staged,
        known=known,
        import_id=import_id,
        keeps_deleted=keeps_deleted,
        now=now,
    )


def write_staged(
    *,
    account: Account,
    sector: Sector,
    rows: Sequence[StagedRow],
    known: KnownKeywords,
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
        "import": import_id or None,
        "now": now,
    }
    new: list[bytes] = []
    gone: list[StagedRow] = []
    there: list[tuple[StagedRow, int]] = []
    for row in rows:
        pk = known.live.get(row.norm)
        if pk is not None:
            there.append((row, pk))
        elif keeps_deleted and row.norm in known.deleted:
            gone.append(row)
        else:
            new.append(row.line)
    with connection.cursor() as cursor:
        stored = stored_keywords(cursor, [pk for _row, pk in there])
        created = _insert(cursor, scope, new)
        if created != len(new) or len(stored) != len(there):
            raise StaleState("keywords of this sector were written meanwhile")
        changed = [(row, stored[pk]) for row, pk in there]
        updated = _update(cursor, scope, changed)
    return BatchCounts(created, updated, len(stored) - updated, gone)


def stored_keywords(cursor: Any, ids: list[int]) -> dict[int, Stored]:
    """The live rows of these ids."""
    if not ids:
        return {}
    cursor.execute(_KNOWN, {"ids": ids})
    found = {}
    for keyword_id, is_deleted, stored, *intent in cursor.fetchall():
        if not is_deleted:
            attributes = json.loads(stored) if isinstance(stored, str) else stored
            attributes.setdefault("sources", [])
            found[keyword_id] = Stored(keyword_id, attributes, tuple(intent))
    return found


def _insert(cursor: Any, scope: Mapping[str, Any], lines: Sequence[bytes]) -> int:
    if not lines:
        return 0
    cursor.execute(_CREATE_INCOMING)
    cursor.execute(_CREATE_SEEDS)
    with cursor.copy(_COPY_INCOMING) as copy:
        copy.write(b"".join(lines))
    cursor.execute(_ADD_SEEDS, scope)
    if cursor.rowcount < len(lines):
        cursor.execute(_FIND_SEEDS, scope)
    try:
        cursor.execute(_INSERT, scope)
    except IntegrityError as exc:
        if isinstance(exc.__cause__, UniqueViolation):  # cheaper than ON CONFLICT for every row
            raise StaleState("keywords of this sector were written meanwhile") from exc
        raise
    created: int = cursor.rowcount
    cursor.execute("DROP TABLE incoming, seeds")
    return created


def _update(
    cursor: Any,
    scope: Mapping[str, Any],
    rows: Iterable[tuple[StagedRow, Stored]],
) -> int:
    """Merge what the file says into rows that exist; returns how many changed."""
    changed = []
    for row, known in rows:
        after = merge_attributes(known.attributes, row.attributes)
        if after != known.attributes:
            changed.append(encode_line((known.keyword_id, *figure_values(after, known.intent))))
    if not changed:
        return 0
    cursor.execute(_CREATE_CHANGED)
    with cursor.copy(_COPY_CHANGED) as copy:
        copy.write(b"".join(changed))
    cursor.execute("ANALYZE changed")
    if scope["import"] is not None:
        cursor.execute(_KEEP_BEFORE, scope)
    cursor.execute(_UPDATE, scope)
    cursor.execute("DROP TABLE changed")
    return len(changed)
