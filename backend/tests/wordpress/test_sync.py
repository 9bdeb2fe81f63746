"""What a real WordPress has, brought over: once, and only what changed there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from igny8_core.business.content.models import (
    Content,
    ContentTaxonomy,
    ContentTaxonomyLink,
    ContentVersion,
)
from igny8_core.business.content.services.editing import ContentChanges, edit_content
from igny8_core.business.integration.errors import SyncNotPossible
from igny8_core.business.integration.models import ExternalItem, SyncEvent
from igny8_core.business.integration.services.sync import sync_integration
from igny8_core.business.publishing.models import LIVE, PublishingRecord
from igny8_core.business.publishing.services.reconcile import reconcile_records
from igny8_core.clients.destinations import PermissionMissing
from tests.fakes import faulty_http
from tests.make import publishing as make
from tests.make.tenancy import unique
from tests.make.wordpress import connected_site
from tests.wordpress.test_publish import publish

if TYPE_CHECKING:
    from igny8_core.business.integration.models import SiteIntegration
    from tests.wordpress.server import RealWordPress

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty(wordpress: RealWordPress) -> None:
    wordpress.php(
        'foreach ($wpdb->get_col("SELECT ID FROM $wpdb->posts'
        " WHERE post_type IN ('post', 'page')\") as $id) { wp_delete_post($id, true); }"
        " return true;"
    )


def write(wordpress: RealWordPress, title: str, status: str = "publish", more: str = "") -> int:
    made: int = wordpress.php(
        f"return wp_insert_post(['post_title' => '{title}', 'post_status' => '{status}',"
        " 'post_date_gmt' => '2026-10-01 10:00:00', 'post_date' => '2026-10-01 10:00:00',"
        f" 'post_content' => '<p>Text of {title}.</p>' {more}]);"
    )
    return made


def sync(
    integration: SiteIntegration, clock: make.Clock, *, is_full: bool = True
) -> dict[str, int]:
    return sync_integration(
        account=integration.account, integration_id=integration.pk, is_full=is_full, clock=clock
    )


def test_posts_pages_and_terms_are_brought_over_once(wordpress: RealWordPress) -> None:
    integration, sector, clock = connected_site(wordpress)
    account, news = sector.account, unique("News & Views")
    term = wordpress.php(f"return wp_insert_term('{news}', 'category')['term_id'];")
    first = write(wordpress, "First", more=f", 'post_category' => [{term}]")
    write(wordpress, "A draft", "draft")
    write(wordpress, "A page", more=", 'post_type' => 'page'")

    counts = sync(integration, clock)

    assert counts["created"] == 3
    rows = {row.title: row for row in Content.objects.for_account(account)}
    assert {title: row.status for title, row in rows.items()} == {
        "First": "published",
        "A draft": "draft",
        "A page": "published",
    }
    assert {row.source for row in rows.values()} == {"wordpress"}
    assert rows["First"].external_id == str(first)
    assert rows["First"].html == "<p>Text of First.</p>"
    assert rows["A page"].content_type == "page"
    links = ContentTaxonomyLink.objects.for_account(account).filter(content=rows["First"])
    assert [link.taxonomy.name for link in links] == [news]
    assert ContentTaxonomy.objects.for_account(account).get(name=news).external_id == str(term)
    event = SyncEvent.objects.for_account(account).latest("pk")
    assert (event.event_type, event.success, event.details["created"]) == ("sync", True, 3)
    integration.refresh_from_db()
    assert (integration.sync_status, integration.last_sync_at) == ("idle", clock())

    asked = len(faulty_http.FaultyClient.seen)
    again = sync(integration, clock)

    assert again == {"terms": 0}
    assert not [url for _, url, _ in faulty_http.FaultyClient.seen[asked:] if "include=" in url]
    assert Content.objects.for_account(account).count() == 3


def test_an_edit_there_is_the_next_version_here(wordpress: RealWordPress) -> None:
    integration, sector, clock = connected_site(wordpress)
    post = write(wordpress, "First")
    sync(integration, clock)
    wordpress.php(
        f"return wp_update_post(['ID' => {post}, 'post_title' => 'Second',"
        " 'post_status' => 'draft', 'post_modified_gmt' => '2031-01-01 00:00:00']);"
    )

    counts = sync(integration, clock)

    row = Content.objects.for_account(sector.account).get()
    assert counts["updated"] == 1
    assert (row.title, row.version, row.status) == ("Second", 2, "draft")
    reasons = ContentVersion.objects.for_account(sector.account).order_by("version")
    assert list(reasons.values_list("reason", flat=True)) == ["imported", "imported"]


def test_our_own_writes_do_not_come_back(either_way: RealWordPress) -> None:
    integration, sector, clock = connected_site(either_way)
    content = make.article(sector)
    publish(integration, content, clock)

    sync(integration, clock)

    content.refresh_from_db()
    assert content.version == 1
    assert Content.objects.for_account(sector.account).count() == 1


def test_an_edit_of_our_article_there_is_taken_over(wordpress: RealWordPress) -> None:
    integration, sector, clock = connected_site(wordpress)
    content = make.article(sector)
    publish(integration, content, clock)
    item = ExternalItem.objects.for_account(sector.account).get()
    wordpress.php(f"return wp_update_post(['ID' => {item.external_id}, 'post_title' => 'Theirs']);")

    counts = sync(integration, clock)

    content.refresh_from_db()
    assert counts["updated"] == 1
    assert (content.title, content.version) == ("Theirs", 2)
    record = publish(integration, content, clock)
    assert record.status == "published"


def test_both_changed_is_a_conflict_and_nothing_is_lost(wordpress: RealWordPress) -> None:
    integration, sector, clock = connected_site(wordpress)
    content = make.article(sector)
    publish(integration, content, clock)
    item = ExternalItem.objects.for_account(sector.account).get()
    wordpress.php(f"return wp_update_post(['ID' => {item.external_id}, 'post_title' => 'Theirs']);")
    edit_content(
        account=sector.account,
        content_id=content.pk,
        version=1,
        changes=ContentChanges(title="Ours"),
        now=clock(),
    )

    counts = sync(integration, clock)

    assert counts["conflicts"] == 1
    content.refresh_from_db()
    item.refresh_from_db()
    assert (content.title, item.state) == ("Ours", "conflict")
    assert item.metadata["conflict"]["title"] == "Theirs"


def test_deleted_there_after_two_sweeps_is_gone(wordpress: RealWordPress) -> None:
    integration, sector, clock = connected_site(wordpress)
    account = sector.account
    post, content = write(wordpress, "Short-lived"), make.article(sector)
    publish(integration, content, clock)
    sync(integration, clock)
    item = ExternalItem.objects.for_account(account).get(content=content)
    for one in (post, item.external_id):
        wordpress.php(f"return (bool) wp_delete_post({one}, true);")

    assert "gone" not in sync(integration, clock)
    assert sync(integration, clock)["gone"] == 2

    assert Content.objects.for_account(account).get(external_id=str(post)).deleted_at is not None
    assert PublishingRecord.objects.for_account(account).filter(LIVE).count() == 1
    assert reconcile_records(account=account, integration_id=integration.pk, now=clock()) == 1
    content.refresh_from_db()
    assert (content.status, content.deleted_at) == ("review", None)
    assert not PublishingRecord.objects.for_account(account).filter(LIVE).exists()


def test_a_change_of_status_there_is_followed(wordpress: RealWordPress) -> None:
    integration, sector, clock = connected_site(wordpress)
    post = write(wordpress, "First", "draft")
    sync(integration, clock)
    wordpress.php(f"wp_publish_post({post}); return true;")

    sync(integration, clock)

    row = Content.objects.for_account(sector.account).get()
    assert row.status == "published"
    assert row.version == 1 or row.title == "First"


def test_the_fast_path_fetches_what_changed_since(wordpress: RealWordPress) -> None:
    integration, sector, clock = connected_site(wordpress)
    write(wordpress, "First")
    sync(integration, clock)
    asked = len(faulty_http.FaultyClient.seen)
    wordpress.php("return wp_insert_post(['post_title' => 'Later', 'post_status' => 'publish']);")

    counts = sync(integration, clock, is_full=False)

    urls = [url for _, url, _ in faulty_http.FaultyClient.seen[asked:]]
    assert all("modified_after=" in url or "include=" in url for url in urls)
    assert counts["created"] == 1
    assert Content.objects.for_account(sector.account).count() == 2


def test_an_account_that_cannot_see_everything_says_so(wordpress: RealWordPress) -> None:
    integration, sector, clock = connected_site(wordpress, "author")
    write(wordpress, "Of somebody else")

    with pytest.raises(PermissionMissing):
        sync(integration, clock)

    assert not Content.objects.for_account(sector.account).exists()
    event = SyncEvent.objects.for_account(sector.account).latest("pk")
    assert event.details["capability"] == "rest_forbidden_context"


def test_a_revoked_password_stops_the_site(wordpress: RealWordPress) -> None:
    integration, sector, clock = connected_site(wordpress, "editor")
    content = make.article(sector)
    wordpress.switch("header_stripped")

    with pytest.raises(Exception, match="sign-in"):
        sync(integration, clock)

    integration.refresh_from_db()
    assert integration.sync_status == "auth_failed"
    with pytest.raises(SyncNotPossible):
        sync(integration, clock)
    with pytest.raises(Exception, match="queue stands"):
        publish(integration, content, clock)
