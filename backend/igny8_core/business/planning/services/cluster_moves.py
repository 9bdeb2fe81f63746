"""Set-based writes of where keywords, clusters and ideas are, and snapshots that undo them.

Everything here runs in the caller's transaction, with the sector locked. What clusters count
follows by itself (ADR 0014).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import OuterRef, Subquery

from igny8_core.business.planning.models import (
    Clusters,
    ContentIdeaKeyword,
    ContentIdeas,
    Keywords,
)
from igny8_core.business.planning.states import KeywordStatus
from igny8_core.common.errors import StaleState

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account, Sector

_CREATE = """
CREATE TEMP TABLE moved (
    id bigint PRIMARY KEY, cluster_id bigint, page int, page_place int, role text, intent text,
    intent_source text, intent_confidence float8, variant bigint, is_pinned boolean) ON COMMIT DROP
"""
_COPY = """
COPY moved (id, cluster_id, page, page_place, role, intent, intent_source, intent_confidence,
            variant, is_pinned) FROM STDIN
"""
_UPDATE = """
UPDATE planning_keywords k
   SET cluster_id = m.cluster_id, page = m.page, page_place = m.page_place, role = m.role,
       intent = coalesce(m.intent, k.intent),
       intent_source = coalesce(m.intent_source, k.intent_source),
       intent_confidence = coalesce(m.intent_confidence, k.intent_confidence),
       variant = coalesce(m.variant, k.variant), is_pinned = coalesce(m.is_pinned, k.is_pinned),
       status = CASE WHEN m.cluster_id IS NULL THEN %(new)s ELSE %(mapped)s END,
       updated_at = %(now)s
  FROM moved m
 WHERE k.id = m.id AND k.account_id = %(account)s AND k.sector_id = %(sector)s
   AND k.deleted_at IS NULL
"""
_ONLY_UNPLACED = " AND (k.cluster_id IS NULL OR k.page IS NULL)"

_PARK_CLUSTER = """
UPDATE planning_clusters SET name_norm = chr(1) || id WHERE id = %s AND account_id = %s
"""
_SET_CLUSTER = """
UPDATE planning_clusters
   SET name = %s, name_norm = %s, is_named = %s, is_locked = %s, is_disabled = %s, deleted_at = %s,
       updated_at = %s
 WHERE id = %s AND account_id = %s
"""
_DETACH = """
UPDATE planning_keywords
   SET cluster_id = NULL, page = NULL, page_place = 0, role = '', status = %s
 WHERE account_id = %s AND cluster_id = ANY (%s) AND deleted_at IS NOT NULL
"""
_PARK_IDEA = "UPDATE planning_contentideas SET page = NULL WHERE id = %s AND account_id = %s"
_SET_IDEA = """
UPDATE planning_contentideas SET cluster_id = %s, page = %s, deleted_at = %s, updated_at = %s
 WHERE id = %s AND account_id = %s
"""

KEYWORD_COLUMNS = ("id", "cluster_id", "page", "page_place", "role", "is_pinned")
CLUSTER_COLUMNS = ("id", "name", "is_named", "is_locked", "is_disabled", "is_live")
IDEA_COLUMNS = ("id", "cluster_id", "page", "target_id", "is_live")


_TARGETS = ContentIdeaKeyword.unscoped.filter(idea=OuterRef("pk"), is_target=True).values("keyword")


@dataclass(slots=True)
class Move:
    """Where one keyword goes; what is None of intent, variant and pin stays.

    :ivar intent: (intent, source, confidence).
    """

    keyword_id: int
    cluster_id: int | None
    page: int | None
    page_place: int = 0
    role: str = ""
    intent: tuple[str, str, float] | None = None
    variant: int | None = None
    is_pinned: bool | None = None


def move_keywords(
    *, sector: Sector, moves: Sequence[Move], now: datetime, only_unplaced: bool = False
) -> None:
    """Place live keywords, all of them in one statement.

    :param only_unplaced: none of them may have a page yet.
    :raises StaleState: some are gone, or placed meanwhile; the caller rolls back.
    """
    if not moves:
        return
    with connection.cursor() as cursor:
        cursor.execute(_CREATE)
        with cursor.copy(_COPY) as copy:
            for m in sorted(moves, key=lambda move: move.keyword_id):
                intent = m.intent or (None, None, None)
                copy.write_row(
                    (
                        m.keyword_id, m.cluster_id, m.page, m.page_place, m.role, *intent,
                        m.variant, m.is_pinned,
                    )
                )  # fmt: skip
        cursor.execute("ANALYZE moved")
        values: dict[str, Any] = {
            "account": sector.account_id,
            "sector": sector.pk,
            "new": KeywordStatus.NEW.value,
            "mapped": KeywordStatus.MAPPED.value,
            "now": now,
        }
        cursor.execute(_UPDATE + (_ONLY_UNPLACED if only_unplaced else ""), values)
        if cursor.rowcount != len(moves):
            raise StaleState("keywords changed meanwhile")
        cursor.execute("DROP TABLE moved")


@dataclass
class Snapshot:
    """Rows as they are at one moment, by kind and id; JSON as it is stored.

    A row that is missing did not exist, or was gone.
    """

    keywords: dict[int, list[Any]] = field(default_factory=dict)
    clusters: dict[int, list[Any]] = field(default_factory=dict)
    ideas: dict[int, list[Any]] = field(default_factory=dict)

    def stored(self) -> dict[str, list[list[Any]]]:
        """Lists of rows, the id first in each."""
        return {
            "keywords": list(self.keywords.values()),
            "clusters": list(self.clusters.values()),
            "ideas": list(self.ideas.values()),
        }

    @classmethod
    def of(cls, stored: dict[str, list[list[Any]]]) -> Snapshot:
        """What :meth:`stored` made."""
        return cls(
            **{name: {row[0]: row for row in stored.get(name, [])} for name in cls().stored()}
        )


def snapshot(
    *,
    account: Account,
    keyword_ids: Collection[int] = (),
    cluster_ids: Collection[int] = (),
    idea_ids: Collection[int] = (),
) -> Snapshot:
    """Three queries; keywords that are in the bin are left out, clusters and ideas are not."""
    keywords = Keywords.objects.for_account(account).filter(pk__in=keyword_ids, deleted_at=None)
    clusters = Clusters.objects.for_account(account).filter(pk__in=cluster_ids)
    ideas = ContentIdeas.objects.for_account(account).filter(pk__in=idea_ids)
    return Snapshot(
        keywords=_rows(keywords.order_by("pk").values_list(*KEYWORD_COLUMNS)),
        clusters=_live(clusters.order_by("pk").values_list(*CLUSTER_COLUMNS[:-1], "deleted_at")),
        ideas=_live(
            ideas.annotate(target_id=Subquery(_TARGETS))
            .order_by("pk")
            .values_list(*IDEA_COLUMNS[:-1], "deleted_at")
        ),
    )


def _rows(values: Any) -> dict[int, list[Any]]:
    return {row[0]: list(row) for row in values.iterator()}


def _live(values: Any) -> dict[int, list[Any]]:
    """The last column becomes whether the row is live."""
    return {row[0]: [*row[:-1], row[-1] is None] for row in values.iterator()}


def differing(now: Snapshot, expected: Snapshot) -> dict[str, int]:
    """How many rows of each kind are no longer what was expected."""
    kinds = {name: (getattr(now, name), getattr(expected, name)) for name in now.stored()}
    counted = {
        name: sum(1 for key, row in wanted.items() if found.get(key) != row)
        for name, (found, wanted) in kinds.items()
    }
    return {name: count for name, count in counted.items() if count}


def write_clusters(*, account: Account, rows: Iterable[Sequence[Any]], now: datetime) -> None:
    """Make clusters what rows of :data:`CLUSTER_COLUMNS` say; names may change places.

    Keywords in the bin leave a cluster that goes there: restored, they are without one.

    :raises django.db.IntegrityError: another cluster has taken a name.
    """
    wanted = sorted(rows, key=lambda row: int(row[0]))
    with connection.cursor() as cursor:
        cursor.executemany(_PARK_CLUSTER, [(row[0], account.pk) for row in wanted])
        cursor.executemany(
            _SET_CLUSTER,
            [
                (
                    name, name.casefold()[:255], is_named, is_locked, is_disabled,
                    None if is_live else now, now, pk, account.pk,
                )
                for pk, name, is_named, is_locked, is_disabled, is_live in wanted
            ],
        )  # fmt: skip
        gone = [row[0] for row in wanted if not row[-1]]
        cursor.execute(_DETACH, [KeywordStatus.NEW.value, account.pk, gone])


def write_ideas(*, account: Account, rows: Iterable[Sequence[Any]], now: datetime) -> None:
    """Make ideas what rows of :data:`IDEA_COLUMNS` say, but for the target; pages may change
    places.

    :raises django.db.IntegrityError: another idea has taken a page.
    """
    wanted = sorted(rows, key=lambda row: int(row[0]))
    with connection.cursor() as cursor:
        cursor.executemany(_PARK_IDEA, [(row[0], account.pk) for row in wanted])
        cursor.executemany(
            _SET_IDEA,
            [
                (cluster_id, page, None if is_live else now, now, pk, account.pk)
                for pk, cluster_id, page, _target, is_live in wanted
            ],
        )
