"""States of the publishing and the deployment lifecycle, and the only edges between them."""

from __future__ import annotations

from django.db.models import TextChoices

from igny8_core.common.states import TransitionTable


class Destination(TextChoices):
    """Where a content can go live."""

    WORDPRESS = "wordpress"
    SITES = "sites"
    SHOPIFY = "shopify"
    CUSTOM = "custom"


class PublishingAction(TextChoices):
    """What a record does at its destination."""

    PUBLISH = "publish"
    WITHDRAW = "withdraw"


class PublishingStatus(TextChoices):
    """One revision of a content on its way to one destination."""

    PENDING = "pending"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    FAILED = "failed"


class PublishingStage(TextChoices):
    """How far a delivery to a site outside has come; survives an attempt."""

    NONE = ""
    RESERVE = "reserve"
    FILL = "fill"
    VERIFY = "verify"


class DeploymentStatus(TextChoices):
    """One version of a static site on its way to its visitors."""

    PENDING = "pending"
    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


PUBLISHING = TransitionTable(
    {
        PublishingStatus.PENDING: {PublishingStatus.PUBLISHING},
        PublishingStatus.PUBLISHING: {
            PublishingStatus.PUBLISHED,
            PublishingStatus.FAILED,
            PublishingStatus.PENDING,  # transient failure, or the lease ran out
        },
        PublishingStatus.FAILED: {PublishingStatus.PENDING},  # a person asked for a retry
        PublishingStatus.PUBLISHED: frozenset(),  # terminal; a newer revision is a new record
    }
)

DEPLOYMENT = TransitionTable(
    {
        DeploymentStatus.PENDING: {DeploymentStatus.DEPLOYING},
        DeploymentStatus.DEPLOYING: {
            DeploymentStatus.DEPLOYED,
            DeploymentStatus.FAILED,
            DeploymentStatus.PENDING,  # the worker died and the pointer does not name this version
        },
        DeploymentStatus.DEPLOYED: {DeploymentStatus.ROLLED_BACK},
        DeploymentStatus.FAILED: frozenset(),
        DeploymentStatus.ROLLED_BACK: frozenset(),
    }
)
