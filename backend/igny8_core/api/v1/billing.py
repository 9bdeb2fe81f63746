"""Credits: balance, ledger, usage, prices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.views import APIView

from igny8_core.api.v1.base import TenantViewSet
from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import CreditCostConfig, CreditTransaction, CreditUsageLog

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class CreditTransactionSerializer(serializers.ModelSerializer[CreditTransaction]):
    """One ledger entry; negative amounts spend."""

    class Meta:
        model = CreditTransaction
        fields = ("id", "seq", "type", "amount", "balance_after", "created_at", "metadata")
        read_only_fields = fields


class CreditUsageSerializer(serializers.ModelSerializer[CreditUsageLog]):
    """What one piece of AI work used."""

    class Meta:
        model = CreditUsageLog
        fields = (
            "id",
            "operation_type",
            "credits_used",
            "provider",
            "model",
            "prompt_tokens",
            "completion_tokens",
            "related_type",
            "related_id",
            "created_at",
        )
        read_only_fields = fields


class OperationUsageSerializer(serializers.Serializer[Any]):
    """Usage of one operation."""

    operation = serializers.CharField()
    runs = serializers.IntegerField()
    credits = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()


class CreditPriceSerializer(serializers.ModelSerializer[CreditCostConfig]):
    """What an operation costs now."""

    class Meta:
        model = CreditCostConfig
        fields = (
            "operation_type",
            "unit",
            "unit_size",
            "credits_per_unit",
            "min_credits",
            "display_name",
            "description",
            "version",
            "active_from",
        )
        read_only_fields = fields


class CreditTransactionViewSet(mixins.ListModelMixin, TenantViewSet[CreditTransaction]):
    """The credit ledger, newest first."""

    serializer_class = CreditTransactionSerializer
    orders = {"seq": "seq"}
    default_order = "-seq"

    def get_queryset(self) -> QuerySet[CreditTransaction]:
        return selectors.credit_transactions(account=self.account)


class CreditUsageViewSet(mixins.ListModelMixin, TenantViewSet[CreditUsageLog]):
    """What AI work used, newest first."""

    serializer_class = CreditUsageSerializer
    default_order = "-id"

    def get_queryset(self) -> QuerySet[CreditUsageLog]:
        return selectors.usage_logs(account=self.account)

    @extend_schema(responses=OperationUsageSerializer(many=True))
    @action(detail=False, methods=["get"], pagination_class=None)
    def summary(self, _request: Request, **_path: Any) -> Response:
        """Usage by operation, over the whole time."""
        found = selectors.usage_by_operation(account=self.account)
        return Response(OperationUsageSerializer(found, many=True).data)


class CreditPriceView(APIView):
    """The price list."""

    @extend_schema(responses=CreditPriceSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Every price that holds now, by operation."""
        found = selectors.price_list(now=timezone.now())
        return Response(CreditPriceSerializer(found, many=True).data)
