"""``igny8 integrations`` and ``igny8 publish`` on the tests' own database, over sites in memory."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from igny8_core.business.integration.models import SiteIntegration
from igny8_core.business.publishing.models import PublishingRecord
from igny8_core.cli import integrations as command
from igny8_core.cli.publish import publish
from igny8_core.clients.destinations import Finding, Report
from igny8_core.clients.guarded_http import NotSent
from tests.fakes.memory_site import MemorySite, Store
from tests.fakes.shopify_shop import Shop, ShopWire
from tests.make import memory
from tests.make import publishing as make
from tests.make.integration import SECRET

if TYPE_CHECKING:
    import click

pytestmark = [
    pytest.mark.django_db(databases=["default", "admin"]),
    pytest.mark.usefixtures("in_memory"),
]


@pytest.fixture(autouse=True)
def _own_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "database", lambda _folder: contextlib.nullcontext())


def igny8(group: click.Command, *arguments: object, typed: str | None = None) -> Result:
    return CliRunner().invoke(group, [str(argument) for argument in arguments], input=typed)


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.output.splitlines()[-1])


def test_a_site_is_connected_with_a_secret_that_is_typed_in() -> None:
    sector = make.sector()
    MemorySite.stores["https://typed.example.com"] = Store()

    result = igny8(
        command.integrations, "connect", "--site", sector.site_id, "--username", "editor",
        "--url", "https://typed.example.com", typed=f"{SECRET}\n",
    )  # fmt: skip

    assert result.exit_code == 0
    assert "ok  Signed in." in result.output
    assert SECRET not in result.output
    row = SiteIntegration.objects.for_account(sector.account).get()
    listed = told(igny8(command.integrations, "list", "--site", sector.site_id, "--json"))
    assert listed == [
        {
            "id": row.pk,
            "platform": "wordpress",
            "base_url": "https://typed.example.com",
            "status": "idle",
        }
    ]


def test_the_doctor_says_what_helps_and_exits_with_1() -> None:
    integration, _, _, store = memory.memory_site()
    store.report = Report((Finding("firewall", is_ok=False, text="Turned away.", fix="Allow us."),))

    result = igny8(command.integrations, "doctor", integration.pk, "--no-write")

    assert result.exit_code == 1
    assert "NOT Turned away.\n      Allow us." in result.output


def test_a_site_is_brought_over_paused_resumed_and_let_go() -> None:
    integration, _, _, store = memory.memory_site()
    store.add("First")

    assert told(igny8(command.integrations, "sync", integration.pk, "--json"))["created"] == 1
    assert igny8(command.integrations, "sync", integration.pk, "--quick").output == "nothing new\n"
    assert "is paused" in igny8(command.integrations, "pause", integration.pk).output
    refused = igny8(command.integrations, "sync", integration.pk)
    assert (refused.exit_code, "[sync_not_possible]" in refused.output) == (1, True)
    assert "is idle" in igny8(command.integrations, "resume", integration.pk).output
    assert told(igny8(command.integrations, "webhook", integration.pk, "--json"))[
        "secret"
    ].startswith("whsec_")
    gone = igny8(command.integrations, "disconnect", integration.pk)
    assert gone.output.startswith("1 article stays live at the site")


def test_articles_are_sent_hidden_and_listed() -> None:
    integration, sector, _, store = memory.memory_site()
    content = make.article(sector)
    site = ("--integration", integration.pk)

    (sent,) = told(igny8(publish, "send", *site, content.pk, "--json"))
    assert (sent["status"], sent["url"]) == ("published", f"https://site.test/{content.slug}/")
    assert told(igny8(publish, "status", *site, "--json")) == [sent]
    (hidden,) = told(igny8(publish, "withdraw", *site, content.pk, "--json"))
    assert (hidden["status"], store.live()) == ("published", [])
    (later,) = told(igny8(publish, "send", *site, content.pk, "--at", "2031-01-01", "--json"))
    assert (later["status"], later["publish_at"]) == ("pending", "2031-01-01T00:00:00+00:00")


def test_what_does_not_get_through_is_said_and_tried_again() -> None:
    integration, sector, _, store = memory.memory_site()
    content = make.article(sector)
    store.fail = lambda _name: NotSent("no connection")

    result = igny8(publish, "send", "--integration", integration.pk, content.pk)

    assert "no connection [not_sent]" in result.output
    listed = igny8(command.integrations, "events", integration.pk, "--failed", "--search", "CONN")
    assert listed.output.endswith(f"publish update content {content.pk}  not_sent: no connection\n")
    (event,) = told(igny8(command.integrations, "events", integration.pk, "--json"))
    assert (event["code"], event["success"]) == ("not_sent", False)
    record = PublishingRecord.objects.for_account(sector.account).get()
    assert record.status == "pending"
    refused = igny8(publish, "retry", "--integration", integration.pk, record.pk)
    assert (refused.exit_code, "[transition_not_allowed]" in refused.output) == (1, True)


def test_a_refused_shop_gets_a_new_refresh_token_and_goes_on(settings: Any) -> None:
    settings.SITE_HTTP_CLIENT = "tests.fakes.shopify_shop.ShopWire"
    shop = ShopWire.shop = Shop(secret=SECRET, refresh_tokens=["shprt_of_the_second_try"])
    sector = make.sector()
    options = ("--username", "app-1", "--secret", "-", "--refresh-token", "-")
    first, second = (f"{SECRET}\nshprt_of_the_{turn}_try\n" for turn in ("first", "second"))

    refused = igny8(
        command.integrations, "connect", "--site", sector.site_id, "--platform", "shopify",
        "--url", "https://shop.myshopify.com", *options, typed=first,
    )  # fmt: skip
    row = SiteIntegration.objects.for_account(sector.account).get()
    assert (row.sync_status, "NOT The shop does not take the refresh token" in refused.output) == (
        "auth_failed",
        True,
    )
    taken = igny8(command.integrations, "credentials", row.pk, *options, typed=second)

    row.refresh_from_db()
    assert (taken.exit_code, row.sync_status, shop.articles) == (0, "idle", {})
    assert "ok  Signed in to Sofa Shop." in taken.output
    assert [one for one in (SECRET, "shprt_") if one in refused.output + taken.output] == []


def test_credentials_are_sealed_again() -> None:
    integration, _, _, _ = memory.memory_site()
    slug = integration.account.slug

    assert igny8(command.integrations, "rotate-credentials", "--account", slug).output == (
        "0 sealed again\n"
    )
    unknown = igny8(command.integrations, "rotate-credentials", "--account", "nobody")
    assert unknown.exit_code == 1


def test_an_unknown_connection_is_one_line() -> None:
    result = igny8(command.integrations, "doctor", 10**9)

    assert (result.exit_code, result.output) == (
        1,
        "igny8 integrations: no such integration [not_found]\n",
    )
