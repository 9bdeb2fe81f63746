"""Keyword files by their addresses."""

from __future__ import annotations

import pytest

from igny8_core.auth.states import Role
from tests import make
from tests.api.planning.asking import Asker
from tests.make import planning as make_planning
from tests.make.planning import csv_bytes, imported

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


def test_a_file_says_what_became_of_its_rows() -> None:
    sector = make_planning.sector()
    rows = (("Keyword", "Volume"), ("sofa", "480"), ("Sofa", "480"), ("", "5"), ("bed", "90"))
    found = imported(sector, csv_bytes(*rows))

    answer = Asker(sector.account, Role.VIEWER).get(f"keyword-imports/{found.pk}/")

    assert answer.status_code == 200
    assert {
        "id": found.pk,
        "site": sector.site_id,
        "sector": sector.pk,
        "file_name": "keywords.csv",
        "status": "completed",
        "rows_read": 4,
        "created": 2,
        "updated": 0,
        "unchanged": 0,
        "merged": 1,
        "skipped": 1,
        "error": "",
    }.items() <= answer.json().items()
    assert answer.json()["mapping"]["keyword"] == "Keyword"
    assert answer.json()["report"]["keywords"] == 2


def test_issues_are_listed_in_the_order_of_the_file() -> None:
    sector = make_planning.sector()
    data = csv_bytes(("Keyword", "Volume"), ("b", "1"), ("", "2"), ("B", "1"), ("a", "x"))
    found = imported(sector, data)
    asker, url = Asker(sector.account), f"keyword-imports/{found.pk}/issues/"

    every = [(row["row"], row["code"]) for row in asker.get(url).json()["results"]]
    merged = asker.get(url, code="merged").json()["results"]
    informative = asker.get(url, severity="info").json()["results"]
    wrong = asker.get(url, severity="grave")

    assert [row for row, _ in every] == sorted(row for row, _ in every)
    assert {(3, "keyword_empty"), (4, "merged")} <= set(every)
    assert [(row["row"], row["severity"]) for row in merged] == [(4, "info")]
    assert [row["code"] for row in informative] == ["merged"]
    assert (wrong.status_code, list(wrong.json()["errors"])) == (422, ["severity"])
    assert asker.ids(url) == [row["id"] for row in asker.get(url).json()["results"]]


def test_files_are_listed_newest_first_by_place_and_status() -> None:
    account = make.account()
    one, two = make_planning.sector(account), make_planning.sector(account)
    files = [imported(sector, csv_bytes(("Keyword",), ("sofa",))).pk for sector in (one, two)]
    asker = Asker(account)

    assert asker.ids("keyword-imports/") == files[::-1]
    assert asker.ids("keyword-imports/", sector=one.pk) == files[:1]
    assert asker.ids("keyword-imports/", site=two.site_id) == files[1:]
    assert asker.ids("keyword-imports/", status="failed") == []
