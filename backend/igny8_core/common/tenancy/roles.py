"""The database roles: made once by a superuser, checked by every process that serves."""

from __future__ import annotations

from importlib import resources

from django.db import connections

ROLE_FAULTS = """
    SELECT 'is superuser' FROM pg_roles WHERE rolname = current_user AND rolsuper
    UNION ALL
    SELECT 'bypasses row-level security' FROM pg_roles WHERE rolname = current_user AND rolbypassrls
    UNION ALL
    SELECT 'owns ' || c.relname FROM pg_class c
     WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
       AND pg_has_role(current_user, c.relowner, 'MEMBER')
     LIMIT 5
"""


class RoleTooStrong(RuntimeError):
    """The login of web or workers could pass row-level security: refuse to serve."""


def roles_sql() -> str:
    """The statements that make the roles; run as superuser inside the database."""
    return resources.files("igny8_core.common.tenancy").joinpath("roles.sql").read_text()


def runtime_role_faults(using: str = "default") -> list[str]:
    """Why the login of ``using`` must not serve; empty when it is as weak as it should be."""
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({ROLE_FAULTS}) AS faults")  # noqa: S608 - a constant
        return [row[0] for row in cursor.fetchall()]


def assert_runtime_role(using: str = "default") -> None:
    """Refuse to go on with a login that row-level security does not hold.

    :raises RoleTooStrong: with every reason.
    """
    if faults := runtime_role_faults(using):
        raise RoleTooStrong(f"the login of alias {using!r} {'; '.join(faults)}")
