"""A misaligned row is impossible, whoever brings it in and however."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from igny8_core.business.content.models import Tasks
from tests.common.alignment import (
    FOREIGN_KEY,
    NOT_YOURS,
    bulk_create,
    copy_in,
    insert,
    is_written_by_functions,
    logged_in_as,
    models_with_keys,
    valid_row,
)

pytestmark = pytest.mark.django_db

WRITABLE = [model for model in models_with_keys() if not is_written_by_functions(model)]
BY_FUNCTIONS = [model for model in models_with_keys() if is_written_by_functions(model)]


def _name(model: Any) -> str:
    return str(model.__name__)


@pytest.mark.parametrize("role", ["runtime", "owner"])
@pytest.mark.parametrize("model", WRITABLE, ids=_name)
def test_every_misaligned_row_is_refused_in_raw_sql(model: Any, role: str) -> None:
    with valid_row(model) as (values, wrong), logged_in_as(role):
        control = insert(model, values)
        answers = {row.name: insert(model, row.values) for row in wrong}

    assert control == 1
    assert answers
    assert {name for name, answer in answers.items() if answer not in {FOREIGN_KEY, NOT_YOURS}} == (
        set()
    )


@pytest.mark.parametrize("model", WRITABLE, ids=_name)
def test_the_keys_hold_for_copy_and_for_bulk_create_by_the_superuser(model: Any) -> None:
    with valid_row(model) as (values, wrong), logged_in_as("superuser"):
        controls = (copy_in(model, values), bulk_create(model, values))
        answers = {
            row.name: (copy_in(model, row.values), bulk_create(model, row.values)) for row in wrong
        }

    assert controls == (1, 1)
    assert {name: answer for name, answer in answers.items() if set(answer) != {FOREIGN_KEY}} == {}


@pytest.mark.parametrize("model", BY_FUNCTIONS, ids=_name)
def test_rows_that_functions_and_triggers_write_are_refused_to_everybody_else(model: Any) -> None:
    with valid_row(model) as (values, wrong):
        with logged_in_as("runtime"):
            valid = insert(model, values)
            runtime = {row.name: insert(model, row.values) for row in wrong}
        with logged_in_as("owner"):
            owner = {row.name: insert(model, row.values) for row in wrong}

    assert valid == NOT_YOURS
    assert set(runtime.values()) == {NOT_YOURS}
    assert [name for name, answer in owner.items() if not isinstance(answer, str)] == []


def test_without_its_key_a_misaligned_row_comes_in() -> None:
    with valid_row(Tasks) as (_, wrong), logged_in_as("superuser"):
        (row,) = [w for w in wrong if w.name == "tasks_cluster: cluster of elsewhere"]
        before = insert(Tasks, row.values)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE content_tasks DROP CONSTRAINT tasks_cluster")
        after = insert(Tasks, row.values)

    assert (before, after) == (FOREIGN_KEY, 1)
