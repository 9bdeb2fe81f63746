"""What work used, what it costs, and what it would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.views import APIView

from igny8_core.api.bodies import Body
from igny8_core.api.filters import Filters
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.api.v1.credit import CreditViewSet, SpanFilters
from igny8_core.auth.states import Role
from igny8_core.business.billing import selectors, usage_selectors
from igny8_core.business.billing.models import CreditCostConfig, CreditUsageLog
from igny8_core.business.billing.services import estimates
from igny8_core.business.billing.states import OperationType, PriceUnit

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

OPERATIONS = [(op.value, op.label) for op in OperationType if not op.is_legacy]


# --- what a request may say


class UsageFilters(SpanFilters):
    """Which pieces of work."""

    operation = serializers.ChoiceField(OperationType.choices, required=False)


class DayFilters(Filters):
    """From a day to a day, both included, at most 366; in the account's time zone."""

    first_day = serializers.DateField(
        required=False, help_text="By default 30 days up to the last."
    )
    last_day = serializers.DateField(required=False, help_text="By default today.")


class QuantitiesSerializer(Body):
    """How much work, by price unit."""

    per_request = serializers.IntegerField(
        required=False, min_value=0, max_value=estimates.QUANTITY_MAX
    )
    per_words = serializers.IntegerField(
        required=False, min_value=0, max_value=estimates.QUANTITY_MAX
    )
    per_items = serializers.IntegerField(
        required=False, min_value=0, max_value=estimates.QUANTITY_MAX
    )
    per_images = serializers.IntegerField(
        required=False, min_value=0, max_value=estimates.QUANTITY_MAX
    )


class WorkSerializer(Body):
    """Work to be priced."""

    operation = serializers.ChoiceField(OPERATIONS)
    quantities = QuantitiesSerializer(required=False)
    runs = serializers.IntegerField(
        required=False, default=1, min_value=1, max_value=estimates.RUNS_MAX
    )


class EstimateRequestSerializer(Body):
    """All the work to be priced together."""

    works = serializers.ListField(
        child=WorkSerializer(), min_length=1, max_length=estimates.WORKS_MAX
    )


# --- what an answer says


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


class _UsageSerializer(serializers.Serializer[Any]):
    runs = serializers.IntegerField()
    credits = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()


class OperationUsageSerializer(_UsageSerializer):
    """Usage of one operation."""

    operation = serializers.CharField()


class ModelUsageSerializer(_UsageSerializer):
    """Usage of one model; rules count as a model too."""

    provider = serializers.CharField()
    model = serializers.CharField()


class DayUsageSerializer(serializers.Serializer[Any]):
    """Usage of one day."""

    day = serializers.DateField()
    runs = serializers.IntegerField()
    credits = serializers.IntegerField()
    by_operation = serializers.DictField(child=serializers.IntegerField())


class PriceLineSerializer(serializers.Serializer[Any]):
    """The price of one unit of an operation."""

    unit = serializers.ChoiceField(PriceUnit.choices)
    unit_size = serializers.IntegerField()
    credits_per_unit = serializers.DecimalField(max_digits=12, decimal_places=4)
    min_credits = serializers.IntegerField()


class EstimatedWorkSerializer(serializers.Serializer[Any]):
    """What some work would cost; each run is rounded up by itself."""

    operation = serializers.ChoiceField(OPERATIONS)
    runs = serializers.IntegerField()
    credits_each = serializers.IntegerField()
    credits = serializers.IntegerField()
    is_own_key = serializers.BooleanField(
        help_text="The account pays its provider itself, and the platform fee here."
    )
    prices = PriceLineSerializer(many=True, source="price.lines")


class EstimateSerializer(serializers.Serializer[Any]):
    """What all of it would cost now. Nothing is reserved."""

    works = EstimatedWorkSerializer(many=True)
    credits = serializers.IntegerField()
    available = serializers.IntegerField()
    missing = serializers.IntegerField(help_text="Credits that would have to be added first.")
    is_blocked = serializers.BooleanField(help_text="New work is stopped, whatever is left.")


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
            "platform_fee_credits",
            "display_name",
            "description",
            "version",
            "active_from",
        )
        read_only_fields = fields


# --- the endpoints


class CreditUsageViewSet(mixins.ListModelMixin, CreditViewSet):
    """What AI work used, newest first."""

    serializer_class = CreditUsageSerializer
    filters_class = UsageFilters
    default_order = "-id"

    def get_queryset(self) -> QuerySet[CreditUsageLog]:
        given = dict(self.filters)
        operation = given.pop("operation", None)
        return selectors.usage_logs(
            account=self.account, operations=[operation] if operation else [], **given
        )

    @extend_schema(parameters=[SpanFilters], responses=OperationUsageSerializer(many=True))
    @action(detail=False, methods=["get"], pagination_class=None)
    def summary(self, _request: Request, **_path: Any) -> Response:
        """Usage by operation, the dearest first."""
        found = usage_selectors.usage_by_operation(account=self.account, **self.asked(SpanFilters))
        return Response(OperationUsageSerializer(found, many=True).data)

    @extend_schema(parameters=[SpanFilters], responses=ModelUsageSerializer(many=True))
    @action(detail=False, methods=["get"], pagination_class=None, url_path="by-model")
    def by_model(self, _request: Request, **_path: Any) -> Response:
        """Usage by model, the dearest first."""
        found = usage_selectors.usage_by_model(account=self.account, **self.asked(SpanFilters))
        return Response(ModelUsageSerializer(found, many=True).data)

    @extend_schema(parameters=[DayFilters], responses=DayUsageSerializer(many=True))
    @action(detail=False, methods=["get"], pagination_class=None, url_path="by-day")
    def by_day(self, _request: Request, **_path: Any) -> Response:
        """Usage of each day, days without work included."""
        given = self.asked(DayFilters)
        found = usage_selectors.usage_by_day(
            account=self.account,
            first=given.get("first_day"),
            last=given.get("last_day"),
            now=timezone.now(),
        )
        return Response(DayUsageSerializer(found, many=True).data)


class CreditEstimateViewSet(TenantViewSet[CreditCostConfig]):
    """What work would cost, before it is started."""

    serializer_class = EstimateSerializer
    action_roles = {"create": Role.VIEWER}  # it changes nothing

    @extend_schema(request=EstimateRequestSerializer, responses={200: EstimateSerializer})
    def create(self, request: Request, **_path: Any) -> Response:
        """Price work by the arithmetic of the charge. Nothing is reserved."""
        form = EstimateRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        works = [
            estimates.Work(work["operation"], work.get("quantities", {}), work["runs"])
            for work in form.validated_data["works"]
        ]
        found = estimates.estimate(account=self.account, works=works, now=timezone.now())
        return Response(EstimateSerializer(found).data)


class CreditPriceView(APIView):
    """The price list."""

    @extend_schema(responses=CreditPriceSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Every price that holds now, by operation."""
        found = selectors.price_list(now=timezone.now())
        return Response(CreditPriceSerializer(found, many=True).data)
