"""Lifecycles: edges, the compare-and-set, and the trail that every change leaves."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest
from django.db import InternalError, connection
from django.db.models import TextChoices
from django.db.utils import IntegrityError

from igny8_core.auth.models import Account, StatusChange
from igny8_core.auth.states import ACCOUNT, AccountStatus
from igny8_core.common.errors import StaleState, TransitionNotAllowed
from igny8_core.common.states import TransitionTable, advance
from igny8_core.common.tenancy.context import acting, because, tenant
from tests import make

NOW = datetime(2026, 1, 2, tzinfo=UTC)


class Light(TextChoices):
    RED = "red"
    GREEN = "green"
    BROKEN = "broken"


LIGHT = TransitionTable(
    {
        Light.RED: {Light.GREEN, Light.BROKEN},
        Light.GREEN: {Light.RED},
        Light.BROKEN: frozenset(),
    }
)


def trail(account: Account) -> list[tuple[str, str, str, str, str]]:
    rows = StatusChange.unscoped.filter(account=account).order_by("pk")
    return list(rows.values_list("label", "source", "target", "actor", "reason"))


def test_a_state_without_an_entry_fails_at_once() -> None:
    with pytest.raises(ValueError, match="BROKEN"):
        TransitionTable({Light.RED: {Light.GREEN}, Light.GREEN: frozenset()})


@pytest.mark.parametrize(("source", "target"), list(product(Light, repeat=2)))
def test_only_the_edges_are_allowed(source: Light, target: Light) -> None:
    edges = {(Light.RED, Light.GREEN), (Light.RED, Light.BROKEN), (Light.GREEN, Light.RED)}

    assert LIGHT.allows(source, target) is ((source, target) in edges)


def test_only_a_state_without_edges_is_terminal() -> None:
    assert [LIGHT.is_terminal(state) for state in Light] == [False, False, True]
    assert "broken --> [*]" in LIGHT.mermaid()


@pytest.mark.django_db
def test_advance_writes_row_columns_and_trail() -> None:
    account = make.account()

    with acting("user:7"), tenant(account.pk), because("unpaid since May"):
        advance(account, AccountStatus.SUSPENDED, table=ACCOUNT, now=NOW, timezone="Europe/Rome")

    account.refresh_from_db()
    assert (account.status, account.timezone, account.updated_at) == (
        "suspended",
        "Europe/Rome",
        NOW,
    )
    assert trail(account) == [
        ("igny8_auth.Account", "active", "suspended", "user:7", "unpaid since May")
    ]


@pytest.mark.django_db
def test_an_edge_that_does_not_exist_writes_nothing() -> None:
    account = make.account(status=AccountStatus.CLOSED)

    with pytest.raises(TransitionNotAllowed) as refused:
        advance(account, AccountStatus.ACTIVE, table=ACCOUNT, now=NOW)

    assert refused.value.data == {"source": "closed", "target": "active"}
    assert trail(account) == []


@pytest.mark.django_db
def test_the_loser_of_a_race_writes_nothing() -> None:
    account = make.account()
    stale = Account.objects.get(pk=account.pk)
    advance(account, AccountStatus.SUSPENDED, table=ACCOUNT, now=NOW)

    with pytest.raises(StaleState):
        advance(stale, AccountStatus.CLOSED, table=ACCOUNT, now=NOW)
    with pytest.raises(StaleState):
        advance(account, AccountStatus.ACTIVE, table=ACCOUNT, now=NOW, expect={"name": "other"})

    assert [target for _, _, target, _, _ in trail(account)] == ["suspended"]


@pytest.mark.django_db
def test_the_trail_also_sees_what_did_not_go_through_advance() -> None:
    account = make.account()

    Account.objects.filter(pk=account.pk).update(status="closed")
    Account.objects.filter(pk=account.pk).update(status="closed", name="again")

    assert trail(account) == [("igny8_auth.Account", "active", "closed", "", "")]


@pytest.mark.django_db
@pytest.mark.parametrize("sql", ["UPDATE {} SET target = 'x'", "DELETE FROM {}"])
def test_the_trail_is_append_only(sql: str) -> None:
    account = make.account()
    advance(account, AccountStatus.CLOSED, table=ACCOUNT, now=NOW)

    with pytest.raises((IntegrityError, InternalError)), connection.cursor() as cursor:
        cursor.execute(sql.format("igny8_auth_statuschange"))
