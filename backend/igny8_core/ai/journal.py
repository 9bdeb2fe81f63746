"""The journal of provider calls: a row before each call, the answer in a transaction of its own.

A crash after the answer loses nothing: the next attempt finds it here and does not pay again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from igny8_core.ai.errors import ErrorClass, ProviderError, error_class_of
from igny8_core.ai.models import AiCall
from igny8_core.ai.ports import Usage
from igny8_core.ai.states import AI_CALL, AiCallStatus
from igny8_core.ai.text import storable
from igny8_core.common.errors import DomainError
from igny8_core.common.idempotency import fingerprint
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pydantic import BaseModel

    from igny8_core.ai.ports import TextAnswer, TextProvider, TextRequest
    from igny8_core.ai.prompts import RenderedPrompt
    from igny8_core.auth.models import Account

HASH_VERSION = 1
ERROR_CHARS_MAX = 1_000
ABANDONED = "a later attempt took the work over; whether the provider answered is unknown"


@dataclass(frozen=True)
class Subject:
    """Whose row a call is for, and which attempt at it makes the call."""

    account: Account
    related_type: str
    related_id: int
    lease_token: int


@dataclass(frozen=True)
class Completion:
    """An answer, with what it took; from the provider or from the journal.

    :ivar parsed: the typed answer; None for plain text.
    :ivar is_demo: to be labelled as written by the built-in demo model.
    :ivar is_cut: the answer ended at its token limit.
    :ivar is_reused: nothing was called; ``usage`` is what the first call used.
    """

    text: str
    parsed: Any
    usage: Usage
    prompt: str
    request_hash: str
    call_id: int
    is_demo: bool
    is_cut: bool
    is_reused: bool


def request_hash(
    provider: TextProvider, prompt: RenderedPrompt, request: TextRequest, *, variant: int
) -> str:
    """A digest of everything that the answer hangs on."""
    return fingerprint(
        HASH_VERSION,
        provider=provider.name,
        model=provider.model,
        prompt=[prompt.reference, prompt.digest],
        messages=[request.system, request.user],
        hints=dict(request.hints),
        limits=[request.max_tokens, request.temperature],
        output=request.output.model_json_schema() if request.output else None,
        variant=variant,
    )


def stored(
    subject: Subject, hashes: Sequence[str], *, output: type[BaseModel] | None
) -> Completion | None:
    """The first answer that this row has got to any of the requests."""
    with tenant(subject.account.pk, durable=True):
        call = (
            AiCall.objects.for_account(subject.account)
            .filter(
                related_type=subject.related_type,
                related_id=subject.related_id,
                request_hash__in=hashes,
                status=AiCallStatus.SUCCEEDED,
            )
            .order_by("pk")
            .first()
        )
    return None if call is None else _completion(call, output=output, is_reused=True)


def begin(
    subject: Subject,
    provider: TextProvider,
    prompt: RenderedPrompt,
    *,
    request_hash: str,
    now: datetime,
) -> AiCall:
    """The row of a call that is about to be made; calls of earlier attempts are closed."""
    with tenant(subject.account.pk, durable=True):
        earlier = AiCall.objects.for_account(subject.account).filter(
            related_type=subject.related_type,
            related_id=subject.related_id,
            request_hash=request_hash,
            status=AiCallStatus.STARTED,
            lease_token__lt=subject.lease_token,
        )
        for call in earlier.order_by("pk"):
            _fail(call, ErrorClass.TRANSIENT, ABANDONED, now=now)
        return AiCall.unscoped.create(
            account=subject.account,
            related_type=subject.related_type,
            related_id=subject.related_id,
            lease_token=subject.lease_token,
            request_hash=request_hash,
            prompt=prompt.reference,
            provider=provider.name,
            model=provider.model,
        )


def succeed(
    subject: Subject,
    call: AiCall,
    answer: TextAnswer,
    *,
    cost_usd_micros: int,
    is_demo: bool,
    now: datetime,
) -> Completion:
    """Store the answer; committed when this returns.

    :raises StaleState: a later attempt has closed the call.
    """
    parsed = answer.parsed.model_dump(mode="json") if answer.parsed else None
    stored_answer: Mapping[str, Any] = {
        "text": storable(answer.text),
        "parsed": _storable(parsed),
        "is_demo": is_demo,
        "is_cut": answer.finish_reason == "length",
    }
    with tenant(subject.account.pk, durable=True):
        advance(
            call,
            AiCallStatus.SUCCEEDED,
            table=AI_CALL,
            now=now,
            answer=stored_answer,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            cost_usd_micros=cost_usd_micros,
            provider_ref=answer.provider_ref[:200],
            ended_at=now,
        )
    output = type(answer.parsed) if answer.parsed else None
    return _completion(call, output=output, is_reused=False)


def fail(
    subject: Subject, call: AiCall, error: Exception, *, cost_usd_micros: int, now: datetime
) -> None:
    """Close a call that gave nothing.

    :raises StaleState: a later attempt has closed the call.
    """
    message = error.message if isinstance(error, DomainError) else type(error).__name__
    used = error if isinstance(error, ProviderError) else ProviderError("")
    with tenant(subject.account.pk, durable=True):
        _fail(
            call,
            error_class_of(error),
            message,
            now=now,
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            cost_usd_micros=cost_usd_micros,
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


def _completion(call: AiCall, *, output: type[BaseModel] | None, is_reused: bool) -> Completion:
    answer = call.answer or {}
    return Completion(
        text=answer["text"],
        parsed=output.model_validate(answer["parsed"]) if output else None,
        usage=Usage(
            provider=call.provider,
            model=call.model,
            prompt_tokens=call.prompt_tokens,
            completion_tokens=call.completion_tokens,
            cost_usd_micros=call.cost_usd_micros,
        ),
        prompt=call.prompt,
        request_hash=call.request_hash,
        call_id=call.pk,
        is_demo=answer["is_demo"],
        is_cut=answer["is_cut"],
        is_reused=is_reused,
    )


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key): _storable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner) for inner in value]
    return value
