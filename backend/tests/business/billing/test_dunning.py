"""Money that is owed: every day of it once, and everything as before once it is paid."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from igny8_core.auth import selectors as accounts
from igny8_core.business.billing.errors import CreditsBlocked
from igny8_core.business.billing.models import DunningNotice, Invoice, Payment
from igny8_core.business.billing.services import subscriptions
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.billing.services.dunning import chase_due
from igny8_core.business.billing.services.dunning_mail import mail_due
from igny8_core.business.billing.services.mail_turns import MAIL_WAIT
from igny8_core.business.billing.services.money_audit import money_problems
from igny8_core.business.billing.services.plan_periods import months_after, open_current_period
from igny8_core.business.billing.services.renewals import renew_due
from igny8_core.business.billing.services.sweeping import expire_due
from tests import make
from tests.business.billing.test_subscriptions import newest_payment, pay, reloaded, subscribed
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account, Subscription

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

ENDS = months_after(NOW, 1)
DAY = timedelta(days=1)


@pytest.fixture
def account() -> Account:
    make_billing.prices()
    make_billing.seller()
    make_billing.plan(10, code="free")
    found = make_billing.buyer()
    make.member(found, email="owner@example.com")
    return found


@pytest.fixture
def row(account: Account) -> Subscription:
    """A renewal that was invoiced and not paid; 500 credits were bought besides."""
    found = subscribed(account, make_billing.plan(1_000, name="Pro", price_minor=10_000))
    make_billing.credits(account, 500)
    renew_due(now=ENDS - DAY)
    return found


def day(number: float) -> datetime:
    """So many days after the money was due."""
    return ENDS + timedelta(days=number)


def steps() -> list[str]:
    return list(DunningNotice.unscoped.order_by("pk").values_list("step", flat=True))


def state(row: Subscription) -> tuple[str, str]:
    found = reloaded(row)
    return found.status, found.dunning_stage


def balance(account: Account) -> int:
    return accounts.account(account.pk).credits


def test_each_day_has_its_step_once(account: Account, row: Subscription) -> None:
    told: list[Any] = []
    for number in (-0.01, 0, 2.9, 3, 5, 6.9, 7, 14, 29.9, 30, 31):
        expire_due(now=day(number))
        took = [chase_due(now=day(number)) for _ in range(2)]
        mail_due(now=day(number))
        told.append((number, took[0], *state(row), balance(account)))
        assert took[1] == 0

    assert told == [
        (-0.01, 0, "active", "none", 1_500),
        (0, 1, "past_due", "past_due", 1_500),
        (2.9, 0, "past_due", "past_due", 1_500),
        (3, 1, "past_due", "past_due", 500),  # what was left of the plan's credits expired
        (5, 1, "past_due", "past_due", 500),
        (6.9, 0, "past_due", "past_due", 500),
        (7, 1, "past_due", "restricted", 500),
        (14, 1, "past_due", "suspended", 500),
        (29.9, 0, "past_due", "suspended", 500),
        (30, 1, "cancelled", "cancelled", 500),
        (31, 0, "cancelled", "cancelled", 500),
    ]
    assert steps() == ["due", "day_3", "day_5", "restricted", "suspended", "cancelled"]
    assert len(mail.outbox) == 6
    assert {tuple(each.to) for each in mail.outbox} == {("owner@example.com",)}
    assert f"due on {ENDS:%d %B %Y}" in mail.outbox[0].body
    assert Invoice.unscoped.latest("pk").status == "uncollectible"
    assert newest_payment(account).status == "cancelled"
    assert (ledger_problems(), money_problems()) == ([], [])


def test_what_stops_at_each_stage_and_goes_on_after_the_end(
    account: Account, row: Subscription
) -> None:
    for number in (0, 7):
        chase_due(now=day(number))
    assert open_current_period(account=account, now=day(7)) is None
    make_billing.reservation(account, 1, now=day(7))

    chase_due(now=day(14))
    with pytest.raises(CreditsBlocked):
        make_billing.reservation(account, 1, now=day(14))
    chase_due(now=day(30))

    make_billing.reservation(account, 1, now=day(30))
    assert open_current_period(account=account, now=day(30)) is not None  # of the free plan
    late = pay(Payment.unscoped.latest("pk"), now=day(31))
    assert (late.status, late.review_reason) == ("succeeded", "the subscription has ended")


@pytest.mark.parametrize("number", [1, 8, 20])
def test_a_payment_lifts_every_stage(account: Account, row: Subscription, number: int) -> None:
    for each in range(number + 1):
        chase_due(now=day(each))
    mail_due(now=day(number))
    sent = len(mail.outbox)

    pay(newest_payment(account), now=day(number))
    chase_due(now=day(number))
    mail_due(now=day(number))

    assert state(row) == ("active", "none")
    assert reloaded(row).current_period_end == months_after(NOW, 2)
    make_billing.reservation(account, 1_000, now=day(number))
    assert len(mail.outbox) == sent + 1
    assert mail.outbox[-1].subject.endswith("thank you, your plan is paid")
    assert (ledger_problems(), money_problems()) == ([], [])


def test_who_was_not_looked_at_for_two_weeks_takes_the_steps_and_hears_once(
    account: Account, row: Subscription
) -> None:
    chase_due(now=day(15))
    mail_due(now=day(15))

    assert state(row) == ("past_due", "suspended")
    assert steps() == ["due", "day_3", "day_5", "restricted", "suspended"]
    assert [each.subject.split(": ", 1)[1] for each in mail.outbox] == [
        "no new work starts until your plan is paid"
    ]


def test_who_cancels_while_money_is_owed_owes_nothing(account: Account, row: Subscription) -> None:
    chase_due(now=day(14))

    subscriptions.cancel(account=account, subscription_id=row.pk, now=day(15))

    assert state(row) == ("cancelled", "none")
    make_billing.reservation(account, 1, now=day(15))
    assert Invoice.unscoped.latest("pk").status == "void"
    assert chase_due(now=day(20)) == 0
    assert (ledger_problems(), money_problems()) == ([], [])


def test_a_second_debt_is_told_anew(account: Account, row: Subscription) -> None:
    chase_due(now=day(0))
    pay(newest_payment(account), now=day(1))
    second = months_after(NOW, 2)
    renew_due(now=second)

    chase_due(now=second)

    assert steps() == ["due", "paid", "due"]


def test_a_mail_server_that_is_away_is_asked_again(
    account: Account, row: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    chase_due(now=day(0))

    def away(*_args: Any) -> int:
        raise ConnectionRefusedError

    with monkeypatch.context() as patched:
        patched.setattr(EmailBackend, "send_messages", away)
        assert mail_due(now=day(0)) == 0
    assert mail_due(now=day(0)) == 0  # somebody may be sending it

    assert [mail_due(now=day(0) + MAIL_WAIT) for _ in range(2)] == [1, 0]


def test_who_pays_nothing_owes_nothing(account: Account) -> None:
    free = make_billing.plan(10)
    make_billing.account_on(free)

    assert chase_due(now=day(400)) == 0
