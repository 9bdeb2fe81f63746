"""A site of the customer's own, which is the receiver of our documentation, word by word."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import pytest

from igny8_core.clients.custom_site import CustomSite
from igny8_core.clients.destinations import (
    Article,
    AuthRefused,
    Connection,
    PermissionMissing,
    Placed,
    RemoteGone,
    RemoteStale,
    SiteBusy,
    SiteMisconfigured,
    SiteRefused,
    Term,
    Visibility,
)
from igny8_core.clients.guarded_http import Answer, OutcomeUnknown, RedirectRefused
from igny8_core.common.errors import Transient
from igny8_core.common.signed_messages import signed_headers
from tests.clients.articles import KEY, PICTURE, picture
from tests.clients.articles import article as plain_article
from tests.fakes.custom_receiver import Site, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def site() -> Iterator[Site]:
    running = Site()
    yield running
    running.stop()


def article(revision: int = 1, **fields: Any) -> Article:
    return plain_article(revision, **{"terms": (Term("category", "Sofas", "sofas"),)} | fields)


def publish(adapter: CustomSite, given: Article, external_id: str = "", key: UUID = KEY) -> str:
    """What a delivery does, without its rows."""
    placed = Placed({}, {p.sha256: adapter.place_picture(p) for p in given.pictures})
    external_id = external_id or adapter.reserve(key, "post")
    before = adapter.read(external_id, key, "post")
    body = adapter.body(given, placed, before)
    if adapter.watched(body, before) == before.watched and before.watched:
        return before.external_id
    after = adapter.write(body, before=before, key=key, revision=given.revision)
    assert adapter.drift(adapter.watched(body, before), after.watched) == []
    return after.external_id


def test_an_article_arrives_whole(site: Site) -> None:
    external_id = publish(site.adapter, article())

    (item,) = site.items.values()
    digest = sha256(PICTURE).hexdigest()
    file = f"https://files.example.com/{digest}"
    assert external_id == item["id"] == str(KEY)
    assert item["html"] == f'<p>Text</p><img src="{file}">'
    assert item["featured_image"] == {
        "url": file, "alt": "Alt", "sha256": digest, "width": 8, "height": 8,
    }  # fmt: skip
    assert item["taxonomies"] == [{"type": "category", "name": "Sofas", "slug": "sofas"}]
    assert item["seo"]["title"] == "Seo"
    assert item["published_at"] == "2026-11-01T00:00:00+00:00"
    assert site.adapter.sweep(KEY, external_id, "post") == []
    assert site.adapter.place_term(Term("tag", "x", "x")) == ""


def test_a_withdrawn_article_keeps_its_text(site: Site) -> None:
    external_id = publish(site.adapter, article())
    hidden = Article(2, "", "", "", visibility=Visibility.HIDDEN)

    publish(site.adapter, hidden, external_id)

    (item,) = site.items.values()
    assert (item["status"], item["title"]) == ("draft", "Title 1")


def test_an_older_revision_is_refused(site: Site) -> None:
    external_id = publish(site.adapter, article(5))

    with pytest.raises(RemoteStale):
        publish(site.adapter, article(4), external_id)


def test_what_was_removed_there_is_gone(site: Site) -> None:
    external_id = publish(site.adapter, article())
    site.items.clear()

    with pytest.raises(RemoteGone):
        site.adapter.read(external_id, KEY, "post")


def test_a_check_goes_all_the_way_and_leaves_nothing(site: Site) -> None:
    report = site.adapter.check(is_writing=True)
    wrong = site.adapter_with("whsec_" + "QUFB" * 8).check(is_writing=True)

    assert [(f.code, f.is_ok) for f in report.findings] == [("health", True), ("round_trip", True)]
    assert site.items == {}
    assert [(f.code, f.is_ok) for f in wrong.findings] == [("signature_refused", False)]
    assert "secret" in wrong.findings[0].fix


def test_messages_are_signed_and_not_taken_twice_when_old(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def old(*given: Any, now: datetime) -> dict[str, str]:
        return signed_headers(*given, now=now - timedelta(minutes=6))

    monkeypatch.setattr("igny8_core.clients.custom_site.signed_headers", old)

    with pytest.raises(AuthRefused):
        publish(site.adapter, article())
    assert site.items == {}


class Answers:
    """A wire with one answer to everything."""

    def __init__(self, status: int, body: bytes = b"{}") -> None:
        headers = httpx.Headers({"retry-after": "7"})
        self.answer = Answer(status, headers, body, "x")

    def request(self, *_args: Any, **_more: Any) -> Answer:
        if self.answer.status == 301:
            raise RedirectRefused("elsewhere")
        return self.answer


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, SiteMisconfigured),
        (401, AuthRefused),
        (403, PermissionMissing),
        (409, RemoteStale),
        (410, SiteMisconfigured),
        (422, SiteRefused),
        (429, SiteBusy),
        (500, OutcomeUnknown),
        (503, OutcomeUnknown),
    ],
)
def test_what_answers_mean(status: int, error: type[Exception]) -> None:
    wire: Any = Answers(status)
    adapter = CustomSite(Connection("https://x.test", {"secret": "sixteen-letters!"}, wire))
    before = replace(adapter_before(), external_id="")

    with pytest.raises(error) as raised:
        adapter.write(adapter.body(article(), Placed(), before), before=before, key=KEY, revision=1)

    if status in {429, 500}:
        assert raised.value.data["retry_after_seconds"] == 7.0  # type: ignore[attr-defined]


def adapter_before() -> Any:
    wire: Any = Answers(404)
    return CustomSite(Connection("https://x.test", {"secret": "s" * 16}, wire)).read(
        "", KEY, "post"
    )


@pytest.mark.parametrize("body", [b"[]", b"no json"])
def test_an_answer_that_is_none_is_unknown(body: bytes) -> None:
    wire: Any = Answers(200, body)
    adapter = CustomSite(Connection("https://x.test", {"secret": "s" * 16}, wire))

    with pytest.raises(OutcomeUnknown):
        adapter.read("x", KEY, "post")


def test_a_site_that_cannot_be_read_is_written_anyway() -> None:
    wire: Any = Answers(405)
    adapter = CustomSite(Connection("https://x.test", {"secret": "s" * 16}, wire))
    known, new = adapter.read("7", KEY, "post"), adapter.read("", KEY, "post")
    hidden = Article(2, "", "", "", visibility=Visibility.HIDDEN)

    assert (known.is_untouched, new.is_untouched, known.watched) == (False, True, {})
    assert adapter.watched(adapter.body(article(), Placed(), known), known) == {}
    assert adapter.body(hidden, Placed(), known).unread == {"is_hidden": True}
    with pytest.raises(SiteRefused):
        adapter.place_picture(picture())


@pytest.mark.parametrize("seed", range(3))
def test_seeded_faults_leave_one_item_each_with_its_newest_text(site: Site, seed: int) -> None:
    luck = random.Random(seed)  # noqa: S311 - repeatable
    faults = ["", "", "", "lost", "late", "away"]
    keys = [uuid4() for _ in range(15)]
    for key in keys:
        for revision in (1, 2):
            known = str(key) if str(key) in site.items else ""
            for _attempt in range(60):
                Wire.luck = staticmethod(lambda: luck.choice(faults))
                try:
                    publish(site.adapter, article(revision), known, key)
                except Transient:
                    continue
                except RemoteStale:
                    break
                break
            Wire.luck = staticmethod(lambda: "")
            Wire.arrive()
    for key in keys:  # the look after ten minutes
        publish(site.adapter, article(2), str(key), key)

    assert sorted(site.items) == sorted(map(str, keys))
    assert {item["title"] for item in site.items.values()} == {"Title 2"}
    assert {item["status"] for item in site.items.values()} == {"published"}
