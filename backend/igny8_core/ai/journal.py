"""The journal of provider calls: a row before each call, the answer in a transaction of its own.

A crash after the answer loses nothing: the next attempt finds it here and does not pay again. A
picture lies beside its row until the work that asked for it is stored.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from igny8_core.ai.budgets import NO_BUDGET, Budget, check_budget
from igny8_core.ai.errors import ErrorClass, ProviderError, WorkCancelled, error_class_of
from igny8_core.ai.models import AiCall, AiPicture
from igny8_core.ai.ports import Usage
from igny8_core.ai.states import AI_CALL, AiCallStatus
from igny8_core.ai.text import storable
from igny8_core.common.errors import DomainError
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pydantic import BaseModel

    from igny8_core.ai.ports import ImageAnswer, Provider, TextAnswer
    from igny8_core.auth.models import Account

ERROR_CHARS_MAX = 1_000
ABANDONED = "a later attempt took the work over; whether the provider answered is unknown"


@dataclass(frozen=True)
class Subject:
    """Whose row a call is for, and which attempt at it makes the call.

    :param work_key: idempotency key of the paid work; empty for a call without a price.
    """

    account: Account
    related_type: str
    related_id: int
    lease_token: int
    work_key: str = ""


@dataclass(frozen=True)
class Answered:
    """What is known of every answer, from the provider or from the journal.

    :ivar is_demo: to be labelled as made by the built-in demo model.
    :ivar is_reused: nothing was called; ``usage`` is what the first call used.
    """

    usage: Usage
    prompt: str
    request_hash: str
    call_id: int
    is_demo: bool
    is_reused: bool


@dataclass(frozen=True)
class Completion(Answered):
    """A written answer.

    :ivar parsed: the typed answer; None for plain text.
    :ivar is_cut: the answer ended at its token limit.
    """

    text: str
    parsed: Any
    is_cut: bool


@dataclass(frozen=True)
class Picture(Answered):
    """A picture, as the model encoded it."""

    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int


def stored(subject: Subject, hashes: Sequence[str], *, with_picture: bool = False) -> AiCall | None:
    """The first call for this row that answered one of the requests.

    :param with_picture: only one whose picture is still there.
    """
    with tenant(subject.account.pk, durable=True):
        calls = AiCall.objects.for_account(subject.account).filter(
            related_type=subject.related_type,
            related_id=subject.related_id,
            request_hash__in=hashes,
            status=AiCallStatus.SUCCEEDED,
        )
        if with_picture:
            pictures = AiPicture.objects.for_account(subject.account)
            calls = calls.filter(pk__in=pictures.values("call_id"))
        return calls.order_by("pk").first()


def begin(
    subject: Subject,
    provider: Provider,
    *,
    prompt: str,
    request_hash: str,
    most_usd_micros: int = 0,
    budget: Budget = NO_BUDGET,
    now: datetime,
) -> AiCall:
    """The row of a call that is about to be made; calls of earlier attempts are closed.

    :param most_usd_micros: what the call costs at most: it counts until the real cost is known.
    :raises CostCapReached: it could lead over a limit; nothing was written.
    """
    account = subject.account
    with tenant(account.pk, durable=True):
        earlier = AiCall.objects.for_account(account).filter(
            related_type=subject.related_type,
            related_id=subject.related_id,
            request_hash=request_hash,
            status=AiCallStatus.STARTED,
            lease_token__lt=subject.lease_token,
        )
        for call in earlier.order_by("pk"):
            _fail(call, ErrorClass.TRANSIENT, ABANDONED, now=now)
        check_budget(
            budget,
            account=account,
            work_key=subject.work_key,
            provider=provider,
            most_usd_micros=most_usd_micros,
            now=now,
        )
        return AiCall.unscoped.create(
            account=account,
            related_type=subject.related_type,
            related_id=subject.related_id,
            lease_token=subject.lease_token,
            work_key=subject.work_key,
            request_hash=request_hash,
            prompt=prompt,
            provider=provider.name,
            model=provider.model,
            is_own_key=provider.capabilities.is_own_key,
            counted_usd_micros=most_usd_micros,
            started_at=now,
        )


def succeed_text(
    subject: Subject,
    call: AiCall,
    answer: TextAnswer,
    *,
    cost_usd_micros: int,
    is_demo: bool,
    now: datetime,
) -> Completion:
    """Store a written answer; committed when this returns.

    :raises StaleState: a later attempt has closed the call.
    """
    parsed = answer.parsed.model_dump(mode="json") if answer.parsed else None
    stored_answer = {
        "text": storable(answer.text),
        "parsed": _storable(parsed),
        "is_demo": is_demo,
        "is_cut": answer.finish_reason == "length",
    }
    with tenant(subject.account.pk, durable=True):
        _succeed(call, answer, stored_answer, cost_usd_micros=cost_usd_micros, now=now)
    output = type(answer.parsed) if answer.parsed else None
    return completion(call, output=output, is_reused=False)


def succeed_picture(
    subject: Subject,
    call: AiCall,
    answer: ImageAnswer,
    *,
    cost_usd_micros: int,
    is_demo: bool,
    now: datetime,
) -> Picture:
    """Store a picture; committed when this returns.

    :raises StaleState: a later attempt has closed the call.
    """
    stored_answer = {
        "sha256": hashlib.sha256(answer.data).hexdigest(),
        "size_bytes": len(answer.data),
        "is_demo": is_demo,
    }
    with tenant(subject.account.pk, durable=True):
        _succeed(call, answer, stored_answer, cost_usd_micros=cost_usd_micros, now=now)
        kept = AiPicture.unscoped.create(
            account=subject.account,
            call=call,
            data=answer.data,
            media_type=answer.media_type,
            width=answer.width,
            height=answer.height,
        )
    return _picture(call, kept, is_reused=False)


def fail(
    subject: Subject, call: AiCall, error: Exception, *, cost_usd_micros: int, now: datetime
) -> None:
    """Close a call that gave nothing. One whose outcome is unknown goes on to count at its most.

    :raises StaleState: a later attempt has closed the call.
    """
    message = error.message if isinstance(error, DomainError) else type(error).__name__
    used = error if isinstance(error, ProviderError) else ProviderError("")
    columns: dict[str, Any] = {}
    if not (used.is_outcome_unknown or isinstance(error, WorkCancelled)):
        columns["counted_usd_micros"] = cost_usd_micros
    with tenant(subject.account.pk, durable=True):
        _fail(
            call,
            error_class_of(error),
            message,
            now=now,
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            cost_usd_micros=cost_usd_micros,
            **columns,
        )


def completion(call: AiCall, *, output: type[BaseModel] | None, is_reused: bool) -> Completion:
    """The written answer of an answered call."""
    answer = call.answer or {}
    return Completion(
        **_answered(call, is_reused=is_reused),
        text=answer["text"],
        parsed=output.model_validate(answer["parsed"]) if output else None,
        is_cut=answer["is_cut"],
    )


def picture(subject: Subject, call: AiCall) -> Picture:
    """The picture of a call that :func:`stored` found."""
    with tenant(subject.account.pk, durable=True):
        kept = AiPicture.objects.for_account(subject.account).get(call=call)
    return _picture(call, kept, is_reused=True)


def drop_pictures(subject: Subject) -> None:
    """Forget the pictures of the work's calls: in the transaction that stores its result."""
    calls = AiCall.objects.for_account(subject.account).filter(work_key=subject.work_key)
    pictures = AiPicture.objects.for_account(subject.account)
    pictures.filter(call__in=calls.values("pk")).delete()


def _succeed(
    call: AiCall,
    answer: TextAnswer | ImageAnswer,
    stored_answer: dict[str, Any],
    *,
    cost_usd_micros: int,
    now: datetime,
) -> None:
    advance(
        call,
        AiCallStatus.SUCCEEDED,
        table=AI_CALL,
        now=now,
        answer=stored_answer,
        prompt_tokens=answer.prompt_tokens,
        completion_tokens=answer.completion_tokens,
        cost_usd_micros=cost_usd_micros,
        counted_usd_micros=cost_usd_micros,
        provider_ref=answer.provider_ref[:200],
        ended_at=now,
    )


def _fail(
    call: AiCall, error_class: ErrorClass, message: str, *, now: datetime, **columns: Any
) -> None:
    advance(
        call,
        AiCallStatus.FAILED,
        table=AI_CALL,
        now=now,
        error_class=error_class.value,
        error=storable(message)[:ERROR_CHARS_MAX],
        ended_at=now,
        **columns,
    )


def _picture(call: AiCall, kept: AiPicture, *, is_reused: bool) -> Picture:
    return Picture(
        **_answered(call, is_reused=is_reused),
        data=bytes(kept.data),
        media_type=kept.media_type,
        width=kept.width,
        height=kept.height,
    )


def _answered(call: AiCall, *, is_reused: bool) -> dict[str, Any]:
    return {
        "usage": Usage(
            provider=call.provider,
            model=call.model,
            prompt_tokens=call.prompt_tokens,
            completion_tokens=call.completion_tokens,
            cost_usd_micros=call.cost_usd_micros,
        ),
        "prompt": call.prompt,
        "request_hash": call.request_hash,
        "call_id": call.pk,
        "is_demo": (call.answer or {})["is_demo"],
        "is_reused": is_reused,
    }


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key): _storable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner) for inner in value]
    return value
