"""The door with the real ledger: wherever a worker dies, work is charged once or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from igny8_core.ai import engine
from igny8_core.ai.errors import AnswerRefused
from igny8_core.ai.providers.fake import FakeProvider
from igny8_core.auth import selectors as accounts
from igny8_core.business.billing.models import CreditReservation
from igny8_core.business.billing.services import reservations
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.common.errors import Conflict, InsufficientCredits
from igny8_core.common.tenancy.context import tenant
from tests.ai.jobs import PROMPT, Crash, calls
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.ai.engine import Finish, Session
    from igny8_core.ai.journal import Completion
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db

NOW = make_billing.NOW
GRANT = 1000
TEXT = "word " * 250


@dataclass
class Writer:
    """A domain's service, with places where it can die."""

    account: Account
    provider: FakeProvider = field(default_factory=lambda: FakeProvider(default=TEXT))
    dies_at: str = ""
    attempt: int = 0
    stored: list[str] = field(default_factory=list)
    now: datetime = NOW

    def write(self) -> int:
        self.attempt += 1
        return engine.run(
            account=self.account,
            credits=AccountCredits(self.account),
            operation="content",
            quantities={"per_words": 500},
            idempotency_key="content:7",
            related_type="writing_task",
            related_id=7,
            lease_token=self.attempt,
            providers=[self.provider],
            work=self._work,
            save=self._save,
            clock=lambda: self.now,
        )

    def _work(self, session: Session) -> Completion:
        self._maybe_die("after reserve")
        answer = session.complete_text(PROMPT)
        self._maybe_die("after answer")
        return answer

    def _save(self, answer: Completion, finish: Finish) -> int:
        with tenant(self.account.pk, durable=True):
            self._maybe_die("before capture")
            charged = finish(quantities={"per_words": len(answer.text.split())})
            self._maybe_die("before commit")
        self.stored.append(answer.text)
        self._maybe_die("after commit")
        return charged

    def _maybe_die(self, place: str) -> None:
        if self.dies_at == place:
            raise Crash

    def credits(self) -> tuple[int, int]:
        """The balance and what is held."""
        account = accounts.account(self.account.pk)
        return account.credits, account.credits_held


@pytest.fixture
def writer() -> Writer:
    return Writer(make_billing.account_with(GRANT))


def test_what_was_delivered_is_charged_and_the_rest_is_free_again(writer: Writer) -> None:
    charged = writer.write()

    assert charged > 0
    assert writer.credits() == (GRANT - charged, 0)


def test_a_failed_call_costs_nothing_and_the_work_can_be_tried_again(writer: Writer) -> None:
    writer.provider = FakeProvider([AnswerRefused("no")], default=TEXT)
    with pytest.raises(AnswerRefused):
        writer.write()
    assert writer.credits() == (GRANT, 0)

    charged = writer.write()

    assert writer.credits() == (GRANT - charged, 0)


def test_without_credits_nothing_is_called() -> None:
    poor = Writer(make_billing.account_with(1))

    with pytest.raises(InsufficientCredits):
        poor.write()

    assert poor.provider.requests == []
    assert poor.credits() == (1, 0)


@pytest.mark.parametrize("place", ["after reserve", "after answer", "before capture"])
def test_a_worker_that_dies_before_the_commit_leaves_its_work_to_the_next(
    place: str, writer: Writer
) -> None:
    expected = Writer(make_billing.account_with(GRANT)).write()
    writer.dies_at = place
    with pytest.raises(Crash):
        writer.write()
    balance, held = writer.credits()
    assert balance == GRANT
    assert held > 0
    writer.dies_at = ""

    assert writer.write() == expected

    assert writer.credits() == (GRANT - expected, 0)
    assert len(writer.provider.requests) == 1, "the answer was paid for once"
    assert len(calls(writer.account)) == 1


def test_a_worker_that_dies_in_the_transaction_has_charged_nothing(writer: Writer) -> None:
    writer.dies_at = "before commit"
    with pytest.raises(Crash):
        writer.write()
    assert writer.credits()[0] == GRANT
    writer.dies_at = ""

    charged = writer.write()

    assert writer.credits() == (GRANT - charged, 0)


def test_a_worker_that_dies_after_the_commit_is_charged_once(writer: Writer) -> None:
    writer.dies_at = "after commit"
    with pytest.raises(Crash):
        writer.write()
    before = writer.credits()
    writer.dies_at = ""

    with pytest.raises(Conflict):
        writer.write()

    assert writer.credits() == before
    assert len(writer.stored) == 1


def expired_reservations(writer: Writer) -> list[int]:
    with tenant(writer.account.pk):
        rows = CreditReservation.objects.for_account(writer.account).filter(status="held")
        return list(rows.values_list("pk", flat=True))


def test_a_hold_that_ran_out_is_taken_anew(writer: Writer) -> None:
    writer.dies_at = "after answer"
    with pytest.raises(Crash):
        writer.write()
    writer.now += engine.HOLD_TTL + timedelta(minutes=1)
    for reservation_id in expired_reservations(writer):
        reservations.expire_reservation(
            account=writer.account, reservation_id=reservation_id, now=writer.now
        )
    assert writer.credits() == (GRANT, 0)
    writer.dies_at = ""

    charged = writer.write()

    assert writer.credits() == (GRANT - charged, 0)
    assert len(writer.provider.requests) == 1
