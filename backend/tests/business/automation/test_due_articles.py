"""Articles whose time has come are put live by a deployment of their site, asked for once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services.due_articles import PAUSE, publish_due
from igny8_core.business.content.services.review import publish_approved
from igny8_core.business.content.states import ContentStatus
from tests import make
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.content import NOW

if TYPE_CHECKING:
    from igny8_core.business.content.models import Content

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


def approved(sector: Any, **fields: Any) -> Content:
    return make_content.article(
        sector, status=ContentStatus.REVIEW, approved_version=1, approved_at=NOW, **fields
    )


def items() -> list[WorkItem]:
    return list(WorkItem.unscoped.filter(kind="site.publish").order_by("pk"))


def test_a_site_is_asked_for_once_when_something_is_due() -> None:
    sector, other = make_planning.sector(), make_planning.sector()
    due = approved(sector, publish_at=NOW)
    approved(sector, publish_at=NOW - timedelta(hours=1))
    approved(other, publish_at=NOW + timedelta(seconds=1))
    make_content.article(other, status=ContentStatus.REVIEW, publish_at=NOW)  # not approved

    first, again = publish_due(now=NOW), publish_due(now=NOW)

    assert (first, again) == (1, 0)
    [item] = items()
    assert (item.related_type, item.related_id) == ("site", due.site_id)


def test_a_deployment_puts_live_what_is_due_and_nothing_else() -> None:
    sector = make_planning.sector()
    due = approved(sector, publish_at=NOW)
    later = approved(sector, publish_at=NOW + timedelta(minutes=1))
    anytime = approved(sector)

    ids = publish_approved(account=sector.account, site=sector.site, now=NOW)

    assert set(ids) == {due.pk, anytime.pk}
    due.refresh_from_db()
    later.refresh_from_db()
    assert (due.status, due.publish_at, later.status) == ("published", None, "review")


def test_after_a_failure_it_pauses_and_goes_on() -> None:
    approved(make_planning.sector(), publish_at=NOW)
    publish_due(now=NOW)
    WorkItem.unscoped.update(status="failed", updated_at=NOW, ended_at=NOW)

    soon, later = publish_due(now=NOW + PAUSE / 2), publish_due(now=NOW + PAUSE)

    assert (soon, later) == (0, 1)
    assert [item.status for item in items()] == ["failed", "ready"]


def test_a_suspended_account_waits() -> None:
    account = make.account(status="suspended")
    approved(make_planning.sector(account), publish_at=NOW)

    assert publish_due(now=NOW) == 0
    assert items() == []


def test_older_articles_link_to_a_new_one_where_the_site_wants_it() -> None:
    sector = make_planning.sector()
    old = make_content.article(
        sector,
        status=ContentStatus.PUBLISHED,
        primary_keyword="armchair",
        blocks=[
            {"id": "b1", "type": "paragraph", "text": "Or take a corner sofa. " + "Words. " * 120}
        ],
    )
    new = approved(sector, primary_keyword="corner sofa")
    sector.site.settings = {"links": {"automatic": True}}
    sector.site.save()

    publish_approved(account=sector.account, site=sector.site, now=NOW)

    old.refresh_from_db()
    assert (old.version, old.status) == (2, "published")
    assert f'<a href="#content-{new.pk}">corner sofa</a>' in old.html


def test_by_default_published_texts_stay_as_they_are() -> None:
    sector = make_planning.sector()
    old = make_content.article(
        sector, status=ContentStatus.PUBLISHED, primary_keyword="armchair",
        blocks=[{"id": "b1", "type": "paragraph", "text": "A corner sofa. " + "Words. " * 120}],
    )  # fmt: skip
    approved(sector, primary_keyword="corner sofa")

    publish_approved(account=sector.account, site=sector.site, now=NOW)

    old.refresh_from_db()
    assert old.version == 1
