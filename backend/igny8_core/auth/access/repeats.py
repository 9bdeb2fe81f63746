"""The first answer to a request with an idempotency key, for whoever asks again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from igny8_core.auth.models import IdempotentRequest
from igny8_core.common.errors import IdempotencyConflict

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account

KEPT = timedelta(hours=24)
PRUNE_ROWS = 5_000


@dataclass(frozen=True)
class FirstAnswer:
    """What the first request was told."""

    status_code: int
    body: Any


def first_answer(*, account: Account, key: str, fingerprint: str) -> FirstAnswer | None:
    """Take the key, or find what it was answered; inside the account's block.

    Two requests at once: the second waits until the first is committed or rolled back, which
    frees the key.

    :returns: None for the first request, which ends with :func:`keep_answer`.
    :raises IdempotencyConflict: the key was used for another request.
    """
    row, is_first = IdempotentRequest.objects.for_account(account).get_or_create(
        key=key, defaults={"account": account, "fingerprint": fingerprint}
    )
    if is_first:
        return None
    if row.fingerprint != fingerprint:
        raise IdempotencyConflict("This idempotency key was used for another request.", key=key)
    return FirstAnswer(status_code=row.status_code, body=row.body)


def known_answer(*, account: Account, key: str, fingerprint: str) -> FirstAnswer | None:
    """What the key was answered, without taking it; inside the account's block.

    For work that opens its own blocks: it takes the key by :func:`first_answer` once it is done.

    :raises IdempotencyConflict: the key was used for another request.
    """
    row = IdempotentRequest.objects.for_account(account).filter(key=key).first()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise IdempotencyConflict("This idempotency key was used for another request.", key=key)
    return FirstAnswer(status_code=row.status_code, body=row.body)


def keep_answer(*, account: Account, key: str, status_code: int, body: Any) -> None:
    """Remember the answer, in the transaction of what it answers."""
    rows = IdempotentRequest.objects.for_account(account).filter(key=key)
    rows.update(status_code=status_code, body=body)


def prune_answers(*, now: datetime) -> int:
    """Forget answers older than a day, a batch at a time; returns how many."""
    rows = IdempotentRequest.objects.across_accounts(reason="retention of idempotency keys")
    old = rows.filter(created_at__lt=now - KEPT).order_by("created_at", "pk")
    removed, _ = rows.filter(pk__in=list(old.values_list("pk", flat=True)[:PRUNE_ROWS])).delete()
    return removed
