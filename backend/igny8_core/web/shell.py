"""What stands around every screen: sites, sectors, counts, credits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.core.cache import cache
from django.db.models import Count
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from igny8_core.auth import selectors
from igny8_core.auth.access.entrance import impersonation_of
from igny8_core.business.billing import selectors as billing
from igny8_core.business.content import selectors as content
from igny8_core.business.content.states import ContentStatus, TaskStatus
from igny8_core.business.planning import selectors as planning
from igny8_core.business.planning.states import IdeaStatus
from igny8_core.common.aggregates import together
from igny8_core.web.bell import new_notices

if TYPE_CHECKING:
    from django.http import HttpRequest

    from igny8_core.auth.models import Account, Sector, Site
    from igny8_core.business.billing.selectors import CreditOutlook
    from igny8_core.web.screens import ScreenRequest

COUNTED_FOR_SECONDS: Final = 20
PACE_FOR_SECONDS: Final = 60
SEARCH_FROM: Final = 8
"""So many sites and more are searched, not read."""

THEMES: Final = frozenset({"light", "dark"})


@dataclass(frozen=True)
class Shell:
    """The frame of a site's screens.

    :ivar sector: the one that is shown; on a page of the whole site its first one.
    :ivar notices: how many are new to whoever looks.
    :ivar counts: what waits, by screen; at most :data:`COUNTED_FOR_SECONDS` old.
    """

    sites: list[Site]
    site: Site | None
    sectors: list[Sector]
    sector: Sector | None
    counts: dict[str, int]
    credits: CreditOutlook
    notices: int

    @property
    def credits_share(self) -> int:
        """Percent of the period's credits that are left; 100 without a plan."""
        period = self.credits.period
        if period is None or not period.plan.credits_per_period:
            return 100
        return min(100, round(self.credits.available * 100 / period.plan.credits_per_period))


def around(request: HttpRequest) -> dict[str, Any]:
    """Template context: the shell, the theme, what is owed, and a visit of an operator."""
    return {
        "shell": SimpleLazyObject(lambda: shell_of(request)),  # type: ignore[arg-type]  # a screen's
        "theme": theme_of(request),
        "arrears": getattr(request, "arrears", None),
        "impersonation": SimpleLazyObject(lambda: impersonation_of(request, now=timezone.now())),
    }


def theme_of(request: HttpRequest) -> str:
    """The colours that somebody chose; empty for those of their system."""
    theme = request.COOKIES.get("theme", "")
    return theme if theme in THEMES else ""


def shell_of(request: ScreenRequest) -> Shell:
    """The shell of a screen, inside its tenant block; asked for once a page."""
    account, site = request.account, request.site
    sites = list(selectors.sites(account=account))
    if site is None:
        site = max(sites, key=lambda one: one.pk, default=None)
    sectors = [] if site is None else _sectors(request, site)
    sector = getattr(request, "sector", None) or _first(sectors)
    return Shell(
        sites=sites,
        site=site,
        sectors=[one for one in sectors if one.is_active or one == sector],
        sector=sector,
        counts={} if sector is None else _counts(account, sector),
        credits=_outlook(account),
        notices=0
        if request.is_visit
        else new_notices(account=account, person=request.user, role=request.role),
    )


def first_sector(request: ScreenRequest) -> Sector | None:
    """The sector that a page of a whole site leads to."""
    if request.site is None:
        return None
    return _first(_sectors(request, request.site))


def _sectors(request: ScreenRequest, site: Site) -> list[Sector]:
    """The site's sectors, read once a request: a page of a sector has found it among them."""
    known: list[Sector] | None = getattr(request, "sectors", None)
    if known is None:
        known = request.sectors = list(selectors.sectors(account=request.account, site=site))
    return known


def _first(sectors: list[Sector]) -> Sector | None:
    awake = [sector for sector in sectors if sector.is_active]
    return min(awake or sectors, key=lambda one: one.pk, default=None)


def _outlook(account: Account) -> CreditOutlook:
    """What is left, as it is now; the pace and the period are a minute old at most."""
    key = f"shell-credits:{account.pk}"
    known: CreditOutlook | None = cache.get(key)
    if known is None:
        known = billing.credit_outlook(account=account, now=timezone.now())
        cache.set(key, known, PACE_FOR_SECONDS)
        return known
    return billing.outlook_with(known, wallet=account.credit_wallet)


def _counts(account: Account, sector: Sector) -> dict[str, int]:
    key = f"shell:{account.pk}:{sector.pk}"
    known: dict[str, int] | None = cache.get(key)
    if known is not None:
        return known
    scope: dict[str, Any] = {"account": account, "sector": sector}
    known = together(
        (planning.clusters(**scope), {"clusters": Count("pk")}),
        (planning.ideas(**scope, status=IdeaStatus.NEW), {"ideas": Count("pk")}),
        (content.writing_tasks(**scope, status=TaskStatus.QUEUED), {"tasks": Count("pk")}),
        (content.contents(**scope, status=ContentStatus.REVIEW), {"content": Count("pk")}),
    )
    cache.set(key, known, COUNTED_FOR_SECONDS)
    return known
