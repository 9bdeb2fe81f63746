from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from igny8_core.auth.models import Plan
from igny8_core.business.billing.models import TaxRule
from igny8_core.business.billing.services.proration import (
    Span,
    part_between,
    unused_part,
    used_part,
)
from igny8_core.business.billing.services.subscription_terms import upgrade_lines
from igny8_core.business.billing.services.taxes import taxed
from tests.make.billing import NOW

AMOUNTS = st.integers(0, 10**13)
SECONDS = st.integers(1, 366 * 86_400)


def span(seconds: int) -> Span:
    return Span(NOW, NOW + timedelta(seconds=seconds))


@given(amount=AMOUNTS, seconds=SECONDS, at=st.integers(-100, 400 * 86_400))
def test_what_is_used_and_what_is_not_are_the_whole(amount: int, seconds: int, at: int) -> None:
    moment = NOW + timedelta(seconds=at)

    used = used_part(amount, span=span(seconds), at=moment)
    unused = unused_part(amount, span=span(seconds), at=moment)

    assert used + unused == amount
    assert 0 <= used <= amount
    assert (used == 0 or at > 0, unused == 0 or at < seconds) == (True, True)


@given(amount=AMOUNTS, seconds=SECONDS, cuts=st.lists(SECONDS, max_size=12))
def test_however_a_period_is_cut_its_parts_are_the_whole(
    amount: int, seconds: int, cuts: list[int]
) -> None:
    places = [0, *sorted(min(cut, seconds) for cut in cuts), seconds]
    moments = [NOW + timedelta(seconds=place) for place in places]

    parts = [
        part_between(amount, span=span(seconds), since=a, until=b) for a, b in pairwise(moments)
    ]

    assert sum(parts) == amount
    assert min(parts) >= 0


@given(
    old=AMOUNTS,
    more=AMOUNTS,
    seconds=SECONDS,
    at=st.integers(0, 366 * 86_400),
    rate_bp=st.integers(1, 10_000),
)
def test_an_upgrade_is_over_nothing_or_more_and_its_tax_fits(
    old: int, more: int, seconds: int, at: int, rate_bp: int
) -> None:
    here, moment = span(seconds), NOW + timedelta(seconds=at)
    before, after = Plan(name="a", price_minor=old), Plan(name="b", price_minor=old + more)
    rule = TaxRule(category="S", rate_bp=rate_bp)

    marked, groups = taxed(upgrade_lines(before, after, span=here, at=moment), rule)

    net = sum(line.net_minor for line in marked)
    tax = sum(group.tax_minor for group in groups)
    assert 0 <= net <= more + 1
    assert sum(group.base_minor for group in groups) == net
    assert abs(tax * 10_000 - net * rate_bp) * 2 <= 10_000
    assert used_part(old, span=here, at=moment) - marked[0].net_minor == old
