"""Articles made better: asked for with its price, shown change by change, decided on, undone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.automation.services import requests
from igny8_core.business.billing.services.estimates import Work, estimate
from igny8_core.business.content import selectors as content
from igny8_core.business.content.services.scoring_messages import title_of
from igny8_core.business.optimization import selectors
from igny8_core.business.optimization.services import decide
from igny8_core.business.optimization.services.diffs import page_diff, word_diff
from igny8_core.business.optimization.services.optimize_content import GROWTH
from igny8_core.business.optimization.services.passages import plain
from igny8_core.business.optimization.states import OPEN, OptimizationStatus, Outcome
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.web.lists import heads, one_of, page_number, page_of, whole
from igny8_core.web.scores import gains, tone_of
from igny8_core.web.screens import SectorRequest, dialog, go_to, render_screen, screen

if TYPE_CHECKING:
    from django.http import HttpResponse

LOW_SCORE: Final = 84
"""Up to this an article is offered: above it is strong."""

OFFERED: Final = 6
COLUMNS: Final = (
    ("Article", "", ""),
    ("Before", "num", ""),
    ("After", "num", ""),
    ("Result", "", ""),
    ("By", "", ""),
    ("Credits", "num", ""),
    ("Asked for", "", ""),
)
VIEWS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "all": ("All", {}),
    "decide": ("Waits for you", {"outcome": Outcome.NEEDS_REVIEW}),
    "open": ("Under way", {"status__in": OPEN}),
    "accepted": ("Accepted", {"outcome": Outcome.ACCEPTED}),
    "failed": ("Failed", {"status": OptimizationStatus.FAILED}),
}
OUTCOMES: Final = {
    Outcome.ACCEPTED: ("Accepted", "ok"),
    Outcome.REJECTED: ("Not taken", ""),
    Outcome.NEEDS_REVIEW: ("Your decision", "warn"),
    Outcome.NOTHING_TO_GAIN: ("Nothing to gain", "info"),
}
STATES: Final = {
    OptimizationStatus.PENDING: ("Waits its turn", "info"),
    OptimizationStatus.RUNNING: ("Under way", "accent"),
    OptimizationStatus.FAILED: ("Failed", "bad"),
}
WHYS: Final = {
    "person_decides": "You asked to look at it first.",
    "new_facts": "It states something that the article did not say before.",
    "no_change_holds": "No change held: each would have cost something.",
    "discarded": "Somebody discarded it.",
    "not_scorable": "One of the texts cannot be scored.",
    "scored_otherwise": "The scorer is another one by now.",
    "score_did_not_rise": "The score would not have risen.",
    "word_count": "It would have become too long or too short.",
    "unclean_html": "It would have brought HTML that is not allowed.",
    "link_lost": "A link would have been lost.",
    "image_lost": "A picture would have been lost.",
    "gate": "It would not pass the checks of a finished text.",
    "hub_anchor": "The words that lead to the hub page would have changed.",
    "fact_lost": "A fact would have been lost.",
    "language": "It came back in another language.",
}
KINDS: Final = {
    "text": "Reworded",
    "level": "Heading level",
    "link": "Link",
    "insert": "Added",
    "field": "Field",
}
FIELDS: Final = {"meta_title": "Title for search engines", "meta_description": "Description"}


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def optimizations(request: SectorRequest) -> HttpResponse:
    """What was asked for, newest first, beside the articles that could gain most."""
    view = one_of(request.GET, "view", VIEWS) or "all"
    rows = selectors.optimization_tasks(
        account=request.account, content__sector=request.sector, **VIEWS[view][1]
    )
    rows = rows.select_related("content").defer(
        *("content__html", "content__blocks", "content__provenance"),
        *("html_before", "html_after", "scores_before", "scores_after", "metadata"),
    )
    page = page_of(rows, page_number(request.GET))
    context = {
        "page": page,
        "rows": [_row(row) for row in page.rows],
        "heads": heads(COLUMNS, ""),
        "view": view,
        "views": [(key, label) for key, (label, _) in VIEWS.items()],
        "offered": _offered(request),
        "is_busy": any(row.status in OPEN for row in page.rows),
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return render_screen(request, "growing/optimizations.html", part="table", context=context)


def _row(row: Any) -> dict[str, Any]:
    word, tone = _word(row)
    return {
        "task": row,
        "word": word,
        "tone": tone,
        "before_tone": tone_of(row.score_before),
        "after_tone": tone_of(row.score_after),
        "gain": _gain(row),
    }


def _word(row: Any) -> tuple[str, str]:
    """(word, tone) of where it stands."""
    if row.undone_at:
        return "Undone", ""
    if row.outcome:
        return OUTCOMES[Outcome(row.outcome)]
    return STATES.get(OptimizationStatus(row.status), ("Done", "ok"))


def _gain(row: Any) -> int | None:
    if row.score_before is None or row.score_after is None:
        return None
    return int(row.score_after) - int(row.score_before)


def _offered(request: SectorRequest) -> list[tuple[Any, str]]:
    """(article, tone) of those with the lowest scores."""
    rows = content.contents(
        account=request.account, sector=request.sector, score_min=0, score_max=LOW_SCORE
    )
    return [(row, tone_of(row.score)) for row in rows.order_by("score", "pk")[:OFFERED]]


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def ask(request: SectorRequest) -> HttpResponse:
    """Have an article made better: what it costs at most first, then the work."""
    account, now = request.account, timezone.now()
    if not (content_id := whole(request.POST, "content")):
        raise InvalidInput("Choose an article first.")
    article = content.content(account=account, content_id=content_id)
    if article.sector_id != request.sector.pk:
        raise NotFound("no such article", content_id=article.pk)
    if request.POST.get("confirmed") == "1":
        made = requests.request_optimization(
            account=account,
            content_id=article.pk,
            is_by_rules=request.POST.get("by") == "rules",
            is_automatic=request.POST.get("is_automatic") == "1",
            now=now,
        )
        return go_to(request, _address(request, made), "It is queued. This page follows it.")
    words = math.ceil(article.word_count * GROWTH) or 1
    context = {
        "article": article,
        "price": estimate(account=account, works=[Work("optimization", {"per_words": words})],
                          now=now),
    }  # fmt: skip
    return dialog(request, "growing/optimization_dialog.html", context=context)


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def optimization(request: SectorRequest, optimization_id: int) -> HttpResponse:
    """One of them: both scores, and every change to take or to leave."""
    row = _found(request, optimization_id)
    word, tone = _word(row)
    shown = one_of(request.GET, "show", ("changes", "text")) or "changes"
    metadata = row.metadata
    accepted = metadata.get("accepted")
    context = {
        "task": row,
        "word": word,
        "tone": tone,
        "gain": _gain(row),
        "before_tone": tone_of(row.score_before),
        "after_tone": tone_of(row.score_after),
        "gains": gains(row.scores_before, row.scores_after),
        "changes": [_change(one, accepted) for one in metadata.get("changes", ())],
        "whys": [WHYS.get(why, why.replace("_", " ")) for why in metadata.get("reasons", ())],
        "new_facts": metadata.get("new_facts", ()),
        "refused": [_refused(one) for one in metadata.get("refused", ())],
        "shown": shown,
        "diff": page_diff(row.html_before, row.html_after) if shown == "text" else None,
        "is_open": row.status in OPEN,
        "is_to_decide": row.outcome == Outcome.NEEDS_REVIEW,
        "may_undo": row.outcome == Outcome.ACCEPTED and row.undone_at is None,
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return render_screen(request, "growing/optimization.html", part="body", context=context)


def _change(stored: dict[str, Any], accepted: list[str] | None) -> dict[str, Any]:
    """A change as a person reads it.

    :param accepted: ids of those that were taken; None before it was decided.
    """
    before, after = plain(stored["before"]), plain(stored["after"])
    place = FIELDS.get(stored["field"], "") if stored["kind"] == "field" else ""
    if stored["kind"] == "insert":
        place = stored["field"]
    return {
        "id": stored["id"],
        "kind": KINDS.get(stored["kind"], stored["kind"]),
        "place": place,
        "by": "Model" if stored["by"] == "model" else "Rules, free",
        "is_model": stored["by"] == "model",
        "checks": [title_of(check) for check in stored["checks"]],
        "pieces": word_diff(before, after),
        "was_taken": accepted is None or stored["id"] in accepted,
    }


def _refused(stored: dict[str, Any]) -> dict[str, Any]:
    why = WHYS.get(stored["reason"], stored["reason"].replace("_", " "))
    return {"why": why, "detail": stored.get("detail", ()), "text": plain(stored.get("text", ""))}


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def accept(request: SectorRequest, optimization_id: int) -> HttpResponse:
    """Give the article all changes, or those that are ticked. It can be undone."""
    row = _found(request, optimization_id)
    chosen = request.POST.getlist("changes")
    decide.accept_changes(
        account=request.account,
        optimization_task_id=row.pk,
        change_ids=None if request.POST.get("all") == "1" else chosen,
        user_id=request.user.pk,
        now=timezone.now(),
    )
    said = "The article has the new text, as its next version. You can undo it here."
    return go_to(request, _address(request, row.pk), said)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def discard(request: SectorRequest, optimization_id: int) -> HttpResponse:
    """Leave the article as it is."""
    row = _found(request, optimization_id)
    decide.discard_changes(
        account=request.account,
        optimization_task_id=row.pk,
        user_id=request.user.pk,
        now=timezone.now(),
    )
    return go_to(request, _address(request, row.pk), "Discarded. The article stays as it is.")


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def undo(request: SectorRequest, optimization_id: int) -> HttpResponse:
    """Bring the text before back, as a new version."""
    row = _found(request, optimization_id)
    decide.undo_changes(
        account=request.account,
        optimization_task_id=row.pk,
        user_id=request.user.pk,
        now=timezone.now(),
    )
    return go_to(
        request, _address(request, row.pk), "Undone. The article says what it said before."
    )


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def retry(request: SectorRequest, optimization_id: int) -> HttpResponse:
    """Ask again for one that failed."""
    row = _found(request, optimization_id)
    requests.request_optimization_again(
        account=request.account, optimization_task_id=row.pk, now=timezone.now()
    )
    return go_to(request, _address(request, row.pk), "It is tried again.")


def _found(request: SectorRequest, optimization_id: int) -> Any:
    rows = selectors.optimization_task(
        account=request.account, optimization_task_id=optimization_id
    )
    if rows.content.sector_id != request.sector.pk:
        raise NotFound("no such optimisation", optimization_task_id=optimization_id)
    return rows


def _address(request: SectorRequest, optimization_id: int) -> str:
    return reverse("optimization", args=[request.site.pk, request.sector.pk, optimization_id])
