"""Connections, AI providers, webhooks, notices and the first steps, without a browser."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lxml import html

from igny8_core.ai.models import ProviderSetting
from igny8_core.auth import selectors as accounts
from igny8_core.auth import services
from igny8_core.auth.states import Role
from igny8_core.business.automation.models import WebhookDelivery, WebhookEndpoint
from igny8_core.business.automation.services import notices, webhook_endpoints
from igny8_core.business.content.states import ContentStatus
from igny8_core.business.integration.errors import NotConnected
from igny8_core.business.integration.models import ExternalItem, SiteIntegration
from igny8_core.business.integration.services import check
from igny8_core.business.publishing.models import PublishingRecord
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import content as make_content
from tests.make import publishing as make_publishing
from tests.make.integration import SECRET, integration, sync_event
from tests.web.screens import HTMX, text_of

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

KEY = "sk-a-key-of-ours-and-of-nobody"


def client_of(sector: Sector, role: Role = Role.ADMIN) -> Client:
    client = Client()
    client.force_login(make.member(sector.account, role))
    return client


def address(row: SiteIntegration, name: str, *more: int) -> str:
    return reverse(name, args=[row.site_id, row.pk, *more])


def test_a_site_is_connected_in_three_steps_and_examined(sector: Sector) -> None:
    client, site_id = client_of(sector), sector.site_id
    url = reverse("integration_connect", args=[site_id, "wordpress"])
    given = {"base_url": "https://shop.example.com", "username": "mo"}

    platforms = text_of(client.get(reverse("integration_choose", args=[site_id])))
    refused = client.post(url, given)
    done = client.post(url, given | {"application_password": SECRET})
    again = client.post(url, given | {"application_password": SECRET})

    row = SiteIntegration.unscoped.get()
    assert "WordPress" in platforms
    assert (refused.status_code, "This field is required" in text_of(refused)) == (422, True)
    assert (done.status_code, done["Location"]) == (
        303, f"{address(row, 'integration_doctor')}?new=1",
    )  # fmt: skip
    assert row.check_requested_at is not None
    assert (again.status_code, "has such a connection" in text_of(again)) == (422, True)
    page = client.get(done["Location"])
    assert "A worker looks at the site" in text_of(page)
    assert SECRET not in page.content.decode()


def test_a_check_in_the_background_keeps_what_it_found(sector: Sector) -> None:
    row = integration(sector.site)
    client = client_of(sector)
    client.post(address(row, "integration_examine"))
    client.post(address(row, "integration_examine"))

    with tenant(sector.account_id):
        check._keep_failure.__wrapped__(  # type: ignore[attr-defined]  # without its own commit
            account=sector.account,
            integration_id=row.pk,
            error=NotConnected("The site is not connected."),
            now=timezone.now(),
        )
    page = text_of(client.get(address(row, "integration_doctor")))

    assert "1 thing in the way" in page
    assert "The site is not connected." in page


def test_a_check_that_was_lost_can_be_asked_for_again(sector: Sector) -> None:
    row = integration(sector.site)
    long_ago = timezone.now() - check.GIVEN_UP_AFTER
    SiteIntegration.unscoped.filter(pk=row.pk).update(check_requested_at=long_ago)

    page = text_of(client_of(sector).get(address(row, "integration_doctor")))

    assert "The last check did not end" in page


def test_the_log_is_narrowed_down_and_shows_no_secret(sector: Sector) -> None:
    row = integration(sector.site)
    sync_event(row, event_type="sync", action="read", details={"new": 3})
    sync_event(row, success=False, error="The site was busy.")
    client, url = client_of(sector, Role.VIEWER), address(row, "integration_log")

    every = client.get(url)
    failed = text_of(client.get(f"{url}?result=failed", headers=HTMX))
    found = text_of(client.get(f"{url}?q=busy", headers=HTMX))
    nothing = text_of(client.get(f"{url}?kind=webhook", headers=HTMX))

    assert ("2 exchanges" in text_of(every), SECRET in every.content.decode()) == (True, False)
    assert ("1 exchange" in failed, "The site was busy." in failed) == (True, True)
    assert "1 exchange" in found
    assert "No exchange matches" in nothing


def test_a_connection_is_paused_resumed_and_disconnected(sector: Sector) -> None:
    row = integration(sector.site)
    client = client_of(sector)

    paused = client.post(address(row, "integration_pause"), headers=HTMX)
    state = text_of(client.get(address(row, "integration"), headers=HTMX))
    client.post(address(row, "integration_pause"), {"resume": "1"}, headers=HTMX)
    asked = text_of(client.post(address(row, "integration_disconnect"), headers=HTMX))
    still = SiteIntegration.unscoped.get().credentials
    client.post(address(row, "integration_disconnect"), {"confirmed": "1"})

    assert (paused.status_code, "Paused" in state, "Resume" in state) == (204, True, True)
    assert "nothing there was changed or deleted" in asked
    assert (bool(still), SiteIntegration.unscoped.get().credentials) == (True, {})
    after = text_of(client.get(address(row, "integration")))
    assert "Connect it again" in after


def test_how_a_connection_behaves_and_signs_in_is_changed(sector: Sector) -> None:
    row = integration(sector.site)
    client = client_of(sector)
    behaves = {"conflict_policy": "skip", "auto_publish": "approved", "markup": "classic"}

    saved = client.post(address(row, "integration_save"), behaves | {"is_sync_enabled": "on"})
    short = client.post(
        address(row, "integration_credentials"), {"username": "mo", "application_password": "x"}
    )
    new = client.post(
        address(row, "integration_credentials"),
        {"username": "mo", "application_password": "zyxw VUTS rqpo NMLK jihg FEDC"},
    )
    secret = client.post(address(row, "integration_webhook_secret"), headers=HTMX)

    changed = SiteIntegration.unscoped.get()
    assert (saved.status_code, short.status_code, new.status_code) == (303, 422, 303)
    assert behaves.items() <= changed.config.items()
    assert (changed.is_sync_enabled, changed.credentials["shown"]["last4"]) == (True, "FEDC")
    assert "at least 16 characters" in text_of(short)
    assert ("whsec_" in text_of(secret), secret["Content-Encoding"]) == (True, "identity")
    assert "whsec_" not in text_of(client.get(address(row, "integration")))


def test_a_conflict_is_settled_for_either_side(sector: Sector) -> None:
    row = integration(sector.site)
    article = make_content.article(sector, title="Sofas explained")
    item = ExternalItem.unscoped.create(
        integration=row, content=article, external_id="7", state="conflict",
        metadata={"conflict": {"hash": "h", "title": "Sofas of ours"}},
    )  # fmt: skip
    client = client_of(sector, Role.EDITOR)
    settle = address(row, "integration_settle", item.pk)

    page = text_of(client.get(address(row, "integration_conflicts")))
    ours = client.post(settle, {"keep": "ours"}, headers=HTMX)
    theirs = client.post(settle, {"keep": "theirs"}, headers=HTMX)

    assert ("Sofas explained" in page, "Sofas of ours" in page) == (True, True)
    assert (ours.status_code, theirs.status_code) == (404, 204)  # nothing of ours had failed
    assert ExternalItem.unscoped.get().state == "linked"


def test_viewers_read_connections_and_change_nothing(sector: Sector) -> None:
    row = integration(sector.site)
    client = client_of(sector, Role.VIEWER)

    page = client.get(address(row, "integration"))

    assert (page.status_code, html.fromstring(page.content).xpath("//main//form")) == (200, [])
    assert client.post(address(row, "integration_pause")).status_code == 403
    assert client.get(reverse("integrations")).status_code == 200


def test_providers_are_set_up_ordered_tested_and_removed(sector: Sector) -> None:
    client = client_of(sector)

    refused = client.post(reverse("provider_new", args=["openai"]), {"model": "m"})
    for kind, more in (("openai", {"api_key": KEY}), ("local", {})):
        client.post(reverse("provider_new", args=[kind]), {"model": "m", "is_enabled": "on"} | more)
    first, second = ProviderSetting.unscoped.order_by("priority")
    client.post(reverse("provider_move", args=[second.pk]), {"to": "up"})
    page = client.get(reverse("providers"))
    form = client.get(reverse("provider", args=[first.pk]))
    kept = client.post(reverse("provider", args=[first.pk]), {"model": "n", "concurrency": "3"})
    tested = text_of(client.post(reverse("provider_test", args=[second.pk]), headers=HTMX))
    asked = client.post(reverse("provider_remove", args=[second.pk]), headers=HTMX)
    client.post(reverse("provider_remove", args=[second.pk]), {"confirmed": "1"})

    assert (refused.status_code, "Is missing." in text_of(refused)) == (422, True)
    assert KEY not in page.content.decode() + form.content.decode()
    assert text_of(page).index("Built-in demo model") < text_of(page).index("OpenAI Fallback")
    left = ProviderSetting.unscoped.get()
    assert (kept.status_code, left.model, left.concurrency, bool(left.sealed_key)) == (
        303, "n", 3, True,
    )  # fmt: skip
    assert "cannot be used yet" in tested
    assert "Remove Built-in demo model?" in text_of(asked)


def test_a_webhook_shows_its_secret_once_and_replays(sector: Sector) -> None:
    client = client_of(sector)
    given = {"url": "https://hooks.example.com/x", "event_types": ["run.completed"]}

    refused = client.post(reverse("webhooks"), {"url": "http://127.0.0.1/"})
    made = client.post(reverse("webhooks"), given)
    row = WebhookEndpoint.unscoped.get()
    url = reverse("webhook_endpoint", args=[row.pk])
    sent = client.post(reverse("webhook_test", args=[row.pk]), headers=HTMX)
    WebhookDelivery.unscoped.update(status="failed", error="answered 500", status_code=500)
    log = text_of(client.get(f"{url}?status=failed", headers=HTMX))
    shown = client.get(reverse("webhook_delivery", args=[WebhookDelivery.unscoped.get().pk]))
    again = client.post(reverse("webhook_replay", args=[row.pk]), {"failed": "1"}, headers=HTMX)
    rotated = client.post(reverse("webhook_rotate", args=[row.pk]), headers=HTMX)

    assert (refused.status_code, made.status_code, sent.status_code) == (422, 200, 204)
    assert "whsec_" in text_of(made)
    assert "whsec_" not in text_of(client.get(url))
    assert ("Given up" in log, "answered 500" in log) == (True, True)
    assert "webhook.test" in text_of(shown)
    assert (again.status_code, WebhookDelivery.unscoped.get().status) == (204, "pending")
    assert "whsec_" in text_of(rotated)


def test_a_webhook_that_was_switched_off_says_why(sector: Sector) -> None:
    row, _secret = webhook_endpoints.create_endpoint(
        account=sector.account, url="https://hooks.example.com/x"
    )
    WebhookEndpoint.unscoped.update(is_enabled=False, disabled_reason="failing")
    client = client_of(sector)

    page = text_of(client.get(reverse("webhook_endpoint", args=[row.pk])))
    client.post(reverse("webhook_switch", args=[row.pk]), {"is_enabled": "1"})

    assert "It failed for five days" in page
    assert WebhookEndpoint.unscoped.get().disabled_reason == ""


def test_notices_stand_until_their_cause_is_gone(sector: Sector) -> None:
    account = sector.account
    make_content.article(sector, status=ContentStatus.REVIEW)
    make_publishing.record(
        make_content.article(sector), status="failed", error="refused", error_code="refused"
    )
    refused = integration(sector.site)
    SiteIntegration.unscoped.filter(pk=refused.pk).update(sync_status="auth_failed")
    client, viewer = client_of(sector), client_of(sector, Role.VIEWER)

    page = client.get(reverse("notices"))
    bell = html.fromstring(page.content).xpath("//a[contains(@class, 'bell')]/@aria-label")
    client.post(reverse("notices_seen"))
    after = client.get(reverse("notices"))

    assert bell == ["Notices, 3 new"]
    assert "1 article waits for approval" in text_of(page)
    assert "1 article could not be published" in text_of(page)
    assert "WordPress refuses our sign-in" in text_of(page)
    assert ", new" not in text_of(after)
    assert "Notices, 3 new" in viewer.get(reverse("notices")).content.decode()
    later = timezone.now() + notices.FAILED_FOR + timedelta(days=1)
    with tenant(account.pk):
        codes = {one.code for one in notices.notices(account=account, now=later)}
    assert codes == {"reviews_wait", "sign_in_refused"}


def test_the_first_steps_lead_to_keywords_and_end(sector: Sector) -> None:
    client, site_id = client_of(sector), sector.site_id
    home = client.get("/")

    place = text_of(client.get(home["Location"]))
    client.post(reverse("setup_static", args=[site_id]), {"theme": "gazette"})
    keywords = text_of(client.get(reverse("setup", args=[site_id])))
    overview = text_of(client.get(reverse("overview", args=[site_id])))
    closed = client.post(reverse("setup_close", args=[site_id]))

    assert home["Location"] == reverse("setup", args=[site_id])
    assert ("A site that IGNY8 serves" in place, "Gazette" in place) == (True, True)
    assert "Drop a keyword file here" in keywords
    assert "Finish setting up" in overview
    assert closed["Location"] == reverse("overview", args=[site_id])
    assert client.get("/")["Location"] == reverse("overview", args=[site_id])
    with tenant(sector.account_id):
        site = accounts.site(account=sector.account, site_id=site_id)
    assert services.setup_of(site) == {"place": "static", "is_closed": True}
    assert site.settings["static_site"]["theme"] == "gazette"


def test_whoever_may_not_set_up_is_not_led(sector: Sector) -> None:
    client = client_of(sector, Role.EDITOR)

    assert client.get("/")["Location"] == reverse("overview", args=[sector.site_id])
    assert client.get(reverse("setup", args=[sector.site_id])).status_code == 403


@pytest.mark.parametrize("is_bulk", [False, True])
def test_what_is_approved_on_a_page_goes_where_the_connection_says(
    sector: Sector, *, is_bulk: bool
) -> None:
    row = integration(sector.site)
    config = row.config | {"auto_publish": "approved"}
    SiteIntegration.unscoped.filter(pk=row.pk).update(config=config)
    article = make_content.fit_article(sector, status=ContentStatus.REVIEW)
    place = [sector.site_id, sector.pk]
    client = client_of(sector, Role.EDITOR)

    if is_bulk:
        given = {"action": "approve", "ids": f"{article.pk}", "confirmed": "1"}
        client.post(reverse("content_bulk", args=place), given, headers=HTMX)
    else:
        client.post(reverse("content_approve", args=[*place, article.pk]), {"version": "1"})

    sent = PublishingRecord.unscoped.get()
    assert (sent.content_id, sent.integration_id, sent.status) == (article.pk, row.pk, "pending")
