"""Webhook addresses and deliveries through the API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from igny8_core.auth.states import Role
from igny8_core.business.automation.models import WebhookDelivery, WebhookEndpoint
from igny8_core.business.automation.services import runs
from tests import make
from tests.api.asking import Api, api_of
from tests.make import automation as make_automation
from tests.make.automation import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Account

pytestmark = pytest.mark.django_db(databases=["default", "admin"])
URL = "https://example.com/hook"


@pytest.fixture
def account() -> Account:
    return make.account()


@pytest.fixture
def api(account: Account) -> Api:
    return api_of(account, Role.ADMIN)


def test_an_address_shows_its_secret_once(api: Api) -> None:
    made = api.post("webhook-endpoints/", {"url": URL, "event_types": ["run.failed"]})
    shown = api.get(f"webhook-endpoints/{made.json()['id']}/").json()
    rotated = api.post(f"webhook-endpoints/{made.json()['id']}/rotate-secret/").json()

    assert made.status_code == 201
    assert made.json()["secret"].startswith("whsec_")
    assert (shown["url"], shown["event_types"], shown["is_enabled"]) == (URL, ["run.failed"], True)
    assert "secret" not in shown
    assert rotated["secret"] not in {"", made.json()["secret"]}
    assert made.json()["secret"] not in json.dumps(WebhookEndpoint.unscoped.get().secret)


def test_an_address_is_changed_and_taken_away(api: Api) -> None:
    made = api.post("webhook-endpoints/", {"url": URL}).json()
    path = f"webhook-endpoints/{made['id']}/"
    off = api.patch(path, {"is_enabled": False, "description": "Ours"}).json()
    wrong = api.patch(path, {"url": "http://10.0.0.1/"})
    gone = api.delete(path)

    assert (off["is_enabled"], off["description"], off["url"]) == (False, "Ours", URL)
    assert (wrong.status_code, list(wrong.json()["errors"])) == (422, ["url"])
    assert (gone.status_code, api.get(path).status_code) == (204, 404)


def test_deliveries_are_listed_shown_and_replayed(api: Api, account: Account) -> None:
    made = api.post("webhook-endpoints/", {"url": URL}).json()
    other = api.post("webhook-endpoints/", {"url": URL, "event_types": ["run.failed"]}).json()
    run = make_automation.run(account)
    runs.pause_run(account=account, run_id=run.pk, now=NOW)
    tested = api.post(f"webhook-endpoints/{other['id']}/test/")
    (first,) = api.ids("webhook-deliveries/", endpoint=made["id"])
    WebhookDelivery.unscoped.filter(pk=first).update(status="failed", attempts=10)

    shown = api.get(f"webhook-deliveries/{first}/").json()
    replayed = api.post("webhook-deliveries/replay/", {"ids": [first]}).json()
    again = api.post(f"webhook-endpoints/{made['id']}/replay-failed/").json()

    assert (tested.status_code, tested.json()["event_type"]) == (202, "webhook.test")
    assert api.ids("webhook-deliveries/", event_type="run.paused") == [first]
    assert (shown["status"], shown["payload"]["type"], shown["tries"]) == (
        "failed",
        "run.paused",
        [],
    )
    assert (replayed, again) == ({"changed": 1}, {"changed": 0})
    assert api.ids("webhook-deliveries/", status="pending") == [tested.json()["id"], first]


def test_an_editor_sees_no_addresses(account: Account) -> None:
    editor = api_of(account, Role.EDITOR)

    assert editor.get("webhook-endpoints/").status_code == 403
    assert editor.get("webhook-deliveries/").status_code == 403
