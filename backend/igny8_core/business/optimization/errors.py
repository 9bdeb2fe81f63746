"""What can go wrong with an optimisation."""

from __future__ import annotations

from igny8_core.common.errors import Conflict


class OptimizationRunning(Conflict):
    """This content is being optimised already; nothing was written."""

    code = "optimization_running"
