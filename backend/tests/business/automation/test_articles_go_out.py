"""Articles on their way out by themselves: at their time, and past their gates or not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services import admission, periodic, working
from igny8_core.business.automation.services.items import create_items
from igny8_core.business.automation.states import WorkItemStatus
from igny8_core.business.content.models import Content, ContentVerdict
from igny8_core.business.publishing.models import PublishingRecord
from tests.api.callers import api
from tests.make import automation as make_automation
from tests.make import content as make_content
from tests.make import memory
from tests.make import publishing as make_publishing
from tests.make.automation import ME

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings

    from tests.business.automation.conftest import Broker

DATABASES = ["default", "admin"]
JOB = "automation.publish_due"


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, settings: Settings) -> None:
    settings.SITES_ROOT = tmp_path / "sites"
    settings.MEDIA_ROOT = tmp_path / "media"


def work_off() -> list[str]:
    """What waits is dispatched and done; how each item ended."""
    admission.dispatch()
    rows = WorkItem.unscoped.filter(status=WorkItemStatus.QUEUED).order_by("pk")
    return [
        str(
            working.run_item(
                account_id=row.account_id, item_id=row.pk, worker=ME, clock=timezone.now
            )
        )
        for row in list(rows)
    ]


@pytest.mark.django_db(transaction=True, databases=DATABASES)
def test_a_scheduled_article_is_live_when_its_time_has_come_and_not_before(broker: Broker) -> None:
    sector = make_publishing.sector()
    editor = api(sector.account)
    make_automation.worker()
    row = make_content.fit_article(sector, slug="choosing")
    when = timezone.now() + timedelta(hours=1)

    editor.post(f"contents/{row.pk}/submit-for-review/")
    editor.post(f"contents/{row.pk}/approve/", {"version": 1})
    set_to = editor.post(f"contents/{row.pk}/schedule/", {"publish_at": when.isoformat()})
    sent = periodic.send_due_jobs()
    periodic.run_job(name=JOB, now=timezone.now())
    early = work_off()
    status = editor.get(f"contents/{row.pk}/").json()["status"]
    Content.unscoped.filter(pk=row.pk).update(publish_at=timezone.now())  # an hour has passed
    for _ in range(2):  # a doubled hint asks for one deployment
        periodic.run_job(name=JOB, now=timezone.now())
    done = work_off()

    assert set_to.status_code == 200
    assert JOB in sent
    assert ("automation.run_periodic", "control", {"name": JOB}) in broker.sent
    assert (early, status, done) == ([], "review", ["done"])
    shown = editor.get(f"contents/{row.pk}/").json()
    assert (shown["status"], shown["publish_at"]) == ("published", None)
    live = make_publishing.folder(sector)
    version = live.pointer().version
    assert version is not None
    assert any("choosing" in path for path in live.manifest(version).files)


@pytest.mark.django_db(databases=DATABASES)
@pytest.mark.usefixtures("in_memory")
@pytest.mark.parametrize(
    ("words", "outcome", "failed", "sent"),
    [
        (320, "passed", [], 1),
        (299, "refused", ["word_count"], 0),
        (99, "refused", ["word_count"], 0),
    ],
)
def test_a_run_lets_out_what_passes_its_gates_and_leaves_the_rest_in_review(
    words: int, outcome: str, failed: list[str], sent: int
) -> None:
    _, sector, _, _ = memory.memory_site(auto_publish="submitted")
    make_automation.worker()
    row = make_content.machine_article(sector, word_count=words)
    create_items(
        account=sector.account, kind="content.submit", related_type="content",
        related_ids=[row.pk], work_class="control", now=make_automation.NOW,
    )  # fmt: skip

    done = work_off()

    row = Content.unscoped.get(pk=row.pk)
    verdict = ContentVerdict.unscoped.order_by("-pk")[0]
    assert done == ["done"]
    assert (row.status, row.approved_version) == ("review", 1 if sent else None)
    assert (verdict.step, verdict.outcome) == ("approve", outcome)
    assert [one["gate"] for one in verdict.failed] == failed
    assert PublishingRecord.unscoped.filter(content=row).count() == sent
