"""What can be wrong with files of pages and with connections."""

from __future__ import annotations

from igny8_core.common.errors import InvalidInput, StaleState


class PageFileInvalid(InvalidInput):
    """The file holds no pages that we can read; nothing was written."""

    code = "page_file_invalid"


class PageLeaseLost(StaleState):
    """Another worker has taken the import of pages over; it goes on there."""

    code = "lease_lost"
