"""The journal answers again: what was asked and paid for once is not asked anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.ai import engine
from igny8_core.ai.ports import Capabilities
from igny8_core.ai.prompts import RenderedPrompt
from igny8_core.ai.providers.fake import FakeProvider
from igny8_core.ai.states import AI_CALL, AiCallStatus
from tests import make
from tests.ai.jobs import NOW, PROMPT, Job, Page

if TYPE_CHECKING:
    from igny8_core.ai.journal import Completion
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db


def complete(account: Account, provider: FakeProvider, **options: Any) -> Completion:
    values: dict[str, Any] = {"related_id": 7, "prompt": PROMPT} | options
    return engine.complete_text(
        account=account,
        providers=[provider],
        related_type="image",
        clock=lambda: NOW,
        **values,
    )


def test_the_same_request_for_the_same_row_is_answered_from_the_journal(job: Job) -> None:
    provider = job.providers[0]
    first = complete(job.account, provider)

    again = complete(job.account, provider)

    assert (first.is_reused, again.is_reused) == (False, True)
    assert again.text == first.text
    assert again.call_id == first.call_id
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"related_id": 8},
        {"variant": 1},
        {"prompt": RenderedPrompt(**{**PROMPT.__dict__, "digest": "edited"})},
        {"prompt": RenderedPrompt(**{**PROMPT.__dict__, "user": "And a chair?"})},
    ],
    ids=["other row", "other variant", "edited prompt", "other question"],
)
def test_another_request_is_asked_anew(options: dict[str, Any], job: Job) -> None:
    provider = job.providers[0]
    complete(job.account, provider)

    assert not complete(job.account, provider, **options).is_reused
    assert len(provider.requests) == 2


def test_another_account_never_gets_the_answer(job: Job) -> None:
    provider = job.providers[0]
    complete(job.account, provider)

    assert not complete(make.account(), provider).is_reused


def test_a_typed_answer_comes_back_as_a_model(job: Job) -> None:
    provider = FakeProvider([Page(title="Sofas")])
    complete(job.account, provider, output=Page)

    again = complete(job.account, provider, output=Page)

    assert again.is_reused
    assert again.parsed == Page(title="Sofas")


def test_the_demo_models_text_is_marked(job: Job) -> None:
    demo = FakeProvider(capabilities=Capabilities(is_demo=True, is_free=True))

    assert complete(job.account, demo).is_demo
    assert complete(job.account, demo).is_demo, "from the journal too"


def test_characters_that_cannot_be_stored_are_dropped(job: Job) -> None:
    assert complete(job.account, FakeProvider(["A\x00 so\x1bfa."])).text == "A sofa."


@pytest.mark.parametrize("source", list(AiCallStatus))
@pytest.mark.parametrize("target", list(AiCallStatus))
def test_only_a_started_call_ends(source: AiCallStatus, target: AiCallStatus) -> None:
    expected = source is AiCallStatus.STARTED and target is not AiCallStatus.STARTED
    assert AI_CALL.allows(source, target) is expected
