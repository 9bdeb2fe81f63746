"""Why two keywords are together."""

from __future__ import annotations

import pytest

from igny8_core.business.planning.services.cluster_keywords import cluster_keywords
from igny8_core.business.planning.services.cluster_reasons import Explanation, why_together
from igny8_core.common.errors import NotFound
from tests import make
from tests.make import planning as make_planning
from tests.make.planning import NOW

pytestmark = pytest.mark.django_db

URLS = [f"https://www.site{n}.com/a/" for n in range(10)]
TEXTS = {
    "grey sofa": {},
    "sofas grey": {},
    "grey sofa with chaise": {},
    "grey sofa without chaise": {},
    "iphone 15 case": {},
    "iphone 16 case": {},
    "couch": {"serp_urls": URLS, "parent_keyword": "Sofa"},
    "settee": {"serp_urls": [url.replace("www.", "") for url in URLS], "parent_keyword": "sofa"},
    "desk lamp": {"serp_urls": URLS[:2]},
}


def explain(one: str, other: str) -> Explanation:
    sector = make_planning.sector()
    rows = {
        text: make_planning.keyword(sector, text, attributes=attributes)
        for text, attributes in TEXTS.items()
    }
    cluster_keywords(
        account=sector.account, site=sector.site, sector=sector, clock=lambda: NOW, credits=None
    )
    return why_together(account=sector.account, keyword_id=rows[one].pk, other_id=rows[other].pk)


def said(found: Explanation) -> dict[str, bool]:
    return {reason.code: reason.is_for for reason in found.reasons}


def test_close_variants_are_on_one_page_for_their_words() -> None:
    found = explain("grey sofa", "sofas grey")

    assert (found.is_same_cluster, found.is_same_page) == (True, True)
    assert said(found) == {"variant": True, "wording": True}
    assert found.reasons[1].text.endswith("with grey and sofa in both: enough for one page.")


def test_opposites_and_numbers_keep_pages_apart() -> None:
    opposites = explain("grey sofa with chaise", "grey sofa without chaise")
    numbers = explain("iphone 15 case", "iphone 16 case")

    assert (opposites.is_same_cluster, opposites.is_same_page) == (True, False)
    assert said(opposites) == {"wording": True, "contrast": False}
    assert (numbers.is_same_cluster, numbers.is_same_page) == (True, False)
    assert said(numbers) == {"wording": True, "numbers": False}
    assert numbers.reasons[1].text == "Other numbers: 15 and 16."


def test_shared_results_and_a_parent_bind_different_words() -> None:
    found = explain("couch", "settee")

    assert (found.is_same_cluster, found.is_same_page) == (True, True)
    assert said(found) == {"wording": False, "results": True, "parent": True}
    assert found.shared_results[:2] == ("site0.com/a", "site1.com/a")
    assert found.reasons[1].text == "Search results: 10 of 10 are the same."


def test_a_few_shared_results_bind_nothing() -> None:
    found = explain("couch", "desk lamp")

    assert (found.is_same_cluster, said(found)["results"]) == (False, False)
    assert "without a word in common: too little on its own" in found.reasons[0].text


def test_people_and_files_are_reasons_and_so_is_the_rest_of_the_cluster() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector, "chairs", source="import")
    texts = ["red leather dining chair", "red leather chair", "dining chair", "red dining chair"]
    rows = [
        make_planning.keyword(sector, text, cluster=cluster, is_pinned=text == "dining chair")
        for text in [*texts, "leather red cover"]
    ]

    pinned = why_together(account=sector.account, keyword_id=rows[0].pk, other_id=rows[2].pk)
    far = why_together(account=sector.account, keyword_id=rows[2].pk, other_id=rows[4].pk)

    assert {"person", "file"} <= set(said(pinned))
    assert far.similarity < 0.4
    with pytest.raises(NotFound):
        why_together(account=make.account(), keyword_id=rows[0].pk, other_id=rows[1].pk)
