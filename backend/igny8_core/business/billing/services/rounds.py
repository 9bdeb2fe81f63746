"""One round of a job over many accounts: bounded, and no account stops the work for the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from igny8_core.common.rounds import Round

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["BATCH", "MAX_BATCHES", "AccountKey", "Round", "batches"]

BATCH = 500
MAX_BATCHES = 20
"""A round looks at so many batches at most; the next one goes on where it matters."""

R = TypeVar("R")


@dataclass(frozen=True)
class AccountKey:
    """An account by its key alone: a job needs no more."""

    pk: int


def batches(read: Callable[[R, int], list[R]], *, first: R, limit: int) -> Iterator[R]:
    """The rows of ``read(after, limit)``, batch after batch, each read after the row before it.

    Rows that stay due, because their work fails, are passed by and do not fill the next batch.
    """
    after = first
    for _ in range(MAX_BATCHES):
        rows = read(after, limit)
        yield from rows
        if len(rows) < limit:
            return
        after = rows[-1]
