"""What can be wrong with accounts and people."""

from __future__ import annotations

from igny8_core.common.errors import Refused


class CreditsNotLoaded(RuntimeError):
    """The wallet was not loaded with the account: a bug, since a property never queries."""


class PlanLimitReached(Refused):
    """The plan allows no more of this; ``data`` holds the limit and what is in use."""

    code = "plan_limit_reached"
