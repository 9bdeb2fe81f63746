"""Optimisations, taxonomies, splits and new clusterings, without a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache
from django.utils import timezone
from lxml import html

from igny8_core.business.automation.models import WorkItem
from igny8_core.business.content.models import (
    Content,
    ContentAttribute,
    ContentClusterMap,
    ContentTaxonomy,
)
from igny8_core.business.content.services.score_content import score_content
from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.business.optimization.services.diffs import page_diff
from igny8_core.business.planning.models import ClusterProposal, Clusters, Keywords
from igny8_core.business.planning.services.recluster import propose_rebuild
from tests.make import content as make_content
from tests.make import optimization as make_optimization
from tests.make import planning as make_planning
from tests.web.screens import HTMX, address, client_of, text_of, undo_of

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def done() -> OptimizationTask:
    """An optimisation that waits for a person."""
    cache.clear()
    article = make_optimization.article(make_optimization.cluster())
    return make_optimization.optimize(make_optimization.task(article))


def test_an_article_is_optimised_after_its_price(done: OptimizationTask) -> None:
    sector = done.content.sector
    score_content(account=sector.account, content_id=done.content_id, now=timezone.now())
    client, url = client_of(sector), address(sector, "optimization_ask")
    given = {"content": str(done.content_id)}

    nothing = client.post(url, headers=HTMX)
    asked = text_of(client.post(url, given, headers=HTMX))
    before = WorkItem.unscoped.count()
    made = client.post(url, given | {"confirmed": "1", "by": "rules"}, headers=HTMX)
    again = client.post(url, given | {"confirmed": "1"}, headers=HTMX)
    newest = OptimizationTask.unscoped.latest("pk")
    page = client.get(address(sector, "optimization", optimization_id=newest.pk)).content.decode()

    assert nothing.status_code == 422
    assert "credits are available" in asked
    assert (before, WorkItem.unscoped.count(), again.status_code) == (0, 1, 409)
    assert made["HX-Redirect"].endswith(f"/optimization/{newest.pk}/")
    assert newest.is_by_rules
    assert "every 3s" in page


def test_changes_are_shown_taken_one_by_one_and_undone(done: OptimizationTask) -> None:
    sector, scope = done.content.sector, {"optimization_id": done.pk}
    client, url = client_of(sector), address(sector, "optimization", **scope)
    accept = address(sector, "optimization_accept", **scope)

    listed = text_of(client.get(address(sector, "optimizations") + "?view=decide"))
    page = html.fromstring(client.get(url).content)
    inserted = " ".join(node.text_content() for node in page.xpath("//li//ins"))
    whole = client.get(f"{url}?show=text").content.decode()
    none = client.post(accept, headers=HTMX)
    client.post(accept, {"changes": ["c1"]})
    article = Content.unscoped.get(pk=done.content_id)
    undone = client.post(address(sector, "optimization_undo", **scope))
    twice = client.post(address(sector, "optimization_undo", **scope), headers=HTMX)

    assert "Your decision" in listed
    assert make_optimization.MISSED in inserted
    assert "<ins>" in whole
    assert (none.status_code, article.version, undone.status_code) == (422, 2, 303)
    assert twice.status_code == 409
    assert "Undone" in text_of(client.get(url))


def test_what_is_discarded_changes_nothing(done: OptimizationTask) -> None:
    sector, scope = done.content.sector, {"optimization_id": done.pk}
    client = client_of(sector)

    client.post(address(sector, "optimization_discard", **scope))
    late = client.post(address(sector, "optimization_accept", **scope), {"all": "1"}, headers=HTMX)
    shown = text_of(client.get(address(sector, "optimization", **scope)))

    assert late.status_code == 409
    assert "Somebody discarded it." in shown
    assert Content.unscoped.get(pk=done.content_id).version == 1


def test_one_that_failed_says_why_and_is_tried_again(done: OptimizationTask) -> None:
    sector = done.content.sector
    failed = make_optimization.task(done.content, status="failed", error="The model was away.")
    scope = {"optimization_id": failed.pk}
    client = client_of(sector)

    shown = text_of(client.get(address(sector, "optimization", **scope)))
    client.post(address(sector, "optimization_retry", **scope))

    failed.refresh_from_db()
    assert "It failed, and 0 credits were charged. The model was away." in shown
    assert (failed.status, WorkItem.unscoped.count()) == ("pending", 1)


def test_an_optimisation_of_another_sector_is_not_there(done: OptimizationTask) -> None:
    other = make_planning.sector(done.account)

    answer = client_of(other).get(address(other, "optimization", optimization_id=done.pk))

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("<p>a b</p>", '<p>a <a href="#content-1">c</a></p>', "Link:"),
        ("", "<p>a</p>", "ins"),
        ("<p>a</p>", "<p>" + "a " * 40_000 + "</p>", "ins"),
    ],
    ids=["addresses", "nothing before", "too long"],
)
def test_a_page_is_compared_without_addresses_and_only_when_short(
    before: str, after: str, shown: str
) -> None:
    assert shown not in page_diff(before, after)


def test_terms_are_made_changed_and_removed_after_a_question(sector: Sector) -> None:
    client, save = client_of(sector), address(sector, "taxonomy_save")

    asked = text_of(client.post(save, {"type": "tag"}, headers=HTMX))
    client.post(save, {"type": "tag", "name": "Blue", "description": "All blue."}, headers=HTMX)
    twice = client.post(save, {"type": "tag", "name": "Blue"}, headers=HTMX)
    row = ContentTaxonomy.unscoped.get()
    client.post(save, {"taxonomy": str(row.pk), "name": "Navy", "slug": "navy"}, headers=HTMX)
    shown = text_of(client.get(address(sector, "taxonomy", taxonomy_id=row.pk), headers=HTMX))
    listed = text_of(client.get(address(sector, "taxonomies") + "?view=tag"))
    delete = address(sector, "taxonomy_delete", taxonomy_id=row.pk)
    question = text_of(client.post(delete, headers=HTMX))
    there = ContentTaxonomy.unscoped.count()
    client.post(delete, {"confirmed": "1"}, headers=HTMX)

    assert "New tag" in asked
    assert twice.status_code == 409
    assert "Another tag of the site has it." in text_of(twice)
    assert shown.startswith("Navy")
    assert "Navy" in listed
    assert "No article carries it." in question
    assert (there, ContentTaxonomy.unscoped.count()) == (1, 0)


def test_roles_and_facts_are_noted_changed_and_taken_back(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "Sofas")
    article = make_content.article(sector, title="Sofas explained")
    client = client_of(sector)
    role, fact = address(sector, "taxonomy_role_save"), address(sector, "taxonomy_fact_save")

    client.post(role, {"content": article.pk, "cluster": cluster.pk, "role": "hub"}, headers=HTMX)
    twice = client.post(
        role, {"content": article.pk, "cluster": cluster.pk, "role": "hub"}, headers=HTMX
    )
    made = ContentClusterMap.unscoped.get()
    client.post(role, {"map": made.pk, "role": "supporting"}, headers=HTMX)
    alone = client.post(fact, {"name": "Weight", "value": "21"}, headers=HTMX)
    client.post(
        fact, {"name": "Weight", "value": "21", "unit": "kg", "cluster": cluster.pk}, headers=HTMX
    )
    noted = ContentAttribute.unscoped.get()
    client.post(fact, {"attribute": noted.pk, "name": "Weight", "value": "22"}, headers=HTMX)
    lists = {
        view: text_of(client.get(f"{address(sector, 'taxonomies')}?view={view}"))
        for view in ("roles", "facts")
    }
    gone = client.post(address(sector, "taxonomy_role_delete", map_id=made.pk), headers=HTMX)
    undo = undo_of(gone)
    client.post(undo["url"], undo["values"], headers=HTMX)
    lost = client.post(address(sector, "taxonomy_fact_delete", attribute_id=noted.pk), headers=HTMX)
    undo_fact = undo_of(lost)
    client.post(undo_fact["url"], undo_fact["values"], headers=HTMX)

    assert (twice.status_code, alone.status_code) == (409, 422)
    assert "Sofas explained" in lists["roles"]
    assert "22" in lists["facts"]
    assert ContentClusterMap.unscoped.get().role == "supporting"
    assert ContentAttribute.unscoped.get().value == "22"


def test_a_cluster_is_split_and_put_together_again(sector: Sector) -> None:
    cluster = make_planning.cluster(sector, "Sofas")
    rows = make_planning.keywords(sector, ["sofa", "sofa bed", "corner sofa"], cluster=cluster)
    client, url = client_of(sector), address(sector, "cluster_split", cluster_id=cluster.pk)

    asked = text_of(client.post(url, headers=HTMX))
    every = {"confirmed": "1", "keywords": [row.pk for row in rows]}
    refused = client.post(url, every, headers=HTMX)
    split = client.post(
        url, {"confirmed": "1", "keywords": [rows[1].pk], "name": "Beds"}, headers=HTMX
    )
    made = Clusters.unscoped.get(name="Beds")
    moved = Keywords.unscoped.get(pk=rows[1].pk).cluster_id
    undo = undo_of(split)
    client.post(undo["url"], undo["values"], headers=HTMX)

    assert "corner sofa" in asked
    assert refused.status_code == 422
    assert "Leave a keyword in the cluster" in text_of(refused)
    assert moved == made.pk
    assert Keywords.unscoped.get(pk=rows[1].pk).cluster_id == cluster.pk


@pytest.fixture
def proposal(sector: Sector) -> ClusterProposal:
    """Two topics that a person had put together."""
    cluster = make_planning.cluster(sector, "Everything")
    texts = ["blue sofa", "sofa blue fabric", "oak dining table", "dining table oak wood"]
    make_planning.keywords(sector, texts, cluster=cluster)
    return propose_rebuild(
        account=sector.account, site=sector.site, sector=sector, clock=timezone.now
    )


def test_a_new_clustering_is_asked_for_free_of_charge(sector: Sector) -> None:
    client, url = client_of(sector), address(sector, "cluster_again")
    nothing = client.post(url, {"confirmed": "1"}, headers=HTMX)
    make_planning.keywords(sector, ["sofa"], cluster=make_planning.cluster(sector, "Sofas"))

    asked = text_of(client.post(url, headers=HTMX))
    client.post(url, {"confirmed": "1", "granularity": "0.52"}, headers=HTMX)
    listed = client.get(address(sector, "clusters")).content.decode()

    assert nothing.status_code == 409
    assert "Free" in asked
    assert WorkItem.unscoped.get().options["topic_tau"] == 0.52
    assert "is being computed" in listed


def test_a_proposal_is_looked_at_and_accepted_after_its_price(proposal: ClusterProposal) -> None:
    sector, scope = proposal.sector, {"proposal_id": proposal.pk}
    client, accept = client_of(sector), address(sector, "cluster_proposal_accept", **scope)

    banner = text_of(client.get(address(sector, "clusters")))
    page = text_of(client.get(address(sector, "cluster_proposal", **scope)))
    asked = text_of(client.post(accept, headers=HTMX))
    done = client.post(accept, {"confirmed": "1", "ids": ""}, headers=HTMX)
    nothing_left = client.post(accept, headers=HTMX)

    proposal.refresh_from_db()
    assert "A new clustering is proposed" in banner
    assert "Your decision" in page
    assert "credit" in asked
    assert (done.status_code, proposal.status) == (200, "applied")
    assert nothing_left.status_code == 409


def test_a_proposal_is_refused(proposal: ClusterProposal) -> None:
    sector, scope = proposal.sector, {"proposal_id": proposal.pk}

    client_of(sector).post(address(sector, "cluster_proposal_discard", **scope))

    proposal.refresh_from_db()
    assert proposal.status == "discarded"
    assert Clusters.unscoped.filter(deleted_at=None).count() == 1
