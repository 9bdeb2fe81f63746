"""Commands with odd arguments, a disk or a database that refuses: a line, exit 1, no loss."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NoReturn

import pytest
from click.testing import CliRunner, Result
from django.db import OperationalError

from igny8_core.auth import services
from igny8_core.business.automation.models import AutomationRun
from igny8_core.cli import account, content, integrations, keywords, runs, site
from igny8_core.cli.main import main
from tests import make
from tests.make import billing as make_billing
from tests.make import content as make_content
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

MODULES = (account, content, integrations, keywords, runs, site)
HUGE = "9" * 20


@pytest.fixture(autouse=True)
def _own_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in MODULES:
        monkeypatch.setattr(module, "database", lambda _folder: contextlib.nullcontext())


@pytest.fixture
def sector() -> Sector:
    return make_planning.sector(make_billing.account_with(10))


def igny8(*arguments: object) -> Result:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def test_a_file_keeps_what_it_holds_until_an_export_is_whole(
    sector: Sector, tmp_path: Path
) -> None:
    kept = tmp_path / "keywords.csv"
    kept.write_text("mine")
    make_planning.keyword(sector, "grey sofa")

    unknown = igny8("keywords", "export", kept, "--site", HUGE)
    nowhere = igny8("keywords", "export", tmp_path / "no" / "k.csv", "--site", sector.site_id)
    before = kept.read_text()
    done = igny8("keywords", "export", kept, "--site", sector.site_id)

    assert (unknown.exit_code, before) == (1, "mine")
    assert unknown.stderr.endswith("or its account was closed. [not_found]\n")
    assert (nowhere.exit_code, len(nowhere.stderr.splitlines())) == (1, 1)
    assert nowhere.stderr == f"igny8: {tmp_path}/no/k.csv: No such file or directory\n"
    assert done.exit_code == 0
    assert "grey sofa" in kept.read_text("utf-8-sig")


def test_a_database_that_is_away_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_folder: object) -> NoReturn:
        raise OperationalError("connection refused\n\tIs the server running?")

    monkeypatch.setattr(runs, "database", away)

    done = igny8("runs", "list", "--site", 1)

    assert done.exit_code == 1
    assert done.stderr == "igny8: an engine does not answer: connection refused\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("account", "import", "FILE", "--max-gib", "nan"),
        ("account", "import", "FILE", "--max-gib", "inf"),
        ("keywords", "export", "-", "--site", 1, "--max-difficulty", "nan"),
        ("clusters", "rebuild", "--site", 1, "--granularity", "nan"),
        ("content", "results", 1, "FILE", "--market", "DE", "--day", "2026-01-01", "--site", 1),
    ],
)
def test_what_is_no_number_or_no_text_is_said(
    arguments: tuple[object, ...], tmp_path: Path
) -> None:
    file = tmp_path / "x.bin"
    file.write_bytes(b"\xff\xfe\x80")

    done = igny8(*(file if word == "FILE" else word for word in arguments))

    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith("Error: Invalid value for ")


def test_a_suspended_account_and_a_site_at_rest_can_only_be_read(sector: Sector) -> None:
    owner, place = sector.account, ("--site", sector.site_id)
    task = make_content.writing_task(make_planning.cluster(sector))
    changing: list[tuple[object, ...]] = [
        ("runs", "start", *place),
        ("site", "deploy", *place),
        ("content", "write", task.pk, *place),
        ("integrations", "connect", *place, "--url", "https://a.example", "--secret", "x"),
    ]
    reading: list[tuple[object, ...]] = [("runs", "list", *place), ("content", "list", *place)]
    services.set_site_active(account=owner, site_id=sector.site_id, is_active=False)

    at_rest = [igny8(*words).stderr for words in changing]
    services.set_site_active(account=owner, site_id=sector.site_id, is_active=True)
    services.suspend_account(account=owner, reason="x", now=NOW)
    suspended = [igny8(*words).stderr for words in changing]

    assert [text.split()[-1] for text in at_rest] == ["[site_inactive]"] * 4
    assert [text.split()[-1] for text in suspended] == ["[account_suspended]"] * 4
    assert {igny8(*words).exit_code for words in reading} == {0}
    assert not AutomationRun.unscoped.exists()


def test_ids_of_another_account_are_unknown(sector: Sector) -> None:
    other = make_content.article(make_planning.sector(make.account()))

    found = [
        igny8("content", verb, other.pk, "--site", sector.site_id) for verb in ("show", "gates")
    ]

    assert [done.exit_code for done in found] == [1, 1]
    assert {done.stderr for done in found} == {"igny8 content: no such content [not_found]\n"}


def test_bytes_that_are_no_text_are_said(sector: Sector) -> None:
    done = igny8("keywords", "export", "-", "--site", sector.site_id, "--query", "sofa\udcff")

    assert (done.exit_code, done.stderr) == (1, "igny8: this is no text: '%sofa\\udcff%'\n")
