"""One round of a job over many accounts: bounded, and no account stops the work for the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from igny8_core.common.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

BATCH = 500
MAX_BATCHES = 20
"""A round looks at so many batches at most; the next one goes on where it matters."""

R = TypeVar("R")


@dataclass(frozen=True)
class AccountKey:
    """An account by its key alone: a job needs no more."""

    pk: int


@dataclass
class Round:
    """Runs pieces of work one after the other.

    A refusal (settled meanwhile, busy) is left for the next round. A bug or a broken row is kept,
    and :meth:`end` raises the first of them once everybody else has had their turn.
    """

    job: str
    failures: list[Exception] = field(default_factory=list)

    def attempt(self, work: Callable[..., R], *, account: HasKey, **arguments: Any) -> R | None:
        """Call ``work`` for an account.

        :returns: what it returned; None when it did not work.
        """
        ids = {name: value for name, value in arguments.items() if isinstance(value, int | str)}
        try:
            return work(account=account, **arguments)
        except DomainError as exc:
            log.info(
                "billing.round.skipped", job=self.job, account_id=account.pk, code=exc.code, **ids
            )
        except Exception as exc:
            log.exception("billing.round.failed", job=self.job, account_id=account.pk, **ids)
            self.failures.append(exc)
        return None

    def end(self) -> None:
        """Raise the first failure, if there was one."""
        if self.failures:
            raise self.failures[0]


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
