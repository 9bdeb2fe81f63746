from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from igny8_core.business.automation import selectors
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services import configs, runs
from igny8_core.business.automation.services.crossing import staff_cursor
from igny8_core.business.automation.states import RunStatus
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import TenantError, tenant
from tests import make
from tests.make import automation as make_automation
from tests.make.automation import NOW, work_items

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db


def test_runs_are_listed_newest_first_and_one_is_active(account: Account) -> None:
    site = make.site(account)
    old = make_automation.run(
        account,
        site=site,
        status=RunStatus.COMPLETED,
        ended_at=NOW,
        started_at=NOW.replace(year=2025),
    )
    new = runs.start_run(account=account, site_id=site.pk, now=NOW)
    elsewhere = make_automation.run(account)
    make_automation.run(make.account())

    with tenant(account.pk):
        of_site = list(selectors.runs(account=account, site_id=site.pk))
        everywhere = set(selectors.runs(account=account))
        active = selectors.active_run(account=account, site_id=site.pk)
        found = selectors.run(account=account, run_id=old.pk)

    assert of_site == [new, old]
    assert everywhere == {new, old, elsewhere}
    assert (active, found) == (new, old)


def test_items_are_found_by_run_stage_and_status(account: Account) -> None:
    run = make_automation.run(account)
    (of_run,) = work_items(account, run=run)
    (alone,) = work_items(account)
    (ended,) = work_items(account)
    make_automation.claimed(account, alone)
    WorkItem.unscoped.filter(pk=ended).update(status="done")

    with tenant(account.pk):
        of_stage = selectors.items(account=account, run_id=run.pk, stage=1)
        open_ = selectors.open_items(account=account)
        assert [item.pk for item in of_stage] == [of_run]
        assert [item.pk for item in open_] == [of_run, alone]
        assert not selectors.items(account=account, run_id=run.pk, stage=2).exists()


def test_a_site_may_have_no_config(account: Account) -> None:
    site = make.site(account)
    with tenant(account.pk):
        assert selectors.config(account=account, site_id=site.pk) is None

    saved = configs.save_config(account=account, site_id=site.pk, now=NOW)

    with tenant(account.pk):
        assert selectors.config(account=account, site_id=site.pk) == saved


@pytest.mark.parametrize("change", [runs.pause_run, runs.resume_run, runs.cancel_run])
def test_another_accounts_run_is_not_found(account: Account, change: Callable[..., object]) -> None:
    run = make_automation.run(make.account())

    with pytest.raises(NotFound):
        change(account=account, run_id=run.pk, now=NOW)
    with tenant(account.pk), pytest.raises(NotFound):
        selectors.run(account=account, run_id=run.pk)
    run.refresh_from_db()
    assert run.status == RunStatus.RUNNING


def test_statements_over_all_accounts_do_not_run_inside_one(account: Account) -> None:
    with tenant(account.pk), pytest.raises(TenantError), staff_cursor():
        pass
