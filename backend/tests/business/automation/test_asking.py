"""What people ask of single pieces of work: again, not at all, a deployment, a way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from igny8_core.business.automation.errors import RunEnded
from igny8_core.business.automation.models import RunEvent, WorkItem
from igny8_core.business.automation.services import asking, runs, stages
from igny8_core.business.automation.states import RunStatus, WorkItemStatus
from igny8_core.business.publishing.errors import VersionNotAvailable
from igny8_core.common.errors import NotFound
from tests import make
from tests.make import automation as make_automation
from tests.make import publishing as make_publishing
from tests.make.automation import NOW, status, work_items

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db


def ended(state: WorkItemStatus, *item_ids: int) -> None:
    WorkItem.unscoped.filter(pk__in=item_ids).update(status=state, ended_at=NOW)


def test_what_failed_in_the_current_stage_is_done_again(account: Account) -> None:
    run = make_automation.run(account)
    failed, dead, done = work_items(account, 3, run=run)
    ended(WorkItemStatus.FAILED, failed)
    ended(WorkItemStatus.DEAD, dead)
    ended(WorkItemStatus.DONE, done)
    run.current_stage = 2
    (later,) = work_items(account, run=run)
    ended(WorkItemStatus.FAILED, later)

    first = runs.retry_run(account=account, run_id=run.pk)
    run.save(update_fields=["current_stage"])
    second = runs.retry_run(account=account, run_id=run.pk)
    third = runs.retry_run(account=account, run_id=run.pk)

    assert (first, second, third) == (2, 1, 0)
    assert [status(i) for i in (failed, dead, done, later)] == ["ready", "ready", "done", "ready"]
    found = RunEvent.unscoped.filter(code="items_retried").order_by("pk")
    assert [event.data for event in found] == [
        {"stage": 1, "items": 2},
        {"stage": 2, "items": 1},
    ]
    run.refresh_from_db()
    assert run.version == 3


def test_nothing_of_a_run_that_is_over_is_done_again(account: Account) -> None:
    run = make_automation.run(account, status=RunStatus.FAILED, ended_at=NOW)
    (failed,) = work_items(account, run=run)
    ended(WorkItemStatus.FAILED, failed)

    with pytest.raises(RunEnded):
        runs.retry_run(account=account, run_id=run.pk)

    assert status(failed) == WorkItemStatus.FAILED


def test_single_items_are_done_again_or_not_at_all(account: Account) -> None:
    failed, ready, done = work_items(account, 3)
    ended(WorkItemStatus.FAILED, failed)
    ended(WorkItemStatus.DONE, done)
    ids = [failed, ready, done]

    retried = asking.retry_work_items(account=account, ids=ids, now=NOW)
    cancelled = asking.cancel_work_items(account=account, ids=ids, now=NOW)

    assert (retried, cancelled) == (1, 2)
    assert [status(i) for i in ids] == ["cancelled", "cancelled", "done"]


def test_of_several_items_all_are_known_or_nothing_happens(account: Account) -> None:
    (mine,), (theirs,) = work_items(account), work_items(make.account())

    for service in (asking.retry_work_items, asking.cancel_work_items):
        with pytest.raises(NotFound) as refused:
            service(account=account, ids=[mine, theirs], now=NOW)
        assert refused.value.data == {"item_id": theirs}

    assert (status(mine), status(theirs)) == ("ready", "ready")


def test_a_deployment_that_waits_is_asked_for_once(account: Account) -> None:
    site = make.site(account)

    first = asking.request_deployment(account=account, site_id=site.pk, now=NOW)
    again = asking.request_deployment(account=account, site_id=site.pk, now=NOW)
    make_automation.claimed(account, first.pk)
    after = asking.request_deployment(account=account, site_id=site.pk, now=NOW)

    assert (again.pk, after.pk > first.pk) == (first.pk, True)
    assert {item.kind for item in (first, after)} == {"site.publish"}
    assert (first.work_class, first.related_type, first.related_id) == ("publish", "site", site.pk)
    assert WorkItem.unscoped.count() == 2


def test_another_accounts_site_is_not_deployed(account: Account) -> None:
    site = make.site(make.account())

    with pytest.raises(NotFound):
        asking.request_deployment(account=account, site_id=site.pk, now=NOW)

    assert not WorkItem.unscoped.exists()


def test_a_way_back_leads_to_a_version_that_was_live(account: Account) -> None:
    sector = make_publishing.sector(account)
    live = make_publishing.deployment(sector)
    pruned = make_publishing.deployment(sector, version=2, pruned_at=NOW)

    item = asking.request_rollback(account=account, deployment_id=live.pk, now=NOW)
    with pytest.raises(VersionNotAvailable):
        asking.request_rollback(account=account, deployment_id=pruned.pk, now=NOW)
    with pytest.raises(NotFound):
        asking.request_rollback(account=make.account(), deployment_id=live.pk, now=NOW)

    assert (item.kind, item.related_type, item.related_id) == (
        "site.rollback",
        "deployment",
        live.pk,
    )
    assert stages.kind(item.kind).deadline_seconds == 300
    assert WorkItem.unscoped.count() == 1
