"""Tenancy bases and identity: who owns a row, who may see it, what it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from igny8_core.auth import reference_models
from igny8_core.auth.errors import CreditsNotLoaded
from igny8_core.auth.states import (
    RUNNING,
    AccountStatus,
    DunningStage,
    PlanInterval,
    Role,
    SubscriptionStatus,
)
from igny8_core.common.idempotency import KEY_LENGTH
from igny8_core.common.rows import QuickRows
from igny8_core.common.tenancy.constraints import CompositeForeignKey, StatusTrail, TenantPolicy
from igny8_core.common.tenancy.managers import (
    TenantManager,
    TenantModelBase,
    aligned,
    alignment_problems,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.core import checks

Industry = reference_models.Industry
IndustrySector = reference_models.IndustrySector
SeedKeyword = reference_models.SeedKeyword


class TimestampedModel(QuickRows):
    """When a row was made and last changed, by PostgreSQL's or the caller's clock."""

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


def choices_check(field: str, choices: type[models.TextChoices], name: str) -> Any:
    """The CHECK that keeps a status or kind to its choices; a fresh object for each model."""
    return models.CheckConstraint(condition=Q(**{f"{field}__in": choices.values}), name=name)


class AccountBaseModel(TimestampedModel, metaclass=TenantModelBase):
    """A row of one account.

    ``objects`` refuses every query until it is told whose rows are wanted; PostgreSQL's policy
    holds for all the rest. A subclass may set ``tenancy_staff = "SELECT"`` (and so on) to open
    its table to the staff role, and ``tenancy_privileges`` to narrow the runtime role's grant.
    """

    account = aligned("igny8_auth.Account")

    unscoped = models.Manager()  # Django's own: relations, unique checks, form fields
    objects: ClassVar[TenantManager[Any]] = TenantManager()

    required_constraints: ClassVar[list[Any]] = [
        TenantPolicy(name="%(app_label)s_%(class)s_tenant"),
        CompositeForeignKey(
            name="%(app_label)s_%(class)s_account",
            fields=["account"],
            rel="account",
            to_fields=["id"],
            error_field="account",
            violation_error_message="Unknown account.",
        ),
    ]

    class Meta:
        abstract = True

    @classmethod
    def check(cls, **kwargs: Any) -> list[checks.CheckMessage]:
        """Every relation to a tenant is held by a composite key, and by nothing else."""
        return [*super().check(**kwargs), *alignment_problems(cls)]

    def check_alignment(self) -> None:
        """Raise ``ValidationError``, by field, for what the composite keys would refuse."""
        problems: dict[str, list[Any]] = {}
        for constraint in self._meta.constraints:
            if not isinstance(constraint, CompositeForeignKey):
                continue
            try:
                constraint.validate(type(self), self)
            except ValidationError as exc:
                for field, messages in exc.error_dict.items():
                    problems.setdefault(field, []).extend(messages)
        if problems:
            raise ValidationError(problems)

    def fill_context(self) -> None:
        """Copy account, site and sector from linked rows; a hook for subclasses."""

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.fill_context()
        if kwargs.get("update_fields") is None:
            self.check_alignment()
        super().save(*args, **kwargs)

    def full_clean(
        self,
        exclude: Iterable[str] | None = None,
        validate_unique: bool = True,  # noqa: FBT001, FBT002 - Django's signature
        validate_constraints: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        self.fill_context()
        super().full_clean(exclude, validate_unique, validate_constraints)


class SiteSectorBaseModel(AccountBaseModel):
    """A row of one sector, of a site, of an account."""

    site = aligned("igny8_auth.Site")
    sector = aligned("igny8_auth.Sector")

    required_constraints: ClassVar[list[Any]] = [  # the account is checked through the sector
        AccountBaseModel.required_constraints[0],
        CompositeForeignKey(
            name="%(app_label)s_%(class)s_sector",
            fields=["account", "site", "sector"],
            rel="sector",
            to_fields=["account", "site", "id"],
            error_field="sector",
            violation_error_message="Sector does not belong to this site.",
        ),
    ]

    class Meta(AccountBaseModel.Meta):
        abstract = True

    def fill_context(self) -> None:
        """A sector knows its site, a site its account."""
        sector = _loaded(self, "sector")
        if sector is not None:
            self.site_id = self.site_id or sector.site_id
            self.account_id = self.account_id or sector.account_id
        super().fill_context()


def _loaded(row: models.Model, relation: str) -> Any:
    """The related row if it is in memory; never a query."""
    field = row._meta.get_field(relation)
    return field.get_cached_value(row, default=None)  # type: ignore[union-attr]  # a relation


class Plan(models.Model):
    """What an account pays for in each period, and its limits."""

    code = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    price_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3, default="EUR")
    interval = models.CharField(max_length=8, choices=PlanInterval, default=PlanInterval.MONTH)
    credits_per_period = models.BigIntegerField(default=0)
    rollover_cap = models.BigIntegerField(default=0)
    trial_days = models.PositiveSmallIntegerField(
        default=0, help_text="Free days before the first payment; 0: none. Once an account."
    )
    trial_credits = models.BigIntegerField(default=0, help_text="What a trial brings.")
    max_sites = models.PositiveIntegerField(default=1)
    max_users = models.PositiveIntegerField(default=1)
    max_keywords = models.PositiveIntegerField(default=1_000)
    max_in_flight = models.PositiveIntegerField(default=8, help_text="Work items at a time.")
    weight = models.PositiveIntegerField(default=1, help_text="Share of busy workers.")
    is_active = models.BooleanField(default=True)
    stripe_price_id = models.CharField(max_length=100, blank=True)
    paypal_plan_id = models.CharField(max_length=100, blank=True)

    class Meta:
        constraints = [
            choices_check("interval", PlanInterval, "plan_interval"),
            models.CheckConstraint(
                name="plan_not_negative",
                condition=Q(price_minor__gte=0, credits_per_period__gte=0, rollover_cap__gte=0),
            ),
            models.CheckConstraint(
                name="plan_trial", condition=Q(trial_credits__gte=0, trial_days__lte=365)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Account(TimestampedModel):
    """The tenant. Its policy compares the primary key."""

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=100, unique=True)
    status = models.CharField(
        max_length=16, choices=AccountStatus, default=AccountStatus.ACTIVE, db_index=True
    )
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="+", null=True, blank=True)
    country_code = models.CharField(max_length=2, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    max_credits_per_day = models.BigIntegerField(
        null=True, blank=True, help_text="0 stops spending; empty: no cap."
    )
    retention_days = models.PositiveIntegerField(
        default=30, help_text="How long deleted rows can be restored."
    )
    settings = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            TenantPolicy(
                name="igny8_auth_account_tenant",
                field="id",
                privileges="SELECT, INSERT, UPDATE",  # its own row: opening an account
                staff="SELECT, INSERT, UPDATE",
            ),
            models.CheckConstraint(
                name="account_retention", condition=Q(retention_days__range=(1, 365))
            ),
            models.CheckConstraint(
                name="account_daily_cap",
                condition=Q(max_credits_per_day__isnull=True) | Q(max_credits_per_day__gte=0),
            ),
            choices_check("status", AccountStatus, "account_status"),
            StatusTrail(name="account_status_trail"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def credits(self) -> int:
        """The balance. Never queries: load it with ``select_related("credit_wallet")``."""
        return int(self._wallet.balance)

    @property
    def credits_held(self) -> int:
        """Credits set aside by reservations."""
        return int(self._wallet.held)

    @property
    def credits_available(self) -> int:
        """What a new reservation may take."""
        return int(self._wallet.balance - self._wallet.held)

    @property
    def _wallet(self) -> Any:
        wallet = self._state.fields_cache.get("credit_wallet")
        if wallet is None:
            raise CreditsNotLoaded('load the account with select_related("credit_wallet")')
        return wallet

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        """Reload the row, and the wallet with it if it was loaded."""
        wallet = self._state.fields_cache.get("credit_wallet")
        super().refresh_from_db(*args, **kwargs)
        if wallet is not None:
            wallet.refresh_from_db()
            self._state.fields_cache["credit_wallet"] = wallet


class UserManager(BaseUserManager["User"]):
    """People sign in with their e-mail address."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)

    def create_user(
        self, email: str, password: str | None = None, *, is_verified: bool = True, **fields: Any
    ) -> User:
        """A person; without a password they cannot sign in.

        :param is_verified: whoever calls vouches for the address; not so at sign-up.
        """
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        addresses: Any = user.emailaddress_set  # type: ignore[attr-defined]  # allauth's, untyped
        addresses.create(email=user.email, primary=True, verified=is_verified)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """An operator of the platform."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person; of no account, of one, or of several."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="May use the operators' pages.")
    email_verified_at = models.DateTimeField(null=True, blank=True)
    date_joined = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    def __str__(self) -> str:
        return self.email


class Membership(AccountBaseModel):
    """A person's role in an account."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role, default=Role.VIEWER)
    notices_seen_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When they looked at the notices last."
    )

    tenancy_staff = "SELECT, INSERT, UPDATE, DELETE"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "user"], name="membership_once"),
            choices_check("role", Role, "membership_role"),
        ]


class Site(AccountBaseModel):
    """A website that content is made for."""

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=100)
    domain = models.CharField(max_length=255, blank=True, help_text="Host name, without scheme.")
    industry = models.ForeignKey(Industry, models.PROTECT, related_name="+")
    language = models.CharField(max_length=8, default="en")
    country_code = models.CharField(max_length=2, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    is_active = models.BooleanField(default=True)
    settings = models.JSONField(
        default=dict, blank=True, help_text="Brand voice and rules, author, colours, disclosure."
    )

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "slug"], name="site_slug"),
            models.UniqueConstraint(fields=["account", "id"], name="site_key"),
            models.UniqueConstraint(fields=["account", "id", "industry"], name="site_industry_key"),
        ]

    def __str__(self) -> str:
        return self.name


class Sector(AccountBaseModel):
    """A part of a site: one topic area, with its keywords and content."""

    site = aligned("igny8_auth.Site")
    industry = models.ForeignKey(Industry, models.PROTECT, related_name="+", editable=False)
    industry_sector = models.ForeignKey(IndustrySector, models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100)
    is_active = models.BooleanField(default=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "site", "slug"], name="sector_slug"),
            models.UniqueConstraint(fields=["account", "site", "id"], name="sector_key"),
            models.UniqueConstraint(
                fields=["account", "site", "id", "industry_sector"], name="sector_industry_key"
            ),
            CompositeForeignKey(
                name="sector_site",
                fields=["account", "site", "industry"],
                rel="site",
                to_fields=["account", "id", "industry"],
                error_field="site",
                violation_error_message="Site is of another account or another industry.",
            ),
            CompositeForeignKey(
                name="sector_industry_sector",
                fields=["industry_sector", "industry"],
                rel="industry_sector",
                to_fields=["id", "industry"],
                error_field="industry_sector",
                violation_error_message="This industry sector is not of the site's industry.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def fill_context(self) -> None:
        """The account and the industry are the site's."""
        site = _loaded(self, "site")
        if site is not None:
            self.account_id = self.account_id or site.account_id
            self.industry_id = site.industry_id
        super().fill_context()


class Subscription(AccountBaseModel):
    """An account's plan; billing is the only writer. Without a way to pay it costs nothing."""

    plan = models.ForeignKey(Plan, models.PROTECT, related_name="+")
    status = models.CharField(
        max_length=16, choices=SubscriptionStatus, default=SubscriptionStatus.INCOMPLETE
    )
    dunning_stage = models.CharField(max_length=16, choices=DunningStage, default=DunningStage.NONE)
    provider = models.CharField(max_length=16, blank=True)
    provider_ref = models.CharField(max_length=100, null=True, blank=True)  # noqa: DJ001 - unique when set
    payment_method = models.CharField(max_length=16, blank=True, help_text="Empty: it is free.")
    checkout_ref = models.CharField(max_length=100, blank=True)  # the page where it was ordered
    idempotency_key = models.CharField(max_length=KEY_LENGTH, null=True, blank=True)  # noqa: DJ001 - unique when set
    current_period_start = models.DateTimeField(null=True, blank=True)
    current_period_end = models.DateTimeField(null=True, blank=True)
    cancel_at_period_end = models.BooleanField(default=False)
    wants_trial = models.BooleanField(default=False)
    trial_ends_at = models.DateTimeField(null=True, blank=True)
    past_due_since = models.DateTimeField(
        null=True, blank=True, help_text="From when on money is owed; dunning counts from here."
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=0)
    pushed_version = models.PositiveIntegerField(
        default=0, help_text="Of ``version``, what the provider was told."
    )
    synced_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.BigIntegerField(default=0)
    lease_expires_at = models.DateTimeField(null=True, blank=True)

    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "id"], name="subscription_key"),
            models.UniqueConstraint(
                fields=["account", "provider", "provider_ref"],
                condition=Q(provider_ref__isnull=False),
                name="subscription_provider_ref",
            ),
            models.UniqueConstraint(
                fields=["account"], condition=Q(status__in=RUNNING), name="subscription_one_running"
            ),
            models.UniqueConstraint(
                fields=["account", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="subscription_once_per_key",
            ),
            models.UniqueConstraint(
                fields=["account"],
                condition=Q(trial_ends_at__isnull=False),
                name="subscription_one_trial",
            ),
            choices_check("status", SubscriptionStatus, "subscription_status"),
            StatusTrail(name="subscription_status_trail"),
            choices_check("dunning_stage", DunningStage, "subscription_dunning_stage"),
        ]


class StatusChange(AccountBaseModel):
    """One step of a lifecycle, written by a trigger: who, when, from, to, why. Append-only."""

    label = models.CharField(max_length=64, help_text="The model, as app.Model.")
    row_id = models.BigIntegerField()
    field = models.CharField(
        max_length=32, db_default="status", help_text="The lifecycle's column."
    )
    source = models.CharField(max_length=16)
    target = models.CharField(max_length=16)
    actor = models.CharField(max_length=100, help_text="user:7, key:3, task:…; empty: the system.")
    reason = models.CharField(max_length=500)
    changed_at = models.DateTimeField(db_default=Now())

    tenancy_privileges = "SELECT"
    tenancy_staff = "SELECT"

    class Meta:
        indexes = [
            models.Index(fields=["account", "label", "row_id", "id"], name="trail_of_row"),
            models.Index(fields=["account", "id"], name="trail_of_account"),
        ]


# Last: they stand on the bases above.
from igny8_core.auth import access_models  # noqa: E402

ApiKey = access_models.ApiKey
IdempotentRequest = access_models.IdempotentRequest
Impersonation = access_models.Impersonation
Invitation = access_models.Invitation
