"""The guard by its addresses: verdicts, reasons, and people who know better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from igny8_core.auth.states import Role
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services.working import run_item
from igny8_core.business.content.models import SitePage
from igny8_core.business.planning.models import ContentIdeas
from igny8_core.common.url_keys import url_key
from tests.api.planning.asking import Asker
from tests.make import automation as make_automation
from tests.make import billing as make_billing
from tests.make import planning as make_planning
from tests.make.automation import ME, NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector(make_billing.account_with(100))


def page(sector: Sector, url: str, title: str) -> SitePage:
    key = url_key(url)
    assert key is not None
    return SitePage.unscoped.create(
        account=sector.account, site=sector.site, url=url, url_hash=key.digest, title=title,
        source="sitemap", last_seen_at=NOW,
    )  # fmt: skip


def test_an_idea_beside_a_page_of_the_site_is_held_back_until_a_person_says_why(
    sector: Sector,
) -> None:
    known = page(sector, "https://shop.example.com/grey-sofas", "Grey Sofas | Shop")
    cluster = make_planning.cluster(sector)
    held = make_planning.idea(cluster, title="Grey sofa", target_keyword="grey sofa", volume=9)
    free = make_planning.idea(cluster, title="Garden hose", target_keyword="garden hose")
    asker, url = Asker(sector.account), f"ideas/{held.pk}/"

    checked = asker.post("ideas/check/", {"site": sector.site_id})
    shown = asker.get(url).json()
    queued = asker.post("writing-tasks/from-ideas/", {"ideas": [held.pk]})
    empty = asker.post(f"{url}override/", {"reason": " "})
    overridden = asker.post(f"{url}override/", {"reason": "Ours is a guide."})
    then = asker.post("writing-tasks/from-ideas/", {"ideas": [held.pk]})

    assert checked.json() == {
        "checked": 2, "fine": 1, "differentiate": 0, "merge": 0, "skip": 1, "blocked": [held.pk],
    }  # fmt: skip
    assert (shown["overlap"], shown["is_blocked"]) == ("skip", True)
    assert shown["overlap_reason"].startswith("Served already by a page of the site")
    (match,) = shown["overlap_matches"]
    assert {
        "kind": "page", "id": known.pk, "url": known.url, "is_duplicate": True,
    }.items() <= match.items()  # fmt: skip
    assert (queued.status_code, queued.json()["code"]) == (409, "idea_overlaps")
    assert (empty.status_code, list(empty.json()["errors"])) == (422, ["reason"])
    assert {"override_reason": "Ours is a guide.", "is_blocked": False}.items() <= (
        overridden.json().items()
    )
    assert overridden.json()["overridden_by"].startswith("user:")
    assert then.status_code == 201, then.content
    assert asker.ids("ideas/", overlap="fine") == [free.pk]


def test_an_override_is_withdrawn_and_needs_a_held_back_idea(sector: Sector) -> None:
    idea = make_planning.idea(make_planning.cluster(sector), title="Sofa")
    asker = Asker(sector.account)

    refused = asker.post(f"ideas/{idea.pk}/override/", {"reason": "Why not."})
    ContentIdeas.unscoped.filter(pk=idea.pk).update(overlap="skip", overlap_checked_at=NOW)
    asker.post(f"ideas/{idea.pk}/override/", {"reason": "Because."})
    back = asker.post(f"ideas/{idea.pk}/withdraw-override/")

    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert (back.json()["is_blocked"], back.json()["override_reason"]) == (True, "")


def test_some_ideas_are_checked_and_those_of_others_are_not_found(sector: Sector) -> None:
    cluster, other = make_planning.cluster(sector), make_planning.sector()
    one, _two = (make_planning.idea(cluster, title=title) for title in ("Sofa", "Hose"))
    foreign = make_planning.idea(make_planning.cluster(other))
    asker, site = Asker(sector.account), sector.site_id

    some = asker.post("ideas/check/", {"site": site, "ideas": [one.pk]})
    missing = asker.post("ideas/check/", {"site": site, "ideas": [foreign.pk]})
    elsewhere = asker.post("ideas/check/", {"site": other.site_id})
    viewer = Asker(sector.account, Role.VIEWER).post("ideas/check/", {"site": site})

    assert (some.json()["checked"], some.json()["fine"]) == (1, 1)
    assert [r.status_code for r in (missing, elsewhere, viewer)] == [404, 404, 403]


def test_ideas_are_made_with_options(sector: Sector) -> None:
    one, two = (make_planning.cluster(sector, name) for name in ("Sofas", "Hoses"))
    make_planning.keyword(sector, "sofa", cluster=one, role="hub", volume=9)
    make_planning.keyword(sector, "garden hose", cluster=two, role="hub", volume=5)
    asker = Asker(sector.account)
    body = {"sector": sector.pk, "clusters": [two.pk], "limit": 5, "by_rules": True}

    asked = asker.post("ideas/make/", body, key="a")
    other = asker.post("ideas/make/", {"sector": sector.pk}, key="b")
    make_automation.queued(asked.json()["id"])
    run_item(account_id=sector.account_id, item_id=asked.json()["id"], worker=ME, clock=lambda: NOW)

    item = WorkItem.unscoped.get()
    assert (item.status, item.error) == ("done", "")
    assert item.options == {"cluster_ids": [two.pk], "limit": 5, "by_rules": True}
    assert (other.status_code, other.json()["code"]) == (409, "other_options")
    assert [idea.cluster_id for idea in ContentIdeas.unscoped.all()] == [two.pk]
    assert (
        asker.post(
            "ideas/make/",
            {"sector": sector.pk, "clusters": [make_planning.cluster(make_planning.sector()).pk]},
            key="c",
        ).status_code
        == 404
    )
