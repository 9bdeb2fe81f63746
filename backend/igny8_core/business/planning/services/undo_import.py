"""An import taken back: what it made goes, what it changed is restored, what is in use stays."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection

from igny8_core.business.planning.errors import UndoTooLate
from igny8_core.business.planning.models import Clusters, KeywordImport
from igny8_core.business.planning.services import import_records as records
from igny8_core.business.planning.services import import_store as store
from igny8_core.business.planning.services.import_staging import (
    FIGURES,
    encode_line,
    staged_batches,
)
from igny8_core.business.planning.services.page_rows import settle_hubs
from igny8_core.business.planning.services.sector_locks import (
    clusters_in_use,
    lock_clusters,
    lock_sector,
)
from igny8_core.business.planning.states import KEYWORD_IMPORT, ClusterStatus, ImportStatus
from igny8_core.common.errors import StaleState
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from igny8_core.auth.models import Account

KEPT_FOR = timedelta(days=30)
"""How long the bytes, the rows and the former values of an import are kept."""

MAX_SHOWN = 200
_READ_ROWS = 5_000
_RESTORED = [name for name in FIGURES if not name.startswith("intent")]
_INTENT = [name for name in FIGURES if name.startswith("intent")]

# Why a keyword that the import made stays: the first reason that holds.
_JUDGE = """
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT k.id, k.keyword, k.cluster_id,
       CASE WHEN EXISTS (SELECT 1 FROM planning_contentideakeyword i
                          WHERE i.account_id = k.account_id AND i.keyword_id = k.id)
            THEN 'in_idea'
            WHEN k.is_pinned OR k.intent_source = 'typed' THEN 'edited'
            WHEN k.keyword_norm IN (SELECT norm FROM newer) OR EXISTS (
                 SELECT 1 FROM planning_keywordimportchange c
                  WHERE c.account_id = k.account_id AND c.keyword_id = k.id)
            THEN 'in_newer_import'
            WHEN EXISTS (SELECT 1 FROM jsonb_array_elements(k.attributes -> 'sources') s
                          WHERE (s ->> 'import')::bigint IS DISTINCT FROM %(import)s)
            THEN 'edited'
            WHEN k.cluster_id IS NOT NULL AND NOT %(includes_clustered)s
                 AND k.cluster_id NOT IN (SELECT c.id FROM planning_clusters c
                      WHERE c.account_id = %(account)s AND c.sector_id = %(sector)s
                        AND c.import_id = %(import)s)
            THEN 'in_cluster' END AS reason
  FROM planning_keywords k
 WHERE k.account_id = %(account)s AND k.sector_id = %(sector)s
   AND k.first_import_id = %(import)s AND k.deleted_at IS NULL
"""
_REMOVE = """
DELETE FROM planning_keywords k USING made m
 WHERE k.id = m.id AND k.account_id = %(account)s AND m.reason IS NULL
"""
_JUDGE_CHANGED = """
CREATE TEMP TABLE changed ON COMMIT DROP AS
SELECT k.id, k.keyword, k.cluster_id, c.before,
       CASE WHEN md5(k.attributes::text) <> c.after_digest THEN 'changed_since' END AS reason
  FROM planning_keywordimportchange c
  JOIN planning_keywords k ON k.id = c.keyword_id AND k.account_id = c.account_id
 WHERE c.account_id = %(account)s AND c.keyword_import_id = %(import)s
   AND k.deleted_at IS NULL
"""
_RESTORE = f"""
UPDATE planning_keywords k
   SET ({", ".join(_RESTORED)}, updated_at)
       = ({", ".join(f"r.{name}" for name in _RESTORED)}, %(now)s),
       ({", ".join(_INTENT)}) = (
           SELECT {
    ", ".join(
        f"CASE WHEN k.intent_source = 'typed' THEN k.{name} ELSE r.{name} END" for name in _INTENT
    )
})
  FROM changed c
 CROSS JOIN LATERAL jsonb_populate_record(NULL::planning_keywords, c.before) r
 WHERE k.id = c.id AND k.account_id = %(account)s AND c.reason IS NULL
"""  # noqa: S608 - constants of this module
_FORGET = """
DELETE FROM planning_keywordimportchange
 WHERE account_id = %(account)s AND keyword_import_id = %(import)s
"""
_REASONS = "SELECT reason, count(*) FROM {} WHERE reason IS NOT NULL GROUP BY 1"
_KEPT = "SELECT keyword, reason FROM {} WHERE reason IS NOT NULL ORDER BY id LIMIT %s"
_CLUSTERS = "SELECT DISTINCT cluster_id FROM {} WHERE reason IS NULL AND cluster_id IS NOT NULL"


def undo_keyword_import(
    *, account: Account, import_id: int, now: datetime, includes_clustered: bool = False
) -> KeywordImport:
    """Take an import back, as far as nothing newer depends on it; one transaction.

    Keywords that it made are removed, figures that it changed are what they were before. What
    stays, and why, is in the import's ``undo``: in an idea, edited by a person, in a newer import,
    in a cluster, or changed since. A repeat returns the undone import; the file may be imported
    again.

    :param includes_clustered: also remove keywords that a clustering has placed; clusters that
        this leaves empty go with them, unless they are locked or something is planned for them.
    :raises NotFound: no such import of this account.
    :raises TransitionNotAllowed: it has not run, or runs now.
    :raises UndoTooLate: its former values are kept no longer, or it came with an imported account.
    :raises StaleState: another import of the sector was made meanwhile; nothing was undone.
    """
    with tenant(account.pk):
        found = records.locked_import(account=account, import_id=import_id)
        if found.status == ImportStatus.UNDONE:
            return found
        newer = _newer_imports(account, found)
    is_kept = not found.keywords_done or found.rows_path  # they do not travel with an account
    if now - found.created_at > KEPT_FOR or not is_kept:
        raise UndoTooLate(f"An import can be undone for {KEPT_FOR.days} days.")
    norms = set[str]()
    for path, done in newer.values():
        if done and store.is_kept(path):
            norms |= _first_norms(path, done)
    return _undo(
        account=account,
        import_id=import_id,
        newer=newer,
        norms=norms,
        includes_clustered=includes_clustered,
        now=now,
    )


def _newer_imports(account: Account, found: KeywordImport) -> dict[int, tuple[str, int]]:
    """(staged rows, how many of them are in) of every later import of the sector."""
    rows = KeywordImport.objects.for_account(account).filter(
        sector_id=found.sector_id, pk__gt=found.pk
    )
    alive = rows.exclude(status=ImportStatus.UNDONE).order_by("pk")
    return {
        pk: (path, done) for pk, path, done in alive.values_list("pk", "rows_path", "keywords_done")
    }


def _first_norms(path: str, count: int) -> set[str]:
    norms: set[str] = set()
    with store.opened(path) as file:
        for batch in staged_batches(file, after=0, batch_rows=_READ_ROWS):
            norms.update(row.norm for row in batch[: count - len(norms)])
            if len(norms) >= count:
                break
    return norms


@tenant_atomic(durable=True)
def _undo(
    *,
    account: Account,
    import_id: int,
    newer: Mapping[int, tuple[str, int]],
    norms: set[str],
    includes_clustered: bool,
    now: datetime,
) -> KeywordImport:
    found = records.locked_import(account=account, import_id=import_id)
    lock_sector(account=account, sector_id=found.sector_id)
    if _newer_imports(account, found) != newer:
        raise StaleState("another file was imported meanwhile", import_id=import_id)
    scope: dict[str, Any] = {
        "account": account.pk,
        "sector": found.sector_id,
        "import": found.pk,
        "includes_clustered": includes_clustered,
        "now": now,
    }
    with connection.cursor() as cursor:
        _load_norms(cursor, norms)
        cursor.execute(_JUDGE_CHANGED, scope)
        cursor.execute(_RESTORE, scope)
        restored = cursor.rowcount
        cursor.execute(_FORGET, scope)
        cursor.execute(_JUDGE, scope)
        cursor.execute(_REMOVE, scope)
        removed = cursor.rowcount
        kept, shown, touched = _findings(cursor)
        cursor.execute("DROP TABLE newer, made, changed")
    settle_hubs(account=account, sector=found.sector, cluster_ids=touched, now=now)
    emptied = _remove_empty_clusters(
        account, found, touched if includes_clustered else set(), now=now
    )
    advance(
        found,
        ImportStatus.UNDONE,
        table=KEYWORD_IMPORT,
        now=now,
        undone_at=now,
        requested_at=None,
        undo={
            "removed": removed,
            "restored": restored,
            "kept": kept,
            "kept_keywords": shown,
            "clusters_removed": emptied,
        },
    )
    return found


def _load_norms(cursor: Any, norms: Iterable[str]) -> None:
    cursor.execute("CREATE TEMP TABLE newer (norm text) ON COMMIT DROP")
    with cursor.copy("COPY newer (norm) FROM STDIN") as copy:
        copy.write(b"".join(encode_line((norm,)) for norm in norms))
    cursor.execute("ANALYZE newer")


def _findings(cursor: Any) -> tuple[dict[str, int], list[list[str]], set[int]]:
    """(kept by reason, the first of them, clusters that lost or changed keywords)."""
    kept: dict[str, int] = {}
    shown: list[list[str]] = []
    touched: set[int] = set()
    for table in ("made", "changed"):
        cursor.execute(_REASONS.format(table))
        for reason, count in cursor.fetchall():
            kept[reason] = kept.get(reason, 0) + count
        cursor.execute(_KEPT.format(table), [MAX_SHOWN - len(shown)])
        shown.extend(list(row) for row in cursor.fetchall())
        cursor.execute(_CLUSTERS.format(table))
        touched.update(cluster_id for (cluster_id,) in cursor.fetchall())
    return dict(sorted(kept.items())), shown, touched


def _remove_empty_clusters(
    account: Account, found: KeywordImport, emptied: set[int], *, now: datetime
) -> int:
    """Clusters that the import made, and those that lost their last keyword by the undo."""
    rows = Clusters.objects.for_account(account).filter(
        sector_id=found.sector_id,
        deleted_at=None,
        status=ClusterStatus.NEW,
        is_locked=False,
        keywords_count=0,
    )
    wanted = rows.filter(import_id=found.pk) | rows.filter(pk__in=emptied, import_id=None)
    ids = list(wanted.values_list("pk", flat=True))
    lock_clusters(account=account, cluster_ids=ids)
    busy = clusters_in_use(account=account, cluster_ids=ids)
    with connection.cursor() as cursor:  # disabled keywords are not counted, and still are there
        cursor.execute(
            "SELECT DISTINCT cluster_id FROM planning_keywords"
            " WHERE account_id = %s AND sector_id = %s AND cluster_id = ANY (%s)"
            " AND deleted_at IS NULL",
            [account.pk, found.sector_id, ids],
        )
        busy |= {cluster_id for (cluster_id,) in cursor.fetchall()}
    emptied_ones = Clusters.objects.for_account(account).filter(pk__in=set(ids) - busy)
    return emptied_ones.update(deleted_at=now, updated_at=now)
