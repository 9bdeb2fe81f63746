"""What a model's own fields refuse, as a refusal of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError

from igny8_core.common.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.db.models import Model


def check_row(row: Model, *, exclude: Collection[str]) -> None:
    """Hold a row's values against what its model declares.

    :param exclude: fields that are not looked at.
    :raises InvalidInput: by field.
    """
    try:
        row.clean_fields(exclude=exclude)
    except ValidationError as exc:
        raise as_invalid_input(exc) from exc


def as_invalid_input(exc: ValidationError) -> InvalidInput:
    """The messages of a ``clean_fields``, by field."""
    if not hasattr(exc, "error_dict"):
        return InvalidInput("Some values are not accepted.", values=list(exc.messages))
    found = {name: list(messages) for name, messages in exc.message_dict.items()}
    others = found.pop("__all__", [])
    return InvalidInput(
        "Some values are not accepted.", **found, **({"values": others} if others else {})
    )
