"""Credits: what is left, the ledger, where credits came from and what holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from igny8_core.api.files import CsvRenderer
from igny8_core.api.filters import Filters
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import (
    CreditLot,
    CreditReservation,
    CreditTransaction,
    CreditWallet,
    CreditWarning,
    ReservationResult,
    SubscriptionPeriod,
)
from igny8_core.business.billing.services.ledger_export import ledger_csv
from igny8_core.business.billing.states import BlockCause, ReservationStatus, TransactionType

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


# --- what a request may say


class SpanFilters(Filters):
    """A span of time, half-open."""

    since = serializers.DateTimeField(required=False, help_text="From this moment on.")
    until = serializers.DateTimeField(required=False, help_text="Before this moment.")


class LedgerFilters(SpanFilters):
    """Which rows of the ledger."""

    type = serializers.ChoiceField(TransactionType.choices, required=False)
    is_spending = serializers.BooleanField(
        required=False, help_text="Rows that take credits, or rows that bring some."
    )


class OpenFilters(Filters):
    """Whether something is open still."""

    is_open = serializers.BooleanField(required=False)


class ReservationFilters(Filters):
    """Which reservations."""

    status = serializers.ChoiceField(ReservationStatus.choices, required=False)


# --- what an answer says


class CreditTransactionSerializer(serializers.ModelSerializer[CreditTransaction]):
    """One ledger entry; negative amounts spend."""

    operation = serializers.CharField(
        source="reservation.operation", read_only=True, allow_null=True, default=None
    )
    related_type = serializers.CharField(
        source="reservation.related_type", read_only=True, allow_null=True, default=None
    )
    related_id = serializers.IntegerField(
        source="reservation.related_id", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = CreditTransaction
        fields = (
            "id",
            "seq",
            "type",
            "amount",
            "balance_after",
            "operation",
            "related_type",
            "related_id",
            "created_at",
            "metadata",
        )
        read_only_fields = fields


class CreditLotSerializer(serializers.ModelSerializer[CreditLot]):
    """Credits that came in together; the lowest priority burns first."""

    class Meta:
        model = CreditLot
        fields = (
            "id",
            "kind",
            "priority",
            "granted",
            "remaining",
            "held",
            "expires_at",
            "revoked_at",
            "created_at",
        )
        read_only_fields = fields


class CreditReservationSerializer(serializers.ModelSerializer[CreditReservation]):
    """Credits set aside for work, and what became of them."""

    class Meta:
        model = CreditReservation
        fields = (
            "id",
            "operation",
            "status",
            "amount",
            "captured",
            "attempt",
            "related_type",
            "related_id",
            "expires_at",
            "resolved_at",
            "created_at",
        )
        read_only_fields = fields


class SubscriptionPeriodSerializer(serializers.ModelSerializer[SubscriptionPeriod]):
    """A period of a plan, and the credits that it brought."""

    plan = serializers.CharField(source="plan.code", read_only=True)
    next_plan = serializers.CharField(
        source="next_plan.code", read_only=True, allow_null=True, default=None
    )

    class Meta:
        model = SubscriptionPeriod
        fields = (
            "id",
            "subscription",
            "plan",
            "next_plan",
            "starts_at",
            "ends_at",
            "credits",
            "invoice",
        )
        read_only_fields = fields


class CreditWarningSerializer(serializers.ModelSerializer[CreditWarning]):
    """So little was left of what a period brought."""

    threshold_percent = serializers.IntegerField(read_only=True)
    period_credits = serializers.IntegerField(source="period.credits", read_only=True)
    period_ends_at = serializers.DateTimeField(source="period.ends_at", read_only=True)

    class Meta:
        model = CreditWarning
        fields = (
            "id",
            "threshold_percent",
            "available",
            "period_credits",
            "period_ends_at",
            "created_at",
            "resolved_at",
        )
        read_only_fields = fields


class WithheldResultSerializer(serializers.ModelSerializer[ReservationResult]):
    """A result that is ready and waits for credits; repeating the work asks no provider."""

    operation = serializers.CharField(source="reservation.operation", read_only=True)
    related_type = serializers.CharField(source="reservation.related_type", read_only=True)
    related_id = serializers.IntegerField(
        source="reservation.related_id", read_only=True, allow_null=True
    )
    credits = serializers.IntegerField(source="payload.credits", read_only=True, default=None)

    class Meta:
        model = ReservationResult
        fields = (
            "id",
            "operation",
            "related_type",
            "related_id",
            "credits",
            "received_at",
            "withheld_until",
        )
        read_only_fields = fields


class WalletSerializer(serializers.Serializer[Any]):
    """What the account can spend, and how long it lasts at today's pace."""

    balance = serializers.IntegerField(help_text="Held credits included.")
    held = serializers.IntegerField()
    available = serializers.IntegerField()
    debt = serializers.IntegerField(help_text="Charged back after it was spent; paid first.")
    blocked_by = serializers.ListField(child=serializers.ChoiceField(BlockCause.choices))
    spent_24_hours = serializers.IntegerField()
    spent_7_days = serializers.IntegerField()
    days_left = serializers.IntegerField(
        allow_null=True, help_text="At the pace of the last 24 hours; null when nothing was spent."
    )
    period = SubscriptionPeriodSerializer(allow_null=True)

    class Meta:
        model = CreditWallet


# --- the endpoints


class CreditViewSet(TenantViewSet[Any]):
    """What belongs to credits and has filters beside its list."""


class WalletViewSet(CreditViewSet):
    """The account's credits."""

    serializer_class = WalletSerializer

    @extend_schema(responses=WalletSerializer)
    def retrieve(self, _request: Request, **_path: Any) -> Response:
        """What can be spent, what is set aside, and how long it lasts."""
        found = selectors.credit_outlook(account=self.account, now=timezone.now())
        return Response(WalletSerializer(found).data)


def _ledger_filters(given: dict[str, Any]) -> dict[str, Any]:
    """What the selector calls them."""
    found = dict(given)
    if kind := found.pop("type", None):
        found["types"] = [kind]
    return found


class CreditTransactionViewSet(mixins.ListModelMixin, CreditViewSet):
    """The credit ledger, newest first."""

    serializer_class = CreditTransactionSerializer
    filters_class = LedgerFilters
    orders = {"seq": "seq"}
    default_order = "-seq"
    open_actions = frozenset({"export"})

    def get_queryset(self) -> QuerySet[CreditTransaction]:
        return selectors.credit_transactions(account=self.account, **_ledger_filters(self.filters))

    @extend_schema(
        parameters=[LedgerFilters],
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, "At most 100,000 rows.")},
    )
    @action(
        detail=False,
        methods=["get"],
        pagination_class=None,
        renderer_classes=[CsvRenderer, JSONRenderer],
    )
    def export(self, _request: Request, **_path: Any) -> StreamingHttpResponse:
        """The same rows as CSV, newest first."""
        lines = ledger_csv(account=self.account, **_ledger_filters(self.asked(LedgerFilters)))
        name = f"credits-{self.account.slug}-{timezone.now():%Y-%m-%d}.csv"
        return StreamingHttpResponse(
            lines,
            content_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "no-store",
            },
        )


class CreditLotViewSet(mixins.ListModelMixin, TenantViewSet[CreditLot]):
    """Credits by where they came from and when they expire."""

    serializer_class = CreditLotSerializer
    filters_class = OpenFilters
    default_order = "-id"

    def get_queryset(self) -> QuerySet[CreditLot]:
        return selectors.credit_lots(account=self.account, is_open=self.filters.get("is_open"))


class CreditReservationViewSet(mixins.ListModelMixin, TenantViewSet[CreditReservation]):
    """Credits that work set aside, newest first."""

    serializer_class = CreditReservationSerializer
    filters_class = ReservationFilters
    default_order = "-id"

    def get_queryset(self) -> QuerySet[CreditReservation]:
        status = self.filters.get("status")
        return selectors.credit_reservations(
            account=self.account, statuses=[status] if status else []
        )


class CreditWarningViewSet(mixins.ListModelMixin, TenantViewSet[CreditWarning]):
    """Warnings that a period's credits run out, newest first."""

    serializer_class = CreditWarningSerializer
    filters_class = OpenFilters
    default_order = "-id"

    def get_queryset(self) -> QuerySet[CreditWarning]:
        return selectors.credit_warnings(account=self.account, is_open=self.filters.get("is_open"))


class WithheldResultViewSet(mixins.ListModelMixin, TenantViewSet[ReservationResult]):
    """Results that are ready and wait for credits."""

    serializer_class = WithheldResultSerializer

    def get_queryset(self) -> QuerySet[ReservationResult]:
        return selectors.withheld_results(account=self.account)
