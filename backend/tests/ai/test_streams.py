"""Answers that a page shows as they come: metered like any other, broken off when nobody reads."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from igny8_core.ai import engine
from igny8_core.ai.errors import (
    AnswerRefused,
    ProviderInterrupted,
    ProviderTimeout,
    ProviderUnavailable,
    WorkCancelled,
)
from igny8_core.ai.ports import TextAnswer, TextRequest
from igny8_core.ai.providers.fake import FakeProvider
from igny8_core.ai.providers.google import google_provider
from igny8_core.ai.providers.rules import RulesProvider
from tests import make
from tests.ai.doors import GRANT, PROMPT, PaidWork, text_provider
from tests.ai.jobs import calls
from tests.fakes.ai_server import Fault
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.ai.engine import TextStream
    from igny8_core.ai.ports import TextProvider
    from igny8_core.auth.models import Account
    from tests.fakes.ai_server import AiServer

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WIRES = ["openai", "anthropic"]


def stream(
    account: Account, *providers: TextProvider, is_cancelled: Callable[[], bool] = lambda: False
) -> TextStream:
    return engine.stream_text(
        account=account,
        providers=list(providers),
        prompt=PROMPT,
        related_type="page",
        related_id=7,
        is_cancelled=is_cancelled,
        clock=lambda: NOW,
    )


@pytest.mark.parametrize("wire", WIRES)
def test_the_words_come_one_by_one_and_the_whole_is_kept(wire: str, server: AiServer) -> None:
    account = make.account()
    answer = stream(account, text_provider(wire, server))

    words = list(answer)

    assert words == [f"{word} " for word in server.text.split()]
    assert answer.completion.text == "".join(words)
    usage = answer.completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (40, 12)
    [row] = calls(account)
    assert (row.status, row.completion_tokens) == ("succeeded", 12)


def test_google_streams_too(server: AiServer) -> None:
    model = google_provider(
        model="gemini-3.5-flash", api_key="k", key_fingerprint="k", base_url=server.url
    )
    request = TextRequest(prompt="p", system="", user="What?", max_tokens=64, timeout_seconds=10.0)

    *words, whole = model.stream(request)

    assert "".join(str(word) for word in words).split() == server.text.split()
    assert isinstance(whole, TextAnswer)
    assert (whole.prompt_tokens, whole.completion_tokens) == (40, 12)


def test_the_first_word_is_there_before_the_last_is_written(server: AiServer) -> None:
    goes_on = threading.Event()
    server.pauses.append(goes_on)
    words = iter(stream(make.account(), text_provider("openai", server)))

    first = next(words)
    goes_on.set()

    assert first == "A "
    assert len([first, *words]) == len(server.text.split())


def test_the_whole_answer_is_known_only_at_the_end(server: AiServer) -> None:
    answer = stream(make.account(), text_provider("openai", server))

    with pytest.raises(RuntimeError, match="has not ended"):
        answer.completion  # noqa: B018 - the question itself is refused


def test_a_repeat_is_answered_from_the_journal(server: AiServer) -> None:
    account, model = make.account(), text_provider("openai", server)
    first = "".join(stream(account, model))
    again = stream(account, model)

    assert list(again) == [first]
    assert again.completion.is_reused
    assert len(server.requests) == 1


def test_a_stream_is_charged_like_any_answer(server: AiServer) -> None:
    job = PaidWork(make_billing.account_with(GRANT), "stream", [text_provider("openai", server)])

    charged = job.run()

    assert job.books() == (GRANT - charged, 0, 1)
    assert job.stored == ["".join(job.shown)]


def test_before_the_first_word_it_is_tried_again_and_elsewhere(server: AiServer) -> None:
    account = make.account()
    dead = FakeProvider([ProviderUnavailable("down")] * 3, name="dead")
    server.will(Fault.SERVER_ERROR)

    words = list(stream(account, dead, text_provider("openai", server)))

    assert len(words) == len(server.text.split())
    assert [row.status for row in calls(account)] == ["failed"] * 4 + ["succeeded"]


def test_after_the_first_word_nothing_is_asked_again(server: AiServer) -> None:
    account = make.account()
    other = FakeProvider()
    server.will(Fault.CUT)
    shown: list[str] = []

    with pytest.raises(ProviderInterrupted):
        shown.extend(stream(account, text_provider("openai", server), other))

    assert shown == ["A ", "sofa ", "is "]
    assert other.requests == []
    assert len(server.requests) == 1


def test_an_error_that_another_provider_cannot_help_ends_it(server: AiServer) -> None:
    refusing, other = FakeProvider([AnswerRefused("no")], name="a"), FakeProvider(name="b")

    with pytest.raises(AnswerRefused):
        list(stream(make.account(), refusing, other))

    assert other.requests == []


@pytest.mark.parametrize("wire", WIRES)
def test_who_goes_away_breaks_the_call_off(wire: str, server: AiServer) -> None:
    account = make.account()
    server.text = "word " * 20_000
    answer = stream(account, text_provider(wire, server))
    words = iter(answer)
    next(words)

    answer.close()

    assert server.broken_off.wait(5), "the provider stops writing"
    [row] = calls(account)
    assert (row.status, row.error_class) == ("failed", "cancelled")
    answer.close()


def test_a_cancelled_stream_stops_in_the_middle(server: AiServer) -> None:
    account, cancelled = make.account(), threading.Event()
    server.text = "word " * 20_000
    words = iter(stream(account, text_provider("openai", server), is_cancelled=cancelled.is_set))
    next(words)
    cancelled.set()

    with pytest.raises(WorkCancelled):
        next(words)

    assert server.broken_off.wait(5)
    assert [row.error_class for row in calls(account)] == ["cancelled"]


def test_a_stream_that_drips_for_too_long_times_out(server: AiServer) -> None:
    model = text_provider("openai", server)
    server.pauses.extend(threading.Event() for _ in range(3))
    request = TextRequest(prompt="p", system="", user="?", max_tokens=64, timeout_seconds=0.5)

    with pytest.raises(ProviderTimeout):
        list(model.stream(request))


def test_rules_give_their_answer_at_once() -> None:
    rules = RulesProvider(rules={"test": lambda _: "By rule."})

    answer = stream(make.account(), rules)

    assert list(answer) == ["By rule."]
    assert answer.completion.text == "By rule."


def test_a_provider_that_never_ends_its_answer_is_interrupted() -> None:
    class Endless(FakeProvider):
        def stream(self, request: TextRequest):  # type: ignore[no-untyped-def]  # a test's double
            self.requests.append(request)
            yield "half of"

    account = make.account()

    with pytest.raises(ProviderInterrupted, match="did not end"):
        list(stream(account, Endless()))

    assert [row.status for row in calls(account)] == ["failed"]
