"""Rows that no path may bring in: one relation or scope column of a valid row points elsewhere."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from igny8_core.auth.models import Account
from igny8_core.common.tenancy.constraints import APP_ROLE, OWNER_ROLE, CompositeForeignKey
from igny8_core.common.tenancy.lint import declared
from tests.common.isolation import attempt, changed, make_row, privileges, rolled_back

if TYPE_CHECKING:
    from collections.abc import Iterator

MINE, THEIRS = 900_001, 900_002
FOREIGN_KEY, NOT_YOURS = "23503", "42501"


@dataclass(frozen=True)
class Misaligned:
    """A copy of a valid row with one value changed.

    :ivar values: by attribute, without the key.
    """

    name: str
    values: dict[str, Any]


def models_with_keys() -> list[Any]:
    """Every model with a composite key to another row, in the order of the apps."""
    return list(dict.fromkeys(model for model, _ in declared(CompositeForeignKey)))


def is_written_by_functions(model: Any) -> bool:
    """Whether nobody may insert, so that even a valid row is refused."""
    return "INSERT" not in privileges(model)


@contextmanager
def valid_row(model: Any) -> Iterator[tuple[dict[str, Any], list[Misaligned]]]:
    """The values of a row whose parents exist and which itself does not, and its wrong copies."""
    with rolled_back():
        own: dict[Any, Any] = {}
        foreign: dict[Any, Any] = {}
        for field in _relations(model):
            make_row(field.related_model, MINE, own)
        with transaction.atomic():
            row = make_row(model, MINE, own)
            values = _values(model, row)
            transaction.set_rollback(not is_written_by_functions(model))
        make_row(model, THEIRS, foreign)
        elsewhere: dict[Any, Any] = {Account: own[Account]}
        for field in _relations(model):
            if _is_insertable(field.related_model):
                make_row(field.related_model, MINE, elsewhere)
        yield values, list(_misaligned(model, values, [foreign, elsewhere]))


def _misaligned(model: Any, values: dict[str, Any], worlds: list[Any]) -> Iterator[Misaligned]:
    for key in model._meta.constraints:
        if not isinstance(key, CompositeForeignKey):
            continue
        if len(key.fields) == 1:  # with another parent it is simply another valid row
            attribute = model._meta.get_field(key.rel).attname
            yield Misaligned(f"{key.name}: {key.rel} of nobody", values | {attribute: 0})
            continue
        for number, world in enumerate(worlds):
            for name in key.fields:
                field = model._meta.get_field(name)
                parent = world.get(field.related_model)
                if parent is None or not _breaks(model, key, name, parent, values):
                    continue
                label = f"{key.name}: {name} of {('another account', 'elsewhere')[number]}"
                yield Misaligned(label, values | {field.attname: parent.pk})


def _breaks(model: Any, key: Any, name: str, parent: Any, values: dict[str, Any]) -> bool:
    """Whether the key cannot hold with ``parent`` in place of the related row."""
    columns = {field: model._meta.get_field(field).attname for field in key.fields}
    if parent.pk == values[columns[name]]:
        return False
    if name != key.rel:
        return values[columns[key.rel]] is not None
    pairs = zip(key.fields, key.to_fields, strict=True)
    return any(
        getattr(parent, parent._meta.get_field(theirs).attname) != values[columns[mine]]
        for mine, theirs in pairs
        if mine != name
    )


def _relations(model: Any) -> list[Any]:
    return [f for f in model._meta.concrete_fields if f.is_relation and f.related_model != model]


def _is_insertable(model: Any) -> bool:
    return model is Account or "INSERT" in privileges(model)


def _values(model: Any, row: Any) -> dict[str, Any]:
    fields = [f for f in model._meta.concrete_fields if not f.generated]
    return {
        f.attname: getattr(row, f.attname) for f in fields if not f.primary_key or f.is_relation
    }


def _stored(model: Any, values: dict[str, Any]) -> dict[str, Any]:
    """The values as the database takes them, by column."""
    fields = {f.attname: f for f in model._meta.concrete_fields}
    return {
        fields[name].column: fields[name].get_db_prep_save(value, connection)
        for name, value in values.items()
    }


def insert(model: Any, values: dict[str, Any]) -> Any:
    """How many rows an INSERT makes (without RETURNING), or the SQLSTATE of its refusal."""
    stored = _stored(model, values)
    names, marks = ", ".join(f'"{name}"' for name in stored), ", ".join(["%s"] * len(stored))
    sql = f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({marks})"
    return attempt(functools.partial(changed, sql, list(stored.values())))


def copy_in(model: Any, values: dict[str, Any]) -> Any:
    """The same through COPY."""
    stored = _stored(model, values)
    names = ", ".join(f'"{name}"' for name in stored)

    def run() -> int:
        with connection.cursor() as cursor, connection.wrap_database_errors:
            with cursor.copy(f"COPY {model._meta.db_table} ({names}) FROM STDIN") as copy:
                copy.write_row(list(stored.values()))
            return int(cursor.rowcount)

    return attempt(run)


def bulk_create(model: Any, values: dict[str, Any]) -> Any:
    """The same through the ORM's path that calls no ``save()``."""
    return attempt(lambda: len(model._base_manager.bulk_create([model(**values)])))


@contextmanager
def logged_in_as(role: str) -> Iterator[None]:
    """The runtime role in the account's block, the owner in a migration, or the superuser."""
    settings = {
        "runtime": {"igny8.account_id": str(MINE), "role": APP_ROLE},
        "owner": {"igny8.maintenance": "on", "role": OWNER_ROLE},
        "superuser": {},
    }[role]
    with rolled_back(), connection.cursor() as cursor:
        for name, value in settings.items():
            cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
        yield
