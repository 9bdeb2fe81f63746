"""Whether an address that somebody typed in can be one that we go to; nobody is asked.

The rules of :mod:`igny8_core.clients.guarded_http`, which resolves the name and checks what it
finds at every request.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from igny8_core.clients.guarded_http import PORTS, is_public

LENGTH_MAX: Final = 500
LOCAL_NAMES: Final = (".localhost", ".local", ".internal", ".home.arpa", ".lan")


def address_problem(url: str, *, is_private_allowed: bool) -> str | None:
    """What is wrong with an address; None when a request could be tried.

    :param is_private_allowed: the operator trusts every account: any host, http too.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is no address"
    schemes = {"https", "http"} if is_private_allowed else {"https"}
    if parts.scheme not in schemes or not parts.hostname:
        return "must start with https://"
    if len(url) > LENGTH_MAX or not url.isascii() or not url.isprintable() or " " in url:
        return f"must be at most {LENGTH_MAX} ASCII characters, without spaces"
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        return "must have no user, password or parameters"
    if not is_private_allowed and port not in {None, *PORTS}:
        return "must have no port but 443"
    if not is_private_allowed and not _may_be_public(parts.hostname):
        return "must be a public address"
    return None


def normal_address(url: str) -> str:
    """An address without a problem, as it is kept: host in lower case, no slash at the end."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return SplitResult(parts.scheme, parts.netloc.lower(), path, "", "").geturl()


def port_of(url: str) -> int:
    """The port that an address without a problem leads to."""
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _may_be_public(host: str) -> bool:
    """A literal address that everybody can reach, or a name that is not obviously ours alone."""
    try:
        ip_address(host)
    except ValueError:
        last = host.rpartition(".")[2]
        # `2130706433` and `0x7f.1` are addresses to a resolver.
        return "." in host and last.isalpha() and not host.endswith(LOCAL_NAMES)
    return is_public(host)
