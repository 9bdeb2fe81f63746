"""Whether an address that somebody typed in may be called."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings

from igny8_core.common.errors import InvalidInput


def is_loopback(url: str) -> bool:
    """Whether the server is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_account_url(url: str) -> str:
    """The address of a provider that an account brings.

    Names are resolved and checked again at every call; here is what can be said without asking.

    :raises InvalidInput: not an address, not encrypted, or not public where it has to be.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # "https://[::1"
        parts = urlsplit("")
    problem = None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        problem = "must start with https://"
    elif parts.username or parts.password or parts.query or parts.fragment:
        problem = "must have no user, password or parameters"
    elif not settings.PROVIDER_PRIVATE_ADDRESSES:
        if parts.scheme != "https":
            problem = "must start with https://"
        elif _is_private_literal(parts.hostname):
            problem = "must be a public address"
    if problem:
        raise InvalidInput("The provider's address cannot be used.", base_url=[problem])
    return url.rstrip("/")


def _is_private_literal(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
