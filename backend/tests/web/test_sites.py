from __future__ import annotations

import gzip
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import Client
from lxml import html

from igny8_core.auth.models import Account, Site
from igny8_core.business.content.models import Content, Images
from igny8_core.business.publishing.errors import ReleaseDamaged
from tests import make as make_tenancy
from tests.make import publishing as make

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django import Settings

    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, settings: Settings) -> None:
    """Where sites and images of this test are."""
    settings.SITES_ROOT = tmp_path / "sites"
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def sector() -> Sector:
    """A site with one live article."""
    made = make.sector()
    make.cover(make.article(made, title="Choosing a sofa"), b"cover bytes")
    make.deployed(made)
    return made


def get(sector: Sector, path: str = "", **headers: str) -> Any:
    return Client().get(f"/sites/{sector.site_id}/{path}", headers=headers)


def test_visitors_need_no_sign_in(sector: Sector) -> None:
    for path in ("", "articles/choosing-a-sofa/", "articles/", "feed.xml", "index.html"):
        response = get(sector, path)
        assert response.status_code == 200, path
        assert "Set-Cookie" not in response.headers
        assert "Vary" not in response.headers or "Cookie" not in response.headers["Vary"]


def test_the_bytes_are_those_of_the_release(sector: Sector) -> None:
    response = get(sector, "articles/choosing-a-sofa/")

    file = make.folder(sector).file(1, "articles/choosing-a-sofa/index.html")
    assert response.content == file.read_bytes()


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("", "text/html; charset=utf-8"),
        ("feed.xml", "application/atom+xml; charset=utf-8"),
        ("rss.xml", "application/rss+xml; charset=utf-8"),
        ("sitemap.xml", "application/xml; charset=utf-8"),
        ("robots.txt", "text/plain; charset=utf-8"),
    ],
)
def test_content_types(sector: Sector, path: str, content_type: str) -> None:
    assert get(sector, path).headers["Content-Type"] == content_type


def test_every_asset_of_the_release_is_served_for_ever(sector: Sector) -> None:
    assets = [p for p in make.folder(sector).manifest(1).files if p.startswith("assets/")]

    kinds = set()
    for path in assets:
        response = get(sector, path)
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        kinds.add(response.headers["Content-Type"])
    assert kinds == {
        "text/css; charset=utf-8",
        "text/javascript; charset=utf-8",
        "application/json",
        "image/svg+xml",
        "image/webp",
    }


def test_pages_run_nothing_and_are_cached_shortly(sector: Sector) -> None:
    headers = get(sector).headers

    assert "script-src 'none'" in headers["Content-Security-Policy"]
    assert "'unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Cache-Control"] == "public, max-age=60"


def test_the_search_page_alone_may_run_its_script(sector: Sector) -> None:
    search, other = (get(sector, p).headers["Content-Security-Policy"] for p in ("search/", ""))

    assert "script-src 'self'" in search
    assert "script-src 'none'" in other
    assert "'unsafe" not in search


def test_an_address_that_moved_leads_on(sector: Sector) -> None:
    Content.unscoped.filter(slug="choosing-a-sofa").update(slug="sofas", version=2)
    make.deployed(sector)

    for path in ("articles/choosing-a-sofa/", "articles/choosing-a-sofa"):
        moved = get(sector, path)
        assert moved.status_code == 301
        assert moved.headers["Location"].endswith(f"/sites/{sector.site_id}/articles/sofas/")
    Content.unscoped.filter(slug="sofas").update(slug="couches", version=3)
    make.deployed(sector)
    for slug in ("choosing-a-sofa", "sofas"):
        moved = get(sector, f"articles/{slug}/")
        assert moved.headers["Location"].endswith("/articles/couches/")
    Content.unscoped.filter(slug="couches").update(slug="sofas", version=4)
    make.deployed(sector)
    assert get(sector, "articles/sofas/").status_code == 200
    assert get(sector, "articles/couches/").headers["Location"].endswith("/articles/sofas/")


def test_what_a_visitor_has_is_not_sent_again(sector: Sector) -> None:
    etag = get(sector).headers["ETag"]

    for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        again = get(sector, **{"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == etag
        assert again.headers["Cache-Control"] == "public, max-age=60"
    assert get(sector, **{"if-none-match": '"other"'}).status_code == 200


def test_pages_are_compressed_for_those_who_ask(sector: Sector) -> None:
    response = get(sector, **{"accept-encoding": "gzip"})

    assert gzip.decompress(response.content) == get(sector).content
    again = get(sector, **{"accept-encoding": "gzip", "if-none-match": response.headers["ETag"]})
    assert again.status_code == 304


def test_an_address_without_its_slash_is_completed(sector: Sector) -> None:
    response = get(sector, "articles/choosing-a-sofa")

    assert response.status_code == 301
    assert response.headers["Location"] == "choosing-a-sofa/"


WRONG = [
    "articles/none/",
    "articles/none",
    "nothing.html",
    "manifest.json",
    ".reuse.json",
    "../current/index.html",
    "..%2f..%2f..%2fetc%2fpasswd",
    "../../../../../../etc/passwd",
    "assets/../manifest.json",
    "/etc/passwd",
    "//etc/passwd",
    "index.html/",
    "index.html%00",
    "articles\\choosing-a-sofa",
    "./index.html",
    "versions/v000001/index.html",
]


@pytest.mark.parametrize("path", WRONG)
def test_a_wrong_address_gets_the_sites_own_page(sector: Sector, path: str) -> None:
    response = get(sector, path)

    assert response.status_code == 404
    assert b"This page is not here" in response.content
    assert b"build_hash" not in response.content
    assert "ETag" not in response.headers
    assert "script-src 'none'" in response.headers["Content-Security-Policy"]


def test_a_link_out_of_the_release_is_refused(sector: Sector, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    file = make.folder(sector).version_path(1) / "robots.txt"
    file.unlink()
    file.symlink_to(secret)

    with pytest.raises(ReleaseDamaged):
        get(sector, "robots.txt")


def test_a_file_that_went_is_a_fault_of_ours(sector: Sector) -> None:
    (make.folder(sector).version_path(1) / "robots.txt").unlink()

    with pytest.raises(ReleaseDamaged):
        get(sector, "robots.txt")


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_sites_are_only_read(sector: Sector, method: str) -> None:
    response = getattr(Client(), method)(f"/sites/{sector.site_id}/")

    assert response.status_code == 405


def test_head_answers_like_get(sector: Sector) -> None:
    response = Client().head(f"/sites/{sector.site_id}/")

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["ETag"] == get(sector).headers["ETag"]


def test_an_unknown_site_and_one_without_release_are_not_found() -> None:
    empty = make.sector()

    assert Client().get("/sites/999999/").status_code == 404
    assert Client().get(f"/sites/{empty.site_id}/").status_code == 404


def test_a_deployment_is_seen_at_once_and_old_assets_stay(sector: Sector) -> None:
    (old,) = [p for p in make.folder(sector).manifest(1).files if p.endswith(".css")]
    site = sector.site
    site.settings = {"colours": {"accent": "#aa3300"}}
    site.save()
    make.deployed(sector)
    (new,) = [p for p in make.folder(sector).manifest(2).files if p.endswith(".css")]

    assert old != new
    assert new in get(sector).content.decode()
    assert get(sector, old).status_code == 200
    assert get(sector, "assets/none-0123456789ab.css").status_code == 404


def test_sites_of_two_accounts_do_not_mix(sector: Sector) -> None:
    other = make.sector(make_tenancy.account())
    make.article(other, title="Another text")
    make.deployed(other)

    assert get(other, "articles/another-text/").status_code == 200
    assert get(sector, "articles/another-text/").status_code == 404


def test_a_request_costs_one_query(sector: Sector, django_assert_num_queries: object) -> None:
    get(sector)

    with django_assert_num_queries(1):  # type: ignore[operator]
        get(sector, "feed.xml")


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(900)
def test_no_visitor_sees_a_mix_while_versions_change() -> None:
    """Each deployment changes the title, the colour and the cover; ``IGNY8_LOAD_DEPLOYS`` many."""
    count = int(os.environ.get("IGNY8_LOAD_DEPLOYS", "12"))
    sector, clock = make.sector(), make.Clock()
    article = make.article(sector, title="Choosing a sofa")
    cover = make.cover(article)
    make.deployed(sector, clock)
    stop = threading.Event()
    failures: list[str] = []
    seen: set[str] = set()
    requests = [0, 0, 0]
    home = f"/sites/{sector.site_id}/"

    def visit(number: int) -> None:
        client = Client()
        while not stop.is_set():
            page = client.get(f"{home}articles/choosing-a-sofa/")
            if page.status_code != 200:
                failures.append(f"status {page.status_code}")
                continue
            root = html.document_fromstring(page.content)
            title = str(root.findtext(".//h1"))
            if page.content.decode().count(title) < 4:
                failures.append("a mixed page")
            assets = [str(e.get("href")) for e in root.findall(".//link[@rel='stylesheet']")]
            assets += [str(e.get("src")) for e in root.findall(".//img")]
            for asset in assets:
                answer = client.get(asset)
                if answer.status_code != 200:
                    failures.append(f"{asset}: {answer.status_code}")
            requests[number] += 1 + len(assets)
            seen.add(title)
        connection.close()

    visitors = [threading.Thread(target=visit, args=(n,)) for n in range(3)]
    for visitor in visitors:
        visitor.start()
    for version in range(2, count + 2):
        clock.wait(minutes=20)
        data = f"cover {version}".encode()
        file = make.media_file(f"covers/{version}.webp", data)
        Images.unscoped.filter(pk=cover.pk).update(path=file["path"], variants=[file])
        look = {"colours": {"accent": f"#{version * 7919 % 0xFFFFFF:06x}"}}
        Site.unscoped.filter(pk=sector.site_id).update(settings=look)
        Content.unscoped.filter(pk=article.pk).update(version=version, title=f"Sofa {version}.")
        make.deployed(sector, clock)
    stop.set()
    for visitor in visitors:
        visitor.join()

    assert failures == []
    assert len(seen) > 1
    assert min(requests) > count
    assert make.folder(sector).live_version() == count + 1


def test_a_closed_account_serves_no_site_and_a_suspended_one_does(sector: Sector) -> None:
    before = get(sector).status_code
    Account.objects.filter(pk=sector.account_id).update(status="suspended")
    suspended = get(sector).status_code
    Account.objects.filter(pk=sector.account_id).update(status="closed")
    closed = get(sector).status_code

    assert (before, suspended, closed) == (200, 200, 404)
