"""Accounts that are suspended or closed, and sites at rest: nothing begins, nothing is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth import services
from igny8_core.auth.errors import SiteInactive
from igny8_core.auth.models import Account
from igny8_core.business.automation.models import AutomationConfig, AutomationRun, RunEvent
from igny8_core.business.automation.services import configs, items, runs, schedules, stepping
from igny8_core.business.automation.services.sweeping import sweep
from igny8_core.business.automation.states import RunStatus
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import automation as make_automation
from tests.make.automation import ME, NOW, claimed, queued, status, work_items

if TYPE_CHECKING:
    from igny8_core.auth.models import Site
    from tests.business.automation.conftest import Broker

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def site(account: Account) -> Site:
    return make.site(account)


def suspend(account: Account) -> None:
    services.suspend_account(account=account, reason="x", now=NOW)


def reactivate(account: Account) -> None:
    services.reactivate_account(account=account, reason="x", now=NOW)


def test_a_hint_of_a_suspended_account_claims_nothing_until_it_is_active(account: Account) -> None:
    (item_id,) = work_items(account)
    queued(item_id)
    suspend(account)

    with tenant(account.pk):
        refused = items.claim(account_id=account.pk, item_id=item_id, worker=ME)
    reactivate(account)
    with tenant(account.pk):
        lease = items.claim(account_id=account.pk, item_id=item_id, worker=ME)

    assert refused is None
    assert lease is not None


def test_work_that_had_begun_ends_and_hands_nothing_over(account: Account) -> None:
    first, second = work_items(account, 2)
    lease = claimed(account, first)
    suspend(account)

    with tenant(account.pk):
        items.settle(lease)

    assert (status(first), status(second)) == ("done", "ready")


def test_a_hint_that_nobody_may_claim_is_called_back(account: Account, settings: Any) -> None:
    (item_id,) = work_items(account)
    queued(item_id)
    suspend(account)
    settings.STALE_HINT_SECONDS = -1

    swept = sweep()

    assert swept.forgotten == 1
    assert status(item_id) == "ready"


def test_a_run_stands_still_until_the_account_is_active_again(
    account: Account, site: Site, broker: Broker
) -> None:
    run = make_automation.run(account, site=site)
    suspend(account)

    still = stepping.advance_run(account_id=account.pk, run_id=run.pk, now=NOW)
    run.refresh_from_db()
    stood = (still, run.current_stage)
    reactivate(account)
    after = stepping.advance_run(account_id=account.pk, run_id=run.pk, now=NOW)

    assert stood == (RunStatus.RUNNING, 1)
    assert after == RunStatus.COMPLETED  # the site has nothing to do


def test_a_run_stands_still_while_its_site_is_at_rest(
    account: Account, site: Site, broker: Broker
) -> None:
    run = make_automation.run(account, site=site)
    first, second = work_items(account, 2, run=run)
    lease = claimed(account, first)
    services.set_site_active(account=account, site_id=site.pk, is_active=False)

    with tenant(account.pk):
        items.settle(lease)  # hands nothing over
    after = status(second)
    queued(second)
    with tenant(account.pk):
        refused = items.claim(account_id=account.pk, item_id=second, worker=ME)
    items.cancel_items(account=account, item_ids=[second])
    still = stepping.advance_run(account_id=account.pk, run_id=run.pk, now=NOW)
    services.set_site_active(account=account, site_id=site.pk, is_active=True)
    awake = stepping.advance_run(account_id=account.pk, run_id=run.pk, now=NOW)

    assert (after, refused, still) == ("ready", None, RunStatus.RUNNING)
    assert awake == RunStatus.COMPLETED


@pytest.mark.parametrize("what", ["suspended", "closed", "at rest"])
def test_nothing_starts_on_schedule_and_it_is_caught_up_with(
    account: Account, site: Site, what: str
) -> None:
    config = configs.save_config(account=account, site_id=site.pk, is_enabled=True, now=NOW)
    AutomationConfig.unscoped.filter(pk=config.pk).update(next_run_at=NOW)
    if what == "at rest":
        services.set_site_active(account=account, site_id=site.pk, is_active=False)
    else:
        Account.objects.filter(pk=account.pk).update(status=what)

    started = schedules.start_due_runs(now=NOW)
    Account.objects.filter(pk=account.pk).update(status="active")
    services.set_site_active(account=account, site_id=site.pk, is_active=True)
    later = schedules.start_due_runs(now=NOW + timedelta(hours=1))

    assert (started, later) == (0, 1)
    assert AutomationRun.unscoped.count() == 1
    assert not RunEvent.unscoped.filter(code="schedule_skipped").exists()


def test_no_run_starts_on_a_site_at_rest(account: Account, site: Site) -> None:
    services.set_site_active(account=account, site_id=site.pk, is_active=False)

    with pytest.raises(SiteInactive):
        runs.start_run(account=account, site_id=site.pk, now=NOW)

    assert not AutomationRun.unscoped.exists()


def test_a_site_put_to_rest_between_the_scan_and_the_start_is_skipped(
    account: Account, site: Site
) -> None:
    config = configs.save_config(account=account, site_id=site.pk, is_enabled=True, now=NOW)
    AutomationConfig.unscoped.filter(pk=config.pk).update(next_run_at=NOW)
    services.set_site_active(account=account, site_id=site.pk, is_active=False)

    started = schedules.start_due_run(account=account, config_id=config.pk, now=NOW)

    assert started is False
    assert RunEvent.unscoped.get(code="schedule_skipped").data["reason"] == "site_inactive"
