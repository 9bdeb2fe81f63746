"""Operators' raw tables: always the staff role, which sees every account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib import admin

if TYPE_CHECKING:
    from django.db import models
    from django.db.models import QuerySet
    from django.http import HttpRequest

    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class StaffModelAdmin(ModelAdmin):
    """A model in the operators' admin, read and written as the staff role.

    Reading is all that a tenant's table allows here: changes go through services, which check
    and record them. A subclass of reference data sets ``is_editable``.
    """

    is_editable: ClassVar[bool] = False
    show_full_result_count = False
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:  # noqa: ARG002
        queryset: QuerySet[Any] = self.model._base_manager.using(settings.TENANCY_STAFF_ALIAS).all()
        return queryset.order_by(*(self.ordering or ["-pk"]))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        obj.save(using=settings.TENANCY_STAFF_ALIAS)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:  # noqa: ARG002
        obj.delete(using=settings.TENANCY_STAFF_ALIAS)

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["using"] = settings.TENANCY_STAFF_ALIAS
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(
        self, db_field: models.ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["using"] = settings.TENANCY_STAFF_ALIAS
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.is_editable and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.is_editable and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.is_editable and super().has_delete_permission(request, obj)
