"""Imports of pages in the background: hints, lost workers, what is forgotten."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.storage import storages

from igny8_core.business.integration import tasks
from igny8_core.business.integration.errors import PageFileGone, PageImportKeptFailing
from igny8_core.business.integration.models import ContentImport
from igny8_core.business.integration.services import page_jobs
from igny8_core.business.integration.services.import_pages import (
    MAX_ATTEMPTS,
    analyse_page_file,
    import_pages,
    upload_page_file,
)
from igny8_core.business.planning.services.import_store import STORAGE
from igny8_core.common.errors import NotFound, TransitionNotAllowed
from tests import make
from tests.business.integration.test_page_files import SITEMAP
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

PAGES = SITEMAP.format(
    "".join(f"<url><loc>https://s.example/{name}</loc></url>" for name in ("sofas", "beds"))
)

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector(domain="s.example")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Hints that were sent."""
    found: list[Any] = []

    def publish(name: str, **values: Any) -> bool:
        found.append((name, values))
        return True

    monkeypatch.setattr(page_jobs, "publish", publish)
    return found


def given(sector: Sector) -> dict[str, Any]:
    return {
        "account": sector.account,
        "site": sector.site,
        "sector": sector,
        "file_name": "pages.xml",
        "data": io.BytesIO(PAGES.encode()),
    }


def start(found: ContentImport) -> ContentImport:
    return page_jobs.start_page_import(account=found.account, import_id=found.pk, now=NOW)


def test_a_hint_that_was_lost_is_sent_again(sector: Sector, sent: list[Any]) -> None:
    found = upload_page_file(**given(sector))
    start(found)

    early = page_jobs.resume_page_imports(now=NOW)
    late = page_jobs.resume_page_imports(now=NOW + timedelta(minutes=2))

    assert (early, late) == (0, 1)
    assert sent == [
        (
            "integration.run_page_import",
            {
                "queue": "planning_heavy",
                "account_id": sector.account_id,
                "page_import_id": found.pk,
            },
        )
    ]


def test_an_import_whose_worker_died_goes_on(sector: Sector, sent: list[Any]) -> None:
    found = analyse_page_file(**given(sector), now=NOW)
    start(found)
    ContentImport.unscoped.filter(pk=found.pk).update(
        status="importing", lease_token=1, lease_expires_at=NOW + timedelta(minutes=2)
    )

    held = page_jobs.resume_page_imports(now=NOW + timedelta(minutes=1))
    lost = page_jobs.resume_page_imports(now=NOW + timedelta(minutes=3))
    tasks.run_page_import.run(account_id=sector.account_id, page_import_id=found.pk)

    assert (held, lost, len(sent)) == (0, 1, 1)
    found.refresh_from_db()
    assert (found.status, found.requested_at) == ("completed", None)
    assert page_jobs.resume_page_imports(now=NOW + timedelta(days=1)) == 0
    assert start(found).status == "completed"


def test_too_many_lost_workers_end_an_import(sector: Sector) -> None:
    found = analyse_page_file(**given(sector), now=NOW)
    ContentImport.unscoped.filter(pk=found.pk).update(attempts=MAX_ATTEMPTS)

    with pytest.raises(PageImportKeptFailing):
        import_pages(account=sector.account, import_id=found.pk, clock=lambda: NOW)

    found.refresh_from_db()
    assert (found.status, found.error_code) == ("failed", "import_kept_failing")
    with pytest.raises(TransitionNotAllowed):
        start(found)


def test_bytes_are_forgotten_after_a_month_and_what_waited_is_cancelled(sector: Sector) -> None:
    found = analyse_page_file(**given(sector), now=NOW)
    path = found.storage_path
    later = found.created_at + timedelta(days=31)

    early = page_jobs.prune_page_imports(now=found.created_at + timedelta(days=29))
    late = page_jobs.prune_page_imports(now=later)

    assert (early, late, page_jobs.prune_page_imports(now=later)) == (0, 1, 0)
    found.refresh_from_db()
    assert (found.status, found.storage_path) == ("cancelled", "")
    assert not storages[STORAGE].exists(path)


def test_bytes_that_another_import_needs_are_kept(sector: Sector) -> None:
    found = analyse_page_file(**given(sector), now=NOW)
    other = analyse_page_file(**given(make.sector(sector.site, "Other")), now=NOW)
    old = found.created_at - timedelta(days=31)
    ContentImport.unscoped.filter(pk=found.pk).update(created_at=old)

    assert page_jobs.prune_page_imports(now=other.created_at) == 1
    assert storages[STORAGE].exists(other.storage_path)


def test_without_its_bytes_an_import_fails(sector: Sector) -> None:
    found = analyse_page_file(**given(sector), now=NOW)
    storages[STORAGE].delete(found.storage_path)

    with pytest.raises(PageFileGone):
        import_pages(account=sector.account, import_id=found.pk, clock=lambda: NOW)

    found.refresh_from_db()
    assert (found.status, found.error_code) == ("failed", "page_file_gone")


def test_what_is_not_there_is_not_found(sector: Sector) -> None:
    with pytest.raises(NotFound):
        page_jobs.start_page_import(account=sector.account, import_id=0, now=NOW)
    assert tasks.run_page_import.run(account_id=sector.account_id, page_import_id=0) is None
