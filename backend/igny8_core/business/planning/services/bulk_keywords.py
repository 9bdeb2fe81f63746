"""One act on many keywords: those that a filter finds, or those that were ticked.

A person acts on a number that a screen has shown. ``expected`` carries that number along, and an
act on another number of keywords is refused before anything is written. :func:`matching_keywords`
is the dry run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import F, Q

from igny8_core.business.planning import selectors
from igny8_core.business.planning.errors import BulkInvalid, CountChanged
from igny8_core.business.planning.models import Keywords
from igny8_core.business.planning.services.edit_clusters import (
    MAX_KEYWORDS_AT_ONCE,
    move_keywords_to,
)
from igny8_core.business.planning.services.keyword_limit import take_keyword_room
from igny8_core.business.planning.services.page_rows import settle_hubs_of
from igny8_core.business.planning.services.sector_locks import lock_sector
from igny8_core.business.planning.states import Intent, IntentSource
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from igny8_core.auth.models import Account, Sector
    from igny8_core.business.planning.selectors import KeywordFilters

MAX_TICKED = 5_000
_TAKE_OUT = """
UPDATE planning_keywords k
   SET cluster_id = NULL, status = 'new', page = NULL, page_place = 0, role = '',
       is_pinned = false, updated_at = %(now)s
 WHERE k.id = ANY (%(ids)s) AND k.account_id = %(account)s
"""


@dataclass(frozen=True, slots=True)
class Target:
    """Which keywords are meant: ticked ones, or else all that the filters find.

    :param ids: at most :data:`MAX_TICKED`; ids of other sectors find nothing.
    """

    filters: KeywordFilters | None = None
    ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Something has to be meant.

        :raises BulkInvalid: neither ids nor filters, or too many ids.
        """
        if not self.ids and self.filters is None:
            raise BulkInvalid("Say which keywords are meant.")
        if len(self.ids) > MAX_TICKED:
            raise BulkInvalid(f"Tick at most {MAX_TICKED:,} keywords, or use a filter.")


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What an act did.

    :ivar matched: keywords that were meant.
    :ivar changed: those of them that were not like that before.
    """

    matched: int
    changed: int


def matching_keywords(*, account: Account, sector: Sector, target: Target) -> int:
    """How many keywords an act on this target would meet; the dry run."""
    with tenant(account.pk, read_only=True):
        return _rows(account, sector, target).count()


@tenant_atomic()
def set_keywords_disabled(
    *,
    account: Account,
    sector: Sector,
    target: Target,
    is_disabled: bool,
    now: datetime,
    expected: int | None = None,
) -> BulkResult:
    """Leave keywords out of every count and plan, or take them back in.

    :raises CountChanged: other than ``expected`` keywords match; nothing was written.
    """
    ids = _locked_ids(account, sector, target, expected)
    rows = Keywords.objects.for_account(account).filter(pk__in=ids).exclude(is_disabled=is_disabled)
    changed = rows.update(is_disabled=is_disabled, updated_at=now)
    return BulkResult(len(ids), changed)


@tenant_atomic()
def delete_keywords(
    *,
    account: Account,
    sector: Sector,
    target: Target,
    now: datetime,
    expected: int | None = None,
) -> BulkResult:
    """Put keywords into the bin; :func:`restore_keywords` with the same ``now`` takes them out.

    :raises CountChanged: other than ``expected`` keywords match; nothing was written.
    """
    ids = _locked_ids(account, sector, target, expected)
    rows = Keywords.objects.for_account(account).filter(pk__in=ids)
    changed = rows.update(deleted_at=now, updated_at=now)
    settle_hubs_of(account=account, keyword_ids=ids, now=now)
    return BulkResult(len(ids), changed)


@tenant_atomic()
def restore_keywords(
    *, account: Account, sector: Sector, deleted_at: datetime, now: datetime
) -> BulkResult:
    """Take back what one act of :func:`delete_keywords` deleted.

    :raises PlanLimitReached: the plan has no room for them by now; nothing was written.

    Keywords that are there again meanwhile stay in the bin. A keyword whose cluster is gone comes
    back without one.
    """
    bin_size = Keywords.objects.for_account(account).filter(sector=sector, deleted_at=deleted_at)
    take_keyword_room(account=account, wanted=bin_size.count())
    lock_sector(account=account, sector_id=sector.pk)
    everyone = Keywords.objects.for_account(account).filter(sector=sector)
    rows = everyone.filter(deleted_at=deleted_at)
    matched = rows.count()
    there = everyone.filter(deleted_at=None).values("seed_keyword_id")
    back = rows.exclude(seed_keyword_id__in=there)
    homeless = list(back.filter(cluster__deleted_at__isnull=False).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_OUT, {"ids": homeless, "account": account.pk, "now": now})
    ids = list(back.values_list("pk", flat=True))
    changed = back.update(deleted_at=None, updated_at=now)
    settle_hubs_of(account=account, keyword_ids=ids, now=now)
    return BulkResult(matched, changed)


@tenant_atomic()
def move_keywords(
    *,
    account: Account,
    sector: Sector,
    target: Target,
    cluster_id: int | None,
    now: datetime,
    expected: int | None = None,
) -> BulkResult:
    """Put keywords into a cluster, where later runs leave them; or take them out of theirs.

    See :func:`~igny8_core.business.planning.services.edit_clusters.move_keywords_to`.

    :param cluster_id: None takes them out; the next clustering places them again.
    :raises NotFound: no such cluster in this sector.
    :raises ClusterLocked: a cluster concerned is locked.
    :raises CountChanged: other than ``expected`` keywords match; nothing was written.
    """
    if cluster_id is not None:
        cluster = selectors.cluster(account=account, cluster_id=cluster_id)
        if cluster.sector_id != sector.pk:
            raise NotFound("no such cluster", cluster_id=cluster_id)
    ids = _locked_ids(account, sector, target, expected)
    rows = Keywords.objects.for_account(account).filter(pk__in=ids)
    is_there = Q(cluster_id=cluster_id) if cluster_id else Q(cluster__isnull=True)
    moving = rows.exclude(is_there)
    order = (F("volume").desc(nulls_last=True), F("pk").asc())
    moved = list(moving.order_by(*order).values_list("pk", flat=True))
    for first in range(0, len(moved), MAX_KEYWORDS_AT_ONCE):
        move_keywords_to(
            account=account,
            sector=sector,
            keyword_ids=moved[first : first + MAX_KEYWORDS_AT_ONCE],
            cluster_id=cluster_id,
            holds_out=False,
            now=now,
        )
    return BulkResult(len(ids), len(moved))


@tenant_atomic()
def set_keywords_intent(
    *,
    account: Account,
    sector: Sector,
    target: Target,
    intent: str,
    now: datetime,
    expected: int | None = None,
) -> BulkResult:
    """Say what searchers want; imports and clusterings keep it from then on.

    :param intent: an :class:`Intent`, or "" to let files and rules decide again.
    :raises BulkInvalid: it is neither.
    :raises CountChanged: other than ``expected`` keywords match; nothing was written.
    """
    if intent and intent not in Intent.values:
        raise BulkInvalid("There is no such intent.", intent=intent)
    ids = _locked_ids(account, sector, target, expected)
    source = IntentSource.TYPED if intent else IntentSource.UNKNOWN
    rows = Keywords.objects.for_account(account).filter(pk__in=ids)
    changed = rows.exclude(intent=intent, intent_source=source).update(
        intent=intent,
        intent_source=source,
        intent_confidence=1.0 if intent else 0.0,
        updated_at=now,
    )
    return BulkResult(len(ids), changed)


@tenant_atomic()
def set_keywords_pinned(
    *,
    account: Account,
    sector: Sector,
    target: Target,
    is_pinned: bool,
    now: datetime,
    expected: int | None = None,
) -> BulkResult:
    """Hold keywords where they are, or let later runs place them again.

    Keywords without a cluster cannot be held and are not changed.

    :raises CountChanged: other than ``expected`` keywords match; nothing was written.
    """
    ids = _locked_ids(account, sector, target, expected)
    rows = Keywords.objects.for_account(account).filter(pk__in=ids, cluster__isnull=False)
    changed = rows.exclude(is_pinned=is_pinned).update(is_pinned=is_pinned, updated_at=now)
    return BulkResult(len(ids), changed)


def _rows(account: Account, sector: Sector, target: Target) -> QuerySet[Keywords]:
    rows = selectors.keywords(account=account, sector=sector, filters=target.filters)
    return rows.filter(pk__in=target.ids).order_by() if target.ids else rows.order_by()


def _locked_ids(
    account: Account, sector: Sector, target: Target, expected: int | None
) -> Sequence[int]:
    """The keywords that are meant, while nobody else writes to the sector."""
    lock_sector(account=account, sector_id=sector.pk)
    ids = list(_rows(account, sector, target).values_list("pk", flat=True))
    if expected is not None and len(ids) != expected:
        raise CountChanged(
            f"{len(ids):,} keywords match now, not {expected:,}: look again.",
            matched=len(ids),
            expected=expected,
        )
    return ids
