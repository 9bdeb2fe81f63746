"""``igny8 keywords`` on the tests' own database."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from igny8_core.business.planning.models import Keywords
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
    return CliRunner().invoke(command.keywords, [str(argument) for argument in arguments])


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
        "keywords": 0, "clusters_created": 0, "clusters_joined": 0, "credits": 0,
    }  # fmt: skip


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
    assert unknown.stderr == "igny8 keywords: no such site [not_found]\n"
    assert which.stderr.startswith(f"igny8 keywords: name one sector of site {sector.site_id} with")
    assert large.stderr == "igny8 keywords: list.csv is larger than 1 MiB. [file_too_large]\n"
