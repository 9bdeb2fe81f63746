from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from igny8_core.business.billing import selectors
from igny8_core.business.billing.errors import PriceMissing
from igny8_core.business.billing.models import CreditCostConfig
from igny8_core.business.billing.services.prices import (
    Price,
    PriceLine,
    change_price,
    price,
    quote,
)
from igny8_core.business.billing.states import OperationType, PriceUnit
from igny8_core.common.errors import InvalidInput
from tests import make
from tests.make import billing as make_billing
from tests.make.billing import NOW

LATER = NOW + timedelta(days=1)


@pytest.fixture
def prices(db: None) -> None:
    make_billing.prices()


@pytest.mark.usefixtures("prices")
@pytest.mark.parametrize(
    ("operation", "quantities", "credits"),
    [
        ("clustering", {"per_items": 1}, 1),
        ("clustering", {"per_items": 100}, 1),
        ("clustering", {"per_items": 101}, 2),
        ("clustering", {"per_items": 0}, 1),
        ("idea", {"per_items": 10}, 1),
        ("idea", {"per_items": 11}, 2),
        ("content", {"per_words": 1_000}, 10),
        ("content", {"per_words": 1_001}, 11),
        ("image_prompt", {}, 1),
        ("image_prompt", {"per_images": 4}, 1),
        ("image", {"per_images": 3}, 15),
        ("reparse", {"per_request": 2}, 2),
        ("optimization", {"per_words": 900}, 5),
    ],
)
def test_default_prices(operation: str, quantities: dict[str, int], credits: int) -> None:  # noqa: A002
    assert quote(operation=operation, quantities=quantities, now=NOW) == credits


@pytest.mark.usefixtures("prices")
def test_every_operation_has_a_default_price() -> None:
    priced = {row.operation_type for row in selectors.price_list(now=NOW)}

    assert priced == {op.value for op in OperationType if not op.is_legacy}


@pytest.mark.usefixtures("prices")
def test_the_default_prices_can_be_loaded_again() -> None:
    before = CreditCostConfig.objects.count()

    make_billing.prices()

    assert CreditCostConfig.objects.count() == before


def line(
    unit: PriceUnit, credits_per_unit: str, *, unit_size: int = 1, least: int = 0
) -> PriceLine:
    return PriceLine(
        config_id=1,
        version=1,
        unit=unit,
        unit_size=unit_size,
        credits_per_unit=Decimal(credits_per_unit),
        min_credits=least,
    )


def of(*lines: PriceLine) -> Price:
    return Price(operation=OperationType.CONTENT, lines=lines)


@given(
    words=st.integers(0, 10**7),
    images=st.integers(0, 10**4),
    per_words=st.decimals(0, 10**6, places=4),
    per_image=st.decimals(0, 10**6, places=4),
    unit_size=st.integers(1, 10_000),
    least=st.integers(0, 50),
)
def test_units_add_up_exactly_and_are_rounded_up_once(
    *, words: int, images: int, per_words: Decimal, per_image: Decimal, unit_size: int, least: int
) -> None:
    price = of(
        line(PriceUnit.PER_WORDS, str(per_words), unit_size=unit_size, least=least),
        line(PriceUnit.PER_IMAGES, str(per_image)),
    )

    charged = price.credits({"per_words": words, "per_images": images})

    exact = Fraction(words, unit_size) * Fraction(per_words) + images * Fraction(per_image)
    assert charged == max(1, least, ceil(exact))


def test_three_thirds_are_one() -> None:
    price = of(
        line(PriceUnit.PER_ITEMS, "0.3333", unit_size=1), line(PriceUnit.PER_WORDS, "0.3333")
    )

    assert price.credits({"per_items": 1, "per_words": 2}) == 1


@pytest.mark.parametrize("quantities", [{}, {"per_images": 3}, {"per_words": -1}])
def test_a_priced_unit_needs_its_quantity(quantities: dict[str, int]) -> None:
    with pytest.raises(InvalidInput):
        of(line(PriceUnit.PER_WORDS, "1")).credits(quantities)


@pytest.mark.usefixtures("prices")
def test_a_snapshot_brings_the_price_back() -> None:
    now = price(operation="content", now=NOW)

    assert Price.model_validate(now.snapshot()) == now


@pytest.mark.usefixtures("prices")
def test_an_operation_without_a_price_is_refused() -> None:
    with pytest.raises(PriceMissing):
        price(operation="images", now=NOW)
    with pytest.raises(PriceMissing):
        price(operation="content", now=NOW - timedelta(days=10_000))


@pytest.mark.usefixtures("prices")
def test_a_price_that_is_switched_off_is_refused() -> None:
    change_price(
        operation="image",
        unit="per_images",
        credits_per_unit=5,
        unit_size=1,
        reason="provider gone",
        is_active=False,
        now=NOW,
    )

    with pytest.raises(PriceMissing):
        quote(operation="image", quantities={"per_images": 1}, now=NOW)


@pytest.mark.usefixtures("prices")
def test_a_new_version_begins_where_the_old_one_ends() -> None:
    person = make.user()

    new = change_price(
        operation="content",
        unit="per_words",
        credits_per_unit="1.5",
        unit_size=100,
        reason="dearer model",
        actor_id=person.pk,
        now=NOW,
    )

    old = CreditCostConfig.objects.get(operation_type="content", version=1)
    assert (new.version, new.prev_version, new.active_from) == (2, 1, NOW)
    assert (old.active_to, old.updated_by_id) == (NOW, person.pk)
    assert (new.previous_credits_per_unit, new.change_reason) == (Decimal(1), "dearer model")
    words = {"per_words": 1_000}
    before = quote(operation="content", quantities=words, now=NOW - timedelta(microseconds=1))
    assert (before, quote(operation="content", quantities=words, now=NOW)) == (10, 15)


@pytest.mark.usefixtures("prices")
def test_a_second_unit_adds_to_the_price() -> None:
    change_price(
        operation="content",
        unit="per_request",
        credits_per_unit=2,
        unit_size=1,
        reason="base fee",
        now=NOW,
    )

    assert quote(operation="content", quantities={"per_words": 100}, now=NOW) == 3


@pytest.mark.usefixtures("prices")
@pytest.mark.parametrize(
    "change",
    [
        {"operation": "images"},
        {"operation": "nothing"},
        {"unit": "per_moon"},
        {"unit_size": 0},
        {"credits_per_unit": -1},
        {"credits_per_unit": "0.00001"},
        {"now": NOW - timedelta(days=10_000)},
    ],
)
def test_what_is_no_price_is_refused(change: dict[str, Any]) -> None:
    wanted: dict[str, Any] = {
        "operation": "content",
        "unit": "per_words",
        "credits_per_unit": 1,
        "unit_size": 100,
        "reason": "a test",
        "now": NOW,
    }
    before = CreditCostConfig.objects.count()

    with pytest.raises(InvalidInput):
        change_price(**wanted | change)

    assert CreditCostConfig.objects.count() == before


@pytest.mark.usefixtures("prices")
@pytest.mark.parametrize(
    "fields",
    [
        {"version": 2, "active_from": NOW},  # overlaps the open version
        {"version": 1, "active_from": NOW},  # a version twice
        {"version": 3, "active_from": NOW, "active_to": LATER},  # skips a version
    ],
)
def test_versions_neither_overlap_nor_leave_a_gap(fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        CreditCostConfig.objects.create(
            operation_type="content",
            unit="per_words",
            unit_size=1,
            credits_per_unit=1,
            display_name="forged",
            **fields,
        )


@pytest.mark.usefixtures("prices")
def test_a_gap_between_versions_is_impossible() -> None:
    first = CreditCostConfig.objects.filter(operation_type="content")
    first.update(active_to=NOW)

    with pytest.raises(IntegrityError), transaction.atomic():
        CreditCostConfig.objects.create(
            operation_type="content",
            unit="per_words",
            version=2,
            unit_size=1,
            credits_per_unit=1,
            display_name="forged",
            active_from=LATER,
        )
