"""One embedded PostgreSQL for a test run, and one migrated database for each worker."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if "IGNY8_TEST_DIR" not in os.environ:
    os.environ["IGNY8_TEST_DIR"] = tempfile.mkdtemp(prefix="igny8-test-")

if TYPE_CHECKING:
    from igny8_core.engines.postgres import EmbeddedPostgres

FOLDER = Path(os.environ["IGNY8_TEST_DIR"])
TEMPLATE = "igny8_template"
_server: EmbeddedPostgres | None = None


def superuser(dbname: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection as the embedded superuser, in autocommit."""
    return psycopg.connect(host=str(FOLDER / "pg"), user="postgres", dbname=dbname, autocommit=True)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the server in the controller; the workers inherit its folder."""
    global _server  # noqa: PLW0603 - one server a run
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    from igny8_core.engines.postgres import EmbeddedPostgres

    _server = EmbeddedPostgres(FOLDER / "pg", settings={"fsync": "off", "max_connections": "200"})
    _server.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what this process started, and remove the folder."""
    if _server is not None:
        _server.stop()
        shutil.rmtree(FOLDER, ignore_errors=True)


def make_database(name: str) -> None:
    """A migrated database of its own, copied from a template that is made once a run.

    The workers race for the template; an advisory lock lets one of them make it.
    """
    from django.core.management import call_command
    from django.db import connections

    from igny8_core.common.tenancy.roles import roles_sql

    with superuser("postgres") as server:
        server.execute("SELECT pg_advisory_lock(8)")
        found = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE])
        if found.fetchone() is None:
            server.execute(f'CREATE DATABASE "{TEMPLATE}"')
            with superuser(TEMPLATE) as database:
                database.execute(roles_sql().encode())
            owner = connections["owner"]
            before = owner.settings_dict["NAME"]
            owner.settings_dict["NAME"] = TEMPLATE
            call_command("migrate", verbosity=0)
            owner.close()
            owner.settings_dict["NAME"] = before
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')
