"""The adapter against a shop in memory: one article each, whatever is lost, late or throttled."""

from __future__ import annotations

import json
import random
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from igny8_core.clients import shopify_queries as queries
from igny8_core.clients.destinations import (
    Article,
    AuthRefused,
    Connection,
    PermissionMissing,
    Placed,
    RemoteGone,
    SiteBusy,
    SiteMisconfigured,
    SiteRefused,
    Term,
    Visibility,
)
from igny8_core.clients.guarded_http import Answer, OutcomeUnknown
from igny8_core.clients.shopify_site import ShopifySite, reserved_handle
from igny8_core.common.errors import DomainError, Transient
from tests.clients.articles import KEY, PICTURE
from tests.clients.articles import article as plain_article
from tests.fakes.shopify_shop import BLOG, Shop, schema


@pytest.fixture(scope="module")
def known_schema() -> Any:
    return schema()


def adapter(shop: Shop, saved: list[Any] | None = None, **credentials: str) -> ShopifySite:
    given = {"client_id": "app", "client_secret": "right", "access_token": "token-1",
        "expires_at": "99999999999", **credentials}  # fmt: skip
    wire: Any = shop

    def renew(fetch: Any) -> Any:
        fresh = fetch(saved[-1] if saved else given)
        if saved is not None:
            saved.append(fresh)
        return fresh

    return ShopifySite(Connection("https://shop.myshopify.com", given, wire, renew=renew))


@pytest.fixture
def shop(known_schema: Any) -> Shop:
    return Shop(known_schema)


def article(revision: int = 1, **fields: Any) -> Article:
    return plain_article(
        revision,
        **{"terms": (Term("tag", "Sofas", "sofas"), Term("category", "Home", "home"))} | fields,
    )


def publish(site: ShopifySite, given: Article, key: UUID = KEY) -> str:
    """What a delivery does, without its rows: everything again in each attempt."""
    placed = Placed({}, {p.sha256: site.place_picture(p) for p in given.pictures})
    external_id = KNOWN.get(key) or site.reserve(key, "post")
    KNOWN[key] = external_id
    before = site.read(external_id, key, "post")
    body = site.body(given, placed, before)
    if site.watched(body, before) == before.watched:
        return external_id
    after = site.write(body, before=before, key=key, revision=given.revision)
    assert set(site.drift(site.watched(body, before), after.watched)) <= {"handle"}
    return external_id


KNOWN: dict[UUID, str] = {}


@pytest.fixture(autouse=True)
def _forget() -> None:
    KNOWN.clear()


def test_queries_are_those_of_the_pinned_version(known_schema: Any) -> None:
    if known_schema is None:
        pytest.skip("Shopify's schema is not here: make shopify-schema")
    from graphql import parse, validate

    for name, query in queries.ALL.items():
        assert validate(known_schema, parse(query)) == [], name


def test_an_article_arrives_whole(shop: Shop) -> None:
    external_id = publish(adapter(shop), article())

    (found,) = shop.articles.values()
    name = f"igny8-{sha256(PICTURE).hexdigest()[:32]}.webp"
    assert found["id"] == external_id
    assert found["body"] == f'<p>Text</p><img src="https://cdn.test/{name}">'
    assert (found["handle"], found["isPublished"], found["blogId"]) == ("a-title", True, BLOG)
    assert found["image"] == {"url": f"https://cdn.test/{name}", "altText": "Alt"}
    assert (found["tags"], found["redirectNewHandle"]) == (["Home", "Sofas"], False)
    assert found["seo"] == {"title_tag": "Seo", "description_tag": "Description"}
    assert found["publishDate"] == "2026-11-01T00:00:00+00:00"
    assert found["author"] == {"name": "IGNY8"}


def test_the_same_again_writes_nothing_and_another_revision_does(shop: Shop) -> None:
    site = adapter(shop)
    publish(site, article())
    written = shop.asked.count("Update")

    publish(site, article())
    assert shop.asked.count("Update") == written
    publish(site, article(2))

    assert [a["title"] for a in shop.articles.values()] == ["Title 2"]
    assert shop.asked.count("Stage") == 1


def test_a_withdrawn_article_is_hidden_and_keeps_its_text(shop: Shop) -> None:
    site = adapter(shop)
    publish(site, article())

    publish(site, Article(2, "", "", "", visibility=Visibility.HIDDEN))

    (found,) = shop.articles.values()
    assert (found["isPublished"], found["title"]) == (False, "Title 1")


def test_a_handle_that_is_taken_gets_a_suffix(shop: Shop) -> None:
    site = adapter(shop)
    publish(site, article())

    publish(site, article(slug="a-title"), uuid4())

    assert sorted(a["handle"] for a in shop.articles.values()) == ["a-title", "a-title-2"]


def test_what_was_deleted_there_is_gone(shop: Shop) -> None:
    site = adapter(shop)
    external_id = publish(site, article())
    before = site.read(external_id, KEY, "post")
    shop.articles.clear()

    with pytest.raises(RemoteGone):
        site.read(external_id, KEY, "post")
    with pytest.raises(RemoteGone):
        site.write(site.body(article(), Placed(), before), before=before, key=KEY, revision=1)


def test_a_search_that_lags_makes_no_second_article(shop: Shop) -> None:
    shop.lag = 2
    site = adapter(shop)
    external_id = site.reserve(KEY, "post")

    for _turn in range(2):
        with pytest.raises(Transient):
            site.reserve(KEY, "post")

    assert site.reserve(KEY, "post") == external_id
    assert len(shop.articles) == 1


def test_reservations_besides_the_item_are_swept(shop: Shop) -> None:
    site = adapter(shop)
    reserved = site.reserve(KEY, "post")

    assert site.sweep(KEY, reserved, "post") == []
    assert site.sweep(KEY, "gid://shopify/Article/1", "post") == [reserved]
    assert shop.articles == {}


def test_a_token_is_renewed_once_and_kept_before_it_is_used(shop: Shop) -> None:
    saved: list[dict[str, str]] = []
    shop.token = "another"
    adapter(shop, saved).reserve(KEY, "post")
    assert [one["access_token"] for one in saved] == ["token-2"]
    adapter(shop, saved, access_token="token-2", expires_at="1").reserve(KEY, "post")
    assert [one["access_token"] for one in saved] == ["token-2", "token-3"]

    with pytest.raises(AuthRefused):
        adapter(shop, access_token="", client_secret="wrong").reserve(KEY, "post")


def test_a_shop_that_is_busy_says_how_long(shop: Shop) -> None:
    shop.luck = lambda: "throttled"

    with pytest.raises(SiteBusy) as busy:
        adapter(shop).reserve(KEY, "post")

    assert busy.value.retry_after_seconds == 2.0


class Says:
    """A wire with one answer."""

    def __init__(self, status: int, found: Any = None) -> None:
        self.answer = Answer(status, httpx.Headers(), json.dumps(found).encode(), "x")

    def request(self, *_args: Any, **_more: Any) -> Answer:
        return self.answer


def coded(code: str) -> dict[str, Any]:
    """An answer with one error."""
    return {"errors": [{"message": "x", "extensions": {"code": code}}]}


@pytest.mark.parametrize(
    ("status", "found", "error"),
    [
        (200, coded("ACCESS_DENIED"), PermissionMissing),
        (200, coded("INTERNAL_SERVER_ERROR"), OutcomeUnknown),
        (200, {"errors": [{"message": "x"}]}, SiteRefused),
        (200, {"errors": "x"}, SiteRefused),
        (200, {}, OutcomeUnknown),
        (200, [], OutcomeUnknown),
        (403, {}, PermissionMissing),
        (404, {}, SiteMisconfigured),
        (423, {}, SiteMisconfigured),
        (429, {}, SiteBusy),
        (502, {}, OutcomeUnknown),
    ],
)  # fmt: skip
def test_what_answers_mean(status: int, found: Any, error: type[DomainError]) -> None:
    wire: Any = Says(status, found)

    with pytest.raises(error):
        adapter(wire).reserve(KEY, "post")


def test_a_check_says_what_is_missing(shop: Shop) -> None:
    report = adapter(shop).check(is_writing=True)
    assert [(f.code, f.is_ok) for f in report.findings] == [("signed_in", True), ("writing", True)]
    assert report.capabilities["blog_id"] == BLOG
    assert report.capabilities["url"] == "https://sofa.test"
    assert shop.articles == {}

    shop.scopes, shop.has_blog = ("read_content",), False
    found = {f.code: f.is_ok for f in adapter(shop).check(is_writing=True).findings}
    assert found == {
        "signed_in": True, "no_scope_articles": False, "no_scope_images": True, "no_blog": False,
    }  # fmt: skip
    (refused,) = adapter(shop, access_token="", client_secret="no").check(is_writing=True).findings
    assert (refused.code, refused.is_ok) == ("client_refused", False)


@pytest.mark.parametrize("seed", range(4))
def test_seeded_faults_leave_one_live_article_each_and_no_orphan(shop: Shop, seed: int) -> None:
    luck = random.Random(seed)  # noqa: S311 - repeatable
    faults = ["", "", "", "", "lost", "late", "away", "throttled", "500"]
    site, keys = adapter(shop), [uuid4() for _ in range(12)]
    shop.lag = seed % 3
    for number, key in enumerate(keys):
        for revision in (1, 2):
            for _attempt in range(80):
                shop.luck = lambda: luck.choice(faults)
                try:
                    publish(site, article(revision, slug=f"title-{number}"), key)
                except Transient:
                    continue
                break
            shop.luck = lambda: ""
            shop.arrive()
    shop.catch_up()
    for number, key in enumerate(keys):  # the look after ten minutes
        publish(site, article(2, slug=f"title-{number}"), key)
        site.sweep(key, KNOWN[key], "post")

    assert len(shop.articles) == len(keys)
    assert {a["title"] for a in shop.articles.values()} == {"Title 2"}
    assert all(a["isPublished"] for a in shop.articles.values())
    assert sorted(a["handle"] for a in shop.articles.values()) == sorted(
        f"title-{n}" for n in range(len(keys))
    )
    assert not any(a["handle"] == reserved_handle(k) for a in shop.articles.values() for k in keys)
