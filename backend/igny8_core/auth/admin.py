"""Accounts, people and reference data, for operators."""

from __future__ import annotations

from django.contrib import admin

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
    Subscription,
    User,
)
from igny8_core.common.tenancy.admin import StaffModelAdmin


@admin.register(Account)
class AccountAdmin(StaffModelAdmin):
    list_display = ("id", "name", "slug", "status", "plan", "created_at")
    list_select_related = ("plan",)
    list_filter = ("status",)
    search_fields = ("name", "slug")


@admin.register(User)
class UserAdmin(StaffModelAdmin):
    list_display = ("id", "email", "name", "is_active", "is_staff", "last_login")
    search_fields = ("email", "name")
    exclude = ("password",)


@admin.register(Membership)
class MembershipAdmin(StaffModelAdmin):
    list_display = ("id", "account", "user", "role")
    list_select_related = ("account", "user")


@admin.register(Site)
class SiteAdmin(StaffModelAdmin):
    list_display = ("id", "name", "account", "domain", "language", "is_active")
    list_select_related = ("account",)
    search_fields = ("name", "domain")


@admin.register(Sector)
class SectorAdmin(StaffModelAdmin):
    list_display = ("id", "name", "site", "account", "is_active")
    list_select_related = ("account", "site")


@admin.register(Plan)
class PlanAdmin(StaffModelAdmin):
    is_editable = True
    list_display = ("code", "name", "price_minor", "currency", "credits_per_period", "is_active")


@admin.register(Industry)
class IndustryAdmin(StaffModelAdmin):
    is_editable = True
    list_display = ("name", "slug", "is_active")


@admin.register(IndustrySector)
class IndustrySectorAdmin(StaffModelAdmin):
    is_editable = True
    list_display = ("name", "industry", "is_active")
    list_select_related = ("industry",)
    list_filter = ("industry",)


@admin.register(SeedKeyword)
class SeedKeywordAdmin(StaffModelAdmin):
    list_display = ("keyword", "industry_sector", "language")
    list_select_related = ("industry_sector",)
    search_fields = ("keyword_norm",)


@admin.register(Subscription)
class SubscriptionAdmin(StaffModelAdmin):
    list_display = ("id", "account", "plan", "status", "current_period_end")
    list_select_related = ("account", "plan")


@admin.register(Invitation)
class InvitationAdmin(StaffModelAdmin):
    list_display = ("id", "account", "email", "role", "expires_at", "accepted_at", "revoked_at")
    list_select_related = ("account",)
    exclude = ("token_hash",)


@admin.register(ApiKey)
class ApiKeyAdmin(StaffModelAdmin):
    list_display = ("id", "account", "name", "scope", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("account",)
    exclude = ("secret_hash",)


@admin.register(Impersonation)
class ImpersonationAdmin(StaffModelAdmin):
    list_display = ("id", "account", "staff", "role", "reason", "started_at", "ends_at", "ended_at")
    list_select_related = ("account", "staff")
