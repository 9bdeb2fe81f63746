"""Fixtures of every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connections
from django.test import TransactionTestCase

from igny8_core.business.integration.services import adapters
from tests.plugins.emptying import empty_tables
from tests.plugins.engines import dumped_schema, make_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django import DjangoDbBlocker


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-examples",
        type=int,
        help="Test cases for each operation of the API; without it a few, the same every time.",
    )
    parser.addoption("--pictures", help="A folder for pictures of every screen.")
    parser.addoption(
        "--wordpress-articles",
        type=int,
        help="Articles of each fault run on a real WordPress; without it a few.",
    )


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: DjangoDbBlocker, worker_id: str) -> Iterator[None]:
    """Replaces pytest-django's: migrations run as the owner, never as the runtime role."""
    name = f"igny8_test_{worker_id}"
    with django_db_blocker.unblock():
        make_database(name)
    for alias in connections:
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name
        connections.databases[alias]["NAME"] = name
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            TransactionTestCase, "_fixture_teardown", lambda _case: empty_tables("default")
        )
        yield


@pytest.fixture(scope="session")
def schema(django_db_setup: None) -> Path:
    """The migrated schema as SQL, for a server of a test's own."""
    return dumped_schema()


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections to WordPress lead to sites in memory."""
    monkeypatch.setitem(adapters.ADAPTERS, "wordpress", "tests.fakes.memory_site.MemorySite")
