"""The ledger's objects in PostgreSQL's catalogue are those of a file in the repository.

A constraint, trigger, privilege or function that changes shows up as a changed line of
``ledger_catalogue.txt``. Written anew with ``IGNY8_WRITE_CATALOGUE=1``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.db import connection

from tests.business.billing.test_privileges import TABLES

pytestmark = pytest.mark.django_db

FILE = Path(__file__).with_name("ledger_catalogue.txt")

PARTS = {
    "table": """
        SELECT c.relname || ' owner=' || relowner::regrole || ' rls=' || relrowsecurity || '/'
               || relforcerowsecurity || ' ' || coalesce(array_to_string(reloptions, ','), '')
               || ' acl=' || coalesce((SELECT string_agg(a::text, ',' ORDER BY a::text)
                                         FROM unnest(relacl) a), '')
          FROM pg_class c WHERE c.oid = ANY(%(tables)s::regclass[])
    """,
    "column": """
        SELECT attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod)
               || CASE WHEN attnotnull THEN ' not null' ELSE '' END
               || coalesce(' ' || attgenerated::text || ' ' || pg_get_expr(adbin, adrelid), '')
          FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
         WHERE attrelid = ANY(%(tables)s::regclass[]) AND attnum > 0 AND NOT attisdropped
    """,
    "constraint": """
        SELECT conrelid::regclass || ' ' || conname || ' '
               || pg_get_constraintdef(oid) || CASE WHEN convalidated THEN '' ELSE ' not valid' END
          FROM pg_constraint
         WHERE conrelid = ANY(%(tables)s::regclass[]) AND contype <> 'n'
            OR conname IN ('creditcost_follows', 'subscriptionperiod_lot')
    """,
    "index": """
        SELECT indexrelid::regclass || ' ' || pg_get_indexdef(indexrelid) FROM pg_index
         WHERE indrelid = ANY(%(tables)s::regclass[])
    """,
    "trigger": """
        SELECT tgrelid::regclass || ' ' || tgenabled::text || ' ' || pg_get_triggerdef(oid)
          FROM pg_trigger
         WHERE NOT tgisinternal AND (tgrelid = ANY(%(tables)s::regclass[])
            OR tgfoid IN (SELECT oid FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace))
    """,
    "policy": """
        SELECT polrelid::regclass || ' ' || polname || ' ' || polcmd::text || ' to '
               || array_to_string(polroles::regrole[], ',') || ' using '
               || coalesce(pg_get_expr(polqual, polrelid), '-') || ' check '
               || coalesce(pg_get_expr(polwithcheck, polrelid), '-')
          FROM pg_policy WHERE polrelid = ANY(%(tables)s::regclass[])
    """,
    "function": """
        SELECT oid::regprocedure || ' owner=' || proowner::regrole
               || CASE WHEN prosecdef THEN ' definer ' ELSE ' invoker ' END
               || coalesce(array_to_string(proconfig, ','), '')
               || ' acl=' || coalesce((SELECT string_agg(a::text, ',' ORDER BY a::text)
                                         FROM unnest(proacl) a), '')
               || ' source=' || left(encode(sha256(convert_to(prosrc, 'UTF8')), 'hex'), 16)
          FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace
    """,
    "view": """
        SELECT c.oid::regclass || ' owner=' || relowner::regrole || ' '
               || array_to_string(reloptions, ',')
               || ' acl=' || coalesce((SELECT string_agg(a::text, ',' ORDER BY a::text)
                                         FROM unnest(relacl) a), '')
               || ' source=' || left(encode(sha256(convert_to(pg_get_viewdef(c.oid), 'UTF8')),
                                            'hex'), 16)
          FROM pg_class c WHERE relkind = 'v' AND relnamespace = 'ledger'::regnamespace
    """,
    "schema": """
        SELECT nspname || ' owner=' || nspowner::regrole || ' acl='
               || (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(nspacl) a)
          FROM pg_namespace WHERE nspname = 'ledger'
    """,
}


def catalogue() -> str:
    """One line for each object, sorted: no object identifiers, no dates."""
    lines: list[str] = []
    with connection.cursor() as cursor:
        for part, sql in PARTS.items():
            cursor.execute(sql, {"tables": list(TABLES)})
            lines += sorted(f"{part} {' '.join(text.split())}" for (text,) in cursor.fetchall())
    return "\n".join(lines) + "\n"


def test_the_ledger_in_the_database_is_that_of_the_file() -> None:
    found = catalogue()
    if "IGNY8_WRITE_CATALOGUE" in os.environ:
        FILE.write_text(found)

    assert found == FILE.read_text()


def test_the_file_sees_a_constraint_that_is_gone_and_a_function_that_is_another() -> None:
    before = catalogue()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_credittransaction DROP CONSTRAINT credittx_chain")
        cursor.execute(
            "CREATE OR REPLACE FUNCTION ledger.refusal(w billing_creditwallet, p_amount bigint)"
            " RETURNS text LANGUAGE sql AS 'SELECT NULL::text'"
        )

    changed = set(before.splitlines()) - set(catalogue().splitlines())

    assert sorted(line.split(" ")[0] for line in changed) == ["constraint", "function"]
