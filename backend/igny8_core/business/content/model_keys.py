"""What the models of the writer share: the keys that hold rows of one sector together."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from igny8_core.common.tenancy.constraints import CompositeForeignKey

SCOPE = ["account", "site", "sector"]
KEY = [*SCOPE, "id"]


def within_sector(name: str, relation: str, message: str, **options: Any) -> CompositeForeignKey:
    """The key that holds a relation inside its account, site and sector."""
    return CompositeForeignKey(
        name=name,
        fields=[*SCOPE, relation],
        rel=relation,
        to_fields=KEY,
        error_field=relation,
        violation_error_message=message,
        **options,
    )


def child_index(relation: str, name: str) -> models.Index:
    """The rows of one parent, deleted or not: for filters, and for what the key checks."""
    linked = Q(**{f"{relation}__isnull": False})
    return models.Index(fields=["account", relation], condition=linked, name=name)
