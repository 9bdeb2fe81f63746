"""AI providers and the journal of calls by their addresses."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from igny8_core.ai import journal, services
from igny8_core.ai.errors import ProviderKeyRefused
from igny8_core.ai.models import ProviderSetting
from igny8_core.ai.ports import TextAnswer
from igny8_core.ai.providers import http
from igny8_core.ai.providers.fake import FakeProvider
from igny8_core.auth.states import Role
from tests import make
from tests.api.planning.asking import Asker
from tests.fakes.ai_server import AiServer, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings

    from igny8_core.ai.models import AiCall
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db

KEY = "sk-secret-of-the-test-0001"
NOW = timezone.now().replace(microsecond=0)


@pytest.fixture
def account() -> Account:
    return make.account()


@pytest.fixture
def admin(account: Account) -> Asker:
    return Asker(account, Role.ADMIN)


@pytest.fixture
def server(settings: Settings) -> Iterator[AiServer]:
    settings.PROVIDER_PRIVATE_ADDRESSES = True
    with AiServer() as running:
        yield running
        http.shut_down()


def set_up(admin: Asker, **fields: Any) -> Any:
    body = {"provider": "openai", "model": "gpt-5-mini", "api_key": KEY} | fields
    return admin.post("provider-settings/", body)


def test_a_provider_is_set_up_and_its_key_never_shown(admin: Asker, account: Account) -> None:
    made = set_up(admin)

    assert made.status_code == 201
    shown = made.json()
    assert shown | {"created_at": "", "updated_at": ""} == {
        "id": ProviderSetting.unscoped.get().pk,
        "provider": "openai",
        "model": "gpt-5-mini",
        "image_model": "",
        "base_url": "",
        "has_key": True,
        "key_hint": "0001",
        "is_enabled": True,
        "is_free": False,
        "priority": 100,
        "max_context_tokens": None,
        "requests_per_minute": None,
        "tokens_per_minute": None,
        "concurrency": None,
        "created_at": "",
        "updated_at": "",
    }
    listed = admin.get("provider-settings/")
    one = admin.get(f"provider-settings/{shown['id']}/")
    for answer in (made, listed, one):
        assert KEY not in answer.content.decode()
        assert "sealed" not in answer.content.decode()
    assert listed.json()["results"] == [one.json()]
    setting = ProviderSetting.unscoped.get()
    assert services.open_key(setting) == KEY


def test_setting_it_up_again_replaces_it_and_keeps_the_key(admin: Asker) -> None:
    first = set_up(admin, priority=5, concurrency=3).json()

    again = admin.post("provider-settings/", {"provider": "openai", "model": "gpt-5"})

    assert again.status_code == 200
    assert again.json()["id"] == first["id"]
    assert (again.json()["model"], again.json()["priority"]) == ("gpt-5", 100)
    assert (again.json()["concurrency"], again.json()["has_key"]) == (None, True)


def test_providers_are_listed_in_the_order_of_use(admin: Asker) -> None:
    late = set_up(admin, priority=20).json()["id"]
    first = set_up(admin, provider="anthropic", model="claude-sonnet-5", priority=10).json()["id"]

    assert admin.ids("provider-settings/") == [first, late]
    assert admin.ids("provider-settings/", order="-priority") == [late, first]


def test_some_fields_are_changed(admin: Asker) -> None:
    made = set_up(admin, concurrency=3).json()

    changed = admin.patch(
        f"provider-settings/{made['id']}/",
        {"is_enabled": False, "image_model": "gpt-image-1", "concurrency": None},
    )

    assert changed.status_code == 200
    assert changed.json() | {"updated_at": ""} == made | {
        "is_enabled": False,
        "image_model": "gpt-image-1",
        "concurrency": None,
        "updated_at": "",
    }


def test_an_empty_key_forgets_it(admin: Asker) -> None:
    url = "https://models.example.com/v1"
    made = set_up(admin, provider="openai_compatible", base_url=url).json()

    changed = admin.patch(f"provider-settings/{made['id']}/", {"api_key": ""})

    assert (changed.json()["has_key"], changed.json()["key_hint"]) == (False, "")


def test_a_provider_is_forgotten(admin: Asker) -> None:
    path = f"provider-settings/{set_up(admin).json()['id']}/"

    assert admin.delete(path).status_code == 204
    assert admin.delete(path).status_code == 404
    assert not ProviderSetting.unscoped.exists()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"model": ""}, "model"),
        ({"api_key": ""}, "api_key"),
        ({"provider": "acme"}, "provider"),
        ({"provider": "openai_compatible"}, "base_url"),
        ({"provider": "openai_compatible", "base_url": "http://models.example.com"}, "base_url"),
        ({"provider": "openai_compatible", "base_url": "https://127.0.0.1"}, "base_url"),
        ({"provider": "anthropic", "image_model": "flux"}, "image_model"),
        ({"concurrency": 0}, "concurrency"),
        ({"priority": -1}, "priority"),
        ({"is_enabled": "yes"}, "is_enabled"),
    ],
)
def test_what_cannot_be_used_is_refused_by_field(
    fields: dict[str, Any], name: str, admin: Asker
) -> None:
    refused = set_up(admin, **fields)

    assert refused.status_code == 422
    assert list(refused.json()["errors"]) == [name]
    assert not ProviderSetting.unscoped.exists()


def test_a_key_is_not_sent_to_an_address_that_it_was_not_typed_in_for(admin: Asker) -> None:
    url = "https://models.example.com"
    made = set_up(admin, provider="openai_compatible", base_url=url).json()

    refused = admin.patch(
        f"provider-settings/{made['id']}/", {"base_url": "https://evil.example.com"}
    )

    assert refused.status_code == 422
    assert list(refused.json()["errors"]) == ["api_key"]


def test_editors_look_and_do_not_touch(account: Account, admin: Asker) -> None:
    path = f"provider-settings/{set_up(admin).json()['id']}/"
    editor = Asker(account, Role.EDITOR)

    assert editor.get(path).status_code == 200
    refused = [
        set_up(editor),
        editor.patch(path, {"model": "gpt-5"}),
        editor.delete(path),
        editor.post(f"{path}test/"),
    ]
    assert [answer.status_code for answer in refused] == [403] * 4
    assert ProviderSetting.unscoped.get().model == "gpt-5-mini"


def test_another_accounts_provider_is_unknown(admin: Asker) -> None:
    stranger = Asker(make.account(), Role.OWNER)
    path = f"provider-settings/{set_up(admin).json()['id']}/"

    answers = [
        stranger.get(path),
        stranger.patch(path, {"model": "gpt-5"}),
        stranger.delete(path),
        stranger.post(f"{path}test/"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4


# --- test connection


def test_the_connection_is_tested_outside_of_any_transaction(
    admin: Asker, server: AiServer
) -> None:
    made = set_up(admin, provider="openai_compatible", base_url=server.url, is_free=True).json()
    path = f"provider-settings/{made['id']}/test/"

    fine = admin.post(path)
    server.will(Fault.KEY_REFUSED)
    refused = admin.post(path)

    assert fine.status_code == refused.status_code == 200
    assert (fine.json()["is_usable"], fine.json()["problems"]) == (True, [])
    assert 0 < fine.json()["seconds"] < 10
    assert not refused.json()["is_usable"]
    [problem] = refused.json()["problems"]
    assert problem.startswith("Key: check that it is complete")
    assert "sk-" not in problem
    assert [sent.headers["authorization"] for sent in server.requests] == [f"Bearer {KEY}"] * 2


def test_a_provider_without_a_known_price_is_told_so(admin: Asker, server: AiServer) -> None:
    made = set_up(admin, provider="openai_compatible", base_url=server.url).json()

    answer = admin.post(f"provider-settings/{made['id']}/test/").json()

    assert not answer["is_usable"]
    assert answer["problems"][0].startswith("Price: ")


# --- the journal


def call(account: Account, number: int, error: Exception | None = None) -> AiCall:
    provider = FakeProvider(name="anthropic" if error else "openai")
    subject = journal.Subject(account, "writing_task", number, lease_token=1)
    now = NOW + timedelta(hours=number)
    row = journal.begin(
        subject, provider, prompt="content_section/v1", request_hash=f"h{number}", now=now
    )
    if error is not None:
        journal.fail(subject, row, error, cost_usd_micros=0, now=now)
    else:
        answer = TextAnswer(text="secret words", prompt_tokens=7, completion_tokens=9)
        journal.succeed_text(subject, row, answer, cost_usd_micros=11, is_demo=False, now=now)
    return row


def test_calls_are_shown_without_what_was_said(account: Account) -> None:
    row = call(account, 1)

    answer = Asker(account, Role.VIEWER).get(f"ai-calls/{row.pk}/")

    assert answer.json() == {
        "id": row.pk,
        "related_type": "writing_task",
        "related_id": 1,
        "prompt": "content_section/v1",
        "provider": "openai",
        "model": "fake-1",
        "is_own_key": False,
        "status": "succeeded",
        "prompt_tokens": 7,
        "completion_tokens": 9,
        "cost_usd_micros": 11,
        "error_class": "",
        "error": "",
        "started_at": (NOW + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ended_at": (NOW + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def test_the_newest_call_comes_first_and_filters_narrow_down(account: Account) -> None:
    one, two = call(account, 1), call(account, 2, ProviderKeyRefused("no"))
    three = call(account, 3)
    call(make.account(), 4)
    asker = Asker(account, Role.VIEWER)

    assert asker.ids("ai-calls/") == [three.pk, two.pk, one.pk]
    assert asker.ids("ai-calls/", order="started_at") == [one.pk, two.pk, three.pk]
    assert asker.ids("ai-calls/", status="failed") == [two.pk]
    assert asker.ids("ai-calls/", error_class="permanent") == [two.pk]
    assert asker.ids("ai-calls/", provider="openai") == [three.pk, one.pk]
    assert asker.ids("ai-calls/", related_type="writing_task", related_id=3) == [three.pk]
    later = (NOW + timedelta(hours=2)).isoformat()
    assert asker.ids("ai-calls/", started_from=later) == [three.pk, two.pk]
    assert asker.ids("ai-calls/", started_until=later) == [one.pk]
    assert asker.get("ai-calls/", state="failed").status_code == 422


def test_another_accounts_call_is_unknown(account: Account) -> None:
    row = call(make.account(), 1)

    assert Asker(account, Role.OWNER).get(f"ai-calls/{row.pk}/").status_code == 404
