"""Many articles, published and updated over a bad line: exactly one live post of each.

By default a few, so that the suite stays quick; ``--wordpress-articles 100`` runs the full number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from igny8_core.business.content.services.editing import ContentChanges, edit_content
from igny8_core.business.integration.models import ExternalItem, SiteIntegration
from igny8_core.business.integration.services.integrations import resume_sync
from igny8_core.business.publishing.models import LIVE, PublishingRecord
from igny8_core.business.publishing.services import ask, deliver, due
from igny8_core.common.errors import DomainError
from tests.fakes import faulty_http
from tests.make import publishing as make
from tests.make.wordpress import connected_site, give_terms, picture_bytes

if TYPE_CHECKING:
    from igny8_core.auth.models import Account
    from igny8_core.business.content.models import Content
    from tests.wordpress.server import RealWordPress

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(900)]

SEED, SHARE = 20_261_128, 0.25
ROUNDS_MAX = 60


@pytest.fixture
def number(request: pytest.FixtureRequest) -> int:
    """How many articles a run has."""
    return int(request.config.getoption("--wordpress-articles") or 8)


def ask_all(integration: SiteIntegration, rows: list[Content], clock: make.Clock) -> None:
    """Ask for every article as it is now."""
    ask.request_publishing(
        account=integration.account,
        integration_id=integration.pk,
        content_ids=[row.pk for row in rows],
        now=clock(),
    )


def deliver_all(account: Account, clock: make.Clock) -> int:
    """Try what waits until nothing does, as workers would; the number of attempts."""
    attempts = 0
    for _round in range(ROUNDS_MAX):
        waiting = PublishingRecord.objects.for_account(account).filter(status="pending")
        ids = list(waiting.order_by("pk").values_list("pk", flat=True))
        if not ids:
            return attempts
        _resume(account, clock)
        for record_id in ids:
            attempts += 1
            try:
                deliver.deliver(account=account, record_id=record_id, clock=clock)
            except DomainError:
                continue
        clock.wait(hours=2)
    raise AssertionError("some records never got through")


def _resume(account: Account, clock: make.Clock) -> None:
    """As a person would whose site was paused after five answers in a row that were none."""
    for row in SiteIntegration.objects.for_account(account).filter(sync_status="paused"):
        resume_sync(account=account, integration_id=row.pk, now=clock())


def clear_up(account: Account, clock: make.Clock) -> None:
    """The checks ten minutes later, over a good line."""
    faulty_http.reset()
    for _round in range(4):
        clock.wait(minutes=11)
        due.start_checks(now=clock())
        deliver_all(account, clock)


def live_posts(wordpress: RealWordPress, rows: list[Content]) -> dict[str, list[str]]:
    """Titles of the live posts by the slug of their article."""
    found: dict[str, list[str]] = {row.slug: [] for row in rows}
    for post in wordpress.posts(status="publish"):
        for slug, titles in found.items():
            if post["slug"] == slug or post["slug"].startswith(f"{slug}-"):
                titles.append(post["title"])
    return found


def test_every_article_is_live_once_in_its_newest_revision(
    either_way: RealWordPress, number: int
) -> None:
    integration, sector, clock = connected_site(either_way)
    account = sector.account
    rows = [
        make.article(sector, title=f"Article {sector.pk}x{n} of a bad line") for n in range(number)
    ]
    for row in rows[::4]:  # some with a picture, some with a category and a tag
        make.cover(row, picture_bytes(row.pk))
    for row in rows[::3]:
        give_terms(row, "category", "tag")
    faulty_http.reset(faulty_http.Luck(SEED, SHARE))

    ask_all(integration, rows, clock)
    first = deliver_all(account, clock)
    for row in rows:
        row.refresh_from_db()
        edit_content(
            account=account,
            content_id=row.pk,
            version=row.version,
            changes=ContentChanges(title=f"{row.title}, second edition"),
            now=clock(),
        )
    ask_all(integration, rows, clock)
    second = deliver_all(account, clock)
    orphans = either_way.posts(status="draft", slug_like="igny8-%")
    clear_up(account, clock)

    assert live_posts(either_way, rows) == {
        row.slug: [f"{row.title}, second edition"] for row in rows
    }
    assert either_way.posts(status="draft", slug_like="igny8-%") == []
    live = PublishingRecord.objects.for_account(account).filter(LIVE)
    assert sorted(live.values_list("content_id", flat=True)) == sorted(row.pk for row in rows)
    items = ExternalItem.objects.for_account(account)
    assert set(items.values_list("state", flat=True)) == {"linked"}
    assert not items.exclude(verify_at=None).exists()
    print(f"{number} articles: {first} + {second} attempts, {len(orphans)} orphans swept")  # noqa: T201

    faulty_http.reset()
    ask_all(integration, rows, clock)
    deliver_all(account, clock)
    assert faulty_http.writes() == []
