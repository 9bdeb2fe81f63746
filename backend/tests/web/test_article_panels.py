"""What stands beside an article: links, notes, topics, times, checks, pictures, the calendar."""

from __future__ import annotations

import io
import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from lxml import html
from PIL import Image

from igny8_core.auth.models import Site
from igny8_core.auth.states import Role
from igny8_core.business.automation.models import WorkItem
from igny8_core.business.content.models import Content, ContentComment, ContentTaxonomy, Images
from igny8_core.business.content.services.brand_voice import brand_voice
from igny8_core.business.content.services.score_content import score_content
from igny8_core.business.content.states import ContentStatus
from igny8_core.business.planning.models import Keywords
from tests import make
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make import publishing as make_publishing
from tests.web.screens import HTMX, address, text_of, undo_of

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

DASH = "\N{EN DASH}"
PANELS = ("score", "brief", "links", "images", "notes", "topics", "versions")


def client_of(sector: Sector, role: Role = Role.EDITOR) -> Client:
    client = Client()
    client.force_login(make.member(sector.account, role, name="Mo Winter"))
    return client


def png() -> SimpleUploadedFile:
    out = io.BytesIO()
    Image.new("RGB", (64, 40), "teal").save(out, "PNG")
    return SimpleUploadedFile("teal.png", out.getvalue(), "image/png")


@pytest.fixture
def article(sector: Sector) -> Content:
    """In review, of a cluster with keywords, with a mention of another article."""
    cluster = make_planning.cluster(sector, "Sofas")
    make_planning.keywords(sector, ["sofa", "corner sofa"], cluster=cluster)
    Keywords.unscoped.filter(keyword="sofa").update(
        attributes={"serp_urls": ["https://rival.example/sofas"]}
    )
    make_content.article(sector, title="Armchairs", primary_keyword="armchair", cluster=cluster)
    task = make_content.writing_task(cluster, title="Sofas", keywords="sofa\ncorner sofa")
    blocks = [
        {"id": "b1", "type": "paragraph", "text": "A sofa is no armchair. " + make_content.TEXT * 3}
    ]
    return make_content.article(
        sector, title="Sofas", primary_keyword="sofa", cluster=cluster, task=task, blocks=blocks,
        status=ContentStatus.REVIEW, slug="sofas",
    )  # fmt: skip


def panel(article: Content, name: str, client: Client) -> Any:
    url = address(article.sector, "content", content_id=article.pk)
    return client.get(f"{url}?panel={name}", headers=HTMX)


def test_each_panel_is_a_fragment_with_its_own_facts(article: Content) -> None:
    score_content(account=article.account, content_id=article.pk, now=timezone.now())
    client = client_of(article.sector)

    found = {name: text_of(panel(article, name, client)) for name in PANELS}

    assert "content score" in found["score"]
    assert "1 of 2 are in the text" in found["brief"]
    assert "rival.example" in found["brief"]
    assert "Armchairs" in found["links"]
    assert "No pictures yet" in found["images"]
    assert "No open notes" in found["notes"]
    assert "Sofas Category, new" in found["topics"]
    assert "You see version 1" in found["versions"]


def test_a_brief_is_shown_though_the_keyword_is_in_no_list(sector: Sector) -> None:
    row = make_content.article(sector, primary_keyword="unheard of")

    shown = panel(row, "brief", client_of(sector))

    assert shown.status_code == 200
    assert "It belongs to no cluster" in text_of(shown)
    assert "IGNY8 asks no search engine" in text_of(shown)


def test_no_panel_takes_many_queries(article: Content) -> None:
    client, counts = client_of(article.sector), {}
    panel(article, "score", client)
    for name in PANELS:
        with CaptureQueriesContext(connection) as seen:
            panel(article, name, client)
        counts[name] = len(seen)

    assert max(counts.values()) <= 20, counts


def test_a_suggested_link_is_set_and_the_words_stay(article: Content) -> None:
    client = client_of(article.sector)
    target = Content.unscoped.get(title="Armchairs")
    url = address(article.sector, "content_links", content_id=article.pk)

    nothing = client.post(url, headers=HTMX)
    client.post(url, {"targets": str(target.pk), "version": "1"}, headers=HTMX)

    article.refresh_from_db()
    assert (nothing.status_code, article.version) == (422, 2)
    assert f'<a href="#content-{target.pk}">armchair</a>' in article.html
    assert "armchair → Armchairs" in text_of(panel(article, "links", client))


def test_notes_are_written_settled_opened_and_removed(article: Content) -> None:
    client, scope = client_of(article.sector), {"content_id": article.pk}
    client.post(address(article.sector, "content_note", **scope), {"text": "Too long."})
    note = ContentComment.unscoped.get()
    settle = address(article.sector, "content_note_settle", comment_id=note.pk, **scope)

    written = text_of(panel(article, "notes", client))
    client.post(settle, headers=HTMX)
    settled = text_of(panel(article, "notes", client))
    client.post(settle, {"is_open": "1"}, headers=HTMX)
    delete = address(article.sector, "content_note_delete", comment_id=note.pk, **scope)
    client.post(delete, headers=HTMX)

    assert "Mo Winter" in written
    assert "Too long." in written
    assert "1 settled" in settled
    assert not ContentComment.unscoped.exists()


def test_why_it_was_sent_back_is_a_note_that_stays(article: Content) -> None:
    client, scope = client_of(article.sector), {"content_id": article.pk}
    client.post(address(article.sector, "content_send_back", **scope), {"note": "No figures."})
    note = ContentComment.unscoped.get()

    shown = text_of(panel(article, "notes", client))
    delete = address(article.sector, "content_note_delete", comment_id=note.pk, **scope)
    refused = client.post(delete, headers=HTMX)

    assert "Sent back" in shown
    assert refused.status_code == 403
    assert ContentComment.unscoped.count() == 1


def test_topics_are_exactly_those_that_are_ticked(article: Content) -> None:
    client = client_of(article.sector)
    url = address(article.sector, "content_topics", content_id=article.pk)

    client.post(url, {"new": ["category:Sofas", "tag:Corners", "nonsense:x"]}, headers=HTMX)
    made = {t.name: t.pk for t in ContentTaxonomy.unscoped.all()}
    client.post(url, {"taxonomies": str(made["Sofas"])}, headers=HTMX)

    names = set(article.taxonomies.values_list("name", flat=True))
    assert set(made) == {"Sofas", "Corners"}
    assert names == {"Sofas"}


def test_a_time_is_set_on_the_sites_clocks_moved_and_taken_back(article: Content) -> None:
    Site.unscoped.filter(pk=article.site_id).update(timezone="Asia/Tokyo")
    client = client_of(article.sector)
    url = address(article.sector, "content_schedule", content_id=article.pk)
    day = (timezone.now() + timedelta(days=40)).date()

    nonsense = client.post(url, {"publish_at": "soon"}, headers=HTMX)
    client.post(url, {"publish_at": f"{day}T09:00"})
    article.refresh_from_db()
    first = article.publish_at
    moved = client.post(url, {"publish_at": f"{day}T10:00", "from": "calendar"}, headers=HTMX)
    undo = undo_of(moved)
    client.post(undo["url"], undo["values"], headers=HTMX)
    article.refresh_from_db()
    back = article.publish_at
    client.post(url, {"publish_at": f"{day}T10:00", "clear": "1"})
    article.refresh_from_db()

    assert nonsense.status_code == 422
    assert first == back == datetime(day.year, day.month, day.day, 0, 0, tzinfo=UTC)
    assert (moved.status_code, article.publish_at) == (204, None)


def test_many_articles_get_their_times_one_after_another(sector: Sector) -> None:
    rows = [make_content.article(sector, status=ContentStatus.REVIEW) for _ in range(2)]
    client, url = client_of(sector), address(sector, "content_bulk")
    given = {"action": "schedule", "ids": ",".join(str(row.pk) for row in rows)}

    asked = text_of(client.post(url, given, headers=HTMX))
    when = {"confirmed": "1", "publish_at": "2027-05-03T09:00", "every": "1440"}
    done = client.post(url, given | when, headers=HTMX)

    times = [row.publish_at for row in Content.unscoped.order_by("pk")]
    assert "Schedule 2 articles?" in asked
    assert "2 articles are scheduled." in json.loads(done["HX-Trigger"])["toast"]["text"]
    assert times == [datetime(2027, 5, 3, 9, tzinfo=UTC), datetime(2027, 5, 4, 9, tzinfo=UTC)]


def test_a_refused_approval_says_every_reason_on_the_page(article: Content) -> None:
    Site.unscoped.filter(pk=article.site_id).update(settings={"images": {"on_failure": "block"}})
    make_content.image(article)
    client, scope = client_of(article.sector), {"content_id": article.pk}

    refused = client.post(address(article.sector, "content_approve", **scope), {"version": "1"})
    checked = client.post(address(article.sector, "content_check", **scope), headers=HTMX)

    assert refused.status_code == 422
    assert "images: Featured 0: pending" in text_of(refused)
    assert "This cannot be overridden" in text_of(refused)
    assert "Featured 0: pending" in text_of(checked)
    article.refresh_from_db()
    assert article.approved_version is None


def test_a_draft_that_is_not_complete_says_what_is_missing(sector: Sector) -> None:
    row = make_content.article(sector, slug="")

    answer = client_of(sector).post(address(sector, "content_submit", content_id=row.pk))

    assert answer.status_code == 422
    assert "Short name in the address: is missing" in text_of(answer)


def test_pictures_are_planned_brought_described_replaced_and_binned(article: Content) -> None:
    client, scope = client_of(article.sector), {"content_id": article.pk}
    client.post(address(article.sector, "image_plan", **scope), headers=HTMX)
    upload = address(article.sector, "image_upload", **scope)

    none = client.post(upload, headers=HTMX)
    client.post(upload, {"file": png(), "alt": "A teal sofa"}, headers=HTMX)
    planned = Images.unscoped.get(status="pending")
    change = address(article.sector, "image_change", image_id=planned.pk)
    refused = client.post(change, {"file": SimpleUploadedFile("x.png", b"no"), "alt": "x"},
                          headers=HTMX)  # fmt: skip
    client.post(change, {"file": png(), "alt": "A cover"}, headers=HTMX)
    silent = client.post(change, {"alt": "", "caption": "c"}, headers=HTMX)
    planned.refresh_from_db()
    gone = client.post(
        address(article.sector, "image_delete"), {"ids": str(planned.pk)}, headers=HTMX
    )
    undo = undo_of(gone)
    in_bin = Images.unscoped.exclude(deleted_at=None).count()
    client.post(undo["url"], undo["values"], headers=HTMX)

    assert (none.status_code, refused.status_code, silent.status_code) == (422, 422, 422)
    assert "No JPEG, PNG, WebP or GIF that can be read." in text_of(refused)
    assert (planned.status, planned.alt) == ("generated", "A cover")
    assert (in_bin, Images.unscoped.filter(deleted_at=None).count()) == (1, 2)


def test_a_picture_is_shown_once_and_then_kept(article: Content) -> None:
    client = client_of(article.sector, Role.VIEWER)
    editor = client_of(article.sector)
    upload = address(article.sector, "image_upload", content_id=article.pk)
    editor.post(upload, {"file": png(), "alt": "A teal sofa"}, headers=HTMX)
    made = Images.unscoped.get()
    url = address(article.sector, "image_file", image_id=made.pk)

    first = client.get(f"{url}?w=16")
    again = client.get(url, headers={"If-None-Match": first["ETag"]})
    named = client.get(f"{url}?v={first['ETag'].strip(chr(34))}")

    assert first["Content-Type"] == "image/webp"
    assert first.content.startswith(b"RIFF")
    assert (again.status_code, again.content) == (304, b"")
    assert first["Cache-Control"] == "private, no-cache"
    assert named.status_code == 200


def test_pictures_are_asked_for_after_their_price(article: Content) -> None:
    failed = make_content.image(article, status="failed", error="It said no.")
    client, url = client_of(article.sector), address(article.sector, "image_make")

    gallery = text_of(client.get(address(article.sector, "images") + "?view=failed"))
    asked = text_of(client.post(url, {"ids": str(failed.pk)}, headers=HTMX))
    before = WorkItem.unscoped.count()
    done = client.post(url, {"ids": str(failed.pk), "confirmed": "1"}, headers=HTMX)

    failed.refresh_from_db()
    assert "It said no. · 0 credits charged" in gallery
    assert "Make 1 picture?" in asked
    assert (before, done.status_code, WorkItem.unscoped.count()) == (0, 204, 1)
    assert (failed.status, failed.attempt) == ("pending", 2)


LISTS = ("images", "taxonomies", "publishing_calendar", "publishing_calendar?view=week",
         "optimizations")  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_lists_take_the_same_queries_whatever_the_rows(name: str, sector: Sector) -> None:
    name, mark, query = name.partition("?")
    client, url = client_of(sector), address(sector, name) + mark + query
    rows = [make_content.article(sector, status=ContentStatus.REVIEW) for _ in range(6)]
    make_content.image(rows[0])
    client.get(url)
    with CaptureQueriesContext(connection) as few:
        client.get(url, headers=HTMX)
    for row in rows[1:]:
        make_content.image(row)
        make_publishing.cover(make_content.article(sector))
        ContentTaxonomy.unscoped.create(
            account=sector.account,
            site=sector.site,
            taxonomy_type="category",
            name=row.title,
            slug=row.slug,
        )
        later = timezone.now() + timedelta(hours=1)
        Content.unscoped.filter(pk=row.pk).update(publish_at=later, score=20)
    with CaptureQueriesContext(connection) as many:
        client.get(url, headers=HTMX)

    assert len(few) == len(many) <= 16


def test_the_calendar_shows_what_is_planned_and_what_was_published(sector: Sector) -> None:
    row = make_content.article(sector, title="Planned", status=ContentStatus.REVIEW)
    Content.unscoped.filter(pk=row.pk).update(publish_at=datetime(2030, 5, 6, 7, 0, tzinfo=UTC))
    live = make_content.article(sector, title="Live", status=ContentStatus.PUBLISHED)
    Content.unscoped.filter(pk=live.pk).update(published_at=datetime(2030, 5, 2, tzinfo=UTC))
    make_content.article(sector, title="No time", status=ContentStatus.REVIEW)
    client, url = client_of(sector), address(sector, "publishing_calendar")

    page = html.fromstring(client.get(f"{url}?month=2030-05").content)
    nonsense = client.get(f"{url}?month=2030-77")
    slot = client.get(address(sector, "publishing_slot", content_id=row.pk), headers=HTMX)
    day = {one: " ".join(" ".join(page.get_element_by_id(one).itertext()).split())
           for one in ("d2030-05-06", "d2030-05-02", "d2030-05-03")}  # fmt: skip

    assert "07:00 Planned Not approved yet" in day["d2030-05-06"]
    assert "Live Published" in day["d2030-05-02"]
    assert "Planned" not in day["d2030-05-03"]
    assert "No time" in page.text_content()
    assert nonsense.status_code == 200
    assert "2030-05-06T07:00" in slot.content.decode()


def test_a_week_of_the_calendar_is_on_the_sites_clocks(sector: Sector) -> None:
    Site.unscoped.filter(pk=sector.site_id).update(timezone="Asia/Tokyo")
    cluster = make_planning.cluster(sector, "Sofas")
    row = make_content.article(
        sector, title="Planned", status=ContentStatus.REVIEW, cluster=cluster
    )
    Content.unscoped.filter(pk=row.pk).update(publish_at=datetime(2030, 12, 29, 20, 0, tzinfo=UTC))
    client, url = client_of(sector), address(sector, "publishing_calendar")

    week = html.fromstring(client.get(f"{url}?view=week&day=2031-01-02").content)
    before = text_of(client.get(f"{url}?view=week&day=2030-12-29", headers=HTMX))
    nonsense = html.fromstring(client.get(f"{url}?view=week&day=2031-13-01").content)
    slot = client.get(address(sector, "publishing_slot", content_id=row.pk), headers=HTMX)
    links = {one: str(week.get_element_by_id(f"span-{one}").get("href")).partition("?")[2]
             for one in ("earlier", "later", "now", "month", "week")}  # fmt: skip

    assert week.get_element_by_id("month-title").text == f"30 December 2030 {DASH} 5 January 2031"
    assert [one.get("id") for one in week.find_class("cal-day")] == [
        f"d{date(2030, 12, 30) + timedelta(days=n)}" for n in range(7)
    ]
    monday = " ".join(" ".join(week.get_element_by_id("d2030-12-30").itertext()).split())
    assert "05:00 Planned Not approved yet Sofas" in monday
    assert "Goes live Monday 30 December, 05:00" in text_of(slot)
    assert "Nothing planned" in week.get_element_by_id("d2030-12-31").text_content()
    assert (f"23 {DASH} 29 December 2030" in before, "Planned" in before) == (True, False)
    assert len(nonsense.find_class("cal-day")) == 7
    assert nonsense.xpath("//li[@data-today]")
    assert links == {
        "earlier": "view=week&day=2030-12-23", "later": "view=week&day=2031-01-06",
        "now": "view=week", "month": "month=2031-01", "week": "view=week&day=2030-12-30",
    }  # fmt: skip


def test_a_brand_voice_is_set_whole_and_other_settings_stay(sector: Sector) -> None:
    Site.unscoped.filter(pk=sector.site_id).update(settings={"tagline": "Sit", "rules": "One."})
    client, url = client_of(sector, Role.ADMIN), reverse("brand_voice", args=[sector.site_id])
    given = {"voice": "Warm.", "rules": "Say you.\n\nGive sizes.", "avoid": "synergy",
             "images": "2", "on_image_failure": "block", "is_disclosed": "1"}  # fmt: skip

    before = client.get(url).content.decode()
    wrong = client.post(url, given | {"images": "99", "author_url": "nowhere"})
    done = client.post(url, given)
    site = Site.unscoped.get(pk=sector.site_id)
    found = brand_voice(site)

    assert "One." in before
    assert wrong.status_code == 422
    assert "From 0 to 10." in wrong.content.decode()
    assert (done.status_code, site.settings["tagline"]) == (303, "Sit")
    assert (found.voice, found.rules, found.avoid) == ("Warm.", ("Say you.", "Give sizes."),
                                                       ("synergy",))  # fmt: skip
    assert (found.images, found.on_image_failure, found.is_disclosed) == (2, "block", True)
