"""Shopify shops and sites of customers' own, through the whole delivery: one item each, always."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from igny8_core.business.integration.models import ExternalItem, SyncEvent
from igny8_core.business.integration.services.check import check_integration
from igny8_core.business.publishing.errors import ChangedAtSite
from igny8_core.business.publishing.models import LIVE, PublishingRecord
from igny8_core.business.publishing.services import ask
from igny8_core.business.publishing.services.audit import publishing_problems
from igny8_core.clients.destinations import AuthRefused, RemoteGone, RemoteStale
from igny8_core.clients.guarded_http import OutcomeUnknown
from tests.fakes.custom_receiver import Site, Wire
from tests.fakes.shopify_shop import Shop, ShopWire, schema
from tests.make import publishing as make
from tests.make.delivery import edit, item_of, look_again, publish, request, send, send_all
from tests.make.integration import SECRET, integration
from tests.make.wordpress import give_terms, picture_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from igny8_core.business.content.models import Content
    from igny8_core.business.integration.models import SiteIntegration

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@dataclass
class Place:
    """A site of ours that is connected to a shop, or to a receiver; and what is there."""

    integration: SiteIntegration
    sector: Any
    clock: make.Clock
    shop: Shop | None = None
    receiver: Site | None = None

    def article(self, **fields: Any) -> Content:
        return make.article(self.sector, **fields)

    @property
    def items(self) -> list[dict[str, Any]]:
        """Everything that is there, in one form."""
        if self.shop is not None:
            return [
                {"title": a["title"], "is_live": a["isPublished"], "text": a["body"]}
                for a in self.shop.articles.values()
            ]
        assert self.receiver is not None
        return [
            {"title": i.get("title"), "is_live": i["status"] == "published", "text": i.get("html")}
            for i in self.receiver.items.values()
        ]

    @property
    def live(self) -> list[str]:
        return sorted(item["title"] for item in self.items if item["is_live"])

    def fail(self, name: str, fault: str) -> None:
        """Let the next request of a name (of Shopify) or verb meet a fault."""
        faults = Wire.faults if self.shop is None else self.shop.faults
        faults.setdefault(name, []).append(fault)

    def luck(self, luck: Any) -> None:
        if self.shop is None:
            Wire.luck = staticmethod(luck)
        else:
            self.shop.luck = luck

    def arrive(self) -> None:
        """What is late arrives."""
        if self.shop is None:
            Wire.arrive()
        else:
            self.shop.arrive()

    def writes(self) -> int:
        """Requests so far that were no reads."""
        if self.shop is None:
            return len([1 for method, _ in Wire.seen if method != "GET"])
        return len([name for name in self.shop.asked if name in {"Create", "Update", "Delete"}])

    def edit_there(self, title: str) -> None:
        """Somebody changes the one item there."""
        if self.shop is not None:
            (found,) = self.shop.articles.values()
        else:
            assert self.receiver is not None
            (found,) = self.receiver.items.values()
        found["title"] = title

    def clear(self) -> None:
        """Somebody deletes everything there."""
        if self.shop is not None:
            self.shop.articles.clear()
        else:
            assert self.receiver is not None
            self.receiver.items.clear()


@pytest.fixture(scope="module")
def known_schema() -> Any:
    """Shopify's own, where it was fetched: every query and every variable is held against it."""
    return schema()


@pytest.fixture
def shopify(settings: Any, known_schema: Any) -> Place:
    settings.SITE_HTTP_CLIENT = "tests.fakes.shopify_shop.ShopWire"
    ShopWire.shop = Shop(known_schema, secret=SECRET)
    sector = make.sector()
    return Place(integration(sector.site, "shopify"), sector, make.Clock(), shop=ShopWire.shop)


@pytest.fixture
def custom(settings: Any) -> Iterator[Place]:
    settings.SITE_HTTP_CLIENT = "tests.fakes.custom_receiver.Wire"
    settings.SITE_PRIVATE_ADDRESSES = True
    site, sector = Site(), make.sector()
    row = integration(
        sector.site, "custom", config={"base_url": site.url}, credentials={"secret": site.secret}
    )
    yield Place(row, sector, make.Clock(), receiver=site)
    site.stop()


@pytest.fixture(params=["shopify", "custom"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


def withdraw(place: Place, content: Content) -> PublishingRecord:
    return ask.request_withdrawal(
        account=content.account, integration_id=place.integration.pk, content_id=content.pk
    )


def live_records(content: Content) -> list[int]:
    rows = PublishingRecord.objects.for_account(content.account).filter(LIVE, content=content)
    return list(rows.values_list("revision", flat=True))


def test_an_article_lives_there_once_from_its_first_publication_to_its_last(place: Place) -> None:
    content = place.article(title="First edition", slug="sofas")
    make.cover(content, picture_bytes(content.pk))
    give_terms(content, "category", "tag")

    first = publish(place.integration, content, place.clock)
    (shown,) = place.items
    assert (shown["title"], shown["is_live"], first.metadata["drift"]) == (
        "First edition",
        True,
        [],
    )
    assert shown["text"].startswith("<p>A sofa is a long decision.")
    before = place.writes()
    again = publish(place.integration, content, place.clock)
    assert (again.metadata["is_written"], again.destination_url) == (False, first.destination_url)
    content.refresh_from_db()
    edit(content, "Second edition", place.clock)
    publish(place.integration, content, place.clock)
    send(withdraw(place, content), place.clock)
    assert (place.live, live_records(content)) == ([], [])
    publish(place.integration, content, place.clock)

    assert place.live == ["Second edition"]
    assert (len(place.items), live_records(content)) == (1, [2])
    files = 1 if place.receiver else 0  # a receiver is sent the picture's bytes each time
    assert place.writes() - before == 3 + 3 * files
    item = item_of(content)
    assert (item.state, item.external_url) == ("linked", first.destination_url)
    content.refresh_from_db()
    assert (content.status, content.external_url) == ("published", first.destination_url)
    actions = SyncEvent.objects.for_account(content.account).filter(event_type="publish")
    assert list(actions.order_by("pk").values_list("action", flat=True)) == [
        "create", "read", "update", "delete", "update",
    ]  # fmt: skip
    assert publishing_problems() == []


WRITES = [("shopify", "Create"), ("shopify", "Update"), ("custom", "PUT")]


@pytest.mark.parametrize(("platform", "name"), WRITES)
@pytest.mark.parametrize("fault", ["lost", "late"])
def test_whatever_a_lost_request_did_there_is_one_item(
    request: pytest.FixtureRequest, platform: str, name: str, fault: str
) -> None:
    place: Place = request.getfixturevalue(platform)
    content = place.article(title="Only once")
    place.fail(name, fault)

    with pytest.raises(OutcomeUnknown):
        publish(place.integration, content, place.clock)
    place.clock.wait(minutes=2)
    send_all(content.account, place.clock)
    place.arrive()
    assert look_again(content.account, place.clock) == 1

    assert [(item["title"], item["is_live"]) for item in place.items] == [("Only once", True)]
    assert (item_of(content).verify_at, live_records(content)) == (None, [1])
    before = place.writes()
    assert publish(place.integration, content, place.clock).metadata["is_written"] is False
    assert place.writes() == before


@pytest.mark.parametrize(("platform", "name"), [("shopify", "Update"), ("custom", "PUT")])
def test_an_older_write_that_comes_late_does_not_stay(
    request: pytest.FixtureRequest, platform: str, name: str
) -> None:
    place: Place = request.getfixturevalue(platform)
    content = place.article(status="published", published_at=make.FIRST_DAY)
    publish(place.integration, content, place.clock)
    edit(content, "Second", place.clock)
    place.fail(name, "late")
    with pytest.raises(OutcomeUnknown):
        publish(place.integration, content, place.clock)
    edit(content, "Third", place.clock)
    publish(place.integration, content, place.clock)
    place.arrive()

    look_again(content.account, place.clock)

    assert (place.live, len(place.items)) == (["Third"], 1)


@pytest.mark.parametrize(("platform", "name"), WRITES[1:])
@pytest.mark.parametrize("fault", ["lost", "late"])
def test_hiding_what_may_have_been_published_hides_it(
    request: pytest.FixtureRequest, platform: str, name: str, fault: str
) -> None:
    """The answer was lost, and somebody withdraws the article before the next attempt."""
    place: Place = request.getfixturevalue(platform)
    content = place.article(status="published", published_at=make.FIRST_DAY, version=4)
    place.fail(name, fault)
    with pytest.raises(OutcomeUnknown):
        publish(place.integration, content, place.clock)
    place.clock.wait(minutes=2)

    record = send(withdraw(place, content), place.clock)
    place.arrive()
    look_again(content.account, place.clock)

    assert (record.status, record.revision) == ("published", 4)
    assert (place.live, live_records(content)) == ([], [])
    assert item_of(content).verify_at is None


@pytest.mark.parametrize("seed", range(2))
def test_any_run_of_bad_luck_ends_with_the_newest_of_each(place: Place, seed: int) -> None:
    luck = random.Random(seed)  # noqa: S311 - repeatable
    rows = [place.article(status="published", published_at=make.FIRST_DAY) for _ in range(4)]
    account = rows[0].account
    place.luck(lambda: luck.choice(["", "", "", "lost", "late", "away"]))
    for number in range(3):
        for row in rows:
            edit(row, f"{row.slug}, edition {number}", place.clock)
            request(place.integration, row, place.clock)
        send_all(account, place.clock, luck.randint(1, 3))
        if luck.random() < 0.5:
            place.luck(lambda: "")
            place.arrive()
            place.luck(lambda: luck.choice(["", "", "", "lost", "late", "away"]))
    place.luck(lambda: "")
    send_all(account, place.clock, 8)
    place.arrive()
    look_again(account, place.clock, 3)

    assert place.live == sorted(f"{row.slug}, edition 2" for row in rows)
    assert len(place.items) == len(rows)
    assert not ExternalItem.objects.for_account(account).exclude(verify_at=None).exists()
    before = place.writes()
    for row in rows:
        publish(place.integration, row, place.clock)
    assert place.writes() == before


def test_what_people_wrote_there_is_not_overwritten(place: Place) -> None:
    content = place.article(title="Ours")
    publish(place.integration, content, place.clock)
    place.edit_there("Theirs")
    record = request(place.integration, content, place.clock)

    with pytest.raises(ChangedAtSite):
        send(record, place.clock)

    assert (place.live, item_of(content).state) == (["Theirs"], "conflict")
    ask.retry_publishing(
        account=content.account, record_id=record.pk, overwrite=True, now=place.clock()
    )
    send(record, place.clock)
    assert (place.live, item_of(content).state) == (["Ours"], "linked")


def test_what_was_deleted_there_is_made_again_only_when_asked_for(place: Place) -> None:
    content = place.article(title="Ours")
    publish(place.integration, content, place.clock)
    place.clear()

    with pytest.raises(RemoteGone):
        publish(place.integration, content, place.clock)
    assert (place.items, item_of(content).state) == ([], "gone")
    publish(place.integration, content, place.clock, again=True)

    assert (place.live, item_of(content).state) == (["Ours"], "linked")


def test_links_lead_to_where_articles_are_there(place: Place) -> None:
    first = place.article()
    publish(place.integration, first, place.clock)
    second = place.article(html=f'<p><a href="#content-{first.pk}">first</a>.</p>')

    publish(place.integration, second, place.clock)

    address = item_of(first).external_url
    assert address.startswith("https://")
    assert any(f'<a href="{address}">first</a>' in item["text"] for item in place.items)


def test_a_site_that_knows_a_newer_revision_drops_ours_without_an_alarm(custom: Place) -> None:
    content = custom.article(title="Ours")
    publish(custom.integration, content, custom.clock)
    assert custom.receiver is not None
    (kept,) = custom.receiver.items.values()
    kept["revision"] = 7
    content.refresh_from_db()
    edit(content, "Older than theirs", custom.clock)

    with pytest.raises(RemoteStale):
        publish(custom.integration, content, custom.clock)

    latest = PublishingRecord.objects.for_account(content.account).latest("pk")
    assert (latest.status, latest.error_code) == ("failed", "superseded")
    assert custom.live == ["Ours"]


def test_a_site_that_shows_nothing_keeps_the_address_that_it_named(
    custom: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without GET nobody can look: what stands there is what was last written."""
    assert custom.receiver is not None
    handler = custom.receiver.scope["Receiver"]

    def refuse(self: Any) -> None:
        self.send_response(405)
        self.send_header("content-length", "0")
        self.end_headers()

    monkeypatch.setattr(handler, "do_GET", refuse)
    content = custom.article(title="Unseen")

    first = publish(custom.integration, content, custom.clock)
    again = publish(custom.integration, content, custom.clock)

    assert first.destination_url == f"https://example.com/{content.slug}/"
    assert (again.destination_url, again.metadata["is_written"]) == (first.destination_url, False)
    second = custom.article(html=f'<p><a href="#content-{content.pk}">first</a>.</p>')
    publish(custom.integration, second, custom.clock)
    assert any(first.destination_url in (item["text"] or "") for item in custom.items)
    send(withdraw(custom, content), custom.clock)
    assert custom.live == [second.title]


def test_a_refused_signature_stops_the_queue_until_the_site_knows_us_again(custom: Place) -> None:
    assert custom.receiver is not None
    right = custom.receiver.scope["SECRET"]
    record = request(custom.integration, custom.article(), custom.clock)
    custom.receiver.scope["SECRET"] = "whsec_" + "QUFB" * 8
    with pytest.raises(AuthRefused):
        send(record, custom.clock)
    custom.integration.refresh_from_db()
    assert custom.integration.sync_status == "auth_failed"
    custom.receiver.scope["SECRET"] = right

    report = check_integration(
        account=custom.sector.account, integration_id=custom.integration.pk, clock=custom.clock
    )

    custom.integration.refresh_from_db()
    assert (report.is_ok, custom.integration.sync_status) == (True, "idle")
    custom.clock.wait(minutes=2)
    record.refresh_from_db()
    send(record, custom.clock)
    assert len(custom.live) == 1
