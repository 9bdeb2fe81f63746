"""Forms of connections, AI providers and webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from igny8_core.ai.models import MAKES_PICTURES
from igny8_core.ai.states import ProviderKind
from igny8_core.business.automation.services.telling import EVENT_TYPES
from igny8_core.business.integration.services.credentials import LENGTH_MAX
from igny8_core.business.integration.states import ConflictPolicy, Platform
from igny8_core.common.errors import InvalidInput
from igny8_core.web.forms.settings import ServiceForm

if TYPE_CHECKING:
    from igny8_core.ai.models import ProviderSetting
    from igny8_core.common.errors import DomainError

ADDRESS_MAX = 500
HIGHEST = 2**31 - 1
POLICIES = [
    (ConflictPolicy.ASK.value, "Ask me"),
    (ConflictPolicy.OVERWRITE.value, "Write ours over it"),
    (ConflictPolicy.SKIP.value, "Leave the site's text alone"),
]
RULES = [
    ("off", "Nothing: I publish by hand"),
    ("approved", "What a person approved"),
    ("submitted", "Everything that goes to review"),
]
MARKUPS = [("blocks", "Blocks (Gutenberg)"), ("classic", "Classic HTML")]


class NamedForm(ServiceForm):
    """A form whose service names fields with a dot before them: ``config.base_url``."""

    def refuse(self, error: DomainError) -> None:
        """Show what the service refused, beside the fields that it names."""
        if not isinstance(error, InvalidInput):
            self.add_error(None, error.message)
            return
        for name, texts in error.data.items():
            field = str(name).rpartition(".")[2]
            self.add_error(field if field in self.fields else None, _sentences(texts))


def _sentences(texts: Any) -> list[str]:
    """What a service says of a field, each as a sentence of its own."""
    words = texts if isinstance(texts, list) else [texts]
    said = [str(word) for word in words]
    return [f"{word[:1].upper()}{word[1:].rstrip('.')}." for word in said]


class CredentialsForm(NamedForm):
    """What a platform asks for. Only the fields of the platform are there."""

    username = forms.CharField(max_length=LENGTH_MAX)
    application_password = forms.CharField(max_length=LENGTH_MAX, strip=True)
    client_id = forms.CharField(max_length=LENGTH_MAX)
    client_secret = forms.CharField(max_length=LENGTH_MAX, strip=True)
    refresh_token = forms.CharField(max_length=LENGTH_MAX, strip=True, required=False)
    secret = forms.CharField(max_length=LENGTH_MAX, strip=True)

    OF_PLATFORM = {
        Platform.WORDPRESS: ("username", "application_password"),
        Platform.SHOPIFY: ("client_id", "client_secret", "refresh_token"),
        Platform.CUSTOM: ("secret",),
    }

    def __init__(self, *args: Any, platform: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = self.OF_PLATFORM[Platform(platform)]
        for name in {name for names in self.OF_PLATFORM.values() for name in names}:
            if name not in self.names:
                del self.fields[name]

    def credentials(self) -> dict[str, str]:
        """What was typed in, by the names of the service."""
        return {name: self.cleaned_data[name] for name in self.names}


class ConnectForm(CredentialsForm):
    """An address, and what the platform asks for."""

    base_url = forms.CharField(max_length=ADDRESS_MAX)


class AddressForm(NamedForm):
    """The address of a WordPress whose own page lets us in."""

    base_url = forms.CharField(max_length=ADDRESS_MAX)


class ConnectionForm(NamedForm):
    """How a connection behaves."""

    conflict_policy = forms.ChoiceField(choices=POLICIES)
    auto_publish = forms.ChoiceField(choices=RULES)
    markup = forms.ChoiceField(choices=MARKUPS)
    is_sync_enabled = forms.BooleanField(required=False)

    def __init__(self, *args: Any, platform: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if platform != Platform.WORDPRESS:
            del self.fields["markup"]

    def changes(self) -> dict[str, Any]:
        """By the names of the service's arguments."""
        config = {k: v for k, v in self.cleaned_data.items() if k != "is_sync_enabled"}
        return {"config": config, "is_sync_enabled": self.cleaned_data["is_sync_enabled"]}


def _limit() -> forms.IntegerField:
    return forms.IntegerField(min_value=1, max_value=HIGHEST, required=False)


class ProviderForm(NamedForm):
    """An AI provider of the account's own. The key is written and never read."""

    model = forms.CharField(max_length=120, required=False)
    image_model = forms.CharField(max_length=120, required=False)
    base_url = forms.CharField(max_length=ADDRESS_MAX, required=False)
    api_key = forms.CharField(max_length=LENGTH_MAX, required=False, strip=True)
    forget_key = forms.BooleanField(required=False)
    is_enabled = forms.BooleanField(required=False)
    is_free = forms.BooleanField(required=False)
    max_context_tokens = _limit()
    requests_per_minute = _limit()
    tokens_per_minute = _limit()
    concurrency = _limit()

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if kind not in MAKES_PICTURES:
            del self.fields["image_model"]
        if kind == ProviderKind.LOCAL:
            for name in ("api_key", "forget_key", "base_url"):
                del self.fields[name]

    @classmethod
    def of(cls, row: ProviderSetting, data: Any = None) -> ProviderForm:
        """The form of a provider that is set up, filled with all but its key."""
        hidden = {"api_key", "forget_key"}
        shown = {name: getattr(row, name) for name in cls.base_fields if name not in hidden}
        return cls(data, kind=row.provider, initial=shown)

    def changes(self) -> dict[str, Any]:
        """By the names of the service's arguments; no key means that the stored one stays."""
        given = dict(self.cleaned_data)
        is_forgotten, key = given.pop("forget_key", False), given.pop("api_key", "")
        if is_forgotten or key:
            given["api_key"] = key
        return given


class EndpointForm(NamedForm):
    """An address that is told what happens to runs."""

    url = forms.CharField(max_length=ADDRESS_MAX)
    description = forms.CharField(max_length=200, required=False)
    event_types = forms.MultipleChoiceField(
        choices=[(name, name) for name in EVENT_TYPES], required=False
    )
