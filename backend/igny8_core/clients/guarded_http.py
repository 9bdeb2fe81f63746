"""HTTP to addresses that users give: only public ones, nothing followed blindly, all of it bounded.

A name is resolved once, every address of it is checked, and the connection goes to an address that
was checked. A failure says whether the request may have arrived: that decides about a repeat.
"""

from __future__ import annotations

import json
import math
import re
import socket
import time
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any, ClassVar, Final

import httpcore
import httpx

from igny8_core.common.errors import ProviderRejected, Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from ssl import SSLContext

    Resolver = Callable[[str, int], Iterable[Any]]

DEADLINE_SECONDS: Final = 30.0
STEP_SECONDS: Final = 10.0
BODY_BYTES_MAX: Final = 5 * 1024 * 1024
REDIRECTS_MAX: Final = 3
CONNECTIONS_MAX: Final = 20
KEPT_CONNECTIONS: Final = 10
KEPT_SECONDS: Final = 15
USER_AGENT: Final = "IGNY8"
PORTS: Final = (80, 443)

# `is_global` has holes in Python 3.11, our floor; ::/96 holds :: and ::1.
_NETWORKS: Final = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
    192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24
    198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
    ::/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 3fff::/20
    5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
"""
DENIED: Final = [ip_network(network) for network in _NETWORKS.split()]

_ESCAPED: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_UNSTORABLE: Final = re.compile("[\\x00\\ud800-\\udfff]")

_deadline: ContextVar[float | None] = ContextVar("igny8_http_deadline", default=None)


class AddressRefused(ProviderRejected):
    """The address is not one that we go to; nothing was sent."""

    code = "address_refused"


class RedirectRefused(ProviderRejected):
    """The server sent us elsewhere; ``data["location"]`` says where. It was not followed."""

    code = "redirect_refused"


class AnswerTooLarge(ProviderRejected):
    """More came back than can be an answer. What was asked for may have been done."""

    code = "answer_too_large"


class NotSent(Transient):
    """No connection came about; nothing was sent. A repeat is safe."""

    code = "not_sent"


class OutcomeUnknown(Transient):
    """The request may have arrived, and what came back is not an answer. Look before repeating."""

    code = "outcome_unknown"


@dataclass(frozen=True)
class Answer:
    """What a server said, whatever its status."""

    status: int
    headers: httpx.Headers
    body: bytes
    url: str

    def json(self) -> Any:
        """The body as JSON.

        :raises OutcomeUnknown: it is none.
        """
        try:
            return parse_json(self.body)
        except ValueError as exc:
            raise OutcomeUnknown("the answer is no JSON", status=self.status) from exc


def parse_json(body: bytes) -> Any:
    """JSON from outside, such that all of it can be stored.

    Characters that PostgreSQL cannot hold are taken out of its texts.

    :raises ValueError: it is none: not closed, nested too deeply, or with numbers that are none.
    """
    try:
        found = json.loads(body, parse_constant=_refused, parse_float=_finite)
        return _plain(found) if _ESCAPED.search(body) else found
    except RecursionError as exc:
        raise ValueError("nested too deeply") from exc


def _refused(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refused(text)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("", value)
    if isinstance(value, dict):
        return {_plain(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def is_public(address: str) -> bool:
    """Whether an IP address is one that everybody can reach."""
    plain = ip_address(address.partition("%")[0])
    if isinstance(plain, IPv6Address) and plain.ipv4_mapped is not None:
        plain = plain.ipv4_mapped
    return plain.is_global and not any(
        plain.version == network.version and plain in network for network in DENIED
    )


def resolve(host: str, port: int) -> Iterable[Any]:
    """The system's own resolver."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class _BoundedStream(httpcore.NetworkStream):
    """A connection whose every step ends with the deadline of the request that uses it."""

    def __init__(self, inner: httpcore.NetworkStream, clock: Callable[[], float]) -> None:
        self._inner, self._clock = inner, clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = self._left(timeout, httpcore.ConnectTimeout)
        secured = self._inner.start_tls(ssl_context, server_hostname, left)
        return _BoundedStream(secured, self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def _left(self, timeout: float | None, error: type[Exception]) -> float | None:
        deadline = _deadline.get()
        if deadline is None:
            return timeout
        left = deadline - self._clock()
        if left <= 0:
            raise error("the request took too long")
        return left if timeout is None else min(timeout, left)


class GuardedBackend(httpcore.SyncBackend):
    """Resolves once, refuses the name if any address is not allowed, connects to a checked one."""

    def __init__(
        self,
        *,
        ports: Collection[int],
        resolver: Resolver,
        is_allowed: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        self._ports, self._resolver = ports, resolver
        self._is_allowed, self._clock = is_allowed, clock

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """:raises AddressRefused: the port, or one address of the name, is not allowed."""
        if port not in self._ports:
            raise AddressRefused("port not allowed", host=host, port=port)
        try:
            found = self._resolver(host, port)
            addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        except (OSError, UnicodeError) as exc:
            raise httpcore.ConnectError(f"cannot resolve {host}") from exc
        if not addresses or not all(map(self._is_allowed, addresses)):
            raise AddressRefused("not a public address", host=host)
        failure: Exception = httpcore.ConnectError(f"cannot connect to {host}")
        for address in addresses:
            try:
                stream = super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
                continue
            peer = stream.get_extra_info("socket").getpeername()[0]
            if not self._is_allowed(peer):
                stream.close()
                raise AddressRefused("not a public address", host=host)
            return _BoundedStream(stream, self._clock)
        raise failure

    def connect_unix_socket(self, *_args: Any, **_options: Any) -> httpcore.NetworkStream:
        """:raises AddressRefused: always."""
        raise AddressRefused("no local sockets")


class GuardedTransport(httpx.HTTPTransport):
    """httpx over a guarded backend."""

    def __init__(self, backend: GuardedBackend, *, schemes: Collection[str]) -> None:
        super().__init__()
        self._schemes = schemes
        self._pool.close()  # private to httpx: a test fails when it moves
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            network_backend=backend,
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=KEPT_CONNECTIONS,
            keepalive_expiry=KEPT_SECONDS,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """:raises AddressRefused: another scheme, or credentials in the address."""
        if request.url.scheme not in self._schemes or request.url.userinfo:
            raise AddressRefused("scheme or credentials in the address", host=request.url.host)
        return super().handle_request(request)


class GuardedClient:
    """The one way to addresses that users give.

    :param schemes: ``https`` only, unless the operator allows more.
    :param ports: where we connect to.
    :param resolver: and the following are for tests.
    """

    user_agent: ClassVar[str] = USER_AGENT

    def __init__(
        self,
        *,
        schemes: Collection[str] = ("https",),
        ports: Collection[int] = PORTS,
        deadline_seconds: float = DEADLINE_SECONDS,
        body_bytes_max: int = BODY_BYTES_MAX,
        resolver: Resolver = resolve,
        is_allowed: Callable[[str], bool] = is_public,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deadline_seconds, self._body_bytes_max = deadline_seconds, body_bytes_max
        self._clock = clock
        backend = GuardedBackend(ports=ports, resolver=resolver, is_allowed=is_allowed, clock=clock)
        self._client = httpx.Client(
            transport=GuardedTransport(backend, schemes=schemes),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(STEP_SECONDS),
            headers={"User-Agent": self.user_agent},
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Answer:
        """One request, nothing followed. Any status but a redirect is an answer.

        :raises AddressRefused: not an address that we go to; nothing was sent.
        :raises RedirectRefused: the server sent us elsewhere.
        :raises NotSent: no connection; a repeat is safe.
        :raises OutcomeUnknown: timeout or cut answer; the request may have arrived.
        :raises AnswerTooLarge: the decoded body passed its limit.
        """
        answer = self._send(method, url, headers, content)
        if answer.status in {301, 302, 303, 307, 308}:
            raise RedirectRefused(
                "the server sent us elsewhere",
                status=answer.status,
                location=answer.headers.get("location", ""),
            )
        return answer

    def discover(self, url: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """GET that follows a few redirects, each checked anew. ``url`` of the answer is the last.

        :raises RedirectRefused: too many of them, or to nowhere.
        """
        for _hop in range(REDIRECTS_MAX + 1):
            answer = self._send("GET", url, headers, None)
            location = answer.headers.get("location")
            if answer.status not in {301, 302, 303, 307, 308} or not location:
                return answer
            try:
                url = str(httpx.URL(url).join(location))
            except (httpx.InvalidURL, ValueError) as exc:
                raise RedirectRefused("redirected to nowhere", location=location[:200]) from exc
        raise RedirectRefused("redirected too often", location=url)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._client.close()

    def _send(
        self, method: str, url: str, headers: Mapping[str, str] | None, content: bytes | None
    ) -> Answer:
        token = _deadline.set(self._clock() + self._deadline_seconds)
        try:
            with self._client.stream(method, url, headers=headers, content=content) as response:
                body = self._read(response)
                return Answer(response.status_code, response.headers, body, str(response.url))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            raise NotSent("no connection", host=_host_of(url), error=type(exc).__name__) from exc
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as exc:
            raise AddressRefused("not an address", host=_host_of(url)) from exc
        except httpx.HTTPError as exc:
            raise OutcomeUnknown(
                "no whole answer", host=_host_of(url), error=type(exc).__name__
            ) from exc
        finally:
            _deadline.reset(token)

    def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > self._body_bytes_max:
                raise AnswerTooLarge("more than can be an answer", status=response.status_code)
        return bytes(body)


def _host_of(url: str) -> str:
    try:
        return httpx.URL(url).host
    except (httpx.InvalidURL, TypeError, UnicodeError):
        return ""
