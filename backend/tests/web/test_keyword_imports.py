"""Importing a keyword file on screens: dropped, looked at, written, taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from igny8_core.auth.models import Account
from igny8_core.auth.states import Role
from igny8_core.business.planning.models import KeywordImport, Keywords
from igny8_core.business.planning.services import undo_import
from igny8_core.business.planning.services.import_keywords import run_keyword_import
from igny8_core.business.planning.states import ImportStatus
from igny8_core.web.views import imports as views
from tests.make import billing as make_billing
from tests.make import planning as make_planning
from tests.web.screens import HTMX, address, client_of

if TYPE_CHECKING:
    from django.test import Client

    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"], transaction=True)

FILE = make_planning.csv_bytes(
    ["Keyword", "Volume", "Competition"],
    ["red sofa", "320", "0.4"],
    ["blue sofa", "210", "0.2"],
    ["", "", ""],
    ["Red Sofa", "100", "0.1"],
)


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector(make_billing.account_with(10))


def upload(client: Client, sector: Sector, data: bytes = FILE, name: str = "sofas.csv") -> Any:
    file = SimpleUploadedFile(name, data)
    return client.post(address(sector, "keyword_upload"), {"file": file})


def work(sector: Sector) -> KeywordImport:
    """What a worker does."""
    found = KeywordImport.unscoped.get()
    return run_keyword_import(account=sector.account, import_id=found.pk, clock=timezone.now)


def test_a_file_is_looked_at_before_anything_is_written(sector: Sector) -> None:
    client = client_of(sector)

    sent = upload(client, sector)
    page = client.get(sent["Location"]).content.decode()

    assert sent.status_code == 303
    assert "Import 2 keywords" in page
    assert "advertising, not SEO" in page
    assert "red sofa" in page
    assert Keywords.unscoped.count() == 0


def test_it_is_written_by_a_worker_while_one_watches(sector: Sector) -> None:
    client = client_of(sector)
    place = upload(client, sector)["Location"]
    found = KeywordImport.unscoped.get()

    client.post(address(sector, "keyword_import_start", import_id=found.pk))
    work(sector)
    page = client.get(place).content.decode()
    listed = client.get(address(sector, "keyword_imports")).content.decode()

    assert Keywords.unscoped.count() == 2
    assert "Look at the keywords" in page
    assert "sofas.csv" in listed
    assert "Imported" in listed


def test_an_import_that_was_asked_for_waits_for_a_worker_and_looks_again(sector: Sector) -> None:
    client = client_of(sector)
    place = upload(client, sector)["Location"]
    found = KeywordImport.unscoped.get()
    before = client.get(place).content.decode()

    client.post(address(sector, "keyword_import_start", import_id=found.pk))
    page = client.get(place).content.decode()
    listed = client.get(address(sector, "keyword_imports")).content.decode()

    assert "Waits for you" in before
    assert 'hx-trigger="every 2s"' not in before
    assert "Waits for a worker" in page
    assert 'hx-trigger="every 2s"' in page
    assert "Import 2 keywords" not in page
    assert "Read it again" not in page
    assert 'id="import-stop"' in page
    assert "Waits for a worker" in listed


def test_a_running_import_asks_for_its_fragment_again(sector: Sector) -> None:
    client = client_of(sector)
    upload(client, sector)
    found = KeywordImport.unscoped.get()
    rows = KeywordImport.unscoped.filter(pk=found.pk)
    rows.update(
        status=ImportStatus.IMPORTING,
        keywords_done=1,
        requested_at=found.created_at,
        lease_expires_at=timezone.now(),
    )

    part = client.get(
        address(sector, "keyword_import", import_id=found.pk), headers=HTMX
    ).content.decode()

    assert part.strip().startswith('<div id="import" hx-get=')
    assert 'hx-trigger="every 2s"' in part
    assert "of 2 keywords" in part


def test_a_large_file_waits_for_a_worker(sector: Sector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "READ_AT_ONCE_BYTES", 1)
    client = client_of(sector)

    place = upload(client, sector)["Location"]
    page = client.get(place).content.decode()

    assert "Reading the file" in page
    assert KeywordImport.unscoped.get().requested_at is not None


def test_a_file_that_cannot_be_read_says_why_and_offers_another_way(sector: Sector) -> None:
    client = client_of(sector)

    place = upload(client, sector, b"Nothing,Here\n1,2\n")["Location"]
    page = client.get(place).content.decode()

    assert KeywordImport.unscoped.get().status == ImportStatus.FAILED
    assert "Read the file in another way" in page
    assert "Nothing was written" in page


def test_the_file_is_read_in_another_way_without_a_second_upload(sector: Sector) -> None:
    client = client_of(sector)
    upload(client, sector)
    first = KeywordImport.unscoped.get()

    again = client.post(
        address(sector, "keyword_import_repeat", import_id=first.pk),
        {"min_volume": "300", "column-volume": "=", "excludes": "blue"},
    )

    first.refresh_from_db()
    second = KeywordImport.unscoped.latest("pk")
    assert again["Location"] == address(sector, "keyword_import", import_id=second.pk)
    assert (first.status, second.status) == (ImportStatus.CANCELLED, ImportStatus.ANALYSED)
    assert second.keywords_total == 1


def test_another_way_that_is_none_either_leads_to_the_failed_one(sector: Sector) -> None:
    client = client_of(sector)
    upload(client, sector, b"a,b\n1,2\n")
    first = KeywordImport.unscoped.get()

    again = client.post(
        address(sector, "keyword_import_repeat", import_id=first.pk), {"encoding": "utf-8"}
    )

    last = KeywordImport.unscoped.latest("pk")
    assert again["Location"] == address(sector, "keyword_import", import_id=last.pk)
    assert last.status == ImportStatus.FAILED


def test_an_import_is_cancelled(sector: Sector) -> None:
    client = client_of(sector)
    upload(client, sector)
    found = KeywordImport.unscoped.get()

    client.post(address(sector, "keyword_import_cancel", import_id=found.pk))
    page = client.get(address(sector, "keyword_import", import_id=found.pk)).content.decode()

    assert "Nothing was written." in page


def test_an_import_is_taken_back_after_a_question(sector: Sector) -> None:
    client = client_of(sector)
    upload(client, sector)
    found = KeywordImport.unscoped.get()
    client.post(address(sector, "keyword_import_start", import_id=found.pk))
    work(sector)
    url = address(sector, "keyword_import_undo", import_id=found.pk)

    asked = client.post(url, headers=HTMX).content.decode()
    there = Keywords.unscoped.count()
    client.post(url, {"confirmed": "1"})
    page = client.get(address(sector, "keyword_import", import_id=found.pk)).content.decode()

    assert "Undo the import of sofas.csv?" in asked
    assert (there, Keywords.unscoped.count()) == (2, 0)
    assert "2 keywords removed" in page


def test_issues_come_as_a_file(sector: Sector) -> None:
    client = client_of(sector)
    upload(client, sector)
    found = KeywordImport.unscoped.get()

    answer: Any = client.get(address(sector, "keyword_import_issues", import_id=found.pk))

    assert b"merged" in answer.getvalue()
    assert f"import-{found.pk}-issues.csv" in answer["Content-Disposition"]


def test_nothing_chosen_is_said(sector: Sector) -> None:
    answer = client_of(sector).post(address(sector, "keyword_upload"), headers=HTMX)

    assert answer.status_code == 422
    assert "Choose a file." in answer.content.decode()


def test_viewers_see_imports_and_may_not_bring_one(sector: Sector) -> None:
    upload(client_of(sector), sector)
    viewer = client_of(sector, Role.VIEWER)

    listed = viewer.get(address(sector, "keyword_imports")).content.decode()
    refused = upload(viewer, sector)

    assert "sofas.csv" in listed
    assert 'type="file"' not in listed
    assert refused.status_code == 403


def test_a_new_site_starts_with_sample_data_that_says_so_and_can_go_again(sector: Sector) -> None:
    client, place = client_of(sector, Role.ADMIN), [sector.site_id, sector.pk]
    setup = reverse("setup", args=[sector.site_id])
    offered = client.get(f"{setup}?step=keywords").content.decode()
    empty = client.get(address(sector, "keywords")).content.decode()

    sent = client.post(reverse("keyword_samples", args=place), headers=HTMX)
    again = client.post(reverse("keyword_samples", args=place))
    waiting = client.get(again["Location"]).content.decode()
    done = work(sector)
    page = client.get(again["Location"]).content.decode()
    listed = client.get(address(sector, "keywords")).content.decode()
    earlier = client.get(address(sector, "keyword_imports")).content.decode()
    later = client.get(f"{setup}?step=keywords").content.decode()

    assert "474 English search queries" in offered
    assert "Start with sample data" in empty
    assert sent["HX-Redirect"] == again["Location"]
    assert ("Waits for a worker" in waiting, "Sample data" in waiting) == (True, True)
    assert (done.created, Keywords.unscoped.count()) == (474, 474)
    assert ("not about your site" in page, "not about your site" in listed) == (True, True)
    assert ("Sample data" in earlier, "Start with sample data" in later) == (True, False)

    undo_import.undo_keyword_import(account=sector.account, import_id=done.pk, now=timezone.now())
    taken_back = client.get(address(sector, "keywords")).content.decode()
    client.post(reverse("keyword_samples", args=place))
    back = run_keyword_import(
        account=sector.account,
        import_id=KeywordImport.unscoped.latest("pk").pk,
        clock=timezone.now,
    )

    assert "Sample keywords are in this list" not in taken_back
    assert "Start with sample data" in taken_back
    assert (back.pk == done.pk, back.created) == (False, 474)


def test_sample_data_is_refused_where_a_site_has_keywords_or_no_room(sector: Sector) -> None:
    client, url = client_of(sector), address(sector, "keyword_samples")
    plan = make_billing.plan(max_keywords=100)
    Account.objects.filter(pk=sector.account_id).update(plan=plan)
    small = client.post(url)
    full = client.get(small["Location"]).content.decode()
    cancel = address(sector, "keyword_import_cancel", import_id=KeywordImport.unscoped.get().pk)
    client.post(cancel)
    upload(client, sector)
    run_keyword_import(
        account=sector.account,
        import_id=KeywordImport.unscoped.latest("pk").pk,
        clock=timezone.now,
    )

    refused = client.post(url)
    viewer = client_of(sector, Role.VIEWER).post(url)

    assert "this file does not fit" in full
    assert KeywordImport.unscoped.earliest("pk").requested_at is None
    assert (refused.status_code, viewer.status_code) == (409, 403)
    assert Keywords.unscoped.count() == 2
