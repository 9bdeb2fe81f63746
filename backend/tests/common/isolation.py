"""The matrix of model and operation: what an account can do with another account's rows."""

from __future__ import annotations

import functools
import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, connection, models, transaction

from igny8_core.auth.models import Account, User
from igny8_core.common.tenancy.constraints import APP_ROLE, CompositeForeignKey, TenantPolicy
from igny8_core.common.tenancy.lint import declared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_numbers = itertools.count(1)  # texts differ, so that a stray unique key cannot stop the factory

NEEDS_LINK: dict[str, set[str]] = {
    "content.Images": {"content"},
    "content.ContentClusterMap": {"content"},
    "content.ContentAttribute": {"content"},
    "content.SitePage": {"content"},
    "planning.Keywords": {"cluster"},
    "billing.Refund": {"credit_note", "reversal"},
}
"""Models of which optional relations are set: by CHECK, or to have them tested."""

VALUES: dict[str, dict[str, Any]] = {
    "ai.ProviderSetting": {"provider": "local", "image_model": ""},  # which calls nobody
    "automation.WebhookEndpoint": {"is_enabled": False},  # it has a reason
    "billing.Invoice": {  # of which a pro-forma can be printed
        "seller": {"legal_name": "S", "address": {}, "country_code": "DE", "tax_ids": {}},
        "buyer": {"legal_name": "B", "country_code": "DE"},
        "tax_evidence": {"groups": []},
    },
    "billing.InvoiceTax": {"tax_minor": 0},  # whatever the rate
    "billing.Refund": {"status": "failed"},  # with a credit note that was reversed
    "billing.SellerEntity": {"country_code": "DE"},
    "billing.SubscriptionPeriod": {"ends_at": "2026-02-01T00:00:00Z"},
    "billing.TaxRule": {"category": "Z"},  # its rate is nought
    "content.ContentVerdict": {"outcome": "overridden"},  # which has a reason
    "content.SerpSample": {"market": "DE", "documents": 3},
    "optimization.OptimizationTask": {"outcome": ""},
    "planning.ClusterBuild": {"topic_tau": "0.5"},
    "planning.ContentIdeas": {
        "overlap": "fine",
        "overlap_checked_at": "2026-01-01T00:00:00Z",
        "overridden_at": "2026-01-01T00:00:00Z",
    },
    "planning.Keywords": {"status": "mapped"},
    "planning.SavedView": {"is_shared": True},  # or nobody else sees it
    "publishing.PublishingRecord": {"destination": "wordpress"},  # which may have an integration
}
"""Values that go with it."""


class _Undo(Exception):
    """Carries a result out of a transaction that is rolled back."""


@contextmanager
def rolled_back() -> Iterator[None]:
    """A transaction of which nothing stays."""
    try:
        with transaction.atomic():
            yield
            raise _Undo
    except _Undo:
        pass


def tenant_models() -> list[Any]:
    """Every model with a policy, in the order of the apps."""
    return [model for model, _ in declared(TenantPolicy)]


def privileges(model: Any) -> set[str]:
    """What the runtime role may do with the model's table."""
    policy = next((c for c in model._meta.constraints if isinstance(c, TenantPolicy)), None)
    if policy is None:
        return {"SELECT", "INSERT"}  # a table of no account: the factory writes it
    return {word.strip() for word in policy.privileges.split(",")}


def canary(account_id: int) -> str:
    """A word in the texts of an account's rows, to be found where they must not show."""
    return f"canary-{account_id}"


def make_row(model: Any, account_id: int, made: dict[Any, Any]) -> Any:
    """A row with its parents, from the field types alone; written by the superuser."""
    if model in made:
        return made[model]
    if model._meta.app_label == "billing" and "INSERT" not in privileges(model):
        made[model] = ledger_row(model, account_id, made)
        return made[model]
    values: dict[str, Any] = {"id": account_id} if model is Account else {}
    values |= VALUES.get(model._meta.label, {})
    for field in model._meta.concrete_fields:
        wanted = field.name in NEEDS_LINK.get(model._meta.label, set())
        if field.primary_key or field.generated or field.name in values:
            continue
        if not wanted and (field.has_default() or field.null):
            continue
        values[field.name] = _value(field, account_id, made)
    made[model] = model._base_manager.create(**values)
    return made[model]


def _value(field: Any, account_id: int, made: dict[Any, Any]) -> Any:
    if field.is_relation:
        return make_row(field.related_model, account_id, made)
    if field.choices:
        return field.choices[next(_numbers) % len(field.choices)][0]  # two rows of one account
    if isinstance(field, models.CharField | models.TextField):
        is_own = field.model in {*tenant_models(), User}  # anybody may see reference data
        text = f"{field.name} {next(_numbers)} {canary(account_id) if is_own else ''}"
        room = field.max_length or len(text)
        return text if len(text) <= room else str(next(_numbers))[-room:]
    return next((made for kind, made in _plain(account_id) if isinstance(field, kind)), 1)


def _plain(account_id: int) -> list[tuple[Any, Any]]:
    """Values of fields that are neither relations nor texts, by kind; the narrow kinds first."""
    return [
        (models.DateTimeField, "2026-01-01T00:00:00Z"),
        (models.DateField, "2026-01-01"),
        (models.TimeField, "09:00"),
        (models.UUIDField, f"00000000-0000-4000-8000-{next(_numbers):012d}"),
        (models.JSONField, {}),
        (models.BinaryField, canary(account_id).encode()),
    ]


def ledger_row(model: Any, account_id: int, made: dict[Any, Any]) -> Any:
    """A row that only the ledger's functions write: made by using them."""
    from tests.make import billing

    account = make_row(Account, account_id, made)
    billing.one_of_everything(account)
    found = model._base_manager.filter(account_id=account.pk).order_by("pk").last()
    assert found is not None, f"billing.one_of_everything makes no {model.__name__}"
    return found


@contextmanager
def _as_app(account_id: int | None) -> Iterator[None]:
    with rolled_back(), connection.cursor() as cursor:
        setting = "" if account_id is None else str(account_id)
        cursor.execute("SELECT set_config('igny8.account_id', %s, true)", [setting])
        cursor.execute("SELECT set_config('role', %s, true)", [APP_ROLE])
        yield


def attempt(action: Callable[[], Any]) -> Any:
    """The result, or the SQLSTATE of the refusal; nothing stays done."""
    try:
        with transaction.atomic():
            raise _Undo(action())
    except _Undo as done:
        return done.args[0]
    except DatabaseError as refused:
        return refused.__cause__.diag.sqlstate  # type: ignore[union-attr]  # psycopg's error


def changed(sql: str, parameters: Any) -> int:
    """How many rows a statement touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def _checks(model: Any, mine: Any, theirs: Any) -> dict[str, tuple[Callable[[], Any], Any]]:
    """Name to (action, expected result), all run as account A."""
    table, rows, allowed = model._meta.db_table, model._base_manager, privileges(model)
    fields = [f for f in model._meta.concrete_fields if not f.generated]
    fields = [f for f in fields if model is Account or not f.primary_key or f.is_relation]
    names, marks = ", ".join(f'"{f.column}"' for f in fields), ", ".join(["%s"] * len(fields))
    copy = [f.get_db_prep_save(getattr(theirs, f.attname), connection) for f in fields]
    key = model._meta.pk.column
    owner = "id" if model is Account else "account_id"
    some = next(f.column for f in fields if f.column != key or model is Account)

    def sql(privilege: str, statement: str, *parameters: Any) -> tuple[Callable[[], int], Any]:
        expected = 0 if privilege in allowed else "42501"
        return functools.partial(changed, statement, parameters), expected

    checks: dict[str, tuple[Callable[[], Any], Any]] = {
        "own row is seen": (lambda: rows.filter(pk=mine.pk).count(), 1),
        "only own rows": (lambda: set(rows.values_list(owner, flat=True)), {getattr(mine, owner)}),
        "foreign get": (lambda: rows.filter(pk=theirs.pk).count(), 0),
        "foreign update": sql(
            "UPDATE", f'UPDATE {table} SET "{some}" = "{some}" WHERE "{key}" = %s', theirs.pk
        ),
        "foreign lock": sql(
            "UPDATE", f'SELECT FROM {table} WHERE "{key}" = %s FOR SHARE', theirs.pk
        ),
        "foreign delete": sql("DELETE", f'DELETE FROM {table} WHERE "{key}" = %s', theirs.pk),
        # Without RETURNING, which applies the SELECT policy too and so hides a lax WITH CHECK.
        "insert as foreign": (
            functools.partial(changed, f"INSERT INTO {table} ({names}) VALUES ({marks})", copy),
            "42501",
        ),
    }
    if model is not Account:
        move = f'UPDATE {table} SET account_id = %s WHERE "{key}" = %s'
        parameters = [theirs.account_id, mine.pk]
        checks["move to foreign"] = (functools.partial(changed, move, parameters), "42501")
    return checks


def _link_checks(model: Any, mine: Any, parents: dict[str, Any]) -> dict[str, Any]:
    """Every relation of an own row, pointed at another account's parent and at one elsewhere."""
    checks = {}
    expected = "23503" if "UPDATE" in privileges(model) else "42501"
    tenants = set(tenant_models())
    # A key of the account alone lets a row move to any parent of the account.
    keys = [c for c in model._meta.constraints if isinstance(c, CompositeForeignKey)]
    narrow = {name for key in keys if len(key.fields) > 2 for name in key.fields}
    for field in model._meta.concrete_fields:
        if not field.is_relation or field.name == "account" or field.related_model not in tenants:
            continue
        statement = f'UPDATE {model._meta.db_table} SET "{field.column}" = %s WHERE id = %s'
        for label, rows in parents.items():
            if label == "elsewhere" and field.name not in narrow:
                continue
            parameters = [rows[field.related_model].pk, mine.pk]
            action = functools.partial(changed, statement, parameters)
            checks[f"{field.name} to a parent {label}"] = (action, expected)
    return checks


def matrix(only: set[str] | None = None) -> tuple[int, list[str]]:
    """How many checks ran, and the ones that failed.

    :param only: labels of models; all of them when None.
    """
    count, problems = 0, []
    wanted = [m for m in tenant_models() if only is None or m._meta.label in only]
    with rolled_back():
        own: dict[Any, Any] = {}
        foreign: dict[Any, Any] = {}
        for model in wanted:
            make_row(model, 900_001, own)
            make_row(model, 900_002, foreign)
        for model in wanted:
            mine = own[model]
            checks = _checks(model, mine, foreign[model])
            parents = {"of B": foreign}
            if all(_is_insertable(f.related_model) for f in _tenant_relations(model)):
                # Parents in account A, in another site and sector, and without children yet.
                parents["elsewhere"] = {
                    f.related_model: make_row(f.related_model, 900_001, {Account: own[Account]})
                    for f in _tenant_relations(model)
                }
            checks |= _link_checks(model, mine, parents)
            with _as_app(900_001):
                for name, (action, expected) in checks.items():
                    count += 1
                    if (found := attempt(action)) != expected:
                        problems.append(f"{model.__name__}: {name}: {found}, not {expected}")
            with _as_app(None):
                count += 1
                if (found := attempt(model._base_manager.count)) != "22P02":
                    problems.append(f"{model.__name__}: no account: {found}")
    return count, problems


def _is_insertable(model: Any) -> bool:
    return model is Account or "INSERT" in privileges(model)


def _tenant_relations(model: Any) -> list[Any]:
    tenants = set(tenant_models())
    return [
        f
        for f in model._meta.concrete_fields
        if f.is_relation and f.name != "account" and f.related_model in tenants
    ]
