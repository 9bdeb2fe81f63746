"""What PostgreSQL's catalogue says about isolation, whatever the models say.

``igny8 audit tenancy`` and CI call :func:`problems`. It asks ``pg_class``, ``pg_policy`` and
``pg_constraint``, compares the policies with the declared predicate as the server itself writes
it, and looks for rows that a composite foreign key should have refused.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import connections, transaction

from igny8_core.common.tenancy.catalog import (
    DEFERRED_KEYS,
    DEFINER_FUNCTIONS,
    GLOBAL_TABLES,
    KEYS_WITHOUT_ACCOUNT,
    UNIQUE_WITHOUT_ACCOUNT,
)
from igny8_core.common.tenancy.constraints import (
    APP_ROLE,
    PREDICATE,
    CompositeForeignKey,
    TenantPolicy,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db import models

ACCOUNT_TABLE = "igny8_auth_account"

TABLES = """
    SELECT c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity,
           CASE WHEN c.relname = %(account)s THEN 'id' ELSE
                (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attname = 'account_id'
                    AND NOT attisdropped) END AS owner
      FROM pg_class c
     WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
"""

RULES = {
    "neither tenant nor global": """
        SELECT relname FROM t WHERE owner IS NULL AND relname <> ALL(%(global)s)""",
    "listed as global, but has an account": """
        SELECT relname FROM t WHERE owner IS NOT NULL AND relname = ANY(%(global)s)""",
    "row security off or not forced": """
        SELECT relname FROM t
         WHERE owner IS NOT NULL AND NOT (relrowsecurity AND relforcerowsecurity)""",
    "not exactly one policy for the app role": """
        SELECT relname FROM t WHERE owner IS NOT NULL AND 1 <> (SELECT count(*) FROM pg_policy
         WHERE polrelid = t.oid AND (0 = ANY(polroles) OR %(app)s::regrole = ANY(polroles)))""",
    "policy is not the declared one": """
        SELECT relname || '.' || polname FROM t JOIN pg_policy p ON polrelid = t.oid
          LEFT JOIN probe ON probe.owner = t.owner
         WHERE %(app)s::regrole = ANY(polroles) AND (polcmd <> '*' OR NOT polpermissive
            OR pg_get_expr(polqual, polrelid) IS DISTINCT FROM probe.text
            OR pg_get_expr(polwithcheck, polrelid) IS DISTINCT FROM probe.text)""",
    "nullable account": """
        SELECT relname FROM t JOIN pg_attribute a ON attrelid = t.oid AND attname = owner
         WHERE NOT attnotnull""",
    "unique key not led by the account": """
        SELECT i.relname FROM t JOIN pg_index ON indrelid = t.oid
          JOIN pg_class i ON i.oid = indexrelid
          JOIN pg_attribute a ON attrelid = t.oid AND attnum = indkey[0]
         WHERE owner = 'account_id' AND indisunique AND NOT indisprimary AND attname <> owner
           AND i.relname <> ALL(%(unique)s)""",
    "no index led by the account": """
        SELECT relname FROM t WHERE owner = 'account_id' AND NOT EXISTS (SELECT FROM pg_index
          JOIN pg_attribute a ON attrelid = t.oid AND attnum = indkey[0] AND attname = owner
         WHERE indrelid = t.oid AND indpred IS NULL)""",
    "foreign key between tenants without the account": """
        SELECT conname FROM pg_constraint JOIN t ON t.oid = conrelid JOIN t p ON p.oid = confrelid
         WHERE contype = 'f' AND t.owner IS NOT NULL AND p.owner IS NOT NULL
           AND conname <> ALL(%(crossing)s) AND NOT EXISTS (
            SELECT FROM unnest(conkey, confkey) AS pair(l, r)
              JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = l
              JOIN pg_attribute b ON b.attrelid = p.oid AND b.attnum = r
             WHERE a.attname = t.owner AND b.attname = p.owner)""",
    "constraint between tenants deferrable or not validated": """
        SELECT conname FROM pg_constraint JOIN t ON t.oid = conrelid
          LEFT JOIN t p ON p.oid = confrelid
         WHERE t.owner IS NOT NULL AND contype = 'f' AND (NOT convalidated
            OR (condeferrable AND p.owner IS NOT NULL AND conname <> ALL(%(deferred)s)))""",
    "view without security_invoker": """
        SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace
           AND coalesce(reloptions::text, '') !~ 'security_invoker=(true|on|1)'""",
    "materialized view readable": """
        SELECT relname FROM pg_class WHERE relkind = 'm' AND relnamespace = 'public'::regnamespace
           AND has_table_privilege(%(app)s, oid, 'SELECT')""",
    "security definer function": """
        SELECT oid::regprocedure::text FROM pg_proc
         WHERE pronamespace IN (SELECT oid FROM pg_namespace
                WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
           AND prosecdef AND prorettype <> 'trigger'::regtype
           AND has_function_privilege(%(app)s, oid, 'EXECUTE')
           AND (oid::regprocedure::text <> ALL(%(definers)s)
                OR coalesce(proconfig::text, '') !~ 'search_path')""",
    "app role is too strong": """
        SELECT 'attributes' FROM pg_roles WHERE rolname = %(app)s
           AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)
        UNION SELECT 'member of ' || roleid::regrole FROM pg_auth_members
         WHERE member = %(app)s::regrole
        UNION SELECT 'owns ' || relname FROM pg_class WHERE relowner = %(app)s::regrole
           AND relnamespace::regnamespace::text !~ '^pg_temp'""",
    "grant that no policy filters": """
        SELECT relname FROM t WHERE relname <> ALL(%(global)s) AND NOT relrowsecurity
           AND has_table_privilege(%(app)s, oid, 'SELECT, INSERT, UPDATE, DELETE')
        UNION SELECT relname || ': TRUNCATE, REFERENCES or TRIGGER' FROM t
         WHERE has_table_privilege(%(app)s, oid, 'TRUNCATE, REFERENCES, TRIGGER')""",
}


class _Undo(Exception):
    """Leaves a transaction that must not stay."""


@contextmanager
def _rolled_back(using: str) -> Iterator[None]:
    try:
        with transaction.atomic(using=using):
            yield
            raise _Undo
    except _Undo:
        pass


def problems(using: str = "owner") -> list[str]:
    """Everything that is wrong with isolation, a line each.

    :param using: an alias whose login sees every row: the owner's (or a superuser in tests).
    """
    with _rolled_back(using):
        _deparse_declared_policy(using)
        found = _rule_problems(using)
        return found + _undeclared(using) + _wrong_global_privileges(using) + _orphans(using)


def _rows(using: str, sql: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    with connections[using].cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _rule_problems(using: str) -> list[str]:
    parameters = {
        "app": APP_ROLE,
        "account": ACCOUNT_TABLE,
        "global": list(GLOBAL_TABLES),
        "definers": list(DEFINER_FUNCTIONS),
        "deferred": list(DEFERRED_KEYS),
        "unique": list(UNIQUE_WITHOUT_ACCOUNT),
        "crossing": list(KEYS_WITHOUT_ACCOUNT),
    }
    found = []
    for label, sql in RULES.items():
        rows = _rows(using, f"WITH t AS ({TABLES}) {sql}", parameters)
        found += [f"{label}: {row[0]}" for row in rows]
    return found


def _deparse_declared_policy(using: str) -> None:
    """Let the server write the declared predicate its own way, whatever its version."""
    with connections[using].cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE sample_row (account_id bigint, id bigint) ON COMMIT DROP")
        for column in ("account_id", "id"):
            predicate = PREDICATE % f'"{column}"'
            cursor.execute(f"CREATE POLICY {column} ON sample_row USING ({predicate})")
        cursor.execute(
            "CREATE TEMP TABLE probe ON COMMIT DROP AS SELECT polname::text AS owner,"
            " pg_get_expr(polqual, polrelid) AS text FROM pg_policy"
            " WHERE polrelid = 'sample_row'::regclass"
        )


def declared(kind: type[Any]) -> list[tuple[type[models.Model], Any]]:
    """Every (model, constraint) of a kind that the models declare."""
    return [(m, c) for m in apps.get_models() for c in m._meta.constraints if isinstance(c, kind)]


def _undeclared(using: str) -> list[str]:
    there = {
        row[0] for row in _rows(using, "SELECT conname FROM pg_constraint WHERE contype = 'f'")
    }
    there |= {row[0] for row in _rows(using, "SELECT polname FROM pg_policy")}
    wanted = declared(CompositeForeignKey) + declared(TenantPolicy)
    return [f"declared, not there: {c.name}" for _, c in wanted if c.name not in there]


def _wrong_global_privileges(using: str) -> list[str]:
    """The runtime role may do with a table of no account just what the list says."""
    found = []
    for table, entry in GLOBAL_TABLES.items():
        wanted = {word.strip() for word in entry.app.split(",") if word.strip()}
        rows = _rows(
            using,
            "SELECT privilege_type FROM pg_class, aclexplode(relacl)"
            " WHERE relnamespace = 'public'::regnamespace AND relname = %s"
            " AND grantee = %s::regrole",
            [table, APP_ROLE],
        )
        if {row[0] for row in rows} != wanted:
            found.append(f"privileges of the app role differ from the list: {table}")
    return found


def _orphans(using: str) -> list[str]:
    """Rows that a composite key should have refused: a key may be marked valid over them."""
    quote = connections[using].ops.quote_name
    found = []
    for model, key in declared(CompositeForeignKey):
        target: Any = model._meta.get_field(key.rel).related_model
        fields: Any = model._meta
        mine = [str(fields.get_field(f).column) for f in key.fields]
        theirs = [target._meta.get_field(f).column for f in key.to_fields]
        pairs = " AND ".join(
            f"p.{quote(b)} = c.{quote(a)}" for a, b in zip(mine, theirs, strict=True)
        )
        filled = " AND ".join(f"c.{quote(a)} IS NOT NULL" for a in mine)
        sql = (
            f"SELECT count(*) FROM {quote(model._meta.db_table)} c WHERE {filled}"  # noqa: S608
            f" AND NOT EXISTS (SELECT FROM {quote(target._meta.db_table)} p WHERE {pairs})"
        )
        if (count := _rows(using, sql)[0][0]) > 0:
            found.append(f"rows that violate {key.name}: {count}")
    return found
