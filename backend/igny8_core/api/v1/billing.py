"""Plans, packages, ways to pay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.views import APIView

from igny8_core.api.bodies import Body, StrictTypes
from igny8_core.api.filters import Filters
from igny8_core.api.v1.base import TenantViewSet, idempotency_key
from igny8_core.auth.models import Plan
from igny8_core.auth.states import Role
from igny8_core.business.billing import selectors
from igny8_core.business.billing.models import (
    AccountPaymentMethod,
    CreditPackage,
    PaymentMethodConfig,
)
from igny8_core.business.billing.services import cards, payment_methods
from igny8_core.business.billing.states import PaymentMethod
from igny8_core.common.money import share

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


# --- what is for sale


class PlanSerializer(serializers.ModelSerializer[Plan]):
    """What an account pays for in each period, and its limits."""

    class Meta:
        model = Plan
        fields = (
            "code",
            "name",
            "price_minor",
            "currency",
            "interval",
            "credits_per_period",
            "rollover_cap",
            "trial_days",
            "trial_credits",
            "max_sites",
            "max_users",
            "max_keywords",
        )
        read_only_fields = fields


class CreditPackageSerializer(serializers.ModelSerializer[CreditPackage]):
    """Credits that are bought once; prices are net."""

    discounted_price_minor = serializers.IntegerField(read_only=True)
    price_per_1000_minor = serializers.SerializerMethodField(
        help_text="What 1,000 of its credits cost, rounded."
    )

    class Meta:
        model = CreditPackage
        fields = (
            "id",
            "name",
            "slug",
            "credits",
            "price_minor",
            "discount_bp",
            "discounted_price_minor",
            "price_per_1000_minor",
            "currency",
            "is_featured",
            "description",
            "features",
        )
        read_only_fields = fields

    def get_price_per_1000_minor(self, row: CreditPackage) -> int:
        return share(row.discounted_price_minor, 1_000, row.credits)


class PlanView(APIView):
    """Plans that are offered."""

    @extend_schema(responses=PlanSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Plans that are offered, cheapest first."""
        return Response(PlanSerializer(selectors.plans(), many=True).data)


class CreditPackageView(APIView):
    """Packages of credits that are offered."""

    @extend_schema(responses=CreditPackageSerializer(many=True))
    def get(self, _request: Request) -> Response:
        """Packages of credits that are offered, featured ones first."""
        return Response(CreditPackageSerializer(selectors.credit_packages(), many=True).data)


# --- ways to pay


class PaymentOptionSerializer(serializers.ModelSerializer[PaymentMethodConfig]):
    """A way to pay that is offered in a country, with what the payer needs to know."""

    class Meta:
        model = PaymentMethodConfig
        fields = (
            "id",
            "country_code",
            "payment_method",
            "display_name",
            "instructions",
            "bank_name",
            "account_holder",
            "iban",
            "swift",
            "wallet_type",
            "wallet_id",
        )
        read_only_fields = fields


class CountryFilters(Filters):
    """Another country than the account's."""

    country = serializers.RegexField("^[A-Z]{2}$", required=False)


class PaymentOptionViewSet(mixins.ListModelMixin, TenantViewSet[PaymentMethodConfig]):
    """Ways to pay that are offered in the account's country."""

    serializer_class = PaymentOptionSerializer
    filters_class = CountryFilters
    read_role = Role.ADMIN

    def get_queryset(self) -> QuerySet[PaymentMethodConfig]:
        country = self.filters.get("country") or self.account.country_code
        return selectors.offered_methods(country_code=country)


class PaymentMethodSerializer(StrictTypes, serializers.ModelSerializer[AccountPaymentMethod]):
    """How the account pays; never a card's or a bank account's number."""

    country_code = serializers.RegexField("^([A-Z]{2})?$", required=False)
    is_card = serializers.SerializerMethodField(help_text="A card that a provider keeps.")

    class Meta:
        model = AccountPaymentMethod
        fields = (
            "id",
            "type",
            "display_name",
            "country_code",
            "instructions",
            "is_default",
            "is_enabled",
            "is_verified",
            "is_card",
            "created_at",
            "updated_at",
        )
        read_only_fields: tuple[str, ...] = (
            "type",
            "is_default",
            "is_verified",
            "created_at",
            "updated_at",
        )

    def get_is_card(self, row: AccountPaymentMethod) -> bool:
        return bool(row.provider_ref)


class NewPaymentMethodSerializer(Body):
    """A way to pay that is offered in the country."""

    type = serializers.ChoiceField(PaymentMethod.choices)
    display_name = serializers.CharField(max_length=100)
    country_code = serializers.RegexField("^([A-Z]{2})?$", required=False, default="")
    instructions = serializers.CharField(
        max_length=2_000, required=False, default="", allow_blank=True
    )


class CardPageSerializer(Body):
    """Who is to keep the card."""

    provider = serializers.ChoiceField(
        [PaymentMethod.STRIPE.value], required=False, default=PaymentMethod.STRIPE.value
    )


class CardPageUrlSerializer(serializers.Serializer[Any]):
    """Where a card is saved."""

    url = serializers.CharField(read_only=True)


class PaymentMethodViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[AccountPaymentMethod]
):
    """How the account pays."""

    serializer_class = PaymentMethodSerializer
    read_role = write_role = Role.ADMIN
    open_actions = frozenset({"destroy", "make_default", "card_page", "refresh_cards"})
    spending_actions: ClassVar[frozenset[str]] = frozenset({"card_page"})
    suspended_actions = frozenset({"card_page", "refresh_cards", "make_default"})

    def get_queryset(self) -> QuerySet[AccountPaymentMethod]:
        return selectors.account_payment_methods(account=self.account)

    @extend_schema(request=NewPaymentMethodSerializer, responses={201: PaymentMethodSerializer})
    def create(self, request: Request, **_path: Any) -> Response:
        """Remember a way to pay; the first one is the default. 409 when the name is taken."""
        form = NewPaymentMethodSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        row = payment_methods.add_payment_method(account=self.account, **form.validated_data)
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=PaymentMethodSerializer, responses=PaymentMethodSerializer)
    def partial_update(self, request: Request, pk: str, **_path: Any) -> Response:
        """Change its words, or switch it on or off. 409 when the name is taken."""
        row = payment_methods.payment_method(account=self.account, method_id=int(pk))
        form = self.get_serializer(row, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        row = payment_methods.change_payment_method(
            account=self.account, method_id=int(pk), changes=form.validated_data
        )
        return Response(self.get_serializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Forget it, a card at its provider too. The oldest one takes its place as the default."""
        cards.forget_card(account=self.account, method_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=PaymentMethodSerializer)
    @action(detail=True, methods=["post"], url_path="make-default")
    def make_default(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Pay with this one from now on. 409 when it is switched off."""
        row = cards.use_card(account=self.account, method_id=int(pk))
        return Response(self.get_serializer(row).data)

    @extend_schema(request=CardPageSerializer, responses={201: CardPageUrlSerializer})
    @action(detail=False, methods=["post"], url_path="card-page")
    def card_page(self, request: Request, **_path: Any) -> Response:
        """A page of the provider's on which a card is saved; its number never comes here."""
        url = cards.card_page(
            account=self.account,
            provider=self.body_apart(CardPageSerializer)["provider"],
            idempotency_key=idempotency_key(request),
        )
        return Response(CardPageUrlSerializer({"url": url}).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=CardPageSerializer, responses=PaymentMethodSerializer(many=True))
    @action(detail=False, methods=["post"], url_path="refresh-cards", pagination_class=None)
    def refresh_cards(self, _request: Request, **_path: Any) -> Response:
        """Ask the provider for the cards that it keeps: for the page that one returns to."""
        rows = cards.follow_cards(
            account=self.account, provider=self.body_apart(CardPageSerializer)["provider"]
        )
        return Response(self.get_serializer(rows, many=True).data)
