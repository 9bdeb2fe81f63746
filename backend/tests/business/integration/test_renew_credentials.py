"""Tokens that end: renewed by one worker at a time, and the old ones kept until new ones are."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.db import connection as db_connection
from django.db.models.functions import Now

from igny8_core.business.integration.errors import NotConnected
from igny8_core.business.integration.models import SiteIntegration, SyncEvent
from igny8_core.business.integration.services.adapters import connected
from igny8_core.business.integration.services.check import check_integration
from igny8_core.business.integration.services.credentials import (
    open_credentials,
    shown_credentials,
)
from igny8_core.business.integration.services.integrations import (
    change_integration,
    disconnect_integration,
)
from igny8_core.business.integration.services.renew_credentials import renew_credentials
from igny8_core.clients.destinations import AuthRefused, SiteBusy
from igny8_core.clients.guarded_http import OutcomeUnknown
from tests.fakes.shopify_shop import Shop, ShopWire
from tests.make import publishing as make
from tests.make.delivery import publish
from tests.make.integration import SECRET, integration

if TYPE_CHECKING:
    from igny8_core.clients.destinations import Report

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

REFRESH = "shprt_first_of_this_shop"
GIVEN = {"client_id": "app-1", "client_secret": SECRET, "refresh_token": REFRESH}


@pytest.fixture
def shop(settings: Any) -> Shop:
    settings.SITE_HTTP_CLIENT = "tests.fakes.shopify_shop.ShopWire"
    ShopWire.shop = Shop(secret=SECRET, refresh_tokens=[REFRESH])
    return ShopWire.shop


def connection(**credentials: str) -> SiteIntegration:
    return integration(make.sector().site, "shopify", credentials=GIVEN | credentials)


def same(row: SiteIntegration) -> SiteIntegration:
    """The row as another worker reads it."""
    found: SiteIntegration = SiteIntegration.objects.for_account(row.account).get(pk=row.pk)
    return found


def examine(row: SiteIntegration) -> Report:
    return check_integration(
        account=row.account, integration_id=row.pk, is_writing=False, clock=make.Clock()
    )


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings]


def test_a_refresh_token_signs_in_is_changed_and_is_never_shown(shop: Shop) -> None:
    sector = make.sector()
    row = integration(sector.site, "shopify", credentials=GIVEN)
    content = make.article(sector)

    publish(row, content, make.Clock())

    assert [a["title"] for a in shop.articles.values()] == [content.title]
    kept = open_credentials(same(row))
    assert kept["refresh_token"] == shop.refresh_tokens[-1] != REFRESH
    assert float(kept["refresh_expires_at"]) > float(kept["expires_at"])
    assert shop.refreshes == 1
    assert shown_credentials(same(row)) == {
        "client_id": "app-1", "refresh_token_set": True, "last4": "UVWX", "secret_set": True,
    }  # fmt: skip
    events = SyncEvent.objects.for_account(row.account).order_by("pk")
    assert [(e.event_type, e.action) for e in events] == [
        ("connect", "update"), ("publish", "create"),
    ]  # fmt: skip
    shown = json.dumps([[e.details, e.error] for e in events] + [same(row).credentials])
    assert [s for s in (*kept.values(), REFRESH) if len(s) > 10 and s in shown] == []


def test_an_answer_that_is_lost_leaves_the_token_that_the_shop_still_takes(shop: Shop) -> None:
    shop.is_fragile, shop.faults = True, {"SignIn": ["lost"]}
    row = connection()

    with pytest.raises(OutcomeUnknown), connected(row) as site:
        site.read("gid://shopify/Article/1", uuid4(), "post")

    assert open_credentials(same(row)) == GIVEN
    assert same(row).renewal_expires_at is None
    assert codes(examine(row))[0] == "signed_in"
    assert open_credentials(same(row))["refresh_token"] == "shprt_of_the_shop_0002"


def test_what_another_worker_has_kept_is_taken_and_nobody_is_asked(shop: Shop) -> None:
    row = connection()
    late = same(row)
    examine(row)
    asked = shop.refreshes

    with connected(late) as site:
        site.reserve(uuid4(), "post")

    assert (shop.refreshes, len(shop.articles)) == (asked, 1)
    assert open_credentials(late) == open_credentials(same(row))


def test_one_worker_renews_and_the_others_come_again(shop: Shop) -> None:
    row = connection()
    rows = SiteIntegration.objects.for_account(row.account).filter(pk=row.pk)
    rows.update(renewal_expires_at=Now() + timedelta(seconds=30))

    with pytest.raises(SiteBusy) as busy:
        renew_credentials(row, lambda _known: pytest.fail("nobody else asks"))
    assert busy.value.retry_after_seconds == 5.0
    rows.update(renewal_expires_at=Now() - timedelta(seconds=1))  # that worker has died

    assert renew_credentials(row, lambda known: {**known, "access_token": "t"})["access_token"]
    assert same(row).renewal_expires_at is None
    assert shop.refreshes == 0


def test_what_a_person_entered_meanwhile_stays(shop: Shop) -> None:
    row = connection()
    entered = GIVEN | {"refresh_token": "shprt_entered_by_a_person"}

    def fetch(known: Any) -> Any:
        change_integration(
            account=row.account, integration_id=row.pk, credentials=entered, now=make.Clock()()
        )
        return {**known, "access_token": "of the old ones"}

    with pytest.raises(SiteBusy):
        renew_credentials(row, fetch)

    assert open_credentials(same(row)) == entered
    away = same(row)
    disconnect_integration(account=row.account, integration_id=row.pk)
    with pytest.raises(NotConnected):
        renew_credentials(away, fetch)
    assert shop.refreshes == 0


@pytest.mark.parametrize(
    ("change", "diagnosis"),
    [
        ({"refresh_tokens": ["shprt_another_one_is_in_use"]}, "refresh_token_refused"),
        ({"secret": "a secret that was changed"}, "client_refused"),
    ],
)
def test_a_refused_sign_in_has_its_own_diagnosis_and_stops_the_queue(
    shop: Shop, change: dict[str, Any], diagnosis: str
) -> None:
    row = connection()
    for name, value in change.items():
        setattr(shop, name, value)

    (finding,) = examine(row).findings

    assert (finding.code, finding.is_ok, bool(finding.fix)) == (diagnosis, False, True)
    assert same(row).sync_status == "auth_failed"
    assert open_credentials(same(row)) == GIVEN
    shop.secret, shop.refresh_tokens = SECRET, [REFRESH]
    assert codes(examine(row))[0] == "signed_in"
    assert same(row).sync_status == "idle"


def test_an_application_of_another_organisation_needs_a_refresh_token(shop: Shop) -> None:
    row = integration(
        make.sector().site,
        "shopify",
        credentials={"client_id": "app-1", "client_secret": SECRET, "refresh_token": " "},
    )

    (finding,) = examine(row).findings

    assert shown_credentials(row)["refresh_token_set"] is False
    assert finding.code == "not_installed"
    assert "refresh token" in finding.fix


def test_a_refresh_token_that_ends_soon_is_noted(shop: Shop) -> None:
    row = connection(refresh_token=REFRESH)
    examine(row)
    renewed = renew_credentials(
        same(row), lambda known: {**known, "refresh_expires_at": "1"}
    )  # long past

    report = examine(row)

    assert renewed["refresh_expires_at"] == "1"
    assert codes(report)[:2] == ["signed_in", "refresh_token_ends"]
    assert report.is_ok


def test_a_token_that_the_shop_takes_back_is_told_from_a_refused_sign_in(shop: Shop) -> None:
    row = connection()
    with connected(row) as site:
        site.reserve(uuid4(), "post")
    give = shop._sign_in  # the shop gives tokens, and takes none of them

    def give_and_take(form: Any) -> Any:
        answer = give(form)
        shop.token = "none"
        return answer

    shop._sign_in, shop.token = give_and_take, "none"  # type: ignore[method-assign]

    (finding,) = examine(row).findings

    assert finding.code == "token_refused"
    with pytest.raises(AuthRefused), connected(same(row)) as site:
        site.reserve(uuid4(), "post")


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_of_two_workers_at_once_one_asks_and_both_go_on() -> None:
    row = connection()
    other, third = same(row), same(row)
    asked: list[str] = []
    refused: list[float] = []

    def fetch(known: Any) -> Any:
        asked.append("shop")
        second = threading.Thread(target=come_second)
        second.start()
        second.join(10)
        return {**known, "access_token": "fresh"}

    def come_second() -> None:
        try:
            renew_credentials(other, fetch)
        except SiteBusy as busy:
            refused.append(busy.retry_after_seconds)
        finally:
            db_connection.close()

    renew_credentials(row, fetch)

    assert (asked, refused) == (["shop"], [5.0])
    assert renew_credentials(third, fetch)["access_token"] == "fresh"
    assert asked == ["shop"]
