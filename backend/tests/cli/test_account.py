"""``igny8 account`` on the tests' own database."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from igny8_core.auth.models import Account, Plan, StatusChange
from igny8_core.cli import account as command
from tests import make

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


@pytest.fixture(autouse=True)
def _own_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> None:
    monkeypatch.setattr(command, "database", lambda _folder: contextlib.nullcontext())
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture
def account() -> Account:
    Plan.objects.create(code="free", name="Free", max_sites=2, max_users=2)
    found = make.account(name="Acme", slug="acme")
    make.site(found)
    make.member(found, email="ada@example.com")
    return found


def igny8(*arguments: object) -> Result:
    return CliRunner().invoke(command.account, [str(argument) for argument in arguments])


def test_an_account_goes_out_and_comes_in(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "a.zip"

    out = igny8("export", "acme", "--to", file)
    back = igny8("import", file, "--name", "Second")

    assert (out.exit_code, back.exit_code) == (0, 0)
    assert out.stdout.startswith(f"{file}: {file.stat().st_size:,} bytes, 2 rows,\n")
    assert "  passwords, second factors, sessions: they belong to people" in out.stdout
    assert back.stdout.splitlines()[0] == "Second (second): 2 rows,"
    assert Account.objects.get(slug="second").name == "Second"


def test_both_speak_json(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "a.zip"

    out = json.loads(igny8("export", "acme", "--to", file, "--json").stdout)
    back = json.loads(igny8("import", file, "--json", "--with-credits").stdout)

    assert (out["rows"]["igny8_auth.Site"], out["files"], out["missing_files"]) == (1, 0, [])
    assert "igny8_auth.ApiKey" in out["left_out"]
    assert back["rows"] == out["rows"]
    assert (back["account"], back["credits"], back["people_not_here"]) == ("acme-2", 0, [])


def test_refusals_are_one_line(account: Account, tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    igny8("export", "acme", "--to", file)
    bad = tmp_path / "bad.zip"
    bad.write_text("x")

    unknown = igny8("export", "nobody")
    again = igny8("export", "acme", "--to", file)
    damaged = igny8("import", bad)
    plan = igny8("import", file, "--plan", "gold")
    tight = igny8("import", file, "--max-gib", "0.000001")

    assert {r.exit_code for r in (unknown, again, damaged, plan, tight)} == {1}
    assert unknown.stderr == "igny8 account: There is no account 'nobody'. [not_found]\n"
    assert again.stderr == f"igny8 account: {file} is there already. [archive_exists]\n"
    assert "[archive_invalid]" in damaged.stderr
    assert plan.stderr == (
        "igny8 account: Nothing was imported. There is no plan 'gold'. [import_refused]\n"
    )
    assert "[archive_too_large]" in tight.stderr
    assert Account.objects.count() == 1


def test_people_who_are_not_here_are_listed(account: Account, tmp_path: Path) -> None:
    gone = make.member(account, email="eve@example.com")
    file = tmp_path / "a.zip"
    igny8("export", "acme", "--to", file)
    gone.delete()

    done = igny8("import", file)

    assert done.stdout.splitlines()[-1] == "  not here, invite them: eve@example.com"


def test_an_account_is_suspended_and_closed_with_a_reason(account: Account) -> None:
    moves = [
        igny8("suspend", "acme", "--reason", "Fraud"),
        igny8("suspend", "acme", "--reason", "Fraud"),
        igny8("reactivate", "acme", "--reason", "Cleared"),
        igny8("close", "acme", "--reason", "Asked"),
    ]

    trail = StatusChange.unscoped.order_by("pk").values_list("target", "actor", "reason")
    assert [move.exit_code for move in moves] == [0, 1, 0, 0]
    assert moves[0].stdout == "Acme (acme) is suspended.\n"
    assert "[transition_not_allowed]" in moves[1].stderr
    assert list(trail) == [
        ("suspended", "command:account", "Fraud"),
        ("active", "command:account", "Cleared"),
        ("closed", "command:account", "Asked"),
    ]
