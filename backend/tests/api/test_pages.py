"""Pages of a site by their addresses: files, progress, what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from igny8_core.api.v1 import pages as module
from igny8_core.auth.states import Role
from igny8_core.business.content.models import Content, SitePage
from igny8_core.business.integration.services.page_jobs import run_page_import
from tests.api.planning.asking import Asker
from tests.business.integration import test_page_files as files
from tests.make import planning as make_planning

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

HTML = "text/html; charset=utf-8"
CRAWL = files.CRAWL + (
    f"https://s.example/sofas,{HTML},200,OK,Indexable,,Sofas,5,,Sofas,,,900,1,\n"
    f"https://s.example/beds,{HTML},200,OK,Non-Indexable,noindex,Beds,4,,,,,9,1,\n"
    f"https://s.example/gone,{HTML},404,Not Found,Non-Indexable,,Gone,4,,,,,9,1,\n"
)
SITEMAP = files.SITEMAP.format("<url><loc>https://s.example/chairs</loc></url>")
WXR = files.WXR.format(files.item(title="Sofas", link="https://s.example/sofas-guide"))

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

URL = "page-imports/"


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector(domain="s.example")


def file(text: str = CRAWL) -> SimpleUploadedFile:
    return SimpleUploadedFile("pages.csv", text.encode())


def work(sector: Sector, import_id: int) -> None:
    """What a worker does with the hint."""
    run_page_import(account=sector.account, import_id=import_id, clock=timezone.now)


def test_a_file_of_pages_is_shown_started_and_read(sector: Sector) -> None:
    asker = Asker(sector.account)

    shown = asker.upload(URL, file=file(), sector=sector.pk)
    nothing = SitePage.unscoped.count()
    url = f"{URL}{shown.json()['id']}/"
    started = asker.post(f"{url}start/")
    work(sector, shown.json()["id"])
    done = asker.get(url).json()
    listed = asker.get("site-pages/", site=sector.site_id).json()["results"]
    same = asker.upload(URL, file=file(), sector=sector.pk).json()

    assert (shown.status_code, shown.json()["status"], nothing) == (201, "analysed", 0)
    assert shown.json()["report"]["pages"] == shown.json()["pages_total"] > 0
    assert (started.status_code, started.json()["requested_at"] is not None) == (202, True)
    assert (done["status"], done["pages_done"]) == ("completed", done["pages_total"])
    assert (done["created"], len(listed)) == (done["pages_total"], done["pages_total"])
    assert {"site": sector.site_id, "content": None, "source": "crawl"}.items() <= listed[0].items()
    assert (same["id"], same["status"]) == (done["id"], "completed")
    assert asker.get(f"site-pages/{listed[0]['id']}/").json() == listed[0]


def test_posts_become_content_unless_they_should_not(sector: Sector) -> None:
    asker = Asker(sector.account)

    without = asker.upload(URL, file=file(WXR), sector=sector.pk, with_posts="false")
    work(sector, without.json()["id"])
    nothing = Content.unscoped.count()
    with_posts = asker.upload(URL, file=file(WXR), sector=sector.pk)
    work(sector, with_posts.json()["id"])

    assert (nothing, without.json()["id"] != with_posts.json()["id"]) == (0, True)
    assert (
        Content.unscoped.count()
        == asker.get(f"{URL}{with_posts.json()['id']}/").json()["posts_created"]
        > 0
    )
    assert asker.ids("site-pages/", has_content="true")


def test_a_large_file_is_left_to_a_worker_and_can_be_cancelled(
    sector: Sector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_AT_ONCE_BYTES", 10)
    asker = Asker(sector.account)

    shown = asker.upload(URL, file=file(SITEMAP), sector=sector.pk).json()
    work(sector, shown["id"])
    analysed = asker.get(f"{URL}{shown['id']}/").json()
    cancelled = asker.post(f"{URL}{shown['id']}/cancel/").json()
    refused = asker.post(f"{URL}{shown['id']}/start/")

    assert (shown["status"], shown["requested_at"] is not None) == ("uploaded", True)
    assert (analysed["status"], analysed["requested_at"]) == ("analysed", None)
    assert cancelled["status"] == "cancelled"
    assert (refused.status_code, refused.json()["code"]) == (409, "transition_not_allowed")


def test_what_became_no_page_is_listed_and_goes_out(sector: Sector) -> None:
    asker = Asker(sector.account)
    shown = asker.upload(URL, file=file(), sector=sector.pk).json()

    listed = asker.get(f"{URL}{shown['id']}/issues/").json()["results"]
    codes = {row["code"] for row in listed}
    some = asker.get(f"{URL}{shown['id']}/issues/", code=listed[0]["code"]).json()["results"]
    text, answer = asker.download(f"{URL}{shown['id']}/issues/export/")

    assert codes == set(shown["report"]["issues"])
    assert {row["code"] for row in some} == {listed[0]["code"]}
    lines = text.decode("utf-8-sig").splitlines()
    assert (lines[0], len(lines)) == ("File,Row,Code,Text,How often", 1 + len(listed))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"


@pytest.mark.parametrize(
    ("fields", "errors"),
    [({}, ["file"]), ({"with_posts": "perhaps"}, ["file", "with_posts"])],
)
def test_what_cannot_be_is_refused_by_field(sector: Sector, fields: Any, errors: Any) -> None:
    answer = Asker(sector.account).upload(URL, sector=sector.pk, **fields)

    assert (answer.status_code, sorted(answer.json()["errors"])) == (422, errors)


def test_who_may_and_where_to(sector: Sector) -> None:
    foreign = make_planning.sector()
    asker = Asker(sector.account)

    broken = asker.upload(URL, file=file("no pages here"), sector=sector.pk)
    viewer = Asker(sector.account, Role.VIEWER).upload(URL, file=file(), sector=sector.pk)
    elsewhere = asker.upload(URL, file=file(), sector=foreign.pk)

    assert (broken.status_code, broken.json()["code"]) == (422, "page_file_invalid")
    assert (viewer.status_code, elsewhere.status_code) == (403, 404)
    assert asker.ids(URL, status="failed") == asker.ids(URL)


def test_pages_are_narrowed_down(sector: Sector) -> None:
    asker = Asker(sector.account)
    for text in (CRAWL, SITEMAP):
        shown = asker.upload(URL, file=file(text), sector=sector.pk).json()
        work(sector, shown["id"])
    other = make_planning.sector(sector.account)

    every = asker.ids("site-pages/")
    assert (len(every), len(asker.ids("site-pages/", source="crawl"))) == (3, 2)
    assert asker.ids("site-pages/", site=other.site_id) == []
    assert len(asker.ids("site-pages/", is_indexable="false")) == 1
