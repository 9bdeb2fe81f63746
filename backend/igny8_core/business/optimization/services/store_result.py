"""What is stored of an optimisation, and how its text takes the article's place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from igny8_core.business.content.errors import VersionConflict
from igny8_core.business.content.services.revise_content import RevisedText, revise_content
from igny8_core.business.optimization.errors import ArticleChanged
from igny8_core.business.optimization.services.ask_sections import MODEL, Asked
from igny8_core.business.optimization.services.passages import plain
from igny8_core.common.errors import StaleState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.business.optimization.services.drafts import Draft
    from igny8_core.business.optimization.services.judge import Verdict
    from igny8_core.business.optimization.services.passages import Change

MADE_BY_RULES: Final = {"origin": "rules"}


@dataclass(frozen=True)
class Part:
    """All that one optimisation came to."""

    draft: Draft
    verdict: Verdict
    asked: Asked


def record(part: Part) -> dict[str, Any]:
    """The columns of what came out: the new text, and in ``metadata`` how and why."""
    draft, verdict = part.draft, part.verdict
    changes = [
        {"id": f"c{number}", **change.as_json()}
        for number, change in enumerate(verdict.changes, start=1)
    ]
    return {
        "html_after": draft.composed(verdict.changes).html or draft.page.html,
        "metadata": {
            "outcome": verdict.outcome.value,
            "scorer_version": draft.before.scorer_version,
            "content_hash": draft.content_hash,
            "target_hash": draft.before.target_hash,
            "changes": changes,
            "refused": [refused.as_json() for refused in verdict.refused],
            "reasons": list(verdict.reasons),
            "new_facts": list(verdict.new_facts),
            "source": dict(part.asked.source),
            "calls": part.asked.calls,
            "unknown_passages": part.asked.unknown,
        },
    }


def accept(*, account: Account, part: Part, now: datetime) -> dict[str, Any]:
    """Put the text into the article's place; in the open transaction.

    :returns: the columns that say so.
    :raises ArticleChanged: it is to be read anew.
    """
    try:
        return store_changes(
            account=account,
            draft=part.draft,
            changes=part.verdict.changes,
            source=part.asked.source,
            content_hash=part.draft.content_hash,
            now=now,
        )
    except (VersionConflict, StaleState) as exc:
        raise ArticleChanged("the article was changed meanwhile", **exc.data) from exc


def store_changes(
    *,
    account: Account,
    draft: Draft,
    changes: Sequence[Change],
    source: Mapping[str, str],
    content_hash: str,
    user_id: int | None = None,
    now: datetime,
) -> dict[str, Any]:
    """Store these changes of the article as its next version.

    :returns: the columns of the optimisation that say so.
    """
    composed = draft.composed(changes)
    has_model = any(change.by == MODEL for change in changes)
    by_model = {"origin": "model", **source, "revised_at": now.isoformat()}
    row = revise_content(
        account=account,
        content_id=draft.content_id,
        version=draft.version,
        content_hash=content_hash,
        text=RevisedText(
            blocks=composed.blocks,
            html=composed.html,
            fields={c.field: plain(c.after) for c in changes if c.kind == "field"},
            origins={
                block: by_model if by == MODEL else MADE_BY_RULES
                for block, by in composed.origins.items()
            },
            source=by_model if has_model else {},
        ),
        user_id=user_id,
        now=now,
    )
    return {"accepted_version": row.version}
