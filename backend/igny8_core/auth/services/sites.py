"""Sites and their sectors: made, changed, put to rest, removed while they are empty."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from django.db import IntegrityError, transaction

from igny8_core.auth import reference, selectors
from igny8_core.auth.errors import PlanLimitReached, SiteNotEmpty
from igny8_core.auth.models import Industry, IndustrySector, Sector, Site
from igny8_core.auth.plan_limits import locked_plan
from igny8_core.auth.services.slugs import free_slug
from igny8_core.common.errors import Conflict, InvalidInput
from igny8_core.common.tenancy.context import tenant_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from igny8_core.auth.models import Account

MAX_NAME = 200
MAX_SECTOR_NAME = 100
MAX_SECTORS = 50
MAX_SETTINGS_TEXT = 100_000
SETUP = "setup"
"""The key of a site's settings that the first steps are remembered under."""

SITE_EDITABLE = ("name", "domain", "language", "country_code", "timezone", "settings")
_HOST = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}\Z")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][A-Za-z]{1,3})?\Z")


@tenant_atomic()
def create_site(
    *,
    account: Account,
    name: str,
    industry_slug: str,
    sector_slugs: Sequence[str],
    domain: str = "",
    language: str = "en",
) -> Site:
    """A site with one sector for each industry sector named.

    :raises InvalidInput: an empty name, an unknown industry, a sector of another industry, or none.
    :raises PlanLimitReached: the plan allows no further active site.
    """
    if problems := site_problems(
        name=name,
        industry_slug=industry_slug,
        sectors=sector_slugs,
        domain=domain,
        language=language,
    ):
        raise InvalidInput("The site cannot be created.", **problems)
    industry = Industry.objects.get(slug=industry_slug, is_active=True)
    known = _sectors_of(industry)
    _refuse_full(account)
    rows = selectors.sites(account=account)
    site = Site(account=account, name=name.strip(), industry=industry, language=language)
    site.slug = free_slug(
        name, lambda base: list(rows.filter(slug__startswith=base).values_list("slug", flat=True))
    )
    site.domain = host_of(domain)
    site.save()
    for slug in dict.fromkeys(sector_slugs):
        Sector(site=site, industry_sector=known[slug], name=known[slug].name, slug=slug).save()
    return site


@tenant_atomic()
def update_site(*, account: Account, site_id: int, **changes: Any) -> Site:
    """Change what is named of :data:`SITE_EDITABLE`; the rest stays.

    The language holds for what is imported and written from now on.

    :raises NotFound: no such site.
    :raises InvalidInput: by field; nothing was written.
    """
    if unknown := set(changes) - set(SITE_EDITABLE):
        raise InvalidInput("unknown settings", **{name: ["unknown"] for name in sorted(unknown)})
    site = _locked_site(account, site_id)
    tidy = {k: v.strip() if isinstance(v, str) else v for k, v in changes.items()}
    if "country_code" in tidy:
        tidy["country_code"] = tidy["country_code"].upper()
    if problems := _change_problems(tidy):
        raise InvalidInput("The site was not changed.", **problems)
    for name, value in tidy.items():
        setattr(site, name, host_of(value) if name == "domain" else value)
    site.save()
    return site


@tenant_atomic()
def change_site_settings(
    *, account: Account, site_id: int, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> Site:
    """Set a site's settings to what ``change`` makes of those that are stored.

    The row is locked meanwhile: two who change different settings lose nothing.

    :raises NotFound: no such site.
    :raises InvalidInput: they are too long; nothing was written.
    """
    site = _locked_site(account, site_id)
    return update_site(account=account, site_id=site_id, settings=change(dict(site.settings)))


@tenant_atomic()
def note_setup(*, account: Account, site_id: int, **changes: Any) -> Site:
    """Remember how far the first steps with a site are, beside its other settings.

    :param changes: ``place``: where its articles go; ``is_closed``: nobody is to be led any more.
    :raises NotFound: no such site.
    """
    site = _locked_site(account, site_id)
    site.settings = site.settings | {SETUP: setup_of(site) | changes}
    site.save(update_fields=["settings", "updated_at"])
    return site


def setup_of(site: Site) -> dict[str, Any]:
    """What :func:`note_setup` remembers of a site; empty at first."""
    kept = site.settings.get(SETUP)
    return kept if isinstance(kept, dict) else {}


@tenant_atomic()
def set_site_active(*, account: Account, site_id: int, is_active: bool) -> Site:
    """Put a site to rest, or wake it up; what it holds stays. A repeat changes nothing.

    A site at rest is read only, starts no run and does not count against the plan; a run that
    goes on begins nothing more until it wakes. What is published of it stays up.

    :raises NotFound: no such site.
    :raises PlanLimitReached: the plan allows no further active site.
    """
    if is_active and not selectors.site(account=account, site_id=site_id).is_active:
        _refuse_full(account)
    site = _locked_site(account, site_id)
    if site.is_active != is_active:
        site.is_active = is_active
        site.save(update_fields=["is_active", "updated_at"])
    return site


@tenant_atomic()
def delete_site(*, account: Account, site_id: int) -> None:
    """Remove a site and its sectors for good, while they hold nothing.

    :raises NotFound: no such site.
    :raises SiteNotEmpty: it holds work, of which ``data`` names a kind; nothing was removed.
    """
    site = _locked_site(account, site_id)
    try:
        with transaction.atomic():  # in the database's words: Django would remove all it holds
            for rows in (
                Sector.objects.for_account(account).filter(site=site),
                Site.objects.for_account(account).filter(pk=site.pk),
            ):
                rows._raw_delete(rows.db)  # noqa: SLF001 - without collecting what hangs on it
    except IntegrityError as exc:
        kind = selectors.kind_of_table(exc.__cause__.diag.table_name)  # type: ignore[union-attr]  # psycopg's
        text = f"This site still holds {kind}. Put it to rest instead, or empty it first."
        raise SiteNotEmpty(text, holds=kind) from exc


@tenant_atomic()
def add_sector(*, account: Account, site_id: int, sector_slug: str, name: str = "") -> Sector:
    """A further sector of a site, from the sectors of its industry.

    :param name: what people call it here; by default the industry sector's own name.
    :raises NotFound: no such site.
    :raises InvalidInput: the industry has no such sector, or the name is too long.
    :raises Conflict: the site has it already, or has fifty sectors.
    """
    site = _locked_site(account, site_id)
    found = _sectors_of(site.industry).get(sector_slug)
    if found is None:
        text = f"{site.industry.name} has no sector {sector_slug!r}."
        raise InvalidInput("The sector cannot be added.", sector_slug=[text])
    shown = _sector_name(name) if name else found.name
    rows = Sector.objects.for_account(account).filter(site=site)
    if rows.filter(industry_sector=found).exists():
        raise Conflict(f"The site has the sector {found.name} already.", sector_slug=sector_slug)
    if rows.count() >= MAX_SECTORS:
        raise Conflict(f"A site has at most {MAX_SECTORS} sectors.", limit=MAX_SECTORS)
    sector = Sector(site=site, industry_sector=found, name=shown, slug=found.slug)
    sector.save()
    return sector


@tenant_atomic()
def rename_sector(*, account: Account, sector_id: int, name: str) -> Sector:
    """Give a sector another name; its place in addresses stays.

    :raises NotFound: no such sector.
    :raises InvalidInput: no name, or more than 100 characters.
    """
    sector = _locked_sector(account, sector_id)
    sector.name = _sector_name(name)
    sector.save(update_fields=["name", "updated_at"])
    return sector


@tenant_atomic()
def set_sector_active(*, account: Account, sector_id: int, is_active: bool) -> Sector:
    """Put a sector to rest, so that runs leave it alone, or wake it up; a repeat changes nothing.

    :raises NotFound: no such sector.
    :raises Conflict: it is the site's last active sector.
    """
    sector = _locked_sector(account, sector_id)
    others = Sector.objects.for_account(account).filter(site_id=sector.site_id, is_active=True)
    if not is_active and not others.exclude(pk=sector.pk).exists():
        raise Conflict("A site needs an active sector. Put the site to rest instead.")
    if sector.is_active != is_active:
        sector.is_active = is_active
        sector.save(update_fields=["is_active", "updated_at"])
    return sector


def site_problems(
    *,
    name: str,
    industry_slug: str,
    sectors: Sequence[str],
    domain: str = "",
    language: str = "en",
) -> dict[str, list[str]]:
    """What is wrong with a new site, by field."""
    problems = _change_problems({"name": name, "domain": domain, "language": language})
    industry = Industry.objects.filter(slug=industry_slug, is_active=True).first()
    if industry is None:
        problems["industry_slug"] = [f"There is no industry {industry_slug!r}."]
    elif not sectors:
        problems["sector_slugs"] = ["Choose at least one sector."]
    elif unknown := sorted(set(sectors) - set(_sectors_of(industry))):
        problems["sector_slugs"] = [f"{industry.name} has no sector {slug!r}." for slug in unknown]
    return problems


def host_of(text: str) -> str:
    """The host name of whatever was pasted: an address with scheme and path, or the name alone."""
    return text.strip().lower().rpartition("://")[2].partition("/")[0].partition(":")[0]


def _change_problems(changes: dict[str, Any]) -> dict[str, list[str]]:
    """What is wrong with the values of some fields, by field."""
    problems: dict[str, list[str]] = {}
    host = host_of(changes.get("domain", ""))
    if not 1 <= len(str(changes.get("name", "x")).strip()) <= MAX_NAME:
        problems["name"] = ["Give the site a name of at most 200 characters."]
    if host and _HOST.match(host) is None:
        problems["domain"] = ["Write a host name such as shop.example.com."]
    if _LANGUAGE.match(changes.get("language", "en")) is None:
        problems["language"] = ["Write a language code such as en or pt-BR."]
    if changes.get("country_code") and changes["country_code"] not in reference.countries():
        problems["country_code"] = ["Write the two letters of a country, such as DE."]
    if changes.get("timezone", "UTC") not in available_timezones():
        problems["timezone"] = ["Choose a time zone such as Europe/Berlin."]
    settings = changes.get("settings", {})
    if not isinstance(settings, dict) or len(str(settings)) > MAX_SETTINGS_TEXT:
        problems["settings"] = ["An object of at most 100,000 characters."]
    return problems


def _refuse_full(account: Account) -> None:
    """Lock the account's row, so that two sites at once cannot both be the last one.

    :raises PlanLimitReached: as many sites are active as the plan allows.
    """
    plan = locked_plan(account)
    in_use = selectors.active_sites(account=account)
    if plan is not None and in_use >= plan.max_sites:
        raise PlanLimitReached(
            f"The plan {plan.name} allows {plan.max_sites} active"
            f" {'site' if plan.max_sites == 1 else 'sites'}.",
            limit=plan.max_sites,
            in_use=in_use,
        )


def _locked_site(account: Account, site_id: int) -> Site:
    selectors.site(account=account, site_id=site_id)
    rows = Site.objects.for_account(account).select_for_update(of=("self",), no_key=True)
    site: Site = rows.select_related("industry").get(pk=site_id)
    return site


def _locked_sector(account: Account, sector_id: int) -> Sector:
    """The sector with its site, locked through the site's row."""
    found = selectors.sector(account=account, sector_id=sector_id)
    _locked_site(account, found.site_id)
    return selectors.sector(account=account, sector_id=sector_id)


def _sectors_of(industry: Industry) -> dict[str, IndustrySector]:
    rows = IndustrySector.objects.filter(industry=industry, is_active=True)
    return {row.slug: row for row in rows}


def _sector_name(name: str) -> str:
    if not 1 <= len(name.strip()) <= MAX_SECTOR_NAME:
        raise InvalidInput(
            "The sector was not changed.", name=["Give it a name of at most 100 characters."]
        )
    return name.strip()
