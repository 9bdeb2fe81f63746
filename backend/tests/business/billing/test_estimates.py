from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igny8_core.ai.models import ProviderSetting
from igny8_core.ai.ports import Usage
from igny8_core.business.billing import selectors
from igny8_core.business.billing.errors import PriceMissing
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.billing.services.estimates import Work, estimate, own_key_operations
from igny8_core.business.billing.services.lots import revoke_lot, set_wallet_block
from igny8_core.business.billing.services.prices import change_price
from igny8_core.business.billing.services.reservations import capture_credits
from igny8_core.business.billing.states import BlockCause
from igny8_core.common.errors import InvalidInput
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import HOUR, NOW

pytestmark = pytest.mark.django_db

_ticks = itertools.count(1)  # each version of a price begins later than the one before


def test_work_is_priced_run_by_run() -> None:
    account = make_billing.account_with(100)

    found = estimate(
        account=account,
        works=[
            Work("content", {"per_words": 1_250}, runs=3),
            Work("image", {"per_images": 2}),
            Work("reparse", {}),
        ],
        now=NOW,
    )

    assert [(w.operation, w.runs, w.credits_each, w.credits) for w in found.works] == [
        ("content", 3, 13, 39),
        ("image", 1, 10, 10),
        ("reparse", 1, 1, 1),
    ]
    assert (found.credits, found.available, found.missing) == (50, 100, 0)
    assert not found.is_blocked
    assert selectors.held_reservations(account=account).count() == 0


@settings(max_examples=50, deadline=None)
@given(words=st.integers(1, 5_000), minimum=st.integers(0, 9), price=st.integers(0, 30_000))
def test_the_estimate_is_what_is_held_and_charged(words: int, minimum: int, price: int) -> None:
    account = make_billing.account_with(10**9)
    now = NOW + timedelta(microseconds=next(_ticks))
    change_price(
        operation="content",
        unit="per_words",
        credits_per_unit=f"{price / 10_000:.4f}",
        unit_size=7,
        min_credits=minimum,
        reason="test",
        now=now,
    )
    quantities = {"per_words": words}
    credits = AccountCredits(account)  # noqa: A001 - the product's word

    expected = estimate(account=account, works=[Work("content", quantities)], now=now).credits
    hold = credits.reserve(
        operation="content",
        quantities=quantities,
        idempotency_key=make.unique("run"),
        related_type="writing_task",
        related_id=1,
        ttl=HOUR,
        now=now,
    )
    charged = credits.capture(hold, quantities=quantities, usage=Usage("p", "m"), now=now)

    assert (hold.amount, charged) == (expected, expected)


def test_what_is_missing_is_said() -> None:
    account = make_billing.account_with(10)
    make_billing.reservation(account, 4)

    found = estimate(account=account, works=[Work("content", {"per_words": 900})], now=NOW)

    assert (found.credits, found.available, found.missing) == (9, 6, 3)


def test_a_debt_has_to_be_paid_first() -> None:
    account = make.account()
    lot = make_billing.credits(account, 10)
    hold = make_billing.reservation(account, 10)
    capture_credits(
        account=account, reservation_id=hold.reservation_id, amount=10, attempt=1, now=NOW
    )
    revoke_lot(
        account=account, lot_id=lot.lot_id, owed=7, type="chargeback", idempotency_key="d", now=NOW
    )

    found = estimate(account=account, works=[Work("reparse", {})], now=NOW)

    assert (found.missing, found.is_blocked) == (8, True)


def test_a_blocked_account_is_told_so() -> None:
    account = make_billing.account_with(10)
    set_wallet_block(account=account, cause=BlockCause.DUNNING, is_on=True, now=NOW)

    found = estimate(account=account, works=[Work("reparse", {})], now=NOW)

    assert (found.missing, found.is_blocked) == (0, True)


@pytest.mark.parametrize(
    ("works", "field"),
    [
        ([], "works"),
        ([Work("reparse", {})] * 101, "works"),
        ([Work("reparse", {}, runs=0)], "runs"),
        ([Work("reparse", {}, runs=10_001)], "runs"),
    ],
)
def test_nothing_and_too_much_are_refused(works: Any, field: str) -> None:
    account = make_billing.account_with(10)

    with pytest.raises(InvalidInput) as refused:
        estimate(account=account, works=works, now=NOW)

    assert list(refused.value.data) == [field]


def test_what_has_no_price_or_no_quantity_is_refused() -> None:
    account = make_billing.account_with(10)

    with pytest.raises(PriceMissing):
        estimate(account=account, works=[Work("ideas", {})], now=NOW)
    with pytest.raises(InvalidInput):
        estimate(account=account, works=[Work("content", {"per_items": 3})], now=NOW)


def test_an_account_with_a_key_of_its_own_pays_the_fee_alone() -> None:
    account = make_billing.account_with(100)
    change_price(
        operation="content",
        unit="per_words",
        credits_per_unit=1,
        unit_size=100,
        platform_fee_credits=2,
        reason="test",
        now=NOW,
    )
    ProviderSetting.unscoped.create(account=account, provider="openai", model="gpt-4o-mini")
    later = NOW + HOUR
    credits = AccountCredits(account)  # noqa: A001 - the product's word

    found = estimate(
        account=account,
        works=[Work("content", {"per_words": 900}, runs=3), Work("image", {"per_images": 1})],
        now=later,
    )
    hold = credits.reserve(
        operation="content",
        quantities={"per_words": 900},
        idempotency_key="run",
        related_type="writing_task",
        related_id=1,
        is_own_key=True,
        ttl=HOUR,
        now=later,
    )

    assert [(w.operation, w.is_own_key, w.credits_each, w.credits) for w in found.works] == [
        ("content", True, 2, 6),
        ("image", False, 5, 5),
    ]
    assert hold.amount == 2


def test_the_estimate_knows_whose_key_it_is_as_the_door_does() -> None:
    account = make.account()
    setting = ProviderSetting.unscoped.create(
        account=account, provider="openai", model="", image_model="gpt-image-1"
    )

    drawn = own_key_operations(account=account)
    setting.is_enabled = False
    setting.save()

    assert (drawn, own_key_operations(account=account)) == ({"image"}, set())
