"""A worker that dies at any point of "reserve, call, save and capture".

Either the result is saved and charged once, or nothing is saved and, after the sweep, nothing is
charged. Real processes, the real ledger as the runtime role, real SDKs against the fake server.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from igny8_core.ai.engine import HOLD_TTL
from igny8_core.ai.models import AiCall, AiPicture
from igny8_core.auth import selectors as accounts
from igny8_core.business.automation.models import RunEvent
from igny8_core.business.billing.models import CreditTransaction, CreditUsageLog
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.sweeping import expire_due
from igny8_core.business.billing.states import TransactionType
from igny8_core.common.errors import Conflict
from tests.ai.crash_worker import EFFECT
from tests.ai.doors import GRANT, PaidWork, image_at, text_at
from tests.faults.forks import BACKEND
from tests.faults.harness import environment_of
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.auth.models import Account
    from tests.fakes.ai_server import AiServer

pytestmark = [
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(120),
]

DIED = 9


@dataclass(frozen=True)
class Left:
    """What a death leaves behind.

    :ivar call: status of the journal's row; empty when there is none.
    :ivar asked: requests that the provider has got.
    :ivar asked_in_all: of those and the next attempt's.
    """

    call: str
    asked: int
    asked_in_all: int
    is_saved: bool = False


POINTS = {
    "ai.after_reserve": Left("", asked=0, asked_in_all=1),
    "ai.before_call": Left("started", asked=0, asked_in_all=1),
    "ai.after_call": Left("started", asked=1, asked_in_all=2),
    "ai.after_answer": Left("succeeded", asked=1, asked_in_all=1),
    "ai.before_capture": Left("succeeded", asked=1, asked_in_all=1),
    "ai.after_capture": Left("succeeded", asked=1, asked_in_all=1),
    "ai.after_commit": Left("succeeded", asked=1, asked_in_all=1, is_saved=True),
}


def die(server: AiServer, mode: str, folder: Path) -> dict[tuple[str, str], Account]:
    """A worker dies at each point, in two accounts: one waits for the sweep before it goes on."""
    found = {
        (point, after): make_billing.account_with(GRANT)
        for point in POINTS
        for after in ("at once", "after the sweep")
    }
    jobs = [
        {
            "account_id": account.pk,
            "server": f"{server.url}/{account.pk}",
            "mode": mode,
            "attempt": 1,
            "dies_at": point,
        }
        for (point, _), account in found.items()
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tests.ai.crash_worker"],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        env=environment_of(folder),
        cwd=BACKEND,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [DIED] * len(jobs), done.stderr
    return found


def results(account: Account) -> int:
    return RunEvent.unscoped.filter(account=account, code=EFFECT).count()


def charged(account: Account) -> list[int]:
    """The charges in the ledger, and as many usage logs."""
    rows = CreditTransaction.unscoped.filter(account=account, type=TransactionType.DEDUCTION)
    amounts = [-row.amount for row in rows]
    assert CreditUsageLog.unscoped.filter(account=account).count() == len(amounts)
    return amounts


def books(account: Account) -> tuple[int, int]:
    found = accounts.account(account.pk)
    return found.credits, found.credits_held


def asked(server: AiServer, account: Account) -> int:
    return sum(request.path.startswith(f"/{account.pk}/") for request in server.requests)


def next_attempt(server: AiServer, account: Account, mode: str) -> int:
    """A living worker does the work that the dead one left."""
    url = f"{server.url}/{account.pk}"

    class Work(PaidWork):
        def save(self, made: Any, finish: Any) -> int:
            RunEvent.unscoped.create(account=self.account, code=EFFECT, data={})
            return super().save(made, finish)

    now = timezone.now()
    return Work(
        account,
        mode,
        [text_at(url)],
        [image_at(url)] if mode == "image" else [],
        clock=lambda: now,
    ).run(lease_token=2)


@pytest.mark.parametrize("mode", ["text", "image"])
def test_a_death_at_any_point_is_one_result_and_one_charge_or_none(
    mode: str, server: AiServer, tmp_path: Path
) -> None:
    found = die(server, mode, tmp_path)

    for (point, _), account in found.items():
        left = POINTS[point]
        calls = AiCall.unscoped.filter(account=account).values_list("status", flat=True)
        assert list(calls) == [left.call] * bool(left.call), point
        assert asked(server, account) == left.asked, point
        assert results(account) == len(charged(account)) == left.is_saved, point
        balance, held = books(account)
        assert (balance == GRANT, held == 0) == (not left.is_saved, left.is_saved), point

    at_once = [(POINTS[point], row) for (point, after), row in found.items() if after == "at once"]
    later = [(POINTS[point], row) for (point, after), row in found.items() if after != "at once"]
    for left, account in at_once:
        try_again(server, account, mode, left)
    expire_due(now=timezone.now() + HOLD_TTL + timedelta(minutes=5))
    for left, account in later:
        assert results(account) == len(charged(account)) == left.is_saved
        assert books(account) == (GRANT - sum(charged(account)), 0)
        try_again(server, account, mode, left)
    assert ledger_problems() == []
    assert not AiPicture.unscoped.exists(), "pictures of stored work lie elsewhere"


def try_again(server: AiServer, account: Account, mode: str, left: Left) -> None:
    """The next attempt ends the work: one result, one charge, no call that was answered."""
    if left.is_saved:
        with pytest.raises(Conflict):
            next_attempt(server, account, mode)
    else:
        next_attempt(server, account, mode)
    assert results(account) == len(charged(account)) == 1
    assert books(account) == (GRANT - charged(account)[0], 0)
    assert asked(server, account) == left.asked_in_all
