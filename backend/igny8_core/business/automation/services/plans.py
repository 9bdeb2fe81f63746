"""The seven stages: which rows wait for each, and which kind of item does them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.auth.models import Account


@dataclass(frozen=True, slots=True)
class Plan:
    """One stage.

    :param waiting: ids of the site's rows that wait, above a cursor, in order, up to a limit.
    """

    name: str
    kind: str
    work_class: str
    related_type: str
    waiting: Callable[[Account, int, int, int], list[int]]


PLANS: dict[int, Plan] = {}
"""By stage number."""
