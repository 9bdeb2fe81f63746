"""What a person adds and changes; the API's tests have the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.planning.models import ContentIdeaKeyword, Keywords
from igny8_core.business.planning.services import edit_ideas, edit_keywords, manual_clusters
from igny8_core.common.errors import InvalidInput, NotFound
from tests import make
from tests.make import billing as make_billing
from tests.make import planning as make_planning
from tests.make.planning import NOW, csv_bytes, imported

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector
    from igny8_core.business.planning.services.edit_keywords import KeywordChanges

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(days=1)


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector()


def change(row: Keywords, now: Any = NOW, **changes: Any) -> Keywords:
    wanted: KeywordChanges = changes  # type: ignore[assignment]  # names of the test's
    edit_keywords.update_keywords(account=row.account, ids=[row.pk], changes=wanted, now=now)
    row.refresh_from_db()
    return row


# --- keywords


def test_a_persons_figures_are_one_source_whatever_they_say(sector: Sector) -> None:
    row = make_planning.keyword(sector)

    change(row, volume=5)
    change(row, now=LATER, volume=0, difficulty=3)

    assert row.attributes["sources"] == [
        {
            "tool": "person",
            "kind": "typed",
            "volume": 0,
            "difficulty": 3,
            "observed_on": LATER.date().isoformat(),
        }
    ]
    assert (row.volume, row.volume_kind, row.volume_observed_on) == (0, "typed", LATER.date())


def test_a_later_file_does_not_push_a_persons_figure_aside(sector: Sector) -> None:
    row = edit_keywords.add_keyword(
        account=sector.account,
        sector_id=sector.pk,
        keyword="sofa",
        changes={"volume": 7},
        now=NOW,
    )

    imported(sector, csv_bytes(("Keyword", "Volume", "KD"), ("sofa", "480", "20")))
    row.refresh_from_db()
    with_both = (row.volume, row.difficulty)
    change(row, volume=None)

    assert (with_both, row.volume, row.difficulty) == ((7, 20), 480, 20)


def test_own_attributes_are_replaced_and_facts_stay(sector: Sector) -> None:
    row = make_planning.keyword(sector, attributes={"sources": [], "position": 4})

    change(row, attributes={"a": 1, "b": [2]})
    change(row, attributes={"c": None})

    assert row.attributes == {"sources": [], "position": 4, "own": {"c": None}}


def test_what_is_not_named_stays(sector: Sector) -> None:
    row = make_planning.keyword(
        sector, volume=480, intent="commercial", intent_source="import", is_pinned=True
    )
    before = Keywords.unscoped.filter(pk=row.pk).values().get()

    edit_keywords.update_keywords(account=sector.account, ids=[row.pk], changes={}, now=LATER)
    nothing = Keywords.unscoped.filter(pk=row.pk).values().get()
    change(row, now=LATER, is_disabled=True)
    after = Keywords.unscoped.filter(pk=row.pk).values().get()

    assert nothing == before
    assert after == before | {"is_disabled": True, "updated_at": LATER}


def test_keywords_of_several_sectors_change_at_once() -> None:
    account = make.account()
    rows = [make_planning.keyword(make_planning.sector(account)) for _ in range(2)]
    ids = [row.pk for row in rows][::-1]

    found = edit_keywords.update_keywords(
        account=account, ids=ids, changes={"is_pinned": True}, now=NOW
    )

    assert [(row.pk, row.is_pinned) for row in found] == [(pk, True) for pk in sorted(ids)]


def test_there_is_a_limit_to_how_many_change_at_once(sector: Sector) -> None:
    with pytest.raises(InvalidInput) as refused:
        edit_keywords.update_keywords(
            account=sector.account, ids=list(range(1, 502)), changes={}, now=NOW
        )

    assert refused.value.data == {"ids": ["At most 500 at once."]}


@pytest.mark.parametrize("text", ["", " \u00ad", "x" * 256, "a\x00b", "so\u202efa"])
def test_a_text_that_nobody_can_search_for_is_no_keyword(sector: Sector, text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        edit_keywords.add_keyword(
            account=sector.account, sector_id=sector.pk, keyword=text, now=NOW
        )

    assert list(refused.value.data) == ["keyword"]
    assert not Keywords.unscoped.exists()


def test_a_keyword_needs_a_sector_of_the_account(sector: Sector) -> None:
    other = make_planning.sector()

    with pytest.raises(NotFound):
        edit_keywords.add_keyword(
            account=sector.account, sector_id=other.pk, keyword="sofa", now=NOW
        )


# --- clusters and ideas


@pytest.mark.parametrize("name", ["", "x" * 256, "so\u202efa"])
def test_a_name_that_nobody_can_read_is_no_name(sector: Sector, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        manual_clusters.create_cluster(account=sector.account, sector_id=sector.pk, name=name)

    assert list(refused.value.data) == ["name"]


def test_rows_of_another_account_cannot_be_changed(sector: Sector) -> None:
    theirs = make_planning.cluster(make_planning.sector())
    idea = make_planning.idea(theirs)
    account = sector.account

    with pytest.raises(NotFound):
        manual_clusters.update_cluster(
            account=account, cluster_id=theirs.pk, changes={"name": "Mine"}, now=NOW
        )
    with pytest.raises(NotFound):
        edit_ideas.update_idea(account=account, idea_id=idea.pk, changes={"title": "Mine"}, now=NOW)
    with pytest.raises(NotFound):
        edit_ideas.create_idea(
            account=account, cluster_id=theirs.pk, changes={"title": "Mine"}, now=NOW
        )


def test_an_ideas_target_may_be_worded_and_its_keywords_taken_away(sector: Sector) -> None:
    make_billing.prices()
    cluster = make_planning.cluster(sector)
    keyword = make_planning.keyword(sector, volume=4)
    idea = edit_ideas.create_idea(
        account=sector.account,
        cluster_id=cluster.pk,
        changes={"title": "t", "keyword_ids": [keyword.pk], "target_keyword": "my words"},
        now=NOW,
    )

    changed = edit_ideas.update_idea(
        account=sector.account, idea_id=idea.pk, changes={"keyword_ids": []}, now=LATER
    )

    assert (idea.target_keyword, idea.volume) == ("my words", 4)
    assert (changed.target_keyword, changed.volume) == ("my words", None)
    assert not ContentIdeaKeyword.unscoped.exists()


def test_an_idea_serves_a_bounded_number_of_keywords(sector: Sector) -> None:
    idea = make_planning.idea(make_planning.cluster(sector))

    with pytest.raises(InvalidInput) as refused:
        edit_ideas.update_idea(
            account=sector.account,
            idea_id=idea.pk,
            changes={"keyword_ids": range(1, 202)},
            now=NOW,
        )

    assert refused.value.data == {"keywords": ["At most 200."]}
