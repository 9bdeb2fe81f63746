"""What a server process tells Python's garbage collector once everything is loaded."""

from __future__ import annotations

import gc

YOUNG, MIDDLE, OLD = 10_000, 20, 20
"""A page of fifty rows makes thousands of objects that all go with the request."""


def settle_memory() -> None:
    """Leave out of every collection what stays until the end, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
