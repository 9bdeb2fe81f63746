"""Rebuilds by their addresses: asked for, made by a worker, looked at, accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.automation.models import WorkItem
from igny8_core.business.automation.services.working import run_item
from igny8_core.business.planning.models import Clusters, Keywords
from igny8_core.business.planning.services.cluster_keywords import cluster_keywords
from tests import make
from tests.api.planning.asking import Asker
from tests.make import automation as make_automation
from tests.make import billing as make_billing
from tests.make import planning as make_planning
from tests.make.automation import ME, NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

SOFAS = ["grey sofa", "grey sofas", "grey sofa bed", "dark grey sofa"]
HOSES = ["garden hose", "garden hose reel", "expandable garden hose"]


@pytest.fixture
def sector() -> Sector:
    """Clustered, and then one sofa was put among the hoses."""
    found = make_planning.sector(make_billing.account_with(100))
    for at, text in enumerate([*SOFAS, *HOSES]):
        make_planning.keyword(found, text, volume=900 - 10 * at)
    cluster_keywords(
        account=found.account, site=found.site, sector=found, clock=lambda: NOW, credits=None
    )
    hoses = Keywords.unscoped.get(keyword="garden hose").cluster_id
    Keywords.unscoped.filter(keyword="grey sofa bed").update(cluster_id=hoses, page=7)
    return found


def proposed(sector: Sector, asker: Asker, **options: Any) -> Any:
    """The proposal that a worker makes of the request."""
    answer = asker.post("cluster-proposals/", {"sector": sector.pk, **options})
    assert answer.status_code == 202, answer.content
    make_automation.queued(answer.json()["id"])
    ended = run_item(
        account_id=sector.account_id, item_id=answer.json()["id"], worker=ME, clock=lambda: NOW
    )
    item = WorkItem.unscoped.get(pk=answer.json()["id"])
    assert ended == "done", item.error
    return asker.get(f"cluster-proposals/{item.result_id}/").json()


def names() -> dict[str, str]:
    rows = Keywords.unscoped.select_related("cluster")
    return {row.keyword: row.cluster.name if row.cluster else "" for row in rows}


def test_a_rebuild_is_asked_for_looked_at_and_accepted(sector: Sector) -> None:
    asker, before = Asker(sector.account), names()

    shown = proposed(sector, asker)
    untouched = names()
    url = f"cluster-proposals/{shown['id']}/"
    changes = asker.get(f"{url}changes/").json()["results"]
    no_key = asker.post(f"{url}accept/")
    accepted = asker.post(f"{url}accept/", key="a")
    after = names()
    again = asker.post(f"{url}accept/", key="a")
    edit = asker.get("cluster-edits/", kind="rebuild").json()["results"][0]
    undone = asker.post(f"cluster-edits/{edit['id']}/undo/")

    assert (shown["status"], untouched) == ("open", before)
    assert (shown["topic_tau"], shown["changes_applied"]) == (0.4, 0)
    assert len(changes) == shown["changes_count"] > 0
    gaining = next(row for row in changes if row["moved_count"])
    assert {"keywords": 1, "name": before["garden hose"]}.items() <= gaining["sources"][-1].items()
    assert (no_key.status_code, list(no_key.json()["errors"])) == (422, ["idempotency_key"])
    assert accepted.status_code == 200, accepted.content
    assert (accepted.json()["status"], accepted.json()["topic_tau"]) == ("applied", 0.4)
    assert after["grey sofa bed"] == after["grey sofa"] != after["garden hose"]
    assert (again.json(), again["Idempotent-Replayed"]) == (accepted.json(), "true")
    assert undone.status_code == 200, undone.content
    assert names() == before


def test_one_change_is_accepted_and_the_rest_discarded(sector: Sector) -> None:
    asker = Asker(sector.account)
    shown = proposed(sector, asker)
    url = f"cluster-proposals/{shown['id']}/"
    gaining = next(
        row for row in asker.get(f"{url}changes/").json()["results"] if row["moved_count"]
    )

    some = asker.post(f"{url}accept/", {"numbers": [gaining["number"]]}, key="a")
    left = asker.get(f"{url}changes/", is_applied="false").json()["results"]
    unknown = asker.post(f"{url}accept/", {"numbers": [999]}, key="b")
    discarded = asker.post(f"{url}discard/")
    closed = asker.post(f"{url}accept/", key="c")

    assert (some.status_code, some.json()["changes_applied"]) == (200, 1)
    assert gaining["number"] not in [row["number"] for row in left]
    assert unknown.status_code == 404
    assert discarded.status_code == 200
    if left:
        assert (closed.status_code, closed.json()["code"]) == (409, "proposal_closed")


def test_granularity_and_share_are_options_of_the_work(sector: Sector) -> None:
    asker, body = Asker(sector.account), {"sector": sector.pk, "topic_tau": 0.6}

    first = asker.post("cluster-proposals/", {**body, "serp_share": None})
    same = asker.post("cluster-proposals/", {**body, "serp_share": None})
    other = asker.post("cluster-proposals/", body)
    wrong = asker.post("cluster-proposals/", {"sector": sector.pk, "topic_tau": 0.7})
    cuts = asker.get(f"sectors/{sector.pk}/granularities/").json()

    item = WorkItem.unscoped.get()
    assert item.options == {"topic_tau": 0.6, "serp_share": None}
    assert (first.json()["id"], same.json()["id"]) == (item.pk, item.pk)
    assert (other.status_code, other.json()["code"]) == (409, "other_options")
    assert other.json()["data"] == {"item_id": item.pk}
    assert (wrong.status_code, list(wrong.json()["errors"])) == (422, ["topic_tau"])
    assert [cut["topic_tau"] for cut in cuts] == [0.4, 0.44, 0.48, 0.52, 0.56, 0.6]
    assert cuts[0]["topics"] <= cuts[-1]["topics"]


def test_without_clusters_or_credits_nothing_is_rebuilt(sector: Sector) -> None:
    empty = make_planning.sector(sector.account)
    poor = make_planning.sector()
    asker = Asker(sector.account)

    nothing = asker.post("cluster-proposals/", {"sector": empty.pk})
    foreign = asker.post("cluster-proposals/", {"sector": poor.pk})

    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_do")
    assert foreign.status_code == 404
    assert asker.get(f"sectors/{empty.pk}/granularities/").json() == []


def test_proposals_are_listed_by_place_and_status(sector: Sector) -> None:
    asker = Asker(sector.account)
    first = proposed(sector, asker)["id"]
    second = proposed(sector, asker)["id"]
    other = make.sector(sector.site, "Beds")

    assert asker.ids("cluster-proposals/") == [second, first]
    assert asker.ids("cluster-proposals/", status="open") == [second]
    assert asker.ids("cluster-proposals/", sector=other.pk) == []
    assert asker.ids("cluster-proposals/", site=sector.site_id) == [second, first]
    assert Clusters.unscoped.filter(deleted_at=None).exists()
