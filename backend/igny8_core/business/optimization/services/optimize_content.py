"""One optimisation of an article: score, change by rules and by a model, judge, store.

A crash at any point leaves the article as it was or the whole result. Answers of the model are in
the journal of the door; the next attempt finds them and pays for none twice. Only an improvement
is paid for: what is rejected, or made by rules alone, costs nothing.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db import DatabaseError

from igny8_core.ai import engine
from igny8_core.ai.errors import CapReached, NoTextModel, WorkCancelled
from igny8_core.ai.ports import ANY_TERMS
from igny8_core.ai.registry import text_providers
from igny8_core.business.billing.services.ai_credits import AccountCredits
from igny8_core.business.content import selectors as content
from igny8_core.business.content.services.gather_target import gather_scorable
from igny8_core.business.content.services.scoring_messages import reason_text
from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.business.optimization.services.ask_sections import (
    Asked,
    ask_sections,
    gainable,
    plan_sections,
)
from igny8_core.business.optimization.services.drafts import Draft, Hub, figures, make_draft
from igny8_core.business.optimization.services.judge import Verdict, judge
from igny8_core.business.optimization.services.rule_fixes import rule_changes
from igny8_core.business.optimization.services.store_result import Part, accept, record
from igny8_core.business.optimization.states import OPTIMIZATION, OptimizationStatus, Outcome
from igny8_core.common.errors import (
    DomainError,
    InsufficientCredits,
    InvalidInput,
    NotFound,
    StaleState,
    Transient,
    TransitionNotAllowed,
)
from igny8_core.common.failpoints import failpoint
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from pydantic import BaseModel

    from igny8_core.ai.engine import Finish, Session
    from igny8_core.ai.journal import Completion
    from igny8_core.ai.ports import Terms, TextProvider
    from igny8_core.ai.prompts import RenderedPrompt
    from igny8_core.auth.models import Account

OPERATION: Final = "optimization"
RELATED_TYPE: Final = "optimization_task"
GROWTH: Final = 1.3
"""How much longer an article may become: what is reserved."""

ERROR_LENGTH: Final = 1_000
WAITS: Final = (Transient, InsufficientCredits, CapReached, WorkCancelled)
"""After these it waits for another attempt; everything else fails it."""


@dataclass(frozen=True)
class _Job:
    """One attempt.

    :ivar started_at: nobody took the row over while it still says so.
    """

    account: Account
    task_id: int
    started_at: datetime | None
    is_automatic: bool
    fence: Callable[[], None]
    clock: Callable[[], datetime]
    token: int
    terms: Terms


class _NotPaid(Exception):
    """What came out is stored without a charge."""

    def __init__(self, part: Part) -> None:
        super().__init__("nothing is charged")
        self.part = part


def optimize_content(
    *,
    account: Account,
    optimization_task_id: int,
    fence: Callable[[], None],
    clock: Callable[[], datetime],
    lease_token: int = 0,
    terms: Terms = ANY_TERMS,
    providers: Sequence[TextProvider] | None = None,
) -> OptimizationTask:
    """Make one article better, or say why not.

    Safe to repeat: one that is completed is returned, and nothing is called or charged.

    :param fence: called once, first inside the transaction that stores the result.
    :param lease_token: of the attempt, for the journal of calls.
    :param providers: instead of the account's own models.
    :raises NotFound: no such optimisation, or its article is deleted.
    :raises TransitionNotAllowed: it has failed: ask for it again.
    :raises InsufficientCredits: nothing was called; it waits.
    :raises CapReached: a limit on spending refuses; it waits.
    :raises Transient: a provider is away; it waits.
    :raises ProviderError: the model failed, and so did the optimisation.
    :raises ArticleChanged: somebody saved another version meanwhile; it waits.
    :raises StaleState: another attempt took over.
    """
    begun = _begin(account, optimization_task_id, clock=clock)
    if begun.status == OptimizationStatus.COMPLETED:
        return begun
    job = _Job(
        account=account,
        task_id=begun.pk,
        started_at=begun.started_at,
        is_automatic=begun.is_automatic,
        fence=fence,
        clock=clock,
        token=lease_token,
        terms=terms,
    )
    try:
        draft = _read(account, begun)
        models = [] if begun.is_by_rules else _models(account, providers)
        return _optimize(job, draft, models)
    except StaleState:
        raise
    except WAITS:
        _move(job, OptimizationStatus.PENDING)
        raise
    except DomainError as exc:
        _move(job, OptimizationStatus.FAILED, error=exc.message[:ERROR_LENGTH] or exc.code)
        raise
    except Exception:  # a bug, or the database is away: not the article's fault
        with suppress(DatabaseError):
            _move(job, OptimizationStatus.PENDING)
        raise


def _models(account: Account, providers: Sequence[TextProvider] | None) -> Sequence[TextProvider]:
    """Those to ask; none where nothing is set up: rules do what they can."""
    if providers is not None:
        return providers
    try:
        return text_providers(account)
    except NoTextModel:
        return []


def _begin(account: Account, task_id: int, *, clock: Callable[[], datetime]) -> OptimizationTask:
    """Claim it. One that is running was left by an attempt that died: its lease is ours now.

    Should that attempt live after all, it sees by ``started_at`` that the row is not its any more.
    """
    with tenant(account.pk, durable=True):
        rows = OptimizationTask.objects.for_account(account).filter(content__deleted_at=None)
        row: OptimizationTask | None = (
            rows.select_for_update(of=("self",)).filter(pk=task_id).first()
        )
        if row is None:
            raise NotFound("no such optimisation", optimization_task_id=task_id)
        if row.status == OptimizationStatus.FAILED:
            raise TransitionNotAllowed(
                "It has failed: ask for it again.",
                source=row.status,
                target=OptimizationStatus.RUNNING.value,
            )
        now = clock()
        if row.status == OptimizationStatus.PENDING:
            advance(row, OptimizationStatus.RUNNING, table=OPTIMIZATION, now=now, started_at=now)
        elif row.status == OptimizationStatus.RUNNING:
            row.started_at = max(now, (row.started_at or now) + timedelta(microseconds=1))
            row.save(update_fields=["started_at", "updated_at"])
    failpoint("optimization.after_claim")
    return row


def _read(account: Account, row: OptimizationTask) -> Draft:
    """The article as it stands.

    :raises InvalidInput: it cannot be scored.
    """
    with tenant(account.pk, read_only=True, snapshot=True):
        scorable = gather_scorable(account=account, content_id=row.content_id)
        hubs = [
            Hub(hub.pk, tuple(n for n in (hub.primary_keyword, hub.title) if n))
            for hub in content.contents(account=account)
            .filter(pk__in=scorable.target.hub_ids)
            .order_by("pk")
        ]
        voice = str(scorable.row.site.settings.get("voice") or "")
    draft = make_draft(scorable, hubs=hubs, voice=voice)
    if draft.before.score is None:
        why = reason_text(draft.before.reason)
        raise InvalidInput(f"The article cannot be scored. {why}", reason=[why])
    return draft


def _optimize(job: _Job, draft: Draft, models: Sequence[TextProvider]) -> OptimizationTask:
    if not gainable(draft):
        verdict = Verdict(Outcome.NOTHING_TO_GAIN, draft.before)
        return _store_free(job, Part(draft, verdict, Asked()))
    by_rules = rule_changes(draft)
    plans = plan_sections(draft)
    capable = [model for model in models if not model.capabilities.is_demo]
    if not capable or not plans:
        is_nothing = not by_rules and not plans
        verdict = (
            Verdict(Outcome.NOTHING_TO_GAIN, draft.before)
            if is_nothing
            else judge(draft, by_rules, is_automatic=job.is_automatic)
        )
        return _store_free(job, Part(draft, verdict, Asked()))

    def work(session: Session) -> Part:
        def ask(prompt: RenderedPrompt, *, output: type[BaseModel], max_tokens: int) -> Completion:
            return session.complete_text(prompt, output=output, max_tokens=max_tokens)

        asked = ask_sections(draft, plans, ask)
        failpoint("optimization.after_answers")
        changes = [*by_rules, *asked.changes]
        part = Part(draft, judge(draft, changes, is_automatic=job.is_automatic), asked)
        if not part.verdict.words_by_model:
            raise _NotPaid(part)
        return part

    def save(part: Part, finish: Finish) -> OptimizationTask:
        with tenant(job.account.pk, durable=True):
            job.fence()
            row = _store(job, part)
            charged = finish(quantities={"per_words": part.verdict.words_by_model})
            _note_charge(job.account, row, charged)
            failpoint("optimization.before_commit")
        failpoint("optimization.after_commit")
        return row

    words = math.ceil(draft.document.word_count * GROWTH)
    try:
        return engine.run(
            account=job.account,
            credits=AccountCredits(job.account, caps=job.terms.caps),
            operation=OPERATION,
            quantities={"per_words": words},
            idempotency_key=f"optimization:{job.task_id}:{draft.content_hash[:16]}",
            related_type=RELATED_TYPE,
            related_id=job.task_id,
            lease_token=job.token,
            providers=capable,
            work=work,
            save=save,
            is_cancelled=job.terms.is_cancelled,
            clock=job.clock,
        )
    except _NotPaid as result:
        return _store_free(job, result.part)


def _store_free(job: _Job, part: Part) -> OptimizationTask:
    """Store what costs nothing."""
    with tenant(job.account.pk, durable=True):
        job.fence()
        row = _store(job, part)
    failpoint("optimization.after_commit")
    return row


def _store(job: _Job, part: Part) -> OptimizationTask:
    """The end of it: the row, and the article if it is accepted; in the open transaction."""
    now = job.clock()
    rows = OptimizationTask.objects.for_account(job.account).select_for_update(of=("self",))
    row: OptimizationTask | None = rows.filter(pk=job.task_id, content__deleted_at=None).first()
    if row is None:
        raise NotFound("the article was deleted meanwhile", optimization_task_id=job.task_id)
    if row.started_at != job.started_at:
        raise StaleState("another attempt took over", optimization_task_id=job.task_id)
    accepted: dict[str, Any] = {}
    if part.verdict.outcome == Outcome.ACCEPTED:
        accepted = accept(account=job.account, part=part, now=now)
    columns = record(part) | accepted
    advance(
        row, OptimizationStatus.COMPLETED, table=OPTIMIZATION, now=now, completed_at=now, error="",
        scores_before=figures(part.draft.before), scores_after=figures(part.verdict.after),
        html_before=part.draft.page.html, content_version=part.draft.version,
        outcome=part.verdict.outcome, **columns,
    )  # fmt: skip
    return row


def _note_charge(account: Account, row: OptimizationTask, charged: int) -> None:
    OptimizationTask.objects.for_account(account).filter(pk=row.pk).update(credits_used=charged)
    row.credits_used = charged


def _move(job: _Job, to: OptimizationStatus, *, error: str = "") -> None:
    """Where it goes after an attempt that ended in an error, if it is still this one's."""
    ended: dict[str, Any] = {"completed_at": job.clock()} if to == OptimizationStatus.FAILED else {}
    with tenant(job.account.pk):
        rows = OptimizationTask.objects.for_account(job.account)
        row: OptimizationTask | None = rows.filter(pk=job.task_id).first()
        mine = {"started_at": job.started_at}
        if row is None or (row.status, row.started_at) != (
            OptimizationStatus.RUNNING,
            *mine.values(),
        ):
            return
        advance(row, to, table=OPTIMIZATION, now=job.clock(), expect=mine, error=error, **ended)
