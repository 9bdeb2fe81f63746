"""Events to addresses outside: signed, repeated, fenced, replayed; against a real server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from igny8_core.auth import services
from igny8_core.business.automation.models import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from igny8_core.business.automation.services import (
    runs,
    schedules,
    sweeping,
    webhook_endpoints,
    webhooks,
)
from igny8_core.business.automation.services.telling import CODES, EVENT_TYPES
from igny8_core.business.automation.services.webhooks import RETRY_SECONDS
from igny8_core.business.automation.states import DELIVERY, DeliveryStatus
from igny8_core.clients import webhooks as client
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.common.vault import vault
from tests import make
from tests.fakes.loopback import QuietHandler, serving
from tests.make import automation as make_automation
from tests.make.automation import NOW, claimed, overdue, work_items

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.auth.models import Account
    from tests.business.automation.conftest import Broker

pytestmark = pytest.mark.django_db


@dataclass
class Listener:
    """A program of somebody else's; answers as it is told."""

    answers: list[int] = field(default_factory=list)
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.heard]


@pytest.fixture
def listener(settings: Any) -> Iterator[Listener]:
    settings.WEBHOOK_PRIVATE_ADDRESSES = True
    found = Listener()

    class Handler(QuietHandler):
        def answer(self) -> None:
            found.heard.append(({k.lower(): v for k, v in self.headers.items()}, self.body()))
            status = found.answers.pop(0) if found.answers else 204
            elsewhere = {"Location": "http://127.0.0.1:1/"} if status == 302 else {}
            self.reply(status, b"", **elsewhere)

    with serving(Handler) as url:
        found.url = f"{url}/hook"
        yield found


def endpoint(account: Account, listener: Listener, **fields: Any) -> tuple[WebhookEndpoint, str]:
    return webhook_endpoints.create_endpoint(account=account, url=listener.url, **fields)


def now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def attempt(row: WebhookDelivery, at: datetime | None = None) -> DeliveryStatus | None:
    WebhookDelivery.unscoped.filter(pk=row.pk).update(next_attempt_at=now())
    status = webhooks.deliver(
        account_id=row.account_id, delivery_id=row.pk, clock=lambda: at or now()
    )
    row.refresh_from_db()
    return status


def deliveries(account: Account) -> list[WebhookDelivery]:
    return list(WebhookDelivery.unscoped.filter(account=account).order_by("pk"))


def test_an_event_is_written_with_what_it_tells_of_and_signed(
    account: Account,
    listener: Listener,
    broker: Broker,
    django_capture_on_commit_callbacks: Any,
) -> None:
    row, secret = endpoint(account, listener)
    run = make_automation.run(account)
    with django_capture_on_commit_callbacks(execute=True):
        runs.pause_run(account=account, run_id=run.pk, reason="run_cap_reached", now=NOW)
    (delivery,) = deliveries(account)

    assert attempt(delivery) == DeliveryStatus.DELIVERED

    ((headers, body),) = listener.heard
    message = json.loads(body)
    assert (message["type"], headers["webhook-id"]) == ("run.paused", f"msg_{delivery.event_id}")
    assert message["data"] == {
        "account": account.pk, "site": run.site_id, "run": run.pk, "item": None,
        "reason": "run_cap_reached",
    }  # fmt: skip
    assert datetime.fromisoformat(message["timestamp"]).tzinfo is not None
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    row.refresh_from_db()
    assert row.last_delivered_at is not None
    assert ("automation.deliver_webhook", "control") in [sent[:2] for sent in broker.sent]


def test_the_signature_is_that_of_the_standard() -> None:
    found = client.signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )

    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_address_gets_the_events_that_it_asked_for(
    account: Account, listener: Listener
) -> None:
    everything, _ = endpoint(account, listener)
    ends, _ = endpoint(account, listener, event_types=["run.cancelled", "run.completed"])
    off, _ = endpoint(account, listener, is_enabled=False)
    endpoint(make.account(), listener)
    run = make_automation.run(account)

    runs.pause_run(account=account, run_id=run.pk, now=NOW)
    runs.cancel_run(account=account, run_id=run.pk, now=NOW)

    found = [(row.endpoint_id, row.event_type) for row in deliveries(account)]
    assert sorted(found) == sorted(
        [
            (everything.pk, "run.paused"),
            (everything.pk, "run.cancelled"),
            (ends.pk, "run.cancelled"),
        ]
    )
    assert WebhookDelivery.unscoped.count() == 3
    assert off.pk not in {endpoint_id for endpoint_id, _ in found}


def test_an_item_that_kills_its_workers_and_a_skipped_slot_are_told_too(
    account: Account, listener: Listener
) -> None:
    endpoint(account, listener)
    run = make_automation.run(account)
    (item_id,) = work_items(account, run=run)
    for _ in range(5):
        claimed(account, item_id)
        overdue(item_id)
        sweeping.sweep()
    config = make_automation.config(account, is_enabled=True)
    schedules.start_due_run(
        account=account, config_id=config.pk, now=NOW + timedelta(days=3, hours=12)
    )

    told = [row.event_type for row in deliveries(account)]
    assert told == ["item.dead", "schedule.skipped"]
    assert deliveries(account)[0].payload["data"]["item"] == item_id


def test_what_fails_is_sent_again_for_days_and_then_given_up(
    account: Account, listener: Listener
) -> None:
    row, _ = endpoint(account, listener)
    delivery = webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)
    listener.answers = [500] * 10
    waits = []

    for number in range(1, 10):
        assert attempt(delivery) == DeliveryStatus.PENDING
        assert delivery.attempts == number
        waits.append((delivery.next_attempt_at - delivery.updated_at).total_seconds())
    assert attempt(delivery) == DeliveryStatus.FAILED

    assert all(
        0.79 * wanted <= wait <= 1.21 * wanted
        for wanted, wait in zip(RETRY_SECONDS, waits, strict=True)
    )
    assert (delivery.status_code, delivery.error) == (500, "webhook_refused: answered 500")
    tries = WebhookAttempt.unscoped.filter(delivery=delivery).order_by("pk")
    assert [row.number for row in tries] == list(range(1, 11))
    assert attempt(delivery) is None


def test_what_was_given_up_or_delivered_is_replayed_under_its_old_id(
    account: Account, listener: Listener
) -> None:
    row, _ = endpoint(account, listener)
    first = webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)
    second = webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)
    attempt(first)
    WebhookDelivery.unscoped.filter(pk=second.pk).update(status="failed", attempts=10)

    assert webhooks.replay_failed(account=account, endpoint_id=row.pk, now=NOW) == 1
    assert webhooks.replay_deliveries(account=account, ids=[first.pk, second.pk], now=NOW) == 1
    attempt(first)
    attempt(second)

    ids = [headers["webhook-id"] for headers, _ in listener.heard]
    assert ids == [first.message_id, first.message_id, second.message_id]
    with pytest.raises(NotFound):
        webhooks.replay_deliveries(account=make.account(), ids=[first.pk], now=NOW)


def test_an_address_is_asked_for_one_thing_at_a_time(account: Account, listener: Listener) -> None:
    row, _ = endpoint(account, listener)
    other, _ = endpoint(account, listener)
    busy = webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)
    waits = webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)
    elsewhere = webhook_endpoints.send_test(account=account, endpoint_id=other.pk, now=NOW)
    lease = now() + timedelta(seconds=60)
    WebhookDelivery.unscoped.filter(pk=busy.pk).update(leased_until=lease)

    assert attempt(waits) is None
    assert attempt(busy) is None
    assert attempt(elsewhere) == DeliveryStatus.DELIVERED
    WebhookDelivery.unscoped.filter(pk=busy.pk).update(leased_until=now() - timedelta(seconds=1))
    assert attempt(busy) == DeliveryStatus.DELIVERED


def test_a_late_answer_of_a_lost_attempt_is_dropped(
    account: Account, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, _ = endpoint(account, listener)
    delivery = webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)

    def slow(*_args: Any, **_options: Any) -> int:
        WebhookDelivery.unscoped.filter(pk=delivery.pk).update(lease_token=9)  # another's by now
        return 200

    monkeypatch.setattr(client, "send", slow)

    assert attempt(delivery) is None
    assert delivery.status == DeliveryStatus.PENDING
    assert not WebhookAttempt.unscoped.exists()


def test_an_address_that_is_taken_away_meanwhile_is_nothing_to_settle(
    account: Account, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, _ = endpoint(account, listener)
    delivery = webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)

    def slow(*_args: Any, **_options: Any) -> int:
        webhook_endpoints.delete_endpoint(account=account, endpoint_id=row.pk)
        return 200

    monkeypatch.setattr(client, "send", slow)

    found = webhooks.deliver(account_id=account.pk, delivery_id=delivery.pk, clock=now)

    assert found is None
    assert not WebhookDelivery.unscoped.exists()


def test_a_suspended_account_tells_nobody(account: Account, listener: Listener) -> None:
    row, _ = endpoint(account, listener)
    delivery = webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)
    services.suspend_account(account=account, reason="unpaid", now=NOW)

    assert attempt(delivery) is None
    assert webhooks.send_due(now=NOW) == 0
    services.reactivate_account(account=account, reason="paid", now=NOW)
    assert attempt(delivery) == DeliveryStatus.DELIVERED


@pytest.mark.parametrize(("status", "reason"), [(410, "gone"), (302, ""), (404, "")])
def test_an_address_that_is_gone_is_switched_off(
    status: int, reason: str, account: Account, listener: Listener
) -> None:
    row, _ = endpoint(account, listener)
    delivery = webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)
    listener.answers = [status]

    attempt(delivery)

    row.refresh_from_db()
    assert (row.is_enabled, row.disabled_reason) == (not reason, reason)
    assert row.failing_since is not None


def test_an_address_that_fails_for_days_is_switched_off_until_a_person_wants_it(
    account: Account, listener: Listener, broker: Broker
) -> None:
    row, _ = endpoint(account, listener)
    delivery = webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)
    WebhookEndpoint.unscoped.filter(pk=row.pk).update(failing_since=now() - timedelta(days=6))
    listener.answers = [500]

    attempt(delivery)
    row.refresh_from_db()
    assert (row.is_enabled, row.disabled_reason) == (False, "failing")
    assert attempt(delivery) is None
    webhook_endpoints.change_endpoint(account=account, endpoint_id=row.pk, is_enabled=True)

    row.refresh_from_db()
    assert (row.disabled_reason, row.failing_since) == ("", None)
    assert attempt(delivery) == DeliveryStatus.DELIVERED


def test_hints_that_were_lost_are_sent_again(
    account: Account, listener: Listener, broker: Broker
) -> None:
    row, _ = endpoint(account, listener)
    first = webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)
    webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)
    broker.sent.clear()

    assert webhooks.send_due(now=NOW) == 1  # one for each address

    ((name, _, ids),) = broker.sent
    assert (name, ids["delivery_id"]) == ("automation.deliver_webhook", first.pk)


def test_a_secret_is_sealed_for_its_row_and_rotated(account: Account, listener: Listener) -> None:
    row, secret = endpoint(account, listener)
    again = webhook_endpoints.rotate_secret(account=account, endpoint_id=row.pk, now=NOW)
    row.refresh_from_db()

    assert secret not in json.dumps(row.secret)
    assert webhook_endpoints.secrets_of(row, now=NOW) == [again, secret]
    later = NOW + timedelta(days=1)
    assert webhook_endpoints.secrets_of(row, now=later) == [again]
    opened = vault(purpose="webhook-secret").open(
        row.secret["sealed"], context=f"acct:{account.pk}/webhook:{row.pk}"
    )
    assert opened == again
    delivery = webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)
    attempt(delivery, at=NOW)
    ((headers, _),) = listener.heard
    assert len(headers["webhook-signature"].split()) == 2


@pytest.mark.parametrize(
    ("columns", "wrong"),
    [
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "https://user:pw@example.com/"}, "url"),
        ({"url": "nonsense"}, "url"),
        ({"event_types": ["run.exploded"]}, "event_types"),
        ({"secret": "mine"}, "secret"),
    ],
)
def test_what_cannot_be_sent_to_is_refused(
    columns: dict[str, Any], wrong: str, account: Account
) -> None:
    with pytest.raises(InvalidInput) as refused:
        webhook_endpoints.create_endpoint(
            account=account, **{"url": "https://example.com/hook"} | columns
        )

    assert list(refused.value.data) == [wrong]
    assert not WebhookEndpoint.unscoped.exists()


def test_a_private_address_is_refused_when_it_is_asked_too(account: Account) -> None:
    row, _ = webhook_endpoints.create_endpoint(account=account, url="https://example.com/hook")
    WebhookEndpoint.unscoped.filter(pk=row.pk).update(url="https://127.0.0.1/hook")
    delivery = webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)

    assert attempt(delivery) == DeliveryStatus.PENDING
    assert delivery.error.startswith("address_refused")


def test_an_account_has_ten_addresses(account: Account, listener: Listener) -> None:
    for _ in range(10):
        endpoint(account, listener)

    with pytest.raises(webhook_endpoints.TooManyEndpoints):
        endpoint(account, listener)


def test_the_log_is_kept_for_thirty_days(account: Account, listener: Listener) -> None:
    row, _ = endpoint(account, listener)
    old = webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)
    new = webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW)
    attempt(old)
    created = datetime(2026, 6, 1, tzinfo=UTC)
    WebhookDelivery.unscoped.filter(pk=old.pk).update(created_at=created - timedelta(seconds=1))
    WebhookDelivery.unscoped.filter(pk=new.pk).update(created_at=created)

    assert webhooks.prune_webhooks(now=created + timedelta(days=30)) == 1

    assert deliveries(account) == [new]
    assert not WebhookAttempt.unscoped.exists()


def test_an_address_is_taken_away_with_its_log(account: Account, listener: Listener) -> None:
    row, _ = endpoint(account, listener)
    attempt(webhook_endpoints.send_test(account=account, endpoint_id=row.pk, now=NOW))

    webhook_endpoints.delete_endpoint(account=account, endpoint_id=row.pk)

    assert not WebhookEndpoint.unscoped.exists()
    assert not WebhookDelivery.unscoped.exists()


@pytest.mark.parametrize("source", DeliveryStatus)
@pytest.mark.parametrize("target", DeliveryStatus)
def test_deliveries_move_along_these_edges(source: DeliveryStatus, target: DeliveryStatus) -> None:
    pending = DeliveryStatus.PENDING
    assert DELIVERY.allows(source, target) is ((source == pending) != (target == pending))


def test_types_are_codes_with_a_dot() -> None:
    assert [name.replace(".", "_") for name in EVENT_TYPES] == list(CODES)
    assert "items.retried" in EVENT_TYPES


@pytest.fixture
def account(db: None) -> Account:
    return make.account()
