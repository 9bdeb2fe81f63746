"""An archive becomes a new account with the same content, or nothing at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.storage import storages
from django.db import connection

from igny8_core.auth import selectors
from igny8_core.auth.errors import PlanLimitReached
from igny8_core.auth.models import Account, Membership, Plan, SeedKeyword, Site, User
from igny8_core.auth.states import Role
from igny8_core.business.billing import selectors as billing
from igny8_core.business.billing.services.audit import ledger_problems
from igny8_core.business.content.models import Content, ContentVersion, Images
from igny8_core.business.planning.errors import UndoTooLate
from igny8_core.business.planning.models import Clusters, KeywordImport, Keywords, SavedView
from igny8_core.business.planning.services.undo_import import undo_keyword_import
from igny8_core.common.tenancy.lint import problems as tenancy_problems
from igny8_core.transfer import histories
from igny8_core.transfer.errors import ImportRefused
from igny8_core.transfer.import_account import Imported, import_account
from tests.common.isolation import tenant_models
from tests.routes.world import CANARY, MINE, make_world
from tests.transfer.world import (
    NOW,
    PICTURE,
    Rich,
    comparable,
    export,
    manifest_of,
    members_of,
    rich_account,
    rows_of,
    texts_of,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])


@pytest.fixture
def rich() -> Rich:
    return rich_account()


@pytest.fixture
def archive(rich: Rich, tmp_path: Path) -> Path:
    export(rich.account, tmp_path / "a.zip")
    return tmp_path / "a.zip"


def bring(path: Path, **options: Any) -> Imported:
    return import_account(path=path, clock=lambda: NOW, **options)


def fingerprint(account_id: int) -> str:
    """Every row of an account, as text."""
    found = []
    for model in tenant_models():
        column = "id" if model is Account else "account_id"
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM"
                f" {model._meta.db_table} t WHERE {column} = %s",
                [account_id],
            )
            found.append(f"{model._meta.label}: {cursor.fetchone()[0]}")
    return "\n".join(found)


def test_what_comes_in_goes_out_the_same(rich: Rich, archive: Path, tmp_path: Path) -> None:
    before = fingerprint(rich.account.pk)

    done = bring(archive)
    export(done.account, tmp_path / "b.zip")

    first, second = comparable(archive), comparable(tmp_path / "b.zip")
    assert list(first) == list(second)
    for label in first:
        assert first[label] == second[label], label
    assert done.account.pk != rich.account.pk
    assert fingerprint(rich.account.pk) == before


def test_every_kind_of_row_comes_along(tmp_path: Path) -> None:
    world = make_world()
    Plan.objects.create(code="free", name="Free", max_sites=9, max_users=9)
    person = User.objects.get(pk=world.mine[Membership].user_id)
    export(Account.objects.get(pk=MINE), tmp_path / "a.zip")

    done = bring(tmp_path / "a.zip", owner_email=person.email)
    export(done.account, tmp_path / "b.zip")

    first, second = manifest_of(tmp_path / "a.zip"), manifest_of(tmp_path / "b.zip")
    counts = [{k: t["rows"] for k, t in m["rows"].items()} for m in (first, second)]
    assert counts[0] == counts[1] == done.rows
    assert [n for n, text in texts_of(tmp_path / "b.zip").items() if CANARY in text] == []
    assert tenancy_problems() == []
    assert ledger_problems() == []


def test_the_account_is_set_up_as_it_was(rich: Rich, archive: Path) -> None:
    done = bring(archive)

    account = done.account
    assert (account.name, account.slug) == ("Acme", "acme")
    assert (account.status, account.country_code, account.timezone) == (
        "active",
        "DE",
        "Europe/Berlin",
    )
    assert (account.retention_days, account.max_credits_per_day) == (60, 500)
    assert account.settings == {"note": "ours"}
    assert account.plan is not None
    assert account.plan.code == "starter"
    assert members_of(account) == {rich.owner.email: "owner", rich.editor.email: "editor"}
    assert done.people_not_here == []


def test_links_between_rows_are_those_of_the_new_rows(rich: Rich, archive: Path) -> None:
    account = bring(archive).account

    first, second = Content.unscoped.filter(account=account).order_by("pk")
    version = ContentVersion.unscoped.get(account=account)
    keyword = Keywords.unscoped.get(account=account, keyword="own words")
    found = KeywordImport.unscoped.get(account=account)
    assert (first.title, second.title) == ("First", "Second")
    assert first.blocks[0]["links"] == [{"content_id": second.pk, "anchor": "long decision"}]
    assert second.blocks[0]["links"] == [{"content_id": first.pk, "anchor": "long decision"}]
    assert f'href="#content-{second.pk}"' in first.html
    assert (version.blocks, version.html) == (first.blocks, first.html)
    assert first.approved_by_id == version.editor_id == rich.editor.pk
    assert first.provenance["reviewed_by"] == rich.editor.pk
    assert keyword.attributes["sources"][0]["import"] == found.pk
    assert keyword.seed_keyword_id == rich.keyword.seed_keyword_id
    assert found.storage_path == f"{account.pk}/{found.sha256}"


def test_times_are_those_of_then(rich: Rich, archive: Path) -> None:
    Content.unscoped.filter(pk=rich.first.pk).update(created_at=NOW, updated_at=NOW)
    again = archive.with_name("again.zip")
    export(rich.account, again)

    account = bring(again).account

    row = Content.unscoped.get(account=account, title="First")
    assert (row.created_at, row.updated_at) == (NOW, NOW)


def test_pictures_lie_where_the_new_rows_look_for_them(
    rich: Rich, archive: Path, folder: Path
) -> None:
    done = bring(archive)

    image = Images.unscoped.get(account=done.account)
    site = Site.unscoped.get(account=done.account)
    paths = [variant["path"] for variant in image.variants]
    assert image.path.startswith(f"{done.account.pk}/{site.pk}/images/")
    assert image.path in paths
    assert [(folder / "media" / path).read_bytes() for path in paths] == [PICTURE, PICTURE]
    assert storages["imports"].exists(KeywordImport.unscoped.get(account=done.account).storage_path)
    assert (done.files, done.files_dropped) == (3, 0)


def test_people_who_are_not_here_are_named_and_not_made(rich: Rich, archive: Path) -> None:
    rich.editor.delete()

    done = bring(archive)

    assert done.people_not_here == [rich.editor.email]
    assert members_of(done.account) == {rich.owner.email: "owner"}
    assert Content.unscoped.get(account=done.account, title="First").approved_by_id is None
    assert not User.objects.filter(email=rich.editor.email).exists()


def test_an_account_needs_an_owner_who_is_here(rich: Rich, archive: Path) -> None:
    Membership.unscoped.filter(user=rich.owner).delete()
    rich.owner.delete()

    with pytest.raises(ImportRefused) as refused:
        bring(archive)
    done = bring(archive, owner_email="New@Example.com", name="Moved")

    assert list(refused.value.data) == ["owner"]
    assert members_of(done.account) == {"new@example.com": "owner", rich.editor.email: "editor"}
    assert (done.account.name, done.account.slug) == ("Moved", "moved")
    assert not User.objects.get(email="new@example.com").has_usable_password()


def test_whoever_is_named_becomes_an_owner(rich: Rich, archive: Path) -> None:
    done = bring(archive, owner_email=rich.editor.email)

    assert members_of(done.account) == {rich.owner.email: "owner", rich.editor.email: "owner"}


def test_credits_begin_at_nothing_unless_they_are_asked_for(rich: Rich, archive: Path) -> None:
    without = bring(archive)
    with_them = bring(archive, with_credits=True)

    lots = list(billing.credit_lots(account=with_them.account))
    rows = list(billing.credit_transactions(account=with_them.account))
    assert (without.credits, without.account.credits) == (0, 0)
    assert (with_them.credits, with_them.account.credits) == (90, 90)
    assert [(lot.kind, lot.remaining) for lot in lots] == [("adjustment", 90)]
    assert rows[0].metadata["imported_from"] == rich.account.slug
    assert ledger_problems() == []


def test_history_is_kept_and_goes_along_again(rich: Rich, archive: Path, tmp_path: Path) -> None:
    account = bring(archive).account
    export(account, tmp_path / "b.zip")
    third = bring(tmp_path / "b.zip").account

    origin = f"20261102-{rich.account.slug}"
    kept = dict(histories.kept(third.pk))
    manifest = manifest_of(tmp_path / "b.zip")
    name = f"{origin}/billing.CreditTransaction"
    old = rows_of(archive, "history/billing.CreditTransaction.jsonl")
    assert [row["amount"] for row in old] == [0, 90]
    assert rows_of(tmp_path / "b.zip", manifest["history"][name]["entry"]) == old
    assert name in kept
    assert f"20261102-{account.slug}/billing.CreditTransaction" in kept


def test_a_plan_is_named_or_the_archives_or_the_free_one(rich: Rich, archive: Path) -> None:
    agency = bring(archive, plan_code="agency").account
    with pytest.raises(ImportRefused) as refused:
        bring(archive, plan_code="gold")
    Plan.objects.filter(code="starter").update(is_active=False)
    Plan.objects.filter(code="free").update(max_users=5)
    free = bring(archive).account
    Plan.objects.update(is_active=False)
    with pytest.raises(ImportRefused):
        bring(archive)

    assert [agency.plan and agency.plan.code, free.plan and free.plan.code] == ["agency", "free"]
    assert list(refused.value.data) == ["plan"]


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_sites": 0}, "0 sites"),
        ({"max_keywords": 1}, "1 keywords"),
        ({"max_users": 1}, "1 people"),
    ],
)
def test_a_plan_that_is_too_small_is_named(
    rich: Rich, archive: Path, limits: dict[str, int], message: str
) -> None:
    Plan.objects.filter(code="starter").update(**limits)

    with pytest.raises(PlanLimitReached, match=message):
        bring(archive)

    assert Account.objects.count() == 1


def test_seed_keywords_that_are_new_here_are_added_as_brought(rich: Rich, archive: Path) -> None:
    for model in (Content, ContentVersion, Images):
        model.unscoped.all().delete()
    Keywords.unscoped.all().delete()
    SeedKeyword.objects.filter(keyword="own words").delete()

    account = bring(archive).account

    seed = SeedKeyword.objects.get(keyword="own words")
    assert (seed.keyword_norm, seed.source) == ("own words", "account")
    assert Keywords.unscoped.get(account=account, keyword="own words").seed_keyword_id == seed.pk


def test_an_installation_without_the_industry_says_so(rich: Rich, archive: Path) -> None:
    from igny8_core.auth.models import Industry

    Industry.objects.filter(slug="pets").update(slug="animals")

    with pytest.raises(ImportRefused) as refused:
        bring(archive)

    assert refused.value.data == {"industry": ["There is no industry 'pets'."]}


def test_what_was_on_its_way_is_at_rest(rich: Rich, tmp_path: Path) -> None:
    from datetime import timedelta

    from igny8_core.business.automation.models import AutomationConfig
    from igny8_core.business.integration.models import SiteIntegration
    from igny8_core.business.optimization.models import OptimizationTask

    KeywordImport.unscoped.update(
        status="importing", lease_token=7, lease_expires_at=NOW, completed_at=None
    )
    AutomationConfig.unscoped.create(
        account=rich.account,
        site=rich.site,
        is_enabled=True,
        scheduled_time="09:00",
        timezone="UTC",
        next_run_at=NOW + timedelta(days=1),
    )
    SiteIntegration.unscoped.create(
        account=rich.account,
        site=rich.site,
        platform="wordpress",
        credentials={"sealed": "v"},
        is_sync_enabled=True,
    )
    OptimizationTask.unscoped.create(account=rich.account, content=rich.first, status="running")
    export(rich.account, tmp_path / "a.zip")

    account = bring(tmp_path / "a.zip").account

    own = {"account": account}
    found = KeywordImport.unscoped.get(**own)
    config = AutomationConfig.unscoped.get(**own)
    integration = SiteIntegration.unscoped.get(**own)
    assert (found.status, found.lease_expires_at) == ("cancelled", None)
    assert (config.is_enabled, config.next_run_at) == (False, None)
    assert (integration.is_active, integration.is_sync_enabled) == (False, False)
    assert integration.credentials == {}
    assert OptimizationTask.unscoped.get(**own).status == "failed"


def test_views_name_the_clusters_of_their_own_account(rich: Rich, tmp_path: Path) -> None:
    cluster = Clusters.unscoped.create(
        account=rich.account, site=rich.site, sector=rich.sector, name="Crates"
    )
    for name, of in (("Crates", cluster.pk), ("None", 0), ("Gone", 10**9)):
        SavedView.unscoped.create(
            account=rich.account, owner=rich.owner, name=name, filters={"cluster_id": of}
        )
    export(rich.account, tmp_path / "a.zip")

    account = bring(tmp_path / "a.zip").account

    found = dict(SavedView.unscoped.filter(account=account).values_list("name", "filters"))
    new = Clusters.unscoped.get(account=account, name="Crates").pk
    assert {name: one["cluster_id"] for name, one in found.items()} == {
        "Crates": new,
        "None": 0,
        "Gone": -1,
    }


def test_an_import_of_the_old_place_is_not_undone_in_the_new_one(rich: Rich, archive: Path) -> None:
    account = bring(archive).account
    found = KeywordImport.unscoped.get(account=account)

    with pytest.raises(UndoTooLate):
        undo_keyword_import(account=account, import_id=found.pk, now=found.created_at)

    assert Keywords.unscoped.filter(account=account, deleted_at=None).count() == 2


def test_nothing_from_an_archive_is_shown_as_it_came(rich: Rich, tmp_path: Path) -> None:
    bad = '<p onclick="x()">Text</p><script>alert(1)</script>'
    Content.unscoped.filter(pk=rich.first.pk).update(html=bad, external_url="javascript:alert(1)")
    Content.unscoped.filter(pk=rich.second.pk).update(html=bad, blocks=[], external_url="https://x")
    export(rich.account, tmp_path / "a.zip")

    account = bring(tmp_path / "a.zip").account

    first, second = Content.unscoped.filter(account=account).order_by("pk")
    assert first.html == second.html == "<p>Text</p>"
    assert (first.external_url, second.external_url) == ("", "https://x")


def test_the_last_step_failing_leaves_nothing(
    rich: Rich, archive: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path for path in folder.rglob("*") if path.is_file()}
    counts = [model._base_manager.count() for model in tenant_models()]

    def fail(*_args: Any, **_kwargs: Any) -> Any:
        raise OSError("disk full")

    monkeypatch.setattr("igny8_core.transfer.import_account._grant", fail)

    with pytest.raises(OSError, match="disk full"):
        bring(archive, with_credits=True, owner_email="new@example.com")

    assert [model._base_manager.count() for model in tenant_models()] == counts
    assert {path for path in folder.rglob("*") if path.is_file()} == before
    assert not User.objects.filter(email="new@example.com").exists()


def test_a_repeat_is_another_account(rich: Rich, archive: Path) -> None:
    first, second = bring(archive).account, bring(archive).account

    assert (first.slug, second.slug) == ("acme", "acme-2")
    assert selectors.memberships_of(rich.owner.pk) == [
        (rich.account.pk, Role.OWNER),
        (first.pk, Role.OWNER),
        (second.pk, Role.OWNER),
    ]
