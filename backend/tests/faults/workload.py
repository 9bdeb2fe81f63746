"""What the fault runs do: seven stages of paid and free items, each result a row behind the fence.

Loaded by workers, tickers and the runner alike. Paid items go through the whole door of the
product: reservation, journal of calls, the real SDK against :mod:`tests.faults.provider`, capture
in the transaction that stores the result.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.apps import apps

from igny8_core.ai import engine
from igny8_core.ai.ports import Capabilities
from igny8_core.ai.prompts import RenderedPrompt
from igny8_core.ai.providers.openai_compatible import openai_provider
from igny8_core.business.automation.services import plans, stages
from igny8_core.business.automation.services.plans import Plan
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Callable

    from igny8_core.ai.engine import Finish
    from igny8_core.ai.ports import TextProvider
    from igny8_core.auth.models import Account
    from igny8_core.business.automation.services.stages import Work

PAID, FREE = "faults.write", "faults.check"
EFFECT = "faults_effect"
RELATED = "fault_row"
WORDS_AT_MOST, WORDS = 500, 300
CALL_SECONDS = 8.0
STAGES: dict[int, tuple[str, str, int]] = {
    1: (FREE, "control", 3),
    2: (PAID, "ai_text", 6),
    3: (FREE, "control", 3),
    4: (PAID, "ai_text", 14),
    5: (FREE, "interactive", 3),
    6: (PAID, "ai_image", 8),
    7: (FREE, "publish", 3),
}
"""Of each stage: the kind and the class of its items, and how many."""

ROWS = {n: [1000 * n + k for k in range(1, count + 1)] for n, (_, _, count) in STAGES.items()}
PAID_ROWS = sum(count for kind, _, count in STAGES.values() if kind == PAID)


def address_of(account_id: int) -> str:
    """Where the provider answers for an account: so it knows who asks."""
    return f"{os.environ['TEST_PROVIDER_URL']}/{account_id}"


@lru_cache(maxsize=8)
def provider_of(account_id: int) -> TextProvider:
    """A provider with limits and a circuit of its own for each account."""
    url = address_of(account_id)
    return openai_provider(
        model="gpt-4.1-mini",
        name="openai",
        api_key="sk-of-the-test",
        key_fingerprint=url,
        base_url=url,
        capabilities=Capabilities(is_free=True),
    )


def prompt_of(row: int) -> RenderedPrompt:
    return RenderedPrompt(
        name="faults",
        version=1,
        digest="d",
        system="You write.",
        user=f"Row {row}.",
        max_tokens=64,
        temperature=0.0,
    )


def write(work: Work) -> None:
    """One paid call, one stored result, one capture."""

    def save(text: str, finish: Finish) -> int:
        with tenant(work.account.pk, durable=True):
            work.fence()
            _store(work, text)
            return finish(quantities={"per_words": WORDS})

    engine.run(
        account=work.account,
        credits=AccountCredits(work.account, caps=work.terms.caps),
        operation="content",
        quantities={"per_words": WORDS_AT_MOST},
        idempotency_key=f"faults:{work.related_id}",
        related_type=RELATED,
        related_id=work.related_id,
        lease_token=work.token,
        providers=[provider_of(work.account.pk)],
        work=lambda session: (
            session.complete_text(prompt_of(work.related_id), timeout_seconds=CALL_SECONDS).text
        ),
        save=save,
        clock=work.clock,
        is_cancelled=work.terms.is_cancelled,
    )


def check(work: Work) -> None:
    """No call: one stored result behind the fence."""
    with tenant(work.account.pk):
        work.fence()
        _store(work, f"Checked {work.related_id}.")


def _store(work: Work, text: str) -> None:
    event: Any = apps.get_model("automation", "RunEvent")
    data = {"row": work.related_id, "text": text}
    event.unscoped.create(account=work.account, item_id=work.item_id, code=EFFECT, data=data)


def _waiting(number: int) -> Callable[[Account, int, int, int], list[int]]:
    def waiting(_account: Account, _site_id: int, after: int, limit: int) -> list[int]:
        return [row for row in ROWS[number] if row > after][:limit]

    return waiting


def install() -> None:
    """Put the workload in the place of the product's stages, in this process."""
    stages.KINDS[PAID] = stages.Kind(write, deadline_seconds=60, operation="content")
    stages.KINDS[FREE] = stages.Kind(check, deadline_seconds=60)
    for number, (kind, work_class, _) in STAGES.items():
        plans.PLANS[number] = Plan(f"stage {number}", kind, work_class, RELATED, _waiting(number))
