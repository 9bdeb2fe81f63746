"""One article: read, edited, reviewed, and every version of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.content import selectors
from igny8_core.business.content.errors import VersionConflict
from igny8_core.business.content.services import editing, review
from igny8_core.business.content.services.content_fields import ContentChanges
from igny8_core.business.content.services.gate_words import FIXES, TITLES
from igny8_core.business.content.services.score_content import score_content
from igny8_core.business.content.services.scoring_width import pixels, title_units
from igny8_core.business.publishing.services import hand_over
from igny8_core.common.errors import Conflict, DomainError, InvalidInput, NotFound
from igny8_core.web.lists import one_of, whole
from igny8_core.web.screens import (
    SectorRequest,
    dialog,
    go_to,
    is_fragment,
    render_screen,
    screen,
)
from igny8_core.web.times import field_value, local, zone_of
from igny8_core.web.views.article_panels import (
    PANELS,
    article_address,
    found_article,
    panel_context,
)

if TYPE_CHECKING:
    from django.http import HttpResponse, QueryDict

TAG: Final = re.compile(r"<([a-z][a-z0-9]*)", re.IGNORECASE)
EDITABLE: Final = frozenset(
    [
        "p",
        "h2",
        "h3",
        "h4",
        "ul",
        "ol",
        "li",
        "strong",
        "em",
        "b",
        "i",
        "u",
        "s",
        "code",
        "pre",
        "blockquote",
        "a",
        "br",
        "hr",
    ]
)
"""What the editor keeps; an article with anything else is edited as HTML, so nothing is lost."""

FIELDS: Final = (
    "title",
    "slug",
    "meta_title",
    "meta_description",
    "excerpt",
    "primary_keyword",
)
LABELS: Final = {
    "title": "Title",
    "slug": "Short name in the address",
    "meta_title": "Title for search engines",
    "meta_description": "Description",
    "excerpt": "Excerpt",
    "primary_keyword": "Target keyword",
    "html": "Text",
}
WORDS_A_MINUTE: Final = 230


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def content(request: SectorRequest, content_id: int) -> HttpResponse:
    """The article beside what is known of it; one panel of that at a time, by ``?panel=``."""
    return _page(request, found_article(request, content_id))


def _page(
    request: SectorRequest, row: Any, *, error: DomainError | None = None, status: int = 200
) -> HttpResponse:
    given: dict[str, Any] = {name: getattr(row, name) for name in (*FIELDS, "html")}
    if error is not None:
        given |= {name: request.POST.get(name, value) for name, value in given.items()}
    kept = {tag.lower() for tag in TAG.findall(row.html)} <= EDITABLE
    panel = one_of(request.GET, "panel", PANELS) or "score"
    open_notes = selectors.comments(account=request.account, content=row, is_resolved=False)
    context = {
        "content": row,
        "given": given,
        "error": error,
        "problems": _problems(error),
        "is_kept": error is not None and "html" in request.POST,
        "is_rich": kept,
        "minutes": max(1, round(row.word_count / WORDS_A_MINUTE)),
        "title_pixels": _pixels(given["meta_title"] or given["title"]),
        "open_notes": open_notes.count(),
        "panel": panel,
        "panels": [(key, label) for key, label in PANELS.items() if key != "versions"],
        "publish_at": local(row.publish_at, request.site),
        "publish_field": field_value(row.publish_at, request.site),
        "zone": zone_of(request.site).key,
        "verdict": None if is_fragment(request) else _verdict(request, row),
        "may_edit": request.role.includes(Role.EDITOR),
        "is_approved": row.approved_version == row.version,
        **panel_context(request, row, panel),
    }
    return render_screen(
        request, "writing/content.html", part="panel", context=context, status=status
    )


def _problems(error: DomainError | None) -> list[str]:
    """Every reason of a refusal, field by field."""
    if error is None:
        return []
    return [
        f"{LABELS[name]}: {text}" if name in LABELS else str(text)
        for name, texts in error.data.items()
        if isinstance(texts, list)
        for text in texts
    ]


def _pixels(title: str) -> int | None:
    units = title_units(title)
    return None if units is None else pixels(units)


def _verdict(request: SectorRequest, row: Any) -> dict[str, Any] | None:
    """What the gates said of this version last; None: they were not asked."""
    kept = selectors.verdicts(account=request.account, content_id=row.pk).first()
    if kept is None or kept.version != row.version:
        return None
    return {
        "kept": kept,
        "failed": [
            one | {"title": TITLES.get(one["gate"], one["gate"]), "fix": FIXES.get(one["gate"], "")}
            for one in kept.failed
        ],
    }


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def score(request: SectorRequest, content_id: int) -> HttpResponse:
    """Score the stored text; free, and the same text always gets the same score."""
    row = found_article(request, content_id)
    score_content(account=request.account, content_id=row.pk, now=timezone.now())
    return go_to(request, article_address(request, row.pk))


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def save(request: SectorRequest, content_id: int) -> HttpResponse:
    """Store the article as its next version, unless somebody else has meanwhile."""
    row = found_article(request, content_id)
    try:
        editing.edit_content(
            account=request.account,
            content_id=row.pk,
            version=whole(request.POST, "version") or 0,
            changes=_changes(request.POST, row),
            user_id=request.user.pk,
            now=timezone.now(),
        )
    except (InvalidInput, VersionConflict) as exc:  # what gates refuse, too
        return _page(request, row, error=exc, status=exc.http_status)
    return go_to(request, article_address(request, row.pk), "Saved.")


def _changes(data: QueryDict, row: Any) -> ContentChanges:
    """What differs; the text only if it was touched, so that its blocks stay as they are."""
    given = {name: str(data[name]).strip() for name in FIELDS if name in data}
    changed: dict[str, Any] = {
        name: value for name, value in given.items() if value != getattr(row, name)
    }
    if data.get("is_touched") == "1" and data.get("html", "") != row.html:
        changed["html"] = data.get("html", "")
    return ContentChanges(**changed)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def submit(request: SectorRequest, content_id: int) -> HttpResponse:
    """Hand a draft over to the reviewers."""
    row = found_article(request, content_id)
    try:
        review.submit_for_review(account=request.account, content_id=row.pk, now=timezone.now())
    except InvalidInput as exc:
        return _page(request, row, error=exc, status=exc.http_status)
    return go_to(request, article_address(request, content_id), "Handed over for review.")


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def approve(request: SectorRequest, content_id: int) -> HttpResponse:
    """Say that the version on the screen may be published; what its gates refuse is shown."""
    row = found_article(request, content_id)
    try:
        hand_over.approve_content(
            account=request.account,
            content_id=row.pk,
            version=whole(request.POST, "version"),
            user_id=request.user.pk,
            reason=request.POST.get("reason", ""),
            now=timezone.now(),
        )
    except (InvalidInput, Conflict) as exc:
        return _page(request, row, error=exc, status=exc.http_status)
    text = "Approved. The next deployment of the site publishes it."
    return go_to(request, article_address(request, content_id), text)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def send_back(request: SectorRequest, content_id: int) -> HttpResponse:
    """Give it back to its writer, with the reason."""
    found_article(request, content_id)
    review.send_back(
        account=request.account,
        content_id=content_id,
        note=request.POST.get("note", ""),
        user_id=request.user.pk,
        now=timezone.now(),
    )
    return go_to(request, article_address(request, content_id), "Sent back.")


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def take_down(request: SectorRequest, content_id: int) -> HttpResponse:
    """Bring a published article back into review."""
    row = found_article(request, content_id)
    if request.POST.get("confirmed") != "1":
        return dialog(request, "writing/take_down_dialog.html", context={"content": row})
    review.take_down(account=request.account, content_id=row.pk, now=timezone.now())
    text = "In review again. The next deployment removes it from the site."
    return go_to(request, article_address(request, row.pk), text)


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def version(request: SectorRequest, content_id: int, version_id: int) -> HttpResponse:
    """An older version, to be read before it is brought back."""
    row = found_article(request, content_id)
    found = _version(request, row, version_id)
    context = {
        "content": row,
        "version": found,
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return dialog(request, "writing/version_dialog.html", context=context)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def restore_version(request: SectorRequest, content_id: int, version_id: int) -> HttpResponse:
    """Bring an older version back, as a new one."""
    row = found_article(request, content_id)
    found = _version(request, row, version_id)
    editing.restore_version(
        account=request.account,
        content_id=row.pk,
        version=row.version,
        restored=found.version,
        user_id=request.user.pk,
        now=timezone.now(),
    )
    return go_to(request, article_address(request, row.pk), f"Version {found.version} is back.")


def _version(request: SectorRequest, row: Any, version_id: int) -> Any:
    found = selectors.content_version(account=request.account, version_id=version_id)
    if found.content_id != row.pk:
        raise NotFound("no such version", version_id=version_id)
    return found
