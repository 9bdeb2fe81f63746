"""Roles, and the lifecycles of accounts and subscriptions."""

from __future__ import annotations

from django.db.models import TextChoices

from igny8_core.common.states import TransitionTable


class Role(TextChoices):
    """What a person may do in an account, weakest first."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"
    OWNER = "owner"

    def includes(self, other: Role) -> bool:
        """Whether this role may do all that ``other`` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class KeyScope(TextChoices):
    """What an API key may do."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    @property
    def role(self) -> Role:
        """The role that a key of this scope has."""
        return {
            KeyScope.READ: Role.VIEWER,
            KeyScope.WRITE: Role.EDITOR,
            KeyScope.ADMIN: Role.ADMIN,
        }[self]


class SeedSource(TextChoices):
    """Where a seed keyword comes from; only packaged ones are shown to everybody."""

    ACCOUNT = "account"
    PACKAGED = "packaged"
    RETIRED = "retired"


class PlanInterval(TextChoices):
    MONTH = "month"
    YEAR = "year"


class AccountStatus(TextChoices):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class SubscriptionStatus(TextChoices):
    """The provider's state, mapped."""

    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    CANCELLED = "cancelled"


RUNNING = [
    SubscriptionStatus.TRIALING,
    SubscriptionStatus.ACTIVE,
    SubscriptionStatus.PAST_DUE,
]
"""An account has at most one subscription that is running, which is one of these."""


class DunningStage(TextChoices):
    """How far an overdue subscription has gone; ours, separate from the provider's state."""

    NONE = "none"
    PAST_DUE = "past_due"
    RESTRICTED = "restricted"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"


ACCOUNT = TransitionTable(
    {
        AccountStatus.ACTIVE: {AccountStatus.SUSPENDED, AccountStatus.CLOSED},
        AccountStatus.SUSPENDED: {AccountStatus.ACTIVE, AccountStatus.CLOSED},
        AccountStatus.CLOSED: frozenset(),
    }
)

SUBSCRIPTION = TransitionTable(
    {
        SubscriptionStatus.INCOMPLETE: {
            SubscriptionStatus.TRIALING,
            SubscriptionStatus.ACTIVE,
            SubscriptionStatus.CANCELLED,
        },
        SubscriptionStatus.TRIALING: {
            SubscriptionStatus.ACTIVE,
            SubscriptionStatus.PAST_DUE,
            SubscriptionStatus.CANCELLED,
        },
        SubscriptionStatus.ACTIVE: {SubscriptionStatus.PAST_DUE, SubscriptionStatus.CANCELLED},
        SubscriptionStatus.PAST_DUE: {SubscriptionStatus.ACTIVE, SubscriptionStatus.CANCELLED},
        SubscriptionStatus.CANCELLED: frozenset(),
    }
)

DUNNING = TransitionTable(
    {
        DunningStage.NONE: {DunningStage.PAST_DUE},
        DunningStage.PAST_DUE: {DunningStage.NONE, DunningStage.RESTRICTED, DunningStage.CANCELLED},
        DunningStage.RESTRICTED: {
            DunningStage.NONE,
            DunningStage.SUSPENDED,
            DunningStage.CANCELLED,
        },
        DunningStage.SUSPENDED: {DunningStage.NONE, DunningStage.CANCELLED},
        DunningStage.CANCELLED: frozenset(),
    }
)
"""A payment lifts every stage but the last."""
