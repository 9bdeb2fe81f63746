"""Secrets of connections are shown nowhere: logs, answers, events, records, pages for errors.

Sites here print every request that they refuse, as some do, and bugs strike where secrets are at
hand.
"""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from igny8_core.auth.models import IdempotentRequest
from igny8_core.auth.states import Role
from igny8_core.business.integration.models import ExternalItem, SiteIntegration, SyncEvent
from igny8_core.business.integration.services import check, connect
from igny8_core.business.publishing.models import PublishingRecord
from igny8_core.clients.destinations import AuthRefused
from igny8_core.clients.guarded_http import OutcomeUnknown
from igny8_core.settings.logs import json_lines
from tests import make as make_tenancy
from tests.api.asking import Api
from tests.fakes.loopback import QuietHandler, serving
from tests.fakes.shopify_shop import Shop, ShopWire
from tests.make import publishing as make
from tests.make.delivery import request, send
from tests.make.integration import CREDENTIALS, SECRET, integration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

REFRESH = "a-refresh-token/of-this-shop"
TOKEN = b64encode(f"editor:{SECRET}".encode()).decode()
SECRETS = [SECRET, SECRET.replace(" ", ""), TOKEN, REFRESH, SECRET.replace(" ", "+")]


class Lines(logging.Handler):
    """Every log line, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(json_lines())
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[list[str]]:
    handler, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.written
    root.removeHandler(handler)
    root.setLevel(level)


def told(account: Account) -> list[str]:
    """Everything that is kept of exchanges, and may be shown."""
    events = SyncEvent.objects.for_account(account)
    found = [json.dumps([row.details, row.error]) for row in events]
    rows = PublishingRecord.objects.for_account(account)
    found += [json.dumps([row.error, row.metadata]) for row in rows]
    items = ExternalItem.objects.for_account(account)
    found += [json.dumps(row.metadata) for row in items]
    found += [json.dumps(row.body) for row in IdempotentRequest.unscoped.all()]
    connections = SiteIntegration.objects.for_account(account)
    found += [
        json.dumps([row.capabilities, row.sync_error, row.config, row.credentials])
        for row in connections
    ]
    return found


def leaks(texts: list[str]) -> list[str]:
    return [text for text in texts for secret in SECRETS if secret in text]


def caller(account: Account) -> Api:
    """An administrator whose browser gets a page when something breaks, as in production."""
    client = Client(raise_request_exception=False)
    client.force_login(make_tenancy.member(account, Role.ADMIN))
    return Api(account, client)


@contextmanager
def printing_site(status: int) -> Iterator[str]:
    """A site that says it is a WordPress, and prints what it was sent into each refusal."""
    offered = {"application-passwords": {"endpoints": {"authorization": ""}}}
    root = json.dumps({"name": "x", "namespaces": ["wp/v2"], "authentication": offered})

    class Handler(QuietHandler):
        def answer(self) -> None:
            if self.path.endswith("/wp-json/"):
                self.reply(200, root.encode())
                return
            given = self.headers.get("Authorization", "")
            text = f"{given} {SECRET} {SECRET.replace(' ', '')}"
            refusal = {"code": text, "message": text, "data": {"text": text}}
            self.reply(status, json.dumps(refusal).encode())

    with serving(Handler) as url:
        yield url


@pytest.mark.parametrize("status", [400, 401, 403, 409, 500])
def test_a_site_that_prints_requests_gets_no_secret_into_our_rows(
    settings: Any, lines: list[str], status: int
) -> None:
    settings.SITE_PRIVATE_ADDRESSES = True
    sector, clock = make.sector(), make.Clock()
    with printing_site(status) as url:
        row = integration(sector.site, config={"base_url": url})
        record = request(row, make.article(sector), clock)
        with pytest.raises(Exception):  # noqa: B017, PT011 - each status has its own
            send(record, clock)
        api = caller(sector.account)
        answers = [api.post(f"integrations/{row.pk}/check/", {})]
    answers += [
        api.get(f"integrations/{row.pk}/"),
        api.get("sync-events/"),
        api.get("publishing-records/"),
    ]

    record.refresh_from_db()
    assert (answers[0].json()["is_ok"], record.error != "") == (False, True)
    shown = [answer.content.decode() for answer in answers]
    assert leaks(shown + told(sector.account) + lines) == []
    assert "[secret]" in "".join(told(sector.account)) or status in {401, 500}


def test_a_shop_that_prints_requests_gets_no_secret_into_our_rows(
    settings: Any, lines: list[str]
) -> None:
    settings.SITE_HTTP_CLIENT = "tests.fakes.shopify_shop.ShopWire"
    shop = ShopWire.shop = Shop(secret=SECRET, refresh_tokens=["another one"])
    shop._sign_in = lambda form: shop._answer(  # type: ignore[method-assign]
        {"error": f"{form['client_secret'][0]} {form['refresh_token'][0]}"}, 400
    )
    sector, clock = make.sector(), make.Clock()
    row = integration(
        sector.site,
        "shopify",
        credentials=CREDENTIALS["shopify"] | {"refresh_token": REFRESH},
    )
    record = request(row, make.article(sector), clock)

    with pytest.raises(AuthRefused):
        send(record, clock)
    answer = caller(sector.account).post(f"integrations/{row.pk}/check/", {})

    assert answer.json()["is_ok"] is False
    assert leaks([answer.content.decode(), *told(sector.account), *lines]) == []


def test_a_bug_where_secrets_are_at_hand_shows_none(
    monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    sector = make.sector()
    row, api = integration(sector.site), caller(sector.account)

    def broken(*_given: Any, **_more: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("igny8_core.clients.wordpress_site.check_wordpress", broken)
    monkeypatch.setattr(connect, "create_integration", broken)
    monkeypatch.setattr("igny8_core.api.v1.integration.integrations.create_integration", broken)
    body = {
        "site": sector.site_id,
        "platform": "shopify",
        "config": {"base_url": "https://shop.myshopify.com"},
        "credentials": CREDENTIALS["shopify"] | {"refresh_token": REFRESH},
    }
    answers = [
        api.post(f"integrations/{row.pk}/check/", {}),
        api.post("integrations/", body),
        api.patch(f"integrations/{row.pk}/", {"credentials": {"username": SECRET}}),
    ]

    assert [answer.status_code for answer in answers] == [500, 500, 422]
    assert [a["Content-Type"] for a in answers] == ["application/problem+json"] * 3
    shown = [answer.content.decode() for answer in answers]
    assert leaks(shown + told(sector.account) + lines) == []
    assert [line for line in lines if "ZeroDivisionError" in line] != []


def test_the_way_back_from_a_wordpress_puts_no_password_into_pages_and_logs(
    monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    """WordPress sends the password in the address: a 404 and a 500 must not carry it on."""
    account = make.sector().account
    client = caller(account).client
    back = f"/connect/wordpress/{account.pk}/state/?user_login=editor&password={SECRET}"
    back = back.replace(" ", "+")

    unknown = client.get(back)
    monkeypatch.setattr(connect, "_use", lambda *_given: 1 / 0)
    broken = client.get(back)

    assert (unknown.status_code, broken.status_code) == (404, 500)
    assert leaks([unknown.content.decode(), broken.content.decode(), *lines]) == []
    named = [found for line in lines if "request" in (found := json.loads(line))]
    assert [(line["level"], line["request"]) for line in named] == [
        ("warning", f"GET /connect/wordpress/{account.pk}/state/"),
        ("error", f"GET /connect/wordpress/{account.pk}/state/"),
    ]


def test_a_lost_answer_is_told_without_the_request(lines: list[str]) -> None:
    sector, clock = make.sector(), make.Clock()
    row = integration(sector.site)

    def lost(*_given: Any, **_more: Any) -> Any:
        raise OutcomeUnknown("cut", url=f"https://x.test/?token={SECRET}", password=SECRET)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("igny8_core.clients.wordpress_site.check_wordpress", lost)
        with pytest.raises(OutcomeUnknown):
            check.check_integration(account=sector.account, integration_id=row.pk, clock=clock)

    assert leaks(told(sector.account) + lines) == []
