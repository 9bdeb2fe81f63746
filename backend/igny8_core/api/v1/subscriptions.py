"""The account's plan: ordered, changed, cancelled, resumed, paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response

from igny8_core.api.bodies import Body
from igny8_core.api.v1.base import TenantViewSet, idempotency_key
from igny8_core.api.v1.credit import SubscriptionPeriodSerializer
from igny8_core.api.v1.invoices import InvoiceDetailSerializer, PaymentSerializer, read_payment
from igny8_core.auth.models import Subscription
from igny8_core.auth.states import Role
from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import SubscriptionPeriod
from igny8_core.business.billing.services import (
    card_payments,
    plan_orders,
    provider_payments,
    provider_subscriptions,
    subscriptions,
)
from igny8_core.business.billing.states import PaymentMethod
from igny8_core.common.errors import Transient
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

    from igny8_core.business.billing.services.plan_orders import PlanOrder


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    """An account's plan, and the period that it is in."""

    plan = serializers.CharField(source="plan.code", read_only=True)
    renewal_minor = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        default=None,
        help_text="With tax, what the next period costs at a provider. Fixed two weeks before it "
        "begins; until then null.",
    )

    class Meta:
        model = Subscription
        fields = (
            "id",
            "plan",
            "status",
            "dunning_stage",
            "provider",
            "payment_method",
            "current_period_start",
            "current_period_end",
            "renewal_minor",
            "cancel_at_period_end",
            "trial_ends_at",
            "past_due_since",
            "ended_at",
            "created_at",
        )
        read_only_fields = fields


class NewSubscriptionSerializer(Body):
    """Which plan to order, and how to pay it."""

    plan = serializers.SlugField(max_length=50, help_text="`code` of a plan that costs money.")
    payment_method = serializers.ChoiceField(PaymentMethod.choices)
    with_trial = serializers.BooleanField(
        required=False, default=False, help_text="Try the plan first; once an account."
    )


class OrderedSubscriptionSerializer(serializers.Serializer[Any]):
    """What was ordered, and where to pay it."""

    subscription = SubscriptionSerializer(read_only=True)
    invoice = InvoiceDetailSerializer(read_only=True, allow_null=True)
    payment = PaymentSerializer(read_only=True, allow_null=True)
    pay_url = serializers.CharField(
        read_only=True, help_text="Where to pay; empty for what is paid by hand, and in a trial."
    )


class OtherPlanSerializer(Body):
    """Another plan."""

    plan = serializers.SlugField(max_length=50, help_text="`code` of a plan.")


class ChangePlanSerializer(OtherPlanSerializer):
    """Another plan, and how an upgrade is paid."""

    with_saved_card = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Take what is to be paid now from the saved card. Where the bank wants the "
        "customer to confirm, or declines, there is a `pay_url` all the same.",
    )


class PlanLineSerializer(serializers.Serializer[Any]):
    """A part of what is to be paid now; negative for what is not used of the present plan."""

    description = serializers.CharField(read_only=True)
    net_minor = serializers.IntegerField(read_only=True)


class PlanOrderSerializer(serializers.Serializer[Any]):
    """What a change of plan does. Amounts are minor units, and null when nothing is paid now."""

    plan = serializers.CharField(source="plan.code", read_only=True)
    effective_at = serializers.DateTimeField(
        read_only=True, help_text="Of an upgrade that costs money: once it is paid."
    )
    credits_added = serializers.IntegerField(read_only=True)
    currency = serializers.CharField(source="plan.currency", read_only=True)
    subtotal_minor = serializers.IntegerField(
        source="amount.subtotal_minor", read_only=True, allow_null=True, default=None
    )
    tax_minor = serializers.IntegerField(
        source="amount.tax_minor", read_only=True, allow_null=True, default=None
    )
    total_minor = serializers.IntegerField(
        source="amount.total_minor", read_only=True, allow_null=True, default=None
    )
    lines = PlanLineSerializer(many=True, read_only=True)


class ChangedPlanSerializer(PlanOrderSerializer):
    """What a change of plan did, and where to pay it."""

    invoice = InvoiceDetailSerializer(read_only=True, allow_null=True)
    payment = PaymentSerializer(read_only=True, allow_null=True)
    pay_url = serializers.CharField(read_only=True)


class PayUrlSerializer(serializers.Serializer[Any]):
    """Where to pay what is owed."""

    pay_url = serializers.CharField(read_only=True, help_text="Empty when nothing is owed.")


class SubscriptionViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[Subscription]
):
    """Subscriptions of the account, newest first; at most one of them runs."""

    serializer_class = SubscriptionSerializer
    read_role = write_role = Role.ADMIN
    default_order = "-id"
    spending_actions: ClassVar[frozenset[str]] = frozenset({"create", "change_plan"})
    open_actions = frozenset({"create", "change_plan", "cancel", "resume", "refresh", "pay"})
    suspended_actions = frozenset({"create", "cancel", "refresh", "pay"})

    def get_queryset(self) -> QuerySet[Subscription]:
        return selectors.subscriptions(account=self.account)

    @extend_schema(
        request=NewSubscriptionSerializer, responses={201: OrderedSubscriptionSerializer}
    )
    def create(self, request: Request, **_path: Any) -> Response:
        """Order a plan. Its first period begins when it is paid, a trial at once.

        Paid by hand there is an invoice; at a provider it is ordered at `pay_url`. 503 when the
        provider does not answer: send the same request with the same key again. 409
        `already_subscribed` while one is running: change its plan.
        """
        data = self.body_apart(NewSubscriptionSerializer)
        found = subscriptions.subscribe(
            account=self.account,
            plan_code=data["plan"],
            method=data["payment_method"],
            wants_trial=data["with_trial"],
            idempotency_key=f"sub:{idempotency_key(request)}",
            now=timezone.now(),
        )
        row, pay_url = found.subscription, ""
        if row.provider:
            pay_url = provider_subscriptions.open_page(
                account=self.account, subscription_id=row.pk, clock=timezone.now
            )
        answer = {
            "subscription": row,
            "invoice": found.invoice,
            "payment": found.payment,
            "pay_url": pay_url,
        }
        return Response(OrderedSubscriptionSerializer(answer).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=OtherPlanSerializer, responses=PlanOrderSerializer)
    @action(detail=True, methods=["post"], url_path="plan-preview")
    def plan_preview(self, _request: Request, pk: str, **_path: Any) -> Response:
        """What another plan would cost and bring now. Nothing is changed."""
        row = subscriptions.read(account=self.account, subscription_id=int(pk))
        found = plan_orders.preview_change(
            account=self.account,
            subscription_id=row.pk,
            plan_code=self.body(OtherPlanSerializer)["plan"],
            now=timezone.now(),
        )
        return Response(PlanOrderSerializer(found).data)

    @extend_schema(request=ChangePlanSerializer, responses={200: ChangedPlanSerializer})
    @action(detail=True, methods=["post"], url_path="change-plan")
    def change_plan(self, request: Request, pk: str, **_path: Any) -> Response:
        """Put it on another plan. An upgrade is paid now, all else waits until the period ends.

        409 `no_current_period` while money is owed.
        """
        self._exists(pk)
        data = self.body_apart(ChangePlanSerializer)
        found = plan_orders.change_plan(
            account=self.account,
            subscription_id=int(pk),
            plan_code=data["plan"],
            idempotency_key=f"plan:{idempotency_key(request)}",
            now=timezone.now(),
        )
        answer = self._changed(found, is_by_card=data["with_saved_card"])
        self._tell_provider(pk)
        return Response(answer)

    @extend_schema(request=None, responses=SubscriptionSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Let it end with its period; an order that is not paid is given up at once."""
        subscriptions.cancel(account=self.account, subscription_id=int(pk), now=timezone.now())
        self._tell_provider(pk)
        return self._shown(pk)

    @extend_schema(request=None, responses=SubscriptionSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Go on after all. 409 once its last period is over."""
        subscriptions.resume(account=self.account, subscription_id=int(pk), now=timezone.now())
        self._tell_provider(pk)
        return self._shown(pk)

    @extend_schema(request=None, responses=SubscriptionSerializer)
    @action(detail=True, methods=["post"])
    def refresh(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Ask the provider now: for the page that one returns to. 409 when it is paid by hand."""
        provider_subscriptions.follow(
            account=self.account, subscription_id=int(pk), clock=timezone.now
        )
        return self._shown(pk)

    @extend_schema(request=None, responses=PayUrlSerializer)
    @action(detail=True, methods=["post"])
    def pay(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Where to pay a period that is owed, and to confirm it if the bank asks for that."""
        self._exists(pk)
        url = provider_subscriptions.where_to_pay(account=self.account, subscription_id=int(pk))
        return Response(PayUrlSerializer({"pay_url": url}).data)

    def _exists(self, pk: str) -> None:
        with tenant(self.account.pk, read_only=True):
            subscriptions.read(account=self.account, subscription_id=int(pk))

    def _shown(self, pk: str) -> Response:
        with tenant(self.account.pk, read_only=True):
            row = selectors.subscriptions(account=self.account).get(pk=int(pk))
        return Response(SubscriptionSerializer(row).data)

    def _tell_provider(self, pk: str) -> None:
        """At once, if it listens; the job tells it later."""
        try:
            provider_subscriptions.push(
                account=self.account, subscription_id=int(pk), clock=timezone.now
            )
        except Transient:
            return

    def _changed(self, found: PlanOrder, *, is_by_card: bool) -> dict[str, Any]:
        names = ("plan", "effective_at", "credits_added", "amount", "invoice", "payment", "lines")
        answer: dict[str, Any] = {name: getattr(found, name) for name in names} | {"pay_url": ""}
        if found.payment is not None and found.payment.provider:
            pay = card_payments.pay_by_card if is_by_card else provider_payments.open_checkout
            answer["pay_url"] = pay(
                account=self.account, payment_id=found.payment.pk, clock=timezone.now
            )
            answer["payment"] = read_payment(self.account, found.payment.pk)
        return dict(ChangedPlanSerializer(answer).data)


class SubscriptionPeriodViewSet(mixins.ListModelMixin, TenantViewSet[SubscriptionPeriod]):
    """Periods that were opened, and what they brought, newest first."""

    serializer_class = SubscriptionPeriodSerializer
    read_role = Role.ADMIN
    default_order = "-id"

    def get_queryset(self) -> QuerySet[SubscriptionPeriod]:
        return selectors.subscription_periods(account=self.account)
