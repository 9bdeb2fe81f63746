"""Managers and the metaclass of tenant models: refuse early, declare the rules, check them."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import structlog
from django.conf import settings
from django.core import checks
from django.db import models
from django.db.models.base import ModelBase

from igny8_core.common.tenancy.constraints import CompositeForeignKey
from igny8_core.common.tenancy.context import HasKey, TenantError, current_account_id

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=models.Model)


class TenantManager(models.Manager[M]):
    """``objects`` of a tenant model: refuses until you say whose rows you want."""

    def get_queryset(self) -> models.QuerySet[M]:
        account_id = current_account_id()
        if account_id is None:
            raise TenantError(f"{self.model.__name__}.objects: whose rows? .for_account(account)")
        return super().get_queryset().filter(account_id=account_id)

    def for_account(self, account: HasKey) -> models.QuerySet[M]:
        """The rows of one account, with the literal filter beside the database's policy."""
        if current_account_id() not in {None, account.pk}:
            raise TenantError(f"account {account.pk} inside another account's block")
        return super().get_queryset().filter(account_id=account.pk)

    def across_accounts(self, *, reason: str) -> models.QuerySet[M]:
        """Every account's rows, as the staff role. Not inside a tenant block."""
        if current_account_id() is not None or not reason:
            raise TenantError("across_accounts: outside tenant blocks only, with a reason")
        log.info("tenancy.across_accounts", model=self.model.__name__, reason=reason)
        return super().get_queryset().using(settings.TENANCY_STAFF_ALIAS)


class TenantModelBase(ModelBase):
    """Adds ``required_constraints`` of the bases to ``Meta``: a child's own list would lose them.

    It must happen before the class exists: migration state reads the original ``Meta``.
    ``staff = "SELECT"`` in the class body opens the table to the staff role.
    """

    def __new__(
        mcs, name: str, bases: tuple[type, ...], attrs: dict[str, Any], **kwargs: Any
    ) -> TenantModelBase:
        meta = attrs.get("Meta")
        if not getattr(meta, "abstract", False):
            required = next(
                (b.required_constraints for b in bases if hasattr(b, "required_constraints")), ()
            )
            options = {
                "constraints": [
                    *getattr(meta, "constraints", ()),
                    *(_for_class(constraint, attrs) for constraint in required),
                ],
                "base_manager_name": "unscoped",
                "default_manager_name": "unscoped",
            }
            attrs["Meta"] = type("Meta", (meta,) if meta else (), options)
        made = super().__new__(mcs, name, bases, attrs, **kwargs)
        return cast("TenantModelBase", made)


def _for_class(constraint: Any, attrs: dict[str, Any]) -> Any:
    """The base's constraint with what the class body says of it (privileges, staff)."""
    wanted = {
        name.removeprefix("tenancy_"): attrs[name]
        for name in ("tenancy_privileges", "tenancy_staff")
        if name in attrs and hasattr(constraint, name.removeprefix("tenancy_"))
    }
    if not wanted:
        return constraint
    _path, args, kwargs = constraint.deconstruct()
    return type(constraint)(*args, **kwargs | wanted)


def aligned(to: str, on_delete: Any = models.CASCADE, **kwargs: Any) -> Any:
    """A relation that a composite key holds: no constraint and no index of its own."""
    return models.ForeignKey(
        to, on_delete, related_name="+", db_constraint=False, db_index=False, **kwargs
    )


def alignment_problems(model: type[models.Model]) -> list[checks.CheckMessage]:
    """Relations to tenant rows that no composite key holds, and many-to-many tables without one."""
    keys = [c for c in model._meta.constraints if isinstance(c, CompositeForeignKey)]
    covered = {name for key in keys for name in key.fields}
    problems: list[checks.CheckMessage] = []
    for field in model._meta.local_fields:
        related = field.related_model if field.is_relation else None
        scoped = field.name == "account" or isinstance(related, TenantModelBase)
        if scoped and (field.name not in covered or getattr(field, "db_constraint", False)):
            hint = "cover it with a CompositeForeignKey and set db_constraint=False"
            problems.append(checks.Error(f"{field} is not aligned", hint=hint, id="tenancy.E001"))
    problems += [
        checks.Error(f"{field} has no account column", hint="use through=", id="tenancy.E002")
        for field in model._meta.local_many_to_many
        if getattr(field.remote_field.through, "_meta").auto_created  # noqa: B009
    ]
    return problems
