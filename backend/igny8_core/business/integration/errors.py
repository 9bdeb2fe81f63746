"""What can be wrong with files of pages and with connections."""

from __future__ import annotations

from igny8_core.common.errors import Conflict, InvalidInput, StaleState


class PageFileInvalid(InvalidInput):
    """The file holds no pages that we can read; nothing was written."""

    code = "page_file_invalid"


class PageLeaseLost(StaleState):
    """Another worker has taken the import of pages over; it goes on there."""

    code = "lease_lost"


class PageFileGone(Conflict):
    """The bytes of the file are kept no longer: upload it again."""

    code = "page_file_gone"


class PageImportKeptFailing(Conflict):
    """Every worker that took the import was lost; what is in is in."""

    code = "import_kept_failing"


class IntegrationExists(Conflict):
    """The site is connected to such a platform; ``data['integration_id']`` names the row."""

    code = "integration_exists"


class IntegrationInUse(Conflict):
    """Something was published through it: it can be disconnected, but not deleted."""

    code = "integration_in_use"


class NotConnected(Conflict):
    """The site is disconnected, or nothing here can talk to its platform."""

    code = "not_connected"


class SyncNotPossible(Conflict):
    """Nothing can be brought over now: the connection is off, paused or refused."""

    code = "sync_not_possible"


class SyncLost(StaleState):
    """Another worker brings this site over."""

    code = "sync_lost"
