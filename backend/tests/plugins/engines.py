"""One embedded PostgreSQL for a test run, and one migrated database for each worker."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if "IGNY8_TEST_DIR" not in os.environ:
    os.environ["IGNY8_TEST_DIR"] = tempfile.mkdtemp(prefix="igny8-test-")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.engines.postgres import EmbeddedPostgres

FOLDER = Path(os.environ["IGNY8_TEST_DIR"])
TEMPLATE = "igny8_template"
SCHEMA = "IGNY8_TEST_SCHEMA"
"""Names the file of a schema that was dumped already, for a process with a server of its own."""

_server: EmbeddedPostgres | None = None
_template_maker: subprocess.Popen[bytes] | None = None


def superuser(dbname: str) -> psycopg.Connection[tuple[object, ...]]:
    """A connection as the embedded superuser, in autocommit."""
    return psycopg.connect(host=str(FOLDER / "pg"), user="postgres", dbname=dbname, autocommit=True)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the server in the controller; the workers inherit its folder.

    While they collect the tests, a process of its own makes the template that they wait for.
    """
    global _server, _template_maker  # noqa: PLW0603 - one server a run
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    from igny8_core.engines.postgres import EmbeddedPostgres

    _server = EmbeddedPostgres(FOLDER / "pg", settings={"fsync": "off", "max_connections": "200"})
    _server.start()
    if config.getoption("numprocesses", None):
        _template_maker = subprocess.Popen(
            [sys.executable, "-m", "tests.plugins.template"],
            cwd=Path(__file__).resolve().parents[2],
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "igny8_core.settings.test"},
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what this process started, and remove the folder."""
    if _template_maker is not None:
        _template_maker.terminate()  # long over, but for a run that was given up at once
        _template_maker.wait(20)
    if _server is not None:
        _server.stop()
        shutil.rmtree(FOLDER, ignore_errors=True)


@contextmanager
def _alone() -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """The workers race for the template; an advisory lock lets one of them make it."""
    with superuser("postgres") as server:
        server.execute("SELECT pg_advisory_lock(8)")
        yield server


def make_database(name: str) -> None:
    """A migrated database of its own, copied from a template that is made once a run."""
    with _alone() as server:
        _make_template(server)
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}"')


def make_template() -> None:
    """Before it is asked for."""
    with _alone() as server:
        _make_template(server)


def _make_template(server: psycopg.Connection[tuple[object, ...]]) -> None:
    found = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE])
    if found.fetchone() is not None:
        return
    server.execute(f'CREATE DATABASE "{TEMPLATE}"')
    try:
        _fill_template()
    except BaseException:
        server.execute(f'DROP DATABASE "{TEMPLATE}" WITH (FORCE)')
        raise


def _fill_template() -> None:
    from django.core.management import call_command
    from django.db import connections

    from igny8_core.common.tenancy.roles import roles_sql

    with superuser(TEMPLATE) as database:
        database.execute(roles_sql().encode())
    if given := os.environ.get(SCHEMA):
        load_schema(Path(given), FOLDER / "pg", TEMPLATE)
        return
    owner = connections["owner"]
    before = owner.settings_dict["NAME"]
    owner.settings_dict["NAME"] = TEMPLATE
    call_command("migrate", verbosity=0)
    owner.close()
    owner.settings_dict["NAME"] = before


def dumped_schema() -> Path:
    """All that the migrations make, as SQL: a second server need not run them again.

    The template has been made; roles are not in it.
    """
    file = FOLDER / "schema.sql"
    with _alone():
        if not file.exists():
            part = file.with_suffix(".part")
            _run("pg_dump", FOLDER / "pg", TEMPLATE, "--file", str(part))
            part.rename(file)
    return file


def load_schema(schema: Path, host: Path, database: str) -> None:
    """Into an empty database of a server that has the roles.

    :param host: the folder of the server's socket.
    """
    once = ("--quiet", "--no-psqlrc", "--single-transaction", "--set", "ON_ERROR_STOP=1")
    _run("psql", host, database, *once, "--file", str(schema))


def _run(program: str, host: Path, database: str, *arguments: str) -> None:
    from igny8_core.engines.postgres import SUPERUSER, find_binaries

    place = ("--host", str(host), "--username", SUPERUSER, "--dbname", database)
    subprocess.run(
        [str(find_binaries() / program), *place, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
    )
