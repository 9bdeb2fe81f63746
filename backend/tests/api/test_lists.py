"""Lists show exactly what their serializers would, row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from rest_framework import serializers

from igny8_core.api.lists import RowList, show_instant
from igny8_core.auth.models import Site
from tests import make
from tests.common.isolation import tenant_models
from tests.routes.addresses import api_routes
from tests.routes.world import make_world

if TYPE_CHECKING:
    from tests.routes.addresses import Route

pytestmark = pytest.mark.django_db(databases=["default", "admin"])


def lists() -> list[Route]:
    return [r for r in api_routes() if ("get", "list") in r.actions]


def test_every_list_shows_what_its_serializer_would() -> None:
    world, shown = make_world(), {}

    for route in lists():
        if route.model not in world.mine:  # of no account
            continue
        view = route.view(action="list", action_map={"get": "list"})
        kind, row = view.get_serializer_class(), world.mine[route.model]
        context = {"view": SimpleNamespace(account=world.account), "request": None}
        row.refresh_from_db()
        slow = kind(row, context=context).data
        (quick,) = RowList([row], child=kind(context=context), context=context).data
        shown[route.path] = (list(quick.items()), list(dict(slow).items()))

    assert {path: both for path, both in shown.items() if both[0] != both[1]} == {}
    assert len(shown) >= 10
    assert len(tenant_models()) > len(shown) // 2


class Odd(serializers.ModelSerializer[Site]):
    """Fields that are not just a column of their type."""

    as_text = serializers.CharField(source="pk")
    line = serializers.SlugField(source="industry.slug")
    missing = serializers.CharField(source="industry.nothing", default="-")
    day = serializers.DateTimeField(source="created_at", format="%Y")
    asked = serializers.SerializerMethodField()
    secret = serializers.CharField(source="name", write_only=True)

    class Meta:
        model = Site
        fields = ("id", "as_text", "line", "missing", "day", "asked", "secret", "account")
        read_only_fields = ("account",)

    def get_asked(self, row: Site) -> str:
        return f"{self.context['who']} asks for {row.slug}"


@pytest.mark.parametrize("who", ["Anna", "Ben"])
def test_what_is_no_column_is_asked_of_its_field(who: str) -> None:
    rows = [make.site(make.account()) for _ in range(2)]
    context = {"who": who}

    found: Any = RowList(rows, child=Odd(context=context), context=context).data

    assert found == Odd(rows, many=True, context=context).data
    assert [row["asked"] for row in found] == [f"{who} asks for {row.slug}" for row in rows]
    assert {"as_text": str(rows[0].pk), "missing": "-"}.items() <= found[0].items()
    assert "secret" not in found[0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=UTC), "2026-01-02T03:04:05.000600Z"),
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:00:00Z"),
    ],
)
def test_instants_are_shown_in_utc(value: datetime, text: str) -> None:
    assert show_instant(value) == text
    assert serializers.DateTimeField().to_representation(value) == text
