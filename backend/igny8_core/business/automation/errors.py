"""What can be wrong with runs and work items."""

from __future__ import annotations

from igny8_core.common.errors import Conflict, StaleState


class LeaseLost(StaleState):
    """The item belongs to another worker, or is over: drop the result. Nothing was written."""

    code = "lease_lost"


class RunActive(Conflict):
    """The site has a run that has not ended; ``data['run_id']`` names it."""

    code = "run_active"


class ConfigExists(Conflict):
    """The site has a config already; ``data['config_id']`` names it."""

    code = "config_exists"


class RunEnded(Conflict):
    """The run is over: nothing of it can be done again."""

    code = "run_ended"
