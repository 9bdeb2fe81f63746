"""What is shown before an import, what goes in, and what an undo takes back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.storage import storages

from igny8_core.auth.models import Plan
from igny8_core.business.planning.errors import (
    FileTooLarge,
    ImportKeptFailing,
    ImportOptionInvalid,
    ImportRowsGone,
    NoKeywordColumn,
    UndoTooLate,
)
from igny8_core.business.planning.models import (
    Clusters,
    ContentIdeaKeyword,
    KeywordImport,
    KeywordImportChange,
    KeywordImportIssue,
    Keywords,
)
from igny8_core.business.planning.services import import_jobs, import_records
from igny8_core.business.planning.services import keyword_formats as formats
from igny8_core.business.planning.services.import_keywords import (
    analyse_keyword_file,
    analyse_upload,
    import_keywords,
    repeat_keyword_import,
    run_keyword_import,
    upload_keyword_file,
)
from igny8_core.business.planning.services.import_records import forget_mapping
from igny8_core.business.planning.services.keyword_options import ReadOptions
from igny8_core.business.planning.services.undo_import import undo_keyword_import
from igny8_core.common.errors import NotFound, TransitionNotAllowed
from tests import make
from tests.make import planning as make_planning
from tests.make.planning import NOW, csv_bytes, imported

if TYPE_CHECKING:
    from pytest_django import DjangoCaptureOnCommitCallbacks

    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db

HEADER = ("Keyword", "Volume", "KD")


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


def undone(found: KeywordImport, **options: Any) -> KeywordImport:
    return undo_keyword_import(account=found.account, import_id=found.pk, now=NOW, **options)


def everything(sector: Sector) -> list[dict[str, Any]]:
    rows = Keywords.unscoped.filter(sector=sector).order_by("pk")
    return [dict(row) for row in rows.values()]


def test_the_preview_says_what_would_become_of_every_row() -> None:
    sector = make_planning.sector()
    imported(sector, csv_bytes(HEADER, ("sofa", 10, 5), ("bed", 20, 6)))
    make_planning.keyword(sector, "lamp").soft_delete(now=NOW)
    before = everything(sector)

    found = analysed(
        sector,
        csv_bytes(
            HEADER, ("sofa", 10, 5), ("BED", 90, 7), ("desk", 3, ""), ("Desk", 4, ""),
            ("lamp", 1, ""), ("", 5, ""), ("rug", "many", ""),
        ),
    )  # fmt: skip

    told = found.report["consequences"]
    assert {name: told[name] for name in ("created", "updated", "unchanged")} == {
        "created": 2, "updated": 1, "unchanged": 1,
    }  # fmt: skip
    assert (told["deleted_before"], found.merged, found.skipped) == (1, 1, 1)
    assert found.report["issues"] == {"keyword_empty": 1, "merged": 1, "value_invalid": 1}
    assert told["samples"]["updated"] == [
        {
            "row": 3, "keyword": "BED", "volume": 90, "volume_max": None,
            "volume_kind": "exact", "difficulty": 7.0, "cpc_minor": None, "cpc_currency": "",
            "intents": [],
            "before": {
                "volume": 20, "volume_max": None, "volume_kind": "exact", "difficulty": 6.0,
                "cpc_minor": None, "cpc_currency": "", "intents": [],
            },
        }
    ]  # fmt: skip
    assert everything(sector) == before


def test_an_import_does_what_its_preview_said() -> None:
    sector = make_planning.sector()
    imported(sector, csv_bytes(HEADER, ("sofa", 10, 5), ("bed", 20, 6)))
    found = analysed(sector, csv_bytes(HEADER, ("sofa", 10, 5), ("bed", 9, 9), ("rug", 1, 1)))
    told = found.report["consequences"]

    done = import_keywords(account=sector.account, import_id=found.pk, clock=lambda: NOW)

    assert (done.created, done.updated, done.unchanged) == (
        told["created"], told["updated"], told["unchanged"],
    ) == (1, 1, 1)  # fmt: skip


def test_the_preview_says_when_the_plan_has_no_room() -> None:
    sector = make_planning.sector()
    account = sector.account
    account.plan = Plan.objects.create(code="small", name="Small", max_keywords=1)
    account.save(update_fields=["plan"])

    found = analysed(sector, csv_bytes(HEADER, ("sofa", 1, 1), ("bed", 1, 1)))

    assert found.report["plan"] == {"limit": 1, "in_use": 0, "is_enough": False}


def test_a_chosen_column_is_remembered_for_the_same_header() -> None:
    sector = make_planning.sector()
    header = ("Term", "Demand", "Note")
    chosen = {"keyword": "Term", "volume": "Demand"}
    with pytest.raises(NoKeywordColumn):
        analysed(sector, csv_bytes(header, ("sofa", 5, "x")))

    analysed(sector, csv_bytes(header, ("sofa", 5, "x")), columns=chosen)
    again = analysed(sector, csv_bytes(header, ("bed", 7, "y")))

    assert again.mapping == chosen
    assert again.report["mapping_from"] == "earlier choice"
    elsewhere = make_planning.sector()
    with pytest.raises(NoKeywordColumn):
        analysed(elsewhere, csv_bytes(header, ("bed", 7, "y")))

    assert forget_mapping(account=sector.account, header_hash=again.header_hash)
    with pytest.raises(NoKeywordColumn):
        analysed(sector, csv_bytes(header, ("rug", 7, "y")))


def test_a_stored_file_is_read_again_for_another_sector_without_an_upload() -> None:
    account = make.account()
    british, american = (
        make_planning.sector(account, country_code=country) for country in ("GB", "US")
    )
    data = csv_bytes(("Keyword", "Country"), ("settee", "gb"), ("sofa", "us"))
    first = imported(british, data, country="GB")

    other = repeat_keyword_import(
        account=account,
        import_id=first.pk,
        sector=american,
        options=ReadOptions(country="US"),
        now=NOW,
    )
    import_keywords(account=account, import_id=other.pk, clock=lambda: NOW)

    assert [row["keyword"] for row in everything(british)] == ["settee"]
    assert [row["keyword"] for row in everything(american)] == ["sofa"]
    storages["imports"].delete(first.storage_path)
    with pytest.raises(ImportRowsGone):
        repeat_keyword_import(
            account=account, import_id=first.pk, sector=american, options=ReadOptions(), now=NOW
        )


def test_a_persons_own_filters_leave_rows_out_and_say_so() -> None:
    sector = make_planning.sector()

    found = imported(
        sector,
        csv_bytes(HEADER, ("sofa free", 90, 1), ("sofa", 5, 1), ("bed", 90, 1), ("rug", "", 1)),
        excludes=("Free",),
        min_volume=10,
    )

    issues = KeywordImportIssue.unscoped.filter(keyword_import=found).order_by("row")
    assert [(i.row, i.code) for i in issues] == [
        (2, "excluded:free"),
        (3, "excluded:min_volume"),
    ]
    assert [row["keyword"] for row in everything(sector)] == ["bed", "rug"]


@pytest.mark.parametrize(
    "options",
    [
        {"encoding": "idna"},
        {"decimal_marks": {"volume": "'"}},
        {"columns": {"nothing": "x"}},
        {"excludes": tuple(str(n) for n in range(101))},
    ],
)
def test_options_that_no_file_can_be_read_with_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ImportOptionInvalid) as refused:
        ReadOptions(**options)

    assert refused.value.data == {"option": next(iter(options))}


GROUPED = csv_bytes(
    ("Keyword", "Topic", "Page", "Volume"),
    ("sofa bed", "Sofas", "Beds", 100),
    ("grey sofa", "Sofas", "Colours", 500),
    ("blue sofa", "Sofas", "Colours", 20),
    ("desk", "Desks", "", 5),
    ("rug", "", "", 1),
)


def test_groups_of_a_file_become_clusters_only_when_asked() -> None:
    sector = make_planning.sector()
    desk = make_planning.cluster(sector, "Home office")
    make_planning.keyword(sector, "desk", cluster=desk, attributes={"sources": []})

    offered = analysed(sector, GROUPED)
    assert (offered.report["groups"], Clusters.unscoped.filter(sector=sector).count()) == (2, 1)
    found = imported(sector, GROUPED, keeps_groups=True)

    sofas = Clusters.unscoped.get(sector=sector, name="Sofas")
    assert (sofas.source, sofas.import_id, sofas.keywords_count, sofas.volume) == (
        "import", found.pk, 3, 620,
    )  # fmt: skip
    placed = Keywords.unscoped.filter(cluster=sofas).order_by("page", "page_place")
    assert list(placed.values_list("keyword", "page", "page_place", "status")) == [
        ("grey sofa", 0, 0, "mapped"),
        ("blue sofa", 0, 1, "mapped"),
        ("sofa bed", 1, 0, "mapped"),
    ]
    issue = KeywordImportIssue.unscoped.get(keyword_import=found, code="cluster_kept")
    assert (issue.row, issue.text) == (5, "desk")
    assert Keywords.unscoped.get(sector=sector, keyword="rug").cluster_id is None


def test_an_undo_removes_what_was_made_and_restores_what_was_changed() -> None:
    sector = make_planning.sector()
    imported(sector, csv_bytes(HEADER, ("sofa", 10, 5), ("bed", 20, 6)))
    before = everything(sector)
    data = csv_bytes(HEADER, ("sofa", 900, 50), ("bed", 20, 6), ("desk", 1, 1), ("rug", 2, 2))
    found = imported(sector, data, observed_on="2026-10-01")

    back = undone(found)
    again = undone(found)

    assert (back.status, back.undone_at) == ("undone", NOW)
    assert again.undo == back.undo == {
        "removed": 2, "restored": 2, "kept": {}, "kept_keywords": [], "clusters_removed": 0,
    }  # fmt: skip
    for row in (*before, *(now := everything(sector))):
        row.pop("updated_at")
    assert now == before
    assert not KeywordImportChange.unscoped.filter(keyword_import=found).exists()


def test_a_file_can_be_imported_again_after_an_undo() -> None:
    sector = make_planning.sector()
    data = csv_bytes(HEADER, ("sofa", 10, 5))
    found = imported(sector, data)
    undone(found)

    again = imported(sector, data)

    assert (again.pk != found.pk, again.created, again.skipped) == (True, 1, 0)


def test_an_undo_keeps_what_something_newer_depends_on_and_says_so() -> None:
    sector = make_planning.sector()
    imported(sector, csv_bytes(HEADER, ("old", 1, 1)))
    found = imported(
        sector,
        csv_bytes(
            HEADER, ("old", 99, 1), ("planned", 1, 1), ("placed", 1, 1), ("typed", 1, 1),
            ("again", 1, 1), ("changed", 1, 1), ("gone", 1, 1),
        ),
    )  # fmt: skip
    cluster = make_planning.cluster(sector)
    rows = {row.keyword: row for row in Keywords.unscoped.filter(sector=sector)}
    for text in ("planned", "placed"):
        Keywords.unscoped.filter(pk=rows[text].pk).update(cluster=cluster, page=0, status="mapped")
    Keywords.unscoped.filter(pk=rows["typed"].pk).update(intent_source="typed")
    idea = make_planning.idea(cluster)
    ContentIdeaKeyword.unscoped.create(idea=idea, keyword=rows["planned"])
    imported(sector, csv_bytes(HEADER, ("again", 1, 1), ("changed", 77, 1), ("old", 100, 1)))

    back = undone(found)

    assert back.undo["kept"] == {
        "changed_since": 1, "edited": 1, "in_cluster": 1, "in_idea": 1, "in_newer_import": 2,
    }  # fmt: skip
    assert (back.undo["removed"], back.undo["restored"]) == (1, 0)
    assert ["placed", "in_cluster"] in back.undo["kept_keywords"]
    assert not Keywords.unscoped.filter(sector=sector, keyword="gone").exists()


def test_an_undo_takes_clustered_keywords_and_emptied_clusters_when_asked() -> None:
    sector = make_planning.sector()
    found = imported(sector, csv_bytes(HEADER, ("sofa", 10, 1), ("bed", 20, 1)))
    cluster, other = make_planning.cluster(sector), make_planning.cluster(sector)
    mine = Keywords.unscoped.filter(sector=sector)
    mine.filter(keyword="sofa").update(cluster=cluster, page=0, status="mapped")
    mine.filter(keyword="bed").update(cluster=other, page=0, status="mapped")
    make_planning.keyword(sector, "kept", cluster=other, volume=3)

    back = undone(found, includes_clustered=True)

    cluster.refresh_from_db()
    other.refresh_from_db()
    assert (back.undo["removed"], back.undo["clusters_removed"]) == (2, 1)
    assert (cluster.deleted_at, other.deleted_at) == (NOW, None)
    assert (other.keywords_count, other.volume) == (1, 3)


def test_an_undo_takes_the_imports_own_clusters_back() -> None:
    sector = make_planning.sector()
    found = imported(sector, GROUPED, keeps_groups=True)

    back = undone(found)

    assert (back.undo["removed"], back.undo["clusters_removed"]) == (5, 2)
    assert not Clusters.unscoped.filter(sector=sector, deleted_at=None).exists()


def test_only_what_ran_is_undone_and_only_for_a_month() -> None:
    sector = make_planning.sector()
    waiting = analysed(sector, csv_bytes(HEADER, ("sofa", 10, 1)))
    with pytest.raises(TransitionNotAllowed):
        undone(waiting)
    with pytest.raises(NotFound):
        undo_keyword_import(account=make.account(), import_id=waiting.pk, now=NOW)

    found = imported(sector, csv_bytes(HEADER, ("bed", 10, 1)))
    KeywordImport.unscoped.filter(pk=found.pk).update(created_at=NOW - timedelta(days=31))
    with pytest.raises(UndoTooLate):
        undone(found)


def test_an_upload_is_only_stored_until_somebody_analyses_it() -> None:
    sector = make_planning.sector()
    found = upload_keyword_file(
        account=sector.account,
        site=sector.site,
        sector=sector,
        file_name="k.csv",
        data=csv_bytes(HEADER, ("sofa", 1, 1)),
        options=ReadOptions(),
    )
    assert found.status == "uploaded"

    done = analyse_upload(account=sector.account, import_id=found.pk, now=NOW)
    again = analyse_upload(account=sector.account, import_id=found.pk, now=NOW)

    assert (done.status, done.attempts, again.report) == ("analysed", 0, done.report)


def test_a_file_beyond_the_limit_is_refused_before_it_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(formats, "MAX_FILE_BYTES", 2**20)
    sector = make_planning.sector()

    with pytest.raises(FileTooLarge) as refused:
        analysed(sector, b"x" * (2**20 + 1))

    assert refused.value.data == {"limit": 2**20}
    assert not KeywordImport.unscoped.filter(sector=sector).exists()


def test_a_worker_does_the_next_step_and_the_row_says_when_it_is_asked_for(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    sector = make_planning.sector()
    found = analysed(sector, csv_bytes(HEADER, ("sofa", 1, 1)))

    with django_capture_on_commit_callbacks() as hints:
        asked = import_jobs.start_keyword_import(
            account=sector.account, import_id=found.pk, now=NOW
        )
    assert (asked.requested_at, len(hints)) == (NOW, 1)
    done = run_keyword_import(account=sector.account, import_id=found.pk, clock=lambda: NOW)

    assert (done.status, done.created) == ("completed", 1)
    over = import_jobs.start_keyword_import(account=sector.account, import_id=found.pk, now=NOW)
    assert over.status == "completed"
    undone(found)
    with pytest.raises(TransitionNotAllowed):
        import_jobs.start_keyword_import(account=sector.account, import_id=found.pk, now=NOW)


def test_a_file_that_takes_every_worker_down_is_given_up() -> None:
    sector = make_planning.sector()
    found = analysed(sector, csv_bytes(HEADER, ("sofa", 1, 1)))
    rows = KeywordImport.unscoped.filter(pk=found.pk)
    rows.update(attempts=import_records.MAX_ATTEMPTS)

    with pytest.raises(ImportKeptFailing):
        import_keywords(account=sector.account, import_id=found.pk, clock=lambda: NOW)

    assert rows.get().status == "failed"
    assert rows.get().error_code == "import_kept_failing"


def test_staged_rows_that_are_gone_fail_the_import_with_words() -> None:
    sector = make_planning.sector()
    found = analysed(sector, csv_bytes(HEADER, ("sofa", 1, 1)))
    storages["imports"].delete(found.rows_path)

    with pytest.raises(ImportRowsGone):
        import_keywords(account=sector.account, import_id=found.pk, clock=lambda: NOW)

    found.refresh_from_db()
    assert (found.status, found.error_code) == ("failed", "import_rows_gone")
