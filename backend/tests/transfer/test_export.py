"""What is in an archive: everything of one account, nothing of another, and no secret."""

from __future__ import annotations

import stat
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import apps
from django.db import connection, transaction

from igny8_core.auth.models import Account
from igny8_core.common.errors import NotFound
from igny8_core.common.tenancy.context import tenant
from igny8_core.transfer import catalog
from igny8_core.transfer.errors import ArchiveExists
from tests import make
from tests.common.isolation import canary, tenant_models
from tests.routes.world import CANARY, MINE, make_world
from tests.transfer.world import export, manifest_of, rich_account, rows_of, texts_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])

MARKER = "secret-marker"
SECRETS: dict[str, dict[str, Any]] = {
    "igny8_auth.ApiKey": {"secret_hash": MARKER},
    "igny8_auth.IdempotentRequest": {"body": {"key": MARKER}},
    "igny8_auth.Invitation": {"token_hash": MARKER},
    "igny8_auth.User": {"password": MARKER},
    "integration.SiteIntegration": {"credentials": {"sealed": MARKER}},
    "ai.ProviderSetting": {"sealed_key": MARKER},
    "billing.ReservationResult": {"payload": {"text": MARKER}},
}


def test_every_tenant_model_is_classified_once() -> None:
    labels = [*catalog.PORTABLE, *catalog.HISTORY, *catalog.LEFT_OUT]
    here = {model._meta.label for model in tenant_models()} - {catalog.ACCOUNT}

    assert here - set(labels) == set()
    assert len(labels) == len(set(labels))
    assert all(catalog.LEFT_OUT.values())


def test_parents_come_before_children() -> None:
    order = list(catalog.portable())

    early = {
        (label, target)
        for label in order
        for target in catalog.relations(label).values()
        if target in order and order.index(target) > order.index(label)
    }

    assert early == set()
    assert order.index("igny8_auth.Site") < order.index("planning.Keywords")


def test_an_archive_holds_a_row_of_everything_and_nothing_of_another_account(
    tmp_path: Path,
) -> None:
    make_world()
    account = Account.objects.get(pk=MINE)

    done = export(account, tmp_path / "a.zip")

    texts = texts_of(tmp_path / "a.zip")
    empty = {label for label, count in (done.rows | done.history).items() if count == 0}
    assert [name for name, text in texts.items() if CANARY in text] == []
    assert canary(MINE) in texts["rows/content.Content.jsonl"]
    assert empty <= {"publishing.PublishingRecord"}  # one of the two tables has it
    assert manifest_of(tmp_path / "a.zip")["account"]["slug"] == account.slug


def test_an_archive_is_of_one_account_even_for_a_role_that_sees_all(
    tmp_path: Path, settings: Any
) -> None:
    make_world()
    settings.TENANCY_SET_ROLE = None  # the superuser: no policy holds

    export(Account.objects.get(pk=MINE), tmp_path / "a.zip")

    assert [n for n, text in texts_of(tmp_path / "a.zip").items() if CANARY in text] == []


def test_the_policy_alone_keeps_other_accounts_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_world()
    real = connection.chunked_cursor

    def without_filter() -> Any:
        cursor: Any = real()
        execute = cursor.execute

        def run(sql: str, values: Any) -> Any:
            wide = sql.replace("account_id = %", "0 <> %")
            assert wide != sql
            return execute(wide, values)

        cursor.execute = run
        return cursor

    monkeypatch.setattr(connection, "chunked_cursor", without_filter)

    export(Account.objects.get(pk=MINE), tmp_path / "a.zip")

    assert [n for n, text in texts_of(tmp_path / "a.zip").items() if CANARY in text] == []


def test_no_secret_leaves(tmp_path: Path) -> None:
    make_world()
    for label, values in SECRETS.items():
        assert apps.get_model(label)._base_manager.update(**values) >= 1

    done = export(Account.objects.get(pk=MINE), tmp_path / "a.zip")

    texts = texts_of(tmp_path / "a.zip")
    left_out = {entry["what"] for entry in manifest_of(tmp_path / "a.zip")["left_out"]}
    assert [name for name, text in texts.items() if MARKER in text] == []
    assert {"igny8_auth.ApiKey", "igny8_auth.Invitation", "ai.ProviderSetting"} <= left_out
    assert "integration.SiteIntegration.credentials" in left_out
    assert left_out == set(done.left_out)


def test_references_are_those_that_rows_name(tmp_path: Path) -> None:
    rich = rich_account()
    rich_account("Other")

    export(rich.account, tmp_path / "a.zip")

    people = rows_of(tmp_path / "a.zip", "references/igny8_auth.User.jsonl")
    seeds = rows_of(tmp_path / "a.zip", "references/igny8_auth.SeedKeyword.jsonl")
    sectors = rows_of(tmp_path / "a.zip", "references/igny8_auth.IndustrySector.jsonl")
    assert {row["email"] for row in people} == {rich.owner.email, rich.editor.email}
    assert {row["keyword"] for row in seeds} == {"puppy crate", "own words"}
    assert [row["slug"] for row in sectors] == ["dogs"]


def test_the_manifest_vouches_for_every_member(tmp_path: Path) -> None:
    rich = rich_account()

    done = export(rich.account, tmp_path / "a.zip")

    manifest = manifest_of(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        names = set(packed.namelist())
    assert names == {
        "manifest.json",
        *manifest["entries"],
        *(f"files/{number}" for number in range(manifest["files"])),
    }
    assert manifest["account"] == {
        "name": "Acme",
        "slug": rich.account.slug,
        "status": "active",
        "plan": "starter",
        "country_code": "DE",
        "timezone": "Europe/Berlin",
        "retention_days": 60,
        "max_credits_per_day": 500,
        "settings": {"note": "ours"},
        "created_at": rich.account.created_at.isoformat(),
        "credits": 90,
        "credits_held": 0,
        "in_use": {"sites": 1, "people": 2, "keywords": 2},
    }
    assert (done.files, done.missing) == (3, [])  # two pictures and the keyword file
    assert done.size_bytes == (tmp_path / "a.zip").stat().st_size


def test_files_that_are_gone_are_named(tmp_path: Path, folder: Path) -> None:
    rich = rich_account()
    (folder / "media" / rich.image.path).unlink()

    done = export(rich.account, tmp_path / "a.zip")

    assert (done.files, done.missing) == (2, [rich.image.path])


def test_an_archive_is_private_and_overwrites_nothing(tmp_path: Path) -> None:
    rich = rich_account()
    target = tmp_path / "new" / "a.zip"

    export(rich.account, target)
    before = target.read_bytes()
    with pytest.raises(ArchiveExists):
        export(rich.account, target)

    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert target.read_bytes() == before
    assert [file.name for file in target.parent.iterdir()] == ["a.zip"]


def test_a_failure_leaves_no_half_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rich = rich_account()

    def fail(*_args: Any) -> Any:
        raise OSError("disk full")

    monkeypatch.setattr("igny8_core.transfer.export_account._write_files", fail)

    with pytest.raises(OSError, match="disk full"):
        export(rich.account, tmp_path / "new" / "a.zip")

    assert list((tmp_path / "new").iterdir()) == []


def test_an_unknown_account_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        export(Account(pk=999_999), tmp_path / "a.zip")

    assert not (tmp_path / "a.zip").exists()


def test_a_closed_account_can_still_be_taken_along(tmp_path: Path) -> None:
    rich = rich_account()
    Account.objects.filter(pk=rich.account.pk).update(status="closed")

    done = export(rich.account, tmp_path / "a.zip")

    assert done.rows["content.Content"] == 2


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_all_of_it_is_as_of_one_moment() -> None:
    account = make.account()
    make.site(account)

    with tenant(account.pk, read_only=True, snapshot=True):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM igny8_auth_site")
            before = cursor.fetchone()[0]
        other = connection.copy("other")
        try:
            with other.cursor() as writer:
                writer.execute("UPDATE igny8_auth_site SET name = 'changed'")
        finally:
            other.close()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM igny8_auth_site WHERE name = 'changed'")
            changed = cursor.fetchone()[0]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM igny8_auth_site WHERE name = 'changed'")
        after = cursor.fetchone()[0]

    assert (before, changed, after) == (1, 0, 1)


def test_a_snapshot_begins_with_its_block() -> None:
    account = make.account()

    with tenant(account.pk), pytest.raises(RuntimeError), tenant(account.pk, snapshot=True):
        pass
