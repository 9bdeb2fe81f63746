"""When articles go live, and when they did: a month of a site, on its own clocks."""

from __future__ import annotations

from calendar import Calendar
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.views.decorators.http import require_safe

from igny8_core.auth.states import Role
from igny8_core.business.content import selectors
from igny8_core.business.content.states import ContentStatus
from igny8_core.web.lists import text
from igny8_core.web.screens import SectorRequest, dialog, render_screen, screen
from igny8_core.web.times import field_value, local, tomorrow_morning, zone_of
from igny8_core.web.views.article_panels import found_article

if TYPE_CHECKING:
    from django.http import HttpResponse

SHOWN_MAX: Final = 500
"""Articles of a month; more cannot be told apart."""

WAITING_SHOWN: Final = 20
ICONS: Final = {
    "ok": "check",
    "accent": "clock",
    "warn": "circle-dashed",
    "bad": "circle-alert",
}
YEARS: Final = range(2000, 2100)


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def calendar(request: SectorRequest) -> HttpResponse:
    """The month of ``?month=2026-11``, else this one, beside the articles without a time."""
    today = (local(timezone.now(), request.site) or timezone.now()).date()
    first = _month(text(request.GET, "month")) or today.replace(day=1)
    weeks = Calendar().monthdatescalendar(first.year, first.month)
    days = [day for week in weeks for day in week]
    found = _by_day(request, days[0], days[-1] + timedelta(days=1))
    shown = [_day(day, found.get(day, []), first, today) for day in days]
    waiting = selectors.contents(
        account=request.account, site=request.site, status=ContentStatus.REVIEW, is_scheduled=False
    )
    context = {
        "month": first,
        "earlier": (first - timedelta(days=1)).strftime("%Y-%m"),
        "later": (first + timedelta(days=31)).strftime("%Y-%m"),
        "is_now": first == today.replace(day=1),
        "days": shown,
        "weekdays": [day.strftime("%a") for day in weeks[0]],
        "count": sum(len(day["items"]) for day in shown if day["is_of_month"]),
        "waiting": waiting[:WAITING_SHOWN],
        "waiting_count": waiting.count(),
        "zone": zone_of(request.site).key,
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return render_screen(request, "publishing/calendar.html", part="month", context=context)


def _month(given: str) -> date | None:
    """The first day of a month as ``2026-11``; None when it is none."""
    try:
        found = datetime.strptime(given, "%Y-%m").date()  # noqa: DTZ007 - a month has no zone
    except ValueError:
        return None
    return found if found.year in YEARS else None


def _by_day(request: SectorRequest, first: date, end: date) -> dict[date, list[dict[str, Any]]]:
    """What goes live or went live, by day on the site's clocks; two queries."""
    zone, now = zone_of(request.site), timezone.now()
    begins = datetime.combine(first, time.min, tzinfo=zone)
    ends = datetime.combine(end, time.min, tzinfo=zone)
    wanted: dict[str, Any] = {"account": request.account, "site": request.site}
    planned = selectors.contents(
        **wanted, publish_at__gte=begins, publish_at__lt=ends
    ).exclude(status=ContentStatus.PUBLISHED)  # fmt: skip
    live = selectors.contents(
        **wanted, status=ContentStatus.PUBLISHED, published_at__gte=begins, published_at__lt=ends
    )
    items: list[tuple[Any, Any]] = [
        (row, row.publish_at) for row in planned.order_by("publish_at", "pk")[:SHOWN_MAX]
    ]
    items += [(row, row.published_at) for row in live.order_by("published_at", "pk")[:SHOWN_MAX]]
    found: dict[date, list[dict[str, Any]]] = {}
    for row, moment in sorted(items, key=lambda one: one[1]):
        when = moment.astimezone(zone)
        word, tone = _word(row, is_over=moment <= now)
        item = {"row": row, "when": when, "word": word, "tone": tone, "icon": ICONS[tone],
                "is_movable": row.status != ContentStatus.PUBLISHED}  # fmt: skip
        found.setdefault(when.date(), []).append(item)
    return found


def _word(row: Any, *, is_over: bool) -> tuple[str, str]:
    if row.status == ContentStatus.PUBLISHED:
        return "Published", "ok"
    if row.approved_version != row.version:
        return ("Late: not approved", "bad") if is_over else ("Not approved yet", "warn")
    return ("Next deployment", "accent") if is_over else ("Approved", "accent")


def _day(day: date, items: list[dict[str, Any]], month: date, today: date) -> dict[str, Any]:
    return {
        "date": day,
        "items": items,
        "is_of_month": day.month == month.month,
        "is_today": day == today,
        "is_ahead": day >= today,
    }


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def slot(request: SectorRequest, content_id: int) -> HttpResponse:
    """One article's time, to be changed."""
    row = found_article(request, content_id)
    context = {
        "content": row,
        "when": local(row.publish_at, request.site),
        "field": field_value(row.publish_at or tomorrow_morning(request.site), request.site),
        "zone": zone_of(request.site).key,
        "is_approved": row.approved_version == row.version,
        "may_edit": request.role.includes(Role.EDITOR) and row.status != ContentStatus.PUBLISHED,
    }
    return dialog(request, "publishing/slot_dialog.html", context=context)
