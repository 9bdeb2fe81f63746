"""What another price would have meant, and what work brought beside what it cost."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from igny8_core.ai.ports import Usage
from igny8_core.business.billing.margin_selectors import (
    margins_by_model,
    margins_by_operation,
    sold_value,
    sum_of,
)
from igny8_core.business.billing.models import CreditCostConfig, CreditUsageLog
from igny8_core.business.billing.payment_selectors import price_versions
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.billing.services.payments import Received, settle_payment
from igny8_core.business.billing.services.price_effects import NewPrice, effect_of
from igny8_core.business.billing.services.prices import change_price
from igny8_core.business.billing.services.usage import log_usage
from igny8_core.business.billing.states import OperationType, PriceUnit
from igny8_core.common.errors import Conflict, InvalidInput
from tests.make import billing as make_billing
from tests.make.billing import HOUR

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

USAGE = Usage("openai", "gpt-5", 10, 20, 500_000)


@pytest.fixture
def account() -> Account:
    return make_billing.account_with(1_000, slug="margins")


def new(credits_per_unit: str, **fields: Any) -> NewPrice:
    values: dict[str, Any] = {
        "operation": OperationType.CONTENT,
        "unit": PriceUnit.PER_WORDS,
        "unit_size": 100,
        "min_credits": 1,
    }
    return NewPrice(credits_per_unit=Decimal(credits_per_unit), **values | fields)


def write(account: Account, words: int, *, key: str, is_own_key: bool = False) -> None:
    """An article, as the pipeline charges it."""
    books, now = AccountCredits(account), timezone.now()
    hold = books.reserve(
        operation="content",
        quantities={"per_words": words},
        idempotency_key=key,
        related_type="task",
        related_id=1,
        is_own_key=is_own_key,
        ttl=HOUR,
        now=now,
    )
    books.capture(hold, quantities={"per_words": words}, usage=USAGE, now=now)


def test_each_run_is_reckoned_and_rounded_by_itself(account: Account) -> None:
    for number, words in enumerate((950, 1_010, 120)):
        write(account, words, key=f"run-{number}")

    effect = effect_of(new=new("1.5"), now=timezone.now())

    assert (effect.runs, effect.estimated_runs, effect.accounts) == (3, 0, 1)
    assert (effect.credits_before, effect.credits_after) == (10 + 11 + 2, 15 + 16 + 2)
    assert (effect.change, round(effect.change_percent or 0)) == (10, 43)
    assert effect.typical == (1_200, 12, 18)


def test_work_without_quantities_is_reckoned_from_its_charge(account: Account) -> None:
    log_usage(account=account, operation="content", credits_used=7, usage=USAGE)

    effect = effect_of(new=new("1.5"), now=timezone.now())

    assert (effect.credits_after, effect.estimated_runs, effect.unknown_runs) == (11, 1, 0)


def test_work_of_another_unit_counts_as_it_was(account: Account) -> None:
    log_usage(account=account, operation="content", credits_used=7, usage=USAGE)

    effect = effect_of(new=new("2", unit=PriceUnit.PER_IMAGES), now=timezone.now())

    assert (effect.credits_after, effect.unknown_runs) == (7, 1)
    assert effect.typical == (4, 12, 12 + 8 // 100 + 1)


def test_old_work_and_work_with_an_own_key_is_left_out(account: Account) -> None:
    write(account, 500, key="own", is_own_key=True)
    log_usage(account=account, operation="content", credits_used=7, usage=USAGE)
    CreditUsageLog.unscoped.filter(credits_used=7).update(
        created_at=timezone.now() - timedelta(days=31)
    )

    effect = effect_of(new=new("1.5"), now=timezone.now())

    assert (effect.runs, effect.credits_before, effect.change_percent) == (0, 0, None)


def test_an_operation_without_a_price_can_be_given_one(account: Account) -> None:
    CreditCostConfig.objects.filter(operation_type="content").update(is_active=False)
    log_usage(account=account, operation="content", credits_used=7, usage=USAGE)

    effect = effect_of(new=new("2"), now=timezone.now())

    assert (effect.unknown_runs, effect.typical) == (1, (1_200, None, 24))
    with pytest.raises(InvalidInput):
        effect_of(new=new("2", unit_size=0), now=timezone.now())


def test_saving_twice_makes_one_version_and_a_later_one_is_a_conflict(account: Account) -> None:
    values: dict[str, Any] = {
        "operation": "content",
        "unit": "per_words",
        "credits_per_unit": "1.5",
        "unit_size": 100,
        "min_credits": 1,
        "reason": "dearer models",
        "seen_version": 1,
    }
    first = change_price(now=timezone.now(), **values)
    second = change_price(now=timezone.now(), **values)

    assert (first.pk, first.version) == (second.pk, 2)
    with pytest.raises(Conflict):
        change_price(now=timezone.now(), **values | {"credits_per_unit": "2"})
    with pytest.raises(Conflict):
        change_price(now=timezone.now(), **values | {"seen_version": 7})
    assert [row.version for row in price_versions(operation="content", unit="per_words")] == [2, 1]


def test_margins_by_operation_and_by_model(account: Account) -> None:
    since = timezone.now() - timedelta(days=1)
    write(account, 1_000, key="run")
    write(account, 1_000, key="own", is_own_key=True)
    log_usage(account=account, operation="idea", credits_used=4, usage=Usage("", ""))

    by_operation = {one.name: one for one in margins_by_operation(since=since)}
    by_model = {one.name: one for one in margins_by_model(since=since)}

    content = by_operation["Content"]
    assert (content.runs, content.own_key_runs, content.credits) == (2, 1, 10)
    assert (content.cost_usd_micros, by_operation["Idea"].credits) == (500_000, 4)
    assert set(by_model) == {"openai gpt-5", "rules"}
    assert sum_of(list(by_operation.values())).credits == 14
    assert content.cost_minor(Fraction(9, 10), 2) == 45


def test_credits_are_worth_what_they_were_sold_for() -> None:
    since = timezone.now() - timedelta(days=1)
    assert sold_value(since=since) is None
    make_billing.seller()
    package = make_billing.package(1_000, 10_000, discount_bp=1_000)
    offered = sold_value(since=since)
    order = make_billing.bought(make_billing.buyer(), package, now=timezone.now())
    settle_payment(
        account=order.payment.account,
        payment_id=order.payment.pk,
        received=Received(order.payment.amount_minor, "EUR"),
        now=timezone.now(),
    )

    sold = sold_value(since=since)

    assert offered is not None
    assert sold is not None
    assert (int(offered.minor_per_1000), offered.credits) == (9_000, 0)
    assert (int(sold.minor_per_1000), sold.currency, sold.credits) == (9_000, "EUR", 1_000)
    since_then = margins_by_operation(since=since)
    assert [one.revenue_minor(sold) for one in since_then] == []
