"""Every component in use, for those who build screens and those who look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.views.decorators.http import require_safe

from igny8_core.web.lists import Page, heads
from igny8_core.web.views.acting import staff_only

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_safe
@staff_only
def gallery(request: HttpRequest) -> HttpResponse:
    """Buttons, fields, marks, tables, charts, empty states."""
    trend = [12, 14, 13, 18, 22, 21, 26, 31, 30, 36, 41, 44]
    context = {
        "tones": ["", "ok", "warn", "bad", "info", "accent", "violet"],
        "difficulties": [4, 22, 41, 63, 78, 92],
        "rising": trend,
        "falling": trend[::-1],
        "days": [3, 0, 8, 14, 9, 22, 31, 12, 0, 5, 18, 40],
        "curve": [(0.0, 0), (0.2, 120), (0.54, 366)],
        "heads": heads((("Keyword", "", "keyword"), ("Volume", "num", "-volume")), "-volume"),
        "page": Page([], 2, 180),
        "steps": ["Upload", "Look", "Import"],
    }
    return render(request, "ops/gallery.html", context)
