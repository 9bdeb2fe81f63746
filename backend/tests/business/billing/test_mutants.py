"""Each fault of ``mutants.py`` makes a directed test or the model test fail; the original, none."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.business.billing import test_lots, test_reservations
from tests.business.billing.ledger_machine import LedgerMachine
from tests.business.billing.mutants import MUTANTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EXAMPLES = 20
DIRECTED: dict[str, Callable[[], None]] = {
    name: function
    for module in (test_reservations, test_lots)
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if name.startswith("test_") and not inspect.signature(function).parameters
}


class Undo(Exception):
    """Nothing stays."""


@contextmanager
def rolled_back() -> Iterator[None]:
    """Like a test's own transaction: services may open their durable blocks in it."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]  # Django's own mark
    try:
        with block:
            yield
            raise Undo
    except Undo:
        pass


def histories() -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # without shrinking, or a killed mutant takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )


def killers() -> list[str]:
    """Names of the tests that fail, the first is enough."""
    for name, test in (DIRECTED | {"histories": histories}).items():
        try:
            with rolled_back():
                test()
        except (Exception, pytest.fail.Exception):  # noqa: BLE001 - whatever it is, it noticed
            return [name]
    return []


@pytest.mark.django_db
def test_the_original_survives() -> None:
    assert len(DIRECTED) >= 30
    assert killers() == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", MUTANTS)
def test_each_fault_is_noticed(name: str) -> None:
    with rolled_back():
        with connection.cursor() as cursor:
            cursor.execute(MUTANTS[name].sql())

        found = killers()

    assert found != []
