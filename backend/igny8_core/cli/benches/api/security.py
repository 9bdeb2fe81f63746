"""The same statements as two roles: one under row-level security, one that passes it."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Cursor

BYPASS = "bench_bypass"
ROUNDS = 5  # of neighbouring samples
SAMPLE_SECONDS = 0.02
LEAST = 3  # repeats of the statements in a sample


def make_role(superuser: str) -> None:
    """A login with the runtime role's privileges that passes row-level security."""
    with psycopg.connect(superuser, autocommit=True) as server:
        server.execute(f"DROP ROLE IF EXISTS {BYPASS}".encode())
        server.execute(f"CREATE ROLE {BYPASS} LOGIN BYPASSRLS IN ROLE igny8_app".encode())


class Reader:
    """One connection that repeats statements, and what they cost the server.

    :param address: of the database, as the role.
    """

    def __init__(self, address: str) -> None:
        self._connection = psycopg.connect(address, autocommit=True)
        self._connection.cursor_factory = psycopg.ClientCursor
        pid = self._connection.info.backend_pid
        self._schedule = Path(f"/proc/{pid}/schedstat")

    def cost(self, account_id: int, statements: Sequence[tuple[str, Any]], repeats: int) -> float:
        """Seconds of the server's process for the statements, in one transaction; of the clock
        where the kernel does not say.
        """
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("SELECT set_config('igny8.account_id', %s, true)", [str(account_id)])
            before = self._now()
            for _ in range(repeats):
                _run(cursor, statements)
            return (self._now() - before) / repeats

    def _now(self) -> float:
        try:
            return int(self._schedule.read_text().split()[0]) / 1e9
        except (OSError, ValueError):
            return time.perf_counter()

    def close(self) -> None:
        self._connection.close()


def _run(cursor: Cursor[Any], statements: Sequence[tuple[str, Any]]) -> None:
    for sql, params in statements:
        cursor.execute(sql.encode(), params)
        cursor.fetchall()


def reads(statements: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """What a request read, without its settings and notes."""
    return [
        (sql, params)
        for sql, params in statements
        if sql.startswith("SELECT") and "set_config" not in sql
    ]


def ratios(
    secured: Reader, passing: Reader, account_id: int, statements: Sequence[tuple[str, Any]]
) -> list[float]:
    """Cost under row-level security over cost without, of neighbouring samples."""
    found = []
    once = statistics.median(secured.cost(account_id, statements, 1) for _ in range(LEAST))
    passing.cost(account_id, statements, LEAST)
    repeats = max(LEAST, int(SAMPLE_SECONDS / max(once, 1e-6)))
    for number in range(ROUNDS):
        pair = {}
        for reader in (secured, passing) if number % 2 else (passing, secured):
            pair[reader] = reader.cost(account_id, statements, repeats)
        found.append(pair[secured] / pair[passing])
    return found
