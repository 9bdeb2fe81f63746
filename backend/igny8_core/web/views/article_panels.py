"""What stands beside an article: its score, brief, links, pictures, notes, topics, versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from igny8_core.auth import selectors as accounts
from igny8_core.auth.states import Role
from igny8_core.business.content import selectors
from igny8_core.business.content.services import (
    comments,
    content_gates,
    edit_taxonomies,
    schedule_content,
    suggest_links,
)
from igny8_core.business.content.services.gate_words import TITLES
from igny8_core.business.content.services.gather_brief import told_of
from igny8_core.business.content.services.suggest_taxonomies import fitting
from igny8_core.business.content.services.text_use import keyword_uses, other_links, own_links
from igny8_core.business.content.states import CommentKind, ImageStatus, TaxonomyType
from igny8_core.business.planning import selectors as planning
from igny8_core.common.errors import InvalidInput, NotFound
from igny8_core.web.lists import ids_of, whole
from igny8_core.web.scores import shown_score
from igny8_core.web.screens import SectorRequest, dialog, done, go_to, screen
from igny8_core.web.times import field_value, moment_of
from igny8_core.web.views.images import shown_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse

PANELS: Final = {
    "score": "Score",
    "brief": "Brief",
    "links": "Links",
    "images": "Images",
    "notes": "Notes",
    "topics": "Topics",
    "versions": "Versions",
}
VERSIONS_SHOWN: Final = 30
NOTES_SHOWN: Final = 60
TERMS_SHOWN: Final = 200
KEYWORDS_SHOWN: Final = 30
RIVALS_SHOWN: Final = 10
IMAGES_AT_ONCE: Final = 50
REASONS: Final = {
    "to_hub": "to the hub page",
    "from_hub": "from the hub page",
    "same_cluster": "same cluster",
    "same_sector": "same sector",
}


def panel_context(request: SectorRequest, row: Any, name: str) -> dict[str, Any]:
    """What one panel shows."""
    return _BUILDERS[name](request, row)


def _score(request: SectorRequest, row: Any) -> dict[str, Any]:
    kept = selectors.content_scores(account=request.account, content=row).defer(None).first()
    return {"score": kept and shown_score(kept, version=row.version)}


def _brief(request: SectorRequest, row: Any) -> dict[str, Any]:
    """The brief that it was written by; without a writing task the keywords of its cluster."""
    account = request.account
    brief = told_of(account=account, site=request.site, row=row)
    if brief is not None:
        known = [(k.text, k.volume, k.intent) for k in brief.keywords]
    elif row.cluster_id is not None:
        rows = planning.cluster_keywords(account=account, cluster_id=row.cluster_id)
        found = rows.filter(is_disabled=False)[:KEYWORDS_SHOWN]
        known = [(k.keyword, k.volume, k.intent) for k in found]
    else:
        known = []
    uses = keyword_uses(f"{row.title} {row.html}", [text for text, _, _ in known])
    return {
        "brief": brief,
        "keywords": [(text, volume, intent, uses[text]) for text, volume, intent in known],
        "said": sum(1 for count in uses.values() if count),
        "rivals": _rivals(request, row),
    }


def _rivals(request: SectorRequest, row: Any) -> list[tuple[str, str]]:
    """(host, address) of the pages that rank for its keyword, as an import brought them."""
    if not row.primary_keyword:
        return []
    urls = planning.ranking_pages(
        account=request.account, sector=request.sector, keyword=row.primary_keyword
    )
    parts = [(urlsplit(url).hostname or "", url) for url in urls[:RIVALS_SHOWN]]
    return [(host, url) for host, url in parts if host and url.startswith("http")]


def _links(request: SectorRequest, row: Any) -> dict[str, Any]:
    account = request.account
    suggested = suggest_links.links_of(account, row)
    has = own_links(row.html)
    targets = selectors.contents(account=account).in_bulk([pk for pk, _ in has])
    return {
        "outgoing": [_suggested(one) for one in suggested if one.source_id == row.pk],
        "incoming": [_suggested(one) for one in suggested if one.source_id != row.pk],
        "linked": [(targets.get(pk), anchor) for pk, anchor in has],
        "outside": [(urlsplit(url).hostname or url, url, text) for url, text in
                    other_links(row.html)],
    }  # fmt: skip


def _suggested(link: Any) -> dict[str, Any]:
    before, anchor, after = link.text.partition(link.anchor)
    return {
        "link": link,
        "before": f"…{before[-60:]}" if len(before) > 60 else before,  # noqa: PLR2004 - a line
        "anchor": anchor,
        "after": f"{after[:60]}…" if len(after) > 60 else after,  # noqa: PLR2004 - a line
        "reason": REASONS[link.reason],
    }


def _images(request: SectorRequest, row: Any) -> dict[str, Any]:
    rows = list(selectors.content_images(account=request.account, content=row)[:IMAGES_AT_ONCE])
    waiting = [image.pk for image in rows if image.status != ImageStatus.GENERATED]
    return {
        "images": [shown_image(image) for image in rows],
        "waiting": ",".join(map(str, waiting)),
        "waiting_count": len(waiting),
    }


def _notes(request: SectorRequest, row: Any) -> dict[str, Any]:
    found = selectors.comments(account=request.account, content=row)[:NOTES_SHOWN]
    people = {one.user_id: one.user.name or one.user.email
              for one in accounts.members(account=request.account)}  # fmt: skip
    notes: list[dict[str, Any]] = [
        {
            "row": note,
            "who": _who(people, note.author_id),
            "is_reason": note.kind == CommentKind.SENT_BACK,
            "is_mine": note.author_id == request.user.pk,
        }
        for note in found
    ]
    return {
        "notes": [note for note in notes if note["row"].resolved_at is None],
        "settled": [note for note in notes if note["row"].resolved_at is not None],
    }


def _who(people: dict[int, str], author_id: int | None) -> str:
    return "A program" if author_id is None else people.get(author_id, "Somebody")


def _topics(request: SectorRequest, row: Any) -> dict[str, Any]:
    account = request.account
    has = list(selectors.content_taxonomies(account=account, content=row))
    others = selectors.taxonomies(account=account, site=request.site)
    others = others.exclude(pk__in=[term.pk for term in has])[:TERMS_SHOWN]
    known = {term.pk for term in has}
    terms = [(term, True) for term in has] + [(term, False) for term in others]
    return {
        "categories": [pair for pair in terms if pair[0].taxonomy_type == TaxonomyType.CATEGORY],
        "tags": [pair for pair in terms if pair[0].taxonomy_type == TaxonomyType.TAG],
        "fitting": [one for one in fitting(account, row) if one.taxonomy_id not in known],
    }


def _versions(request: SectorRequest, row: Any) -> dict[str, Any]:
    found = selectors.content_versions(account=request.account, content=row)
    return {"versions": found[:VERSIONS_SHOWN]}


_BUILDERS: Final[dict[str, Callable[[SectorRequest, Any], dict[str, Any]]]] = {
    "score": _score,
    "brief": _brief,
    "links": _links,
    "images": _images,
    "notes": _notes,
    "topics": _topics,
    "versions": _versions,
}


def found_article(request: SectorRequest, content_id: int) -> Any:
    """The article of the path.

    :raises NotFound: it is of another sector, gone, or another account's.
    """
    found = selectors.content(account=request.account, content_id=content_id)
    if found.sector_id != request.sector.pk:
        raise NotFound("no such article", content_id=content_id)
    return found


def article_address(request: SectorRequest, content_id: int, panel: str = "") -> str:
    """Where the article is, with one of its panels open."""
    address = reverse("content", args=[request.site.pk, request.sector.pk, content_id])
    return f"{address}?panel={panel}" if panel else address


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def check(request: SectorRequest, content_id: int) -> HttpResponse:
    """What would hold the article back, or should be known before it goes out."""
    row = found_article(request, content_id)
    found = content_gates.content_gates(
        account=request.account, content_id=row.pk, reader_id=request.user.pk
    )
    gates = [(TITLES.get(one.gate, one.gate), one) for one in found]
    context = {
        "content": row,
        "failed": [pair for pair in gates if not pair[1].passed],
        "passed": [name for name, one in gates if one.passed],
    }
    return dialog(request, "writing/check_dialog.html", context=context)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def schedule(request: SectorRequest, content_id: int) -> HttpResponse:
    """When the article goes live, at the earliest; without a time with the next deployment."""
    row = found_article(request, content_id)
    when = moment_of(request.POST.get("publish_at", ""), request.site)
    if request.POST.get("clear") == "1":
        when = None
    schedule_content.schedule_content(
        account=request.account, content_id=row.pk, publish_at=when, now=timezone.now()
    )
    said = "Scheduled." if when else "It goes live with the next deployment."
    if request.POST.get("from") == "calendar":
        here = [request.site.pk, request.sector.pk]
        before = field_value(row.publish_at, request.site)
        undo = {
            "label": "Undo",
            "url": reverse("content_schedule", args=[*here, row.pk]),
            "values": {"publish_at": before, "from": "calendar"},
        }
        back = reverse("publishing_calendar", args=here)
        return done(request, said, to=back, event="calendar-changed", undo=undo)
    return go_to(request, article_address(request, row.pk), said)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def insert_links(request: SectorRequest, content_id: int) -> HttpResponse:
    """Link this article to others, or another one to it, in the words that are there."""
    row = found_article(request, content_id)
    source = found_article(request, whole(request.POST, "source") or row.pk)
    given = request.POST.getlist("targets")
    targets = ids_of(",".join(given), limit=suggest_links.SUGGESTED_MAX)
    if not targets:
        raise InvalidInput("Choose links first.")
    before = source.version
    changed = suggest_links.insert_links(
        account=request.account,
        content_id=source.pk,
        target_ids=targets,
        version=whole(request.POST, "version"),
        user_id=request.user.pk,
        now=timezone.now(),
    )
    said = "Nothing was linked: it is there already." if changed.version == before else (
        "Linked, as the next version. Words and approval stay as they were."
    )  # fmt: skip
    return go_to(request, article_address(request, row.pk, "links"), said)


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def set_topics(request: SectorRequest, content_id: int) -> HttpResponse:
    """Give the article exactly these categories and tags; new ones are made first."""
    row = found_article(request, content_id)
    wanted = list(ids_of(",".join(request.POST.getlist("taxonomies")),
                         limit=edit_taxonomies.TAXONOMIES_MAX + 1))  # fmt: skip
    for given in request.POST.getlist("new"):
        kind, _, name = given.partition(":")
        if kind in TaxonomyType.values and name.strip():
            made = edit_taxonomies.create_taxonomy(
                account=request.account, site_id=row.site_id, taxonomy_type=kind, name=name
            )
            wanted.append(made.pk)
    edit_taxonomies.set_content_taxonomies(
        account=request.account, content_id=row.pk, taxonomy_ids=wanted
    )
    to = article_address(request, row.pk, "topics")
    return done(request, "Saved.", to=to, event="topics-changed")


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def add_note(request: SectorRequest, content_id: int) -> HttpResponse:
    """Remark on the article. Its version stays."""
    row = found_article(request, content_id)
    comments.add_comment(
        account=request.account,
        content_id=row.pk,
        text=request.POST.get("text", ""),
        user_id=request.user.pk,
    )
    return _noted(request, row.pk, "Noted.")


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def settle_note(request: SectorRequest, content_id: int, comment_id: int) -> HttpResponse:
    """Settle a remark, or open it again."""
    row = _note(request, content_id, comment_id)
    now = timezone.now()
    if request.POST.get("is_open") == "1":
        comments.reopen_comment(account=request.account, comment_id=row.pk, now=now)
        return _noted(request, content_id, "Open again.")
    comments.resolve_comment(
        account=request.account, comment_id=row.pk, user_id=request.user.pk, now=now
    )
    return _noted(request, content_id, "Settled.")


@require_POST
@screen(role=Role.EDITOR, in_sector=True)
def delete_note(request: SectorRequest, content_id: int, comment_id: int) -> HttpResponse:
    """Remove a remark for good."""
    row = _note(request, content_id, comment_id)
    comments.delete_comment(account=request.account, comment_id=row.pk)
    return _noted(request, content_id, "Removed.")


def _note(request: SectorRequest, content_id: int, comment_id: int) -> Any:
    article = found_article(request, content_id)
    found = selectors.comment(account=request.account, comment_id=comment_id)
    if found.content_id != article.pk:
        raise NotFound("no such comment", comment_id=comment_id)
    return found


def _noted(request: SectorRequest, content_id: int, said: str) -> HttpResponse:
    to = article_address(request, content_id, "notes")
    return done(request, said, to=to, event="notes-changed")
