"""The end of what was deleted: planner rows older than the account keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from igny8_core.business.planning.models import Clusters, ContentIdeas, Keywords
from igny8_core.common.soft_delete import Bin, purge_bins

if TYPE_CHECKING:
    from datetime import datetime

BINS = (Bin(ContentIdeas), Bin(Keywords), Bin(Clusters))
"""Ideas and keywords before the clusters that they point at."""


def purge_planning(*, now: datetime) -> dict[str, int]:
    """Remove ideas, keywords and clusters that were deleted longer ago than the account keeps them.

    What anything still needs stays, see :func:`~igny8_core.common.soft_delete.purge`.

    :returns: how many rows of each model went, by label.
    """
    return purge_bins(BINS, now=now)
