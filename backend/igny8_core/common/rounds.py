"""One round of a job over many accounts: no account stops the work for the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from igny8_core.common.errors import DomainError

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)

R = TypeVar("R")


@dataclass
class Round:
    """Runs pieces of work one after the other.

    A refusal (settled meanwhile, busy) is left for the next round. A bug or a broken row is kept,
    and :meth:`end` raises the first of them once everybody else has had their turn.
    """

    job: str
    failures: list[Exception] = field(default_factory=list)

    def attempt(self, work: Callable[..., R], **arguments: Any) -> R | None:
        """Call ``work`` with the arguments, of which an ``account`` and plain values are logged.

        :returns: what it returned; None when it did not work.
        """
        told = {name: value for name, value in arguments.items() if isinstance(value, int | str)}
        if (account := arguments.get("account")) is not None:
            told["account_id"] = account.pk
        try:
            return work(**arguments)
        except DomainError as exc:
            log.info("round.skipped", job=self.job, code=exc.code, **told)
        except Exception as exc:
            log.exception("round.failed", job=self.job, **told)
            self.failures.append(exc)
        return None

    def end(self) -> None:
        """Raise the first failure, if there was one."""
        if self.failures:
            raise self.failures[0]
