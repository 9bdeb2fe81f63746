from __future__ import annotations

from datetime import timedelta
from smtplib import SMTPServerDisconnected
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage

from igny8_core.auth.models import Membership, Subscription
from igny8_core.auth.states import Role
from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import CreditWarning
from igny8_core.business.billing.services import mail_turns
from igny8_core.business.billing.services.low_balance import note_low_balance, warn_low_balances
from igny8_core.business.billing.services.plan_periods import months_after, open_current_period
from igny8_core.business.billing.services.reservations import capture_credits, release_credits
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db

ENDS = months_after(NOW, 1)
MINUTE = timedelta(minutes=1)


def spend(account: Account, amount: int) -> None:
    hold = make_billing.reservation(account, amount)
    capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=amount, attempt=1, now=NOW
    )


def open_warnings(account: Account) -> list[int]:
    rows = CreditWarning.objects.for_account(account).filter(resolved_at=None)
    return list(rows.order_by("-threshold_percent").values_list("threshold_percent", flat=True))


def subjects() -> list[str]:
    return [str(message.subject) for message in mail.outbox]


@pytest.fixture
def account() -> Account:
    made = make_billing.account_on(make_billing.plan(1_000), name="Blue  Sofa\nLtd")
    make.member(made, Role.OWNER, email="owner@example.com")
    make.member(made, Role.ADMIN, email="admin@example.com")
    make.member(made, Role.EDITOR, email="editor@example.com")
    make.member(made, Role.OWNER, email="gone@example.com", is_active=False)
    return made


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (201, []),
        (200, [20]),
        (51, [20]),
        (50, [20, 5]),
        (1, [20, 5]),
        (0, [20, 5, 0]),
    ],
)
def test_each_threshold_is_reached_exactly(
    account: Account, left: int, expected: list[int]
) -> None:
    spend(account, 1_000 - left)

    changed = warn_low_balances(now=NOW)

    assert (changed, open_warnings(account)) == (int(bool(expected)), expected)
    assert len(mail.outbox) == int(bool(expected))


def test_owners_and_admins_are_told_once_for_each_threshold(account: Account) -> None:
    for amount, now in ((850, NOW), (0, NOW + MINUTE), (120, NOW + 2 * MINUTE)):
        if amount:
            spend(account, amount)
        warn_low_balances(now=now)
        warn_low_balances(now=now)

    assert subjects() == [
        "Blue Sofa Ltd: less than 20 % of the credits left",
        "Blue Sofa Ltd: less than 5 % of the credits left",
    ]
    assert {tuple(message.to) for message in mail.outbox} == {
        ("owner@example.com", "admin@example.com")
    }
    assert "30 of this period's 1,000 credits are left" in mail.outbox[1].body
    assert "02 December 2026" in mail.outbox[1].body


def test_a_balance_that_falls_at_once_is_one_mail_about_the_lowest(account: Account) -> None:
    spend(account, 1_000)

    warn_low_balances(now=NOW)
    warn_low_balances(now=NOW + timedelta(days=1))

    assert subjects() == ["Blue Sofa Ltd: no credits left"]
    assert "all of this period's 1,000 credits are used up" in mail.outbox[0].body
    assert CreditWarning.objects.for_account(account).filter(mailed_at=None).count() == 0


def test_credits_that_are_held_are_not_left(account: Account) -> None:
    hold = make_billing.reservation(account, 900)

    warn_low_balances(now=NOW)
    release_credits(account=account, reservation_id=hold.reservation_id, attempt=1, now=NOW)
    resolved = warn_low_balances(now=NOW + MINUTE)

    assert (resolved, open_warnings(account)) == (1, [])


def test_bought_credits_take_the_warning_back_and_nobody_is_told_twice(account: Account) -> None:
    spend(account, 900)
    warn_low_balances(now=NOW)
    make_billing.credits(account, 500)

    changed = warn_low_balances(now=NOW + MINUTE)
    after_top_up = open_warnings(account)
    spend(account, 500)
    warn_low_balances(now=NOW + 2 * MINUTE)

    assert (changed, after_top_up) == (1, [])
    assert open_warnings(account) == [20]
    assert len(mail.outbox) == 1


def test_another_period_warns_again(account: Account) -> None:
    spend(account, 900)
    warn_low_balances(now=NOW)
    open_current_period(account=account, now=ENDS)

    cleared = warn_low_balances(now=ENDS)
    still_open = open_warnings(account)
    spend(account, 900)
    warn_low_balances(now=ENDS)

    assert (cleared, still_open, open_warnings(account)) == (1, [], [20])
    assert len(mail.outbox) == 2


def test_a_subscription_that_ended_takes_its_warnings_along(account: Account) -> None:
    spend(account, 900)
    warn_low_balances(now=NOW)
    Subscription.unscoped.filter(account=account).update(status="cancelled")

    changed = warn_low_balances(now=NOW + MINUTE)

    assert (changed, open_warnings(account)) == (1, [])
    assert warn_low_balances(now=NOW + MINUTE) == 0


def test_accounts_with_enough_or_without_plan_credits_are_left_alone() -> None:
    make_billing.account_on(make_billing.plan(100))
    make_billing.account_on(make_billing.plan(0))
    make_billing.account_with(1)

    assert warn_low_balances(now=NOW) == 0
    assert CreditWarning.unscoped.count() == 0


def test_accounts_are_looked_at_in_batches() -> None:
    plan = make_billing.plan(100)
    poor = [make_billing.account_on(plan) for _ in range(5)]
    for account in poor:
        spend(account, 100)

    assert warn_low_balances(now=NOW, limit=2) == 5
    assert all(open_warnings(account) == [20, 5, 0] for account in poor)
    assert warn_low_balances(now=NOW, limit=2) == 0


def test_without_anybody_to_tell_the_warning_stands_on_the_pages() -> None:
    account = make_billing.account_on(make_billing.plan(100))
    spend(account, 100)

    warn_low_balances(now=NOW)

    assert (open_warnings(account), mail.outbox) == ([20, 5, 0], [])
    assert CreditWarning.objects.for_account(account).filter(mailed_at=None).count() == 0


def test_a_mail_server_that_is_away_is_tried_again_later(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_billing.account_on(make_billing.plan(100))
    make.member(other)
    spend(account, 900)
    spend(other, 100)
    tried = []

    def away(message: Any) -> None:
        tried.append(message.subject)
        raise SMTPServerDisconnected

    with monkeypatch.context() as patch:
        patch.setattr(EmailMessage, "send", away)
        warn_low_balances(now=NOW)
    assert len(tried) == 1  # the second would have waited for the same server
    warn_low_balances(now=NOW + MINUTE)
    sent_at_once = len(mail.outbox)
    warn_low_balances(now=NOW + 11 * MINUTE)

    assert (sent_at_once, len(mail.outbox)) == (1, 2)
    rows = CreditWarning.objects.for_account(account)
    assert [(row.mail_tries, row.mailed_at) for row in rows] == [(2, NOW + 11 * MINUTE)]


def test_after_some_tries_nobody_is_told_any_more(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    spend(account, 900)
    tried = []

    def away(message: Any) -> None:
        tried.append(message.subject)
        raise OSError("no route")

    monkeypatch.setattr(EmailMessage, "send", away)
    for hours in range(12):
        warn_low_balances(now=NOW + timedelta(hours=hours))

    assert len(tried) == mail_turns.MAIL_TRIES
    assert open_warnings(account) == [20]


def test_noting_twice_finds_nothing_new(account: Account) -> None:
    spend(account, 950)

    first = note_low_balance(account=account, now=NOW)
    again = note_low_balance(account=account, now=NOW)

    assert (first, again) == (2, 0)


def test_a_person_in_two_roles_of_two_accounts_hears_of_the_right_one(account: Account) -> None:
    other = make_billing.account_on(make_billing.plan(10), name="Other")
    person = Membership.unscoped.filter(account=account, role=Role.ADMIN).get().user
    Membership.unscoped.create(account=other, user=person, role=Role.VIEWER)
    spend(other, 10)

    warn_low_balances(now=NOW)

    assert mail.outbox == []
    assert selectors.credit_wallet(account=account).available == 1_000
