"""What the models of the planner share: the keys that hold rows of one sector together."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from igny8_core.common.tenancy.constraints import CompositeForeignKey

SCOPE = ["account", "site", "sector"]
KEYWORD_LENGTH = 255


def scope_key(name: str) -> Any:
    """The unique key that children of a sector's rows refer to."""
    return models.UniqueConstraint(fields=[*SCOPE, "id"], name=name)


def sector_key(name: str, rel: str, message: str, **options: Any) -> Any:
    """``rel`` is a row of the same account, site and sector."""
    return CompositeForeignKey(
        name=name,
        fields=[*SCOPE, rel],
        rel=rel,
        to_fields=[*SCOPE, "id"],
        error_field=rel,
        violation_error_message=message,
        **options,
    )


def optional_choice(field: str, choices: type[models.TextChoices], name: str) -> Any:
    """The CHECK of a choice that may be empty."""
    return models.CheckConstraint(condition=Q(**{f"{field}__in": ["", *choices.values]}), name=name)


def loaded(row: models.Model, relation: str) -> Any:
    """The related row if it is in memory; never a query."""
    field: Any = row._meta.get_field(relation)
    return field.get_cached_value(row, default=None)
