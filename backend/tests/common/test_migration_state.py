"""A migration adds constraints to the model classes it has, and agrees with Django's way."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from django.db import models
from django.db.migrations.operations import AddConstraint, AddIndex, CreateModel
from django.db.migrations.state import ProjectState

from igny8_core.common.tenancy.migration_state import constraints_added_in_place

UNIQUE = models.UniqueConstraint(fields=["name"], name="thing_name_once")
INDEX = models.Index(fields=["name"], name="thing_name")


def migrated(context: Any) -> tuple[ProjectState, bool]:
    """A state after both operations, and whether the model's class is still the same."""
    state = ProjectState()
    fields: list[tuple[str, Any]] = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.TextField()),
    ]
    CreateModel("Thing", fields).state_forwards("igny8_ai", state)
    before = state.apps.get_model("igny8_ai", "thing")
    with context:
        AddConstraint("thing", UNIQUE).state_forwards("igny8_ai", state)
        AddIndex("thing", INDEX).state_forwards("igny8_ai", state)
    return state, state.apps.get_model("igny8_ai", "thing") is before


@pytest.mark.parametrize(
    ("context", "is_same_class"), [(constraints_added_in_place(), True), (nullcontext(), False)]
)
def test_the_state_and_the_class_know_what_was_added(context: Any, is_same_class: bool) -> None:  # noqa: FBT001
    state, kept = migrated(context)

    options = state.models["igny8_ai", "thing"].options
    meta = state.apps.get_model("igny8_ai", "thing")._meta
    assert kept is is_same_class
    assert (options["constraints"], options["indexes"]) == ([UNIQUE], [INDEX])
    assert ([*meta.constraints], [*meta.indexes]) == ([UNIQUE], [INDEX])


def test_django_is_itself_again_afterwards() -> None:
    original = ProjectState._append_option  # type: ignore[attr-defined]  # private

    with constraints_added_in_place():
        assert ProjectState._append_option is not original  # type: ignore[attr-defined]

    assert ProjectState._append_option is original  # type: ignore[attr-defined]
