"""What is left of an erased account: its books, and nothing of anybody else's is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from allauth.account.models import EmailAddress
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone

from igny8_core.auth.models import Account, Membership, User
from igny8_core.business.automation.models import WorkItem
from igny8_core.common.errors import Conflict
from igny8_core.transfer import erase_account as module
from igny8_core.transfer.erase_account import KEPT, erase_account, erased
from tests import make
from tests.common.isolation import tenant_models
from tests.routes.world import MINE, THEIRS, make_world

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db(databases=["default", "owner", "admin"])


@pytest.fixture(autouse=True)
def _owner(monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner in the test's own transaction; as another login it is in the tests of the demo."""
    monkeypatch.setattr(module, "OWNER", "default")


@pytest.fixture
def account(folder: Path, settings: Any) -> Account:
    """Closed, with a row of every model and a file wherever accounts have any."""
    settings.SITES_ROOT = folder / "sites"
    make_world()
    for pk in (MINE, THEIRS):
        for name in ("default", "imports", "history"):
            storages[name].save(f"{pk}/7/file", ContentFile(b"x"))
        release = folder / "sites" / str(pk) / "3" / "versions"
        release.mkdir(parents=True)
        (release / "page").write_text("x")
    return close(Account.objects.get(pk=MINE))


def close(account: Account) -> Account:
    Account.objects.filter(pk=account.pk).update(status="closed")
    account.refresh_from_db()
    return account


def counts(account_id: int) -> dict[str, int]:
    return {
        model._meta.label: model._base_manager.filter(account_id=account_id).count()
        for model in tenant_models()
        if model is not Account
    }


def test_work_goes_and_books_stay(account: Account, folder: Path) -> None:
    before, others = counts(MINE), counts(THEIRS)

    done = erase_account(account=account)

    after = counts(MINE)
    trail = "igny8_auth.StatusChange"  # what goes changes what it belonged to
    assert after.pop(trail) >= before[trail]
    assert {label: count for label, count in after.items() if count} == {
        label: count for label, count in before.items() if label not in {*erased(), trail}
    }
    assert done.rows == {label: before[label] for label in reversed(list(done.rows))}
    assert set(done.rows) == set(erased())
    assert counts(THEIRS) == others
    left = {path.relative_to(folder).parts[:2] for path in folder.rglob("*") if path.is_file()}
    assert {pk for _, pk in left} == {str(THEIRS)}
    assert done.files >= 4
    assert Account.objects.get(pk=MINE).status == "closed"


def test_the_second_time_there_is_nothing_left(account: Account) -> None:
    erase_account(account=account)

    again = erase_account(account=account)

    assert (again.rows, again.files, again.people) == ({}, 0, 0)


def test_people_of_no_other_account_are_forgotten() -> None:
    account, other = make.account(), make.account()
    alone = make.member(account, name="Ada", email="ada@example.com")
    both = make.member(account, name="Bea", email="bea@example.com")
    Membership.unscoped.create(account=other, user=both, role="viewer")
    staff = make.member(account, email="staff@example.com")
    User.objects.filter(pk=staff.pk).update(is_staff=True)

    done = erase_account(account=close(account))

    alone.refresh_from_db()
    assert (done.people, alone.email, alone.name) == (1, f"{alone.pk}@forgotten.invalid", "")
    assert (alone.is_active, alone.has_usable_password()) == (False, False)
    assert not EmailAddress.objects.filter(email="ada@example.com").exists()
    kept = User.objects.filter(email__in=["bea@example.com", "staff@example.com"], is_active=True)
    assert kept.count() == 2
    assert list(Membership.unscoped.filter(user=both).values_list("account_id", flat=True)) == [
        other.pk
    ]


def test_only_a_closed_account_at_rest_is_erased(account: Account) -> None:
    Account.objects.filter(pk=MINE).update(status="active")
    with pytest.raises(Conflict, match="Close the account first"):
        erase_account(account=account)
    close(account)
    lease = {"lease_token": 1, "lease_node": "n", "lease_expires_at": timezone.now()}
    WorkItem.unscoped.filter(account_id=MINE).update(status="running", **lease)
    with pytest.raises(Conflict, match="A worker still holds work"):
        erase_account(account=account)

    assert all(counts(MINE).values())


def test_every_tenant_model_goes_or_is_kept_with_a_reason() -> None:
    labels = {model._meta.label for model in tenant_models()}

    books = {label for label in labels if label.startswith("billing.")} - {*erased()}
    assert {*erased()} | books | set(KEPT) == labels
    assert not {*erased()} & set(KEPT)
