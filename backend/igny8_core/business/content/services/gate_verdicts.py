"""May an article go on? What the gates said of it, kept with who overrode them and why."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db.models import Q

from igny8_core.auth import selectors as identity
from igny8_core.business.content.errors import GatesFailed
from igny8_core.business.content.models import Content, ContentVerdict
from igny8_core.business.content.services.check_gates import GateResult
from igny8_core.business.content.services.content_gates import gates_of
from igny8_core.business.content.states import VerdictOutcome, VerdictStep
from igny8_core.common.errors import InvalidInput
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.tenancy.context import current_actor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account

REASON_LENGTH: Final = 1_000
PROBLEMS_SHOWN: Final = 5
"""Of one gate, in a refusal; the verdict keeps more."""

PROBLEMS_KEPT: Final = 20
DAY, MONTH = timedelta(days=1), timedelta(days=30)


def note_submitted(account: Account, row: Content) -> ContentVerdict:
    """Let the reviewers see what the gates say; in the open block. Stops nobody."""
    return _judge(account, row, VerdictStep.SUBMIT, is_read=False)


def require_approvable(
    account: Account, row: Content, *, user_id: int | None, reason: str
) -> ContentVerdict:
    """Let a person's approval pass, and keep the verdict; in the open block.

    :param reason: why what soft gates found is well. Hard gates take no reason.
    :raises GatesFailed: a hard gate failed, or a soft one and nobody said why that is well.
    :raises InvalidInput: the reason is too long.
    """
    reason = reason.strip()
    if len(reason) > REASON_LENGTH:
        raise InvalidInput("too long", reason=[f"At most {REASON_LENGTH} characters."])
    is_read = user_id is not None or bool(reason)
    failed = [one for one in gates_of(account, row, is_read=is_read) if not one.passed]
    if any(one.is_hard for one in failed) or (failed and not reason):
        raise _refusal(row, failed)
    return _keep(
        row,
        VerdictStep.APPROVE,
        VerdictOutcome.OVERRIDDEN if failed else VerdictOutcome.PASSED,
        failed,
        reason=reason if failed else "",
        user_id=user_id,
    )


def passes_by_rule(account: Account, row: Content, *, now: datetime) -> bool:
    """Whether a machine may approve an article: every gate passes, hard or soft.

    The verdict is kept either way, for the people who go on with it.
    """
    volume = _volume(account, row, now=now)
    verdict = _judge(account, row, VerdictStep.APPROVE, is_read=False, more=[volume])
    return verdict.outcome == VerdictOutcome.PASSED


def passes_on_publishing(account: Account, row: Content) -> bool:
    """Whether what was approved may still go live: no hard gate fails by now.

    Other articles, pictures, facts and pages may have changed since. Only a refusal is kept.
    """
    failed = _hard_failures(account, row)
    if failed:
        _keep(row, VerdictStep.PUBLISH, VerdictOutcome.REFUSED, failed)
    return not failed


def require_publishable(account: Account, row: Content) -> None:
    """Let an approved article go to another platform; in the open block.

    :raises GatesFailed: a hard gate fails by now.
    """
    if failed := _hard_failures(account, row):
        raise _refusal(row, failed)


def failing_gates(account: Account, row: Content) -> frozenset[str]:
    """The hard gates that the stored version of an article fails; in the open block."""
    return frozenset(one.gate for one in _hard_failures(account, row))


def require_no_worse(account: Account, row: Content, *, known: Collection[str]) -> None:
    """Let a change of a published article pass, since visitors see it with the next deployment.

    What failed before the change may fail after it: a typo can be mended in any article.

    :param row: as it is stored now.
    :param known: the hard gates that it failed before.
    :raises GatesFailed: another hard gate fails; the change is to be undone.
    """
    failed = [one for one in _hard_failures(account, row) if one.gate not in known]
    if failed:
        raise _refusal(row, failed)


def _judge(
    account: Account,
    row: Content,
    step: VerdictStep,
    *,
    is_read: bool,
    more: Sequence[GateResult] = (),
) -> ContentVerdict:
    failed = [one for one in (*gates_of(account, row, is_read=is_read), *more) if not one.passed]
    outcome = VerdictOutcome.REFUSED if failed else VerdictOutcome.PASSED
    return _keep(row, step, outcome, failed)


def _hard_failures(account: Account, row: Content) -> list[GateResult]:
    is_read = row.approved_by_id is not None or bool(row.provenance.get("reviewed_by"))
    found = gates_of(account, row, is_read=is_read)
    return [one for one in found if one.is_hard and not one.passed]


def _keep(
    row: Content,
    step: VerdictStep,
    outcome: VerdictOutcome,
    failed: Iterable[GateResult],
    *,
    reason: str = "",
    user_id: int | None = None,
) -> ContentVerdict:
    verdict = ContentVerdict(
        account_id=row.account_id,
        content=row,
        version=row.version,
        content_hash=hashlib.sha256(f"{row.title}\n{row.html}".encode()).hexdigest(),
        step=step,
        outcome=outcome,
        failed=[
            {"gate": one.gate, "kind": one.kind, "problems": list(one.problems[:PROBLEMS_KEPT])}
            for one in failed
        ],
        reason=reason,
        decided_by_id=user_id,
        actor=current_actor(),
    )
    verdict.save()
    return verdict


def _refusal(row: Content, failed: Sequence[GateResult]) -> GatesFailed:
    is_hard = any(one.is_hard for one in failed)
    said = "cannot go on as it is" if is_hard else "needs a reason to go on as it is"
    return GatesFailed(
        f"“{row.title}” {said}.",
        content_id=row.pk,
        hard=_texts(one for one in failed if one.is_hard),
        soft=_texts(one for one in failed if not one.is_hard),
    )


def _texts(failed: Iterable[GateResult]) -> list[str]:
    return [f"{one.gate}: {'; '.join(one.problems[:PROBLEMS_SHOWN])}. {one.fix}" for one in failed]


def _volume(account: Account, row: Content, *, now: datetime) -> GateResult:
    """How many articles a machine lets out: a day, and beside those that people read.

    Search engines call many machine-made pages without added value abuse.
    """
    settings: Any = identity.site(account=account, site_id=row.site_id).settings.get("volume")
    wanted: Mapping[str, Any] = settings if isinstance(settings, dict) else {}
    rows = Content.objects.for_account(account).filter(LIVE, site_id=row.site_id).exclude(pk=row.pk)
    problems = []
    a_day = _whole(wanted.get("posts_a_day"))
    if a_day is not None:
        let_out = Q(approved_at__gt=now - DAY) | Q(published_at__gt=now - DAY)
        count = rows.filter(let_out).count()
        if count >= a_day:
            problems.append(f"{count} articles in a day, the site wants at most {a_day}")
    share = _whole(wanted.get("reviewed_percent"))
    if share is not None:
        recent = rows.filter(approved_at__gt=now - MONTH)
        read, known = recent.filter(approved_by_id__isnull=False).count(), recent.count() + 1
        if read * 100 < share * known:
            problems.append(
                f"people read {read} of {known} articles in a month, the site wants {share} %"
            )
    return GateResult("volume", is_hard=True, problems=tuple(problems))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
