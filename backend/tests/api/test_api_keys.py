"""Programs come in with a key: what it opens, when it no longer does, what is recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone as clock

from igny8_core.auth import services
from igny8_core.auth.access import api_keys
from igny8_core.auth.models import ApiKey, Site
from igny8_core.auth.states import KeyScope, Role
from igny8_core.common.errors import Conflict, InvalidInput, NotFound, Refused
from tests import make

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BODY = {"name": "Shop", "industry": "pets", "sectors": ["dogs"]}


@pytest.fixture
def account() -> Account:
    account = make.account()
    make.site(account)
    return account


def new_key(account: Account, scope: str = "read", **changes: Any) -> tuple[ApiKey, str]:
    wanted = {"expires_at": None, "created_by": None, "granting": Role.OWNER, "now": NOW}
    return api_keys.create_api_key(account=account, name="CI", scope=scope, **(wanted | changes))


def call(text: str, account_id: int, path: str = "sites/", body: Any = None) -> Any:
    client, headers = Client(), {"Authorization": f"Bearer {text}"}
    url = f"/api/v1/accounts/{account_id}/{path}"
    if body is None:
        return client.get(url, headers=headers)
    return client.post(url, body, content_type="application/json", headers=headers)


def test_a_key_reads_its_account(account: Account) -> None:
    key, text = new_key(account)

    answer = call(text, account.pk)

    assert answer.status_code == 200
    assert [row["id"] for row in answer.json()["results"]] == [Site.unscoped.get().pk]
    key.refresh_from_db()
    assert key.secret_hash not in text
    assert text.split("_")[0:2] == ["igny8", key.prefix]


@pytest.mark.parametrize(
    ("scope", "status"), [(KeyScope.READ, 403), (KeyScope.WRITE, 403), (KeyScope.ADMIN, 201)]
)
def test_the_scope_decides_the_role(account: Account, scope: str, status: int) -> None:
    services.load_reference_data()
    _key, text = new_key(account, scope)

    answer = call(text, account.pk, body=BODY)

    assert answer.status_code == status
    assert Site.unscoped.filter(name="Shop").count() == (status == 201)


def test_another_account_is_not_there_for_a_key(account: Account) -> None:
    _key, text = new_key(account, KeyScope.ADMIN)
    theirs = make.site(make.account())

    foreign = call(text, theirs.account_id)
    unknown = call(text, 999_999_999)
    beyond = call(text, 10**30)
    row = call(text, account.pk, f"sites/{theirs.pk}/")

    assert [a.status_code for a in (foreign, unknown, beyond, row)] == [404] * 4
    assert foreign.json() == unknown.json()
    assert theirs.slug not in foreign.content.decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "igny8_",
        "igny8__x",
        "stripe_abc_def",
        "igny8_abc def",
        "nonsense",
    ],
)
def test_what_is_no_key_is_refused(account: Account, text: str) -> None:
    new_key(account)

    answer = call(text, account.pk)

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="igny8"')


def test_a_wrong_secret_is_refused_even_beside_a_session(account: Account) -> None:
    key, _text = new_key(account)
    client = Client()
    client.force_login(make.member(account))

    answer = client.get(
        f"/api/v1/accounts/{account.pk}/sites/",
        headers={"Authorization": f"Bearer igny8_{key.prefix}_wrong"},
    )

    assert (answer.status_code, answer.json()["code"]) == (401, "api_key_refused")


def test_revoked_and_expired_keys_say_so(account: Account) -> None:
    revoked, first = new_key(account)
    api_keys.revoke_api_key(account=account, key_id=revoked.pk, now=NOW)
    _expired, second = new_key(account, expires_at=NOW + timedelta(days=1))

    answers = [call(first, account.pk), call(second, account.pk)]

    assert [a.status_code for a in answers] == [401, 401]
    assert "revoked" in answers[0].json()["detail"]
    assert "expired" in answers[1].json()["detail"]


def test_a_key_opens_no_route_without_an_account(account: Account) -> None:
    _key, text = new_key(account)

    answer = Client().get("/api/v1/accounts/", headers={"Authorization": f"Bearer {text}"})

    assert answer.status_code == 401


def test_the_last_use_is_noted_at_most_once_a_minute(account: Account) -> None:
    key, text = new_key(account)
    prefix, secret = api_keys.split_key(text) or ("", "")
    seen = []

    for seconds in (0, 59, 60, 61):
        now = NOW + timedelta(seconds=seconds)
        api_keys.use_api_key(account_id=account.pk, prefix=prefix, secret=secret, now=now)
        key.refresh_from_db()
        seen.append((key.last_used_at - NOW).total_seconds() if key.last_used_at else None)

    assert seen == [0, 0, 60, 60]


def test_a_key_cannot_do_more_than_its_maker(account: Account) -> None:
    with pytest.raises(Refused):
        new_key(account, KeyScope.ADMIN, granting=Role.EDITOR)

    assert not ApiKey.unscoped.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"scope": "root"}, "scope"),
        ({"expires_at": NOW}, "expires_at"),
        ({"expires_at": datetime.max.replace(tzinfo=UTC)}, "expires_at"),
    ],
)
def test_a_bad_key_is_explained(account: Account, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        new_key(account, **changes)

    assert list(refused.value.data) == [field]


def test_keys_are_limited_and_revoking_frees_a_place(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "MAX_KEYS", 1)
    first, _ = new_key(account)

    with pytest.raises(Conflict):
        new_key(account)
    api_keys.revoke_api_key(account=account, key_id=first.pk, now=NOW)
    new_key(account)

    assert ApiKey.unscoped.filter(revoked_at=None).count() == 1


def test_another_accounts_key_is_not_revoked(account: Account) -> None:
    theirs, text = new_key(make.account())

    with pytest.raises(NotFound):
        api_keys.revoke_api_key(account=account, key_id=theirs.pk, now=clock.now())

    assert call(text, theirs.account_id).status_code == 200


def test_who_acts_is_told_to_the_database(account: Account) -> None:
    key, text = new_key(account)
    person = make.member(account)
    client = Client()
    client.force_login(person)

    with CaptureQueriesContext(connection) as of_key:
        call(text, account.pk)
    with CaptureQueriesContext(connection) as of_person:
        client.get(f"/api/v1/accounts/{account.pk}/sites/")

    assert any(f"'igny8.actor', 'key:{key.pk}'" in query["sql"] for query in of_key)
    assert any(f"'igny8.actor', 'user:{person.pk}'" in query["sql"] for query in of_person)
