"""A worker that is killed in the middle of an article: it ends complete, and is paid for once."""

from __future__ import annotations

import signal
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections
from django.utils import timezone

from igny8_core.ai.models import AiCall
from igny8_core.auth import selectors as accounts
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services.requests import request_articles
from igny8_core.business.billing.models import CreditReservation, CreditUsageLog
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.content.models import Content
from igny8_core.business.content.services.audit import result_problems
from igny8_core.business.content.services.check_gates import check_gates, hard_failures
from igny8_core.business.content.services.content_gates import as_article
from tests.fakes.ai_server import AiServer, Fault
from tests.faults.harness import Stack, wait_until
from tests.make import content as make_content
from tests.make.content import sentence

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.business.content.models import Tasks

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(180),
]

WORDS = 2_500
SECTIONS = 9
FIFTH = 1 + 5
"""The introduction is asked for first."""


def answer(number: int) -> str:
    """Enough for the longest section; nothing is said twice."""
    return " ".join(sentence(number * 40 + place) for place in range(20))


def asked(server: AiServer) -> list[str]:
    return [str(request.body["messages"][-1]["content"]) for request in server.requests]


def platform(server: AiServer) -> dict[str, str]:
    """The fake server as the platform's own model."""
    return {
        "IGNY8_TEXT_MODEL": "openai_compatible:gpt-4.1-mini",
        "IGNY8_OPENAI_BASE_URL": server.url,
        "IGNY8_OPENAI_API_KEY": "sk-secret-of-the-test-0001",
    }


def waiting_task() -> Tasks:
    account = make_content.rich_account()
    kinds = ("oak", "steel", "leather", "linen", "walnut", "chrome")
    keywords = [f"salon chair {kind}" for kind in kinds]
    cluster = make_content.cluster(account, "salon chair", *keywords)
    return make_content.writing_task(
        cluster, keywords="\n".join(["salon chair", *keywords]), target_word_count=WORDS
    )


def test_a_worker_killed_in_the_fifth_of_nine_sections(tmp_path: Path) -> None:
    task = waiting_task()
    account = accounts.account(task.account_id)
    with AiServer() as server, Stack(tmp_path, environment=platform(server)) as running:
        server.will(*(answer(n) for n in range(FIFTH - 1)), Fault.SLOW)
        server.will(*(answer(n) for n in range(FIFTH, 60)))
        running.start_valkey()
        running.start_ticker()
        worker = running.start_worker()
        (item,) = request_articles(account=account, writing_task_ids=[task.pk], now=timezone.now())
        wait_until(lambda: len(server.requests) == FIFTH, seconds=60, what="the fifth section")
        running.end(worker, signal.SIGKILL)
        before = asked(server)
        done = WorkItem.unscoped.filter(pk=item.pk, status="done")
        running.start_worker()
        wait_until(done.exists, seconds=90, what=running.log("worker-1")[-2_000:])
        after = asked(server)
    content = Content.unscoped.get(task=task)
    headings = [b["text"] for b in content.blocks if b["type"] == "heading"]

    # Complete: every section, within its gates.
    assert hard_failures(check_gates(as_article(content), target_words=WORDS)) == []
    assert len(headings) == SECTIONS + 1  # and the questions
    assert 0.9 * WORDS <= content.word_count <= 1.1 * WORDS
    # The provider was asked for the introduction and four sections once, for the fifth again.
    times = Counter(after)
    assert [times[text] for text in before] == [1] * (FIFTH - 1) + [2]
    assert after[FIFTH] == before[-1]
    assert max(times.values()) == 2
    # The account paid once, and every kept answer is in the journal once.
    calls = AiCall.unscoped.filter(account=account, status="succeeded")
    assert calls.count() == len(after) - 1 == len(set(calls.values_list("request_hash", flat=True)))
    assert statuses(account) == {"captured": 1}
    assert CreditUsageLog.unscoped.filter(account=account).count() == 1
    item.refresh_from_db()
    assert (item.attempts, item.crashes) == (2, 1)
    assert (ledger_problems(), result_problems()) == ([], [])
    connections.close_all()


def statuses(account: Any) -> Counter[str]:
    rows = CreditReservation.unscoped.filter(account=account)
    return Counter(rows.values_list("status", flat=True))
