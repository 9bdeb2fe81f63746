"""Delivery to a real WordPress, with and without the companion."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from igny8_core.business.content.models import Images
from igny8_core.business.integration.models import ExternalItem, SyncEvent
from igny8_core.business.publishing.errors import ChangedAtSite
from igny8_core.business.publishing.models import PublishingRecord
from igny8_core.business.publishing.services import ask, deliver
from igny8_core.clients.destinations import RemoteGone
from tests.fakes import faulty_http
from tests.make import publishing as make
from tests.make.wordpress import connected_site, give_terms, picture_bytes

if TYPE_CHECKING:
    from igny8_core.business.content.models import Content
    from igny8_core.business.integration.models import SiteIntegration
    from tests.wordpress.server import RealWordPress

pytestmark = pytest.mark.django_db


def publish(
    integration: SiteIntegration, content: Content, clock: make.Clock, **options: object
) -> PublishingRecord:
    (record,) = ask.request_publishing(
        account=content.account,
        integration_id=integration.pk,
        content_ids=[content.pk],
        now=clock(),
        **options,  # type: ignore[arg-type]
    )
    return deliver.deliver(account=content.account, record_id=record.pk, clock=clock)


def test_an_article_becomes_one_live_post(either_way: RealWordPress) -> None:
    integration, sector, clock = connected_site(either_way)
    content = make.article(sector)

    record = publish(integration, content, clock)

    (post,) = either_way.posts(slug_like=f"{content.slug}%")
    assert (post["status"], post["title"]) == ("publish", content.title)
    assert "<!-- wp:paragraph -->" in post["content"]
    assert (record.status, record.metadata["drift"]) == ("published", [])
    assert record.destination_url == f"{either_way.url}/{content.slug}/"
    content.refresh_from_db()
    assert (content.status, content.sync_status) == ("published", "synced")
    assert content.external_id == str(post["id"])
    item = ExternalItem.objects.for_account(content.account).get()
    assert (item.state, item.external_id, item.revision) == ("linked", str(post["id"]), 1)
    (event,) = SyncEvent.objects.for_account(content.account).filter(event_type="publish")
    assert (event.success, event.action, event.external_id) == (True, "create", str(post["id"]))


def test_pictures_terms_and_seo_fields_arrive(either_way: RealWordPress) -> None:
    integration, sector, clock = connected_site(either_way)
    content = make.article(sector, html=f'{make.BODY}<figure id="image-0"></figure>')
    make.cover(content, picture_bytes(content.pk))
    inside = make.media_file(f"inside/{content.pk}.webp", picture_bytes(content.pk + 100))
    Images.unscoped.create(
        content=content, image_type="in_article", status="generated", path=inside["path"],
        alt="A plan of the room", width=1200, height=630, variants=[inside],
        provenance={"origin": "person"},
    )  # fmt: skip
    give_terms(content, "category", "tag")

    record = publish(integration, content, clock)
    faulty_http.reset()
    again = publish(integration, content, clock)

    assert (record.metadata["drift"], again.metadata["is_written"]) == ([], False)
    assert faulty_http.writes() == []
    post = int(record.destination_id)
    seen = either_way.php(
        f"return ['terms' => wp_get_object_terms({post}, ['category', 'post_tag'],"
        f" ['fields' => 'names']), 'alt' => get_post_meta(get_post_thumbnail_id({post}),"
        " '_wp_attachment_image_alt', true),"
        f" 'title' => get_post_meta({post}, '_yoast_wpseo_title', true)];"
    )
    site = content.site_id
    assert sorted(seen["terms"]) == [f"category of {site}", f"tag of {site}"]
    assert seen["alt"] == f"Cover of {content.title}"
    assert seen["title"] == (
        content.meta_title if integration.capabilities.get("companion") else ""
    )
    (stored,) = either_way.posts(slug_like=f"{content.slug}%")
    assert '<!-- wp:image {"id":' in stored["content"]
    assert 'alt="A plan of the room"' in stored["content"]


def test_a_second_publish_writes_nothing(either_way: RealWordPress) -> None:
    integration, sector, clock = connected_site(either_way)
    content = make.article(sector)
    publish(integration, content, clock)
    asked = len(faulty_http.FaultyClient.seen)

    record = publish(integration, content, clock)

    assert record.metadata["is_written"] is False
    assert faulty_http.writes(asked) == []
    live = PublishingRecord.objects.for_account(content.account).filter(retired_at=None)
    assert [row.pk for row in live] == [record.pk]


def test_what_people_wrote_there_is_not_overwritten(either_way: RealWordPress) -> None:
    integration, sector, clock = connected_site(either_way)
    content = make.article(sector)
    publish(integration, content, clock)
    item = ExternalItem.objects.for_account(content.account).get()
    either_way.php(
        f"return wp_update_post(['ID' => {item.external_id}, 'post_title' => 'Theirs']);"
    )

    with pytest.raises(ChangedAtSite):
        publish(integration, content, clock)

    (post,) = either_way.posts(slug_like=f"{content.slug}%")
    assert post["title"] == "Theirs"
    record = PublishingRecord.objects.for_account(content.account).latest("pk")
    assert (record.status, record.error_code) == ("failed", "changed_at_site")
    item.refresh_from_db()
    assert (item.state, item.metadata["conflict"]["title"]) == ("conflict", "Theirs")

    ask.retry_publishing(account=content.account, record_id=record.pk, overwrite=True, now=clock())
    deliver.deliver(account=content.account, record_id=record.pk, clock=clock)

    (post,) = either_way.posts(slug_like=f"{content.slug}%")
    assert post["title"] == content.title
    item.refresh_from_db()
    assert item.state == "linked"


def test_a_lost_answer_is_unknown_and_looked_up(either_way: RealWordPress) -> None:
    integration, sector, clock = connected_site(either_way)
    content = make.article(sector)
    faults = iter(["lost"])
    faulty_http.reset(lambda method, _url: next(faults, "") if method != "GET" else "")
    (record,) = ask.request_publishing(
        account=content.account,
        integration_id=integration.pk,
        content_ids=[content.pk],
        now=clock(),
    )

    with pytest.raises(Exception, match="no whole answer"):
        deliver.deliver(account=content.account, record_id=record.pk, clock=clock)

    record.refresh_from_db()
    assert (record.status, record.error_code) == ("pending", "outcome_unknown")
    assert record.next_attempt_at == clock() + timedelta(seconds=60)
    clock.wait(seconds=60)
    deliver.deliver(account=content.account, record_id=record.pk, clock=clock)
    assert len(either_way.posts(status="publish", slug_like=f"{content.slug}%")) == 1
    assert either_way.posts(status="draft", slug_like="igny8-%") == []


def test_withdrawn_and_brought_back(either_way: RealWordPress) -> None:
    integration, sector, clock = connected_site(either_way)
    content = make.article(sector)
    publish(integration, content, clock)

    record = ask.request_withdrawal(
        account=content.account, integration_id=integration.pk, content_id=content.pk
    )
    deliver.deliver(account=content.account, record_id=record.pk, clock=clock)

    (post,) = either_way.posts(slug_like=f"{content.slug}%")
    assert post["status"] == "draft"
    assert not ask.live_destinations(account=content.account, content_id=content.pk)
    publish(integration, content, clock)
    (post,) = either_way.posts(slug_like=f"{content.slug}%")
    assert post["status"] == "publish"


def test_a_trashed_post_is_not_made_again_by_itself(either_way: RealWordPress) -> None:
    integration, sector, clock = connected_site(either_way)
    content = make.article(sector)
    publish(integration, content, clock)
    item = ExternalItem.objects.for_account(content.account).get()
    either_way.php(f"return (bool) wp_trash_post({item.external_id});")

    with pytest.raises(RemoteGone):
        publish(integration, content, clock)

    assert either_way.posts(status="publish", slug_like=f"{content.slug}%") == []
    item.refresh_from_db()
    assert item.state == "gone"
    publish(integration, content, clock, again=True)
    assert len(either_way.posts(status="publish", slug_like=f"{content.slug}%")) == 1
