"""An article that was slower than its reservation: paid anew, or kept until there are credits."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.billing import selectors as billing
from igny8_core.business.billing.errors import ResultWithheld
from igny8_core.business.billing.services.audit import ledger_problems, usage_problems
from igny8_core.business.billing.services.late_results import settle_withheld
from igny8_core.business.billing.services.sweeping import expire_due
from igny8_core.business.content.services.audit import result_problems
from igny8_core.business.content.services.generation import generate_content
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make.content import NOW

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.content.models import Content

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=3)


class Clock:
    """The time; it jumps when it is told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class SlowWriter(make_content.Writer):
    """A model whose first answer takes three hours; meanwhile the sweep comes by."""

    def __init__(self, clock: Clock, **fields: Any) -> None:
        super().__init__(**fields)
        self.clock = clock

    def generate(self, request: Any) -> Any:
        answer = super().generate(request)
        if self.clock.now == NOW:
            self.clock.now = LATER
            expire_due(now=LATER)
        return answer


def write(account: Account, task_id: int, clock: Clock, model: Any) -> Content:
    return generate_content(
        account=account,
        writing_task_id=task_id,
        fence=lambda: None,
        clock=clock,
        providers=[model],
    )


def slow_model(clock: Clock) -> SlowWriter:
    return SlowWriter(clock, capabilities=make_content.writer().capabilities)


def test_an_article_that_came_too_late_is_paid_once() -> None:
    account = make_content.rich_account(100)
    task = make_content.writing_task(make_content.cluster(account))
    clock = Clock()

    content = write(account, task.pk, clock, slow_model(clock))
    again = write(account, task.pk, clock, slow_model(clock))

    account.refresh_from_db()
    assert again.pk == content.pk
    keys = {row.idempotency_key: row.status for row in billing.credit_reservations(account=account)}
    assert keys == {f"content:{task.pk}": "expired", f"content:{task.pk}#2": "captured"}
    assert (account.credits_held, billing.usage_logs(account=account).count()) == (0, 1)
    assert [*ledger_problems(), *usage_problems(), *result_problems()] == []


def test_an_article_that_cannot_be_paid_waits_and_its_answers_are_used_after_a_top_up() -> None:
    account = make_content.rich_account(10)
    task = make_content.writing_task(make_content.cluster(account))
    clock = Clock()
    model = slow_model(clock)

    class Poor(SlowWriter):
        """Meanwhile somebody else takes the credits."""

        def generate(self, request: Any) -> Any:
            is_first = self.clock.now == NOW
            answer = super().generate(request)
            if is_first:
                make_billing.reservation(account, 10, now=LATER, ttl=timedelta(days=9))
            return answer

    with pytest.raises(ResultWithheld):
        write(account, task.pk, clock, Poor(clock, capabilities=model.capabilities))
    (waiting,) = billing.withheld_results(account=account)
    make_billing.credits(account, 50, now=LATER)
    content = write(account, task.pk, clock, model)

    assert waiting.reservation.related_id == task.pk
    assert content.task_id == task.pk
    assert model.requests == []  # nobody was asked again
    assert settle_withheld(now=LATER) == 1
    assert billing.withheld_results(account=account).count() == 0
    assert [*ledger_problems(), *usage_problems(), *result_problems()] == []
