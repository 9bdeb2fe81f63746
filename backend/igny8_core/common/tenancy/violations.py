"""What a refusal of PostgreSQL means in words: the declared constraint knows its message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ValidationError

if TYPE_CHECKING:
    from django.db import IntegrityError

NOT_NULL = "23502"


def violation_of(error: IntegrityError) -> ValidationError | None:
    """The validation error that the violated constraint would have given; None if unknown to us.

    Needs no query, so it works on a transaction that is already lost. Shows no values: PostgreSQL's
    detail, which may hold those of other rows, is left out.
    """
    diagnostic: Any = getattr(error.__cause__, "diag", None)
    model = _model_of(getattr(diagnostic, "table_name", None))
    if model is None:
        return None
    if diagnostic.sqlstate == NOT_NULL and diagnostic.column_name:
        return ValidationError({diagnostic.column_name: "This field is required."})
    for constraint in model._meta.constraints:
        if constraint.name == diagnostic.constraint_name:
            return _in_words(constraint)
    return None


def _model_of(table: str | None) -> Any:
    return next((m for m in apps.get_models() if m._meta.db_table == table), None)


def _in_words(constraint: Any) -> ValidationError:
    field = getattr(constraint, "error_field", None)
    names = list(getattr(constraint, "fields", ()))
    if field is None and names:  # of a unique constraint: the part that is not the scope
        field = names[-1]
        text = f"Another row has the same {_listed(names)}."
        return ValidationError({field: ValidationError(text, code="unique")})
    text = constraint.get_violation_error_message()
    error = ValidationError(text, code=constraint.violation_error_code or constraint.name)
    return ValidationError({field: error}) if field else error


def _listed(names: list[str]) -> str:
    own = [name.replace("_", " ") for name in names if name != "account"]
    return " and ".join(own) or "account"
