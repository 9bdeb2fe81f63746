"""Connecting: the way out to a WordPress and back, checks, secrets, messages."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.utils import timezone

from igny8_core.auth.states import Role
from igny8_core.business.content.models import Content
from igny8_core.business.integration import tasks
from igny8_core.business.integration.errors import NotConnected
from igny8_core.business.integration.models import (
    ConnectRequest,
    InboundWebhook,
    SiteIntegration,
    SyncEvent,
)
from igny8_core.business.integration.services import inbound, integrations, webhook_secrets
from igny8_core.business.integration.services.adapters import connected
from igny8_core.business.integration.services.check import check_integration
from igny8_core.business.integration.services.connect import (
    finish_connecting,
    give_up_connecting,
    start_connecting,
)
from igny8_core.business.integration.services.credentials import open_credentials
from igny8_core.business.integration.services.events import cleaned, without_secrets
from igny8_core.business.integration.services.sync import sync_integration
from igny8_core.clients.destinations import Finding, Report
from igny8_core.clients.guarded_http import OutcomeUnknown
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.signed_messages import SignatureWrong, new_secret, signed_headers
from igny8_core.common.vault import VaultError
from tests import make
from tests.fakes.loopback import QuietHandler, serving
from tests.make import memory
from tests.make import publishing as make_publishing
from tests.make.integration import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

pytestmark = [
    pytest.mark.django_db(databases=["default", "admin"]),
    pytest.mark.usefixtures("in_memory"),
]


@contextmanager
def wordpress_root(offered: Any) -> Iterator[str]:
    """A server whose ``/wp-json/`` says what a WordPress says of itself."""

    class Handler(QuietHandler):
        def answer(self) -> None:
            page = f"http://{self.headers['Host']}/wp-admin/authorize-application.php"
            endpoints = {"application-passwords": {"endpoints": {"authorization": page}}}
            found = endpoints if offered is None else offered
            self.reply(200, json.dumps({"namespaces": ["wp/v2"], "authentication": found}).encode())

    with serving(Handler) as url:
        yield url


def way_out(settings: Any, person: Any, sector: Any, offered: Any = None) -> dict[str, list[str]]:
    settings.SITE_PRIVATE_ADDRESSES = True
    with wordpress_root(offered) as url:
        page = start_connecting(
            account=sector.account,
            site_id=sector.site_id,
            base_url=url,
            user_id=person.pk,
            clock=timezone.now,
        )
    assert page.startswith(f"{url}/wp-admin/authorize-application.php?")
    return parse_qs(urlsplit(page).query)


def test_a_person_connects_a_site_by_saying_yes_there(client: Client, settings: Any) -> None:
    sector = make_publishing.sector()
    person = make.member(sector.account, Role.ADMIN)
    client.force_login(person)
    query = way_out(settings, person, sector)
    back = urlsplit(query["success_url"][0]).path
    assert (query["app_name"], len(query["app_id"][0])) == (["IGNY8"], 36)
    given = {"site_url": "x", "user_login": "editor", "password": "abcdEFGHijklMNOPqrstUVWX"}

    answer = client.get(back, given)

    doctor = (
        f"/settings/sites/{sector.site_id}/integrations/{SiteIntegration.unscoped.get().pk}/doctor/"
    )
    assert (answer.status_code, answer["Location"]) == (303, doctor)
    assert answer["Referrer-Policy"] == "no-referrer"
    row = SiteIntegration.objects.for_account(sector.account).get()
    assert open_credentials(row) == {
        "username": "editor",
        "application_password": "abcdEFGHijklMNOPqrstUVWX",
    }
    assert client.get(back, given).status_code == 404
    assert SiteIntegration.objects.for_account(sector.account).count() == 1


def test_a_second_yes_renews_the_credentials(settings: Any) -> None:
    sector, now = make_publishing.sector(), timezone.now()
    person = make.member(sector.account, Role.ADMIN)
    for password in ("first password of many", "second password of many"):
        query = way_out(settings, person, sector)
        state = query["success_url"][0].rstrip("/").rpartition("/")[2]
        row = finish_connecting(
            account=sector.account,
            state=state,
            user_id=person.pk,
            username="editor",
            application_password=password,
            now=now,
        )

    assert open_credentials(row)["application_password"] == "second password of many"


def test_the_way_back_is_of_one_person_and_of_half_an_hour(settings: Any) -> None:
    sector, now = make_publishing.sector(), timezone.now()
    person = make.member(sector.account, Role.ADMIN)
    query = way_out(settings, person, sector)
    state = query["success_url"][0].rstrip("/").rpartition("/")[2]
    way = {"account": sector.account, "state": state, "user_id": person.pk}

    for wrong in ({"user_id": 0}, {"state": "another"}, {"now": now + timedelta(minutes=31)}):
        with pytest.raises(NotFound):
            give_up_connecting(**{"now": now, **way, **wrong})
    give_up_connecting(**way, now=now)
    with pytest.raises(NotFound):
        give_up_connecting(**way, now=now)


def test_saying_no_there_connects_nothing(client: Client, settings: Any) -> None:
    sector = make_publishing.sector()
    person = make.member(sector.account, Role.ADMIN)
    client.force_login(person)
    query = way_out(settings, person, sector)
    no = urlsplit(query["reject_url"][0])

    assert client.get(f"{no.path}?{no.query}").status_code == 303

    assert not SiteIntegration.objects.for_account(sector.account).exists()
    assert ConnectRequest.objects.for_account(sector.account).get().used_at is not None


def test_a_stranger_and_a_visitor_go_nowhere(client: Client) -> None:
    sector = make_publishing.sector()
    back = f"/connect/wordpress/{sector.account_id}/state/?password={SECRET}"

    answer = client.get(back)
    assert (answer.status_code, SECRET in answer["Location"]) == (302, False)
    client.force_login(make.member(sector.account, Role.EDITOR))
    assert client.get(back).status_code == 404


@pytest.mark.parametrize(
    "offered",
    [[], {"application-passwords": {"endpoints": {"authorization": "https://evil.example/"}}}],
)
def test_only_a_page_of_the_site_itself_is_gone_to(settings: Any, offered: Any) -> None:
    sector = make_publishing.sector()

    with pytest.raises(InvalidInput):
        way_out(settings, make.member(sector.account, Role.ADMIN), sector, offered)


def test_a_private_address_is_not_asked(settings: Any) -> None:
    settings.SITE_PRIVATE_ADDRESSES = False
    sector = make_publishing.sector()

    with pytest.raises(InvalidInput):
        start_connecting(
            account=sector.account,
            site_id=sector.site_id,
            base_url="http://127.0.0.1:1",
            user_id=1,
            clock=timezone.now,
        )


# --- checks


def test_a_check_keeps_what_the_site_can_do() -> None:
    integration, sector, clock, store = memory.memory_site()
    store.report = Report(
        (Finding("signed_in", is_ok=True, text="In."),), {"companion": "1.0.0", "seo": "yoast"}
    )

    report = check_integration(account=sector.account, integration_id=integration.pk, clock=clock)

    integration.refresh_from_db()
    assert report.is_ok
    assert integration.capabilities["companion"] == "1.0.0"
    assert integration.checked_at == clock()


def test_a_sign_in_that_fails_stops_the_site_and_one_that_works_frees_it() -> None:
    integration, sector, clock, store = memory.memory_site()
    bad, good = store.report, store.report
    bad = Report((Finding("wrong_password", is_ok=False, text="Wrong.", fix="Make one."),))
    for report, status in ((bad, "auth_failed"), (good, "idle")):
        store.report = report
        check_integration(account=sector.account, integration_id=integration.pk, clock=clock)
        integration.refresh_from_db()
        assert integration.sync_status == status
    events = SyncEvent.objects.for_account(sector.account).order_by("pk")
    assert [(e.success, e.details["findings"]) for e in events] == [
        (False, ["wrong_password"]),
        (True, ["signed_in"]),
    ]


def test_without_credentials_or_client_there_is_no_adapter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    integration, sector, _, _ = memory.memory_site()
    monkeypatch.setattr("igny8_core.business.integration.services.adapters.ADAPTERS", {})
    with pytest.raises(NotConnected), connected(integration):
        pass
    integrations.disconnect_integration(account=sector.account, integration_id=integration.pk)
    integration.refresh_from_db()
    with pytest.raises(NotConnected), connected(integration):
        pass


# --- messages


def hooked() -> tuple[SiteIntegration, Any, Any, str]:
    integration, _, clock, store = memory.memory_site()
    made = webhook_secrets.set_up_webhook(
        account=integration.account, integration_id=integration.pk, clock=clock
    )
    integration.refresh_from_db()
    assert made["url"].endswith(f"/api/v1/hooks/{integration.hook_id}/")
    return integration, clock, store, made["secret"]


def told(kind: str = "post.updated", **data: Any) -> bytes:
    given = {"id": 1, "post_type": "post", "status": "publish", "password": SECRET, **data}
    return json.dumps({"type": kind, "data": given}).encode()


def receive(
    integration: SiteIntegration, secret: str, body: bytes, clock: Any, name: str = "evt_1"
) -> bool:
    return inbound.receive_webhook(
        hook_id=integration.hook_id,
        headers=signed_headers([secret], name, body, now=clock()),
        body=body,
        now=clock(),
    )


def test_a_message_is_kept_once_and_done_once() -> None:
    integration, clock, store, secret = hooked()
    store.add("Told")
    body = told()

    assert receive(integration, secret, body, clock) is True
    (kept,) = InboundWebhook.objects.for_account(integration.account)
    for _ in range(2):
        tasks.process_webhook.run(account_id=integration.account_id, webhook_id=kept.pk)
    assert receive(integration, secret, body, clock) is False

    kept.refresh_from_db()
    assert (kept.status, kept.attempts) == ("processed", 1)
    assert SECRET not in json.dumps(kept.payload)
    assert Content.objects.for_account(integration.account).get().title == "Told"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (told("term.edited", taxonomy="category"), "ignored"),
        (told(post_type="attachment"), "ignored"),
        (told(id="1 OR 1"), "ignored"),
    ],
)
def test_what_needs_no_look_is_ignored(body: bytes, status: str) -> None:
    integration, clock, _, secret = hooked()
    receive(integration, secret, body, clock)
    (kept,) = InboundWebhook.objects.for_account(integration.account)

    done = inbound.process_webhook(account=integration.account, webhook_id=kept.pk, clock=clock)

    assert done.status == status


def test_a_site_that_does_not_answer_is_asked_five_times() -> None:
    integration, clock, store, secret = hooked()
    receive(integration, secret, told(), clock)
    store.fail = lambda _name: OutcomeUnknown("cut")
    (kept,) = InboundWebhook.objects.for_account(integration.account)

    for _ in range(5):
        with pytest.raises(OutcomeUnknown):
            inbound.process_webhook(account=integration.account, webhook_id=kept.pk, clock=clock)

    kept.refresh_from_db()
    assert (kept.status, kept.attempts, kept.error) == ("failed", 5, "cut")
    with pytest.raises(NotFound):
        inbound.process_webhook(account=integration.account, webhook_id=10**9, clock=clock)


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"type": "x"}', b'{"type":"x","data":[]}'])
def test_a_signed_message_that_is_none_is_refused(body: bytes) -> None:
    integration, clock, _, secret = hooked()

    with pytest.raises(InvalidInput):
        receive(integration, secret, body, clock)


def test_secrets_change_with_a_day_of_overlap() -> None:
    integration, clock, _, first = hooked()
    webhook_secrets.renew_webhook_secret(
        account=integration.account, integration_id=integration.pk, now=clock()
    )

    assert receive(integration, first, told(), clock) is True
    clock.wait(days=1, minutes=1)
    with pytest.raises(SignatureWrong):
        receive(integration, first, told(), clock, "evt_2")
    with pytest.raises(SignatureWrong):
        receive(integration, new_secret(), told(), clock, "evt_2")


def test_a_disconnected_site_is_not_listened_to() -> None:
    integration, clock, _, secret = hooked()
    integrations.disconnect_integration(account=integration.account, integration_id=integration.pk)

    with pytest.raises(SignatureWrong):
        receive(integration, secret, told(), clock)


def test_messages_that_wait_get_hints_and_old_ones_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    integration, clock, _, secret = hooked()
    receive(integration, secret, told(), clock)
    receive(integration, secret, told("term.edited"), clock, "evt_2")
    first, second = InboundWebhook.objects.for_account(integration.account).order_by("pk")
    inbound.process_webhook(account=integration.account, webhook_id=second.pk, clock=clock)
    sent: list[int] = []

    def take(_task: str, *, webhook_id: int, **_other: Any) -> bool:
        sent.append(webhook_id)
        return True

    monkeypatch.setattr("igny8_core.business.integration.services.inbound.publish", take)
    assert inbound.send_due_webhooks(now=timezone.now()) == 0
    assert inbound.send_due_webhooks(now=timezone.now() + timedelta(days=8)) == 1

    assert sent == [first.pk]
    rows = InboundWebhook.objects.for_account(integration.account)
    assert list(rows.values_list("pk", flat=True)) == [first.pk]


# --- secrets


def test_secrets_that_were_moved_to_another_tenant_do_not_open() -> None:
    integration, clock, _, _ = hooked()
    other, _, _, _ = hooked()
    other.credentials, other.webhook_secrets = integration.credentials, integration.webhook_secrets

    with pytest.raises(VaultError):
        open_credentials(other)
    with pytest.raises(VaultError):
        webhook_secrets.open_webhook_secrets(other, now=clock())


def test_no_secret_is_in_logs_answers_events_or_pages(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    integration, clock, store, secret = hooked()
    account = integration.account
    client.force_login(make.member(account, Role.OWNER))
    store.fail = lambda _name: OutcomeUnknown(f"Basic {SECRET}", password=SECRET, token=secret)
    with pytest.raises(OutcomeUnknown):
        sync_integration(account=account, integration_id=integration.pk, clock=clock)
    base = f"/api/v1/accounts/{account.pk}"
    texts = [
        client.get(f"{base}/{path}").content.decode()
        for path in ("integrations/", f"integrations/{integration.pk}/", "sync-events/")
    ]
    texts.append(
        client.post(f"/api/v1/hooks/{uuid4()}/", b"{}", "application/json").content.decode()
    )
    client.force_login(make.user(is_staff=True, is_superuser=True))
    admin = "/ops/admin/integration"
    texts += [
        client.get(f"{admin}/{name}/").content.decode() for name in ("siteintegration", "syncevent")
    ]
    texts += [json.dumps(e.details) + e.error for e in SyncEvent.objects.for_account(account)]
    texts += [record.getMessage() + str(record.__dict__) for record in caplog.records]

    shown = "\n".join(texts)
    assert "sync-events" in shown
    for word in (SECRET, SECRET.replace(" ", ""), secret):
        assert word not in shown


def test_events_leave_out_what_looks_like_a_secret() -> None:
    given = {"password": "x", "note": "Basic YWRtaW46c2VjcmV0", "list": [{"api_key": "k"}, 1]}

    assert cleaned(given) == {"note": "[secret]", "list": [{}, 1]}
    assert without_secrets("whsec_abc shpat_abc Bearer abcdefgh") == "[secret] [secret] [secret]"


def test_what_stays_is_said() -> None:
    assert integrations.what_stays(0).startswith("No article of ours is live")
    assert integrations.what_stays(1).startswith("1 article stays live")
    assert integrations.what_stays(1_200).startswith("1,200 articles stay live")
