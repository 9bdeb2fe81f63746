"""The lint and the matrix find nothing, and each broken mechanism makes one of them fail."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from igny8_core.common.tenancy import lint
from igny8_core.common.tenancy.roles import RoleTooStrong, assert_runtime_role
from tests.common.isolation import matrix, rolled_back, tenant_models

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])

POLICY = "ALTER POLICY planning_keywords_tenant ON planning_keywords"
SILENT = "account_id = (SELECT nullif(current_setting('igny8.account_id', true), '')::bigint)"
BYPASS = (
    "account_id = (SELECT current_setting('igny8.account_id')::bigint)"
    " OR current_setting('igny8.maintenance', true) = 'on'"
)
MUTATIONS = {
    "row security off": "ALTER TABLE planning_keywords DISABLE ROW LEVEL SECURITY",
    "policy true": f"{POLICY} USING (true) WITH CHECK (true)",
    "with check true": f"{POLICY} WITH CHECK (true)",
    "bypass variable": f"{POLICY} USING ({BYPASS})",
    "silent form": f"{POLICY} USING ({SILENT})",
    "second policy": "CREATE POLICY oops ON planning_keywords TO igny8_app USING (true)",
    "key dropped": "ALTER TABLE planning_keywords DROP CONSTRAINT planning_keywords_sector",
    "key without account": """
        ALTER TABLE planning_keywords DROP CONSTRAINT planning_keywords_sector;
        ALTER TABLE planning_keywords ADD CONSTRAINT planning_keywords_sector
            FOREIGN KEY (sector_id) REFERENCES igny8_auth_sector (id)""",
    "bypass granted": "ALTER ROLE igny8_app BYPASSRLS",
    "owner's view": """
        CREATE VIEW leak AS SELECT * FROM planning_keywords; GRANT SELECT ON leak TO igny8_app""",
    "table without policy": """
        CREATE TABLE bare (account_id bigint NOT NULL); GRANT SELECT ON bare TO igny8_app""",
    "global unique key": "CREATE UNIQUE INDEX oops ON planning_keywords (keyword)",
    "nullable account": "ALTER TABLE planning_keywords ALTER account_id DROP NOT NULL",
    "truncate granted": "GRANT TRUNCATE ON planning_keywords TO igny8_app",
    "definer function": """
        CREATE FUNCTION leak() RETURNS bigint LANGUAGE sql SECURITY DEFINER
            AS 'SELECT count(*) FROM planning_keywords'""",
    "global table writable": "GRANT DELETE ON igny8_auth_plan TO igny8_app",
}


def test_catalog_is_clean() -> None:
    assert lint.problems("default") == []


def test_matrix_is_clean() -> None:
    count, problems = matrix()

    assert problems == []
    assert count >= 8 * len(tenant_models())


@pytest.mark.parametrize("sql", MUTATIONS.values(), ids=MUTATIONS.keys())
def test_a_broken_mechanism_is_noticed(sql: str) -> None:
    with rolled_back():
        with connection.cursor() as cursor:
            cursor.execute(sql)
        problems = lint.problems("default") or matrix({"planning.Keywords"})[1]

    assert problems


def test_a_row_that_a_key_should_have_refused_is_found() -> None:
    with rolled_back(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE igny8_auth_sector DROP CONSTRAINT sector_site")
        cursor.execute(
            "INSERT INTO igny8_auth_industry (name, slug, is_active) VALUES ('i', 'i', true)"
        )
        cursor.execute(
            "INSERT INTO igny8_auth_industrysector (industry_id, name, slug, is_active)"
            " SELECT id, 's', 's', true FROM igny8_auth_industry WHERE slug = 'i'"
        )
        cursor.execute(
            "INSERT INTO igny8_auth_account (name, slug, status, country_code, timezone,"
            " retention_days, settings, created_at, updated_at)"
            " VALUES ('a', 'orphans', 'active', '', 'UTC', 30, '{}', now(), now()) RETURNING id"
        )
        account_id = cursor.fetchone()[0]
        cursor.execute(
            "INSERT INTO igny8_auth_sector (account_id, site_id, industry_id, industry_sector_id,"
            " name, slug, is_active, created_at, updated_at) SELECT %s, 0, industry_id, id, 's',"
            " 's', true, now(), now() FROM igny8_auth_industrysector WHERE slug = 's'",
            [account_id],
        )
        problems = lint.problems("default")

    assert "rows that violate sector_site: 1" in problems


def test_the_superuser_and_the_owner_may_not_serve() -> None:
    with pytest.raises(RoleTooStrong, match="is superuser"):
        assert_runtime_role("default")
    with pytest.raises(RoleTooStrong, match="owns"):
        assert_runtime_role("owner")


def test_the_runtime_role_may_serve() -> None:
    runtime = connections["default"].copy("runtime")
    runtime.settings_dict = {**runtime.settings_dict, "USER": "igny8_app"}
    connections["runtime"] = runtime
    try:
        assert_runtime_role("runtime")
    finally:
        runtime.close()
        del connections["runtime"]


def test_only_the_owner_migrates() -> None:
    with pytest.raises(CommandError, match="only the owner migrates"):
        call_command("migrate", database="default", verbosity=0)
