"""A program that uses the API of the machine's web server, as a customer's would."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.faults.machine import Machine

TRIES, WAIT_SECONDS, ANSWER_SECONDS = 300, 0.1, 10.0
SERVER_ERROR = 500


class Program:
    """Somebody with an API key of the account; asks again while the server is away."""

    def __init__(self, machine: Machine, *, account_id: int, key: str) -> None:
        self.root = f"http://127.0.0.1:{machine.web_port}"
        self.account_id, self.key = account_id, key

    def start_run(self, site_id: int) -> int:
        """With one and the same idempotency key, until there is an answer."""
        made = self._ask("automation-runs/", body={"site": site_id})
        return int(made["id"])

    def progress(self, run_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self._ask(f"automation-runs/{run_id}/progress/")
        return found

    def versions(self, stream: str, *, count: int, seconds: float) -> list[int]:
        """What the first events of a stream say.

        :raises TimeoutError: they did not come in time.
        """
        found: list[int] = []
        request = urllib.request.Request(self.root + stream)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
            for line in answer:
                if line.startswith(b"data: "):
                    found.append(int(json.loads(line[6:])["version"]))
                if len(found) == count:
                    return found
        raise TimeoutError(f"the stream ended after {found}")

    def _ask(self, path: str, *, body: dict[str, Any] | None = None) -> Any:
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"faults-{self.account_id}",
        }
        url = f"{self.root}/api/v1/accounts/{self.account_id}/{path}"
        data = None if body is None else json.dumps(body).encode()
        for _ in range(TRIES):
            request = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310
            try:
                with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
                    return json.load(answer)
            except urllib.error.HTTPError as exc:
                if exc.code < SERVER_ERROR:
                    raise AssertionError(exc.read()) from exc
            except OSError:
                pass
            time.sleep(WAIT_SECONDS)
        raise TimeoutError("the web server did not come back")
