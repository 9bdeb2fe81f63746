"""The whole door with the real built-in model: text, a stream, and a typed answer."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel, Field

from igny8_core.ai import registry
from igny8_core.ai.checks import check_provider
from igny8_core.ai.prompts import RenderedPrompt
from igny8_core.ai.providers import http
from tests.ai.doors import GRANT, PaidWork
from tests.ai.jobs import calls
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings

    from igny8_core.ai.engine import Session

pytestmark = [pytest.mark.processes, pytest.mark.django_db, pytest.mark.timeout(240)]

MODULE = "igny8_core.engines.model_server"
PROMPT = RenderedPrompt(
    name="test",
    version=1,
    digest="d",
    system="You answer readers' questions in plain, factual sentences.",
    user="What should I know when I look for a small grey sofa?",
    max_tokens=32,
    temperature=0.0,
)


class Advice(BaseModel):
    """A form that the small model can fill in: the server holds it to the grammar."""

    colour: str = Field(max_length=20)
    seats: int


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    command = [sys.executable, "-m", MODULE, "--port", "0", "--slots", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().rsplit(maxsplit=1)[-1]
    http.shut_down()
    process.terminate()
    process.wait(20)
    process.stdout.close()


@pytest.fixture
def job(model_url: str, settings: Settings) -> PaidWork:
    settings.LOCAL_MODEL_URL = model_url
    account = make_billing.account_with(GRANT)
    return PaidWork(account, providers=registry.text_providers(account), timeout_seconds=120)


def test_it_writes_and_is_charged_like_any_model(job: PaidWork) -> None:
    def work(session: Session) -> str:
        answer = session.complete_text(PROMPT)
        assert answer.is_demo
        return answer.text

    charged = job.run(work=work)

    assert len(job.stored[0].split()) > 10
    assert job.books() == (GRANT - charged, 0, 1)
    [row] = calls(job.account)
    assert (row.provider, row.cost_usd_micros) == ("local", 0)
    assert 20 < row.prompt_tokens < 100
    assert 16 <= row.completion_tokens <= 32


def test_its_words_come_one_by_one(job: PaidWork) -> None:
    def work(session: Session) -> str:
        stream = session.stream_text(PROMPT)
        job.shown.extend(stream)
        return stream.completion.text

    job.run(work=work)

    assert len(job.shown) > 10
    assert "".join(job.shown) == job.stored[0]


def test_a_typed_answer_has_its_form(job: PaidWork) -> None:
    def work(session: Session) -> Advice:
        answer: Advice = session.complete_text(PROMPT, output=Advice, max_tokens=80).parsed
        return answer

    job.run(work=work)

    assert isinstance(job.stored[0], Advice)


def test_connection_to_it_has_no_problems(job: PaidWork) -> None:
    assert check_provider(job.providers[0], now=make_billing.NOW) == []
