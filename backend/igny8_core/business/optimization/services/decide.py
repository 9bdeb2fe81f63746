"""What people decide on an optimisation: all of it, some of its changes, none; and back again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from igny8_core.business.content.errors import VersionConflict
from igny8_core.business.content.services.editing import restore_version
from igny8_core.business.content.services.gather_target import gather_scorable
from igny8_core.business.optimization.models import OptimizationTask
from igny8_core.business.optimization.services.drafts import changes_from, figures, make_draft
from igny8_core.business.optimization.services.store_result import store_changes
from igny8_core.business.optimization.states import OUTCOME, Outcome
from igny8_core.common.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    StaleState,
    TransitionNotAllowed,
)
from igny8_core.common.states import advance
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account


@tenant_atomic()
def accept_changes(
    *,
    account: Account,
    optimization_task_id: int,
    change_ids: Sequence[str] | None = None,
    user_id: int | None = None,
    now: datetime,
) -> OptimizationTask:
    """Give the article the proposed text, or the chosen changes of it, as its next version.

    :param change_ids: ids of ``metadata["changes"]``; None takes all of them.
    :raises NotFound: no such optimisation.
    :raises TransitionNotAllowed: there is nothing to decide on it.
    :raises InvalidInput: an unknown change, or none at all.
    :raises VersionConflict: the article has another version by now; nothing was written.
    :raises StaleState: what the page shows is another one by now; nothing was written.
    """
    row = _locked(account, optimization_task_id)
    _must_allow(row, Outcome.ACCEPTED)
    stored = row.metadata.get("changes", [])
    known = [one["id"] for one in stored]
    wanted = known if change_ids is None else list(dict.fromkeys(change_ids))
    if unknown := sorted(set(wanted) - set(known)):
        raise InvalidInput("there is no such change", changes=unknown)
    if not wanted:
        raise InvalidInput("choose at least one change", changes=["Choose at least one."])
    scorable = gather_scorable(account=account, content_id=row.content_id)
    draft = make_draft(scorable)
    if draft.version != row.content_version:
        raise VersionConflict("another version is stored", version=draft.version)
    if draft.content_hash != row.metadata["content_hash"]:
        raise StaleState("the page shows something else by now", content_id=row.content_id)
    changes = changes_from([one for one in stored if one["id"] in wanted])
    columns = store_changes(
        account=account,
        draft=draft,
        changes=changes,
        source=row.metadata.get("source", {}),
        content_hash=row.metadata["content_hash"],
        user_id=user_id,
        now=now,
    )
    after = gather_scorable(account=account, content_id=row.content_id)
    columns["html_after"] = after.row.html
    columns["scores_after"] = figures(make_draft(after).before)
    metadata = {"accepted": wanted, "decided_by": user_id, "decided_at": now.isoformat()}
    return _decide(row, Outcome.ACCEPTED, metadata, now=now, **columns)


@tenant_atomic()
def discard_changes(
    *, account: Account, optimization_task_id: int, user_id: int | None = None, now: datetime
) -> OptimizationTask:
    """Leave the article as it is.

    :raises NotFound: no such optimisation.
    :raises TransitionNotAllowed: there is nothing to decide on it.
    """
    row = _locked(account, optimization_task_id)
    _must_allow(row, Outcome.REJECTED)
    metadata = {"decided_by": user_id, "decided_at": now.isoformat(), "reasons": ["discarded"]}
    return _decide(row, Outcome.REJECTED, metadata, now=now)


@tenant_atomic()
def undo_changes(
    *, account: Account, optimization_task_id: int, user_id: int | None = None, now: datetime
) -> OptimizationTask:
    """Bring back what the article was before, as a new version.

    :raises NotFound: no such optimisation, or the version before was not kept.
    :raises TransitionNotAllowed: it was not accepted.
    :raises Conflict: it was undone already.
    :raises VersionConflict: the article was changed since; nothing was written.
    """
    row = _locked(account, optimization_task_id)
    if row.outcome != Outcome.ACCEPTED:
        raise TransitionNotAllowed(
            "Only what was accepted can be undone.", source=row.outcome, target="undone"
        )
    if row.undone_at is not None:
        raise Conflict("It was undone already.", optimization_task_id=row.pk)
    restore_version(
        account=account,
        content_id=row.content_id,
        version=row.accepted_version or 0,
        restored=row.content_version or 0,
        user_id=user_id,
        now=now,
    )
    row.undone_at = now
    row.save(update_fields=["undone_at", "updated_at"])
    return row


def _locked(account: Account, optimization_task_id: int) -> OptimizationTask:
    rows = OptimizationTask.objects.for_account(account).filter(content__deleted_at=None)
    found: OptimizationTask | None = (
        rows.select_for_update(of=("self",)).filter(pk=optimization_task_id).first()
    )
    if found is None:
        raise NotFound("no such optimisation", optimization_task_id=optimization_task_id)
    return found


def _must_allow(row: OptimizationTask, to: Outcome) -> None:
    if not row.outcome or not OUTCOME.allows(row.outcome, to):
        raise TransitionNotAllowed(
            "There is nothing to decide on it.", source=row.outcome, target=to.value
        )


def _decide(
    row: OptimizationTask,
    outcome: Outcome,
    metadata: dict[str, Any],
    *,
    now: datetime,
    **columns: Any,
) -> OptimizationTask:
    known = row.metadata | {"outcome": outcome.value} | metadata
    advance(row, outcome, table=OUTCOME, field="outcome", now=now, metadata=known, **columns)
    return row
