"""Rows of which columns are left out are what Django would make of them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from igny8_core.auth.models import Site
from tests import make

pytestmark = pytest.mark.django_db


def test_what_was_read_is_there_and_the_rest_is_read_when_asked() -> None:
    made = make.site(make.account(), domain="example.com", settings={"a": 1})

    for rows in (Site.unscoped.only("name"), Site.unscoped.defer("settings", "domain")):
        row = rows.get(pk=made.pk)
        with CaptureQueriesContext(connection) as seen:
            assert (row.pk, row.name) == (made.pk, made.name)
        assert len(seen) == 0
        assert {"settings", "domain"} <= row.get_deferred_fields()
        with CaptureQueriesContext(connection) as seen:
            assert (row.settings, row.domain) == ({"a": 1}, "example.com")
        assert len(seen) == 2


@pytest.mark.parametrize("names", [["id"], ["id", "slug", "account_id"], ["slug", "id"]])
def test_a_row_is_what_django_makes_of_it(names: list[str]) -> None:
    made = make.site(make.account())
    read = [field.attname for field in Site._meta.concrete_fields if field.attname in names]
    values = [getattr(made, name) for name in read]

    quick = Site.from_db("default", read, values)
    slow = Model.from_db.__func__(Site, "default", read, values)  # type: ignore[attr-defined]

    assert vars(quick).keys() == vars(slow).keys()
    assert [getattr(quick, name) for name in read] == values
    assert quick.get_deferred_fields() == slow.get_deferred_fields()
    assert (quick._state.adding, quick._state.db) == (False, "default")
