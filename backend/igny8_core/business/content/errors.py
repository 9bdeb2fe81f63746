"""What the writer refuses."""

from __future__ import annotations

from igny8_core.common.errors import Conflict, DomainError, InvalidInput


class GateFailed(DomainError):
    """A text failed the output gates after its last repair; nothing was stored or charged."""

    code = "gate_failed"
    http_status = 502


class VersionConflict(Conflict):
    """Somebody saved another version first; ``data['version']`` is the stored one."""

    code = "version_conflict"


class NotApproved(Conflict):
    """The stored version has not been approved."""

    code = "not_approved"


class StillPublished(Conflict):
    """Visitors see it: take it down first. Nothing was changed."""

    code = "still_published"


class IdeaOverlaps(Conflict):
    """The site has or plans a page for the same searches; ``data`` names idea and verdict."""

    code = "idea_overlaps"


class GatesFailed(InvalidInput):
    """An article may not leave us as it is; nothing was written.

    ``data`` has ``content_id``, and each failing gate with what it found: ``hard`` ones, which
    nobody overrides, and ``soft`` ones, which a person does with a reason.
    """

    code = "gates_failed"
