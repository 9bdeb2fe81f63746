"""Is the schema up to date? Told without loading Django, and never wrongly yes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.db import connections

from igny8_core.engines import schema
from tests.plugins.engines import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner_address() -> Iterator[str]:
    name = connections["owner"].settings_dict["NAME"]
    address = f"host='{FOLDER / 'pg'}' user=igny8_owner dbname={name}"
    yield address
    with psycopg.connect(address) as database:
        database.execute("COMMENT ON TABLE django_migrations IS NULL")


@contextmanager
def as_owner(address: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(address) as database:
        yield database


def test_it_is_known_once_it_was_remembered(owner_address: str) -> None:
    assert schema.is_migrated(owner_address) is False

    with as_owner(owner_address) as database:
        schema.remember_migrated(database)

    assert schema.is_migrated(owner_address) is True


def test_changed_files_ask_for_a_migration(
    owner_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with as_owner(owner_address) as database:
        schema.remember_migrated(database)

    monkeypatch.setattr(schema, "SCHEMA_FILES", (*schema.SCHEMA_FILES, "urls.py"))
    assert schema.is_migrated(owner_address) is False


def test_a_migration_undone_by_hand_asks_for_one(owner_address: str) -> None:
    with as_owner(owner_address) as database:
        schema.remember_migrated(database)
        database.execute("DELETE FROM django_migrations WHERE name = '0001_initial'")
        assert schema._fingerprint(database) != _comment(database)
        database.rollback()


def _comment(database: psycopg.Connection) -> str:
    row = database.execute("SELECT obj_description('django_migrations'::regclass)").fetchone()
    assert row is not None
    return str(row[0])


def test_no_database_is_no_schema() -> None:
    assert schema.is_migrated(f"host='{FOLDER / 'pg'}' user=postgres dbname=nowhere") is False
    assert schema.is_migrated(f"host='{FOLDER / 'pg'}' user=postgres dbname=postgres") is False
