"""What somebody should look at, newest first; what is new since they looked last is marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth import selectors as accounts
from igny8_core.auth.access.members import note_notices_seen
from igny8_core.auth.states import Role
from igny8_core.business.automation.services.notices import Notice, notices
from igny8_core.business.integration.states import Platform
from igny8_core.web import bell
from igny8_core.web.screens import ScreenRequest, render_screen, screen
from igny8_core.web.views.automation import WHY_PAUSED
from igny8_core.web.views.integrations import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

    from igny8_core.auth.models import Site

SEE_OTHER: Final = 303
LOOKS: Final = {
    "credits_low": ("coins", "warn"),
    "results_withheld": ("coins", "bad"),
    "run_paused": ("circle-pause", "warn"),
    "run_failed": ("circle-x", "bad"),
    "run_completed": ("circle-check", "ok"),
    "reviews_wait": ("file-pen-line", "info"),
    "publishing_failed": ("send", "bad"),
    "deployment_failed": ("rocket", "bad"),
    "sign_in_refused": ("plug-zap", "bad"),
    "site_paused": ("circle-pause", "warn"),
    "webhook_off": ("webhook", "bad"),
}
"""An icon and a tone by code."""


@require_safe
@screen(role=Role.VIEWER)
def notice_list(request: ScreenRequest) -> HttpResponse:
    """Every notice that stands, with its way out."""
    account = request.account
    seen = accounts.notices_seen_at(account=account, person=request.user)
    sites = {site.pk: site for site in accounts.sites(account=account)}
    sectors: dict[int, int] = {}
    for sector in accounts.account_sectors(account=account).order_by("pk"):
        sectors.setdefault(sector.site_id, sector.pk)
    rows = [
        _row(one, sites, sectors, account.pk) | {"is_new": seen is None or one.at > seen}
        for one in notices(account=account, now=timezone.now())
        if bell.may_see(one.code, request.role)
    ]
    context = {"rows": rows, "new": sum(row["is_new"] for row in rows)}
    return render_screen(request, "overview/notices.html", context=context)


@require_POST
@screen(role=Role.VIEWER, suspended_too=True)
def mark_seen(request: ScreenRequest) -> HttpResponse:
    """All that stand now are known."""
    note_notices_seen(account=request.account, person=request.user, now=timezone.now())
    bell.forget(account_id=request.account.pk, user_id=request.user.pk)
    address = f"{reverse('notices')}?account={request.account.pk}"
    return HttpResponseRedirect(address, status=SEE_OTHER)


def _row(
    one: Notice, sites: Mapping[int, Site], sectors: Mapping[int, int], account_id: int
) -> dict[str, Any]:
    icon, tone = LOOKS[one.code]
    title, text, verb, url = _words(one, sectors, account_id)
    return {
        "at": one.at,
        "icon": icon,
        "tone": tone,
        "title": title,
        "text": text,
        "verb": verb,
        "url": url,
        "site": sites.get(one.site_id or 0),
    }


def _words(one: Notice, sectors: Mapping[int, int], account_id: int) -> tuple[str, str, str, str]:
    """Title, text, and what to do about it."""
    count, place = one.data.get("count", 0), [one.site_id, sectors.get(one.site_id or 0)]
    articles = f"{count:,} article{'' if count == 1 else 's'}"
    account = f"?account={account_id}"
    match one.code:
        case "credits_low":
            left = f"{one.data['available']:,} were left when {one.data['percent']} % was reached."
            return "Credits run out", left, "Look at the credits", f"{reverse('billing')}{account}"
        case "results_withheld":
            text = "They are written and wait until they can be paid."
            title = f"{count:,} result{'' if count == 1 else 's'} withheld for lack of credits"
            return title, text, "Look at the credits", f"{reverse('billing')}{account}"
        case "run_paused" | "run_failed" | "run_completed":
            said = {"run_paused": "is paused", "run_failed": "has failed"}
            title = f"Run #{one.row_id} {said.get(one.code, 'is done')}"
            text = WHY_PAUSED.get(one.data["reason"], "") if one.code == "run_paused" else ""
            return title, text, "Open the run", _link("run", [*place, one.row_id])
        case "reviews_wait":
            verb = "waits" if count == 1 else "wait"
            url = f"{_link('contents', place)}?view=review"
            return f"{articles} {verb} for approval", "", "Review", url
        case "publishing_failed":
            url = f"{_link('publishing', place)}?view=failed"
            return f"{articles} could not be published", "", "Look at the reasons", url
        case "deployment_failed":
            title = f"Version {one.data['version']} of the site did not go live"
            return title, one.data["error"], "Open publishing", _link("publishing", place)
        case "sign_in_refused" | "site_paused":
            name = PLATFORMS[Platform(one.data["platform"])]["name"]
            is_refused = one.code == "sign_in_refused"
            title = f"{name} refuses our sign-in" if is_refused else f"{name} is paused"
            url = reverse("integration", args=[one.site_id, one.row_id])
            return title, one.data["error"], "Open the connection", url
        case _:
            url = f"{reverse('webhook_endpoint', args=[one.row_id])}{account}"
            return "A webhook was switched off", one.data["url"], "Look at it", url


def _link(name: str, place: list[Any]) -> str:
    """A screen of the site's first sector; the overview where it has none."""
    if place[1] is None:
        return reverse("overview", args=place[:1])
    return reverse(name, args=place)
