"""Lists as people like to see them: a name for filters, an order and columns."""

from __future__ import annotations

import re
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction

from igny8_core.business.planning import selectors
from igny8_core.business.planning.errors import ViewInvalid, ViewNameTaken
from igny8_core.business.planning.models import SavedView
from igny8_core.business.planning.selectors import KEYWORD_SORTS, KeywordFilters
from igny8_core.business.planning.services.export_columns import (
    CLUSTER_COLUMNS,
    IDEA_COLUMNS,
    KEYWORD_COLUMNS,
)
from igny8_core.business.planning.states import ViewKind
from igny8_core.common.errors import NotFound, Refused
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

    from igny8_core.auth.models import Account, User

MAX_VIEWS = 200
MAX_NAME = 100
_MAX_FILTERS, _MAX_TEXT = 30, 255
_COLUMNS = {
    ViewKind.KEYWORDS: frozenset(KEYWORD_COLUMNS),
    ViewKind.CLUSTERS: frozenset(CLUSTER_COLUMNS),
    ViewKind.IDEAS: frozenset(IDEA_COLUMNS),
}


@tenant_atomic()
def save_view(
    *,
    account: Account,
    owner: User,
    name: str,
    now: datetime,
    kind: str = ViewKind.KEYWORDS.value,
    filters: Mapping[str, Any] | None = None,
    sort: str = "",
    columns: Sequence[str] = (),
    is_shared: bool = False,
    view_id: int | None = None,
) -> SavedView:
    """Make a view, or with ``view_id`` change one of the owner's.

    :raises ViewInvalid: what is wrong, by field; nothing was written.
    :raises ViewNameTaken: the owner has another view of this name.
    :raises NotFound: no such view of this account.
    :raises Refused: it is somebody else's.
    """
    view = (
        SavedView(account=account, owner=owner)
        if view_id is None
        else _own(account, owner, view_id)
    )
    if view_id is None and _views(account).filter(owner=owner).count() >= MAX_VIEWS:
        raise ViewInvalid(f"A person has at most {MAX_VIEWS} views.")
    view.name, view.kind = _checked_name(name), _checked_kind(kind)
    view.filters = checked_filters(kind=view.kind, filters=filters or {})
    view.sort = _checked_sort(view.kind, sort)
    view.columns = _checked_columns(view.kind, columns)
    view.is_shared, view.updated_at = is_shared, now
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError as exc:
        if "savedview_name" not in str(exc):
            raise
        raise ViewNameTaken(f"There is a view {name!r} already.", name=name) from exc
    return view


@tenant_atomic()
def change_view(
    *, account: Account, owner: User, view_id: int, changes: Mapping[str, Any], now: datetime
) -> SavedView:
    """Change a view of the owner's; what is not named stays.

    :param changes: of the arguments of :func:`save_view`, without the kind.
    :raises ViewInvalid: what is wrong, by field; nothing was written.
    :raises ViewNameTaken: the owner has another view of this name.
    :raises NotFound: no such view of this account.
    :raises Refused: it is somebody else's.
    """
    view = _own(account, owner, view_id)
    kept = ("name", "kind", "filters", "sort", "columns", "is_shared")
    values = {name: getattr(view, name) for name in kept} | dict(changes)
    return save_view(account=account, owner=owner, view_id=view_id, now=now, **values)


@tenant_atomic()
def delete_view(*, account: Account, owner: User, view_id: int) -> None:
    """Remove a view of the owner's.

    :raises NotFound: no such view of this account.
    :raises Refused: it is somebody else's.
    """
    _own(account, owner, view_id).delete()


@tenant_atomic()
def saved_views(*, account: Account, user: User, kind: str = "") -> list[SavedView]:
    """The person's own views and those that are shared, by name."""
    rows = selectors.saved_views(account=account, user_id=user.pk, kind=kind)
    return list(rows.order_by("name_norm", "pk"))


@tenant_atomic()
def saved_view(*, account: Account, user: User, view_id: int) -> SavedView:
    """One view that the person may see.

    :raises NotFound: unknown, another account's, or somebody else's own.
    """
    found: SavedView | None = _views(account).filter(pk=view_id).first()
    if found is None or not (found.is_shared or found.owner_id == user.pk):
        raise NotFound("no such view", view_id=view_id)
    return found


def view_filters(view: SavedView) -> KeywordFilters:
    """The filters of a view of keywords, with its order; unknown ones are left out."""
    known = {field.name for field in fields(KeywordFilters)}
    values = {name: value for name, value in view.filters.items() if name in known}
    if view.sort:
        values["sort"] = view.sort
    return KeywordFilters(**values)


def filters_as_json(filters: KeywordFilters) -> dict[str, Any]:
    """Those that narrow something down, for a view."""
    empty = asdict(KeywordFilters())
    return {
        name: value
        for name, value in asdict(filters).items()
        if name != "sort" and value != empty[name]
    }


def checked_filters(*, kind: str, filters: Mapping[str, Any]) -> dict[str, Any]:
    """The filters, if a list of this kind can have them.

    :raises ViewInvalid: names the filter.
    """
    if len(filters) > _MAX_FILTERS:
        raise ViewInvalid("Too many filters.", filters=sorted(map(str, filters))[:_MAX_FILTERS])
    kinds = {field.name: str(field.type) for field in fields(KeywordFilters)}
    is_open = kind != ViewKind.KEYWORDS
    for name, value in filters.items():
        if not is_open and (name not in kinds or name == "sort"):
            raise ViewInvalid("There is no such filter.", filter=str(name))
        if not _is_scalar(value) or not (is_open or _fits(value, kinds[name])):
            raise ViewInvalid("This filter cannot have that value.", filter=str(name))
    return dict(filters)


def _is_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_TEXT
    if isinstance(value, list | tuple):
        return len(value) <= _MAX_FILTERS and all(
            isinstance(item, str | int) and len(str(item)) <= _MAX_TEXT for item in value
        )
    return value is None or isinstance(value, bool | int | float)


def _fits(value: Any, kind: str) -> bool:
    """Whether a value is of the kind that the filter's annotation names."""
    wanted = set(re.findall(r"\w+", kind))
    if value is None:
        return "None" in wanted
    if isinstance(value, bool):
        return "bool" in wanted
    if isinstance(value, int):
        return bool(wanted & {"int", "float"})
    if isinstance(value, list | tuple):
        return bool(wanted & {"list", "tuple", "frozenset", "Collection", "Sequence"})
    return type(value).__name__ in wanted


def _checked_name(name: str) -> str:
    shown = " ".join(name.split())
    if not shown or len(shown) > MAX_NAME:
        raise ViewInvalid(f"A view has a name of at most {MAX_NAME} characters.", name=name[:200])
    return shown


def _checked_kind(kind: str) -> str:
    if kind not in ViewKind.values:
        raise ViewInvalid("There is no such list.", kind=kind)
    return kind


def _checked_sort(kind: str, sort: str) -> str:
    is_known = sort in KEYWORD_SORTS if kind == ViewKind.KEYWORDS else len(sort) <= 32  # noqa: PLR2004
    if sort and not is_known:
        raise ViewInvalid("There is no such order.", sort=sort[:64])
    return sort


def _checked_columns(kind: str, columns: Sequence[str]) -> list[str]:
    unknown = set(columns) - _COLUMNS[ViewKind(kind)]
    if unknown:
        raise ViewInvalid("There is no such column.", columns=sorted(unknown)[:_MAX_FILTERS])
    return list(dict.fromkeys(columns))


def _views(account: Account) -> QuerySet[SavedView]:
    return SavedView.objects.for_account(account)


def _own(account: Account, owner: User, view_id: int) -> SavedView:
    found = saved_view(account=account, user=owner, view_id=view_id)
    if found.owner_id != owner.pk:
        raise Refused("Only its owner changes a view.", view_id=view_id)
    return found
