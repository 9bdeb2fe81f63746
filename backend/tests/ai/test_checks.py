"""Test connection, and rules in place of a model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from igny8_core.ai.breaker import check_circuit
from igny8_core.ai.checks import check_provider, check_setting
from igny8_core.ai.errors import (
    AnswerMalformed,
    ErrorClass,
    ProviderPaused,
    RequestRejected,
    UnknownPrice,
    WorkCancelled,
    error_class_of,
)
from igny8_core.ai.models import ProviderSetting
from igny8_core.ai.ports import Capabilities, Hold, TextRequest, Usage
from igny8_core.ai.providers import http
from igny8_core.ai.providers.openai_compatible import api_address, openai_provider
from igny8_core.ai.providers.rules import RulesProvider
from igny8_core.ai.services import save_provider_setting
from igny8_core.ai.states import ProviderKind
from igny8_core.common.errors import InvalidInput, StaleState
from tests import make
from tests.fakes.ai_server import AiServer, Fault

if TYPE_CHECKING:
    from pytest_django import Settings

    from igny8_core.auth.models import Account

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FREE = Capabilities(is_free=True)


def check(url: str, *, is_free: bool = True) -> list[str]:
    provider = openai_provider(
        model="llama",
        key_fingerprint="k",
        base_url=url,
        name="openai_compatible",
        capabilities=Capabilities(is_free=is_free),
    )
    return check_provider(provider, now=NOW)


def test_a_provider_that_works_has_no_problems(server: AiServer) -> None:
    assert check(server.url) == []


@pytest.mark.parametrize(
    ("fault", "begins"),
    [
        (Fault.KEY_REFUSED, "Key: check"),
        (Fault.QUOTA_SPENT, "Key: it works"),
        (Fault.MODEL_UNKNOWN, "Model or address"),
        (Fault.SERVER_ERROR, "Address"),
        (Fault.RATE_LIMIT, "Limit"),
        (Fault.MALFORMED, "Answer"),
        (Fault.CONTEXT_TOO_LONG, "Request"),
    ],
)
def test_what_is_wrong_is_said_in_words(fault: Fault, begins: str, server: AiServer) -> None:
    server.will(fault)

    [problem] = check(server.url)

    assert problem.startswith(begins)


def test_an_address_where_nobody_is() -> None:
    [problem] = check("http://127.0.0.1:1")

    assert problem.startswith("Address: the server cannot be reached")
    http.shut_down()


def test_an_unknown_price_is_a_problem_of_its_own(server: AiServer) -> None:
    [problem] = check(server.url, is_free=False)

    assert problem.startswith("Price: The price of llama")


@pytest.mark.parametrize(
    ("typed", "used"),
    [
        ("http://localhost:11434", "http://localhost:11434/v1"),
        ("http://localhost:11434/", "http://localhost:11434/v1"),
        ("https://api.example.com/openai/v1", "https://api.example.com/openai/v1"),
        ("https://api.example.com/v1beta", "https://api.example.com/v1beta"),
    ],
)
def test_an_address_gets_the_version_that_it_lacks(typed: str, used: str) -> None:
    assert api_address(typed) == used


def setting_of(account: Account, url: str, **fields: Any) -> ProviderSetting:
    values: dict[str, Any] = {"model": "llama", "api_key": "sk-1", "is_free": True} | fields
    return save_provider_setting(
        account=account, provider=ProviderKind.OPENAI_COMPATIBLE, base_url=url, **values
    )


@pytest.mark.django_db
def test_a_setting_is_diagnosed_whole(server: AiServer, settings: Settings) -> None:
    settings.PROVIDER_PRIVATE_ADDRESSES = True
    account = make.account()

    setting = setting_of(account, server.url)
    fine = check_setting(account=account, setting_id=setting.pk, now=NOW)
    server.will(Fault.KEY_REFUSED)
    setting_of(account, server.url, image_model="some", is_free=False)
    refused = check_setting(account=account, setting_id=setting.pk, now=NOW)

    assert (fine.is_usable, fine.problems) == (True, [])
    assert 0 < fine.seconds < 10
    assert [problem.partition(":")[0] for problem in refused.problems] == ["Price", "Key", "Price"]
    assert not refused.is_usable


@pytest.mark.django_db
def test_a_model_for_pictures_is_not_asked(server: AiServer, settings: Settings) -> None:
    settings.PROVIDER_PRIVATE_ADDRESSES = True
    account = make.account()
    setting = setting_of(account, server.url, model="", image_model="flux")

    found = check_setting(account=account, setting_id=setting.pk, now=NOW)

    assert (found.problems, found.seconds) == ([], 0.0)
    assert server.requests == []


@pytest.mark.django_db
def test_a_key_that_cannot_be_opened_is_said_in_words(server: AiServer) -> None:
    account = make.account()
    setting = setting_of(account, "https://models.example.com")
    ProviderSetting.unscoped.filter(pk=setting.pk).update(sealed_key="of another installation")

    found = check_setting(account=account, setting_id=setting.pk, now=NOW)

    assert found.problems == ["Key: what is stored cannot be opened any more. Type it in again."]
    assert server.requests == []


@pytest.mark.django_db
def test_the_built_in_model_may_not_run() -> None:
    account = make.account()
    setting = save_provider_setting(account=account, provider=ProviderKind.LOCAL, model="built-in")

    [problem] = check_setting(account=account, setting_id=setting.pk, now=NOW).problems

    assert problem.startswith("Model: No text model is set up")


def test_a_test_that_succeeds_closes_the_circuit(server: AiServer) -> None:
    model = openai_provider(
        model="llama", key_fingerprint=server.url, base_url=server.url, capabilities=FREE
    )
    server.will(Fault.QUOTA_SPENT)
    assert check_provider(model, now=NOW) != []
    with pytest.raises(ProviderPaused):
        check_circuit(model)

    assert check_provider(model, now=NOW) == []

    check_circuit(model)


# --- rules


class Meta(BaseModel):
    title: str


def ask(provider: RulesProvider, prompt: str, output: type[BaseModel] | None = None) -> object:
    request = TextRequest(
        prompt=prompt,
        system="",
        user="",
        max_tokens=1,
        timeout_seconds=1.0,
        output=output,
        hints={"keyword": "sofas"},
    )
    answer = provider.generate(request)
    return answer.parsed or answer.text


RULES = RulesProvider(
    rules={
        "title": lambda hints: f"All about {hints['keyword']}",
        "meta": lambda hints: Meta(title=str(hints["keyword"]).title()),
    }
)


def test_a_rule_answers_from_the_prompts_variables() -> None:
    assert ask(RULES, "title/v1") == "All about sofas"
    assert ask(RULES, "meta/v2", Meta) == Meta(title="Sofas")


def test_a_prompt_without_a_rule_is_refused() -> None:
    with pytest.raises(RequestRejected):
        ask(RULES, "poem/v1")


def test_a_rule_that_gives_another_form_is_told() -> None:
    with pytest.raises(AnswerMalformed):
        ask(RULES, "title/v1", Meta)


# --- what the pipeline asks


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UnknownPrice("?"), ErrorClass.PERMANENT),
        (AnswerMalformed("?"), ErrorClass.POISON),
        (StaleState("?"), ErrorClass.TRANSIENT),
        (WorkCancelled("?"), ErrorClass.CANCELLED),
        (InvalidInput("?"), ErrorClass.PERMANENT),
        (KeyError("a bug"), ErrorClass.POISON),
    ],
)
def test_every_error_has_a_class(error: Exception, expected: ErrorClass) -> None:
    assert error_class_of(error) is expected


def test_usages_add_up_under_the_last_name() -> None:
    total = Usage.total([Usage("a", "m", 1, 2, 3), Usage("b", "n", 10, 20, 30)])

    assert total == Usage("b", "n", 11, 22, 33)
    with pytest.raises(ValueError, match="no usage"):
        Usage.total([])


def test_a_hold_is_a_value() -> None:
    assert Hold(1, 2, 3) == Hold(1, 2, 3)
