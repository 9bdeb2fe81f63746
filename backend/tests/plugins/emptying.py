"""What a test has committed is gone after it, in milliseconds.

Django truncates every table, whatever is in it, and makes content types and permissions anew: half
a second after each of hundreds of tests. Few tables have rows after a test, and those have few.
"""

from __future__ import annotations

from functools import cache

from django.db import connections, transaction

KEPT = frozenset({"django_content_type", "auth_permission"})
"""What the migrations leave in a database, and no test changes."""


@cache
def _filled(alias: str) -> str:
    """The query for the names of tables with rows."""
    connection = connections[alias]
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(table)})"
        for table in sorted(set(tables) - KEPT)
    )


def empty_tables(alias: str) -> None:
    """Delete every committed row, as a superuser and without triggers."""
    connection = connections[alias]
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        cursor.execute(_filled(alias))
        names = [connection.ops.quote_name(name) for (name,) in cursor.fetchall()]
        deletes = "".join(f"; DELETE FROM {name}" for name in names)
        cursor.execute(f"SET LOCAL session_replication_role = replica{deletes}")
