"""Delivery, checks and conflicts through the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.auth.states import Role
from igny8_core.business.integration.models import ExternalItem, SiteIntegration
from igny8_core.business.publishing.models import PublishingRecord
from igny8_core.business.publishing.services import deliver
from igny8_core.business.publishing.services.audit import publishing_problems
from igny8_core.clients.destinations import Finding, Report
from igny8_core.clients.guarded_http import OutcomeUnknown
from igny8_core.common.errors import DomainError
from tests import make
from tests.make import memory
from tests.make import publishing as make_publishing

if TYPE_CHECKING:
    from django.test import Client

pytestmark = [
    pytest.mark.django_db(databases=["default", "admin"]),
    pytest.mark.usefixtures("in_memory"),
]


@pytest.fixture
def place(client: Client) -> Any:
    """A connected site, somebody who administers it, and the address of the account."""
    integration, sector, clock, store = memory.memory_site()
    client.force_login(make.member(sector.account, Role.ADMIN))
    return integration, sector, clock, store, f"/api/v1/accounts/{sector.account_id}"


def ask(client: Client, url: str, body: dict[str, Any], key: str = "one") -> Any:
    return client.post(url, body, "application/json", headers={"Idempotency-Key": key})


def work(integration: SiteIntegration, clock: Any) -> None:
    for record in PublishingRecord.objects.for_account(integration.account).filter(
        status="pending"
    ):
        try:
            deliver.deliver(account=integration.account, record_id=record.pk, clock=clock)
        except DomainError:
            continue


def test_articles_are_sent_once_for_a_key(client: Client, place: Any) -> None:
    integration, sector, clock, store, base = place
    contents = [make_publishing.article(sector) for _ in range(2)]
    body = {"integration": integration.pk, "contents": [row.pk for row in contents]}

    first = ask(client, f"{base}/publishing-records/", body)
    second = ask(client, f"{base}/publishing-records/", body)
    work(integration, clock)

    assert (first.status_code, second.json()) == (202, first.json())
    assert [r["status"] for r in first.json()] == ["pending", "pending"]
    assert len(store.live()) == 2
    listed = client.get(f"{base}/publishing-records/", {"integration": integration.pk}).json()
    assert {(r["status"], r["is_checking"], str(r["drift"])) for r in listed["results"]} == {
        ("published", False, "[]")
    }
    assert publishing_problems() == []
    ExternalItem.unscoped.filter(content=contents[0]).update(external_id="", state="gone")
    record = PublishingRecord.unscoped.get(content=contents[0])
    assert publishing_problems() == [
        f"live record of an item that is not at its site: record {record.pk}"
    ]


def test_an_unknown_outcome_is_shown_as_being_checked(client: Client, place: Any) -> None:
    integration, sector, clock, store, base = place
    body = {"integration": integration.pk, "contents": [make_publishing.article(sector).pk]}
    made = ask(client, f"{base}/publishing-records/", body).json()
    store.fail = lambda _name: OutcomeUnknown("cut")
    work(integration, clock)

    shown = client.get(f"{base}/publishing-records/{made[0]['id']}/").json()

    assert (shown["status"], shown["is_checking"]) == ("pending", True)


def test_a_conflict_is_shown_and_settled_either_way(client: Client, place: Any) -> None:
    integration, sector, clock, store, base = place
    content = make_publishing.article(sector, title="Ours")
    body = {"integration": integration.pk, "contents": [content.pk]}
    ask(client, f"{base}/publishing-records/", body)
    work(integration, clock)
    item = ExternalItem.objects.for_account(sector.account).get()
    store.edit(item.external_id, title="Theirs")
    (failed,) = ask(client, f"{base}/publishing-records/", body, "two").json()
    work(integration, clock)

    shown = client.get(f"{base}/external-items/", {"state": "conflict"}).json()["results"]
    assert [row["conflict"]["title"] for row in shown] == ["Theirs"]
    again = client.post(
        f"{base}/publishing-records/{failed['id']}/retry/", {"overwrite": True}, "application/json"
    )
    work(integration, clock)

    assert again.status_code == 202
    assert [post.title for post in store.live()] == ["Ours"]
    assert client.post(f"{base}/external-items/{item.pk}/keep-theirs/").status_code == 409
    ExternalItem.unscoped.filter(pk=item.pk).update(state="conflict")
    assert client.post(f"{base}/external-items/{item.pk}/keep-theirs/").status_code == 202


def test_an_article_is_withdrawn(client: Client, place: Any) -> None:
    integration, sector, clock, store, base = place
    content = make_publishing.article(sector)
    ask(
        client,
        f"{base}/publishing-records/",
        {"integration": integration.pk, "contents": [content.pk]},
    )
    work(integration, clock)

    body = {"integration": integration.pk, "content": content.pk}
    answer = client.post(f"{base}/publishing-records/withdraw/", body, "application/json")
    work(integration, clock)

    assert (answer.status_code, answer.json()["action"]) == (202, "withdraw")
    assert store.live() == []


def test_a_site_is_checked_and_brought_over(client: Client, place: Any) -> None:
    integration, _, _, store, base = place
    store.report = Report((Finding("wrong_password", is_ok=False, text="Wrong.", fix="Make one."),))
    url = f"{base}/integrations/{integration.pk}"

    report = client.post(f"{url}/check/", {"is_writing": False}, "application/json").json()

    assert report["is_ok"] is False
    assert report["findings"] == [
        {"code": "wrong_password", "is_ok": False, "text": "Wrong.", "fix": "Make one."}
    ]
    assert client.post(f"{url}/sync/", {}, "application/json").status_code == 409
    store.report = Report((Finding("signed_in", is_ok=True, text="In."),))
    client.post(f"{url}/check/", {}, "application/json")
    assert client.post(f"{url}/sync/", {}, "application/json").status_code == 202


def test_a_secret_is_shown_once_and_kept_nowhere(client: Client, place: Any) -> None:
    integration, _, _, _, base = place
    url = f"{base}/integrations/{integration.pk}"

    made = ask(client, f"{url}/webhook-secret/", {})
    again = ask(client, f"{url}/webhook-secret/", {})

    assert made.json()["secret"].startswith("whsec_")
    assert made.json()["secret"] != again.json()["secret"]
    assert made.json()["secret"] not in client.get(f"{url}/").content.decode()


def test_disconnecting_says_what_stays(client: Client, place: Any) -> None:
    integration, sector, clock, _, base = place
    body = {"integration": integration.pk, "contents": [make_publishing.article(sector).pk]}
    ask(client, f"{base}/publishing-records/", body)
    work(integration, clock)

    gone = client.post(f"{base}/integrations/{integration.pk}/disconnect/").json()

    assert (gone["is_active"], gone["stays"]["live_items"]) == (False, 1)
    assert gone["stays"]["text"].startswith("1 article stays live at the site")
