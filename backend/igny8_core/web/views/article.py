"""One article: read, edited, reviewed, and every version of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth.states import Role
from igny8_core.business.content import selectors
from igny8_core.business.content.errors import VersionConflict
from igny8_core.business.content.services import editing, review
from igny8_core.business.content.services.content_fields import ContentChanges
from igny8_core.business.content.services.score_content import score_content
from igny8_core.business.content.services.scoring_messages import REASONS, fix_text, title_of
from igny8_core.business.content.services.scoring_total import band_of
from igny8_core.business.publishing import selectors as publishing
from igny8_core.business.publishing.services import hand_over
from igny8_core.common.errors import DomainError, InvalidInput, NotFound
from igny8_core.web.lists import whole
from igny8_core.web.screens import SectorRequest, dialog, go_to, render_screen, screen

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
VERSIONS_SHOWN: Final = 20
WORDS_A_MINUTE: Final = 230


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def content(request: SectorRequest, content_id: int) -> HttpResponse:
    """The article beside its facts."""
    return _page(request, _found(request, content_id))


def _page(
    request: SectorRequest, row: Any, *, error: DomainError | None = None, status: int = 200
) -> HttpResponse:
    given: dict[str, Any] = {name: getattr(row, name) for name in (*FIELDS, "html")}
    if error is not None:
        given |= {name: request.POST.get(name, value) for name, value in given.items()}
    kept = {tag.lower() for tag in TAG.findall(row.html)} <= EDITABLE
    account = request.account
    context = {
        "content": row,
        "given": given,
        "error": error,
        "is_rich": kept,
        "minutes": max(1, round(row.word_count / WORDS_A_MINUTE)),
        "versions": selectors.content_versions(account=account, content=row)[:VERSIONS_SHOWN],
        "images": selectors.content_images(account=account, content=row),
        "taxonomies": selectors.content_taxonomies(account=account, content=row),
        "live": publishing.live_deployment(account=account, site=request.site),
        "score": _score(request, row),
        "may_edit": request.role.includes(Role.EDITOR),
        "is_approved": row.approved_version == row.version,
    }
    return render_screen(request, "writing/content.html", context=context, status=status)


GROUPS: Final = {
    "topic": "Topic coverage",
    "use": "Use of the keyphrase",
    "placement": "Where the keyphrase stands",
    "structure": "Structure",
    "readability": "Readability",
    "links": "Links",
    "images": "Images",
    "title": "Title",
    "description": "Description",
}
FIXES_SHOWN: Final = 8


def _score(request: SectorRequest, row: Any) -> dict[str, Any] | None:
    """The kept score of the text with what it lost, the dearest first; None: not scored yet."""
    kept = selectors.content_scores(account=request.account, content=row).defer(None).first()
    if kept is None:
        return None
    groups: dict[str, list[int]] = {}
    lost = []
    for check in kept.checks:
        if check.get("state") == "not_applicable" or not check["max"]:
            continue
        sums = groups.setdefault(check["check"].partition(".")[0], [0, 0])
        sums[0] += check["earned"]
        sums[1] += check["max"]
        if check["earned"] < check["max"] and check.get("fix"):
            lost.append((check["max"] - check["earned"], fix_text(check["fix"])))
    band = "" if kept.score is None else band_of(kept.score)
    return {
        "kept": kept,
        "band": band,
        "tone": {"weak": "bad", "fair": "warn", "good": "info", "strong": "ok"}.get(band, ""),
        "groups": [(GROUPS.get(name, name.capitalize()), round(got * 100 / most))
                   for name, (got, most) in groups.items()],
        "fixes": [(text, f"{points / 100:.1f}")
                  for points, text in sorted(lost, reverse=True)[:FIXES_SHOWN]],
        "caps": [(title_of(cap["cap"]), cap["most"]) for cap in kept.caps],
        "reason": REASONS.get(kept.reason, ""),
        "is_old": kept.version != row.version,
    }  # fmt: skip


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def score(request: SectorRequest, content_id: int) -> HttpResponse:
    """Score the stored text; free, and the same text always gets the same score."""
    row = _found(request, content_id)
    score_content(account=request.account, content_id=row.pk, now=timezone.now())
    return go_to(request, _address(request, row.pk))


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def save(request: SectorRequest, content_id: int) -> HttpResponse:
    """Store the article as its next version, unless somebody else has meanwhile."""
    row = _found(request, content_id)
    try:
        editing.edit_content(
            account=request.account,
            content_id=row.pk,
            version=whole(request.POST, "version") or 0,
            changes=_changes(request.POST, row),
            user_id=request.user.pk,
            now=timezone.now(),
        )
    except (InvalidInput, VersionConflict) as exc:
        return _page(request, row, error=exc, status=exc.http_status)
    return go_to(request, _address(request, row.pk), "Saved.")


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
    _found(request, content_id)
    review.submit_for_review(account=request.account, content_id=content_id, now=timezone.now())
    return go_to(request, _address(request, content_id), "Handed over for review.")


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def approve(request: SectorRequest, content_id: int) -> HttpResponse:
    """Say that the version on the screen may be published."""
    _found(request, content_id)
    hand_over.approve_content(
        account=request.account,
        content_id=content_id,
        version=whole(request.POST, "version"),
        user_id=request.user.pk,
        now=timezone.now(),
    )
    text = "Approved. The next deployment of the site publishes it."
    return go_to(request, _address(request, content_id), text)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def send_back(request: SectorRequest, content_id: int) -> HttpResponse:
    """Give it back to its writer, with the reason."""
    _found(request, content_id)
    review.send_back(
        account=request.account,
        content_id=content_id,
        note=request.POST.get("note", ""),
        now=timezone.now(),
    )
    return go_to(request, _address(request, content_id), "Sent back.")


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def take_down(request: SectorRequest, content_id: int) -> HttpResponse:
    """Bring a published article back into review."""
    row = _found(request, content_id)
    if request.POST.get("confirmed") != "1":
        return dialog(request, "writing/take_down_dialog.html", context={"content": row})
    review.take_down(account=request.account, content_id=row.pk, now=timezone.now())
    text = "In review again. The next deployment removes it from the site."
    return go_to(request, _address(request, row.pk), text)


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def version(request: SectorRequest, content_id: int, version_id: int) -> HttpResponse:
    """An older version, to be read before it is brought back."""
    row = _found(request, content_id)
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
    row = _found(request, content_id)
    found = _version(request, row, version_id)
    editing.restore_version(
        account=request.account,
        content_id=row.pk,
        version=row.version,
        restored=found.version,
        user_id=request.user.pk,
        now=timezone.now(),
    )
    return go_to(request, _address(request, row.pk), f"Version {found.version} is back.")


def _version(request: SectorRequest, row: Any, version_id: int) -> Any:
    found = selectors.content_version(account=request.account, version_id=version_id)
    if found.content_id != row.pk:
        raise NotFound("no such version", version_id=version_id)
    return found


def _found(request: SectorRequest, content_id: int) -> Any:
    found = selectors.content(account=request.account, content_id=content_id)
    if found.sector_id != request.sector.pk:
        raise NotFound("no such article", content_id=content_id)
    return found


def _address(request: SectorRequest, content_id: int) -> str:
    return reverse("content", args=[request.site.pk, request.sector.pk, content_id])
