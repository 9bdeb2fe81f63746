"""Ways into an account besides a membership, and what requests that came in were answered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q

from igny8_core.auth.models import AccountBaseModel, User, choices_check
from igny8_core.auth.states import KeyScope, Role
from igny8_core.common.idempotency import KEY_LENGTH

if TYPE_CHECKING:
    from datetime import datetime


class Invitation(AccountBaseModel):
    """A person is asked to join. The link's token is kept as a hash only."""

    email = models.EmailField(help_text="Lower case; who accepts must own this address.")
    role = models.CharField(max_length=8, choices=Role)
    token_hash = models.CharField(max_length=64, help_text="SHA-256 of the link's token, in hex.")
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    invited_by = models.ForeignKey(User, models.SET_NULL, related_name="+", null=True, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "token_hash"], name="invitation_token"),
            models.UniqueConstraint(
                fields=["account", "email"],
                condition=Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="invitation_one_open",
            ),
            models.CheckConstraint(
                name="invitation_one_end",
                condition=Q(accepted_at__isnull=True) | Q(revoked_at__isnull=True),
            ),
            choices_check("role", Role, "invitation_role"),
        ]
        indexes = [models.Index(fields=["token_hash"], name="invitation_by_token")]

    def is_open(self, now: datetime) -> bool:
        """Whether the link still lets somebody in."""
        return self.accepted_at is None and self.revoked_at is None and now < self.expires_at


class ApiKey(AccountBaseModel):
    """A program's way into one account. The secret is kept as a hash and shown once."""

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, help_text="Public part; finds the row.")
    secret_hash = models.CharField(max_length=64, help_text="SHA-256 of the secret, in hex.")
    scope = models.CharField(max_length=8, choices=KeyScope)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, related_name="+", null=True, blank=True)
    made_by = models.CharField(
        max_length=100, blank=True, help_text="Who acted, as in the trails: user:7, key:3."
    )

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "prefix"], name="apikey_prefix"),
            choices_check("scope", KeyScope, "apikey_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    @property
    def role(self) -> Role:
        """What the key may do."""
        return KeyScope(self.scope).role

    def is_open(self, now: datetime) -> bool:
        """Whether the key works."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Impersonation(AccountBaseModel):
    """A staff person in somebody's account: why, as what, until when. Append-only.

    The runtime role may insert; ``end_impersonation()`` alone sets the end, once.
    """

    staff = models.ForeignKey(User, models.PROTECT, related_name="+")
    role = models.CharField(max_length=8, choices=Role, default=Role.VIEWER)
    reason = models.CharField(max_length=500)
    started_at = models.DateTimeField()
    ends_at = models.DateTimeField(help_text="At most one hour after the start.")
    ended_at = models.DateTimeField(null=True, blank=True)

    tenancy_privileges = "SELECT, INSERT"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.CheckConstraint(name="impersonation_has_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="impersonation_one_hour",
                condition=Q(ends_at__gte=F("started_at"))
                & Q(ends_at__lte=F("started_at") + models.Value(timedelta(hours=1))),
            ),
            choices_check("role", Role, "impersonation_role"),
        ]
        indexes = [models.Index(fields=["account", "id"], name="impersonation_list")]

    def is_running(self, now: datetime) -> bool:
        """Whether the staff person may still come in."""
        return self.ended_at is None and now < self.ends_at


class IdempotentRequest(AccountBaseModel):
    """A request with an idempotency key, and its answer; kept for a day.

    Written in the transaction of the request: what was rolled back leaves its key free.
    """

    key = models.CharField(max_length=KEY_LENGTH)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    status_code = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(null=True, blank=True)

    tenancy_staff = "SELECT, DELETE"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "key"], name="idempotentrequest_once"),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotentrequest_age")]
