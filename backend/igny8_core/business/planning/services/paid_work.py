"""What clustering and ideas share about credits: whatever fails gives its hold back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from igny8_core.ai.ports import CreditPort, Hold


@contextmanager
def released_on_error(
    credits: CreditPort | None,  # noqa: A002 - the word of the domain
    hold: Hold | None,
    *,
    clock: Callable[[], datetime],
) -> Iterator[None]:
    """Release the hold when the block raises: failed work costs nothing.

    :param credits: None for work that is not metered, and then there is no hold.
    """
    try:
        yield
    except Exception:
        if credits is not None and hold is not None:
            credits.release(hold, now=clock())
        raise
