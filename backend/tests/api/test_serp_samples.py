"""Search results through the API: brought, used by scores, forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.content.models import SerpSample
from tests.api.callers import Api, api
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning

if TYPE_CHECKING:
    from igny8_core.business.planning.models import Clusters

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def cluster() -> Clusters:
    sector = make_planning.sector(make_billing.account_with(100))
    return make_planning.cluster(sector, "sofa")


@pytest.fixture
def editor(cluster: Clusters) -> Api:
    return api(cluster.account)


def body(cluster: Clusters, **fields: Any) -> dict[str, Any]:
    pages = [{"text": f"A {kind} sofa has a slatted frame."} for kind in ("red", "blue", "big")]
    values = {"cluster": cluster.pk, "market": "GB", "taken_on": "2026-11-01", "documents": pages}
    return values | fields


def test_results_give_advice_until_they_are_forgotten(editor: Api, cluster: Clusters) -> None:
    article = make_content.fit_article(cluster.sector, cluster=cluster)

    made = editor.post("serp-samples/", body(cluster))
    listed = editor.ids("serp-samples/", cluster=cluster.pk, market="GB")
    scored = editor.get(f"contents/{article.pk}/score/").json()
    gone = editor.delete(f"serp-samples/{made.json()['id']}/")

    assert made.status_code == 201
    assert (made.json()["documents"], made.json()["terms"]) == (
        3, [{"text": "slatted frame", "documents": 3}],
    )  # fmt: skip
    assert listed == [made.json()["id"]]
    [advice] = [one for one in scored["checks"] if one["check"] == "advice.serp_terms"]
    assert advice["advice"] == (
        "Say what searchers find on other pages, too: slatted frame (100 %)."
    )
    assert gone.status_code == 204
    assert editor.ids("serp-samples/") == []
    assert editor.get(f"serp-samples/{made.json()['id']}/").status_code == 404


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"market": "gb"}, "market"),
        ({"documents": []}, "documents"),
        ({"documents": [{"text": ""}] * 3}, "documents"),
        ({"taken_on": "2999-01-01"}, "taken_on"),
    ],
)
def test_what_is_no_result_is_refused(
    fields: dict[str, Any], field: str, editor: Api, cluster: Clusters
) -> None:
    answer = editor.post("serp-samples/", body(cluster, **fields))

    assert answer.status_code in {400, 422}
    assert field in str(answer.json())
    assert not SerpSample.unscoped.exists()


def test_a_cluster_of_another_account_is_not_found(editor: Api) -> None:
    foreign = make_planning.cluster(make_planning.sector(), "sofa")

    assert editor.post("serp-samples/", body(foreign)).status_code == 404
