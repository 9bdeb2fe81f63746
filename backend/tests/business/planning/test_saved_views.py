"""Views are their owner's until they are shared, and hold only what a list understands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.planning.errors import ViewInvalid, ViewNameTaken
from igny8_core.business.planning.models import SavedView
from igny8_core.business.planning.selectors import KeywordFilters
from igny8_core.business.planning.services import saved_views as module
from igny8_core.business.planning.services.saved_views import (
    delete_view,
    filters_as_json,
    save_view,
    saved_view,
    saved_views,
    view_filters,
)
from igny8_core.common.errors import NotFound, Refused
from tests import make
from tests.make.planning import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, User

pytestmark = pytest.mark.django_db


def saved(account: Account, owner: User, name: str = "Quick wins", **options: Any) -> SavedView:
    return save_view(account=account, owner=owner, name=name, now=NOW, **options)


def test_a_view_keeps_filters_order_and_columns() -> None:
    account, owner = make.account(), make.user()
    wanted = KeywordFilters(q="sofa*", volume_min=100, difficulty_max=20.5, is_disabled=False)

    view = saved(
        account, owner, filters=filters_as_json(wanted), sort="difficulty",
        columns=["keyword", "volume", "keyword"],
    )  # fmt: skip

    view.refresh_from_db()
    assert view.filters == {
        "q": "sofa*", "volume_min": 100, "difficulty_max": 20.5, "is_disabled": False,
    }  # fmt: skip
    assert (view.sort, view.columns, view.is_shared) == ("difficulty", ["keyword", "volume"], False)
    assert view_filters(view) == KeywordFilters(
        q="sofa*", volume_min=100, difficulty_max=20.5, is_disabled=False, sort="difficulty"
    )


def test_a_view_is_changed_by_its_owner_alone() -> None:
    account, owner, other = make.account(), make.user(), make.user()
    view = saved(account, owner, is_shared=True)

    changed = saved(account, owner, "Better", view_id=view.pk, filters={"q": "bed"}, is_shared=True)
    assert (changed.pk, changed.name, changed.filters) == (view.pk, "Better", {"q": "bed"})
    with pytest.raises(Refused):
        saved(account, other, "Mine", view_id=view.pk)
    with pytest.raises(Refused):
        delete_view(account=account, owner=other, view_id=view.pk)
    delete_view(account=account, owner=owner, view_id=view.pk)
    with pytest.raises(NotFound):
        delete_view(account=account, owner=owner, view_id=view.pk)


def test_people_see_their_own_views_and_shared_ones() -> None:
    account, owner, other = make.account(), make.user(), make.user()
    own = saved(account, owner, "b own")
    shared = saved(account, other, "A shared", is_shared=True)
    hidden = saved(account, other, "hidden")
    saved(account, owner, "ideas", kind="ideas", columns=["title"])
    saved(make.account(), owner, "elsewhere")

    found = saved_views(account=account, user=owner, kind="keywords")

    assert [view.pk for view in found] == [shared.pk, own.pk]
    assert saved_view(account=account, user=owner, view_id=shared.pk) == shared
    with pytest.raises(NotFound):
        saved_view(account=account, user=owner, view_id=hidden.pk)
    with pytest.raises(NotFound):
        saved_view(account=make.account(), user=owner, view_id=own.pk)


def test_a_name_is_used_once_by_a_person_for_a_list() -> None:
    account, owner = make.account(), make.user()
    saved(account, owner, "Quick wins")
    saved(account, owner, "Quick wins", kind="ideas")
    saved(account, make.user(), "Quick wins")

    with pytest.raises(ViewNameTaken):
        saved(account, owner, " quick  WINS ")

    assert SavedView.unscoped.filter(account=account).count() == 3


@pytest.mark.parametrize(
    "options",
    [
        {"name": "  "},
        {"name": "x" * 101},
        {"kind": "dreams"},
        {"filters": {"mood": "good"}},
        {"filters": {"sort": "volume"}},
        {"filters": {"volume_min": "many"}},
        {"filters": {"volume_min": True}},
        {"filters": {"q": 5}},
        {"filters": {"q": "x" * 300}},
        {"filters": {"q": {"$gt": ""}}},
        {"filters": {"q": None}},
        {"filters": {"cluster_id": [1, 2]}},
        {"filters": {f"f{n}": 1 for n in range(31)}},
        {"sort": "mood"},
        {"columns": ["mood"]},
        {"kind": "ideas", "columns": ["difficulty"]},
        {"kind": "clusters", "filters": {"status": {"a": 1}}},
        {"kind": "clusters", "sort": "x" * 33},
    ],
)
def test_what_no_list_understands_is_refused(options: dict[str, Any]) -> None:
    account, owner = make.account(), make.user()

    with pytest.raises(ViewInvalid):
        saved(account, owner, **{"name": "View", **options})

    assert not SavedView.unscoped.filter(account=account).exists()


def test_lists_of_other_kinds_have_filters_of_their_own() -> None:
    view = saved(
        make.account(), make.user(), kind="clusters",
        filters={"status": "new", "ids": [1, 2], "is_locked": None},
    )  # fmt: skip

    assert view.filters == {"status": "new", "ids": [1, 2], "is_locked": None}
    assert view_filters(view) == KeywordFilters(status="new")


def test_a_person_has_so_many_views_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_VIEWS", 1)
    account, owner = make.account(), make.user()
    saved(account, owner, "one")

    with pytest.raises(ViewInvalid):
        saved(account, owner, "two")
