"""What can go wrong between a content and its visitors."""

from __future__ import annotations

from igny8_core.common.errors import Conflict, InvalidInput, Transient


class DeploymentRunning(Transient):
    """Another worker builds this site; nothing was written."""

    code = "deployment_running"
    http_status = 409


class DeploymentLost(Transient):
    """The lease went to another worker while this one built; nothing went live."""

    code = "deployment_lost"
    http_status = 409


class PointerMoved(Transient):
    """Another version went live while this one was on its way; nothing was changed."""

    code = "pointer_moved"
    http_status = 409


class NothingToDeploy(Conflict):
    """The site has no content that may go live; nothing was written."""

    code = "nothing_to_deploy"


class BuildBroken(InvalidInput):
    """The built site fails its checks; ``data["problems"]`` names each. Nothing went live."""

    code = "build_broken"


class VersionNotAvailable(Conflict):
    """No such version to go back to: unknown, never live, or its files are gone."""

    code = "version_not_available"


class ReleaseExists(Conflict):
    """A version of this number is there already; nothing was changed."""

    code = "release_exists"


class NothingToPreview(Conflict):
    """The site has no content at all; nothing was written."""

    code = "nothing_to_preview"


class ReleaseDamaged(Conflict):
    """Files of a release, or the images it is made of, are missing or changed."""

    code = "release_damaged"


class NotDeliverable(Conflict):
    """The article may not go out as it is: not approved, deleted, or the site is not connected."""

    code = "not_deliverable"


class NotDue(Transient):
    """Nothing to do now: its time has not come, the site's queue stands, or others are first."""

    code = "not_due"
    http_status = 409


class DeliveryLost(Transient):
    """The lease of the delivery went to another worker."""

    code = "delivery_lost"
    http_status = 409


class ChangedAtSite(Conflict):
    """It was changed at the site since we wrote it; nothing was written. A person decides."""

    code = "changed_at_site"


class Superseded(Conflict):
    """A newer request took its place."""

    code = "superseded"
