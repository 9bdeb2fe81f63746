"""Statements over all accounts, as the staff role, on the engine's columns alone."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connections, transaction

from igny8_core.common.tenancy.constraints import STAFF_ROLE
from igny8_core.common.tenancy.context import TenantError, current_account_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from django.db.backends.utils import CursorWrapper


@contextmanager
def staff_cursor() -> Iterator[CursorWrapper]:
    """A transaction as ``igny8_admin``; committed at the end of the block.

    :raises TenantError: a tenant block is open.
    """
    if current_account_id() is not None:
        raise TenantError("a statement over all accounts inside one account's block")
    using = settings.TENANCY_STAFF_ALIAS
    takes_role = settings.TENANCY_SET_ROLE is not None  # tests: one login for every role
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        if takes_role:
            cursor.execute("SELECT set_config('role', %s, true)", [STAFF_ROLE])
        yield cursor
        if takes_role and connections[using].in_atomic_block:  # a TestCase keeps it otherwise
            cursor.execute("SELECT set_config('role', 'none', true)")


def database_now() -> datetime:
    """The time by the one clock that every process shares; a machine's own may be wrong."""
    with staff_cursor() as cursor:
        cursor.execute("SELECT now()")
        found: datetime = cursor.fetchone()[0]
    return found
