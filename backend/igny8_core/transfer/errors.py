"""What can be wrong with an archive."""

from __future__ import annotations

from igny8_core.common.errors import Conflict, DomainError, InvalidInput


class ArchiveInvalid(DomainError):
    """The file is no archive of an account, is damaged, or was made by another version."""

    code = "archive_invalid"
    http_status = 422


class ArchiveTooLarge(ArchiveInvalid):
    """The file would unpack to more than is allowed."""

    code = "archive_too_large"


class ArchiveExists(Conflict):
    """There is a file of this name already."""

    code = "archive_exists"


class ImportRefused(InvalidInput):
    """The archive is fine, but the import that was asked for is not."""

    code = "import_refused"
