"""A site of a customer's own: the receiver of our documentation, word by word, on loopback."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from igny8_core.clients.custom_site import CustomSite
from igny8_core.clients.destinations import Connection
from igny8_core.clients.guarded_http import Answer, GuardedClient, NotSent, OutcomeUnknown
from tests.fakes.loopback import serving

PAGE = Path(__file__).resolve().parents[3] / "docs" / "domains" / "custom-sites.md"


class Wire(GuardedClient):
    """Our client, some of whose answers are lost; some requests arrive late, or not at all.

    :cvar luck: names the fault of the next request: away, lost, late, or none.
    :cvar faults: by verb: what the next requests of it meet.
    :cvar seen: verb and address of each request.
    """

    luck: ClassVar[Any] = staticmethod(lambda: "")
    faults: ClassVar[dict[str, list[str]]] = {}
    late: ClassVar[list[tuple[tuple[str, str], dict[str, Any]]]] = []
    seen: ClassVar[list[tuple[str, str]]] = []

    def request(self, method: str, url: str, **more: Any) -> Answer:
        waiting = self.faults.get(method, [])
        fault = waiting.pop(0) if waiting else self.luck()
        self.seen.append((method, url))
        if fault == "away":
            raise NotSent("no connection")
        if fault == "late":
            self.late.append(((method, url), more))
            raise OutcomeUnknown("no whole answer")
        answer = super().request(method, url, **more)
        if fault == "lost":
            raise OutcomeUnknown("no whole answer")
        return answer

    @classmethod
    def arrive(cls) -> None:
        """What is late arrives now."""
        arrived = cls.late[:]
        cls.late.clear()
        for (method, url), more in arrived:
            client = local_client(port_of(url))
            client.request(method, url, **more)
            client.close()

    @classmethod
    def reset(cls) -> None:
        """Good luck from here on; nothing was seen."""
        cls.luck = staticmethod(lambda: "")
        for kept in (cls.faults, cls.late, cls.seen):
            kept.clear()


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def local_client(port: int, kind: type[GuardedClient] = GuardedClient) -> GuardedClient:
    """A client that goes to this port on loopback and nowhere else."""
    return kind(schemes=("http",), ports={port}, is_allowed=lambda ip: ip == "127.0.0.1")


class Site:
    """A running receiver and an adapter for it."""

    def __init__(self) -> None:
        (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
        self.scope: dict[str, Any] = {"__name__": "receiver"}
        exec(compile(code, str(PAGE), "exec"), self.scope)  # noqa: S102 - our own page
        self.running = ExitStack()
        self.url = self.running.enter_context(serving(self.scope["Receiver"]))
        self.secret = str(self.scope["SECRET"])
        Wire.reset()
        self.wire = local_client(port_of(self.url), Wire)
        self.adapter = self.adapter_with(self.secret)

    def adapter_with(self, secret: str) -> CustomSite:
        return CustomSite(Connection(self.url, {"secret": secret}, self.wire))

    def stop(self) -> None:
        """End the server."""
        self.running.close()
        self.wire.close()

    @property
    def items(self) -> dict[str, Any]:
        found: dict[str, Any] = self.scope["ITEMS"]
        return found
