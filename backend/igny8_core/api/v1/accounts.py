"""Accounts with their plans, sites and sectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.views import APIView

from igny8_core.api.bodies import Body
from igny8_core.api.filters import Filters, RowId
from igny8_core.api.v1.base import TenantViewSet
from igny8_core.auth import plan_limits, selectors, services
from igny8_core.auth.access import members
from igny8_core.auth.access.entrance import entrance_of
from igny8_core.auth.models import Account, Sector, Site, User
from igny8_core.auth.states import PlanInterval, Role
from igny8_core.business.planning.services.keyword_limit import use_of_keywords
from igny8_core.common.errors import InvalidInput, Refused

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from rest_framework.request import Request

MAX_CREDITS = 2**62 - 1
PLAN_FIELDS = (
    "code",
    "name",
    "price_minor",
    "currency",
    "interval",
    "credits_per_period",
    "rollover_cap",
)


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
            "retention_days",
            "max_credits_per_day",
            "role",
            "credits",
            "credits_held",
            "credits_available",
            "created_at",
        )
        read_only_fields = ("slug", "status", "created_at")


class AccountChanges(Body):
    """What an account's admins set for it; what is not sent stays."""

    name = serializers.CharField(max_length=200, required=False)
    country_code = serializers.CharField(
        max_length=2, required=False, allow_blank=True, help_text="ISO 3166, such as DE; or empty."
    )
    timezone = serializers.CharField(
        max_length=64, required=False, help_text="IANA name, such as Europe/Berlin."
    )
    retention_days = serializers.IntegerField(
        min_value=1, max_value=365, required=False, help_text="How long deleted rows can come back."
    )
    max_credits_per_day = serializers.IntegerField(
        min_value=0,
        max_value=MAX_CREDITS,
        required=False,
        allow_null=True,
        help_text="0 stops spending; null: no cap.",
    )


class ClosingSerializer(Body):
    """The account's short name, so that nobody closes the wrong one."""

    slug = serializers.CharField(max_length=100)


class UseSerializer(serializers.Serializer[Any]):
    """A limit of the plan; null where there is none."""

    limit = serializers.IntegerField(allow_null=True)
    in_use = serializers.IntegerField()


class PlanInUseSerializer(serializers.Serializer[Any]):
    """The account's plan, and what of it is in use; the plan's own fields are null without one."""

    code = serializers.CharField(allow_null=True)
    name = serializers.CharField(allow_null=True)
    price_minor = serializers.IntegerField(allow_null=True)
    currency = serializers.CharField(allow_null=True)
    interval = serializers.ChoiceField(choices=PlanInterval.choices, allow_null=True)
    credits_per_period = serializers.IntegerField(allow_null=True)
    rollover_cap = serializers.IntegerField(allow_null=True)
    sites = UseSerializer(help_text="Active sites.")
    people = UseSerializer(help_text="Members, open invitations included.")
    keywords = UseSerializer(help_text="Keywords that are not deleted.")


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


class SiteChanges(Body):
    """What a site's admins set for it; what is not sent stays."""

    name = serializers.CharField(max_length=200, required=False)
    domain = serializers.CharField(
        max_length=255, required=False, allow_blank=True, help_text="Host name, or empty."
    )
    language = serializers.CharField(
        max_length=8, required=False, help_text="Of what is imported and written from now on."
    )
    country_code = serializers.CharField(max_length=2, required=False, allow_blank=True)
    timezone = serializers.CharField(max_length=64, required=False)
    settings = serializers.DictField(required=False)


class NewSiteSerializer(Body):
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


class NewSectorSerializer(Body):
    """A further sector of a site, from the sectors of its industry."""

    site = RowId(selectors.site, "site_id")
    industry_sector = serializers.SlugField(max_length=100)
    name = serializers.CharField(
        max_length=100, required=False, default="", allow_blank=True, help_text="Empty: its own."
    )


class SectorName(Body):
    """What a sector is called."""

    name = serializers.CharField(max_length=100)


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


class AccountViewSet(TenantViewSet[Account]):
    """The account itself. Reading, leaving and closing work while it is suspended."""

    serializer_class = AccountSerializer
    write_role = Role.ADMIN
    action_roles = {"leave": Role.VIEWER, "close": Role.OWNER}
    suspended_actions = frozenset({"leave", "close"})

    def retrieve(self, _request: Request, **_path: Any) -> Response:
        """The account, what it can spend, and the caller's role in it."""
        return self._answer(self.account)

    @extend_schema(request=AccountChanges, responses=AccountSerializer)
    def partial_update(self, request: Request, **_path: Any) -> Response:
        """Change what is sent."""
        form = AccountChanges(data=request.data)
        form.is_valid(raise_exception=True)
        return self._answer(services.update_account(account=self.account, **form.validated_data))

    @extend_schema(responses=PlanInUseSerializer)
    def plan(self, _request: Request, **_path: Any) -> Response:
        """The plan, and how much of each limit is in use."""
        account, plan = self.account, self.account.plan
        found = {name: getattr(plan, name, None) for name in PLAN_FIELDS}
        found["sites"] = plan_limits.use_of_sites(account=account)
        found["people"] = plan_limits.use_of_people(account=account, now=timezone.now())
        found["keywords"] = use_of_keywords(account=account)
        return Response(PlanInUseSerializer(found).data)

    @extend_schema(request=None, responses={204: None})
    def leave(self, request: Request, **_path: Any) -> Response:
        """Give one's own membership up. 403 for a key or a visit, 409 for the last owner."""
        if not isinstance(request.user, User) or self.is_visit:
            raise Refused("Only a member can leave.")
        members.leave_account(account=self.account, person=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=ClosingSerializer, responses=AccountSerializer)
    def close(self, request: Request, **_path: Any) -> Response:
        """End the account for good: nobody enters it any more, and its keys stop working."""
        form = ClosingSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        if form.validated_data["slug"] != self.account.slug:
            text = "This is not the account's short name."
            raise InvalidInput("The account stays open.", slug=[text])
        closed = services.close_account(
            account=self.account, reason="closed by its owner", now=timezone.now()
        )
        return self._answer(closed)

    def _answer(self, account: Account) -> Response:
        account.role = self.role  # type: ignore[attr-defined]  # only for the answer
        return Response(AccountSerializer(account).data)


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

    @extend_schema(request=SiteChanges, responses=SiteSerializer)
    def partial_update(self, request: Request, pk: str, **_path: Any) -> Response:
        """Change what is sent. The industry stays: sectors and keywords hang on it."""
        form = SiteChanges(data=request.data)
        form.is_valid(raise_exception=True)
        site = services.update_site(account=self.account, site_id=int(pk), **form.validated_data)
        return Response(self.get_serializer(site).data)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Remove a site for good. 409 while it holds any work; put it to rest instead."""
        services.delete_site(account=self.account, site_id=int(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=SiteSerializer)
    @action(detail=True, methods=["post"])
    def rest(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Put a site to rest: it starts no run and does not count against the plan."""
        return self._set_active(pk, is_active=False)

    @extend_schema(request=None, responses=SiteSerializer)
    @action(detail=True, methods=["post"])
    def wake(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Wake a site up. 403 when the plan allows no more."""
        return self._set_active(pk, is_active=True)

    def _set_active(self, pk: str, *, is_active: bool) -> Response:
        site = services.set_site_active(account=self.account, site_id=int(pk), is_active=is_active)
        return Response(self.get_serializer(site).data)


class SectorViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, TenantViewSet[Sector]):
    """Sectors of the account's sites."""

    serializer_class = SectorSerializer
    filters_class = SectorFilters
    write_role = Role.ADMIN
    orders = {"name": "name", "id": "pk"}

    def get_queryset(self) -> QuerySet[Sector]:
        return selectors.account_sectors(account=self.account, **self.filters)

    @extend_schema(request=NewSectorSerializer, responses={201: SectorSerializer})
    def create(self, request: Request, **_path: Any) -> Response:
        """Add a sector to a site. 409 when the site has it."""
        form = NewSectorSerializer(data=request.data, context=self.get_serializer_context())
        form.is_valid(raise_exception=True)
        sector = services.add_sector(
            account=self.account,
            site_id=form.validated_data["site"].pk,
            sector_slug=form.validated_data["industry_sector"],
            name=form.validated_data["name"],
        )
        return Response(self.get_serializer(sector).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=SectorName, responses=SectorSerializer)
    def partial_update(self, request: Request, pk: str, **_path: Any) -> Response:
        """Give a sector another name."""
        form = SectorName(data=request.data)
        form.is_valid(raise_exception=True)
        sector = services.rename_sector(
            account=self.account, sector_id=int(pk), name=form.validated_data["name"]
        )
        return Response(self.get_serializer(sector).data)

    @extend_schema(request=None, responses=SectorSerializer)
    @action(detail=True, methods=["post"])
    def rest(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Put a sector to rest: runs leave it alone. 409 for the site's last active one."""
        return self._set_active(pk, is_active=False)

    @extend_schema(request=None, responses=SectorSerializer)
    @action(detail=True, methods=["post"])
    def wake(self, _request: Request, pk: str, **_path: Any) -> Response:
        """Wake a sector up."""
        return self._set_active(pk, is_active=True)

    def _set_active(self, pk: str, *, is_active: bool) -> Response:
        sector = services.set_sector_active(
            account=self.account, sector_id=int(pk), is_active=is_active
        )
        return Response(self.get_serializer(sector).data)
