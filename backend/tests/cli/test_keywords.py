"""``igny8 keywords`` on the tests' own database."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result
from django.utils import timezone

from igny8_core.auth import services
from igny8_core.auth.models import Plan
from igny8_core.business.planning.models import KeywordImport, Keywords
from igny8_core.cli import keyword_files
from igny8_core.cli import keywords as command
from tests import make
from tests.make import billing as make_billing
from tests.make import planning as make_planning

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "database", lambda _folder: contextlib.nullcontext())


def igny8(*arguments: object) -> Result:
    return CliRunner().invoke(keyword_files.keywords, [str(argument) for argument in arguments])


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector(make_billing.account_with(10))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    path.write_text("Keyword,Volume\ngrey sofa,10\ngrey sofas,5\n,1\n", encoding="utf-8")
    return path


def test_import_says_what_became_of_every_row(sector: Sector, file: Path) -> None:
    done = igny8("import", file, "--site", sector.site_id)

    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "list.csv: a table with a keyword column, utf-8, comma",
        "3 rows read: 2 created, 0 updated, 0 unchanged, 0 merged, 1 skipped",
        "  keyword_empty: 1",
    ]
    assert Keywords.unscoped.filter(sector=sector).count() == 2


def test_the_same_file_again_writes_nothing_and_says_so(sector: Sector, file: Path) -> None:
    igny8("import", file, "--site", sector.site_id)

    again = igny8("import", file, "--site", sector.site_id)

    found = KeywordImport.unscoped.get(sector=sector)
    assert again.stdout.splitlines()[1] == (
        f"The file is in already (import {found.pk}): nothing was written."
    )


def test_import_as_json(sector: Sector, file: Path) -> None:
    done = igny8("import", file, "--site", sector.site_id, "--sector", sector.slug, "--json")

    report = json.loads(done.stdout)
    assert (report["status"], report["profile"]) == ("completed", "generic")
    assert report["counts"] == {
        "rows_read": 3, "created": 2, "updated": 0, "unchanged": 0, "merged": 0, "skipped": 1,
    }  # fmt: skip


def test_cluster_places_keywords_and_says_what_it_cost(sector: Sector, file: Path) -> None:
    igny8("import", file, "--site", sector.site_id)

    first = igny8("cluster", "--site", sector.site_id)
    again = igny8("cluster", "--site", sector.site_id, "--json")

    assert first.stdout == "2 keywords placed, 1 new clusters, 0 joined; 1 credits\n"
    assert json.loads(again.stdout) == {
        "keywords": 0,
        "clusters_created": 0,
        "clusters_joined": 0,
        "credits": 0,
        "added_share": 0.0,
        "is_rebuild_due": False,
    }


def test_a_plain_list_is_taken_when_asked(sector: Sector, tmp_path: Path) -> None:
    path = tmp_path / "plain.txt"
    path.write_text("sofa\nchair\n", encoding="utf-8")

    refused = igny8("import", path, "--site", sector.site_id)
    taken = igny8("import", path, "--site", sector.site_id, "--plain")

    assert (refused.exit_code, taken.exit_code) == (1, 0)
    assert refused.stderr == (
        "igny8 keywords: No keyword column in the first 40 rows. [no_keyword_column]\n"
    )


def test_rows_of_other_markets_are_left_out_unless_asked(tmp_path: Path) -> None:
    sector = make_planning.sector(country_code="US")
    path = tmp_path / "list.csv"
    path.write_text("Keyword,Country\nsofa,us\nsettee,gb\n", encoding="utf-8")

    igny8("import", path, "--site", sector.site_id)
    assert Keywords.unscoped.filter(sector=sector).count() == 1
    igny8("import", path, "--site", sector.site_id, "--any-market")
    assert Keywords.unscoped.filter(sector=sector).count() == 2


def test_refusals_are_one_line(sector: Sector, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make.sector(sector.site, "Lamps")

    unknown = igny8("import", file, "--site", 0)
    which = igny8("cluster", "--site", sector.site_id)
    monkeypatch.setattr(
        "igny8_core.business.planning.services.keyword_formats.MAX_FILE_BYTES", 2**20
    )
    file.write_bytes(b"x" * (2**20 + 1))
    large = igny8("import", file, "--site", sector.site_id, "--sector", sector.pk)

    assert {unknown.exit_code, which.exit_code, large.exit_code} == {1}
    assert unknown.stderr == (
        "igny8 keywords: There is no site 0, or its account was closed. [not_found]\n"
    )
    assert which.stderr.startswith(f"igny8 keywords: name one sector of site {sector.site_id} with")
    assert large.stderr == "igny8 keywords: The file is larger than 1 MiB. [file_too_large]\n"


def test_preview_writes_nothing_and_says_how_to_go_on(sector: Sector, file: Path) -> None:
    shown = igny8("preview", file, "--site", sector.site_id)
    assert shown.exit_code == 0, shown.output
    found = KeywordImport.unscoped.get(sector=sector)

    lines = shown.stdout.splitlines()
    assert lines[:4] == [
        "list.csv: a table with a keyword column, utf-8, comma",
        "3 rows: 2 new, 0 to update, 0 unchanged, 0 duplicates, 1 rejected",
        "  keyword         Keyword                  grey sofa | grey sofas",
        "  volume          Volume                   10 | 5 | 1",
    ]
    assert lines[-1].endswith(f"igny8 keywords import --id {found.pk} --site {sector.site_id}")
    assert not Keywords.unscoped.filter(sector=sector).exists()

    done = igny8("import", "--id", found.pk, "--site", sector.site_id, "--json")
    assert json.loads(done.stdout)["counts"]["created"] == 2


def test_preview_as_json_holds_the_whole_report(sector: Sector, file: Path) -> None:
    report = json.loads(igny8("preview", file, "--site", sector.site_id, "--json").stdout)

    assert report["consequences"]["created"] == 2
    assert report["issues"][0]["code"] == "keyword_empty"
    assert report["status"] == "analysed"


def test_a_preview_says_what_is_in_the_way(tmp_path: Path) -> None:
    account = make_billing.account_with(10)
    account.plan = Plan.objects.create(code="none", name="None", max_keywords=0)
    account.save(update_fields=["plan"])
    sector = make_planning.sector(account, country_code="US")
    path = tmp_path / "google_gb_x_y_2026-07-08_20-05-24.csv"
    path.write_text("Keyword,Volume,Mood\nsofa,1,x\n", encoding="utf-8")

    shown = igny8("preview", path, "--site", sector.site_id).stdout
    mine = igny8("preview", path, "--site", sector.site_id, "--my-market").stdout

    assert "market: GB (file name)" in shown
    assert "  other_market:gb: 1" in shown
    assert "  -               Mood                     (not known)" in shown
    assert "market: US (site)" in mine
    assert "The plan allows 0 keywords: they do not fit." in mine


def test_columns_and_marks_are_named_on_the_command_line(sector: Sector, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text('Term;Demand\nsofa;"1.200"\nbed;"500.0"\n', encoding="utf-8")
    said = ("--column", "keyword=Term", "--column", "volume=Demand")

    asked = igny8("import", path, "--site", sector.site_id, *said)
    done = igny8("import", path, "--site", sector.site_id, *said, "--decimal", "volume=.")
    wrong = igny8("import", path, "--site", sector.site_id, "--column", "keyword")

    assert asked.stderr.endswith("[number_style_asked]\n")
    assert done.exit_code == 0
    assert "FIELD=VALUE" in wrong.stderr
    rows = Keywords.unscoped.filter(sector=sector).order_by("keyword")
    assert list(rows.values_list("keyword", "volume")) == [("bed", 500), ("sofa", 1)]


def test_an_import_names_a_file_or_a_preview(sector: Sector, file: Path) -> None:
    assert igny8("import", "--site", sector.site_id).exit_code == 2
    assert igny8("import", file, "--id", 1, "--site", sector.site_id).exit_code == 2


def test_imports_are_listed_undone_and_explained(
    sector: Sector, file: Path, tmp_path: Path
) -> None:
    igny8("import", file, "--site", sector.site_id)
    found = KeywordImport.unscoped.get(sector=sector)
    out = tmp_path / "issues.csv"

    listed = igny8("imports", "--site", sector.site_id)
    as_json = json.loads(igny8("imports", "--site", sector.site_id, "--json").stdout)
    told = igny8("issues", found.pk, out, "--site", sector.site_id)
    back = igny8("undo", found.pk, "--site", sector.site_id)
    again = json.loads(igny8("undo", found.pk, "--site", sector.site_id, "--json").stdout)

    assert listed.stdout == f"{found.pk:>6}  completed          2 of 2  list.csv\n"
    assert as_json["imports"][0]["created"] == 2
    assert told.stderr == "1 issues\n"
    assert "keyword_empty" in out.read_text(encoding="utf-8-sig")
    assert back.stdout == "2 keywords removed, 0 restored\n"
    assert (again["status"], again["removed"]) == ("undone", 2)
    assert not Keywords.unscoped.filter(sector=sector).exists()


def test_an_undo_says_what_it_kept(sector: Sector, file: Path) -> None:
    igny8("import", file, "--site", sector.site_id)
    igny8("cluster", "--site", sector.site_id)
    found = KeywordImport.unscoped.get(sector=sector)

    back = igny8("undo", found.pk, "--site", sector.site_id)

    assert back.stdout == "0 keywords removed, 0 restored\n  kept, in cluster: 2\n"


def test_an_import_in_the_background_is_left_to_a_worker(sector: Sector, file: Path) -> None:
    asked = igny8("import", file, "--site", sector.site_id, "--background")

    found = KeywordImport.unscoped.get(sector=sector)
    assert asked.stdout.splitlines()[-1] == (
        f"Import {found.pk} is analysed; it goes on by itself."
    )
    assert found.requested_at is not None


def test_exports_are_files_or_the_screen(sector: Sector, file: Path, tmp_path: Path) -> None:
    igny8("import", file, "--site", sector.site_id)
    book, clusters = tmp_path / "k.xlsx", tmp_path / "c.csv"

    screen = igny8("export", "-", "--site", sector.site_id, "--query", "sofas")
    done = igny8("export", book, "--site", sector.site_id, "--json")
    other = igny8("export", clusters, "--site", sector.site_id, "--what", "clusters")

    assert screen.stdout.splitlines()[1].startswith("grey sofas,")
    assert screen.stderr == "1 keywords written\n"
    assert json.loads(done.stdout)["rows"] == 2
    assert book.read_bytes().startswith(b"PK")
    assert other.stderr == "0 clusters written\n"
    assert clusters.read_text(encoding="utf-8-sig").startswith("Id,Name,")


# --- suspended and closed accounts


def test_a_suspended_account_is_read_and_not_changed(sector: Sector, file: Path) -> None:
    igny8("import", file, "--site", sector.site_id)
    services.suspend_account(account=sector.account, reason="Unpaid", now=timezone.now())
    site = ("--site", sector.site_id)
    text = "igny8 keywords: This account is suspended: it can be read, but nothing can be changed"

    refused = [igny8("import", file, *site), igny8("cluster", *site), igny8("preview", file, *site)]
    listed = igny8("imports", *site)
    exported = igny8("export", "-", *site)

    for answer in refused:
        assert (answer.exit_code, answer.stdout) == (1, "")
        assert answer.stderr.startswith(text)
        assert answer.stderr.endswith("[account_suspended]\n")
    assert (listed.exit_code, exported.exit_code) == (0, 0)


def test_a_closed_account_and_an_unknown_site_are_told_alike(sector: Sector) -> None:
    services.close_account(account=sector.account, reason="Over", now=timezone.now())

    closed = igny8("imports", "--site", sector.site_id)
    unknown = igny8("imports", "--site", 10**9)

    assert (closed.exit_code, closed.stderr) == (
        1,
        f"igny8 keywords: There is no site {sector.site_id}, or its account was closed."
        " [not_found]\n",
    )
    assert unknown.exit_code == 1
