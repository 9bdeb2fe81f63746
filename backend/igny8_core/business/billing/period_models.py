"""What a plan gives in each period, and warnings that a period's credits run out."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from igny8_core.auth.models import AccountBaseModel, Plan, choices_check
from igny8_core.business.billing.credit_models import key
from igny8_core.business.billing.states import DunningStep
from igny8_core.common.idempotency import KEY_LENGTH
from igny8_core.common.tenancy.managers import aligned


class SubscriptionPeriod(AccountBaseModel):
    """One period of a subscription, opened once, with the credits that the plan gives for it.

    The lot of the grant is found by its key: a foreign key in the database holds ``lot_key`` to
    ``CreditLot.source_key`` of the account.
    """

    subscription = aligned("igny8_auth.Subscription", models.PROTECT)
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="+", db_index=False)
    next_plan = models.ForeignKey(
        Plan,
        models.PROTECT,
        related_name="+",
        db_index=False,
        null=True,
        blank=True,
        help_text="Takes over when the period ends: a downgrade waits until then.",
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    credits = models.BigIntegerField(
        default=0, help_text="All that the period brought: plan, roll-over, upgrades."
    )
    lot_key = models.CharField(  # noqa: DJ001 - a foreign key: no grant, no key
        max_length=KEY_LENGTH, null=True, blank=True, help_text="Key of the plan's own grant."
    )
    invoice = aligned("billing.Invoice", models.PROTECT, null=True, blank=True)

    tenancy_privileges = "SELECT, INSERT, UPDATE"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "subscription", "starts_at"], name="subscriptionperiod_once"
            ),
            models.UniqueConstraint(fields=["account", "id"], name="subscriptionperiod_key"),
            models.CheckConstraint(
                name="subscriptionperiod_order", condition=Q(ends_at__gt=F("starts_at"))
            ),
            models.CheckConstraint(
                name="subscriptionperiod_not_negative", condition=Q(credits__gte=0)
            ),
            key("subscriptionperiod_subscription", "subscription"),
            key("subscriptionperiod_invoice", "invoice"),
        ]
        indexes = [
            models.Index(fields=["account", "-ends_at", "id"], name="subscriptionperiod_newest"),
        ]


class CreditWarning(AccountBaseModel):
    """The account has so little left of what its period brought; one row a threshold and period.

    ``mailed_at`` is set once the mail has left; until then the next round of the job sends it.
    """

    class Threshold(models.IntegerChoices):
        """Percent of the period's credits."""

        LOW = 20, "20 %"
        VERY_LOW = 5, "5 %"
        NONE = 0, "0 %"

    period = aligned("billing.SubscriptionPeriod", models.PROTECT)
    threshold_percent = models.PositiveSmallIntegerField(choices=Threshold)
    available = models.BigIntegerField(help_text="Whole credits that were free at the time.")
    resolved_at = models.DateTimeField(
        null=True, blank=True, help_text="When there was enough again, or another period began."
    )
    mailed_at = models.DateTimeField(null=True, blank=True)
    mail_tries = models.PositiveSmallIntegerField(default=0)
    mail_not_before = models.DateTimeField(
        null=True, blank=True, help_text="Somebody is sending it until then, or it did not work."
    )

    tenancy_privileges = "SELECT, INSERT, UPDATE"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "period", "threshold_percent"], name="creditwarning_once"
            ),
            models.CheckConstraint(
                name="creditwarning_threshold", condition=Q(threshold_percent__in=[20, 5, 0])
            ),
            models.CheckConstraint(
                name="creditwarning_not_negative", condition=Q(available__gte=0)
            ),
            key("creditwarning_period", "period"),
        ]
        indexes = [
            models.Index(
                fields=["account", "id"],
                condition=Q(resolved_at__isnull=True),
                name="creditwarning_open",
            ),
        ]


class DunningNotice(AccountBaseModel):
    """One step of asking for money that is owed, told once.

    ``mailed_at`` is set once the mail has left; until then the next round of the job sends it.
    """

    subscription = aligned("igny8_auth.Subscription", models.PROTECT)
    since = models.DateTimeField(help_text="From when on the money is owed.")
    step = models.CharField(max_length=16, choices=DunningStep)
    mailed_at = models.DateTimeField(null=True, blank=True)
    mail_tries = models.PositiveSmallIntegerField(default=0)
    mail_not_before = models.DateTimeField(
        null=True, blank=True, help_text="Somebody is sending it until then, or it did not work."
    )

    tenancy_privileges = "SELECT, INSERT, UPDATE"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "subscription", "since", "step"], name="dunningnotice_once"
            ),
            choices_check("step", DunningStep, "dunningnotice_step"),
            key("dunningnotice_subscription", "subscription"),
        ]
        indexes = [
            models.Index(
                fields=["account", "id"],
                condition=Q(mailed_at__isnull=True),
                name="dunningnotice_unsent",
            ),
        ]


class PeriodPrice(AccountBaseModel):
    """What a period of a provider's subscription costs, fixed before the provider charges it.

    ``starts_at`` is empty for the first period, which begins with its money. With ``is_news`` it
    is not what the period before cost: owners and admins are told; ``mailed_at`` once they were.
    """

    subscription = aligned("igny8_auth.Subscription", models.PROTECT)
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="+", db_index=False)
    starts_at = models.DateTimeField(null=True, blank=True)
    net_minor = models.BigIntegerField()
    tax_minor = models.BigIntegerField(default=0)
    total_minor = models.BigIntegerField()
    before_minor = models.BigIntegerField(
        null=True, blank=True, help_text="With tax, what the period before it cost."
    )
    currency = models.CharField(max_length=3)
    changes = models.PositiveIntegerField(default=0, help_text="How often it became another one.")
    pushed_at = models.DateTimeField(
        null=True, blank=True, help_text="The provider knows it, or hears of it with the plan."
    )
    is_news = models.BooleanField(default=False)
    mailed_at = models.DateTimeField(null=True, blank=True)
    mail_tries = models.PositiveSmallIntegerField(default=0)
    mail_not_before = models.DateTimeField(
        null=True, blank=True, help_text="Somebody is sending it until then, or it did not work."
    )

    tenancy_privileges = "SELECT, INSERT, UPDATE"
    tenancy_staff = "SELECT"

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "subscription", "starts_at"],
                nulls_distinct=False,
                name="periodprice_once",
            ),
            models.CheckConstraint(
                name="periodprice_total",
                condition=Q(
                    net_minor__gte=0,
                    tax_minor__gte=0,
                    total_minor=F("net_minor") + F("tax_minor"),
                ),
            ),
            key("periodprice_subscription", "subscription"),
        ]
        indexes = [
            models.Index(
                fields=["account", "id"],
                condition=Q(is_news=True, mailed_at__isnull=True),
                name="periodprice_untold",
            ),
            models.Index(
                fields=["account", "subscription"],
                condition=Q(pushed_at__isnull=True),
                name="periodprice_unpushed",
            ),
        ]
