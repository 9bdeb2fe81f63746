"""A database for one command: the running stack's, a configured one, or one of its own."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from igny8_core.cli.django_setup import close_connections, setup_django
from igny8_core.engines.errors import EngineFailed, FolderInUse
from igny8_core.engines.folder import DataFolder
from igny8_core.engines.postgres import EmbeddedPostgres
from igny8_core.settings.env import DATABASE_ROLES, read_env

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def database(data_dir: Path | None) -> Iterator[None]:
    """Load Django on the data folder's database.

    A stack that runs on the folder is used as it is. Otherwise PostgreSQL is started for the
    command alone, migrated, and stopped again.

    :param data_dir: None takes ``IGNY8_DATA_DIR`` or its default.
    """
    if data_dir is not None:
        os.environ["IGNY8_DATA_DIR"] = str(data_dir.expanduser().resolve())
    env = read_env()
    if env.database_url is not None:
        setup_django()
        yield
        return
    folder = DataFolder(env.data_dir)
    try:
        with folder.held(spare=frozenset({"postgres"})), _own_server(folder):
            yield
    except FolderInUse:
        setup_django()
        yield
    except EngineFailed as exc:
        click.echo(f"igny8: {exc}", err=True)
        sys.exit(1)


@contextmanager
def _own_server(folder: DataFolder) -> Iterator[None]:
    postgres = EmbeddedPostgres(folder.postgres)
    postgres.start()
    try:
        postgres.bootstrap()
        folder.make_secret_key()
        folder.write_addresses(
            {
                "database_url" if alias == "default" else f"{alias}_database_url": postgres.address(
                    role
                )
                for alias, role in DATABASE_ROLES.items()
            }
        )
        setup_django()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        try:
            yield
        finally:
            close_connections()
    finally:
        folder.remove_addresses()
        postgres.stop()
