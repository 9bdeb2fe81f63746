"""Paid work through the whole door: real ledger, real SDK, the fake provider server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from igny8_core.ai import engine
from igny8_core.ai.ports import Capabilities
from igny8_core.ai.prompts import RenderedPrompt
from igny8_core.ai.providers import http
from igny8_core.ai.providers.anthropic import anthropic_provider
from igny8_core.ai.providers.openai_compatible import openai_provider
from igny8_core.ai.providers.openai_images import image_provider
from igny8_core.auth import selectors as accounts
from igny8_core.business.billing import selectors as billing
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.common.tenancy.context import tenant
from tests.make import billing as make_billing

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from igny8_core.ai.engine import Finish, Session
    from igny8_core.ai.ports import ImageProvider, TextProvider
    from igny8_core.auth.models import Account
    from tests.fakes.ai_server import AiServer

GRANT = 1_000
KEY = "sk-secret-of-the-test-0001"
FREE = Capabilities(is_free=True)
PROMPT = RenderedPrompt(
    name="test",
    version=1,
    digest="d",
    system="You write.",
    user="What is a sofa?",
    max_tokens=64,
    temperature=0.3,
)


class Page(BaseModel):
    title: str
    words: int


def text_provider(wire: str, server: AiServer, capabilities: Capabilities = FREE) -> TextProvider:
    """A provider of the wire, with limits and a circuit of its own."""
    return text_at(server.url, wire, capabilities)


def text_at(url: str, wire: str = "openai", capabilities: Capabilities = FREE) -> TextProvider:
    common: dict[str, Any] = {
        "api_key": KEY,
        "key_fingerprint": url,
        "base_url": url,
        "capabilities": capabilities,
    }
    if wire == "anthropic":
        return anthropic_provider(model="claude-sonnet-4-6", **common)
    return openai_provider(model="gpt-4.1-mini", name="openai", **common)


def images(server: AiServer, capabilities: Capabilities = FREE) -> ImageProvider:
    return image_at(server.url, capabilities)


def image_at(url: str, capabilities: Capabilities = FREE) -> ImageProvider:
    return image_provider(
        name="openai",
        model="gpt-image-1",
        api_key=KEY,
        key_fingerprint=url,
        base_url=url,
        reach=http.Reach.ANYWHERE,
        capabilities=capabilities,
    )


@dataclass
class PaidWork:
    """One piece of paid work in one of four ways; what it stored and what it showed."""

    account: Account
    mode: str = "text"
    providers: list[TextProvider] = field(default_factory=list)
    image_providers: list[ImageProvider] = field(default_factory=list)
    timeout_seconds: float = 20.0
    clock: Callable[[], datetime] = lambda: make_billing.NOW
    stored: list[Any] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)

    def run(self, **options: Any) -> int:
        """:returns: credits charged."""
        values: dict[str, Any] = {
            "idempotency_key": "content:7",
            "lease_token": 1,
            "credits": AccountCredits(self.account),
            "work": self.work,
            "save": self.save,
        }
        charged: int = engine.run(
            account=self.account,
            operation="content",
            quantities={"per_words": 500},
            related_type="writing_task",
            related_id=7,
            providers=self.providers,
            image_providers=self.image_providers,
            clock=self.clock,
            **values | options,
        )
        return charged

    def work(self, session: Session) -> Any:
        seconds = self.timeout_seconds
        if self.mode == "image":
            picture = session.generate_image(
                PROMPT, width=1200, height=630, timeout_seconds=seconds
            )
            return picture.data
        if self.mode == "structured":
            return session.complete_text(PROMPT, output=Page, timeout_seconds=seconds).parsed
        if self.mode == "stream":
            stream = session.stream_text(PROMPT, timeout_seconds=seconds)
            for piece in stream:
                self.shown.append(piece)
            return stream.completion.text
        return session.complete_text(PROMPT, timeout_seconds=seconds).text

    def save(self, made: Any, finish: Finish) -> int:
        with tenant(self.account.pk, durable=True):
            charged = finish(quantities={"per_words": 250})
        self.stored.append(made)
        return charged

    def books(self) -> tuple[int, int, int]:
        """The balance, what is held, and how much work was logged."""
        account = accounts.account(self.account.pk)
        with tenant(self.account.pk):
            logs = billing.usage_logs(account=account).count()
        return account.credits, account.credits_held, logs
