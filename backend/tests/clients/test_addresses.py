"""Addresses that people type in: what can be said of them without asking anybody."""

from __future__ import annotations

import pytest

from igny8_core.clients.addresses import address_problem, normal_address


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/blog/",
        "https://EXAMPLE.com:443",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
        "https://xn--bcher-kva.example/",
    ],
)
def test_a_public_address_has_no_problem(url: str) -> None:
    assert address_problem(url, is_private_allowed=False) is None


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "must start with https://"),
        ("example.com", "must start with https://"),
        ("http://example.com", "must start with https://"),
        ("ftp://example.com", "must start with https://"),
        ("https://", "must start with https://"),
        ("https://[::1", "is no address"),
        ("https://example.com:99999", "is no address"),
        ("https://example.com/" + "a" * 500, "at most 500"),
        ("https://bücher.example", "ASCII"),
        ("https://example.com/a b", "ASCII"),
        ("https://example.com/\x00", "ASCII"),
        ("https://me@example.com", "no user"),
        ("https://me:pw@example.com", "no user"),
        ("https://example.com/?a=1", "no user, password or parameters"),
        ("https://example.com/#a", "no user, password or parameters"),
        ("https://example.com:8443", "no port"),
        ("https://localhost", "public"),
        ("https://intranet", "public"),
        ("https://db.internal", "public"),
        ("https://nas.local", "public"),
        ("https://127.0.0.1", "public"),
        ("https://10.1.2.3", "public"),
        ("https://169.254.169.254", "public"),
        ("https://[::1]", "public"),
        ("https://[::ffff:127.0.0.1]", "public"),
        ("https://2130706433", "public"),
        ("https://0x7f.0.0.1", "public"),
        ("https://127.1", "public"),
    ],
)
def test_an_address_with_a_problem_says_which(url: str, problem: str) -> None:
    found = address_problem(url, is_private_allowed=False)

    assert found is not None
    assert problem in found


@pytest.mark.parametrize("url", ["http://10.1.2.3:8080/blog", "https://localhost", "http://nas"])
def test_an_operator_who_trusts_everybody_allows_private_ones(url: str) -> None:
    assert address_problem(url, is_private_allowed=True) is None
    assert address_problem("https://me:pw@nas", is_private_allowed=True) is not None


def test_an_address_is_kept_in_one_form() -> None:
    assert normal_address("https://Shop.Example.COM/Blog//") == "https://shop.example.com/Blog"
