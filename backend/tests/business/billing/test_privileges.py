"""Who may do what, asked with the true logins where the login matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import DatabaseError, connection, connections, transaction

from igny8_core.business.billing.services import ledger, lots, reservations
from igny8_core.business.billing.services.rounds import AccountKey
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import tenant
from igny8_core.settings import env
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db

TABLES = (
    "billing_creditwallet",
    "billing_credittransaction",
    "billing_creditlot",
    "billing_creditreservation",
    "billing_creditreservationlot",
    "billing_credittransactionlot",
)
PUBLIC = {
    "grant_credits",
    "reserve",
    "extend",
    "take_over",
    "capture",
    "release",
    "expire",
    "expire_lots",
    "close_lot",
    "revoke_lot",
    "set_block",
}


def rows(sql: str, *parameters: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


@pytest.mark.parametrize("table", TABLES)
def test_the_runtime_role_can_read_the_books_and_nothing_else(table: str) -> None:
    granted = rows(
        "SELECT privilege_type FROM pg_class, aclexplode(relacl)"
        " WHERE oid = %s::regclass AND grantee = 'igny8_app'::regrole",
        table,
    )
    owner = rows("SELECT relowner::regrole::text FROM pg_class WHERE oid = %s::regclass", table)

    assert granted == [("SELECT",)]
    assert owner == [("ledger_owner",)]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO {} (account_id) VALUES (1)",
        "UPDATE {} SET account_id = account_id",
        "DELETE FROM {}",
        "TRUNCATE {} CASCADE",
    ],
)
def test_the_runtime_role_cannot_write_the_books(table: str, statement: str) -> None:
    account = make_billing.account_with(10)

    with (
        pytest.raises(DatabaseError, match="permission denied"),
        tenant(account.pk),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table))


def test_the_runtime_role_may_call_the_public_functions_only() -> None:
    callable_names = {
        name
        for (name,) in rows(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace"
            " AND has_function_privilege('igny8_app', oid, 'EXECUTE')"
        )
    }
    fixed_path = rows(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace AND prosecdef"
        " AND (proowner <> 'ledger_owner'::regrole"
        " OR proconfig::text !~ 'search_path=pg_catalog, public, pg_temp')"
    )

    assert callable_names == PUBLIC
    assert fixed_path == []


def test_the_runtime_role_cannot_read_the_audit() -> None:
    account = make.account()

    with (
        pytest.raises(DatabaseError, match="permission denied"),
        tenant(account.pk),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT * FROM ledger.audit")


CALLS: dict[str, dict[str, Any]] = {
    "grant_credits": {
        "key": "k",
        "type": "promo",
        "amount": 1,
        "priority": 1,
        "expires": None,
        "now": NOW,
    },
    "reserve": {
        "key": "k",
        "fingerprint": "f",
        "amount": 1,
        "ttl": "1 hour",
        "operation": "content",
        "related_type": "",
        "related_id": None,
        "price": "{}",
        "now": NOW,
    },
    "extend": {"reservation": 1, "amount": 9, "attempt": 1, "now": NOW},
    "take_over": {"reservation": 1, "ttl": "1 hour", "now": NOW},
    "capture": {"reservation": 1, "amount": 1, "attempt": 1, "now": NOW},
    "release": {"reservation": 1, "attempt": 1, "now": NOW},
    "expire": {"reservation": 1, "now": NOW},
    "expire_lots": {"now": NOW},
    "close_lot": {"lot": 1, "now": NOW},
    "revoke_lot": {"lot": 1, "key": "k", "type": "refund", "owed": 1, "now": NOW},
    "set_block": {"cause": "staff", "on": True, "now": NOW},
}


def test_every_public_function_is_called_below() -> None:
    assert set(CALLS) == PUBLIC


@pytest.mark.parametrize("function", sorted(CALLS))
def test_a_function_refuses_another_account(function: str) -> None:
    mine, other = make_billing.account_with(10), make_billing.account_with(10)

    with (
        pytest.raises(DatabaseError, match="is not the tenant's"),
        tenant(mine.pk),
        transaction.atomic(),
    ):
        ledger.call(function, account=other.pk, **CALLS[function])

    other.refresh_from_db()
    assert (other.credits, other.credits_held) == (10, 0)


def test_another_accounts_rows_do_not_exist_for_a_function() -> None:
    mine, other = make_billing.account_with(10), make.account()
    lot = make_billing.credits(other, 10)
    hold = make_billing.reservation(other, 5)

    with pytest.raises(NotFound):
        reservations.capture_credits(
            account=mine, reservation_id=hold.reservation_id, amount=1, attempt=1, now=NOW
        )
    with pytest.raises(NotFound):
        lots.revoke_lot(
            account=mine, lot_id=lot.lot_id, owed=1, type="refund", idempotency_key="r", now=NOW
        )
    taken = reservations.take_over_reservation(
        account=mine, reservation_id=hold.reservation_id, now=NOW
    )

    assert taken is None
    other.refresh_from_db()
    assert (other.credits, other.credits_held) == (10, 5)


def test_the_app_logs_in_as_the_runtime_role() -> None:
    assert env.DATABASE_ROLES["default"] == "igny8_app"


@pytest.fixture
def login() -> Iterator[Any]:
    """Connections under the true logins, closed afterwards."""
    settings = connections["default"].settings_dict
    opened: list[psycopg.Connection[Any]] = []

    def connect(user: str) -> psycopg.Connection[Any]:
        opened.append(
            psycopg.connect(
                host=settings["HOST"], dbname=settings["NAME"], user=user, autocommit=True
            )
        )
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


def test_no_login_of_ours_can_move_the_clock(login: Any) -> None:
    app = login("igny8_app")
    app.execute("SET ledger.test_clock = on")

    with app.transaction():
        app.execute("SELECT set_config('igny8.account_id', '1', true)")
        with pytest.raises(psycopg.DatabaseError, match="clock"):
            app.execute("SELECT ledger.expire_lots(1, now() + interval '61 seconds')")

    with app.transaction():
        app.execute("SELECT set_config('igny8.account_id', '1', true)")
        assert app.execute("SELECT ledger.expire_lots(1, now())").fetchone() == (0,)


def test_the_owner_cannot_truncate_with_the_switch_of_the_tests(login: Any) -> None:
    owner = login("igny8_owner")
    owner.execute("SET ledger.allow_truncate = on")

    with pytest.raises(psycopg.DatabaseError, match="not allowed"):
        owner.execute("TRUNCATE billing_credittransaction CASCADE")


def test_without_an_account_nothing_can_be_called(login: Any) -> None:
    app = login("igny8_app")

    with pytest.raises(psycopg.DatabaseError, match=r"igny8\.account_id"):
        app.execute("SELECT ledger.expire_lots(1, now())")


def test_the_staff_role_reads_all_books_and_writes_none(login: Any) -> None:
    admin = login("igny8_admin")

    assert admin.execute("SELECT * FROM ledger.audit").fetchall() == []
    with pytest.raises(psycopg.DatabaseError, match="permission denied"):
        admin.execute("UPDATE billing_creditwallet SET balance = 0")
    with pytest.raises(psycopg.DatabaseError, match="permission denied"):
        admin.execute("SELECT ledger.expire_lots(1, now())")


def test_an_account_key_is_enough_for_a_service() -> None:
    account = make_billing.account_with(10)

    made = make_billing.reservation(AccountKey(account.pk), 5)  # type: ignore[arg-type]

    assert made.is_new
