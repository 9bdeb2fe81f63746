from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from igny8_core.business.automation.services import run_estimates
from igny8_core.common.errors import NotFound
from tests import make
from tests.make import automation as make_automation
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Sector

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture
def sector() -> Sector:
    account = make_billing.account_with(1_000)
    return make_planning.sector(account)


def estimate(sector: Sector) -> run_estimates.RunEstimate:
    account: Account = sector.account
    return run_estimates.estimate_run(account=account, site_id=sector.site_id, now=NOW)


def by_stage(found: run_estimates.RunEstimate) -> dict[int, tuple[int, int, int]]:
    return {stage.number: (stage.waiting, stage.expected, stage.credits) for stage in found.stages}


def test_an_empty_site_has_nothing_to_do_and_costs_nothing(sector: Sector) -> None:
    found = estimate(sector)

    assert by_stage(found) == dict.fromkeys(range(1, 8), (0, 0, 0))
    assert (found.credits, found.available, found.stops) == (0, 1_000, "")


def test_what_waits_is_followed_through_the_stages(sector: Sector) -> None:
    cluster = make_planning.cluster(sector)
    make_planning.keywords(sector, [f"sofa {n}" for n in range(30)])
    make_planning.idea(cluster)
    make_content.writing_task(cluster, target_word_count=800)

    found = by_stage(estimate(sector))

    assert found[1] == (30, 30, 1)  # a credit for each 100 keywords
    assert found[3][0] == 1
    ideas = found[2][1]
    assert ideas >= 5  # of about six keywords each
    assert found[4][:2] == (1, 1 + 1 + ideas)
    assert found[4][2] == 8 + 5 * (1 + ideas)  # a credit for each 100 words
    assert found[6] == (0, found[4][1], 5 * found[4][1])
    assert found[7][1] == found[4][1]


def test_the_first_limit_that_would_stop_it_is_named(sector: Sector) -> None:
    make_planning.keywords(sector, [f"sofa {n}" for n in range(300)])
    total = estimate(sector).credits
    config = make_automation.config(
        sector.account, site=sector.site, max_credits_per_run=20, max_credits_per_month=10
    )

    capped = estimate(sector)
    config.max_credits_per_month = None
    config.save()
    sector.account.max_credits_per_day = total
    sector.account.save()

    assert (capped.stops, capped.cap, capped.month_cap) == ("month_cap_reached", 20, 10)
    assert total > 20
    assert estimate(sector).stops == "run_cap_reached"


def test_too_few_credits_are_said(sector: Sector) -> None:
    make_planning.keywords(sector, [f"sofa {n}" for n in range(1_200)])

    found = estimate(sector)

    assert found.credits > found.available == 1_000
    assert found.stops == "insufficient_credits"


def test_another_accounts_site_is_not_found(sector: Sector) -> None:
    with pytest.raises(NotFound):
        run_estimates.estimate_run(account=make.account(), site_id=sector.site_id, now=NOW)
