"""What a closed account made and knew, removed for good; its books stay.

Level-triggered: files first, then rows, each batch in a transaction of its own. A run that ends
half way is repeated and goes on where it was.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from django.apps import apps
from django.conf import settings
from django.core.files.storage import storages
from django.db import connections, transaction

from igny8_core.auth.models import Account
from igny8_core.auth.selectors import members
from igny8_core.auth.services.people import forget_people
from igny8_core.auth.states import AccountStatus
from igny8_core.business.automation import selectors as automation
from igny8_core.business.automation.states import WorkItemStatus
from igny8_core.business.publishing.services.release_bucket import bucket
from igny8_core.common.errors import Conflict
from igny8_core.common.tenancy.constraints import TenantPolicy
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from django.core.files.storage import Storage

log = structlog.get_logger(__name__)

OWNER: Final = "owner"
BATCH_ROWS: Final = 5_000
STORAGES: Final = ("default", "imports", "history")
"""Where an account has a folder of its own; evidence of payments and documents stay."""

KEPT: Final[dict[str, str]] = {
    "igny8_auth.Account": "the books are of it",
    "igny8_auth.Subscription": "what was agreed, and when",
    "igny8_auth.StatusChange": "the trail cannot be changed",
    "igny8_auth.Impersonation": "when staff was in the account, and why",
}
ERASED_OF_BILLING: Final = frozenset({"billing.ReservationResult"})
"""Answers of providers; everything else of billing is books."""


@dataclass(frozen=True)
class Erased:
    """What is gone.

    :ivar rows: by model; those without any are left out.
    :ivar people: who were in no other account: their names and addresses are gone, too.
    """

    rows: dict[str, int]
    files: int
    people: int


def erase_account(*, account: Account) -> Erased:
    """Remove the account's files, sites and rows, and the people who have no other account.

    Ledger, invoices, payments, billing details and the trail stay: the law wants them for years,
    and they cannot be changed. Safe to repeat. Outside tenant blocks, as the owner of the tables.

    :raises Conflict: the account is not closed, or a worker still holds work of it; nothing was
        removed.
    """
    with tenant(account.pk):
        found = Account.objects.get(pk=account.pk)
        if found.status != AccountStatus.CLOSED:
            raise Conflict("Close the account first.", status=found.status)
        if automation.items(account=found, statuses=[WorkItemStatus.RUNNING]).exists():
            raise Conflict("A worker still holds work of this account. Try again in a minute.")
        people = list(members(account=found).values_list("user_id", flat=True))
    files = sum(_remove_tree(storages[name], str(account.pk)) for name in STORAGES)
    files += _remove_sites(account.pk)
    people_gone = forget_people(user_ids=people, leaving=account.pk, using=OWNER)
    rows = {label: count for label in erased() if (count := _delete_rows(label, account.pk))}
    log.info("transfer.account_erased", account_id=account.pk, rows=sum(rows.values()), files=files)
    return Erased(rows=rows, files=files, people=people_gone)


@cache
def erased() -> tuple[str, ...]:
    """Models whose rows go, children before parents."""
    models = [model for model in apps.get_models() if _goes(model)]
    parents = {
        model: {
            field.related_model
            for field in model._meta.concrete_fields
            if field.is_relation and field.related_model in models
        }
        for model in models
    }
    ordered = list(TopologicalSorter(parents).static_order())
    return tuple(model._meta.label for model in reversed(ordered))


def _goes(model: Any) -> bool:
    label, app = model._meta.label, model._meta.app_label
    is_tenant = any(isinstance(one, TenantPolicy) for one in model._meta.constraints)
    is_kept = label in KEPT or (app == "billing" and label not in ERASED_OF_BILLING)
    return is_tenant and not is_kept


def _delete_rows(label: str, account_id: int) -> int:
    table = connections[OWNER].ops.quote_name(apps.get_model(label)._meta.db_table)
    some = f"SELECT ctid FROM {table} WHERE account_id = %s LIMIT {BATCH_ROWS}"  # noqa: S608 - a model's
    statement = f"DELETE FROM {table} WHERE ctid = ANY(ARRAY({some}))"  # noqa: S608 - a model's
    total = 0
    while True:
        with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
            cursor.execute(statement, [account_id])
            count = int(cursor.rowcount)
        total += count
        if count < BATCH_ROWS:
            return total


def _remove_tree(storage: Storage, path: str) -> int:
    """Remove a folder of a storage; how many files were in it."""
    if not storage.exists(path):
        return 0
    folders, files = storage.listdir(path)
    for name in files:
        storage.delete(f"{path}/{name}")
    count = len(files) + sum(_remove_tree(storage, f"{path}/{name}") for name in folders)
    storage.delete(path)
    return count


def _remove_sites(account_id: int) -> int:
    """Remove every release and preview of the account's sites."""
    if settings.SITES_URL:
        store = bucket(settings.SITES_URL)
        names = list(store.sizes(f"{account_id}/"))
        store.delete_all(names)
        return len(names)
    home = Path(settings.SITES_ROOT) / str(account_id)
    count = sum(1 for path in home.rglob("*") if path.is_file() and not path.is_symlink())
    with suppress(FileNotFoundError):
        shutil.rmtree(home)
    return count
