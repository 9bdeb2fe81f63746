"""Spending never passes a cap, whatever models cost, fail, run at once, come again or die.

``hypothesis`` makes up histories: pieces of paid work at random prices, done by workers at the
same time, each attempt ending well, failing in one of several ways, or dying in the middle. The
providers bill as much as they could possibly claim. After every step, and in the end:

* credits that were charged today and credits that are held stay within the account's limit;
* what providers bill to the platform's keys stays within the limit of the day, and what they bill
  for one piece of work within its own;
* a model without a price is never asked.
"""

from __future__ import annotations

import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from igny8_core.ai import engine
from igny8_core.ai.errors import (
    AnswerMalformed,
    AnswerRefused,
    CapReached,
    ProviderTimeout,
    ProviderUnavailable,
    UnknownPrice,
    WorkCancelled,
)
from igny8_core.ai.models import AiCall
from igny8_core.ai.ports import COSTS_MONEY, TextAnswer
from igny8_core.ai.pricing import cost_usd_micros, prompt_tokens
from igny8_core.ai.providers.fake import FakeProvider
from igny8_core.auth.models import Account
from igny8_core.business.billing import selectors as billing
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.billing.services.sweeping import expire_due
from igny8_core.common.errors import DomainError
from igny8_core.common.tenancy.context import tenant
from tests.ai.doors import PROMPT
from tests.ai.jobs import Crash
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.ai.engine import Finish, Session
    from igny8_core.ai.ports import TextRequest

EXAMPLES = int(os.environ.get("IGNY8_CAP_EXAMPLES", "40"))  # by hand: 1000 and more
NOW, GRANT = make_billing.NOW, 10_000
PRICED = ["gpt-5-mini", "gpt-4.1", "gpt-5-nano", "o3"]
UNPRICED = "nobody-knows-me"
OUTCOMES = [
    "answers",
    "answers",
    "answers a little",
    "malformed",
    "refuses",
    "down",
    "times out",
    "dies in the call",
    "dies after the answer",
    "dies before the commit",
    "is cancelled",
]


@dataclass(frozen=True)
class Work:
    """One piece of paid work."""

    model: str
    words: int
    calls: int
    most_usd_micros: int | None


@dataclass(frozen=True)
class Step:
    """One attempt at one piece of work, by one worker."""

    work: int
    outcome: str


WORKS = st.lists(
    st.builds(
        Work,
        model=st.sampled_from([*PRICED, *PRICED, *PRICED, UNPRICED]),
        words=st.sampled_from([1, 150, 1_000, 3_000]),
        calls=st.integers(1, 3),
        most_usd_micros=st.sampled_from([None, None, 1_500, 400, 0]),
    ),
    min_size=1,
    max_size=4,
)
WORKERS = st.lists(
    st.lists(
        st.builds(Step, work=st.integers(0, 3), outcome=st.sampled_from(OUTCOMES)),
        min_size=3,
        max_size=8,
    ),
    min_size=1,
    max_size=3,
)


class Greedy(FakeProvider):
    """Bills what it can: in full whenever nobody can tell what it did."""

    def __init__(self, work: Work) -> None:
        super().__init__(name="openai", model=work.model, capabilities=COSTS_MONEY)
        self.billed = 0
        self._outcomes = threading.local()
        self._bill = threading.Lock()

    def next_outcome(self, outcome: str) -> None:
        """Of the calls that this thread makes from now on."""
        self._outcomes.now = outcome

    def generate(self, request: TextRequest) -> TextAnswer:
        self.requests.append(request)
        outcome = self._outcomes.now
        prompt, most = prompt_tokens(request), request.max_tokens
        if outcome == "down":
            raise ProviderUnavailable("down")
        if outcome == "refuses":
            raise AnswerRefused("no")
        if outcome == "answers a little":
            prompt, most = 1, 1
        self._charge(prompt, most)
        if outcome == "malformed":
            error = AnswerMalformed("not JSON")
            error.prompt_tokens, error.completion_tokens = prompt, most
            raise error
        if outcome == "times out":
            raise ProviderTimeout("late")
        if outcome == "dies in the call":
            raise Crash
        if outcome == "is cancelled":
            raise WorkCancelled("in the middle")
        return TextAnswer(text="words", prompt_tokens=prompt, completion_tokens=most)

    def _charge(self, prompt: int, completion: int) -> None:
        with self._bill:
            self.billed += cost_usd_micros(
                self, prompt_tokens=prompt, completion_tokens=completion, now=NOW
            )


@dataclass
class History:
    """What the workers do to one account."""

    account: Account
    works: list[Work]
    credits_a_day: int
    providers: list[Greedy] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    tokens: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.providers = [Greedy(work) for work in self.works]

    def run(self, steps: list[Step]) -> None:
        """What one worker does; in a thread of its own."""
        try:
            for step in steps:
                self._attempt(step.work % len(self.works), step.outcome)
                self.check_credits()
        finally:
            connections.close_all()

    def _attempt(self, number: int, outcome: str) -> None:
        work, provider = self.works[number], self.providers[number]
        provider.next_outcome(outcome)

        def ask(session: Session) -> None:
            for variant in range(work.calls):
                session.complete_text(PROMPT, variant=variant)
            if outcome == "dies after the answer":
                raise Crash

        def save(_: None, finish: Finish) -> None:
            with tenant(self.account.pk, durable=True):
                finish(quantities={"per_words": work.words})
                if outcome == "dies before the commit":
                    raise Crash

        with suppress(DomainError, Crash), self._counting_refusals():
            engine.run(
                account=self.account,
                credits=AccountCredits(self.account),
                operation="content",
                quantities={"per_words": work.words},
                idempotency_key=f"content:{number}",
                related_type="writing_task",
                related_id=number + 1,
                lease_token=next(self.tokens),
                providers=[provider],
                work=ask,
                save=save,
                clock=lambda: NOW,
                max_cost_usd_micros=work.most_usd_micros,
            )

    @contextmanager
    def _counting_refusals(self) -> Iterator[None]:
        try:
            yield
        except CapReached as exc:
            self.refusals.append(exc.code)
            raise

    def check_credits(self) -> None:
        """At any moment: one row, as anybody can read it."""
        wallet = billing.credit_wallet(account=self.account)
        assert GRANT - wallet.balance + wallet.held <= self.credits_a_day

    def spent_today(self) -> int:
        midnight = datetime.combine(NOW.date(), time.min, tzinfo=UTC)
        with tenant(self.account.pk):
            return billing.credits_spent(account=self.account, since=midnight)

    def counted(self) -> int:
        with tenant(self.account.pk):
            rows = AiCall.objects.for_account(self.account)
            return sum(rows.values_list("counted_usd_micros", flat=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(7_200 if EXAMPLES > 40 else 300)
def test_spending_never_passes_a_cap() -> None:
    calls_made: list[int] = []
    refusals: set[str] = set()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=EXAMPLES <= 40,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        works=WORKS,
        workers=WORKERS,
        credits_a_day=st.sampled_from([90, 200, 45, 30, 11, 0]),
        usd_micros_a_day=st.sampled_from([9_000, 30_000, 3_500, 2_000, 700, 0]),
    )
    def any_history(
        works: list[Work], workers: list[list[Step]], credits_a_day: int, usd_micros_a_day: int
    ) -> None:
        account = make_billing.account_with(GRANT)
        Account.objects.filter(pk=account.pk).update(max_credits_per_day=credits_a_day)
        history = History(account, works, credits_a_day)
        with (
            override_settings(AI_COST_USD_MICROS_PER_DAY=usd_micros_a_day),
            ThreadPoolExecutor(len(workers)) as pool,
        ):
            list(pool.map(history.run, workers))

        billed = sum(provider.billed for provider in history.providers)
        assert billed <= history.counted() <= usd_micros_a_day
        for work, provider in zip(works, history.providers, strict=True):
            if work.most_usd_micros is not None:
                assert provider.billed <= work.most_usd_micros
            if work.model == UNPRICED:
                assert provider.requests == []
        calls_made.append(sum(len(p.requests) for p in history.providers))
        refusals.update(history.refusals)

        expire_due(now=NOW + engine.HOLD_TTL)
        wallet = billing.credit_wallet(account=account)
        assert wallet.held == 0, "what nobody settled is free again"
        assert history.spent_today() == GRANT - wallet.balance

    any_history()

    assert sum(calls_made) > EXAMPLES, "histories in which nothing happens prove nothing"
    assert refusals == {"day_cap_reached", "cost_cap_reached"}


@pytest.mark.django_db
def test_an_unpriced_model_refuses_before_any_call_and_any_hold() -> None:
    account = make_billing.account_with(100)
    history = History(account, [Work(UNPRICED, 100, 1, None)], 100)
    model = history.providers[0]

    with pytest.raises(UnknownPrice):
        engine.run(
            account=account,
            credits=AccountCredits(account),
            operation="content",
            quantities={"per_words": 100},
            idempotency_key="content:0",
            related_type="writing_task",
            related_id=1,
            lease_token=1,
            providers=[model],
            work=lambda session: session.complete_text(PROMPT),
            save=lambda *_: None,
            clock=lambda: NOW,
        )

    assert model.requests == []
    assert billing.credit_wallet(account=account).held == 0
