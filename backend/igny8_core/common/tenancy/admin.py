"""Operators' raw tables: always the staff role, which sees every account, and never a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.contrib import admin
from django.core.paginator import Paginator
from django.db import models
from django.utils.functional import cached_property

from igny8_core.common.tenancy.managers import TenantModelBase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet
    from django.http import HttpRequest

    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

HIDDEN_FIELDS = frozenset(
    {
        "answer",
        "body",
        "credentials",
        "password",
        "payload",
        "sealed_key",
        "secret_hash",
        "session_key",
        "token_hash",
    }
)
"""Columns that no operator's page shows, whatever the model: secrets, their hashes, raw answers."""

COUNTED_ROWS = 10_000
OWNER = "account_of_row"
MAX_ID_DIGITS = 18
_FIXED = (models.BooleanField, models.IntegerField, models.DateTimeField)


class OperatorsSite(admin.AdminSite):
    """Only tables that were written for operators.

    Other packages' own pages know no roles, and show second factors and sessions.
    """

    site_title = site_header = "IGNY8 operators"
    site_url = "/ops/act/"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        if admin_class is not None and issubclass(admin_class, StaffModelAdmin):
            super().register(model_or_iterable, admin_class, **options)


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # of any row
    """Counts no further than a person would page: a full count of a large table takes seconds."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNTED_ROWS].count())


class AccountFilter(admin.ListFilter):
    """One account, by its number or short name: typed, so that no list of accounts is shown."""

    title = "account"
    template = "operators/account_filter.html"
    parameter = "account"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.value = (params.pop(self.parameter, None) or [""])[-1].strip()

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [self.parameter]

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        given = self.request.GET.lists()
        yield {
            "name": self.parameter,
            "value": self.value,
            "others": [(k, v) for k, vs in given for v in vs if k not in {self.parameter, "p"}],
            "without": changelist.get_query_string(remove=[self.parameter]),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if not self.value:
            return queryset
        is_number = self.value.isascii() and self.value.isdigit()
        if is_number and len(self.value) <= MAX_ID_DIGITS:
            return queryset.filter(account_id=int(self.value))
        return queryset.filter(account__slug=self.value)


class StaffModelAdmin(ModelAdmin):
    """A model in the operators' admin, read and written as the staff role.

    Reading is all that a tenant's table allows here: changes go through services, which check
    and record them. A subclass of reference data sets ``is_editable``. A tenant's table shows the
    account of each row and is narrowed to one account; nothing offers rows of several accounts
    to choose from.
    """

    is_editable: ClassVar[bool] = False
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = CappedPaginator
    list_per_page = 50
    formfield_overrides: ClassVar[dict[Any, Any]] = {models.URLField: {"assume_scheme": "https"}}

    @property
    def is_tenant(self) -> bool:
        """Whether the rows belong to accounts."""
        return isinstance(self.model, TenantModelBase)

    @admin.display(description="Account")
    def account_of_row(self, row: Any) -> str:
        """Number and name of the account."""
        return f"{row.account_id} · {row.account}"

    def get_list_display(self, request: HttpRequest) -> Any:
        names = [n for n in super().get_list_display(request) if n not in {"account", "account_id"}]
        return [names[0], OWNER, *names[1:]] if self.is_tenant else names

    def get_list_filter(self, request: HttpRequest) -> Any:
        wanted = super().get_list_filter(request)
        if not self.is_tenant:
            return wanted
        # A filter on free text would offer what every account has written there.
        return [AccountFilter, *(name for name in wanted if self._has_fixed_values(name))]

    def _has_fixed_values(self, name: Any) -> bool:
        field: Any = self.opts.get_field(name) if isinstance(name, str) else None
        return field is None or bool(field.choices) or isinstance(field, _FIXED)

    def get_list_select_related(self, request: HttpRequest) -> Any:
        wanted = super().get_list_select_related(request)
        names = [] if isinstance(wanted, bool) else [n for n in wanted if n != "account"]
        return [*names, "account"] if self.is_tenant else names

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> Any:
        hidden = [f.name for f in self.opts.get_fields() if f.name in HIDDEN_FIELDS]
        return [*(super().get_exclude(request, obj) or ()), *hidden]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Columns that no form would show, too: an operator looks for what happened."""
        wanted = [*super().get_readonly_fields(request, obj)]
        unseen = [
            f.name
            for f in self.opts.concrete_fields
            if not f.editable and f.name not in {*wanted, *self.get_exclude(request, obj)}
        ]
        return [*wanted, *unseen]

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
        return self._may_edit and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_edit and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_edit and super().has_delete_permission(request, obj)

    @property
    def _may_edit(self) -> bool:
        return self.is_editable and not self.is_tenant
