"""Requests to the planner's addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.auth.states import Role
from tests.api.callers import client_of

if TYPE_CHECKING:
    from igny8_core.auth.models import Account


class Asker:
    """A member of an account who asks for planner rows."""

    def __init__(self, account: Account, role: Role = Role.EDITOR) -> None:
        self.client, self.base = client_of(account, role), f"/api/v1/accounts/{account.pk}/"

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(self.base + path, query)

    def ids(self, path: str, **query: Any) -> list[int]:
        """Ids of a list, page by page, each page of two rows."""
        found: list[int] = []
        query.setdefault("page_size", 2)
        while True:
            answer = self.get(path, **query)
            assert answer.status_code == 200, answer.content
            found += [row["id"] for row in answer.json()["results"]]
            if answer.json()["next_cursor"] is None:
                return found
            query["cursor"] = answer.json()["next_cursor"]

    def post(self, path: str, body: Any = None, key: str = "") -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        return self.client.post(
            self.base + path, body or {}, content_type="application/json", headers=headers
        )

    def upload(self, path: str, key: str = "", **fields: Any) -> Any:
        """A form with files."""
        headers = {"Idempotency-Key": key} if key else {}
        return self.client.post(self.base + path, fields, headers=headers)

    def download(self, path: str, **query: Any) -> tuple[bytes, Any]:
        """(what a file holds, the answer)."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.content
        return answer.getvalue(), answer

    def patch(self, path: str, body: Any) -> Any:
        return self.client.patch(self.base + path, body, content_type="application/json")

    def delete(self, path: str) -> Any:
        return self.client.delete(self.base + path)
