from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from django.db.models import Count, Sum
from django.db.models.functions import Coalesce

from igny8_core.ai.ports import Hold
from igny8_core.auth import selectors as accounts
from igny8_core.business.billing import usage_selectors
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.planning.models import Clusters, Keywords
from igny8_core.business.planning.services.cluster_keywords import ClusterRun, cluster_keywords
from igny8_core.common.errors import InsufficientCredits, StaleState
from tests.make import billing as make_billing
from tests.make import planning as make_planning
from tests.make.planning import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from igny8_core.ai.ports import CreditPort
    from igny8_core.auth.models import Sector

pytestmark = pytest.mark.django_db

WORDS = [
    "grey sofa", "grey sofas", "sofa grey", "dark grey sofa", "leather sofa", "brown leather sofa",
    "how to clean a leather sofa", "best leather sofa", "desk lamp", "led desk lamp",
    "desk lamps for office", "garden hose", "expandable garden hose", "garden hose reel",
]  # fmt: skip


HOLD = Hold(reservation_id=1, attempt=1, amount=10)


@dataclass
class Ledger:
    """The credit port, on paper."""

    calls: list[tuple[str, Any]] = field(default_factory=list)
    on_reserve: Callable[[], None] | None = None

    def reserve(self, *, quantities: Mapping[str, int], idempotency_key: str, **_: Any) -> Hold:
        self.calls.append(("reserve", dict(quantities)))
        assert len(idempotency_key) <= 60
        if self.on_reserve:
            self.on_reserve()
        return HOLD

    def capture(self, hold: Hold, *, quantities: Mapping[str, int], **_: Any) -> int:
        assert hold == HOLD
        self.calls.append(("capture", dict(quantities)))
        return 3

    def release(self, hold: Hold, *, now: datetime) -> None:
        assert (hold, now) == (HOLD, NOW)
        self.calls.append(("release", None))


def run(sector: Sector, credits: CreditPort | None = None) -> ClusterRun:  # noqa: A002
    return cluster_keywords(
        account=sector.account, site=sector.site, sector=sector, clock=lambda: NOW, credits=credits
    )


def state(sector: Sector) -> list[tuple[object, ...]]:
    rows = Keywords.unscoped.filter(sector=sector, deleted_at=None).order_by("keyword_norm")
    return list(
        rows.values_list(
            "keyword", "cluster__name", "page", "page_place", "role", "status", "intent"
        )
    )


def assert_counts_are_right(sector: Sector) -> None:
    for cluster in Clusters.unscoped.filter(sector=sector):
        rows = Keywords.unscoped.filter(cluster=cluster, deleted_at=None, is_disabled=False)
        counted = rows.aggregate(count=Count("pk"), volume=Coalesce(Sum("volume"), 0))
        assert (cluster.keywords_count, cluster.volume) == (counted["count"], counted["volume"])


def test_a_first_run_places_every_keyword_and_charges_once() -> None:
    sector = make_planning.sector()
    for place, text in enumerate(WORDS):
        make_planning.keyword(sector, text, volume=1000 - place)
    ledger = Ledger()

    done = run(sector, ledger)

    assert ledger.calls == [("reserve", {"per_items": 14}), ("capture", {"per_items": 14})]
    assert (done.keywords, done.credits) == (14, 3)
    assert done.clusters_created == Clusters.unscoped.filter(sector=sector).count() > 2
    rows = Keywords.unscoped.filter(sector=sector)
    assert {row.status for row in rows} == {"mapped"}
    assert {row.page is not None and row.role != "" for row in rows} == {True}
    grey = Keywords.unscoped.get(sector=sector, keyword="grey sofa")
    assert grey.cluster is not None
    assert (grey.page, grey.page_place, grey.role, grey.cluster.name) == (0, 0, "hub", "grey sofa")
    assert_counts_are_right(sector)


def test_intents_come_from_rules_the_page_or_a_guess() -> None:
    sector = make_planning.sector()
    make_planning.keywords(sector, WORDS)
    make_planning.keyword(sector, "sofa cover", intent="navigational", intent_source="typed")

    run(sector)

    found = {
        row.keyword: (row.intent, row.intent_source)
        for row in Keywords.unscoped.filter(sector=sector)
    }
    assert found["best leather sofa"] == ("commercial", "rules")
    assert found["how to clean a leather sofa"] == ("informational", "rules")
    assert found["garden hose"] == ("informational", "unknown")
    assert found["sofa cover"] == ("navigational", "typed")


def test_a_repeat_changes_nothing_and_charges_nothing() -> None:
    sector = make_planning.sector()
    make_planning.keywords(sector, WORDS)
    run(sector)
    before, ledger = state(sector), Ledger()

    done = run(sector, ledger)

    assert (done, ledger.calls) == (ClusterRun(0, 0, 0, 0), [])
    assert state(sector) == before


def test_two_sectors_with_the_same_list_end_the_same_in_any_order() -> None:
    one, other = make_planning.sector(), make_planning.sector()
    make_planning.keywords(one, WORDS)
    make_planning.keywords(other, reversed(WORDS))

    run(one)
    run(other)

    assert state(one) == state(other)


def test_new_keywords_join_without_moving_what_is_there() -> None:
    sector = make_planning.sector()
    make_planning.keywords(sector, WORDS)
    run(sector)
    before = {row[0]: row for row in state(sector)}
    names = set(Clusters.unscoped.filter(sector=sector).values_list("name", flat=True))
    make_planning.keyword(sector, "expandable garden hoses", volume=70)
    make_planning.keyword(sector, "tax return deadline", volume=9)
    ledger = Ledger()

    done = run(sector, ledger)

    after = {row[0]: row for row in state(sector)}
    assert {text: after[text] for text in before} == before
    assert ledger.calls[-1] == ("capture", {"per_items": 2})
    assert (done.clusters_created, done.clusters_joined) == (1, 1)
    assert after["expandable garden hoses"][1:3] == before["expandable garden hose"][1:3]
    assert names < set(Clusters.unscoped.filter(sector=sector).values_list("name", flat=True))
    assert_counts_are_right(sector)


def test_locked_and_disabled_clusters_take_nothing() -> None:
    sector = make_planning.sector()
    for text, fields in (("grey sofa", {"is_locked": True}), ("desk lamp", {"is_disabled": True})):
        closed = make_planning.cluster(sector, text, **fields)
        make_planning.keyword(sector, text, cluster=closed)
    make_planning.keywords(sector, ["grey sofas", "desk lamps"])

    done = run(sector)

    assert (done.clusters_created, done.clusters_joined) == (2, 0)
    assert not Clusters.unscoped.filter(sector=sector, keywords_count=0, source="import").exists()


def test_disabled_deleted_pinned_and_other_sectors_keywords_stay_out() -> None:
    sector, other = make_planning.sector(), make_planning.sector()
    make_planning.keyword(sector, "grey sofa", is_disabled=True)
    make_planning.keyword(sector, "grey sofas", is_pinned=True)
    make_planning.keyword(sector, "dark grey sofa").soft_delete(now=NOW)
    make_planning.keyword(other, "light grey sofa")
    make_planning.keyword(sector, "sofa grey")

    done = run(sector)

    assert done.keywords == 1
    assert Keywords.unscoped.exclude(cluster=None).get().keyword == "sofa grey"


def test_a_name_that_a_person_took_is_not_taken_again() -> None:
    sector = make_planning.sector()
    make_planning.cluster(sector, "Garden Hose", is_locked=True)
    make_planning.keyword(sector, "garden hose", volume=100)
    make_planning.keyword(sector, "garden hoses", volume=10)

    run(sector)

    names = Clusters.unscoped.filter(sector=sector).order_by("pk").values_list("name", flat=True)
    assert list(names) == ["Garden Hose", "garden hoses"]


def test_a_change_while_it_computes_is_stale_and_charges_nothing() -> None:
    sector = make_planning.sector()
    rows = make_planning.keywords(sector, WORDS)

    def disable() -> None:
        Keywords.unscoped.filter(pk=rows[0].pk).update(is_disabled=True)

    ledger = Ledger(on_reserve=disable)

    with pytest.raises(StaleState):
        run(sector, ledger)

    assert [name for name, _ in ledger.calls] == ["reserve", "release"]
    assert not Clusters.unscoped.filter(sector=sector).exists()
    assert not Keywords.unscoped.filter(sector=sector, status="mapped").exists()


def test_a_new_cluster_while_it_computes_is_stale() -> None:
    sector = make_planning.sector()
    make_planning.keywords(sector, WORDS)

    def rename() -> None:
        make_planning.cluster(sector, "Grey Sofa")

    with pytest.raises(StaleState):
        run(sector, Ledger(on_reserve=rename))


def test_a_failed_capture_leaves_nothing_behind() -> None:
    sector = make_planning.sector()
    make_planning.keywords(sector, WORDS)

    class Broken(Ledger):
        def capture(self, hold: Hold, *, quantities: Mapping[str, int], **_: Any) -> int:
            raise StaleState(f"a later attempt owns {hold}, not {dict(quantities)}")

    with pytest.raises(StaleState):
        run(sector, Broken())

    assert not Clusters.unscoped.filter(sector=sector).exists()


def test_the_real_ledger_charges_what_was_placed() -> None:
    account = make_billing.account_with(10)
    sector = make_planning.sector(account)
    make_planning.keywords(sector, WORDS)

    done = run(sector, AccountCredits(account))

    account = accounts.account(account.pk)
    assert (done.credits, account.credits, account.credits_held) == (1, 9, 0)
    usage = usage_selectors.usage_by_operation(account=account)
    assert [(row.operation, row.runs, row.credits) for row in usage] == [("clustering", 1, 1)]


def test_too_few_credits_leave_everything_as_it_was() -> None:
    make_billing.prices()
    sector = make_planning.sector()
    make_planning.keywords(sector, WORDS)

    with pytest.raises(InsufficientCredits):
        run(sector, AccountCredits(sector.account))

    assert not Clusters.unscoped.filter(sector=sector).exists()


def test_an_undone_run_can_be_run_and_paid_again() -> None:
    account = make_billing.account_with(10)
    sector = make_planning.sector(account)
    make_planning.keywords(sector, WORDS)
    run(sector, AccountCredits(account))
    Keywords.unscoped.filter(sector=sector).update(
        cluster=None, page=None, page_place=0, role="", status="new"
    )
    Clusters.unscoped.filter(sector=sector).update(deleted_at=NOW)

    again = run(sector, AccountCredits(account))

    assert again.keywords == len(WORDS)
    assert accounts.account(account.pk).credits == 8
