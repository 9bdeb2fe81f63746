"""The companion's signed messages, from a real WordPress into the inbox; and forged ones."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.utils import timezone

from igny8_core.business.content.models import Content
from igny8_core.business.integration.models import InboundWebhook, SyncEvent
from igny8_core.business.integration.services.inbound import process_webhook
from igny8_core.business.integration.services.webhook_secrets import set_up_webhook
from igny8_core.common.signed_messages import new_secret, signed_headers, verified_id
from tests.fakes.loopback import QuietHandler, serving
from tests.make import publishing as make
from tests.make.tenancy import unique
from tests.make.wordpress import connected_site
from tests.wordpress.test_publish import publish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from django.test import Client

    from tests.wordpress.server import RealWordPress

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

Message = tuple[dict[str, str], bytes]


@pytest.fixture
def bridged(wordpress: RealWordPress) -> Iterator[RealWordPress]:
    wordpress.use_plugin(is_active=True)
    yield wordpress
    wordpress.php("delete_option('igny8_bridge_url'); return true;")
    wordpress.use_plugin(is_active=False)


@contextmanager
def receiver() -> Iterator[tuple[str, list[Message]]]:
    """A server on loopback that keeps what it is sent."""
    seen: list[Message] = []

    class Handler(QuietHandler):
        def answer(self) -> None:
            seen.append(({k.lower(): v for k, v in self.headers.items()}, self.body()))
            self.reply(200)

    with serving(Handler) as url:
        yield f"{url}/hook", seen


def send(wordpress: RealWordPress) -> None:
    wordpress.php("igny8_bridge_send(); return true;")


def test_one_publication_is_one_signed_event(bridged: RealWordPress) -> None:
    integration, sector, clock = connected_site(bridged)
    secret = new_secret()
    content = make.article(sector)
    with receiver() as (url, seen):
        bridged.php(f"return igny8_bridge_set_webhook('{url}', '{secret}');")
        publish(integration, content, clock)
        send(bridged)
        send(bridged)

    ((headers, body),) = seen
    assert verified_id([secret], headers, body, now=timezone.now()) == headers["webhook-id"]
    message = json.loads(body)
    content.refresh_from_db()
    assert message["type"] == "post.updated"
    assert message["data"]["id"] == int(content.external_id)
    assert (message["data"]["status"], message["data"]["origin"]) == ("publish", "platform")
    assert content.html not in body.decode()


def test_events_wait_while_the_platform_is_away(bridged: RealWordPress) -> None:
    secret = new_secret()
    with receiver() as (url, seen):
        bridged.php(f"return igny8_bridge_set_webhook('{url}', '{secret}');")
    bridged.php("return wp_insert_post(['post_title' => 'Kept', 'post_status' => 'publish']);")
    send(bridged)
    count = 'return (int) $wpdb->get_var("SELECT COUNT(*) FROM $wpdb->options'
    count += " WHERE option_name LIKE 'igny8_bridge_event_%'\");"
    assert (seen, bridged.php(count)) == ([], 1)

    with receiver() as (url, seen):
        bridged.php(
            f"igny8_bridge_set_webhook('{url}', '{secret}');"
            ' foreach ($wpdb->get_col("SELECT option_name FROM $wpdb->options'
            " WHERE option_name LIKE 'igny8_bridge_event_%'\") as $n)"
            " { $e = get_option($n); $e['due'] = 0; update_option($n, $e); } return true;"
        )
        send(bridged)

    assert (len(seen), bridged.php(count)) == (1, 0)


def test_an_administrators_connection_hands_the_secret_over(bridged: RealWordPress) -> None:
    integration, _, clock = connected_site(bridged, "admin")
    made = set_up_webhook(account=integration.account, integration_id=integration.pk, clock=clock)

    assert made["is_set_up"] is True
    assert bridged.php("return get_option('igny8_bridge_url');") == made["url"]
    autoload = "SELECT autoload FROM $wpdb->options WHERE option_name = 'igny8_bridge_secret'"
    assert bridged.php(f'return $wpdb->get_var("{autoload}");') == "no"

    editor, _, clock = connected_site(bridged, "editor")
    made = set_up_webhook(account=editor.account, integration_id=editor.pk, clock=clock)
    assert made["is_set_up"] is False


def hooked(wordpress: RealWordPress, now: datetime) -> tuple[Any, str, str]:
    integration, _, _ = connected_site(wordpress)
    made = set_up_webhook(
        account=integration.account, integration_id=integration.pk, clock=lambda: now
    )
    return integration, made["secret"], f"/api/v1/hooks/{integration.hook_id}/"


def post(client: Client, url: str, body: bytes, headers: dict[str, str]) -> Any:
    return client.post(url, body, content_type="application/json", headers=headers)


def message(post_id: int, kind: str = "post.updated") -> bytes:
    data = {"id": post_id, "post_type": "post", "status": "publish", "origin": "site"}
    return json.dumps({"type": kind, "timestamp": "2026-11-28T00:00:00Z", "data": data}).encode()


def test_a_message_brings_the_change_over_once(client: Client, wordpress: RealWordPress) -> None:
    now, title = timezone.now(), unique("Told at once")
    integration, secret, url = hooked(wordpress, now)
    post_id = wordpress.php(
        f"return wp_insert_post(['post_title' => '{title}', 'post_status' => 'publish',"
        " 'post_content' => 'Text']);"
    )
    body = message(post_id)
    headers = signed_headers([secret], "evt_1", body, now=now)

    assert post(client, url, body, headers).json() == {"is_new": True}
    (kept,) = InboundWebhook.objects.for_account(integration.account)
    process_webhook(account=integration.account, webhook_id=kept.pk, clock=lambda: now)

    assert Content.objects.for_account(integration.account).get().title == title
    kept.refresh_from_db()
    assert (kept.status, kept.event_type) == ("processed", "post.updated")
    event = SyncEvent.objects.for_account(integration.account).latest("pk")
    assert (event.event_type, event.action, event.success) == ("webhook", "receive", True)

    assert post(client, url, body, headers).json() == {"is_new": False}
    assert InboundWebhook.objects.for_account(integration.account).count() == 1


def test_forged_old_and_unknown_messages_get_the_same_answer(
    client: Client, wordpress: RealWordPress
) -> None:
    now = timezone.now()
    integration, secret, url = hooked(wordpress, now)
    body = message(1)
    good = signed_headers([secret], "evt_1", body, now=now)
    old = signed_headers([secret], "evt_1", body, now=now - timedelta(minutes=6))
    answers = [
        post(client, url, body + b" ", good),
        post(client, url, body, good | {"webhook-id": "evt_2"}),
        post(client, url, body, signed_headers([new_secret()], "evt_1", body, now=now)),
        post(client, url, body, old),
        post(client, url, body, {}),
        post(client, f"/api/v1/hooks/{uuid4()}/", body, good),
        post(client, url, b"x" * 300_000, good),
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert not InboundWebhook.objects.for_account(integration.account).exists()


def test_the_old_secret_is_good_for_a_day(client: Client, wordpress: RealWordPress) -> None:
    now = timezone.now()
    integration, old, url = hooked(wordpress, now)
    set_up_webhook(account=integration.account, integration_id=integration.pk, clock=lambda: now)
    body = message(1)

    answer = post(client, url, body, signed_headers([old], "evt_1", body, now=now))

    assert answer.status_code == 200
