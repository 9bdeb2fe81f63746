"""What the writer refuses."""

from __future__ import annotations

from igny8_core.common.errors import Conflict, DomainError


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


class ImagesMissing(Conflict):
    """The site blocks articles whose pictures are not there; ``data`` counts them."""

    code = "images_missing"
