"""One piece of paid work, as a domain would write it; and what the journal has of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from igny8_core.ai import engine
from igny8_core.ai.models import AiCall
from igny8_core.ai.prompts import RenderedPrompt
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.ai.engine import Finish, Session
    from igny8_core.ai.journal import Completion
    from igny8_core.ai.providers.fake import FakeProvider
    from igny8_core.auth.models import Account
    from tests.ai.credits import FakeCredits


NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROMPT = RenderedPrompt(
    name="test",
    version=1,
    digest="d",
    system="You write.",
    user="What is a sofa?",
    max_tokens=100,
    temperature=0.3,
)


class Crash(BaseException):
    """The process dies: nothing of ours runs any more."""


class Page(BaseModel):
    title: str


@dataclass
class Job:
    """One piece of paid work, as a domain would write it."""

    account: Account
    credits: FakeCredits
    providers: list[FakeProvider]
    lease_token: int = 1
    stored: list[str] = field(default_factory=list)
    before_save: Callable[[], None] = lambda: None
    prompts: tuple[RenderedPrompt, ...] = (PROMPT,)

    def work(self, session: Session) -> list[Completion]:
        return [session.complete_text(prompt) for prompt in self.prompts]

    def save(self, answers: list[Completion], finish: Finish) -> str:
        self.before_save()
        with tenant(self.account.pk, durable=True):
            self.credits.events.append("fence")
            text = " ".join(answer.text for answer in answers)
            finish(quantities={"per_words": len(text.split())})
            self.stored.append(text)
        return text

    def run(self, **options: Any) -> str:
        options = {"work": self.work, "save": self.save} | options
        saved: str = engine.run(
            account=self.account,
            credits=self.credits,
            operation="content",
            quantities={"per_words": 40},
            idempotency_key="content:7",
            related_type="writing_task",
            related_id=7,
            lease_token=self.lease_token,
            providers=self.providers,
            clock=lambda: NOW,
            **options,
        )
        return saved


def calls(account: Account) -> list[AiCall]:
    with tenant(account.pk):
        return list(AiCall.objects.for_account(account).order_by("pk"))


def outcomes(account: Account) -> list[str]:
    return [call.status for call in calls(account)]
