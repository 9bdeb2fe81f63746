"""Reservations that nobody needs are swept from a real WordPress, and nothing else is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from igny8_core.business.integration.models import ExternalItem, SyncEvent
from igny8_core.clients.guarded_http import OutcomeUnknown
from tests.fakes import faulty_http
from tests.make import publishing as make
from tests.make.delivery import look_again, request, send
from tests.make.wordpress import connected_site

if TYPE_CHECKING:
    from tests.wordpress.server import RealWordPress

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

PATIENCE_SECONDS = 15.0


def drafts(wordpress: RealWordPress, key: str) -> list[str]:
    """Ids of drafts below a reservation's slug."""
    found = wordpress.posts(status="draft", slug_like=f"igny8-{key}%")
    return [str(post["id"]) for post in found]


def until_late_ones_are_in(wordpress: RealWordPress) -> None:
    """Wait until the server has done what its client gave up waiting for."""
    marker = 'return (int) get_option("igny8_test_late");'
    end = time.monotonic() + PATIENCE_SECONDS
    while wordpress.php(marker) < 1:
        assert time.monotonic() < end, "the late request never arrived"


def late_once() -> object:
    """The first write comes long after its client has given up."""
    faults = iter([faulty_http.LATE])
    return lambda method, _url: next(faults, "") if method != "GET" else ""


def test_a_reservation_that_came_late_is_removed_and_what_looks_like_it_stays(
    either_way: RealWordPress,
) -> None:
    wordpress = either_way
    wordpress.php('update_option("igny8_test_late", 0); return true;')
    integration, sector, clock = connected_site(wordpress)
    content = make.article(sector)
    record = request(integration, content, clock)
    faulty_http.reset(late_once())
    with pytest.raises(OutcomeUnknown):
        send(record, clock)
    item = ExternalItem.objects.for_account(sector.account).get()
    key = item.external_key.hex
    clock.wait(minutes=2)
    send(record, clock)
    until_late_ones_are_in(wordpress)
    orphans = drafts(wordpress, key)
    assert len(orphans) == (0 if integration.capabilities.get("companion") else 1)
    kept = [
        wordpress.php(
            f"return wp_insert_post(['post_title' => '{title}', 'post_name' => 'igny8-{slug}',"
            f" 'post_status' => '{status}', 'post_content' => '{text}']);"
        )
        for title, slug, status, text in [
            ("(publishing)", f"{key}-5", "draft", "Somebody wrote here"),
            ("Mine", f"{key}-6", "draft", ""),
            ("(publishing)", f"{key}-7", "publish", ""),
            ("(publishing)", uuid4().hex, "draft", ""),
        ]
    ]

    assert look_again(sector.account, clock) == 1

    assert [one for one in orphans if one in drafts(wordpress, key)] == []
    there = {int(post["id"]) for post in wordpress.posts(slug_like="igny8-%")}
    assert there >= set(kept)
    (live,) = wordpress.posts(status="publish", slug_like=f"{content.slug}%")
    item.refresh_from_db()
    assert (item.external_id, item.verify_at) == (str(live["id"]), None)
    event = SyncEvent.objects.for_account(sector.account).latest("pk")
    assert (event.details["is_check"], event.details["swept"]) == (True, orphans)
    assert look_again(sector.account, clock) == 0
    wordpress.php(f"foreach ({kept} as $id) {{ wp_delete_post($id, true); }} return true;")
