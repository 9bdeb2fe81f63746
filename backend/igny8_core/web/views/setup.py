"""The first steps with a site: where its articles go, and its first keywords.

Nothing is lost by leaving: each step is done when what it makes is there, and all can be skipped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from igny8_core.auth import services
from igny8_core.auth.states import Role
from igny8_core.business.integration import selectors as integrations
from igny8_core.business.integration.states import Platform
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.services.sample_keywords import sample_size
from igny8_core.business.publishing.services import site_options
from igny8_core.business.publishing.services.site_look import themes
from igny8_core.web.lists import one_of
from igny8_core.web.screens import ScreenRequest, go_to, render_screen, screen
from igny8_core.web.shell import first_sector
from igny8_core.web.views.integrations import PLATFORMS, shown

if TYPE_CHECKING:
    from django.http import HttpResponse

    from igny8_core.auth.models import Account, Site

STEPS: Final = {"place": "Where articles go", "keywords": "First keywords"}
THEMES: Final = {
    "default": ("Default", "Plain headings, text that reads well"),
    "gazette": ("Gazette", "Like a newspaper: serif, centred, drop caps"),
    "studio": ("Studio", "Cards, and a head that stays in sight"),
}


def steps_of(*, account: Account, site: Site) -> dict[str, bool]:
    """Which steps are done."""
    rows = integrations.integrations(account=account, site=site).exclude(credentials={})
    return {
        "place": bool(services.setup_of(site).get("place")) or rows.exists(),
        "keywords": planning.keywords(account=account, site=site).exists(),
    }


def is_led(site: Site) -> bool:
    """Whether nobody has ended the first steps with a site yet."""
    return not services.setup_of(site).get("is_closed")


@require_safe
@screen(role=Role.ADMIN)
def setup(request: ScreenRequest) -> HttpResponse:
    """The step that is next, or the one that is asked for."""
    account, site = request.account, _site(request)
    done = steps_of(account=account, site=site)
    next_one = next((name for name, is_done in done.items() if not is_done), "")
    step = one_of(request.GET, "step", list(STEPS)) or next_one
    known = {
        row.platform: shown(row) for row in integrations.integrations(account=account, site=site)
    }
    context = {
        "steps": [(name, label, done[name]) for name, label in STEPS.items()],
        "step": step,
        "after": "keywords" if step == "place" else "",
        "platforms": [(one, PLATFORMS[one], known.get(one.value)) for one in Platform],
        "looks": [(name, *THEMES.get(name, (name.capitalize(), ""))) for name in themes()],
        "look": site_options.options_of(site).theme,
        "sector": first_sector(request),
        "sample_size": 0 if done["keywords"] else sample_size(),
    }
    return render_screen(request, "overview/setup.html", context=context)


@require_POST
@screen(role=Role.ADMIN)
def use_static_site(request: ScreenRequest) -> HttpResponse:
    """Let articles go to the static site that we serve, in the look that was chosen."""
    account, site = request.account, _site(request)
    theme = one_of(request.POST, "theme", themes())
    if theme:
        site_options.change_site_options(account=account, site_id=site.pk, changes={"theme": theme})
    services.note_setup(account=account, site_id=site.pk, place="static")
    return go_to(request, reverse("setup", args=[site.pk]))


@require_POST
@screen(role=Role.ADMIN)
def close_setup(request: ScreenRequest) -> HttpResponse:
    """Lead nobody any more: what is left can be done at any time."""
    site = _site(request)
    services.note_setup(account=request.account, site_id=site.pk, is_closed=True)
    return go_to(request, reverse("overview", args=[site.pk]))


def _site(request: ScreenRequest) -> Any:
    assert request.site is not None, "the path names a site"  # noqa: S101 - only a bug can break it
    return request.site
