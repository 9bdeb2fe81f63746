"""How a run with several workers is shared out.

A module that takes long and comes last keeps one worker busy while the others have nothing left:
such modules come early, one at a time with quick ones between them, for most of them start
processes of their own. What takes long to set up is set up once: all modules that use it go to the
same worker.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TESTS = "backend/tests"
TOGETHER = (f"{TESTS}/browser", f"{TESTS}/wordpress")
"""Folders whose modules share a server that takes long to make."""

APART = (f"{TESTS}/browser/test_journey.py",)
"""Modules of those folders that share nothing."""

LONGEST_FIRST = (
    f"{TESTS}/faults/test_seeded.py",
    f"{TESTS}/browser",
    f"{TESTS}/faults/test_processes.py",
    f"{TESTS}/browser/test_journey.py",
    f"{TESTS}/cli/test_demo.py",
    f"{TESTS}/wordpress",
    f"{TESTS}/routes/test_matrix.py",
    f"{TESTS}/business/billing/test_provider_subscriptions.py",
    f"{TESTS}/cli/test_bench_api.py",
    f"{TESTS}/engines/test_running_stack.py",
    f"{TESTS}/api/test_schema_fuzz.py",
    f"{TESTS}/faults/test_deployments.py",
    f"{TESTS}/business/content/test_scoring_total.py",
    f"{TESTS}/business/automation/test_real_run.py",
    f"{TESTS}/business/billing/test_torture.py",
    f"{TESTS}/operators/test_admin.py",
    f"{TESTS}/business/billing/test_webhooks.py",
    f"{TESTS}/routes/test_leaks.py",
    f"{TESTS}/ai/test_crashes.py",
    f"{TESTS}/business/content/test_imported_pages.py",
    f"{TESTS}/faults/test_articles.py",
    f"{TESTS}/web/test_budgets.py",
    f"{TESTS}/business/billing/test_state_machine.py",
    f"{TESTS}/business/planning/imports/test_kills.py",
)
"""What takes twenty seconds or more, and would be felt if it came last."""

BETWEEN = 200
"""Quick tests after each of them."""


def unit_of(nodeid: str) -> str:
    """What goes to one worker as a whole: a module, or the folder that it shares a server with."""
    module = nodeid.partition("::")[0]
    if module in APART:
        return module
    return next((folder for folder in TOGETHER if module.startswith(f"{folder}/")), module)


def shared_out(nodeids: Iterable[str]) -> Iterator[str]:
    """The order of a run: a long unit, some quick ones, a long one, and so on."""
    units: defaultdict[str, list[str]] = defaultdict(list)
    for nodeid in nodeids:
        units[unit_of(nodeid)].append(nodeid)
    quick = iter([tests for unit, tests in units.items() if unit not in LONGEST_FIRST])
    for unit in filter(units.__contains__, LONGEST_FIRST):
        yield from units[unit]
        count = 0
        while count < BETWEEN and (tests := next(quick, None)):
            count += len(tests)
            yield from tests
    yield from chain.from_iterable(quick)


class Distribution(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Units in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Distribution | None:
    """Takes the place of ``--dist loadfile``."""
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return Distribution(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The same in every worker: they have one seed."""
    if hasattr(config, "workerinput"):
        by_id = {item.nodeid: item for item in items}
        items[:] = [by_id[nodeid] for nodeid in shared_out(by_id)]
