"""What sites and providers may answer: nothing of it breaks us, or is kept as it came."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from pydantic_ai import exceptions as pai

from igny8_core.ai.errors import RateLimited
from igny8_core.ai.providers.failures import as_provider_error
from igny8_core.business.integration.services.events import cleaned
from igny8_core.business.integration.services.page_xml import w3c_date
from igny8_core.clients.destinations import SiteBusy, bounded_wait
from igny8_core.clients.guarded_http import Answer, OutcomeUnknown
from igny8_core.clients.wordpress import parse
from igny8_core.clients.wordpress_post import site_time
from igny8_core.common.moments import mail_date
from igny8_core.common.url_keys import url_key, web_address


def answer(body: bytes) -> Answer:
    return Answer(200, httpx.Headers(), body, "https://shop.example.com/")


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"a": NaN}', b'{"a": 1e400}', b"{", b"\xff\xfe\x00", b'{"a": "\x00"}'],
)
def test_what_cannot_be_stored_as_json_is_none(body: bytes) -> None:
    with pytest.raises(OutcomeUnknown):
        answer(body).json()

    assert parse(body)[0] is None


def test_texts_come_without_what_no_column_can_hold() -> None:
    body = rb'{"a\u0000": ["x\u0000y", "half \ud83d", "\ud83d\ude00 whole"], "n": 1.5}'

    found = answer(body).json()

    assert found == {"a": ["xy", "half ", "\U0001f600 whole"], "n": 1.5}


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("nan", 60.0),
        ("-5", 1.0),
        ("inf", 60.0),
        ("1e300", 3600.0),
        ("", 60.0),
        (None, 60.0),
        (7, 7.0),
    ],
)
def test_a_site_may_ask_for_an_hour_at_most(asked: object, seconds: float) -> None:
    assert bounded_wait(asked) == seconds
    assert SiteBusy("wait", retry_after_seconds=str(asked)).retry_after_seconds == seconds


def test_the_log_takes_any_detail() -> None:
    deep: object = "x"
    for _ in range(2_000):
        deep = {"a": deep}

    kept = cleaned({"reason": "a\x00b \ud800", "wait": float("nan"), "deep": deep})

    assert (kept["reason"], kept["wait"]) == ("ab ", "nan")
    assert "…" in str(kept["deep"])


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "//x", " http://x", ""]
)
def test_only_web_addresses_are_linked_to(address: str) -> None:
    assert web_address(address) == ""
    assert web_address("HTTPS://shop.example.com/a") == "HTTPS://shop.example.com/a"


def test_half_a_character_in_an_address_is_no_address() -> None:
    assert url_key("https://shop.example.com/\ud800") is None


def test_a_provider_that_names_another_century_is_asked_again_in_an_hour() -> None:
    limited = pai.ModelRateLimitError("m", message="slow\x00 \ud800down", retry_after=1e20)

    ours = as_provider_error(limited, provider="openai", model="m")

    assert isinstance(ours, RateLimited)
    assert ours.retry_after_seconds == 3_600.0


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "1869-12-31T00:00:00", "no date", ""]
)
def test_a_date_of_another_age_is_no_date(text: str) -> None:
    mail = "Fri, 31 Dec 9999 23:59:59 -1200"

    assert (site_time(text), w3c_date(text), mail_date(mail)) == (None, None, None)


def test_dates_are_read_with_their_zones() -> None:
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)

    assert site_time("2026-05-01T12:00:00") == noon
    assert w3c_date("2026-05-01T14:00:00+02:00") == noon
    assert mail_date("Fri, 01 May 2026 12:00:00 -0000") == noon
