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


class ReleaseDamaged(Conflict):
    """Files of a release, or the images it is made of, are missing or changed."""

    code = "release_damaged"
