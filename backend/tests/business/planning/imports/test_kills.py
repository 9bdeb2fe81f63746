"""A worker that is killed in the middle of an import, for real."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.db import connections
from django.utils import timezone

from igny8_core.business.planning.models import (
    KeywordImport,
    KeywordImportChange,
    KeywordImportIssue,
    Keywords,
)
from igny8_core.business.planning.services import import_jobs
from igny8_core.business.planning.services.import_keywords import (
    BATCH_ROWS,
    analyse_keyword_file,
    import_keywords,
)
from igny8_core.business.planning.services.keyword_options import ReadOptions
from tests.make import planning as make_planning
from tests.make.planning import NOW, csv_bytes, imported
from tests.plugins.engines import FOLDER

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

BACKEND = Path(__file__).resolve().parents[4]
RUN = """
import sys, django
django.setup()
from django.utils import timezone
from igny8_core.auth import selectors as accounts
from igny8_core.business.planning.services.import_keywords import import_keywords
account_id, import_id = map(int, sys.argv[1:])
import_keywords(account=accounts.account(account_id), import_id=import_id, clock=timezone.now)
"""


def run_until_killed(found: KeywordImport, crash_at: str) -> int:
    """The import in a process of its own, killed at a failpoint; its exit status."""
    name = connections["default"].settings_dict["NAME"]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("IGNY8_")}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(found.account_id), str(found.pk)],
        env=kept
        | {
            "DJANGO_SETTINGS_MODULE": "igny8_core.settings.local",
            "PYTHONPATH": str(BACKEND),
            "IGNY8_DATABASE_URL": f"postgresql://igny8_app@/{name}?host={FOLDER / 'pg'}",
            "IGNY8_ADMIN_DATABASE_URL": f"postgresql://igny8_admin@/{name}?host={FOLDER / 'pg'}",
            "IGNY8_DATA_DIR": str(settings.DATA_DIR),
            "IGNY8_SECRET_KEY": "test-only",
            "IGNY8_CRASH_AT": crash_at,
        },
        capture_output=True,
        timeout=90,
        check=False,
    )
    return done.returncode


def rows_of(sector: Sector) -> list[tuple[Any, ...]]:
    rows = Keywords.unscoped.filter(sector=sector).order_by("keyword_norm")
    found = rows.values_list("keyword", "volume", "volume_kind", "difficulty", "attributes")
    return [
        (*row[:4], [{**source, "import": 0} for source in row[4].get("sources", [])])
        for row in found
    ]


def issues_of(found: KeywordImport) -> list[tuple[Any, ...]]:
    rows = KeywordImportIssue.unscoped.filter(keyword_import=found).order_by("row", "code")
    return list(rows.values_list("row", "code", "text"))


def counts(found: KeywordImport) -> tuple[int, ...]:
    return (
        found.rows_read, found.created, found.updated, found.unchanged, found.merged,
        found.skipped, found.keywords_done,
    )  # fmt: skip


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("crash_at", "done"),
    [("planning.import_after_batch", BATCH_ROWS), ("planning.import_in_batch", 0)],
)
def test_a_killed_import_is_resumed_and_ends_like_an_unbroken_one(crash_at: str, done: int) -> None:
    earlier = csv_bytes(("Keyword", "Volume"), *[(f"sofa {n}", 1) for n in range(0, 9_000, 3)])
    data = csv_bytes(
        ("Keyword", "Volume", "KD"),
        *[(f"sofa {n}", n, n % 100) for n in range(9_000)],
        ("sofa 1", 99_999, 1),
        ("", 1, 1),
    )
    broken, unbroken = make_planning.sector(), make_planning.sector()
    for sector in (broken, unbroken):
        imported(sector, earlier)
        make_planning.keyword(sector, "sofa 10000").soft_delete(now=NOW)
    found = analyse_keyword_file(
        account=broken.account,
        site=broken.site,
        sector=broken,
        file_name="keywords.csv",
        data=data,
        options=ReadOptions(),
        now=timezone.now(),
    )

    assert run_until_killed(found, crash_at) == 9
    found.refresh_from_db()
    assert (found.status, found.keywords_done, found.completed_at) == ("importing", done, None)
    later = timezone.now() + timedelta(minutes=10)
    again = import_keywords(account=broken.account, import_id=found.pk, clock=lambda: later)

    whole = imported(unbroken, data)
    assert counts(again) == counts(whole) == (9_002, 6_000, 3_000, 0, 1, 1, 9_000)
    assert rows_of(broken) == rows_of(unbroken)
    assert issues_of(again) == issues_of(whole)
    changes = KeywordImportChange.unscoped
    assert changes.filter(keyword_import=again).count() == 3_000


@pytest.mark.django_db
def test_the_sweep_finds_lost_and_forgotten_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []

    def take(_name: str, *, queue: str, account_id: int, import_id: int) -> bool:
        sent.append(import_id)
        return queue == "planning_heavy" and account_id > 0

    monkeypatch.setattr(import_jobs, "publish", take)
    sector = make_planning.sector()
    states: list[tuple[str, dict[str, Any]]] = [
        ("analysed", {"requested_at": NOW - timedelta(minutes=2)}),
        ("analysed", {"requested_at": NOW}),
        ("analysed", {}),
        ("importing", {"requested_at": NOW, "lease_expires_at": NOW}),
        ("importing", {"requested_at": NOW, "lease_expires_at": NOW + timedelta(minutes=1)}),
        ("importing", {"lease_expires_at": NOW}),
        ("uploaded", {"requested_at": NOW - timedelta(minutes=2)}),
    ]
    ids = []
    for number, (status, columns) in enumerate(states):
        row = KeywordImport(
            sector=sector, file_name="k.csv", sha256="0" * 64, size_bytes=1, storage_path="x",
            idempotency_key=str(number), status=status, **columns,
        )  # fmt: skip
        row.save()
        ids.append(row.pk)

    assert import_jobs.resume_imports(now=NOW) == 3
    assert sorted(sent) == [ids[0], ids[3], ids[6]]


@pytest.mark.django_db
def test_a_broker_that_is_away_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_jobs, "publish", lambda *_args, **_ids: False)
    sector = make_planning.sector()
    KeywordImport(
        sector=sector, file_name="k.csv", sha256="0" * 64, size_bytes=1, storage_path="x",
        idempotency_key="1", status="analysed", requested_at=NOW - timedelta(hours=1),
    ).save()  # fmt: skip

    assert import_jobs.resume_imports(now=NOW) == 0


@pytest.mark.django_db
def test_bytes_and_former_values_are_forgotten_after_a_month() -> None:
    sector = make_planning.sector()
    old = imported(sector, csv_bytes(("Keyword", "Volume"), ("sofa", 1)))
    changed = imported(sector, csv_bytes(("Keyword", "Volume"), ("sofa", 2)))
    shared = imported(
        sector, csv_bytes(("Keyword", "Volume"), ("sofa", 2)), observed_on="2026-01-01"
    )
    waiting = analyse_keyword_file(
        account=sector.account, site=sector.site, sector=sector, file_name="w.csv",
        data=b"Keyword\nbed\n", options=ReadOptions(), now=NOW,
    )  # fmt: skip
    month = NOW - timedelta(days=31)
    rows = KeywordImport.unscoped.filter(pk__in=[old.pk, changed.pk, waiting.pk])
    rows.update(created_at=month)
    KeywordImport.unscoped.filter(pk=shared.pk).update(created_at=NOW)

    assert import_jobs.prune_imports(now=NOW) == 3
    assert import_jobs.prune_imports(now=NOW) == 0

    kept = storages["imports"]
    assert [kept.exists(row.storage_path) for row in (old, shared, waiting)] == [False, True, False]
    assert not kept.exists(old.rows_path)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.storage_path) == ("cancelled", "")
    assert not KeywordImportChange.unscoped.filter(keyword_import=changed).exists()
