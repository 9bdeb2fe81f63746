"""What makes two addresses the same page."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

MAX_URL_CHARACTERS = 2048

_DEFAULT_PORTS = {"http": 80, "https": 443}
_TRACKING = re.compile(r"^(?:utm_[^=]*|gclid|fbclid|msclkid)(?:=|$)", re.IGNORECASE)
_WEB = re.compile(r"https?://[^\s/]", re.IGNORECASE)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_SAFE = "%/:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class UrlKey:
    """An address, compared.

    :ivar text: the address without what does not matter.
    :ivar host: lower case, IDNA, without ``www.``.
    """

    text: str
    host: str

    @property
    def digest(self) -> str:
        """64 hexadecimal digits, for a unique key."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def url_key(url: str) -> UrlKey | None:
    """The key of an http or https address; None when it is none.

    Scheme and host are lower case, the default port, the fragment, tracking parameters and one
    trailing slash do not matter; the case of the path does.
    """
    shown = url.strip()
    if not shown or len(shown) > MAX_URL_CHARACTERS or any(c.isspace() for c in shown):
        return None
    try:
        parts = urlsplit(shown)
        port = parts.port
        host = _host(parts.hostname or "")
    except ValueError:  # UnicodeError is one
        return None
    if parts.scheme.lower() not in _DEFAULT_PORTS or not host or parts.username is not None:
        return None
    scheme = parts.scheme.lower()
    place = host if port in {None, _DEFAULT_PORTS[scheme]} else f"{host}:{port}"
    kept = [part for part in parts.query.split("&") if part and not _TRACKING.match(part)]
    try:
        path, query = _escaped(parts.path) or "/", _escaped("&".join(kept))
    except UnicodeError:  # half a character
        return None
    if len(path) > 1 and path.endswith("/"):
        path = path[:-1]
    text = f"{scheme}://{place}{path}" + (f"?{query}" if query else "")
    return UrlKey(text, host.removeprefix("www."))


def web_address(text: str) -> str:
    """An address that a page may link to, as somebody else names it; empty when it is none."""
    return text if _WEB.match(text) else ""


def bare_host(domain: str) -> str:
    """A site's domain as :attr:`UrlKey.host` writes it; "" when it is none."""
    try:
        return _host(domain.strip().casefold().partition("/")[0].partition(":")[0]).removeprefix(
            "www."
        )
    except UnicodeError:
        return ""


def _host(name: str) -> str:
    name = name.rstrip(".").lower()
    return name if name.isascii() else name.encode("idna").decode()


def _escaped(text: str) -> str:
    """Escapes in upper case; what is not ASCII is escaped."""
    shown = quote(text, safe=_SAFE + "?")
    return _ESCAPE.sub(lambda found: f"%{found[1].upper()}", shown)
