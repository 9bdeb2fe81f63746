"""What the tenant block and the manager promise, and what the runtime login cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from django.core.exceptions import ValidationError
from django.db import InternalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from igny8_core.auth.models import Account, Sector, Site
from igny8_core.common.tenancy.context import (
    TenantError,
    current_account_id,
    tenant,
    tenant_atomic,
)
from tests import make
from tests.plugins.engines import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site() -> Site:
    return make.site(make.account(), slug="mine")


@pytest.fixture
def runtime() -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """A connection as the runtime role itself, as web and workers have it."""
    name = connection.settings_dict["NAME"]
    with psycopg.connect(
        host=str(FOLDER / "pg"), user="igny8_app", dbname=name, autocommit=True
    ) as login:
        yield login


def test_objects_refuses_without_an_account() -> None:
    with pytest.raises(TenantError):
        Site.objects.all()


def test_block_shows_one_account_and_ends_with_the_transaction(site: Site) -> None:
    make.site(make.account(), slug="theirs")

    with tenant(site.account_id):
        seen = list(Site.unscoped.values_list("slug", flat=True))

    assert seen == ["mine"]
    assert (_value("SELECT current_setting('igny8.account_id', true)"), current_account_id()) == (
        "",
        None,
    )


def test_switching_account_inside_a_block_is_refused(site: Site) -> None:
    with tenant(site.account_id), pytest.raises(TenantError), tenant(999):
        pass


def test_block_inside_a_transaction_is_refused() -> None:
    with transaction.atomic(), pytest.raises(RuntimeError), tenant(1):
        pass


def test_read_only_block_refuses_writes(site: Site) -> None:
    with pytest.raises(InternalError), tenant(site.account_id, read_only=True):
        Site.unscoped.update(name="x")


def test_a_failed_block_leaves_no_row(site: Site) -> None:
    def fail() -> None:
        with tenant(site.account_id):
            make.site(site.account, slug="half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert not Site.unscoped.filter(slug="half").exists()


def test_a_service_opens_its_block_or_a_savepoint_of_the_open_one(site: Site) -> None:
    @tenant_atomic()
    def rename_and_fail(*, account: Account) -> None:
        Site.objects.for_account(account).update(name="x")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        rename_and_fail(account=site.account)
    with tenant(site.account_id):
        with pytest.raises(ZeroDivisionError):
            rename_and_fail(account=site.account)
        inside = Site.objects.get().name

    assert inside == "mine"


def test_across_accounts_needs_a_reason_and_no_block(site: Site) -> None:
    with tenant(site.account_id), pytest.raises(TenantError):
        Site.objects.across_accounts(reason="sweep")
    with pytest.raises(TenantError):
        Site.objects.across_accounts(reason="")

    assert Site.objects.across_accounts(reason="sweep").count() == 1


def test_the_runtime_login_is_refused_without_an_account(
    site: Site, runtime: psycopg.Connection[tuple[object, ...]]
) -> None:
    with pytest.raises(psycopg.errors.UndefinedObject):
        runtime.execute("SELECT count(*) FROM igny8_auth_site")

    runtime.execute("SELECT set_config('igny8.account_id', %s, false)", [str(site.account_id)])
    row = runtime.execute("SELECT count(*) FROM igny8_auth_site").fetchone()

    assert row == (1,)


def test_the_runtime_login_cannot_read_write_or_unlock_another_account(
    site: Site, runtime: psycopg.Connection[tuple[object, ...]]
) -> None:
    other = make.account()
    runtime.execute("SELECT set_config('igny8.account_id', %s, false)", [str(other.pk)])

    seen = runtime.execute("SELECT count(*) FROM igny8_auth_site").fetchone()
    updated = runtime.execute("UPDATE igny8_auth_site SET name = 'x'").rowcount
    refused = [
        "TRUNCATE igny8_auth_site",
        "ALTER TABLE igny8_auth_site DISABLE ROW LEVEL SECURITY",
        "SET ROLE igny8_owner",
        "CREATE TABLE public.mine (id int)",
        f"INSERT INTO igny8_auth_membership (account_id, user_id, role, created_at, updated_at)"
        f" VALUES ({site.account_id}, 1, 'owner', now(), now())",
    ]
    for statement in refused:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            runtime.execute(statement)
    facts = runtime.execute(
        "SELECT rolsuper, rolbypassrls, (SELECT count(*) FROM pg_class WHERE relowner = r.oid)"
        " FROM pg_roles r WHERE rolname = current_user"
    ).fetchone()

    assert (seen, updated, facts) == ((0,), 0, (False, False, 0))


def test_misaligned_row_is_explained_without_a_query(site: Site) -> None:
    other = make.site(make.account())
    sector = Sector(
        account=site.account, site=other, industry_sector=make.industry_sector(), name="s", slug="s"
    )
    sector.fill_context()

    with CaptureQueriesContext(connection) as queries, pytest.raises(ValidationError) as refused:
        sector.check_alignment()

    assert list(refused.value.message_dict) == ["site"]
    assert len(queries) == 0


def _value(sql: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]
