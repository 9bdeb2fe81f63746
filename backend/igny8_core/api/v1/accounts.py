"""Accounts, sites and sectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.response import Response
from rest_framework.views import APIView

from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.auth import selectors, services
from igny8_core.auth.access.entrance import entrance_of
from igny8_core.auth.models import Account, Sector, Site
from igny8_core.auth.states import Role

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request


class AccountSerializer(serializers.ModelSerializer[Account]):
    """An account with what it can spend."""

    role = serializers.ChoiceField(choices=Role.choices, read_only=True)
    plan = serializers.CharField(source="plan.code", read_only=True, allow_null=True)
    credits = serializers.IntegerField(read_only=True)
    credits_held = serializers.IntegerField(read_only=True)
    credits_available = serializers.IntegerField(read_only=True)

    class Meta:
        model = Account
        fields = (
            "id",
            "name",
            "slug",
            "status",
            "plan",
            "country_code",
            "timezone",
            "role",
            "credits",
            "credits_held",
            "credits_available",
            "created_at",
        )
        read_only_fields = ("slug", "status", "created_at")


class SiteSerializer(serializers.ModelSerializer[Site]):
    """A website that content is made for."""

    industry = serializers.SlugField(source="industry.slug", read_only=True)

    class Meta:
        model = Site
        fields = (
            "id",
            "name",
            "slug",
            "domain",
            "industry",
            "language",
            "country_code",
            "timezone",
            "is_active",
            "settings",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("slug", "created_at", "updated_at")


class NewSiteSerializer(serializers.Serializer[Any]):
    """What the site wizard asks for."""

    name = serializers.CharField(max_length=200)
    industry = serializers.SlugField(max_length=100)
    sectors = serializers.ListField(
        child=serializers.SlugField(max_length=100), min_length=1, max_length=50
    )
    domain = serializers.CharField(max_length=255, required=False, default="", allow_blank=True)
    language = serializers.CharField(max_length=8, required=False, default="en")


class SectorSerializer(serializers.ModelSerializer[Sector]):
    """A topic area of a site."""

    industry_sector = serializers.SlugField(source="industry_sector.slug", read_only=True)

    class Meta:
        model = Sector
        fields = ("id", "site", "name", "slug", "industry_sector", "is_active", "created_at")
        read_only_fields = fields


class SectorFilters(Filters):
    """Narrows sectors down."""

    site = RowId(selectors.site, "site_id", required=False)
    is_active = serializers.BooleanField(required=False)


class AccountListView(APIView):
    """The accounts of the caller."""

    @extend_schema(responses=AccountSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Every account that the caller belongs to, with the role in it."""
        found = []
        for account_id, role in entrance_of(request, now=timezone.now()).roles.items():
            account = selectors.account(account_id)
            account.role = role  # type: ignore[attr-defined]  # only for the answer
            found.append(account)
        return Response(AccountSerializer(found, many=True).data)


class SiteViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[Site]):
    """Sites of the account."""

    serializer_class = SiteSerializer
    write_role = Role.ADMIN
    orders = {"name": "name", "id": "pk"}

    def get_queryset(self) -> QuerySet[Site]:
        return selectors.sites(account=self.account).select_related("industry")

    @extend_schema(request=NewSiteSerializer, responses={201: SiteSerializer})
    def create(self, request: Request, **_path: Any) -> Response:
        """Create a site with its sectors. 403 when the plan allows no more."""
        form = NewSiteSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        site = services.create_site(
            account=self.account,
            name=data["name"],
            industry_slug=data["industry"],
            sector_slugs=data["sectors"],
            domain=data["domain"],
            language=data["language"],
        )
        return Response(self.get_serializer(site).data, status=status.HTTP_201_CREATED)


class SectorViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[Sector]):
    """Sectors of the account's sites."""

    serializer_class = SectorSerializer
    filters_class = SectorFilters
    orders = {"name": "name", "id": "pk"}

    def get_queryset(self) -> QuerySet[Sector]:
        return selectors.account_sectors(account=self.account, **self.filters)
