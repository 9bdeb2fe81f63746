"""Every fault of a provider: its own message, its own decision to repeat, and no charge.

Through the real SDKs, the whole door and the real ledger, in all four ways of asking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from igny8_core.ai import errors
from igny8_core.ai.calls import TRIES_MAX
from igny8_core.ai.errors import ErrorClass, ProviderError, RateLimited
from igny8_core.ai.providers.failures import RETRY_AFTER_SECONDS
from tests.ai.doors import GRANT, KEY, PaidWork, images, text_provider
from tests.ai.jobs import calls
from tests.fakes import ai_server
from tests.fakes.ai_server import Fault
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from tests.fakes.ai_server import AiServer

pytestmark = pytest.mark.django_db

SHORT_SECONDS = 0.6
AGAIN, ONCE = TRIES_MAX, 1
TRANSIENT, RATE, PERMANENT, POISON = (
    ErrorClass.TRANSIENT,
    ErrorClass.RATE,
    ErrorClass.PERMANENT,
    ErrorClass.POISON,
)


@dataclass(frozen=True)
class Expected:
    """What becomes of a fault: which error, how often it was tried, what a person reads."""

    error: type[ProviderError]
    error_class: ErrorClass
    tries: int
    says: str


EXPECTED = {
    Fault.RATE_LIMIT: Expected(errors.RateLimited, RATE, ONCE, "asks for a pause of 7 s"),
    Fault.RATE_LIMIT_SILENT: Expected(
        errors.RateLimited, RATE, ONCE, "does not say for how long; we take a pause of 20 s"
    ),
    Fault.SERVER_ERROR: Expected(
        errors.ProviderUnavailable, TRANSIENT, AGAIN, "has a fault of its own"
    ),
    Fault.OVERLOADED: Expected(errors.ProviderUnavailable, TRANSIENT, AGAIN, "Too busy"),
    Fault.SLOW: Expected(errors.ProviderTimeout, TRANSIENT, ONCE, "did not answer in time"),
    Fault.CUT: Expected(errors.ProviderInterrupted, TRANSIENT, AGAIN, "broke the connection off"),
    Fault.MALFORMED: Expected(
        errors.AnswerMalformed, POISON, AGAIN, "gave an answer that cannot be read"
    ),
    Fault.WRONG_SCHEMA: Expected(
        errors.AnswerMalformed, POISON, AGAIN, "gave an answer of the wrong form"
    ),
    Fault.EMPTY: Expected(errors.AnswerMalformed, POISON, AGAIN, "gave an empty answer"),
    Fault.REFUSAL: Expected(errors.AnswerRefused, POISON, ONCE, "declined to answer"),
    Fault.CONTENT_FILTER: Expected(
        errors.AnswerRefused, POISON, ONCE, "stopped the answer with its content filter"
    ),
    Fault.HUGE: Expected(errors.AnswerTooLarge, POISON, ONCE, "sent more than can be an answer"),
    Fault.LENGTH: Expected(
        errors.AnswerCutOff, POISON, ONCE, "needed more room than the answer may have"
    ),
    Fault.KEY_REFUSED: Expected(errors.ProviderKeyRefused, PERMANENT, ONCE, "refuses the key"),
    Fault.QUOTA_SPENT: Expected(
        errors.ProviderQuotaSpent, PERMANENT, ONCE, "has no quota or money left"
    ),
    Fault.MODEL_UNKNOWN: Expected(
        errors.ModelUnknown, PERMANENT, ONCE, "does not know the model or the address"
    ),
    Fault.CONTEXT_TOO_LONG: Expected(
        errors.ContextTooLong, PERMANENT, ONCE, "finds the request too long"
    ),
    Fault.CUT_CLEAN: Expected(
        errors.ProviderInterrupted, TRANSIENT, ONCE, "broke off in the middle of its answer"
    ),
    Fault.STALL: Expected(errors.ProviderTimeout, TRANSIENT, ONCE, "did not answer in time"),
    Fault.ERROR_EVENT: Expected(errors.ProviderUnavailable, TRANSIENT, ONCE, "Too busy"),
    Fault.NOT_A_PICTURE: Expected(
        errors.AnswerMalformed, POISON, AGAIN, "gave a picture that cannot be read"
    ),
    Fault.LINK_ONLY: Expected(
        errors.AnswerMalformed, POISON, AGAIN, "gave the address of a picture in place of"
    ),
}
STATUSES = [
    Fault.RATE_LIMIT,
    Fault.RATE_LIMIT_SILENT,
    Fault.SERVER_ERROR,
    Fault.OVERLOADED,
    Fault.KEY_REFUSED,
    Fault.QUOTA_SPENT,
    Fault.MODEL_UNKNOWN,
    Fault.CONTEXT_TOO_LONG,
]
ANSWERS = [Fault.SLOW, Fault.CUT, Fault.MALFORMED, Fault.REFUSAL, Fault.CONTENT_FILTER, Fault.HUGE]
FAULTS = {
    "text": [*STATUSES, *ANSWERS, Fault.EMPTY],
    "structured": [*STATUSES, *ANSWERS, Fault.WRONG_SCHEMA, Fault.LENGTH],
    "stream": [
        *STATUSES,
        *ANSWERS,
        Fault.EMPTY,
        Fault.CUT_CLEAN,
        Fault.STALL,
        Fault.ERROR_EVENT,
    ],
    "image": [
        *STATUSES,
        *ANSWERS,
        Fault.EMPTY,
        Fault.WRONG_SCHEMA,
        Fault.NOT_A_PICTURE,
        Fault.LINK_ONLY,
    ],
}
WIRES = {mode: ["openai", "anthropic"] for mode in FAULTS} | {"image": ["openai"]}
MIDDLE_OF_A_STREAM = {Fault.CUT, Fault.MALFORMED, Fault.HUGE, Fault.CONTENT_FILTER}
"""Faults that come after the first word: a page has shown it, so nothing is asked again."""

# What a wire says in other words, or cannot say at all.
SAYS = {
    ("anthropic", "text", Fault.CONTENT_FILTER): "declined to answer",
    ("anthropic", "structured", Fault.CONTENT_FILTER): "declined to answer",
    ("anthropic", "stream", Fault.CONTENT_FILTER): "declined to answer",
    ("openai", "stream", Fault.ERROR_EVENT): "has a fault of its own",
    ("openai", "image", Fault.REFUSAL): "stopped the answer with its content filter",
    ("openai", "image", Fault.EMPTY): "gave no picture",
    ("openai", "image", Fault.WRONG_SCHEMA): "gave no picture",
}


@pytest.mark.parametrize(
    ("mode", "wire", "fault"),
    [
        pytest.param(mode, wire, fault, id=f"{mode}-{wire}-{fault.value}")
        for mode, faults in FAULTS.items()
        for wire in WIRES[mode]
        for fault in faults
    ],
)
def test_a_fault_has_its_message_its_decision_and_no_charge(
    mode: str, wire: str, fault: Fault, server: AiServer
) -> None:
    expected = EXPECTED[fault]
    tries = ONCE if mode == "stream" and fault in MIDDLE_OF_A_STREAM else expected.tries
    is_slow = fault in {Fault.SLOW, Fault.STALL}
    job = PaidWork(
        make_billing.account_with(GRANT),
        mode,
        [text_provider(wire, server)],
        [images(server)] if mode == "image" else [],
        timeout_seconds=SHORT_SECONDS if is_slow else 20.0,
    )
    server.will(*[fault] * (TRIES_MAX + 1))

    with pytest.raises(ProviderError) as failed:
        job.run()

    assert type(failed.value) is expected.error
    assert failed.value.error_class is expected.error_class
    assert SAYS.get((wire, mode, fault), expected.says) in failed.value.message
    assert KEY not in failed.value.message
    assert "sk-" not in failed.value.message
    assert len(server.requests) == tries
    assert job.books() == (GRANT, 0, 0), "nothing is charged, held or logged"
    assert job.stored == []
    rows = calls(job.account)
    assert [row.status for row in rows] == ["failed"] * tries
    assert {row.error for row in rows} == {failed.value.message}


@pytest.mark.parametrize("mode", ["text", "structured", "stream", "image"])
def test_after_a_fault_the_same_work_succeeds_and_is_charged_once(
    mode: str, server: AiServer
) -> None:
    job = PaidWork(
        make_billing.account_with(GRANT),
        mode,
        [text_provider("openai", server)],
        [images(server)] if mode == "image" else [],
    )
    server.will(Fault.CONTEXT_TOO_LONG)
    with pytest.raises(errors.ContextTooLong):
        job.run()

    charged = job.run()

    assert charged > 0
    assert job.books() == (GRANT - charged, 0, 1)
    assert len(job.stored) == 1
    assert [row.status for row in calls(job.account)] == ["failed", "succeeded"]


def test_the_pause_that_a_provider_asks_for_is_told(server: AiServer) -> None:
    job = PaidWork(make_billing.account_with(GRANT), providers=[text_provider("openai", server)])
    server.will(Fault.RATE_LIMIT)

    with pytest.raises(RateLimited) as told:
        job.run()
    with pytest.raises(RateLimited) as still:
        job.run()

    assert told.value.retry_after_seconds == ai_server.RETRY_AFTER_SECONDS < RETRY_AFTER_SECONDS
    assert 0 < still.value.retry_after_seconds <= ai_server.RETRY_AFTER_SECONDS
    assert len(server.requests) == 1, "nobody asks before that time"
