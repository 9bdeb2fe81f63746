"""The plan's keywords: on every way in, and whatever two do at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections

from igny8_core.auth import selectors
from igny8_core.auth.errors import PlanLimitReached
from igny8_core.auth.models import Plan
from igny8_core.business.planning.models import KeywordImport, Keywords
from igny8_core.business.planning.services import import_keywords as importing
from igny8_core.business.planning.services import import_records
from igny8_core.business.planning.services.bin_keywords import delete_keywords, restore_keywords
from igny8_core.business.planning.services.edit_keywords import add_keyword
from igny8_core.business.planning.services.keyword_limit import (
    refuse_too_many_keywords,
    take_keyword_room,
    use_of_keywords,
)
from igny8_core.business.planning.services.keyword_rows import ReadOptions
from igny8_core.common.tenancy.context import TenantError, tenant
from tests import make
from tests.make import planning

if TYPE_CHECKING:
    from igny8_core.auth.models import Account, Sector

pytestmark = pytest.mark.django_db(databases=["default", "admin"])

NOW = planning.NOW


def limited(max_keywords: int) -> Account:
    plan = Plan.objects.create(code="small", name="Small", max_keywords=max_keywords)
    return make.account(plan=plan)


def analysed(sector: Sector, *texts: str) -> KeywordImport:
    return importing.analyse_keyword_file(
        account=sector.account,
        site=sector.site,
        sector=sector,
        file_name="k.csv",
        data=planning.csv_bytes(["keyword"], *[[text] for text in texts]),
        options=ReadOptions(),
        now=NOW,
    )


def test_live_keywords_of_every_sector_count_and_deleted_ones_do_not() -> None:
    account = limited(4)
    planning.keywords(planning.sector(account), ["a", "b"])
    other = planning.sector(account)
    planning.keyword(other, "c", is_disabled=True)
    planning.keyword(other, "d", deleted_at=NOW)
    planning.keywords(planning.sector(), ["not ours"])

    with tenant(account.pk):
        take_keyword_room(account=account, wanted=1)
        use = use_of_keywords(account=account)
        with pytest.raises(PlanLimitReached) as refused:
            take_keyword_room(account=account, wanted=2)

    assert (use.limit, use.in_use, use.is_full) == (4, 3, False)
    assert refused.value.data == {"limit": 4, "in_use": 3}
    assert refused.value.message == (
        "The plan Small allows 4 keywords; 3 are in use, and this would add 2."
    )


def test_more_than_the_plan_after_a_smaller_plan_says_the_real_number() -> None:
    account = limited(5)
    planning.keywords(planning.sector(account), ["a", "b", "c", "d"])
    Plan.objects.update(max_keywords=1)

    with tenant(account.pk), pytest.raises(PlanLimitReached) as refused:
        take_keyword_room(account=account, wanted=1)

    assert refused.value.data == {"limit": 1, "in_use": 4}


def test_nothing_wanted_or_no_plan_is_always_allowed() -> None:
    account, free = limited(0), make.account()

    with tenant(account.pk):
        take_keyword_room(account=account, wanted=0)
        refuse_too_many_keywords(account=account, wanted=0)
    with tenant(free.pk):
        take_keyword_room(account=free, wanted=10**9)
        refuse_too_many_keywords(account=free, wanted=10**9)
        assert use_of_keywords(account=free).limit is None


def test_room_is_taken_inside_the_accounts_block() -> None:
    with pytest.raises(TenantError):
        take_keyword_room(account=make.account(), wanted=1)


def test_a_keyword_by_hand_and_a_restored_one_need_room() -> None:
    account = limited(2)
    sector = planning.sector(account)
    first, _ = planning.keywords(sector, ["a", "b"])

    with pytest.raises(PlanLimitReached) as full:
        add_keyword(account=account, sector_id=sector.pk, keyword="c", now=NOW)
    delete_keywords(account=account, ids=[first.pk], now=NOW)
    added = add_keyword(account=account, sector_id=sector.pk, keyword="c", now=NOW)
    with pytest.raises(PlanLimitReached) as refused:
        restore_keywords(account=account, ids=[first.pk], now=NOW)
    delete_keywords(account=account, ids=[added.pk], now=NOW)
    back = restore_keywords(account=account, ids=[first.pk], now=NOW)
    again = restore_keywords(account=account, ids=[first.pk], now=NOW)

    assert full.value.data == refused.value.data == {"limit": 2, "in_use": 2}
    assert (back, again) == (1, 0)
    live = Keywords.unscoped.filter(deleted_at=None).values_list("keyword", flat=True)
    assert sorted(live) == ["a", "b"]


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_an_import_that_does_not_fit_writes_nothing_and_can_be_repeated() -> None:
    account = limited(2)
    sector = planning.sector(account)
    planning.keyword(sector, "known")
    found = analysed(sector, "known", "new", "newer")

    with pytest.raises(PlanLimitReached) as refused:
        importing.import_keywords(account=account, import_id=found.pk, clock=lambda: NOW)
    found.refresh_from_db()
    before = (found.status, Keywords.unscoped.count())
    Plan.objects.update(max_keywords=3)
    done = importing.import_keywords(
        account=selectors.account(account.pk), import_id=found.pk, clock=lambda: NOW
    )

    assert refused.value.data == {"limit": 2, "in_use": 1}
    assert before == ("analysed", 1)
    assert (done.status, done.created, Keywords.unscoped.count()) == ("completed", 2, 3)


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_room_that_others_take_on_the_way_stops_the_import_between_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = limited(3)
    sector, elsewhere = planning.sector(account), planning.sector(account)
    found = analysed(sector, "a", "b", "c")
    monkeypatch.setattr(importing, "BATCH_ROWS", 1)
    real = import_records.save_progress
    written: list[str] = []

    def and_another(**values: Any) -> None:
        real(**values)
        if not written:
            written.append(planning.keyword(elsewhere, "theirs").keyword)

    monkeypatch.setattr(import_records, "save_progress", and_another)

    with pytest.raises(PlanLimitReached):
        importing.import_keywords(account=account, import_id=found.pk, clock=lambda: NOW)
    found.refresh_from_db()
    stopped = (found.status, found.keywords_done, Keywords.unscoped.count())
    Plan.objects.update(max_keywords=4)
    done = importing.import_keywords(
        account=selectors.account(account.pk), import_id=found.pk, clock=lambda: NOW
    )

    assert stopped == ("analysed", 2, 3)
    assert (done.status, done.created, Keywords.unscoped.count()) == ("completed", 3, 4)


@pytest.mark.django_db(transaction=True, databases=["default", "admin"])
def test_two_at_once_cannot_both_take_the_last_place() -> None:
    account = limited(3)
    sectors = [planning.sector(account) for _ in range(4)]
    ready, outcomes = threading.Barrier(4), []

    def create(sector: Sector) -> None:
        try:
            with tenant(account.pk):
                ready.wait()
                take_keyword_room(account=account, wanted=2)
                planning.keywords(sector, ["one", "two"])
            outcomes.append("made")
        except PlanLimitReached as exc:
            outcomes.append(f"refused {exc.data['in_use']}")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=create, args=[sector]) for sector in sectors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["made", "refused 2", "refused 2", "refused 2"]
    assert Keywords.unscoped.count() == 2
