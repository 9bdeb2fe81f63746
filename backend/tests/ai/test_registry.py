"""Which models an account writes with, and how its keys are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from igny8_core.ai import registry, selectors, services
from igny8_core.ai.errors import NoImageModel, NoTextModel
from igny8_core.ai.ports import RateLimits
from igny8_core.ai.providers import http
from igny8_core.ai.providers.http import Reach
from igny8_core.ai.states import ProviderKind
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.tenancy.context import tenant
from igny8_core.common.vault import VaultError
from tests import make

if TYPE_CHECKING:
    from pytest_django import Settings

    from igny8_core.ai.models import ProviderSetting
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db

KEY = "sk-secret-of-the-test-0001"
LOCAL_URL = "http://127.0.0.1:9"


def save(account: Account, **fields: Any) -> ProviderSetting:
    fields = {"provider": ProviderKind.OPENAI, "model": "gpt-5-mini", "api_key": KEY} | fields
    return services.save_provider_setting(account=account, **fields)


def names(account: Account) -> list[str]:
    return [f"{p.name}:{p.model}" for p in registry.text_providers(account)]


# --- the order of choice


def test_the_built_in_model_writes_when_nothing_is_set_up(settings: Settings) -> None:
    settings.LOCAL_MODEL_URL = LOCAL_URL

    provider = registry.text_provider(make.account())

    assert (provider.name, provider.model) == ("local", "smollm2-135m-instruct")
    assert provider.capabilities.is_demo


def test_without_the_built_in_model_there_is_a_clear_error() -> None:
    with pytest.raises(NoTextModel, match="igny8 up"):
        registry.text_provider(make.account())


@pytest.mark.parametrize("kind", ["openai", "anthropic", "google"])
def test_the_platforms_model_comes_before_the_built_in_one(kind: str, settings: Settings) -> None:
    settings.LOCAL_MODEL_URL = LOCAL_URL
    settings.TEXT_MODEL = f"{kind}:some-model"
    settings.PLATFORM_KEYS = {kind: KEY}

    provider = registry.text_provider(make.account())

    assert (provider.name, provider.model) == (kind, "some-model")
    assert not provider.capabilities.is_free
    assert not provider.capabilities.is_demo
    assert KEY not in repr(provider)


@pytest.mark.parametrize(
    ("text_model", "message"),
    [
        ("openai:gpt-5-mini", "IGNY8_OPENAI_API_KEY is missing"),
        ("openai_compatible:llama", "IGNY8_OPENAI_API_KEY is missing"),
        ("acme:one", "provider:model"),
        ("openai", "provider:model"),
    ],
)
def test_a_setting_that_cannot_work_says_so(
    text_model: str, message: str, settings: Settings
) -> None:
    settings.TEXT_MODEL = text_model

    with pytest.raises(NoTextModel, match=message):
        registry.platform_provider()


@pytest.mark.parametrize(
    ("base_url", "is_marked_free", "is_free"),
    [
        ("http://localhost:11434", False, True),
        ("https://models.example.com", False, False),
        ("https://models.example.com", True, True),
    ],
)
def test_a_compatible_server_needs_no_key_and_is_free_on_this_machine(
    base_url: str, *, is_marked_free: bool, is_free: bool, settings: Settings
) -> None:
    settings.TEXT_MODEL, settings.OPENAI_BASE_URL = "openai:llama3", base_url
    settings.TEXT_MODEL_IS_FREE = is_marked_free

    provider = registry.platform_provider()

    assert provider.name == "openai_compatible"
    assert provider.api_url == f"{base_url}/v1"
    assert provider.capabilities.is_free is is_free


def test_an_account_with_providers_of_its_own_uses_only_those(settings: Settings) -> None:
    settings.LOCAL_MODEL_URL = LOCAL_URL
    account = make.account()
    save(account, priority=20)
    save(account, provider=ProviderKind.ANTHROPIC, model="claude-sonnet-5", priority=10)
    save(account, provider=ProviderKind.GOOGLE, model="gemini-3.5-flash", is_enabled=False)

    assert names(account) == ["anthropic:claude-sonnet-5", "openai:gpt-5-mini"]
    assert names(make.account()) == ["local:smollm2-135m-instruct"]


def test_an_account_may_choose_the_built_in_model(settings: Settings) -> None:
    settings.LOCAL_MODEL_URL, settings.TEXT_MODEL = LOCAL_URL, "openai:gpt-5-mini"
    account = make.account()
    save(account, provider=ProviderKind.LOCAL, model="built-in", api_key=None)

    assert names(account) == ["local:smollm2-135m-instruct"]


def test_keys_of_the_account_are_its_own_and_those_of_the_platform_are_shared(
    settings: Settings,
) -> None:
    settings.TEXT_MODEL, settings.PLATFORM_KEYS = "openai:gpt-5-mini", {"openai": KEY}
    settings.PLATFORM_LIMITS = {
        "requests_per_minute": 60,
        "tokens_per_minute": None,
        "concurrency": 4,
    }
    account = make.account()
    shared = registry.text_provider(account)
    save(account)
    own = registry.text_provider(account)

    assert (shared.capabilities.is_own_key, own.capabilities.is_own_key) == (False, True)
    assert shared.limits == RateLimits(requests_per_minute=60, concurrency=4)
    assert own.limits == RateLimits()


# --- pictures


def test_without_a_model_for_pictures_there_is_none() -> None:
    account = make.account()
    save(account)

    assert registry.image_providers(account) == []
    with pytest.raises(NoImageModel):
        registry.platform_image_provider()


def test_the_platforms_model_makes_pictures_until_the_account_has_its_own(
    settings: Settings,
) -> None:
    settings.IMAGE_MODEL, settings.PLATFORM_KEYS = "openai:gpt-image-1-mini", {"openai": KEY}
    account = make.account()
    [shared] = registry.image_providers(account)
    save(account, model="", image_model="gpt-image-1", api_key="sk-another-key-of-the-test")
    [own] = registry.image_providers(account)

    assert (shared.name, shared.model) == ("openai", "gpt-image-1-mini")
    assert (own.name, own.model) == ("openai", "gpt-image-1")
    assert shared.key_fingerprint != own.key_fingerprint
    assert (shared.capabilities.is_own_key, own.capabilities.is_own_key) == (False, True)
    assert KEY not in repr(shared)


def test_a_setting_for_pictures_alone_writes_nothing(settings: Settings) -> None:
    settings.LOCAL_MODEL_URL = LOCAL_URL
    account = make.account()
    setting = save(account, model="", image_model="gpt-image-1")

    assert names(account) == ["local:smollm2-135m-instruct"]
    with pytest.raises(NoTextModel):
        registry.provider_of(setting)


@pytest.mark.parametrize(
    ("image_model", "message"),
    [
        ("openai:gpt-image-1", "IGNY8_OPENAI_API_KEY is missing"),
        ("anthropic:claude", "one of openai, openai_compatible"),
        ("openai", "provider:model"),
    ],
)
def test_a_setting_for_pictures_that_cannot_work_says_so(
    image_model: str, message: str, settings: Settings
) -> None:
    settings.IMAGE_MODEL = image_model

    with pytest.raises(NoImageModel, match=message):
        registry.image_providers(make.account())


def test_pictures_of_a_server_on_this_machine_are_free(settings: Settings) -> None:
    settings.IMAGE_MODEL, settings.OPENAI_BASE_URL = "openai:flux", "http://localhost:9"

    provider = registry.platform_image_provider()

    assert (provider.name, provider.api_url) == ("openai_compatible", "http://localhost:9/v1")
    assert provider.capabilities.is_free


@pytest.mark.parametrize(
    "fields",
    [
        {"model": " ", "image_model": ""},
        {"provider": ProviderKind.ANTHROPIC, "image_model": "gpt-image-1"},
    ],
    ids=["no model", "no pictures there"],
)
def test_a_setting_that_can_do_nothing_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        save(make.account(), **fields)


def test_a_key_is_sent_only_to_the_address_that_it_was_typed_in_for() -> None:
    account = make.account()
    kind = ProviderKind.OPENAI_COMPATIBLE
    save(account, provider=kind, base_url="https://models.example.com")

    with pytest.raises(InvalidInput) as refused:
        save(account, provider=kind, base_url="https://evil.example.com", api_key=None)
    assert list(refused.value.data) == ["api_key"]

    save(account, provider=kind, base_url="https://models.example.com", api_key=None)
    save(account, provider=kind, base_url="https://other.example.com", api_key=KEY)


def test_a_settings_limits_reach_the_provider() -> None:
    account = make.account()
    row = save(account, requests_per_minute=60, concurrency=2, max_context_tokens=4000)

    provider = registry.provider_of(row)

    assert provider.limits == RateLimits(requests_per_minute=60, concurrency=2)
    assert provider.capabilities.max_context_tokens == 4000


# --- keys


def test_a_key_is_stored_sealed_and_shown_as_a_hint() -> None:
    account = make.account()

    row = save(account)

    with tenant(account.pk), connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(s)::text FROM ai_providersetting s")
        [(stored,)] = cursor.fetchall()
    assert KEY not in stored
    assert row.key_hint == "0001"
    assert services.open_key(row) == KEY


def test_a_short_key_shows_nothing_of_itself() -> None:
    assert save(make.account(), api_key="short").key_hint == ""


def test_a_key_copied_to_another_account_or_provider_does_not_open() -> None:
    mine, other = save(make.account()), save(make.account(), api_key="another-key-of-them")
    other.sealed_key = mine.sealed_key
    with pytest.raises(VaultError):
        services.open_key(other)

    mine.provider = ProviderKind.ANTHROPIC
    with pytest.raises(VaultError):
        services.open_key(mine)


def test_a_change_keeps_the_key_unless_another_is_given() -> None:
    account = make.account()
    save(account)

    kept = save(account, api_key=None, model="gpt-5")
    assert (services.open_key(kept), kept.model) == (KEY, "gpt-5")
    assert services.open_key(save(account, api_key="sk-the-next-key-of-theirs")) != KEY
    with tenant(account.pk):
        assert selectors.provider_settings(account=account).count() == 1


def test_rotation_seals_every_key_with_the_newest(settings: Settings) -> None:
    account, other = make.account(), make.account()
    row, theirs = save(account), save(other)
    settings.CREDENTIAL_KEYS = ["k" * 32]

    assert services.rotate_provider_keys(account=account) == 1
    assert services.rotate_provider_keys(account=account) == 0

    with tenant(account.pk):
        row.refresh_from_db()
    settings.SECRET_KEY = "the-old-one-is-gone" * 4
    assert services.open_key(row) == KEY
    with pytest.raises(VaultError):
        services.open_key(theirs)


def test_two_keys_have_limits_of_their_own() -> None:
    one, two = services.key_fingerprint("a"), services.key_fingerprint("b")

    assert one != two
    assert one == services.key_fingerprint("a")


# --- what is refused


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"model": " "}, "model"),
        ({"api_key": None}, "api_key"),
        ({"api_key": ""}, "api_key"),
        ({"provider": ProviderKind.OPENAI_COMPATIBLE}, "base_url"),
        ({"base_url": "ftp://models.example.com"}, "base_url"),
        ({"base_url": "http://models.example.com"}, "base_url"),
        ({"base_url": "https://me:pw@models.example.com"}, "base_url"),
        ({"base_url": "https://models.example.com/?key=1"}, "base_url"),
        ({"base_url": "https://127.0.0.1:11434"}, "base_url"),
        ({"base_url": "https://169.254.169.254"}, "base_url"),
        ({"base_url": "https://[::1]:8000"}, "base_url"),
        ({"base_url": "https://db.internal"}, "base_url"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(fields: dict[str, Any], field: str) -> None:
    account = make.account()

    with pytest.raises(InvalidInput) as refused:
        save(account, **fields)

    assert list(refused.value.data) == [field]
    with tenant(account.pk):
        assert not selectors.provider_settings(account=account).exists()


def test_private_addresses_are_the_operators_decision(settings: Settings) -> None:
    account = make.account()
    settings.PROVIDER_PRIVATE_ADDRESSES = True

    row = save(account, provider=ProviderKind.OPENAI_COMPATIBLE, base_url="http://127.0.0.1:11434/")

    assert row.base_url == "http://127.0.0.1:11434"


@pytest.mark.parametrize(("is_allowed", "reach"), [(False, Reach.PUBLIC), (True, Reach.ANYWHERE)])
def test_an_accounts_address_is_called_under_guard(
    *, is_allowed: bool, reach: Reach, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = save(make.account(), base_url="https://models.example.com")
    settings.PROVIDER_PRIVATE_ADDRESSES = is_allowed
    used: list[Reach] = []

    def client(chosen: Reach) -> None:
        used.append(chosen)

    monkeypatch.setattr(http, "client", client)
    registry.provider_of(row).build()  # type: ignore[attr-defined]  # not part of the port

    assert used == [reach]


def test_a_provider_can_be_forgotten_once() -> None:
    account = make.account()
    row = save(account)

    services.remove_provider_setting(account=account, setting_id=row.pk)

    with pytest.raises(NotFound):
        services.remove_provider_setting(account=account, setting_id=row.pk)
    with tenant(account.pk), pytest.raises(NotFound):
        selectors.provider_setting(account=account, setting_id=row.pk)


def test_another_accounts_settings_are_not_found() -> None:
    row = save(make.account())
    account = make.account()

    with tenant(account.pk), pytest.raises(NotFound):
        selectors.provider_setting(account=account, setting_id=row.pk)
    with pytest.raises(NotFound):
        services.remove_provider_setting(account=account, setting_id=row.pk)
    with pytest.raises(NotFound):
        services.change_provider_setting(account=account, setting_id=row.pk, changes={})


def test_a_change_leaves_the_rest_as_it_is() -> None:
    account = make.account()
    row = save(account, priority=7, concurrency=2)

    changed = services.change_provider_setting(
        account=account, setting_id=row.pk, changes={"model": "gpt-5", "concurrency": None}
    )

    assert (changed.pk, changed.model, changed.priority) == (row.pk, "gpt-5", 7)
    assert (changed.concurrency, changed.sealed_key) == (None, row.sealed_key)
