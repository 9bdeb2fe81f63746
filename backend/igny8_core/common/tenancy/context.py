"""The tenant context: one account per transaction, in Python and in PostgreSQL."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from django.conf import settings
from django.db import connections, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SETTING = "igny8.account_id"
ACTOR, REASON = "igny8.actor", "igny8.reason"

_block: ContextVar[tuple[int, str] | None] = ContextVar("igny8_tenant_block", default=None)

_actor: ContextVar[str] = ContextVar("igny8_actor", default="")

P = ParamSpec("P")
R = TypeVar("R")


class HasKey(Protocol):
    """An account, or anything that carries an account's primary key as ``pk``."""

    @property
    def pk(self) -> Any: ...


class TenantError(RuntimeError):
    """A query without an account, or a second account inside a tenant block: a bug."""


def current_account_id() -> int | None:
    """The account of the open tenant block, if there is one."""
    block = _block.get()
    return block[0] if block else None


@contextmanager
def acting(actor: str) -> Iterator[None]:
    """Who acts in the tenant blocks that are opened inside: ``user:7``, ``key:3``, ``task:…``."""
    token = _actor.set(actor[:100])
    try:
        yield
    finally:
        _actor.reset(token)


def current_actor() -> str:
    """Who acts here, as :func:`acting` was told; empty for the system."""
    return _actor.get()


@contextmanager
def because(reason: str, *, using: str = "default") -> Iterator[None]:
    """Why the changes of status inside are made; inside a transaction. Ends with the block."""
    _set_local(using, {REASON: reason[:500]})
    yield
    _set_local(using, {REASON: ""})  # after an error the transaction is rolled back anyway


@contextmanager
def tenant(
    account_id: int,
    *,
    using: str = "default",
    read_only: bool = False,
    durable: bool = False,
    snapshot: bool = False,
) -> Iterator[None]:
    """Open a transaction that sees and writes the rows of one account only.

    Inside a block of the same account it is a savepoint. Works as a decorator too.

    :param read_only: PostgreSQL refuses every write in the block (GET and HEAD).
    :param durable: this block must be the outermost one; on return it is committed.
    :param snapshot: every query of the outermost block sees the moment of the first one.
    :raises TenantError: a block of another account, or on another database, is open.
    :raises RuntimeError: the outermost block was opened inside a transaction. There, the setting
        would outlive the block: a released savepoint keeps it.
    """
    block = _block.get()
    if block is None:
        with _outermost(account_id, using, read_only=read_only, snapshot=snapshot):
            yield
        return
    if block != (account_id, using):
        raise TenantError(f"block of account {account_id} inside one of account {block[0]}")
    if durable or snapshot:
        raise RuntimeError("a durable tenant block, or one of a snapshot, cannot be nested")
    with transaction.atomic(using=using):
        if read_only:
            _set_local(using, {"transaction_read_only": "on"})
        yield


def tenant_atomic(*, durable: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """`transaction.atomic` for a service: also opens the block of its keyword ``account``."""

    def decorate(service: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(service)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            account: Any = kwargs["account"]
            with tenant(account.pk, durable=durable):
                return service(*args, **kwargs)

        return run

    return decorate


@contextmanager
def _outermost(account_id: int, using: str, *, read_only: bool, snapshot: bool) -> Iterator[None]:
    role = settings.TENANCY_SET_ROLE  # tests: one superuser login; None everywhere else
    values = {SETTING: str(account_id), ACTOR: _actor.get()}
    if role:
        values["role"] = role
    if read_only:
        values["transaction_read_only"] = "on"
    is_inside = connections[using].in_atomic_block  # of a TestCase, which has queried before
    with transaction.atomic(using=using, durable=True):
        if snapshot and not is_inside:  # before the first query, or PostgreSQL refuses it
            with connections[using].cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        _set_local(using, values)  # one statement: each costs a round trip
        token = _block.set((account_id, using))
        try:
            yield
        finally:
            _block.reset(token)
    if connections[using].in_atomic_block:  # only inside a TestCase: its savepoint kept ours
        _set_local(using, {SETTING: ""} | ({"role": "none"} if role else {}))


def _set_local(using: str, values: Mapping[str, str]) -> None:
    calls = ", ".join(["set_config(%s, %s, true)"] * len(values))
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT {calls}", [text for pair in values.items() for text in pair])
