"""Accounts, people and reference data, for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth.models import Group

from igny8_core.auth.models import (
    Account,
    ApiKey,
    Impersonation,
    Industry,
    IndustrySector,
    Invitation,
    Membership,
    Plan,
    Sector,
    SeedKeyword,
    Site,
    StatusChange,
    Subscription,
    User,
)
from igny8_core.common.tenancy.admin import StaffModelAdmin

if TYPE_CHECKING:
    from django.http import HttpRequest


@admin.register(Account)
class AccountAdmin(StaffModelAdmin):
    """Read only: its lifecycle stands under ``/ops/accounts/``."""

    list_display = ("id", "name", "slug", "status", "plan", "country_code", "created_at")
    list_select_related = ("plan",)
    list_filter = ("status",)
    search_fields = ("=id", "name__istartswith", "slug__startswith")


@admin.register(User)
class UserAdmin(StaffModelAdmin):
    """A superuser may shut a person out, or make them an operator; nothing else changes here."""

    is_editable = True
    list_display = ("id", "email", "name", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("=id", "email__startswith", "name__istartswith")
    exclude = ("password", "user_permissions")
    filter_horizontal = ("groups",)
    changed_here = frozenset({"is_active", "is_staff", "groups"})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        shown = [*self.opts.concrete_fields, *self.opts.many_to_many]
        kept = {*self.changed_here, *self.get_exclude(request, obj)}
        return [field.name for field in shown if field.name not in kept]

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_superuser = bool(getattr(request.user, "is_superuser", False))
        return is_superuser and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(Group)
class GroupAdmin(StaffModelAdmin):
    """What operators of a kind may see."""

    is_editable = True
    list_display = ("name",)
    search_fields = ("name",)
    filter_horizontal = ("permissions",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_superuser = bool(getattr(request.user, "is_superuser", False))
        return is_superuser and super().has_change_permission(request, obj)


@admin.register(EmailAddress)
class EmailAddressAdmin(StaffModelAdmin):
    list_display = ("email", "user", "primary", "verified")
    list_select_related = ("user",)
    list_filter = ("verified",)
    search_fields = ("email__startswith",)


@admin.register(Membership)
class MembershipAdmin(StaffModelAdmin):
    list_display = ("id", "user", "role", "created_at")
    list_select_related = ("user",)
    list_filter = ("role",)
    search_fields = ("=id", "user__email__startswith")


@admin.register(Site)
class SiteAdmin(StaffModelAdmin):
    list_display = ("id", "name", "domain", "language", "is_active")
    list_filter = ("is_active", "language")
    search_fields = ("=id", "name__istartswith", "domain__startswith")


@admin.register(Sector)
class SectorAdmin(StaffModelAdmin):
    list_display = ("id", "name", "site", "is_active")
    list_select_related = ("site",)
    list_filter = ("is_active",)
    search_fields = ("=id", "=site__id", "name__istartswith")


@admin.register(Plan)
class PlanAdmin(StaffModelAdmin):
    is_editable = True
    list_display = ("code", "name", "price_minor", "currency", "credits_per_period", "is_active")
    search_fields = ("code", "name")


@admin.register(Industry)
class IndustryAdmin(StaffModelAdmin):
    is_editable = True
    list_display = ("name", "slug", "is_active")
    search_fields = ("name",)


@admin.register(IndustrySector)
class IndustrySectorAdmin(StaffModelAdmin):
    is_editable = True
    list_display = ("name", "industry", "is_active")
    list_select_related = ("industry",)
    list_filter = ("industry",)
    search_fields = ("name", "industry__name")


@admin.register(SeedKeyword)
class SeedKeywordAdmin(StaffModelAdmin):
    list_display = ("keyword", "industry_sector", "language", "source")
    list_select_related = ("industry_sector",)
    list_filter = ("source", "language")
    search_fields = ("keyword_norm__startswith",)


@admin.register(Subscription)
class SubscriptionAdmin(StaffModelAdmin):
    list_display = ("id", "plan", "status", "dunning_stage", "current_period_end")
    list_select_related = ("plan",)
    list_filter = ("status", "dunning_stage")
    search_fields = ("=id", "=provider_ref")


@admin.register(Invitation)
class InvitationAdmin(StaffModelAdmin):
    list_display = ("id", "email", "role", "expires_at", "accepted_at", "revoked_at")
    list_filter = ("role",)
    search_fields = ("=id", "email__startswith")


@admin.register(ApiKey)
class ApiKeyAdmin(StaffModelAdmin):
    list_display = ("id", "name", "prefix", "scope", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("scope",)
    search_fields = ("=id", "=prefix", "name__istartswith")


@admin.register(Impersonation)
class ImpersonationAdmin(StaffModelAdmin):
    list_display = ("id", "staff", "role", "reason", "started_at", "ends_at", "ended_at")
    list_select_related = ("staff",)
    list_filter = ("role",)
    search_fields = ("=id", "staff__email__startswith")


@admin.register(StatusChange)
class StatusChangeAdmin(StaffModelAdmin):
    list_display = ("id", "label", "row_id", "source", "target", "actor", "reason", "changed_at")
    search_fields = ("=id", "=label", "=row_id", "=actor")
