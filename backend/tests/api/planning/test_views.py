"""Saved views by their addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.utils import timezone

from igny8_core.auth.access import api_keys
from igny8_core.auth.states import KeyScope, Role
from igny8_core.business.planning.models import SavedView
from tests import make
from tests.api.planning.asking import Asker

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

VIEW: dict[str, Any] = {
    "name": "Easy ones",
    "filters": {"difficulty_max": 20, "volume_min": 100},
    "sort": "-volume",
    "columns": ["keyword", "volume"],
}


@pytest.fixture
def account() -> Account:
    return make.account()


def test_a_view_is_kept_changed_and_forgotten_by_its_owner(account: Account) -> None:
    asker = Asker(account, Role.VIEWER)

    made = asker.post("saved-views/", VIEW)
    url = f"saved-views/{made.json()['id']}/"
    changed = asker.patch(url, {"name": "Easier", "filters": {"difficulty_max": 10}})
    gone = asker.delete(url)

    assert made.status_code == 201, made.content
    assert {**VIEW, "kind": "keywords", "is_shared": False}.items() <= made.json().items()
    assert (changed.status_code, changed.json()["name"]) == (200, "Easier")
    assert (changed.json()["filters"], changed.json()["sort"]) == (
        {"difficulty_max": 10},
        "-volume",
    )
    assert (gone.status_code, asker.get(url).status_code) == (204, 404)


def test_shared_views_are_everybodys_to_see_and_their_owners_to_change(account: Account) -> None:
    owner, other, viewer = Asker(account), Asker(account), Asker(account, Role.VIEWER)
    shared = owner.post("saved-views/", {**VIEW, "is_shared": True}).json()["id"]
    own = owner.post("saved-views/", {**VIEW, "name": "Mine"}).json()["id"]

    assert owner.ids("saved-views/") == [shared, own]
    assert other.ids("saved-views/") == [shared]
    assert viewer.ids("saved-views/", kind="ideas") == []
    assert other.get(f"saved-views/{own}/").status_code == 404
    refused = other.patch(f"saved-views/{shared}/", {"name": "Ours"})
    assert (refused.status_code, refused.json()["code"]) == (403, "refused")
    assert other.delete(f"saved-views/{shared}/").status_code == 403
    sharing = viewer.post("saved-views/", {**VIEW, "is_shared": True})
    assert (sharing.status_code, sharing.json()["data"]) == (403, {"role": "editor"})
    assert SavedView.unscoped.count() == 2


def test_a_program_sees_the_shared_ones_and_keeps_none(account: Account) -> None:
    shared = Asker(account).post("saved-views/", {**VIEW, "is_shared": True}).json()["id"]
    Asker(account).post("saved-views/", VIEW)
    _key, secret = api_keys.create_api_key(
        account=account,
        name="program",
        scope=KeyScope.ADMIN,
        created_by=None,
        granting=Role.OWNER,
        now=timezone.now(),
    )
    client, url = Client(), f"/api/v1/accounts/{account.pk}/saved-views/"
    headers = {"Authorization": f"Bearer {secret}"}

    listed = client.get(url, headers=headers).json()["results"]
    refused = client.post(url, VIEW, content_type="application/json", headers=headers)

    assert [row["id"] for row in listed] == [shared]
    assert (refused.status_code, refused.json()["code"]) == (403, "refused")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"filters": {"colour": "red"}}, "view_invalid"),
        ({"filters": {"volume_min": "many"}}, "view_invalid"),
        ({"sort": "colour"}, "view_invalid"),
        ({"columns": ["colour"]}, "view_invalid"),
        ({"name": ""}, "invalid_input"),
        ({"kind": "dreams"}, "invalid_input"),
        ({"filters": []}, "invalid_input"),
    ],
)
def test_what_no_list_can_show_is_refused(account: Account, changes: Any, code: str) -> None:
    answer = Asker(account).post("saved-views/", {**VIEW, **changes})

    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert not SavedView.unscoped.exists()


def test_a_name_is_had_once(account: Account) -> None:
    asker = Asker(account)
    asker.post("saved-views/", VIEW)

    again = asker.post("saved-views/", {**VIEW, "name": "EASY ones"})

    assert (again.status_code, again.json()["code"]) == (409, "view_name_taken")
