"""Fixtures of every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import connections

from igny8_core.business.integration.services import adapters
from tests.plugins.engines import make_database

if TYPE_CHECKING:
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
def django_db_setup(django_db_blocker: DjangoDbBlocker, worker_id: str) -> None:
    """Replaces pytest-django's: migrations run as the owner, never as the runtime role."""
    name = f"igny8_test_{worker_id}"
    with django_db_blocker.unblock():
        make_database(name)
    for alias in connections:
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name
        connections.databases[alias]["NAME"] = name


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections to WordPress lead to sites in memory."""
    monkeypatch.setitem(adapters.ADAPTERS, "wordpress", "tests.fakes.memory_site.MemorySite")
