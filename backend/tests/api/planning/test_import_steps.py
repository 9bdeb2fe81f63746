"""A keyword file by its addresses: upload, consequences, start, progress, undo."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from igny8_core.api.v1.planning import imports as module
from igny8_core.auth.states import Role
from igny8_core.business.planning.models import Clusters, KeywordImport, Keywords
from igny8_core.business.planning.services import keyword_formats
from igny8_core.business.planning.services.import_keywords import run_keyword_import
from tests import make
from tests.api.planning.asking import Asker
from tests.make import planning as make_planning
from tests.make.planning import csv_bytes

if TYPE_CHECKING:
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

ROWS = (("Keyword", "Volume"), ("sofa", "480"), ("Sofa", "480"), ("", "5"), ("bed", "90"))
URL = "keyword-imports/"


def file(data: bytes = csv_bytes(*ROWS), name: str = "list.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector()


def uploaded(sector: Sector, asker: Asker, **more: Any) -> Any:
    answer = asker.upload(URL, file=file(), sector=sector.pk, **more)
    assert answer.status_code == 201, answer.content
    return answer.json()


def work(sector: Sector, import_id: int) -> None:
    """What a worker does with the hint."""
    run_keyword_import(account=sector.account, import_id=import_id, clock=timezone.now)


def test_a_file_is_shown_then_written_then_taken_back(sector: Sector) -> None:
    asker = Asker(sector.account)

    shown = uploaded(sector, asker)
    nothing = Keywords.unscoped.count()
    url = f"{URL}{shown['id']}/"
    started = asker.post(f"{url}start/")
    work(sector, shown["id"])
    done = asker.get(url).json()
    same = uploaded(sector, asker)
    undone = asker.post(f"{url}undo/")

    assert (shown["status"], nothing) == ("analysed", 0)
    assert shown["report"]["consequences"] | {"samples": None} == {
        "created": 2, "updated": 0, "unchanged": 0, "deleted_before": 0, "samples": None,
    }  # fmt: skip
    assert (shown["rows_read"], shown["merged"], shown["skipped"]) == (4, 1, 1)
    assert started.status_code == 202
    assert started.json()["requested_at"] is not None
    assert (done["status"], done["keywords_done"], done["keywords_total"]) == ("completed", 2, 2)
    assert (done["created"], same["id"], same["status"]) == (2, shown["id"], "completed")
    assert (undone.status_code, undone.json()["status"]) == (200, "undone")
    assert undone.json()["undo"] | {"kept_keywords": None} == {
        "removed": 2, "restored": 0, "kept": {}, "kept_keywords": None, "clusters_removed": 0,
    }  # fmt: skip
    assert Keywords.unscoped.count() == 0
    assert asker.post(f"{url}start/").json()["code"] == "transition_not_allowed"


def test_a_large_file_is_left_to_a_worker(sector: Sector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_AT_ONCE_BYTES", 10)
    asker = Asker(sector.account)

    shown = uploaded(sector, asker)
    work(sector, shown["id"])

    assert (shown["status"], shown["requested_at"] is not None) == ("uploaded", True)
    analysed = asker.get(f"{URL}{shown['id']}/").json()
    assert (analysed["status"], analysed["keywords_total"]) == ("analysed", 2)
    assert analysed["requested_at"] is None


def test_options_say_how_a_file_is_read(sector: Sector) -> None:
    data = csv_bytes(("Keyword", "Hits", "Country"), ("sofa", "7", "gb"), ("old bed", "9", "gb"))
    options = {"any_market": True, "columns": {"volume": "Hits"}, "excludes": ["old"]}

    answer = Asker(sector.account).upload(
        URL, file=file(data), sector=sector.pk, options=json.dumps(options)
    )

    shown = answer.json()
    assert answer.status_code == 201, answer.content
    assert (shown["options"]["country"], shown["options"]["excludes"]) == ("", ["old"])
    assert shown["mapping"]["volume"] == "Hits"
    assert shown["report"]["consequences"]["samples"]["created"][0]["volume"] == 7
    assert (shown["keywords_total"], shown["skipped"]) == (1, 1)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ("{", "options"),
        ("[" * 5_000, "options"),
        ("[]", "options.non_field_errors"),
        ('{"colour": 1}', "options.colour"),
        ('{"columns": {"volume": 1}}', "options.columns"),
        ('{"encoding": "klingon"}', "options.encoding"),
        ('{"min_volume": "5"}', "options.min_volume"),
        ('{"observed_on": "soon"}', "options.observed_on"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(
    sector: Sector, options: str, field: str
) -> None:
    answer = Asker(sector.account).upload(URL, file=file(), sector=sector.pk, options=options)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert not KeywordImport.unscoped.exists()


def test_files_that_cannot_be_read_are_refused_with_their_code(
    sector: Sector, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    asker = Asker(sector.account)

    picture = asker.upload(URL, file=file(b"\x89PNG\r\n\x1a\n" + b"\0" * 64), sector=sector.pk)
    nothing = asker.upload(URL, sector=sector.pk)
    monkeypatch.setattr(keyword_formats, "MAX_FILE_BYTES", 10)
    large = asker.upload(URL, file=file(), sector=sector.pk)
    settings.MAX_UPLOAD_BYTES = 100
    huge = asker.upload(URL, file=file(), sector=sector.pk)

    assert (picture.status_code, picture.json()["code"]) == (422, "format_not_supported")
    assert (nothing.status_code, list(nothing.json()["errors"])) == (422, ["file"])
    assert (large.status_code, large.json()["code"]) == (422, "file_too_large")
    assert (huge.status_code, huge.json()["code"]) == (413, "too_large")
    found = KeywordImport.unscoped.get()
    assert (found.status, found.error_code) == ("failed", "format_not_supported")


def test_a_key_makes_an_upload_safe_to_repeat(sector: Sector) -> None:
    asker = Asker(sector.account)

    first = asker.upload(URL, key="a", file=file(), sector=sector.pk)
    again = asker.upload(URL, key="a", file=file(), sector=sector.pk)
    other = asker.upload(URL, key="a", file=file(b"Keyword\nchair\n"), sector=sector.pk)

    assert first.status_code == 201
    assert (again.json(), again["Idempotent-Replayed"]) == (first.json(), "true")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_conflict")
    assert KeywordImport.unscoped.count() == 1


def test_a_refused_upload_leaves_its_key_free(sector: Sector) -> None:
    asker = Asker(sector.account)

    refused = asker.upload(URL, key="a", file=file(b"no header"), sector=sector.pk)
    made = asker.upload(URL, key="a", file=file(), sector=sector.pk)

    assert (refused.status_code, made.status_code) == (422, 201)


def test_a_stored_file_is_read_again_with_other_options_or_for_another_sector(
    sector: Sector,
) -> None:
    other, foreign = make.sector(sector.site, "Beds"), make_planning.sector()
    asker = Asker(sector.account)
    first = uploaded(sector, asker)
    url = f"{URL}{first['id']}/repeat/"

    again = asker.post(url, {"options": {"min_volume": 100}})
    moved = asker.post(url, {"sector": other.pk})
    refused = asker.post(url, {"sector": foreign.pk})

    assert (again.status_code, again.json()["keywords_total"]) == (201, 1)
    assert again.json()["sector"] == sector.pk
    assert (moved.status_code, moved.json()["sector"]) == (201, other.pk)
    assert len({first["id"], again.json()["id"], moved.json()["id"]}) == 3
    assert refused.status_code == 404


def test_an_import_is_cancelled_and_comes_again(sector: Sector) -> None:
    asker = Asker(sector.account)
    first = uploaded(sector, asker)

    cancelled = asker.post(f"{URL}{first['id']}/cancel/")
    again = uploaded(sector, asker)

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (again["status"], again["id"] != first["id"]) == ("analysed", True)


def test_an_undo_keeps_what_a_clustering_placed_unless_it_is_wanted(sector: Sector) -> None:
    asker = Asker(sector.account)
    first = uploaded(sector, asker)
    work(sector, first["id"])
    cluster = make_planning.cluster(sector)
    keyword = Keywords.unscoped.get(keyword="bed")
    keyword.cluster, keyword.page, keyword.status = cluster, 0, "mapped"
    keyword.save()

    undone = asker.post(f"{URL}{first['id']}/undo/")

    assert undone.json()["undo"]["kept"] == {"in_cluster": 1}
    assert Keywords.unscoped.get().keyword == "bed"

    second = uploaded(sector, asker)
    work(sector, second["id"])
    wrong = asker.post(f"{URL}{second['id']}/undo/", {"includes_clustered": "yes"})
    assert (wrong.status_code, list(wrong.json()["errors"])) == (422, ["includes_clustered"])


def test_issues_are_a_table_with_advice(sector: Sector) -> None:
    asker = Asker(sector.account)
    first = uploaded(sector, asker)

    listed = asker.get(f"{URL}{first['id']}/issues/").json()["results"]
    text, answer = asker.download(f"{URL}{first['id']}/issues/export/")

    assert [(row["code"], row["advice"]) for row in listed] == [
        ("merged", "Nothing: the keyword was there already."),
        ("keyword_empty", "Fill in the keyword, or remove the row."),
    ]
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="issues-{first["id"]}.csv"'
    assert text.decode("utf-8-sig").splitlines() == [
        "File,Sheet,Row,Last row,Column,Code,Text,What to do",
        "list.csv,,3,,,merged,into row 2,Nothing: the keyword was there already.",
        'list.csv,,4,,keyword,keyword_empty,,"Fill in the keyword, or remove the row."',
    ]


def test_groups_of_a_file_become_clusters_when_asked(sector: Sector) -> None:
    data = csv_bytes(("Keyword", "Volume", "Cluster"), ("sofa", "9", "Sofas"), ("bed", "8", "Beds"))
    asker = Asker(sector.account)
    options = json.dumps({"keeps_groups": True})

    answer = asker.upload(URL, file=file(data), sector=sector.pk, options=options)
    work(sector, answer.json()["id"])

    assert set(Clusters.unscoped.values_list("name", flat=True)) == {"Sofas", "Beds"}


def test_who_may_and_where_to(sector: Sector) -> None:
    foreign = make_planning.sector()

    viewer = Asker(sector.account, Role.VIEWER).upload(URL, file=file(), sector=sector.pk)
    elsewhere = Asker(sector.account).upload(URL, file=file(), sector=foreign.pk)

    assert (viewer.status_code, elsewhere.status_code) == (403, 404)
    assert not KeywordImport.unscoped.exists()
