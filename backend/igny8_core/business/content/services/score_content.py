"""Scores of stored articles: measured afresh, kept with their explanation, shown in lists."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog
from django.db.models import F, Q

from igny8_core.auth import selectors as accounts
from igny8_core.business.content.models import Content, ContentScore
from igny8_core.business.content.services.duplicates import keep_fingerprint
from igny8_core.business.content.services.gather_target import Scorable, gather_scorable
from igny8_core.business.content.services.scoring_total import Score, score_page
from igny8_core.common.errors import DomainError
from igny8_core.common.soft_delete import LIVE
from igny8_core.common.tenancy.context import tenant, tenant_atomic

if TYPE_CHECKING:
    from datetime import datetime

    from igny8_core.auth.models import Account
    from igny8_core.common.tenancy.context import HasKey

log = structlog.get_logger(__name__)

KEPT: Final = 20
"""Scores of an article that are kept; the newest ones."""

OLD_AFTER: Final = timedelta(days=1)
"""So long a score may be older than a change of keywords, facts or links of other pages."""

BATCH: Final = 200


def measure_content(*, account: Account, content_id: int) -> tuple[Scorable, Score]:
    """The score of an article as it stands now; nothing is written.

    :raises NotFound: no such article.
    """
    found = gather_scorable(account=account, content_id=content_id)
    return found, score_page(found.page, found.target)


@tenant_atomic()
def score_content(*, account: Account, content_id: int, now: datetime) -> ContentScore:
    """Score an article and keep it. Safe to repeat: the same text and target are one row.

    :raises NotFound: no such article.
    """
    found, score = measure_content(account=account, content_id=content_id)
    return keep_score(account=account, scorable=found, score=score, now=now)


def keep_score(*, account: HasKey, scorable: Scorable, score: Score, now: datetime) -> ContentScore:
    """Store a score and show it in lists; inside the caller's transaction.

    An article that got another version meanwhile keeps what its list shows.
    """
    row = scorable.row
    kept: ContentScore
    kept, _ = ContentScore.objects.for_account(account).update_or_create(
        account_id=row.account_id,
        content=row,
        content_hash=score.content_hash,
        target_hash=score.target_hash,
        scorer_version=score.scorer_version,
        defaults={
            "version": row.version,
            "score": score.score,
            "reason": score.reason,
            "earned": score.earned,
            "max": score.max,
            "word_count": score.word_count,
            "caps": [cap.as_json() for cap in score.caps],
            "checks": [check.as_json() for check in score.checks],
            "target": asdict(scorable.target),
            "scored_at": now,
        },
    )
    Content.objects.for_account(account).filter(pk=row.pk, version=row.version).update(
        score=score.score, scored_version=row.version, scored_at=now
    )
    keep_fingerprint(account=account, row=row)
    _forget_old(account, row)
    return kept


def rescore(*, now: datetime, limit: int = BATCH) -> int:
    """Score articles whose text changed, then those whose score is a day old; returns how many.

    A bounded batch over all accounts. One that fails stops nobody: the first failure is raised
    once all others had their turn.
    """
    rows = Content.objects.across_accounts(reason="scores that are behind their texts")
    changed = rows.filter(LIVE & (Q(scored_version=None) | ~Q(scored_version=F("version"))))
    due = list(changed.order_by("-pk").values_list("account_id", "pk")[:limit])
    old = rows.filter(LIVE, scored_at__lte=now - OLD_AFTER, scored_version=F("version"))
    room = limit - len(due)
    due += list(old.order_by("scored_at", "pk").values_list("account_id", "pk")[:room])
    done, failures = 0, []
    for account_id, content_id in due:
        try:
            done += _score_one(account_id, content_id, now=now)
        except Exception as exc:
            log.exception("content.score.failed", account_id=account_id, content_id=content_id)
            failures.append(exc)
    if failures:
        raise failures[0]
    return done


def _score_one(account_id: int, content_id: int, *, now: datetime) -> int:
    try:
        with tenant(account_id):
            account = accounts.known_account(account_id)
            score_content(account=account, content_id=content_id, now=now)
    except DomainError as exc:  # deleted meanwhile
        log.info("content.score.skipped", content_id=content_id, code=exc.code)
        return 0
    return 1


def _forget_old(account: HasKey, row: Content) -> None:
    rows = ContentScore.objects.for_account(account).filter(content=row)
    newest = rows.order_by("-scored_at", "-pk").values_list("pk", flat=True)
    if surplus := list(newest[KEPT : KEPT + 100]):
        rows.filter(pk__in=surplus).delete()
