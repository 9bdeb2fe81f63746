from __future__ import annotations

import gzip
import re
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpcore
import pytest

from igny8_core.clients.guarded_http import (
    AddressRefused,
    AnswerTooLarge,
    GuardedBackend,
    GuardedClient,
    GuardedTransport,
    NotSent,
    OutcomeUnknown,
    RedirectRefused,
    is_public,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.7"


def names(**addresses: str | list[str]) -> Callable[[str, int], list[Any]]:
    """A resolver that knows these names and no others; several answers come one by one."""
    counts: dict[str, int] = {}

    def resolver(host: str, port: int) -> list[Any]:
        found = addresses.get(host.replace(".", "_").replace("-", "_"))
        if found is None:
            raise socket.gaierror(f"unknown: {host}")
        counts[host] = counts.get(host, 0) + 1
        turns = [found] if isinstance(found, str) else found
        turn = turns[min(counts[host], len(turns)) - 1]
        return [(socket.AF_INET, 1, 6, "", (one, port)) for one in turn.split("+")]

    return resolver


def _received(connection: socket.socket) -> bytes:
    """One request with its body; what came of it when the client goes away."""
    data = b""
    try:
        while chunk := connection.recv(65536):
            data += chunk
            head, end, body = data.partition(b"\r\n\r\n")
            wanted = re.search(rb"content-length: (\d+)", head.lower())
            if end and len(body) >= (int(wanted[1]) if wanted else 0):
                break
    except OSError:
        pass
    return data


@contextmanager
def server(
    *answers: bytes, delay: float = 0.0, pieces: int = 1
) -> Iterator[tuple[int, list[bytes]]]:
    """A server on loopback that gives these answers, one a connection; notes what it was sent."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(5)
                    seen.append(_received(connection))
                    size = max(1, len(answer) // pieces)
                    for start in range(0, len(answer), size):
                        time.sleep(delay)
                        try:
                            connection.sendall(answer[start : start + size])
                        except OSError:
                            return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], seen
        thread.join(5)


def reply(status: str = "200 OK", body: bytes = b"{}", encoding: str = "", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close"]
    if encoding:
        lines.append(f"content-encoding: {encoding}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def local(port: int, **options: Any) -> GuardedClient:
    """A client that may go to loopback, as a test's server is there."""
    values: dict[str, Any] = {
        "schemes": ("http",),
        "ports": (port,),
        "resolver": names(site_test="127.0.0.1"),
        "is_allowed": lambda address: address == "127.0.0.1",
    }
    return GuardedClient(**values | options)


# --- which addresses


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://0x7f.0.0.1/",
        "https://0/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1%25lo]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/",
        "https://localhost./",
        "https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
        "https://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/",
        "https://metadata.google.internal/",
        "https://internal.test/",
        "https://mixed.test/",
        "https://public.test:22/",
        "https://public.test:8443/",
        "http://public.test/",
        "ftp://public.test/",
        "file:///etc/passwd",
        "https://user:secret@public.test/",
        "https://user@public.test/",
        "https://",
        "//public.test/",
        "public.test",
        "",
    ],
)
def test_spellings_that_are_refused(url: str) -> None:
    def resolver(host: str, port: int) -> list[Any]:
        known = {
            "localhost": "127.0.0.1",
            "localhost.": "127.0.0.1",
            "internal.test": PRIVATE,
            "metadata.google.internal": "169.254.169.254",
            "public.test": PUBLIC,
        }
        if host == "mixed.test":
            return [(2, 1, 6, "", (one, port)) for one in (PUBLIC, PRIVATE)]
        if host in known:
            return [(2, 1, 6, "", (known[host], port))]
        return socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)

    with pytest.raises((AddressRefused, NotSent)) as refused:
        GuardedClient(resolver=resolver).request("GET", url)

    assert "secret" not in str(refused.value.data)


def test_a_refusal_is_told_from_a_failure() -> None:
    client = GuardedClient(resolver=names(internal_test=PRIVATE))

    with pytest.raises(AddressRefused) as refused:
        client.request("GET", "https://internal.test/")
    assert refused.value.data == {"host": "internal.test"}
    with pytest.raises(NotSent):
        client.request("GET", "https://unknown.test/")


def test_a_name_that_turns_private_later_is_refused_later() -> None:
    with server(reply()) as (port, seen):
        client = local(port, resolver=names(site_test=["127.0.0.1", PRIVATE]))

        assert client.request("GET", f"http://site.test:{port}/").status == 200
        with pytest.raises(AddressRefused):
            client.request("GET", f"http://site.test:{port}/")

    assert len(seen) == 1


def test_the_peer_is_looked_at_too() -> None:
    """A name that was checked leads elsewhere all the same, for instance through a local proxy."""
    answers = iter([True, False])
    with server(b"") as (port, seen):
        client = local(port, is_allowed=lambda _address: next(answers))

        with pytest.raises(AddressRefused):
            client.request("GET", f"http://site.test:{port}/")

    assert seen in ([], [b""])


def test_the_server_sees_the_name() -> None:
    with server(reply()) as (port, seen):
        local(port).request("GET", f"http://site.test:{port}/a?b=c")

    assert seen[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert f"host: site.test:{port}".encode() in seen[0].lower()


def test_local_sockets_are_refused() -> None:
    backend = GuardedBackend(
        ports=(443,), resolver=names(), is_allowed=is_public, clock=time.monotonic
    )

    with pytest.raises(AddressRefused):
        backend.connect_unix_socket("/run/docker.sock")


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/")
    with server(reply()) as (port, seen):
        assert local(port).request("GET", f"http://site.test:{port}/").status == 200

    assert len(seen) == 1


def test_httpx_still_lets_us_put_our_own_pool_in() -> None:
    backend = GuardedBackend(
        ports=(443,), resolver=names(), is_allowed=is_public, clock=time.monotonic
    )
    transport = GuardedTransport(backend, schemes=("https",))

    assert isinstance(transport._pool, httpcore.ConnectionPool)
    assert transport._pool._network_backend is backend
    transport.close()


# --- what comes back


def test_an_answer_of_any_status_is_an_answer() -> None:
    with server(reply("422 No", b'{"a": 1}')) as (port, seen):
        answer = local(port).request(
            "POST", f"http://site.test:{port}/", content=b"x", headers={"X-A": "b"}
        )

    assert (answer.status, answer.json()) == (422, {"a": 1})
    assert b"x-a: b" in seen[0].lower()
    assert seen[0].endswith(b"\r\n\r\nx")


def test_what_is_no_json_is_no_outcome() -> None:
    with server(reply(body=b"<html>")) as (port, _seen):
        answer = local(port).request("GET", f"http://site.test:{port}/")

    with pytest.raises(OutcomeUnknown):
        answer.json()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 T", "308 P"])
def test_a_redirect_of_a_write_is_not_followed(status: str) -> None:
    with server(reply(status, location="http://site.test/other")) as (port, seen):
        client = local(port)
        with pytest.raises(RedirectRefused) as refused:
            client.request("POST", f"http://site.test:{port}/")

    assert refused.value.data["location"] == "http://site.test/other"
    assert len(seen) == 1


def test_discovery_follows_a_few_redirects() -> None:
    moved = reply("301 Moved", location="/b")
    with server(moved, moved, moved, reply()) as (port, seen):
        answer = local(port).discover(f"http://site.test:{port}/a")

    assert answer.status == 200
    assert answer.url == f"http://site.test:{port}/b"
    assert len(seen) == 4


def test_discovery_gives_up_on_a_loop() -> None:
    moved = reply("301 Moved", location="/b")
    with server(moved, moved, moved, moved) as (port, seen), pytest.raises(RedirectRefused):
        local(port).discover(f"http://site.test:{port}/a")

    assert len(seen) == 4


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/",
        "http://internal.test/",
        "file:///etc/passwd",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://2130706433/",
        "http://site.test:22/",
        "http://user:password@site.test/",
        "//internal.test/",
    ],
)
def test_each_step_of_a_discovery_is_checked(location: str) -> None:
    with server(reply("302 Found", location=location)) as (port, _seen):
        client = local(
            port, ports=(port, 80), resolver=names(site_test="127.0.0.1", internal_test=PRIVATE)
        )
        with pytest.raises((AddressRefused, NotSent)):
            client.discover(f"http://site.test:{port}/")


def test_a_body_has_a_limit() -> None:
    with server(reply(body=b"x" * 2000)) as (port, _seen), pytest.raises(AnswerTooLarge):
        local(port, body_bytes_max=1000).request("GET", f"http://site.test:{port}/")


def test_a_compressed_bomb_stops_at_the_limit() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    with server(reply(body=bomb, encoding="gzip")) as (port, _seen), pytest.raises(AnswerTooLarge):
        local(port).request("GET", f"http://site.test:{port}/")


def test_a_server_that_drips_meets_the_deadline() -> None:
    with server(reply(body=b"x" * 200), delay=0.02, pieces=200) as (port, _seen):
        client = local(port, deadline_seconds=0.3)
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            client.request("GET", f"http://site.test:{port}/")
        took = time.monotonic() - began

    assert took < 2


def test_a_cut_answer_has_an_unknown_outcome() -> None:
    with server(reply(body=b"x" * 100)[:-50]) as (port, _seen), pytest.raises(OutcomeUnknown):
        local(port).request("POST", f"http://site.test:{port}/", content=b"x")


def test_no_answer_at_all_has_an_unknown_outcome() -> None:
    with server(b"") as (port, _seen), pytest.raises(OutcomeUnknown):
        local(port).request("POST", f"http://site.test:{port}/", content=b"x")


def test_a_closed_port_was_not_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(NotSent) as failed:
        local(port).request("POST", f"http://site.test:{port}/")

    assert failed.value.data == {"host": "site.test", "error": "ConnectError"}


def test_the_next_address_is_tried() -> None:
    with server(reply()) as (port, _seen):
        client = local(
            port,
            resolver=names(site_test="::1+127.0.0.1"),
            is_allowed=lambda address: address in {"::1", "127.0.0.1"},
        )
        assert client.request("GET", f"http://site.test:{port}/").status == 200
        client.close()
