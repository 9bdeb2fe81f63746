"""What calls may cost in money: counted before they are made, whatever happens to them."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connections

from igny8_core.ai import engine
from igny8_core.ai.errors import (
    AnswerMalformed,
    AnswerRefused,
    CostCapReached,
    ProviderTimeout,
    ProviderUnavailable,
)
from igny8_core.ai.journal import ABANDONED
from igny8_core.ai.ports import COSTS_MONEY, Capabilities, TextAnswer
from igny8_core.ai.pricing import cost_usd_micros, prompt_tokens
from igny8_core.ai.providers.fake import FakeProvider
from tests.ai.doors import GRANT, PROMPT, PaidWork
from tests.ai.jobs import Crash, calls
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_django import Settings

    from igny8_core.ai.engine import Session

pytestmark = pytest.mark.django_db

NOW = make_billing.NOW
ANSWER = TextAnswer(text="Seven words.", prompt_tokens=20, completion_tokens=40)


def model(
    script: Iterable[TextAnswer | BaseException] = (), capabilities: Capabilities = COSTS_MONEY
) -> FakeProvider:
    return FakeProvider(
        [*script, *[ANSWER] * 9], name="openai", model="gpt-5-mini", capabilities=capabilities
    )


def cost(prompt: int, completion: int) -> int:
    return cost_usd_micros(model(), prompt_tokens=prompt, completion_tokens=completion, now=NOW)


def most() -> int:
    """Of one call with the test's prompt."""
    request = engine._text_request(PROMPT, max_tokens=None, temperature=None, timeout_seconds=1)
    return cost(prompt_tokens(request), PROMPT.max_tokens)


MOST, REAL = most(), cost(20, 40)


def job(*providers: FakeProvider) -> PaidWork:
    return PaidWork(make_billing.account_with(GRANT), providers=[*providers])


def counted(work: PaidWork) -> list[tuple[int, int]]:
    """Of every call: what it cost, and what it counts."""
    return [(row.cost_usd_micros, row.counted_usd_micros) for row in calls(work.account)]


def test_the_figures_of_this_test_differ() -> None:
    assert 0 < REAL < MOST


def test_a_call_counts_at_its_most_until_its_cost_is_known() -> None:
    paid = job(model())
    seen: list[tuple[int, int]] = []

    class Looks(FakeProvider):
        def generate(self, request):  # type: ignore[no-untyped-def]  # a test's double
            seen.extend(counted(paid))
            return super().generate(request)

    paid.providers = [Looks([ANSWER], name="openai", model="gpt-5-mini", capabilities=COSTS_MONEY)]
    paid.run()

    assert seen == [(0, MOST)]
    assert counted(paid) == [(REAL, REAL)]


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (ProviderTimeout("late"), MOST),
        (ProviderUnavailable("down"), 0),
        (AnswerRefused("no"), 0),
    ],
    ids=["unknown outcome", "not done", "not billed"],
)
def test_what_a_failed_call_counts(error: Exception, counts: int) -> None:
    paid = job(model([error] * 3))

    with pytest.raises(type(error)):
        paid.run()

    assert set(counted(paid)) == {(0, counts)}


def test_a_useless_answer_costs_what_it_did_and_the_work_knows() -> None:
    useless = AnswerMalformed("not JSON")
    useless.prompt_tokens, useless.completion_tokens = 20, 40
    paid = job(model([useless]))

    paid.run()

    assert counted(paid) == [(REAL, REAL), (REAL, REAL)]


def test_a_limit_of_the_work_holds_over_all_its_calls() -> None:
    paid = job(model())

    def work(session: Session) -> str:
        for variant in range(9):
            session.complete_text(PROMPT, variant=variant)
        return ""

    with pytest.raises(CostCapReached) as refused:
        paid.run(work=work, max_cost_usd_micros=MOST + 2 * REAL)

    assert refused.value.data["counted_usd_micros"] == 3 * REAL
    assert counted(paid) == [(REAL, REAL)] * 3
    assert paid.books() == (GRANT, 0, 0)


def test_repeats_of_a_call_count_too() -> None:
    paid = job(model([ProviderTimeout("late")]), model())

    with pytest.raises(CostCapReached):
        paid.run(max_cost_usd_micros=2 * MOST - 1)

    assert counted(paid) == [(0, MOST)]
    assert paid.providers[1].requests == []  # type: ignore[attr-defined]  # a fake's record


def test_a_call_that_died_with_its_worker_counts_in_the_next_attempt() -> None:
    paid = job(model([Crash()]))
    with pytest.raises(Crash):
        paid.run(max_cost_usd_micros=2 * MOST - 1)

    with pytest.raises(CostCapReached):
        paid.run(max_cost_usd_micros=2 * MOST - 1, lease_token=2)
    paid.run(max_cost_usd_micros=2 * MOST, lease_token=3)

    assert counted(paid) == [(0, MOST), (REAL, REAL)]
    assert calls(paid.account)[0].error == ABANDONED


def test_other_work_has_its_own_limit() -> None:
    paid = job(model())
    paid.run(max_cost_usd_micros=MOST)

    paid.run(
        idempotency_key="content:8",
        max_cost_usd_micros=MOST,
        work=lambda session: session.complete_text(PROMPT, variant=1).text,
    )

    assert len(counted(paid)) == 2


def test_an_answer_from_the_journal_costs_nothing_more() -> None:
    paid = job(model())
    paid.run(max_cost_usd_micros=MOST)

    paid.run(idempotency_key="content:8", max_cost_usd_micros=0)

    assert counted(paid) == [(REAL, REAL)]


def test_the_platform_keys_may_cost_an_account_so_much_a_day(settings: Settings) -> None:
    settings.AI_COST_USD_MICROS_PER_DAY = MOST + REAL
    paid, now = job(model()), [NOW]
    paid.clock = lambda: now[0]
    for number in range(2):
        paid.run(idempotency_key=f"content:{number}", work=answer_of(number))

    with pytest.raises(CostCapReached, match="the account today"):
        paid.run(idempotency_key="content:2", work=answer_of(2))
    assert paid.books()[1:] == (0, 2)
    other = job(model())
    other.run()

    now[0] = (NOW + timedelta(days=1)).replace(hour=0, minute=0)
    paid.run(idempotency_key="content:2", work=answer_of(2))

    assert len(counted(paid)) == 3


@pytest.mark.django_db(transaction=True)
def test_of_many_calls_at_once_only_as_many_pass_as_fit(settings: Settings) -> None:
    settings.AI_COST_USD_MICROS_PER_DAY = 3 * MOST
    account, gate = make_billing.account_with(GRANT), threading.Barrier(8)
    timeouts = FakeProvider(
        [ProviderTimeout("late")] * 8, name="openai", model="gpt-5-mini", capabilities=COSTS_MONEY
    )

    def call(number: int) -> str:
        def work(session: Session) -> str:
            gate.wait(10)  # all hold their credits: now they ask at once
            return session.complete_text(PROMPT, variant=number).text

        try:
            PaidWork(account, providers=[timeouts]).run(
                idempotency_key=f"content:{number}", work=work
            )
        except (CostCapReached, ProviderTimeout) as exc:
            return exc.code
        finally:
            connections.close_all()
        return "answered"

    with ThreadPoolExecutor(8) as pool:
        ended = Counter(pool.map(call, range(8)))

    assert ended == {"provider_timeout": 3, "cost_cap_reached": 5}
    assert len(timeouts.requests) == 3


def test_keys_of_the_account_are_no_cost_of_ours(settings: Settings) -> None:
    settings.AI_COST_USD_MICROS_PER_DAY = MOST
    own = model(capabilities=Capabilities(is_own_key=True))
    paid = job(own)

    for number in range(3):
        paid.run(idempotency_key=f"content:{number}", work=answer_of(number))

    assert counted(paid) == [(REAL, REAL)] * 3


def test_free_models_have_no_cost_limit(settings: Settings) -> None:
    settings.AI_COST_USD_MICROS_PER_DAY = 0
    paid = job(FakeProvider())

    assert paid.run(max_cost_usd_micros=0) > 0


def answer_of(number: int):  # type: ignore[no-untyped-def]  # a function for `work`
    return lambda session: session.complete_text(PROMPT, variant=number).text
