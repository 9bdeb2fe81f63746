"""Rows that can be taken back: ``deleted_at`` instead of DELETE, and the end of them.

A domain's services decide what may go into the bin and what goes along. What is the same for all
of them is here: finding and locking the rows, both updates, why a row cannot come back, what
stands on a row, and the purge after the account's days. What points at what is read from the
models' relations, so that a lower domain asks about a higher one's rows without importing it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import structlog
from django.apps import apps
from django.db import IntegrityError, OperationalError, models
from django.db.models import Exists, ExpressionWrapper, F, OuterRef, Q, Subquery, Value

from igny8_core.common.errors import Conflict, NotFound
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

LIVE = Q(deleted_at__isnull=True)
"""Condition of unique constraints and list indexes of soft-deletable models."""

IN_BIN = Q(deleted_at__isnull=False)
"""Condition of the purge's index."""

MAX_FINDINGS = 1_000
PURGE_ROWS = 500
PURGE_BATCHES = 20
PURGE_ACCOUNTS = 1_000


class PlaceTaken(Conflict):
    """A row cannot come back: a live one has its place. Nothing was changed.

    ``data`` holds a message by field, ``row_id`` and ``in_the_way``, the id of the other row.
    """

    code = "place_taken"


class StillNeeded(Conflict):
    """A row cannot go: live rows stand on it. ``data`` counts them. Nothing was changed."""

    code = "still_needed"


class SoftDeletableModel(models.Model):
    """A row that a person can delete and restore.

    Uniqueness is conditional on :data:`LIVE`. Selectors leave deleted rows out.

    :cvar noun: what people call one such row.
    """

    noun: ClassVar[str] = "row"

    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_deleted(self) -> bool:
        """Whether the row is in the bin."""
        return self.deleted_at is not None

    def soft_delete(self, *, now: datetime) -> None:
        """Put the row into the bin; a repeat keeps the first time."""
        if self.deleted_at is None:
            self.deleted_at = now
            self.save(update_fields=["deleted_at"])


M = TypeVar("M", bound=SoftDeletableModel)


def bin_index(name: str) -> models.Index:
    """The index that the purge and the list of the bin read, for ``Meta.indexes``."""
    return models.Index(fields=["account", "deleted_at", "id"], condition=IN_BIN, name=name)


def lock_rows(
    model: type[M], *, account: HasKey, ids: Collection[int], columns: Sequence[str] = ()
) -> list[M]:
    """The rows of these ids, live or in the bin, locked in the order of their keys.

    ``FOR UPDATE``: whoever adds a row that points at one of them waits for us, and we for them.

    :param columns: what to load; everything by default.
    :raises NotFound: an id is unknown, or another account's.
    """
    rows = _rows(model, account).filter(pk__in=ids).select_for_update().order_by("pk")
    found: list[M] = list(rows.only("pk", "deleted_at", *columns) if columns else rows)
    if missing := set(ids) - {row.pk for row in found}:
        raise NotFound(f"no such {model.noun}", id=min(missing))
    return found


def move_to_bin(model: type[M], *, account: HasKey, ids: Collection[int], now: datetime) -> int:
    """Put live rows into the bin, in the open block; the others keep their first time.

    :returns: how many went.
    """
    return _set(_rows(model, account).filter(LIVE, pk__in=ids), deleted_at=now, now=now)


def take_out_of_bin(
    model: type[M],
    *,
    account: HasKey,
    ids: Collection[int],
    now: datetime,
    names: Mapping[str, str] | None = None,
) -> int:
    """Take rows out of the bin, in the open block: all of them or none.

    :param names: the public name of a field, where a constraint's last field has another one.
    :returns: how many came back; live ones do not count.
    :raises PlaceTaken: a live row, or another of these, has the place of one of them.
    """
    deleted = _rows(model, account).filter(IN_BIN, pk__in=ids)
    back = list(deleted.order_by("pk").values_list("pk", flat=True))
    if not back:
        return 0
    for constraint in _places(model):
        _check_place(constraint, model, account, back, names or {})
    return _set(deleted, deleted_at=None, now=now)


def _set(rows: Any, *, deleted_at: datetime | None, now: datetime) -> int:
    columns: dict[str, Any] = {"deleted_at": deleted_at}
    if any(field.name == "updated_at" for field in rows.model._meta.fields):
        columns["updated_at"] = now
    return int(rows.update(**columns))


# --- What has a row's place


def _places(model: type[models.Model]) -> Iterator[models.UniqueConstraint]:
    """Unique constraints that hold among live rows only."""
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint) and constraint.condition is not None:
            rest = _without_live(constraint.condition)
            if rest != constraint.condition:
                yield constraint


def _without_live(condition: Q) -> Q:
    """The condition as if the row were live."""
    kept = [
        _without_live(child) if isinstance(child, Q) else child
        for child in condition.children
        if child != ("deleted_at__isnull", True)
    ]
    kept = [child for child in kept if not isinstance(child, Q) or child.children]
    return Q(*kept, _connector=condition.connector, _negated=condition.negated)


def _check_place(
    constraint: models.UniqueConstraint,
    model: type[M],
    account: HasKey,
    ids: Collection[int],
    names: Mapping[str, str],
) -> None:
    fields = list(constraint.fields)
    condition: Any = constraint.condition  # never None: see _places
    rows = _rows(model, account).filter(_without_live(condition), pk__in=ids)
    taken: dict[tuple[Any, ...], int] = {}
    same = {field: OuterRef(field) for field in fields}
    live = _rows(model, account).filter(condition, **same).values("pk")[:1]
    found = rows.annotate(other=Subquery(live)).order_by("pk").values_list("pk", "other", *fields)
    for pk, live_id, *key in found:
        if None in key:  # NULL equals nothing
            continue
        other = live_id or taken.setdefault(tuple(key), pk)
        if other != pk:
            name = names.get(fields[-1], fields[-1])
            raise PlaceTaken(
                f"This {model.noun} cannot be restored: another one has its place.",
                row_id=pk,
                in_the_way=other,
                **{name: [f"The {model.noun} {other} has the same {name.replace('_', ' ')}."]},
            )


# --- What stands on a row


def standing_on(
    model: type[models.Model],
    *,
    account: HasKey,
    ids: Collection[int],
    besides: Collection[type[models.Model]] = (),
) -> dict[int, dict[str, int]]:
    """Live soft-deletable rows of any domain that point at these rows, counted.

    :param besides: models that the caller looks after itself.
    :returns: by id, then by the other model's label: ``{7: {"content.Tasks": 3}}``; no zeros.
    """
    counts: dict[int, dict[str, int]] = {}
    for relation in _pointing_at(model):
        other, name = relation.related_model, relation.field.name
        if other in besides or not issubclass(other, SoftDeletableModel):
            continue
        rows = _rows(other, account).filter(LIVE, **{f"{name}__in": ids}).order_by()
        for pk, count in rows.values_list(name).annotate(models.Count("pk")):
            of_row, label = counts.setdefault(pk, {}), other._meta.label
            of_row[label] = of_row.get(label, 0) + count
    return counts


def stranded_rows() -> list[str]:
    """Live rows that stand on a row in the bin, a line each: that row should not have gone.

    Only relations that restrict count: the others may lead to a deleted row. As the staff role.
    """
    found: list[str] = []
    for model in apps.get_models():
        for relation in _pointing_at(model) if issubclass(model, SoftDeletableModel) else ():
            other: Any = relation.related_model
            if relation.on_delete is not models.RESTRICT or not issubclass(
                other, SoftDeletableModel
            ):
                continue
            name = relation.field.name
            rows = other.objects.across_accounts(reason="audit of the bins")
            on_deleted = rows.filter(LIVE, **{f"{name}__deleted_at__isnull": False})
            found += [
                f"{other._meta.label} {pk} stands on the deleted {model._meta.label} {key}"
                for pk, key in on_deleted.order_by("pk").values_list("pk", name)[:MAX_FINDINGS]
            ]
    return found


def _pointing_at(model: type[models.Model]) -> list[Any]:
    """The relations of other rows to this model."""
    return [
        relation
        for relation in model._meta.get_fields(include_hidden=True)
        if relation.auto_created
        and not relation.concrete
        and (relation.one_to_many or relation.one_to_one)
    ]


# --- The end


@dataclass(frozen=True)
class AccountKey:
    """An account by its key alone: a purge needs no more."""

    pk: int


@dataclass(frozen=True)
class Bin:
    """A model whose deleted rows are purged.

    :ivar keep: further reasons to keep a row, as a condition on it.
    :ivar before_delete: called with the keys in the transaction that deletes them, for example to
        note files that go once it is committed.
    :ivar parts: soft-deletable models whose rows are parts of these rows and go with them, as
        their relation's ``on_delete`` says; a part is no reason to keep its whole.
    """

    model: type[SoftDeletableModel]
    keep: Q | None = None
    before_delete: Callable[[HasKey, Sequence[int]], None] | None = None
    parts: Collection[type[models.Model]] = ()


def purge(bin_: Bin, *, account: HasKey, before: datetime, limit: int = PURGE_ROWS) -> int:
    """Remove for good what went into the bin before then, oldest first, in the open block.

    A row stays while anything needs it:

    * a soft-deletable row points at it, unless that one is in the bin itself and its relation is
      merely cleared;
    * a row of another kind points at it by a relation that restricts;
    * a row whose model says ``holds_what_it_is_of = Q(…)`` points at it and fits.

    Rows of another kind that cascade are parts of it or links to it, and go with it. Locked rows
    are left to the next run.

    :returns: how many rows of the model went.
    """
    rows = _rows(bin_.model, account).filter(IN_BIN, deleted_at__lt=before)
    for reason in _needs(bin_, account):
        rows = rows.filter(~reason)
    if bin_.keep is not None:
        rows = rows.exclude(bin_.keep)
    oldest = rows.order_by("deleted_at", "pk").select_for_update(skip_locked=True)
    locked = list(oldest.values_list("pk", flat=True)[:limit])
    # Asked again under the locks: now nothing new can come to need them.
    ids = list(rows.filter(pk__in=locked).order_by("pk").values_list("pk", flat=True))
    if not ids:
        return 0
    if bin_.before_delete is not None:
        bin_.before_delete(account, ids)
    _all, by_model = _rows(bin_.model, account).filter(pk__in=ids).delete()
    return int(by_model.get(bin_.model._meta.label, 0))


def _needs(bin_: Bin, account: HasKey) -> Iterator[Exists]:
    for relation in _pointing_at(bin_.model):
        other, on_delete = relation.related_model, relation.on_delete
        rows = _rows(other, account).filter(**{relation.field.name: OuterRef("pk")})
        if (holding := getattr(other, "holds_what_it_is_of", None)) is not None:
            yield Exists(rows.filter(holding))
        elif issubclass(other, SoftDeletableModel):
            if other not in bin_.parts:
                yield Exists(rows.filter(LIVE) if on_delete is models.SET_NULL else rows)
        elif on_delete in {models.RESTRICT, models.PROTECT}:
            yield Exists(rows)


def purge_bins(bins: Sequence[Bin], *, now: datetime) -> dict[str, int]:
    """Purge every account's bins, in the order given: what points at others comes first.

    Accounts are listed as the staff role, those with rows older than ``Account.retention_days``;
    each batch is a short transaction in the account's own block. Bounded: the next run goes on.
    Two runs at once do no harm.

    :returns: how many rows of each model went, by label; without zeros.
    """
    counts: dict[str, int] = {}
    for account_id, retention_days in _accounts_with_old_rows(bins, now=now):
        account, before = AccountKey(account_id), now - timedelta(days=retention_days)
        for bin_ in bins:
            if gone := _purge_account(bin_, account=account, before=before):
                label = bin_.model._meta.label
                counts[label] = counts.get(label, 0) + gone
    if counts:
        log.info("soft_delete.purged", **{name.replace(".", "_"): n for name, n in counts.items()})
    return counts


def _purge_account(bin_: Bin, *, account: AccountKey, before: datetime) -> int:
    total = 0
    for _ in range(PURGE_BATCHES):
        try:
            with tenant(account.pk):
                gone = purge(bin_, account=account, before=before, limit=PURGE_ROWS)
        except (IntegrityError, OperationalError) as exc:  # needed after all, or busy: next time
            label = bin_.model._meta.label
            log.warning("soft_delete.purge.skipped", model=label, error=type(exc).__name__)
            break
        total += gone
        if gone < PURGE_ROWS:
            break
    return total


def _accounts_with_old_rows(bins: Sequence[Bin], *, now: datetime) -> list[tuple[int, int]]:
    """(account, days) of at most :data:`PURGE_ACCOUNTS` accounts.

    Left to chance: accounts whose old rows must stay do not keep the others out for ever.
    """
    meta: Any = bins[0].model._meta  # of a tenant model
    accounts = meta.get_field("account").related_model
    days = ExpressionWrapper(
        Value(now) - F("retention_days") * Value(timedelta(days=1)),
        output_field=models.DateTimeField(),
    )
    old = Q()
    for bin_ in bins:
        manager: Any = bin_.model.objects  # type: ignore[attr-defined]  # a tenant model
        rows = manager.across_accounts(reason="retention of deleted rows")
        due = rows.filter(IN_BIN, account=OuterRef("pk"), deleted_at__lt=OuterRef("before"))
        old |= Q(Exists(due))
    listed = accounts.objects.using(rows.db).annotate(before=days).filter(old)
    return list(listed.order_by("?").values_list("pk", "retention_days")[:PURGE_ACCOUNTS])


def _rows(model: Any, account: HasKey) -> Any:
    return model.objects.for_account(account)
