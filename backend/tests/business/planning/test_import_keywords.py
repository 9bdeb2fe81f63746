from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.storage import storages
from django.db import IntegrityError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from igny8_core.auth.errors import PlanLimitReached
from igny8_core.auth.models import Plan, SeedKeyword
from igny8_core.business.planning.errors import LeaseLost, NoKeywordColumn
from igny8_core.business.planning.models import KeywordImport, KeywordImportIssue, Keywords
from igny8_core.business.planning.services import import_keywords as module
from igny8_core.business.planning.services.import_keywords import (
    analyse_keyword_file,
    cancel_keyword_import,
    import_keywords,
)
from igny8_core.business.planning.services.keyword_rows import ReadOptions
from igny8_core.common.errors import NotFound, TransitionNotAllowed
from igny8_core.common.tenancy.context import tenant
from tests import make
from tests.make import planning as make_planning
from tests.make.planning import NOW, csv_bytes, imported

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db

HEADER = ("Keyword", "Volume", "KD", "CPC (USD)", "Intent")


def stored(sector: Sector) -> list[tuple[object, ...]]:
    rows = Keywords.unscoped.filter(sector=sector, deleted_at=None).order_by("keyword_norm")
    return list(
        rows.values_list(
            "keyword", "volume", "volume_max", "volume_kind", "difficulty", "cpc_minor", "intent"
        )
    )


def counts(found: KeywordImport) -> tuple[int, ...]:
    return (
        found.rows_read,
        found.created,
        found.updated,
        found.unchanged,
        found.merged,
        found.skipped,
    )


def analysed(sector: Sector, data: bytes, **options: Any) -> KeywordImport:
    return analyse_keyword_file(
        account=sector.account,
        site=sector.site,
        sector=sector,
        file_name="k.csv",
        data=data,
        options=ReadOptions(**options),
        now=NOW,
    )


def test_a_file_becomes_keywords_with_their_figures() -> None:
    sector = make_planning.sector()
    data = csv_bytes(
        HEADER,
        ("Grey Sofa", 1300, 12.5, "0.755", "Commercial"),
        ("sofa bed", "1K - 10K", "", "", ""),
        ("chair", "", 7, "", "Informational, Transactional"),
    )

    found = imported(sector, data)

    assert counts(found) == (3, 3, 0, 0, 0, 0)
    assert (found.status, found.completed_at, found.lease_expires_at) == ("completed", NOW, None)
    assert stored(sector) == [
        ("chair", None, None, "unknown", 7.0, None, "transactional"),
        ("Grey Sofa", 1300, None, "exact", 12.5, 76, "commercial"),
        ("sofa bed", 1000, 10000, "range", None, None, ""),
    ]
    row = Keywords.unscoped.get(sector=sector, keyword="Grey Sofa")
    assert (row.keyword_norm, row.status, row.cpc_currency) == ("grey sofa", "new", "USD")
    assert row.attributes["sources"][0]["import"] == found.pk


def test_analysing_writes_no_keyword_and_says_what_would_happen() -> None:
    sector = make_planning.sector()
    make_planning.keyword(sector, "sofa")

    found = analysed(sector, csv_bytes(HEADER, ("Sofa", 1), ("bed", 2), ("Bed", 3), ("", 4)))

    assert found.status == "analysed"
    assert Keywords.unscoped.filter(sector=sector).count() == 1
    assert (found.report["keywords"], found.report["known_keywords"]) == (2, 1)
    assert found.report["issues"] == {"keyword_empty": 1, "merged": 1}
    issues = KeywordImportIssue.unscoped.filter(keyword_import=found).order_by("row")
    assert [(i.row, i.code, i.text) for i in issues] == [
        (4, "merged", "into row 3"),
        (5, "keyword_empty", ""),
    ]


def test_the_same_bytes_and_options_are_one_import() -> None:
    sector = make_planning.sector()
    data = csv_bytes(HEADER, ("sofa", 10))

    first, again = imported(sector, data), imported(sector, data)
    other = imported(sector, data, observed_on="2026-10-01")

    assert again.pk == first.pk
    assert (other.pk, counts(other)) != (first.pk, counts(first))
    assert KeywordImport.unscoped.filter(sector=sector).count() == 2
    assert Keywords.unscoped.filter(sector=sector).count() == 1


def test_another_file_that_says_the_same_changes_nothing() -> None:
    sector = make_planning.sector()
    imported(sector, csv_bytes(HEADER, ("sofa", 10, 5), ("bed", 20)))
    before = list(Keywords.unscoped.filter(sector=sector).order_by("pk").values())

    found = imported(sector, csv_bytes(HEADER, ("bed", 20), ("sofa", 10, 5)))

    assert counts(found) == (2, 0, 0, 2, 0, 0)
    assert list(Keywords.unscoped.filter(sector=sector).order_by("pk").values()) == before


def test_a_better_figure_replaces_a_worse_one_and_never_the_other_way() -> None:
    sector = make_planning.sector()
    imported(sector, csv_bytes(HEADER, ("sofa", "100-1000", 40)))
    found = imported(sector, csv_bytes(HEADER, ("sofa", 320)))
    imported(sector, csv_bytes(HEADER, ("sofa", "", 50, "1.5")))
    imported(sector, csv_bytes(HEADER, ("sofa", "1000-10000", 60)))

    assert counts(found) == (1, 0, 1, 0, 0, 0)
    assert stored(sector) == [("sofa", 320, None, "exact", 60.0, 150, "")]


def test_two_orders_of_dated_files_end_the_same() -> None:
    january = (csv_bytes(HEADER, ("sofa", 500, 9), ("bed", 1)), "2026-01-01")
    february = (csv_bytes(HEADER, ("sofa", 90), ("chair", 3)), "2026-02-01")
    one, other = make_planning.sector(), make_planning.sector()

    for data, day in (january, february):
        imported(one, data, observed_on=day)
    for data, day in (february, january):
        imported(other, data, observed_on=day)

    assert stored(one) == stored(other)
    assert stored(one)[2] == ("sofa", 90, None, "exact", 9.0, None, "")


def test_a_typed_intent_survives() -> None:
    sector = make_planning.sector()
    make_planning.keyword(sector, "sofa", intent="navigational", intent_source="typed")

    imported(sector, csv_bytes(HEADER, ("sofa", 10, "", "", "Commercial")))

    assert stored(sector)[0][-1] == "navigational"


def test_a_deleted_keyword_stays_deleted_unless_asked() -> None:
    sector = make_planning.sector()
    make_planning.keyword(sector, "sofa").soft_delete(now=NOW)
    data = csv_bytes(HEADER, ("sofa", 10), ("bed", 20))

    found = imported(sector, data)
    asked = imported(sector, data, keeps_deleted=False)

    assert counts(found) == (2, 1, 0, 0, 0, 1)
    issue = KeywordImportIssue.unscoped.get(keyword_import=found)
    assert (issue.row, issue.code, issue.text) == (2, "deleted_before", "sofa")
    assert counts(asked) == (2, 1, 0, 1, 0, 0)


def test_a_clusters_volume_follows_its_keywords() -> None:
    sector = make_planning.sector()
    cluster = make_planning.cluster(sector, keywords_count=1, volume=5)
    make_planning.keyword(sector, "sofa", cluster=cluster, volume=5, attributes={"sources": []})

    imported(sector, csv_bytes(HEADER, ("sofa", 320)))

    cluster.refresh_from_db()
    assert (cluster.keywords_count, cluster.volume) == (1, 320)


def test_seed_keywords_are_shared_and_hold_no_figures() -> None:
    one, other = make_planning.sector(), make_planning.sector()
    data = csv_bytes(HEADER, ("grey sofa", 10))

    imported(one, data)
    imported(other, csv_bytes(HEADER, ("Grey Sofa", 99)))

    seed = SeedKeyword.objects.get(keyword_norm="grey sofa")
    assert seed.keyword == "grey sofa"
    assert stored(one)[0][:2] == ("grey sofa", 10)
    assert stored(other)[0][:2] == ("Grey Sofa", 99)


def test_a_bad_file_is_on_record_and_nothing_else() -> None:
    sector = make_planning.sector()

    with pytest.raises(NoKeywordColumn):
        analysed(sector, b"Name,City\nAnn,Rome\n")

    found = KeywordImport.unscoped.get(sector=sector)
    assert (found.status, found.error_code) == ("failed", "no_keyword_column")
    assert not Keywords.unscoped.filter(sector=sector).exists()


def test_a_plan_limit_refuses_before_anything_is_written() -> None:
    sector = make_planning.sector()
    account = sector.account
    account.plan = Plan.objects.create(code="tiny", name="Tiny", max_keywords=3)
    account.save(update_fields=["plan"])
    make_planning.keywords(sector, ["sofa", "bed"])
    found = analysed(sector, csv_bytes(HEADER, ("sofa", 1), ("chair", 2), ("desk", 3)))

    with pytest.raises(PlanLimitReached) as refused:
        import_keywords(account=account, import_id=found.pk, clock=lambda: NOW)

    assert refused.value.data == {"limit": 3, "in_use": 2}
    found.refresh_from_db()
    assert (found.status, Keywords.unscoped.filter(sector=sector).count()) == ("analysed", 2)


def test_a_cancelled_import_writes_nothing_more() -> None:
    sector = make_planning.sector()
    data = csv_bytes(HEADER, ("sofa", 1))
    found = analysed(sector, data)

    cancel_keyword_import(account=sector.account, import_id=found.pk, now=NOW)
    cancel_keyword_import(account=sector.account, import_id=found.pk, now=NOW)

    with pytest.raises(TransitionNotAllowed):
        import_keywords(account=sector.account, import_id=found.pk, clock=lambda: NOW)
    assert not Keywords.unscoped.filter(sector=sector).exists()
    assert imported(sector, data).pk != found.pk


def test_cancelling_while_it_runs_stops_after_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_ROWS", 2)
    sector = make_planning.sector()
    found = analysed(sector, csv_bytes(HEADER, *[(f"sofa {n}", n) for n in range(6)]))
    ticks = iter(range(100))

    def clock() -> datetime:
        if next(ticks) == 2:  # before the second batch
            cancel_keyword_import(account=sector.account, import_id=found.pk, now=NOW)
        return NOW

    with pytest.raises(LeaseLost):
        import_keywords(account=sector.account, import_id=found.pk, clock=clock)

    found.refresh_from_db()
    assert (found.status, found.keywords_done, found.created) == ("cancelled", 2, 2)
    assert Keywords.unscoped.filter(sector=sector).count() == 2


class Killed(BaseException):
    """The process is gone."""


def test_a_killed_import_goes_on_and_ends_like_an_unbroken_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BATCH_ROWS", 2)
    data = csv_bytes(HEADER, *[(f"sofa {n}", n) for n in range(7)], ("sofa 1", 99), ("", 1))
    broken, unbroken = make_planning.sector(), make_planning.sector()
    found = analysed(broken, data)
    ticks = iter(range(100))

    def dying() -> datetime:
        if next(ticks) == 3:
            raise Killed
        return NOW

    with pytest.raises(Killed):
        import_keywords(account=broken.account, import_id=found.pk, clock=dying)
    with pytest.raises(TransitionNotAllowed):  # its lease still runs
        import_keywords(account=broken.account, import_id=found.pk, clock=lambda: NOW)
    later = NOW + timedelta(minutes=10)
    again = import_keywords(account=broken.account, import_id=found.pk, clock=lambda: later)

    assert counts(again) == counts(imported(unbroken, data)) == (9, 7, 0, 0, 1, 1)
    assert stored(broken) == stored(unbroken)


def test_another_accounts_import_is_unknown() -> None:
    sector = make_planning.sector()
    found = analysed(sector, csv_bytes(HEADER, ("sofa", 1)))

    with pytest.raises(NotFound):
        import_keywords(account=make.account(), import_id=found.pk, clock=lambda: NOW)


def test_the_bytes_are_kept_apart_by_account() -> None:
    sector = make_planning.sector()
    data = csv_bytes(HEADER, ("sofa", 1))

    found = analysed(sector, data)

    assert found.storage_path == f"{sector.account_id}/{found.sha256}"
    with storages["imports"].open(found.storage_path) as file:
        assert file.read() == data


def test_twenty_thousand_rows_in_batches() -> None:
    numbers = list(range(20_000))
    random.Random(1).shuffle(numbers)  # noqa: S311 - any order will do
    rows = [(f"sofa model {n}", n % 500, n % 100, "0.5", "C") for n in numbers]
    sector = make_planning.sector()

    found = imported(sector, csv_bytes(HEADER, *rows, *rows[:100]))

    assert counts(found) == (20_100, 20_000, 0, 0, 100, 0)
    assert found.keywords_done == found.keywords_total == 20_000
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), sum(volume) FROM planning_keywords WHERE sector_id = %s", [sector.pk]
        )
        assert cursor.fetchone() == (20_000, sum(n % 500 for n in numbers))


def test_a_completed_import_must_account_for_every_row() -> None:
    sector = make_planning.sector()
    found = imported(sector, csv_bytes(HEADER, ("sofa", 1)))

    with pytest.raises(IntegrityError, match="keywordimport_every_row_accounted_for"):
        KeywordImport.unscoped.filter(pk=found.pk).update(skipped=1)


CELLS = st.sampled_from(
    ["sofa", "SOFA", "bed", "chair", " chair ", "", "x" * 256, "de\x07sk", "table"]
)
VOLUMES = st.sampled_from(["", "10", "1.5K", "-", "90", "bad", "100-200"])
FILES = st.lists(st.tuples(CELLS, VOLUMES), min_size=1, max_size=8)


class AccountingIdentity(TestCase):
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(files=st.lists(FILES, min_size=1, max_size=3))
    def test_every_row_is_one_of_five_and_a_repeat_changes_nothing(
        self, files: list[list[tuple[str, str]]]
    ) -> None:
        sector = make_planning.sector()
        for rows in files:
            found = imported(sector, csv_bytes(("Keyword", "Volume"), *rows))
            assert found.rows_read == len(rows) == sum(counts(found)[1:])
        before = stored(sector)

        for rows in files:
            again = imported(sector, csv_bytes(("Keyword", "Volume"), *rows, ("", "")))
            assert again.created == again.updated == 0
        with tenant(sector.account_id):
            assert stored(sector) == before
