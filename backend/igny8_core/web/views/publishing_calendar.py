"""When articles go live, and when they did: a month or a week of a site, on its own clocks."""

from __future__ import annotations

from calendar import Calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.utils import timezone
from django.utils.dateformat import format as words_of
from django.views.decorators.http import require_safe

from igny8_core.auth.states import Role
from igny8_core.business.content import selectors
from igny8_core.business.content.states import ContentStatus
from igny8_core.web.lists import text
from igny8_core.web.screens import SectorRequest, dialog, render_screen, screen
from igny8_core.web.times import field_value, local, tomorrow_morning, zone_of
from igny8_core.web.views.article_panels import found_article

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpResponse, QueryDict

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
WEEK: Final = timedelta(days=7)
MIDDLE: Final = timedelta(days=3)
"""From a Monday to the Thursday, whose month is the week's."""


@dataclass(frozen=True)
class Span:
    """The days that are shown, and the addresses of those around them.

    :ivar unit: ``month`` or ``week``.
    :ivar own: the days that it is about; a month is shown with the rest of its weeks.
    :ivar month, week: the query of the same days in the other view.
    """

    unit: str
    title: str
    short: str
    days: Sequence[date]
    own: tuple[date, date]
    earlier: str
    later: str
    month: str
    week: str

    def holds(self, day: date) -> bool:
        """Whether a day is one that it is about."""
        return self.own[0] <= day <= self.own[1]


@require_safe
@screen(role=Role.VIEWER, in_sector=True)
def calendar(request: SectorRequest) -> HttpResponse:
    """The month of ``?month=2026-11``, or with ``?view=week`` the week of ``&day=2026-11-26``.

    Without a date it is the one that holds today. Beside it stand the articles without a time.
    """
    today = (local(timezone.now(), request.site) or timezone.now()).date()
    span = _span(request.GET, today)
    found = _by_day(request, span.days[0], span.days[-1] + timedelta(days=1))
    shown = [_day(day, found.get(day, []), span, today) for day in span.days]
    waiting = selectors.contents(
        account=request.account, site=request.site, status=ContentStatus.REVIEW, is_scheduled=False
    )
    context = {
        "span": span,
        "is_now": span.holds(today),
        "days": shown,
        "weekdays": [day.strftime("%a") for day in span.days[:7]],
        "count": sum(len(day["items"]) for day in shown if day["is_own"]),
        "waiting": waiting[:WAITING_SHOWN],
        "waiting_count": waiting.count(),
        "zone": zone_of(request.site).key,
        "may_edit": request.role.includes(Role.EDITOR),
    }
    return render_screen(request, "publishing/calendar.html", part="month", context=context)


def _span(query: QueryDict, today: date) -> Span:
    """What an address asks for; what is no date is today."""
    if text(query, "view") == "week":
        return _week(_date(text(query, "day"), "%Y-%m-%d") or today, today)
    return _month(_date(text(query, "month"), "%Y-%m") or today, today)


def _month(day: date, today: date) -> Span:
    first = day.replace(day=1)
    after = (first + timedelta(days=31)).replace(day=1)
    last = after - timedelta(days=1)
    is_now = first <= today <= last
    return Span(
        unit="month",
        title=words_of(first, "F Y"),
        short=words_of(first, "F"),
        days=[one for week in Calendar().monthdatescalendar(first.year, first.month)
              for one in week],
        own=(first, last),
        earlier=f"?month={first - timedelta(days=1):%Y-%m}",
        later=f"?month={after:%Y-%m}",
        month=f"?month={first:%Y-%m}",
        week="?view=week" if is_now else f"?view=week&day={first}",
    )  # fmt: skip


def _week(day: date, today: date) -> Span:
    first = day - timedelta(days=day.weekday())
    last = first + WEEK - timedelta(days=1)
    begins = "j F Y" if first.year != last.year else "j F" if first.month != last.month else "j"
    middle = today if first <= today <= last else first + MIDDLE
    return Span(
        unit="week",
        title=f"{words_of(first, begins)} \N{EN DASH} {words_of(last, 'j F Y')}",
        short=f"week {first.isocalendar().week}",
        days=[first + timedelta(days=n) for n in range(7)],
        own=(first, last),
        earlier=f"?view=week&day={first - WEEK}",
        later=f"?view=week&day={first + WEEK}",
        month=f"?month={middle:%Y-%m}",
        week=f"?view=week&day={first}",
    )


def _date(given: str, pattern: str) -> date | None:
    """A day, or the first one of a month; None when it is none, or beyond reason."""
    try:
        found = datetime.strptime(given, pattern).date()  # noqa: DTZ007 - a day has no zone
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
        when = moment.astimezone(zone).replace(tzinfo=None)  # as :func:`local`
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


def _day(day: date, items: list[dict[str, Any]], span: Span, today: date) -> dict[str, Any]:
    return {
        "date": day,
        "items": items,
        "is_own": span.holds(day),
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
