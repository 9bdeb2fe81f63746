"""Work that nobody wants any more: it ends between calls or in the middle of one, and is free."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from igny8_core.ai.errors import WorkCancelled
from igny8_core.ai.fairness import LocalFairness
from igny8_core.ai.limits import LocalLimits
from igny8_core.ai.permits import Keeper, permit
from igny8_core.ai.ports import Capabilities, RateLimits
from igny8_core.ai.providers.fake import FakeProvider
from tests.ai.doors import GRANT, PROMPT, PaidWork, images, text_provider
from tests.ai.jobs import calls
from tests.fakes.ai_server import SLOW_SECONDS, Fault
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from igny8_core.ai.engine import Session
    from tests.fakes.ai_server import AiServer

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("mode", ["text", "structured", "stream", "image"])
def test_a_call_that_is_under_way_is_broken_off_and_free(mode: str, server: AiServer) -> None:
    cancelled = threading.Event()
    job = PaidWork(
        make_billing.account_with(GRANT),
        mode,
        [text_provider("openai", server)],
        [images(server)] if mode == "image" else [],
    )
    server.will(Fault.SLOW)
    threading.Timer(0.3, cancelled.set).start()
    began = time.monotonic()

    with pytest.raises(WorkCancelled):
        job.run(is_cancelled=cancelled.is_set)

    assert time.monotonic() - began < SLOW_SECONDS / 2
    assert job.books() == (GRANT, 0, 0)
    assert [(row.status, row.error_class) for row in calls(job.account)] == [
        ("failed", "cancelled")
    ]


def test_between_two_calls_nothing_more_is_asked() -> None:
    job = PaidWork(make_billing.account_with(GRANT), providers=[FakeProvider()])
    cancelled = threading.Event()

    def work(session: Session) -> str:
        session.complete_text(PROMPT)
        cancelled.set()
        return session.complete_text(PROMPT, variant=1).text

    with pytest.raises(WorkCancelled):
        job.run(work=work, is_cancelled=cancelled.is_set)

    assert job.books() == (GRANT, 0, 0)
    assert [row.status for row in calls(job.account)] == ["succeeded"]


def test_cancelled_work_does_not_begin() -> None:
    model = FakeProvider()
    job = PaidWork(make_billing.account_with(GRANT), providers=[model])

    with pytest.raises(WorkCancelled):
        job.run(is_cancelled=lambda: True)

    assert model.requests == []
    assert job.books() == (GRANT, 0, 0)


def test_who_waits_for_a_permit_gives_up_when_it_is_cancelled() -> None:
    busy, now = FakeProvider(limits=RateLimits(concurrency=1)), [0.0]
    clock = lambda: now[0]  # noqa: E731 - a clock of one line
    keeper = Keeper(LocalLimits(clock=clock), LocalFairness(clock=clock))
    asked = {"account_id": 1, "estimated_tokens": 1, "lease_seconds": 9.0, "keeper": keeper}

    with (
        permit(busy, **asked),  # type: ignore[arg-type]  # keywords of one dictionary
        pytest.raises(WorkCancelled),
        permit(busy, **asked, is_cancelled=lambda: True, sleep=lambda _: None),  # type: ignore[arg-type]
    ):
        raise AssertionError("no second call")


def test_a_cancelled_call_counts_at_its_most_against_limits_on_cost(server: AiServer) -> None:
    priced = text_provider("anthropic", server, Capabilities())
    job = PaidWork(make_billing.account_with(GRANT), providers=[priced])
    cancelled = threading.Event()
    server.will(Fault.SLOW)
    threading.Timer(0.3, cancelled.set).start()

    with pytest.raises(WorkCancelled):
        job.run(is_cancelled=cancelled.is_set)

    [row] = calls(job.account)
    assert row.cost_usd_micros == 0
    assert row.counted_usd_micros > 900, "the provider may bill it all"
