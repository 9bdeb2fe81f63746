"""Requests below an account, and how many queries a list takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from igny8_core.auth.states import Role
from tests.api.callers import client_of
from tests.make import unique

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from igny8_core.auth.models import Account


@dataclass
class Api:
    """Somebody with a role in the account, asking."""

    account: Account
    client: Client

    def url(self, path: str) -> str:
        return f"/api/v1/accounts/{self.account.pk}/{path}"

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(self.url(path), query)

    def ids(self, path: str, **query: Any) -> list[int]:
        """Of the rows of a list."""
        return [row["id"] for row in self.get(path, **query).json()["results"]]

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> Any:
        """A POST with an idempotency key of its own; ``key=""`` sends none."""
        key = unique("key") if key is None else key
        headers = {"Idempotency-Key": key} if key else {}
        return self.client.post(
            self.url(path), body or {}, content_type="application/json", headers=headers
        )

    def patch(self, path: str, body: Any) -> Any:
        return self.client.patch(self.url(path), body, content_type="application/json")

    def delete(self, path: str) -> Any:
        return self.client.delete(self.url(path))


def api_of(account: Account, role: Role = Role.OWNER) -> Api:
    """The API for a new member with this role."""
    return Api(account, client_of(account, role))


def count_queries(api: Api, path: str) -> int:
    """Of one list."""
    with CaptureQueriesContext(connection) as found:
        assert api.get(path).status_code == 200
    return len(found)


def assert_constant(api: Api, path: str, add: Callable[[], object], rows: int = 8) -> None:
    """A list takes the same queries however many rows it shows."""
    add()
    api.get(path)  # caches of the process
    few = count_queries(api, path)
    for _ in range(rows):
        add()
    many = count_queries(api, path)
    assert len(api.get(path).json()["results"]) > rows
    assert many == few
