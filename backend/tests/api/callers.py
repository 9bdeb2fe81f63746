"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.test import Client

from igny8_core.auth.states import Role
from tests import make

if TYPE_CHECKING:
    from igny8_core.auth.models import Account


def client_of(account: Account, role: Role) -> Client:
    """A browser in which a new member with this role is signed in."""
    client = Client()
    client.force_login(make.member(account, role))
    return client


@dataclass(frozen=True)
class Api:
    """The API of one account, as somebody who is signed in asks it. Addresses are below it."""

    account: Account
    client: Client

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(self._address(path), query)

    def post(self, path: str, body: Any = None, *, key: str = "") -> Any:
        """:param key: the Idempotency-Key; every request has one of its own unless it is named."""
        return self.client.post(
            self._address(path),
            {} if body is None else body,
            content_type="application/json",
            headers={"Idempotency-Key": key or uuid4().hex},
        )

    def patch(self, path: str, body: Any) -> Any:
        return self.client.patch(self._address(path), body, content_type="application/json")

    def delete(self, path: str) -> Any:
        return self.client.delete(self._address(path))

    def upload(self, path: str, **fields: Any) -> Any:
        return self.client.post(self._address(path), fields)

    def ids(self, path: str, **query: Any) -> list[int]:
        """The ids of a list's first page, in its order."""
        return [row["id"] for row in self.get(path, **query).json()["results"]]

    def _address(self, path: str) -> str:
        return f"/api/v1/accounts/{self.account.pk}/{path}"


def api(account: Account, role: Role = Role.EDITOR) -> Api:
    """A new member of the account, who asks."""
    return Api(account, client_of(account, role))
