"""Who calls: a program with an API key, or a signed-in person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from igny8_core.auth.access import api_keys
from igny8_core.auth.errors import ApiKeyRefused

if TYPE_CHECKING:
    from rest_framework.request import Request

    from igny8_core.auth.models import ApiKey

SCHEME = b"bearer"


class KeyHolder:
    """Who a request with an API key comes from: nobody in person."""

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    pk = id = None

    def __init__(self, key: ApiKey) -> None:
        self.key = key

    def __str__(self) -> str:
        return f"key:{self.key.pk}"


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer igny8_<prefix>_<secret>``, on the routes below an account."""

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        """The holder and the key; None without the header.

        An account that has no such key is 404, as one that does not exist.
        """
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != SCHEME:
            return None
        text = words[1].decode("latin-1") if len(words) == 2 else ""  # noqa: PLR2004 - two words
        if (parts := api_keys.split_key(text)) is None:
            raise AuthenticationFailed("This is no API key of IGNY8.")
        account_id = (request.parser_context or {}).get("kwargs", {}).get("account_id")
        if account_id is None:
            raise AuthenticationFailed("An API key opens the routes of its account alone.")
        try:
            key = api_keys.use_api_key(
                account_id=int(account_id), prefix=parts[0], secret=parts[1], now=timezone.now()
            )
        except ApiKeyRefused as exc:
            raise AuthenticationFailed(exc.message, exc.code) from exc
        return KeyHolder(key), key

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 - DRF's signature
        return 'Bearer realm="igny8"'


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped base
    """How the OpenAPI document names it."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_requirement(self, auto_schema: Any) -> Any:
        """None where no account is named: a key opens nothing there."""
        if "{account_id}" not in auto_schema.path:
            return None
        return super().get_security_requirement(auto_schema)

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        return {"type": "http", "scheme": "bearer", "bearerFormat": "igny8_<prefix>_<secret>"}
