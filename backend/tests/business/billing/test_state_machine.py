from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.business.billing.ledger_machine import LedgerMachine

EXAMPLES = int(os.environ.get("IGNY8_LEDGER_EXAMPLES", "100"))  # by hand: 2000 and more


@pytest.mark.django_db
@pytest.mark.timeout(7_200 if EXAMPLES > 100 else 600)
def test_any_history_agrees_with_the_model() -> None:
    run_state_machine_as_test(
        LedgerMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            deadline=None,
            derandomize=EXAMPLES <= 100,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
