"""What a server process tells Python's garbage collector."""

from __future__ import annotations

import gc

from igny8_core.common.memory import MIDDLE, OLD, YOUNG, settle_memory


def test_what_is_loaded_is_left_out_of_collections() -> None:
    before = gc.get_threshold()
    try:
        settle_memory()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold() == (YOUNG, MIDDLE, OLD)
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
