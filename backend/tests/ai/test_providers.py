"""Every provider through its real SDK against the wire format, with everything that goes wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from igny8_core.ai import errors
from igny8_core.ai.errors import ErrorClass, ProviderError, RateLimited
from igny8_core.ai.ports import TextRequest
from igny8_core.ai.providers import http
from igny8_core.ai.providers.anthropic import anthropic_provider
from igny8_core.ai.providers.failures import RETRY_AFTER_SECONDS
from igny8_core.ai.providers.google import google_provider
from igny8_core.ai.providers.openai_compatible import local_provider, openai_provider
from tests.fakes import ai_server
from tests.fakes.ai_server import AiServer, Fault

if TYPE_CHECKING:
    from igny8_core.ai.ports import TextProvider

KEY = "sk-secret-of-the-test-0001"


class Page(BaseModel):
    title: str
    words: int


def provider(
    kind: str,
    server: AiServer,
    reach: http.Reach = http.Reach.ANYWHERE,
    model: str = "gpt-4.1-mini",
) -> TextProvider:
    if kind == "anthropic":
        return anthropic_provider(
            model="claude-sonnet-4-6",
            api_key=KEY,
            key_fingerprint="k",
            base_url=server.url,
            reach=reach,
        )
    if kind == "google":
        return google_provider(
            model="gemini-3.5-flash",
            api_key=KEY,
            key_fingerprint="k",
            base_url=server.url,
            reach=reach,
        )
    return openai_provider(
        model=model,
        api_key=KEY,
        key_fingerprint="k",
        base_url=server.url,
        name="openai_compatible",
        reach=reach,
    )


def request(output: type[BaseModel] | None = None, timeout_seconds: float = 20) -> TextRequest:
    return TextRequest(
        prompt="test/v1",
        system="You write.",
        user="What is a sofa?",
        max_tokens=64,
        timeout_seconds=timeout_seconds,
        temperature=0.4,
        output=output,
    )


KINDS = ["openai", "anthropic", "google"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_question_is_answered_with_its_tokens(kind: str, server: AiServer) -> None:
    answer = provider(kind, server).generate(request())

    assert answer.text == server.text
    assert answer.parsed is None
    assert (answer.prompt_tokens, answer.completion_tokens) == (40, 12)
    assert answer.finish_reason == "stop"
    assert answer.provider_ref
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_typed_question_is_answered_with_a_model(kind: str, server: AiServer) -> None:
    answer = provider(kind, server).generate(request(Page))

    assert answer.parsed == Page(title="Sofas", words=3)
    assert Page.model_validate_json(answer.text) == answer.parsed


def test_the_request_carries_the_prompt_and_the_limits(server: AiServer) -> None:
    provider("openai", server).generate(request())

    [sent] = server.requests
    assert sent.path == "/v1/chat/completions"
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert [message["content"] for message in sent.body["messages"]] == [
        "You write.",
        "What is a sofa?",
    ]
    assert 64 in {sent.body.get("max_tokens"), sent.body.get("max_completion_tokens")}


def test_claude_reads_our_prompt_and_nothing_that_the_adapter_adds(server: AiServer) -> None:
    model = provider("anthropic", server)

    model.generate(request())
    list(model.stream(request()))

    for sent in server.requests:
        system = sent.body["system"]
        assert [part["text"] for part in system] == ["You write."]


@pytest.mark.parametrize(("model", "is_sent"), [("gpt-4.1-mini", True), ("gpt-5-mini", False)])
def test_a_temperature_goes_only_to_models_that_take_one(
    model: str, *, is_sent: bool, server: AiServer
) -> None:
    provider("openai", server, model=model).generate(request())

    assert ("temperature" in server.requests[0].body) is is_sent


def test_an_answer_that_reached_its_limit_says_so(server: AiServer) -> None:
    server.will(Fault.LENGTH)

    assert provider("openai", server).generate(request()).finish_reason == "length"


FAULTS = [
    (Fault.SERVER_ERROR, errors.ProviderUnavailable, ErrorClass.TRANSIENT),
    (Fault.OVERLOADED, errors.ProviderUnavailable, ErrorClass.TRANSIENT),
    (Fault.CUT, errors.ProviderInterrupted, ErrorClass.TRANSIENT),
    (Fault.KEY_REFUSED, errors.ProviderKeyRefused, ErrorClass.PERMANENT),
    (Fault.QUOTA_SPENT, errors.ProviderQuotaSpent, ErrorClass.PERMANENT),
    (Fault.MODEL_UNKNOWN, errors.ModelUnknown, ErrorClass.PERMANENT),
    (Fault.CONTEXT_TOO_LONG, errors.ContextTooLong, ErrorClass.PERMANENT),
    (Fault.REFUSAL, errors.AnswerRefused, ErrorClass.POISON),
    (Fault.CONTENT_FILTER, errors.AnswerRefused, ErrorClass.POISON),
    (Fault.HUGE, errors.AnswerTooLarge, ErrorClass.POISON),
    (Fault.MALFORMED, errors.AnswerMalformed, ErrorClass.POISON),
    (Fault.EMPTY, errors.AnswerMalformed, ErrorClass.POISON),
]


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize(("fault", "error", "error_class"), FAULTS)
def test_each_fault_has_an_error_of_its_own(
    kind: str,
    fault: Fault,
    error: type[ProviderError],
    error_class: ErrorClass,
    server: AiServer,
) -> None:
    server.will(fault)

    with pytest.raises(ProviderError) as failed:
        provider(kind, server).generate(request())

    assert type(failed.value) is error
    assert failed.value.error_class is error_class
    assert "sk-" not in failed.value.message
    assert len(server.requests) == 1, "the SDK must not repeat by itself"


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_of_another_form_is_malformed_and_says_what_it_used(
    kind: str, server: AiServer
) -> None:
    server.will(Fault.WRONG_SCHEMA)

    with pytest.raises(errors.AnswerMalformed) as failed:
        provider(kind, server).generate(request(Page))

    assert (failed.value.prompt_tokens, failed.value.completion_tokens) == (40, 12)


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_a_rate_limit_says_how_long_to_wait(kind: str, server: AiServer) -> None:
    server.will(Fault.RATE_LIMIT, Fault.RATE_LIMIT_SILENT)

    with pytest.raises(RateLimited) as told:
        provider(kind, server).generate(request())
    with pytest.raises(RateLimited) as silent:
        provider(kind, server).generate(request())

    assert told.value.retry_after_seconds == ai_server.RETRY_AFTER_SECONDS
    assert silent.value.retry_after_seconds == RETRY_AFTER_SECONDS
    assert told.value.error_class is ErrorClass.RATE


@pytest.mark.parametrize("kind", KINDS)
def test_a_slow_answer_times_out(kind: str, server: AiServer) -> None:
    server.will(Fault.SLOW)

    with pytest.raises(errors.ProviderTimeout):
        provider(kind, server).generate(request(timeout_seconds=0.3))


def test_a_server_that_is_not_there_cannot_be_reached() -> None:
    absent = openai_provider(model="m", key_fingerprint="k", base_url="http://127.0.0.1:1")

    with pytest.raises(errors.ProviderUnavailable, match="cannot be reached"):
        absent.generate(request())

    http.shut_down()


@pytest.mark.parametrize("kind", KINDS)
def test_an_address_that_an_account_typed_in_has_to_be_public(kind: str, server: AiServer) -> None:
    with pytest.raises(errors.RequestRejected, match="not a public address"):
        provider(kind, server, http.Reach.PUBLIC).generate(request())

    assert server.requests == []


def test_the_built_in_model_is_a_free_demo(server: AiServer) -> None:
    model = local_provider(server.url)

    assert model.capabilities.is_demo
    assert model.capabilities.is_free
    assert model.generate(request()).text == server.text
