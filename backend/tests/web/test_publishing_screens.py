"""Publishing, the jump box, the gallery and the next step, without a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.urls import reverse
from lxml import html

from igny8_core.auth.states import Role
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.content.models import Content, ContentScore
from igny8_core.business.content.states import ContentStatus
from igny8_core.business.publishing.models import PublishingRecord
from tests import make
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make import publishing as make_publishing
from tests.web.screens import HTMX, address, client_of, text_of

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


def test_deliveries_are_listed_with_what_failed(sector: Sector) -> None:
    article = make_content.article(sector, title="Sofas explained")
    make_publishing.record(article)
    client, url = client_of(sector, Role.VIEWER), address(sector, "publishing")

    every, failed = text_of(client.get(url)), text_of(client.get(f"{url}?view=failed"))

    assert "Sofas explained" in every
    assert ("Sofas explained" in failed, "Nothing has failed" in failed) == (False, True)


def test_a_deployment_is_asked_first_and_queued(sector: Sector) -> None:
    row = make_content.article(sector, status=ContentStatus.REVIEW)
    Content.unscoped.filter(pk=row.pk).update(approved_version=1)
    client, url = client_of(sector), address(sector, "deploy")

    asked = text_of(client.post(url, headers=HTMX))
    before = WorkItem.unscoped.count()
    done = client.post(url, {"confirmed": "1"}, headers=HTMX)

    assert "1 approved article goes live" in asked
    assert (before, done.status_code, WorkItem.unscoped.count()) == (0, 204, 1)


def test_an_older_version_is_live_again_after_a_question(sector: Sector) -> None:
    old = make_publishing.deployment(sector, 1, status="deployed")
    client, url = client_of(sector), address(sector, "rollback", deployment_id=old.pk)

    asked = client.post(url, headers=HTMX)

    assert "Go back to version 1?" in text_of(asked)
    assert WorkItem.unscoped.count() == 0


def test_a_version_of_another_site_is_not_there(sector: Sector) -> None:
    other = make_publishing.deployment(make_planning.sector(sector.account), 1)

    answer = client_of(sector).post(
        address(sector, "rollback", deployment_id=other.pk), headers=HTMX
    )

    assert answer.status_code == 404


def test_what_goes_to_a_static_site_is_not_tried_again_alone(sector: Sector) -> None:
    record = make_publishing.record(make_content.article(sector))

    answer = client_of(sector).post(
        address(sector, "publishing_retry", record_id=record.pk), headers=HTMX
    )

    assert answer.status_code == 409
    assert PublishingRecord.unscoped.get().status == record.status


def test_the_jump_box_finds_screens_and_rows(sector: Sector) -> None:
    make_content.article(sector, title="Sofas explained")
    make_planning.cluster(sector, "Sofas")
    make_planning.keyword(sector, "sofa legs")
    make_content.article(make_planning.sector(), title="Sofas of others")
    client, url = client_of(sector, Role.VIEWER), address(sector, "jump")

    box = text_of(client.get(url, headers=HTMX))
    part = client.get(f"{url}?q=sofa", headers=HTMX)
    nothing = text_of(client.get(f"{url}?q=zzzz", headers=HTMX))

    found = [str(link.text_content()) for link in html.fromstring(part.content).xpath("//a")]
    assert "Topic map" in box
    assert found == ["Sofas explained", "Sofas", "sofa legs"]
    assert "Nothing is called like that." in nothing


def test_the_gallery_shows_every_component_to_staff() -> None:
    client = Client()
    client.force_login(make.user(is_staff=True))

    page = html.fromstring(client.get("/ops/ui/").content)

    assert [str(h.text_content()) for h in page.xpath("//section/h2")][:3] == [
        "Buttons",
        "Marks",
        "Fields",
    ]


def test_the_overview_names_the_next_step(sector: Sector) -> None:
    client, url = client_of(sector), reverse("overview", args=[sector.site_id])

    steps = [text_of(client.get(url))]
    make_planning.keyword(sector, "sofa")
    steps.append(text_of(client.get(url)))
    cluster = make_planning.cluster(sector, "Sofas")
    steps.append(text_of(client.get(url)))
    make_planning.idea(cluster)
    steps.append(text_of(client.get(url)))
    make_content.article(sector, status=ContentStatus.REVIEW)
    steps.append(text_of(client.get(url)))

    named = ("Bring your keywords", "Group your keywords", "Have ideas made", "Decide on ideas",
             "Review drafts")  # fmt: skip
    assert [name in step for name, step in zip(named, steps, strict=True)] == [True] * 5


def test_an_article_is_scored_with_its_reasons(sector: Sector) -> None:
    row = make_content.article(sector, title="Sofas", primary_keyword="sofa")
    client = client_of(sector)
    page = address(sector, "content", content_id=row.pk)

    before = text_of(client.get(page))
    done = client.post(address(sector, "content_score", content_id=row.pk))
    after = text_of(client.get(page))

    kept = ContentScore.unscoped.get()
    assert "Not scored yet" in before
    assert done.status_code == 303
    assert kept.scorer_version in after
    assert "no forecast of a ranking" in after


def test_an_article_without_a_keyword_is_not_scorable_and_says_why(sector: Sector) -> None:
    row = make_content.article(sector, primary_keyword="")
    client = client_of(sector)

    client.post(address(sector, "content_score", content_id=row.pk))
    text = text_of(client.get(address(sector, "content", content_id=row.pk)))

    assert "Not scorable" in text
