"""Bring the database's schema up to date; tell without Django when there is nothing to do.

After a migration the table of applied migrations carries a fingerprint, as its comment, of the
files that make the schema and of its own rows. As long as both agree, `igny8 up` need not load
Django to find out that nothing changed. ``python -m igny8_core.engines.schema`` migrates.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from igny8_core.settings.env import read_env

PACKAGE_DIR = Path(__file__).resolve().parent.parent
SCHEMA_FILES = (
    "**/migrations/*.py",
    "common/tenancy/*",
    "settings/*.py",
    "auth/reference.py",
    "data/reference/**/*",
)
"""What decides the schema: migrations, privileges, the list of apps, and the reference data."""


def is_migrated(owner_address: str) -> bool:
    """Whether the last migration ran with these files and nobody has undone any of it."""
    try:
        with psycopg.connect(owner_address, connect_timeout=5) as database:
            found = database.execute(
                "SELECT obj_description(to_regclass('django_migrations'))"
            ).fetchone()
            return found is not None and found[0] == _fingerprint(database)
    except psycopg.Error:
        return False


def remember_migrated(database: psycopg.Connection[Any]) -> None:
    """Leave the fingerprint, as the owner of the table."""
    database.execute(
        sql.SQL("COMMENT ON TABLE django_migrations IS {}").format(_fingerprint(database))
    )


def _fingerprint(database: psycopg.Connection[Any]) -> str:
    import django

    digest = hashlib.sha256(django.get_version().encode())
    for pattern in SCHEMA_FILES:
        for file in sorted(PACKAGE_DIR.glob(pattern)):
            if file.is_file():
                digest.update(str(file.relative_to(PACKAGE_DIR)).encode())
                digest.update(file.read_bytes())
    rows = database.execute("SELECT app, name FROM django_migrations ORDER BY app, name").fetchall()
    for app, name in rows:
        digest.update(f"{app}.{name}\n".encode())
    return f"igny8 schema {digest.hexdigest()}"


def main() -> None:
    """Migrate as the owner, load the reference data as staff, then leave the fingerprint."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "igny8_core.settings.local")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, skip_checks=False)
    env = read_env()
    if env.admin_database_url or env.engines.get("admin_database_url"):
        call_command("load_reference_data")  # nobody can sign up without plans and industries
    if address := env.owner_database_url or env.engines.get("owner_database_url"):
        with psycopg.connect(address) as database:
            remember_migrated(database)


if __name__ == "__main__":
    main()
