"""The door: its order of work, and that failures, repeats and crashes cost nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.db import transaction

from igny8_core.ai import engine, journal
from igny8_core.ai.errors import (
    AnswerMalformed,
    AnswerRefused,
    CapReached,
    ContextTooLong,
    CostCapReached,
    NoTextModel,
    ProviderKeyRefused,
    ProviderUnavailable,
    RateLimited,
    UnknownPrice,
)
from igny8_core.ai.ports import COSTS_MONEY, Capabilities, TextAnswer
from igny8_core.ai.providers.fake import FakeProvider
from igny8_core.common.errors import Conflict, InsufficientCredits, StaleState
from igny8_core.common.tenancy.context import tenant
from tests.ai.jobs import NOW, PROMPT, Crash, Job, calls, outcomes

if TYPE_CHECKING:
    from igny8_core.ai.engine import Finish, Session
    from igny8_core.ai.journal import Completion

pytestmark = pytest.mark.django_db


# --- order of work


def test_work_is_reserved_called_stored_and_captured_in_this_order(job: Job) -> None:
    provider = job.providers[0]
    asked: list[str] = []

    def work(session: Session) -> list[Completion]:
        done = job.work(session)
        asked.extend(outcomes(job.account))
        job.credits.events.append("answered")
        return done

    text = job.run(work=work)

    assert text == "A sentence."
    assert job.credits.events == ["reserve", "answered", "fence", "capture"]
    assert asked == ["succeeded"], "the answer is committed before anything is stored"
    assert len(provider.requests) == 1
    assert (job.credits.available, job.credits.held) == (98, {})
    assert job.credits.usages[0].completion_tokens == 2


def test_many_calls_go_under_one_reservation(job: Job) -> None:
    sections = tuple(PROMPT.__class__(**{**PROMPT.__dict__, "user": f"Part {n}"}) for n in range(3))
    job.prompts = sections

    job.run()

    assert job.credits.events == ["reserve", "fence", "capture"]
    assert job.credits.usages[0].prompt_tokens == 30
    assert [call.lease_token for call in calls(job.account)] == [1, 1, 1]


def test_no_credits_no_call(job: Job) -> None:
    job.credits.available = 10

    with pytest.raises(InsufficientCredits):
        job.run()

    assert job.providers[0].requests == []
    assert calls(job.account) == []


def test_an_unknown_price_refuses_before_anything_is_held_or_called(job: Job) -> None:
    paid = FakeProvider(capabilities=COSTS_MONEY, name="openai", model="nobody-knows-me")
    job.providers = [paid]

    with pytest.raises(UnknownPrice):
        job.run()

    assert job.credits.events == []
    assert paid.requests == []


def test_a_known_price_is_kept_with_the_call(job: Job) -> None:
    answer = TextAnswer(text="Seven.", prompt_tokens=1000, completion_tokens=500)
    job.providers = [
        FakeProvider([answer], capabilities=COSTS_MONEY, name="openai", model="gpt-5-mini")
    ]

    job.run()

    assert calls(job.account)[0].cost_usd_micros == 1250
    assert job.credits.usages[0].cost_usd_micros == 1250


def test_a_call_that_could_cost_too_much_is_not_made(job: Job) -> None:
    paid = FakeProvider(capabilities=COSTS_MONEY, name="openai", model="gpt-5-mini")
    job.providers = [paid]

    with pytest.raises(CostCapReached):
        job.run(max_cost_usd_micros=100)

    assert paid.requests == []
    assert job.credits.available == 100


def test_a_request_that_does_not_fit_is_not_sent(job: Job) -> None:
    small = FakeProvider(capabilities=Capabilities(is_free=True, max_context_tokens=110))
    job.providers = [small]

    with pytest.raises(ContextTooLong):
        job.run()

    assert small.requests == []


def test_no_call_inside_a_transaction(job: Job) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError):
        job.run()

    assert job.providers[0].requests == []


def test_finish_belongs_into_the_callers_transaction(job: Job) -> None:
    def save(answers: list[Completion], finish: Finish) -> None:
        finish(quantities={"per_words": 1})

    with pytest.raises(RuntimeError, match="transaction"):
        job.run(save=save)

    assert job.credits.events == ["reserve", "release"]


def test_a_save_that_does_not_capture_is_a_bug(job: Job) -> None:
    with pytest.raises(RuntimeError, match="must call finish"):
        job.run(save=lambda *_: None)

    assert job.credits.available == 100


OWN, SHARED = Capabilities(is_free=True, is_own_key=True), Capabilities(is_free=True)


@pytest.mark.parametrize(
    ("capabilities", "is_own_key"),
    [([OWN], True), ([OWN, OWN], True), ([OWN, SHARED], False), ([SHARED], False)],
    ids=["own", "own and own", "own and shared", "shared"],
)
def test_work_is_at_the_price_of_own_keys_only_when_all_are(
    capabilities: list[Capabilities], *, is_own_key: bool, job: Job
) -> None:
    job.providers = [FakeProvider(capabilities=each) for each in capabilities]

    job.run()

    assert job.credits.own_keys == [is_own_key]


def test_work_without_a_provider_has_no_key_of_its_own(job: Job) -> None:
    job.providers = []

    job.run(work=lambda _: [])

    assert job.credits.own_keys == [False]


def test_work_makes_a_bounded_number_of_calls(job: Job) -> None:
    def work(session: Session) -> list[Completion]:
        return [
            session.complete_text(PROMPT, variant=number)
            for number in range(engine.CALLS_PER_WORK_MAX + 1)
        ]

    with pytest.raises(CapReached, match="too many calls"):
        job.run(work=work)

    assert len(job.providers[0].requests) == engine.CALLS_PER_WORK_MAX
    assert job.credits.available == 100


# --- failures


FAILURES = [
    ProviderUnavailable("down"),
    ProviderKeyRefused("no"),
    AnswerRefused("no"),
    RateLimited("wait", retry_after_seconds=0.01),
    ValueError("a bug"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_failed_call_costs_nothing(failure: Exception, job: Job) -> None:
    job.providers = [FakeProvider([failure] * engine.TRIES_MAX, name=type(failure).__name__)]

    with pytest.raises(type(failure)):
        job.run()

    assert job.credits.available == 100
    assert job.credits.events[-1] == "release"
    assert job.stored == []
    assert set(outcomes(job.account)) == {"failed"}


def test_what_may_pass_at_once_is_repeated_a_bounded_number_of_times(job: Job) -> None:
    job.providers = [FakeProvider([ProviderUnavailable("down")] * 5)]

    with pytest.raises(ProviderUnavailable):
        job.run()

    assert len(job.providers[0].requests) == engine.TRIES_MAX


def test_a_repeat_that_succeeds_is_an_answer(job: Job) -> None:
    job.providers = [FakeProvider([AnswerMalformed("not JSON"), "Good."])]

    assert job.run() == "Good."
    assert outcomes(job.account) == ["failed", "succeeded"]
    assert calls(job.account)[0].error_class == "poison"


@pytest.mark.parametrize(
    "failure", [ProviderKeyRefused("no"), AnswerRefused("no")], ids=["permanent", "poison"]
)
def test_what_will_not_pass_is_not_repeated(failure: Exception, job: Job) -> None:
    job.providers = [FakeProvider([failure])]

    with pytest.raises(type(failure)):
        job.run()

    assert len(job.providers[0].requests) == 1


def test_the_next_provider_answers_where_the_first_cannot(job: Job) -> None:
    job.providers = [FakeProvider([ProviderKeyRefused("no")], name="a"), FakeProvider(name="b")]

    job.run()

    assert [(call.provider, call.status) for call in calls(job.account)] == [
        ("a", "failed"),
        ("b", "succeeded"),
    ]
    assert job.credits.usages[0].provider == "b"


def test_a_refusal_is_not_taken_to_another_provider(job: Job) -> None:
    job.providers = [FakeProvider([AnswerRefused("no")], name="a"), FakeProvider(name="b")]

    with pytest.raises(AnswerRefused):
        job.run()

    assert job.providers[1].requests == []


def test_without_a_provider_there_is_no_text(job: Job) -> None:
    job.providers = []

    with pytest.raises(NoTextModel):
        job.run()

    assert job.credits.available == 100


def test_what_a_useless_answer_cost_is_kept(job: Job) -> None:
    useless = AnswerMalformed("not JSON")
    useless.prompt_tokens, useless.completion_tokens = 1000, 500
    job.providers = [
        FakeProvider([useless], capabilities=COSTS_MONEY, name="openai", model="gpt-5-mini")
    ]

    job.run()

    assert [call.cost_usd_micros > 0 for call in calls(job.account)] == [True, True]
    assert calls(job.account)[0].cost_usd_micros == 1250


# --- repeats, crashes, take-over


def crash() -> None:
    raise Crash


def test_a_crash_between_answer_and_save_pays_the_provider_once(job: Job) -> None:
    job.before_save = crash
    with pytest.raises(Crash):
        job.run()
    assert job.credits.held == {1: 40}, "nobody could give it back"
    job.before_save = lambda: None
    job.lease_token = 2

    assert job.run() == "A sentence."

    assert len(job.providers[0].requests) == 1
    assert job.credits.captured == {1: 2}
    assert job.stored == ["A sentence."]
    assert outcomes(job.account) == ["succeeded"]


def test_a_crash_during_the_call_leaves_its_row_to_the_next_attempt(job: Job) -> None:
    job.providers = [FakeProvider([Crash(), "Later."])]
    with pytest.raises(Crash):
        job.run()
    assert outcomes(job.account) == ["started"]
    job.lease_token = 2

    assert job.run() == "Later."

    first, second = calls(job.account)
    assert (first.status, first.error) == ("failed", journal.ABANDONED)
    assert (second.status, second.lease_token) == ("succeeded", 2)
    assert job.credits.captured == {1: 1}


def test_a_worker_that_lost_its_attempt_stores_and_releases_nothing(job: Job) -> None:
    later = Job(job.account, job.credits, job.providers, lease_token=2)
    job.before_save = lambda: later.credits.reserve(  # type: ignore[assignment]
        operation="content",
        quantities={"per_words": 40},
        idempotency_key="content:7",
        related_type="writing_task",
        related_id=7,
        ttl=engine.HOLD_TTL,
        now=NOW,
    )

    with pytest.raises(StaleState):
        job.run()

    assert job.stored == []
    assert "release" not in job.credits.events
    assert later.run() == "A sentence."
    assert job.credits.captured == {1: 2}


def test_an_answer_after_the_take_over_is_dropped(job: Job) -> None:
    with tenant(job.account.pk):
        subject = journal.Subject(job.account, "writing_task", 7, lease_token=1)
    late = journal.begin(subject, job.providers[0], prompt="test/v1", request_hash="h", now=NOW)
    newer = journal.Subject(job.account, "writing_task", 7, lease_token=2)
    journal.begin(newer, job.providers[0], prompt="test/v1", request_hash="h", now=NOW)

    with pytest.raises(StaleState):
        journal.succeed_text(
            subject,
            late,
            TextAnswer(text="late", prompt_tokens=1, completion_tokens=1),
            cost_usd_micros=0,
            is_demo=False,
            now=NOW,
        )

    assert outcomes(job.account) == ["failed", "started"]


def test_a_repeat_of_finished_work_charges_nothing(job: Job) -> None:
    job.run()

    with pytest.raises(Conflict):
        job.run()

    assert job.credits.captured == {1: 2}
    assert len(job.providers[0].requests) == 1


def test_a_failure_after_the_commit_does_not_give_captured_credits_back(job: Job) -> None:
    def save(answers: list[Completion], finish: Finish) -> str:
        job.save(answers, finish)
        raise ValueError("a broken hook after the commit")

    with pytest.raises(ValueError, match="hook"):
        job.run(save=save)

    assert job.credits.captured == {1: 2}
